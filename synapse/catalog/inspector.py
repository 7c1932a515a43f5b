"""Has other processes describe and validate pipeline files, so that the control room never imports one."""

import asyncio
import os
import re
import signal
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from synapse.engine.host_process import HostExit, HostProcess
from synapse.engine.zygotes import Zygotes
from synapse.language import _, language, own_language
from synapse.pipelines.problems import error_received
from synapse.protocol.messages import Check
from synapse.waiting import Timer

DESCRIBE_SECONDS = 10.0
DUMP_SECONDS = 1.0
IDLE_SECONDS = 30.0
"""How long a process that has imported a file waits for further parameters to check."""
MAX_LINES = 200
TURNS = 8
_PLACE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')

Answer = dict[str, Any]
Key = tuple[str, str]


class FileBroken(Exception):
    """A pipeline file that cannot be used; `error` is `{file, line, message, hint, traceback}`.

    :param uses: the person's other files that it imports, as far as known
    :param is_helper: whether it has no pipeline, but something that other files may import
    """

    def __init__(self, error: dict[str, Any], uses: Sequence[str] | None = None, *, is_helper: bool = False) -> None:
        super().__init__(error['message'])
        self.error, self.uses, self.is_helper = error, uses, is_helper


class Described(NamedTuple):
    """The pipelines in a file, and the person's other files that it imports."""

    pipelines: tuple[dict[str, Any], ...]
    uses: Sequence[str]


class Inspector:
    """Answers two questions about a file.

    :param room_tag: the tag of this start of the control room, by which its warden finds processes left over
    :param zygotes: what to fork the processes from; without it an interpreter is started for each question
    :param seconds: how long importing a file may take
    """

    def __init__(self, room_tag: str, zygotes: Zygotes | None = None, *, seconds: float = DESCRIBE_SECONDS) -> None:
        self._room_tag = room_tag
        self._zygotes = zygotes
        self._seconds = seconds
        self._idle: dict[Key, list[_Checker]] = {}
        # An interpreter takes a quarter of a second of CPU to start.
        self._turns = asyncio.Semaphore(TURNS if zygotes else 2)

    async def describe(self, file: Path, origin: Path) -> Described:
        """Return the pipelines in a file, as `synapse.pipelines.describe` describes them.

        :param file: the snapshot to import
        :param origin: the person's file, which errors name
        :raises FileBroken: if it cannot be imported, crashes, hangs, or has no pipeline
        """
        async with self._turns:
            answer = await self._answer_of(await self._started('describe', file, origin), origin)
        if 'error' in answer:
            raise FileBroken(error_received(answer['error']), answer['uses'], is_helper=answer.get('is_helper', False))
        return Described(tuple(answer['pipelines']), answer['uses'])

    async def validate(
        self, file: Path, origin: Path, name: str, parameters: Mapping[str, Any], model: str = ''
    ) -> Answer:
        """Return `{"ok": true, "parameters"}` or `{"ok": false, "fields"}`.

        :param model: checked instead of the pipeline, as `load_model` names it
        :raises FileBroken: if the process crashes or hangs
        """
        async with self._turns:
            if self._can_fork:
                return await self._check(
                    file, origin, Check(name=name, parameters=dict(parameters), model=model, language=language())
                )
            host = await self._started('validate', file, origin, name, model)
            return await self._answer_of(host, origin, parameters)

    async def close(self) -> None:
        """End the processes that wait for further parameters."""
        idle, self._idle = self._idle, {}
        await asyncio.gather(*(checker.stop() for checkers in idle.values() for checker in checkers))

    @property
    def _can_fork(self) -> bool:
        return self._zygotes is not None and self._zygotes.is_usable

    async def _check(self, file: Path, origin: Path, check: Check) -> Answer:
        idle = self._idle.setdefault((str(file), str(origin)), [])
        checker, answer = None, None
        while idle and answer is None and (checker is None or not checker.hangs):
            checker = idle.pop()  # it may have ended since, for example because a module has changed
            answer = await checker.ask(check, self._seconds)
        if checker is None or (answer is None and not checker.hangs):
            checker = _Checker(await self._started('check', file, origin))
            answer = await checker.ask(check, self._seconds)
        if answer is None:
            outcome = await checker.process.wait()
            raise FileBroken(_error(origin, self._why(outcome), list(checker.lines)))
        if answer.pop('is_last'):
            checker.finish()
        else:
            checker.wait_for_more(idle)
        return answer

    async def _started(self, question: str, file: Path, origin: Path, name: str = '', model: str = '') -> HostProcess:
        try:
            if self._zygotes is not None and self._can_fork:
                try:
                    return await self._zygotes.fork(question, str(file), str(origin))
                except OSError:
                    if self._zygotes.is_usable or question == 'check':
                        raise
            spoken = own_language() if question == 'describe' else language()  # what is described is kept
            arguments = [
                '--language',
                spoken,
                question,
                str(file),
                *([name] if name else []),
                str(origin),
                *([model] if model else []),
            ]
            # The fault handler prints the line of a crash, and that of a hang when the process gets SIGABRT.
            return await HostProcess.spawn(self._room_tag, arguments, {'PYTHONFAULTHANDLER': '1'})
        except OSError as error:
            raise FileBroken(
                _error(origin, _('No process could be started to read it: {error}.', error=error))
            ) from error

    async def _answer_of(self, host: HostProcess, origin: Path, parameters: Mapping[str, Any] | None = None) -> Answer:
        answers: list[Answer] = []
        lines: deque[str] = deque(maxlen=MAX_LINES)
        host.begin(answers.append, lines.append)
        host.send(parameters or {})
        host.close_input()
        outcome = await _ended_within(host, self._seconds)
        if answers and not outcome.fault:
            return answers[0]
        raise FileBroken(_error(origin, self._why(outcome), list(lines)))

    def _why(self, outcome: HostExit) -> str:
        if outcome.fault == 'hangs':
            return _(
                'Reading it took more than {seconds:g} s, so it was stopped. Move the work into steps.',
                seconds=self._seconds,
            )
        if outcome.fault:
            return outcome.fault
        if outcome.signal:
            return _('Reading it ended Python with {signal}.', signal=outcome.signal)
        return _('Reading it ended Python with exit code {code}.', code=outcome.returncode)


class _Checker:
    """A process that has imported a file and checks one set of parameters after the other."""

    def __init__(self, process: HostProcess) -> None:
        self.process = process
        self.lines: deque[str] = deque(maxlen=MAX_LINES)
        self.hangs = False
        self._answer: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._idle = Timer()
        process.begin(self._take, self.lines.append)
        process.on_end(lambda: self._take(None))

    async def ask(self, check: Check, seconds: float) -> Answer | None:
        """Return its answer; None if it has ended, or was ended because it took too long."""
        self._idle.cancel()
        if not self.process.is_alive:
            return None
        self._answer = asyncio.get_running_loop().create_future()
        self.process.send(check)
        try:
            async with asyncio.timeout(seconds):
                return await self._answer
        except TimeoutError:
            self.hangs = True
            await _end_hanging(self.process)
            return None
        except asyncio.CancelledError:
            self.process.end_soon()
            raise

    def wait_for_more(self, idle: 'list[_Checker]') -> None:
        """Be among the idle ones for a while."""

        def end() -> None:
            idle.remove(self)
            self.finish()

        idle.append(self)
        self._idle.start(IDLE_SECONDS, end)

    def finish(self) -> None:
        """Let it end."""
        self.process.close_input()

    async def stop(self) -> None:
        self._idle.cancel()
        await self.process.stop(now=True)

    def _take(self, answer: Answer | None) -> None:
        if not self._answer.done():
            self._answer.set_result(answer)


async def _ended_within(host: HostProcess, seconds: float) -> HostExit:
    try:
        async with asyncio.timeout(seconds):
            return await host.wait()
    except TimeoutError:
        return await _end_hanging(host)
    except asyncio.CancelledError:
        await host.stop(now=True)
        raise


async def _end_hanging(host: HostProcess) -> HostExit:
    """End it after it has printed where it hangs."""
    host.note_fault('hangs')
    if hasattr(signal, 'SIGABRT') and os.name != 'nt':
        host.signal_group(signal.SIGABRT)
        await asyncio.wait([asyncio.ensure_future(host.wait())], timeout=DUMP_SECONDS)
    return await host.stop(now=True, fault='hangs')


def _error(origin: Path, message: str, lines: list[str] | None = None) -> dict[str, Any]:
    text = '\n'.join(lines or ())
    places = (place for place in _PLACE.finditer(text) if place['file'] == str(origin))
    place = next(places, None)
    line = int(place['line']) if place else None
    return {'file': str(origin), 'line': line, 'message': message, 'hint': '', 'traceback': text or None}
