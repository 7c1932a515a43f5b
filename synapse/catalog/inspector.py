"""Has a run host describe and validate pipeline files, so that the control room never imports one."""

import asyncio
import os
import re
import signal
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synapse.engine.host_process import HostExit, HostProcess

DESCRIBE_SECONDS = 10.0
DUMP_SECONDS = 1.0
MAX_LINES = 200
_PLACE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')


class FileBroken(Exception):
    """A pipeline file that cannot be used; `error` is `{file, line, message, hint, traceback}`."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error['message'])
        self.error = error


class Inspector:
    """Answers two questions about a file, each with a process of its own.

    :param room_tag: the tag of this start of the control room, by which its warden finds processes left over
    :param seconds: how long importing a file may take
    """

    def __init__(self, room_tag: str, *, seconds: float = DESCRIBE_SECONDS) -> None:
        self._room_tag = room_tag
        self._seconds = seconds
        # Each question takes a quarter of a second of CPU.
        self._turns = asyncio.Semaphore(2)

    async def describe(self, file: Path, origin: Path) -> tuple[dict[str, Any], ...]:
        """Return the pipelines in a file, as `synapse.pipelines.describe` describes them.

        :param file: the snapshot to import
        :param origin: the person's file, which errors name
        :raises FileBroken: if it cannot be imported, crashes, hangs, or has no pipeline
        """
        answer = await self._ask(['describe', str(file), str(origin)], origin)
        if 'error' in answer:
            raise FileBroken(answer['error'])
        return tuple(answer['pipelines'])

    async def validate(self, file: Path, origin: Path, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return `{"ok": true, "parameters"}` or `{"ok": false, "fields"}`.

        :raises FileBroken: if the process crashes or hangs
        """
        return await self._ask(['validate', str(file), name, str(origin)], origin, parameters)

    async def _ask(
        self, question: list[str], origin: Path, parameters: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        answers: list[dict[str, Any]] = []
        lines: deque[str] = deque(maxlen=MAX_LINES)
        async with self._turns:
            try:
                # The fault handler prints the line of a crash, and that of a hang when the process gets SIGABRT.
                host = await HostProcess.spawn(self._room_tag, question, {'PYTHONFAULTHANDLER': '1'})
            except OSError as error:
                raise FileBroken(_error(origin, f'No process could be started to read it: {error}.')) from error
            host.begin(answers.append, lines.append)
            host.send_last(parameters or {})
            outcome = await self._outcome(host)
        if answers and not outcome.fault:
            return answers[0]
        raise FileBroken(_error(origin, self._why(outcome), list(lines)))

    async def _outcome(self, host: HostProcess) -> HostExit:
        try:
            async with asyncio.timeout(self._seconds):
                return await host.wait()
        except TimeoutError:
            await self._dump(host)
            return await host.stop(now=True, fault='hangs')
        except asyncio.CancelledError:
            await host.stop(now=True)
            raise

    async def _dump(self, host: HostProcess) -> None:
        host.note_fault('hangs')
        if hasattr(signal, 'SIGABRT') and os.name != 'nt':
            host.signal_group(signal.SIGABRT)
            await asyncio.wait([asyncio.ensure_future(host.wait())], timeout=DUMP_SECONDS)

    def _why(self, outcome: HostExit) -> str:
        if outcome.fault == 'hangs':
            return f'Reading it took more than {self._seconds:g} s, so it was stopped. Move the work into steps.'
        if outcome.fault:
            return outcome.fault
        return f'Reading it ended Python with {outcome.signal or f"exit code {outcome.returncode}"}.'


def _error(origin: Path, message: str, lines: list[str] | None = None) -> dict[str, Any]:
    text = '\n'.join(lines or ())
    places = (place for place in _PLACE.finditer(text) if place['file'] == str(origin))
    place = next(places, None)
    line = int(place['line']) if place else None
    return {'file': str(origin), 'line': line, 'message': message, 'hint': '', 'traceback': text or None}
