"""Sends one message: each in a process of its own, so that no server and no program can hold anything up."""

import asyncio
import contextlib
import errno
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.foreign_words import program_words, system_sentence, system_words
from synapse.engine.children import child_environment, host_command, new_session
from synapse.language import N_, _, filled, translated
from synapse.language.formats import number
from synapse.scrubber import Scrubber
from synapse.waiting import is_set_within

from .address import secrets_of
from .message import Text

LIMIT_SECONDS = 30.0
AFTERWARDS_SECONDS = 1.0
TAIL_BYTES = 4_096
MAX_ERROR = 300
PREFIX = 'SYNAPSE_ALERT_'


class Standby:
    """A process that has loaded Apprise and waits for an address to check, for as long as somebody may enter one.

    To load it with its services takes a second, and several on a machine that is busy or has not done so before.
    """

    def __init__(self) -> None:
        self._ready: _Running | None = None
        self._ending: list[_Running] = []
        self._users = 0
        self._starting: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Have a process ready until `end` was called as often. If none can be started, a check only takes longer."""
        self._users += 1
        self._fill()

    def end(self) -> None:
        self._users = max(0, self._users - 1)
        if not self._users and (ready := self._taken()):
            self._let_go(ready)

    async def stop(self) -> None:
        """End what is ready, for good, and return once its process is gone."""
        self._users = 0
        if self._starting is not None:
            await self._starting
        self.end()
        for ending in self._ending:
            await ending.program.exited.wait()

    async def check(self, url: str) -> str:
        """Return why Apprise would not accept an address, or nothing; no server is asked."""
        error = await check_address(url, ready=self._taken())
        if error and self._users:  # it will be corrected
            self._fill()
        return error

    def _fill(self) -> None:
        is_starting = self._starting is not None and not self._starting.done()
        if self._ready is None and not is_starting:
            self._starting = asyncio.create_task(self._start(), name='prepare to check an address')

    async def _start(self) -> None:
        with contextlib.suppress(OSError):
            ready = await _deliverer()
            if self._users:
                self._ready = ready
            else:
                self._let_go(ready)

    def _taken(self) -> '_Running | None':
        ready, self._ready = self._ready, None
        if ready is None or ready.is_running:
            return ready
        ready.end()
        return None

    def _let_go(self, ready: '_Running') -> None:
        ready.end()
        self._ending = [*(ending for ending in self._ending if ending.is_running), ready]


async def send_to_address(url: str, text: Text, *, limit: float = LIMIT_SECONDS) -> str:
    """Send a message to an address of Apprise; returns why that failed, without the address, or nothing."""
    return await _deliver(url, {'title': text.title, 'body': text.body, 'type': text.type, 'is_check': False}, limit)


async def check_address(url: str, *, limit: float = LIMIT_SECONDS, ready: '_Running | None' = None) -> str:
    """Return why Apprise would not accept an address, or nothing; no server is asked.

    :param ready: the process that does it, see `Standby`; a new one unless given
    """
    return await _deliver(url, {'is_check': True}, limit, ready)


def why_not_started(program: str) -> str:
    """Return why a program cannot be started, in the words of `run_command`, or nothing; looks at files only."""
    has_folder = Path(program).name != program
    place = str(Path.home() / program) if has_folder else program
    if shutil.which(place):
        return ''
    is_there = Path(place).exists() if has_folder else shutil.which(place, mode=os.F_OK)
    return _not_started(program, system_sentence(errno.EACCES if is_there else errno.ENOENT))


def _not_started(program: str, reason: str) -> str:
    return _('{program} cannot be started: {reason}.', program=program, reason=reason)


async def run_command(command: Sequence[str], text: Text, *, limit: float = LIMIT_SECONDS) -> str:
    """Run a person's program with the news; returns why that failed, or nothing.

    It gets them as JSON at standard input and in variables: `SYNAPSE_ALERT_KIND`, `_TITLE`, `_TEXT`, `_URL`, `_COUNT`.
    """
    kinds = {str(alert['kind']) for alert in text.alerts}
    news = {
        'KIND': kinds.pop() if len(kinds) == 1 else 'several' if kinds else 'test',
        'TITLE': text.title,
        'TEXT': text.body,
        'URL': text.url,
        'COUNT': str(text.count),
    }
    variables = {f'{PREFIX}{name}': value.replace('\0', '') for name, value in news.items()}
    given = {name.lower(): value for name, value in news.items()} | {'count': text.count, 'alerts': text.alerts}
    environment = {**os.environ, **variables}
    try:
        code, output = await _run(command, json.dumps(given).encode(), environment, limit, cwd=Path.home())
    except OSError as error:
        return _not_started(command[0], system_words(error))
    last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), '')
    program = command[0]
    if code is None:
        late = _(
            '{program} did not end within {seconds} seconds and was killed.', program=program, seconds=number(limit)
        )
        return _cut(f'{late} {last}')
    last = last or _('it said nothing')
    return _cut(_('{program} ended with {code}: {last}', program=program, code=code, last=last)) if code else ''


async def _deliver(url: str, order: Mapping[str, Any], limit: float, ready: '_Running | None' = None) -> str:
    # Over a pipe: arguments and the environment of a process can be seen by others.
    given = json.dumps({**order, 'url': url}).encode()
    try:
        code, output = await (ready or await _deliverer()).finish(given, limit)
    except OSError as error:
        return _('No process can be started: {reason}.', reason=system_words(error))
    if code is None:
        return _('The server did not answer within {limit} seconds.', limit=number(limit))
    try:
        answer = json.loads(output.splitlines()[-1])
        said, values = str(answer['error']), answer.get('values')
    except (ValueError, KeyError, TypeError, IndexError):
        return _('Apprise ended without a result (exit code {code}).', code=code)
    said = in_words(said) if values is None else translated(said).format(**values)
    scrubber = Scrubber()
    scrubber.hide('', secrets_of(url))
    return _cut(scrubber.text(said))


_OF_APPRISE = (
    (
        re.compile(r'Failed to send (?P<what>.+?) notification(?P<to>.*?): (?P<why>.+), error (?P<code>\d+)'),
        N_('Failed to send {what} notification{to}: {why}, error {code}'),
    ),
    (
        re.compile(r'A [Cc]onnection error occurred sending (?P<what>.+?) notification(?P<to>.*?): (?P<why>.+)'),
        N_('A connection error occurred sending {what} notification{to}: {why}'),
    ),
)


def in_words(said: str) -> str:
    """Return a sentence of Apprise as a text of ours, if it is one of those that it says of nearly every service."""
    for pattern, marked in _OF_APPRISE:
        if found := pattern.fullmatch(said):
            return filled(marked, **{name: program_words(value) for name, value in found.groupdict().items()})
    return program_words(said)


def _cut(text: str) -> str:
    line = ' '.join(text.split())
    return line if len(line) <= MAX_ERROR else f'{line[: MAX_ERROR - 1]}…'


async def _run(
    command: Sequence[str], given: bytes, environment: Mapping[str, str], limit: float, *, cwd: Path | None = None
) -> tuple[int | None, str]:
    """Return the exit code and the end of the output; None if it took too long and was killed.

    :raises OSError: if it cannot be started
    """
    return await (await _started(command, environment, cwd=cwd)).finish(given, limit)


async def _deliverer() -> '_Running':
    # Else the library for HTTP would send the login that ~/.netrc has for a server.
    environment = child_environment({'NETRC': os.devnull})
    return await _started(host_command('synapse.notifications.deliver'), environment)


async def _started(command: Sequence[str], environment: Mapping[str, str], *, cwd: Path | None = None) -> '_Running':
    transport, program = await asyncio.get_running_loop().subprocess_exec(
        _Program, *command, stderr=asyncio.subprocess.STDOUT, env=environment, cwd=cwd, **new_session()
    )
    return _Running(transport, program)


@dataclass(frozen=True, slots=True)
class _Running:
    """A program that waits for its input."""

    transport: asyncio.SubprocessTransport
    program: '_Program'

    @property
    def is_running(self) -> bool:
        return self.transport.get_returncode() is None

    def end(self) -> None:
        """End it without any input."""
        self.transport.close()

    async def finish(self, given: bytes, limit: float) -> tuple[int | None, str]:
        """Return the exit code and the end of the output; None if it took too long and was killed."""
        try:
            pipe: Any = self.transport.get_pipe_transport(0)
            pipe.write(given)
            pipe.close()
            is_ended = await is_set_within(self.program.exited, limit)
            if is_ended:  # what it has left running may hold its output open
                await is_set_within(self.program.closed, AFTERWARDS_SECONDS)
            code = self.transport.get_returncode() if is_ended else None
            return code, self.program.output.decode(errors='replace')
        finally:
            if self.is_running:
                _kill(self.transport)
                await self.program.exited.wait()
            self.transport.close()


class _Program(asyncio.SubprocessProtocol):
    """Keeps the end of what a program prints."""

    def __init__(self) -> None:
        self.output = bytearray()
        self.exited, self.closed = asyncio.Event(), asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.output += data
        del self.output[:-TAIL_BYTES]

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            self.closed.set()

    def process_exited(self) -> None:
        self.exited.set()


def _kill(transport: asyncio.SubprocessTransport) -> None:
    """End the program, and what it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == 'win32':
            transport.kill()
        else:
            os.killpg(transport.get_pid(), signal.SIGKILL)
