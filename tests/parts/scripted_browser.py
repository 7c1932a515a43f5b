"""The far end of a log view: keeps the rows that it is sent and reports them, as `log_lines.js` does."""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

from nicegui import Client
from nicegui.outbox import Message

from pages.logs.rows import Row
from pages.logs.stream import CAP

CALL = re.compile(r'return runMethod\(\d+, "call", (\[.*\])\)', re.DOTALL)


class ScriptedBrowser:
    """Answers the calls of one view at once, or once it is `release`d while it `is_held`."""

    def __init__(self, client: Client) -> None:
        self.rows: list[Row] = []
        self.live: list[Row] = []
        self.calls: list[tuple[str, list[Any]]] = []
        self.marks: dict[int, Any] = {}
        self.details: dict[int, Any] = {}
        self.is_following = True
        self.is_at_end = self.has_older = False
        self.at = 0
        self.is_held = False
        self._client = client
        self._held: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        emit = client.outbox._emit

        async def emit_and_answer(message: Message) -> None:
            await emit(message)
            _, kind, data = message
            if kind == 'run_javascript':
                self._hear(data)

        client.outbox._emit = emit_and_answer  # type: ignore[method-assign]

    @property
    def texts(self) -> list[str]:
        return [row[7] for row in self.rows]

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.calls]

    def last(self, method: str) -> list[Any]:
        """What the last call of this method was sent."""
        return next(values for name, values in reversed(self.calls) if name == method)

    async def until(self, condition: Callable[[], object], seconds: float = 5) -> None:
        """Return once this holds after a call."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def hold(self) -> None:
        """Answer nothing from now on, as a frozen tab."""
        self.is_held = True

    def release(self) -> None:
        """Answer what has been asked meanwhile, and all that follows."""
        self.is_held = False
        held, self._held = self._held, []
        for data in held:
            self._answer(data)

    def _hear(self, data: dict[str, Any]) -> None:
        if CALL.fullmatch(data['code']) is None:
            return
        method, *values = json.loads(CALL.fullmatch(data['code'])[1])  # type: ignore[index]
        self.calls.append((method, values))
        if self.is_held:
            self._held.append(data)
        else:
            self._answer(data)
        self._news.set()

    def _answer(self, data: dict[str, Any]) -> None:
        method, *values = json.loads(CALL.fullmatch(data['code'])[1])  # type: ignore[index]
        result = getattr(self, f'_{method}', lambda *_: None)(*values)
        if 'request_id' in data:
            self._client.handle_javascript_response({'request_id': data['request_id'], 'result': result})
        self._news.set()

    # The methods that Python calls

    def _reset(self, rows: list[Row], how: dict[str, Any]) -> dict[str, Any]:
        self.rows, self.live = rows, how['live']
        self.is_at_end, self.has_older, self.is_following = how['isAtEnd'], how['hasOlder'], how['follows']
        return self._report()

    def _append(self, rows: list[Row], how: dict[str, Any]) -> dict[str, Any]:
        if how['after'] != self._report()['last']:
            return self._report() | {'isTorn': True}
        self.rows, self.live = self.rows + rows, how['live']
        self.is_at_end = how['isAtEnd']
        if self.is_following or not self.is_at_end:
            self.rows = self.rows[-CAP:]
        return self._report()

    def _prepend(self, rows: list[Row], how: dict[str, Any]) -> dict[str, Any]:
        if how['before'] != self._report()['first']:
            return self._report() | {'isTorn': True}
        self.rows, self.has_older = rows + self.rows, how['hasOlder']
        return self._report()

    def _forget(self, seq: int) -> dict[str, Any]:
        self.rows = [row for row in self.rows if row[2] > seq]
        return self._report()

    def _mark(self, found: list[tuple[int, Any]], _: bool) -> None:
        self.marks = dict(found)

    def _go(self, seq: int) -> int:
        return next((row[2] for row in self.rows if row[0] <= seq <= row[2]), 0)

    def _at(self) -> int:
        return self.at

    def _follow(self, is_following: bool) -> dict[str, Any]:
        self.is_following = is_following
        return self._report()

    def _detail(self, seq: int, about: dict[str, Any] | None) -> None:
        self.details[seq] = about

    def _report(self) -> dict[str, Any]:
        first, last = (self.rows[0][0], self.rows[-1][2]) if self.rows else (0, 0)
        return {'rows': len(self.rows), 'isAtEnd': self.is_at_end, 'first': first, 'last': last}
