"""The element that draws log lines, and calls to its script in the browser."""

import asyncio
import contextlib
from typing import Any

from nicegui import ui

ANSWER_SECONDS = 8


class LogLines(ui.element, component='log_view.js'):
    """The lines; `log_lines.js` has the methods that can be called.

    :param has_run: whether each line names its run
    :param follows: whether it starts at the end and stays there
    """

    def __init__(self, label: str, *, has_run: bool, follows: bool) -> None:
        super().__init__()
        self._props.update({'label': label, 'has-run': has_run, 'follows': follows})
        self._asked: set[asyncio.Task[Any]] = set()

    def tell(self, method: str, *values: Any) -> None:
        """Call a method without waiting for its answer."""
        self.run_method('call', method, *values)

    async def ask(self, method: str, *values: Any) -> Any:
        """Return what the method returns; None if the tab is frozen or gone, or the call was given up."""
        answer = asyncio.create_task(self._answer(method, *values))
        self._asked.add(answer)
        try:
            await asyncio.wait([answer])
            return None if answer.cancelled() else answer.result()
        finally:
            answer.cancel()
            self._asked.discard(answer)

    async def _answer(self, method: str, *values: Any) -> Any:
        with contextlib.suppress(TimeoutError):
            return await self.run_method('call', method, *values, timeout=ANSWER_SECONDS)

    def give_up(self) -> None:
        """Stop waiting for answers: those of a connection that was cut may never arrive."""
        for answer in self._asked:
            answer.cancel()
