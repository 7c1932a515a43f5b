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


async def send_to_address(url: str, text: Text, *, limit: float = LIMIT_SECONDS) -> str:
    """Send a message to an address of Apprise; returns why that failed, without the address, or nothing."""
    return await _deliver(url, {'title': text.title, 'body': text.body, 'type': text.type, 'is_check': False}, limit)


async def check_address(url: str, *, limit: float = LIMIT_SECONDS) -> str:
    """Return why Apprise would not accept an address, or nothing; no server is asked."""
    return await _deliver(url, {'is_check': True}, limit)


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


async def _deliver(url: str, order: Mapping[str, Any], limit: float) -> str:
    # Over a pipe: arguments and the environment of a process can be seen by others.
    # Else the library for HTTP would send the login that ~/.netrc has for a server.
    environment = child_environment({'NETRC': os.devnull})
    given = json.dumps({**order, 'url': url}).encode()
    try:
        code, output = await _run(host_command('synapse.notifications.deliver'), given, environment, limit)
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
    transport, program = await asyncio.get_running_loop().subprocess_exec(
        _Program, *command, stderr=asyncio.subprocess.STDOUT, env=environment, cwd=cwd, **new_session()
    )
    try:
        pipe: Any = transport.get_pipe_transport(0)
        pipe.write(given)
        pipe.close()
        is_ended = await is_set_within(program.exited, limit)
        if is_ended:  # what it has left running may hold its output open
            await is_set_within(program.closed, AFTERWARDS_SECONDS)
        return transport.get_returncode() if is_ended else None, program.output.decode(errors='replace')
    finally:
        if transport.get_returncode() is None:
            _kill(transport)
            await program.exited.wait()
        transport.close()


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
