"""PATH and locale as a person has them in a terminal, for a control room that was started without one.

A desktop icon, a service or cron starts programs with a short PATH and often without a locale: what a terminal has is
set by the start files of the login shell. So the shell is asked, once, as other programs with an icon do. A control
room that was started in a terminal has everything already, and asks nothing.
"""

import asyncio
import contextlib
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from storage.foreign_words import system_words
from synapse.language import N_
from synapse.protocol.environment import PREFIX

log = logging.getLogger(__name__)

SECONDS = 5.0
"""How long start files may take; what they start and wait for may hang."""
LEAVE_SECONDS = 300.0
"""How long they may go on afterwards."""
HANG_UP_SECONDS = 2.0
MOST_BYTES = 1024**2
EDGE = 'synapse-5f0c1b'
"""Printed around the variables, since start files may print too."""
ASK = f'echo {EDGE}; /usr/bin/env; echo {EDGE}'
NO_SHELLS = frozenset({'', 'nologin', 'false', 'true', 'sync'})
NO_LOCALES = frozenset({'', 'C', 'POSIX'})
COERCED = 'C.UTF-8'
"""What Python itself sets LC_CTYPE to where it finds no locale (PEP 538)."""
LOCALE_FILES = ('/etc/locale.conf', '/etc/default/locale')
"""Where systemd and Debian keep the locale of the machine, which they give to logins, not to shells."""

Variables = Mapping[str, str | None]
"""Variables to set for the programs of runs, None for those to remove."""


class LoginEnvironment:
    """What differs from the environment of this process in a terminal of the same person.

    :param started_with: the environment of this process
    :param shell: the login shell; None for that of the person
    """

    def __init__(self, started_with: Mapping[str, str] | None = None, shell: str | None = None) -> None:
        self._started_with = dict(os.environ if started_with is None else started_with)
        self._shell = _login_shell() if shell is None else shell
        self._answer: asyncio.Task[Variables] | None = None
        self._leaving: asyncio.Task[None] | None = None

    def ask_soon(self) -> None:
        """Ask in the background, so that the first run finds the answer."""
        self._asking()

    def _asking(self) -> 'asyncio.Task[Variables]':
        if self._answer is None:
            self._answer = asyncio.create_task(self._variables())
        return self._answer

    async def variables(self) -> Variables:
        """Return the variables, at the latest 5 s after they were asked for."""
        return await asyncio.shield(self._asking())

    async def close(self) -> None:
        """Stop asking, and hang up on a shell that is still at its start files."""
        for task in (self._answer, self._leaving):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _variables(self) -> Variables:
        login = await self._asked()
        path = joined_path(self._started_with.get('PATH', ''), login.get('PATH', ''))
        return {**_person_of(self._started_with), 'PATH': path, **locale_of(self._started_with, login)}

    async def _asked(self) -> dict[str, str]:
        """Return the environment of the login shell; empty, with a warning in the log, if it does not answer."""
        if Path(self._shell).name in NO_SHELLS or sys.platform == 'win32':
            return {}
        loop = asyncio.get_running_loop()
        try:
            transport, output = await loop.subprocess_exec(
                _Output,
                self._shell,
                *('-l', '-i', '-c', ASK),
                env=self._inherited(),
                stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd=Path.home() if Path.home().is_dir() else '/',
            )
        except OSError as error:
            log.warning(N_('the login shell %s cannot be started: %s'), self._shell, system_words(error))
            return {}
        try:
            async with asyncio.timeout(SECONDS):
                await output.is_whole.wait()
        except TimeoutError:
            text = 'the login shell %s took more than %g s: programs of runs get the PATH that Synapse was started with'
            log.warning(text, self._shell, SECONDS)
        finally:
            self._leaving = asyncio.create_task(_leave(transport, output))
        return output.variables()

    def _inherited(self) -> dict[str, str]:
        kept = {name: value for name, value in self._started_with.items() if not name.startswith(PREFIX)}
        if kept.get('LC_CTYPE') == COERCED:
            del kept['LC_CTYPE']
        return {**kept, **_person_of(kept), 'TERM': 'dumb'}


async def _leave(transport: asyncio.SubprocessTransport, output: '_Output') -> None:
    """Let the shell come to its end, then hang up on what it has left, as when a terminal is closed.

    Killed in the middle of its start files it may leave a lock behind, as of pyenv, for which each later login waits.
    """
    try:
        async with asyncio.timeout(LEAVE_SECONDS):
            await output.has_exited.wait()
    except TimeoutError:
        pass
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(transport.get_pid(), signal.SIGHUP)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HANG_UP_SECONDS):
                await output.has_exited.wait()
        transport.close()  # kills it if it is still there


def has_terminal() -> bool:
    """Whether this process was started in a terminal, even if its output goes elsewhere."""
    if sys.platform == 'win32':
        return True  # there the environment of an icon is that of a terminal
    try:
        os.close(os.open('/dev/tty', os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def joined_path(started_with: str, login: str) -> str:
    """Return the PATH for programs: that of the login shell, unless this process was given folders of its own.

    Those, such as an activated virtual environment, come first, in their order, then the rest of the login shell's.
    """
    given, known = ([part for part in path.split(os.pathsep) if part] for path in (started_with, login))
    if set(given) <= set(known):
        given = known
    return os.pathsep.join(dict.fromkeys([*given, *known])) or os.defpath


def locale_of(started_with: Mapping[str, str], login: Mapping[str, str]) -> dict[str, str | None]:
    """Return the variables of the locale, empty if this process was given one."""
    if started_with.get('LC_ALL') or started_with.get('LANG', '') not in NO_LOCALES:
        return {}
    chosen: dict[str, str | None] = {name: text for name, text in login.items() if re.match('LANG|LC_', name)}
    if chosen.get('LANG', '') in NO_LOCALES:
        chosen['LANG'] = _machine_locale() or ('en_US.UTF-8' if sys.platform == 'darwin' else COERCED)
    if started_with.get('LC_CTYPE') == COERCED:
        chosen.setdefault('LC_CTYPE', None)
    return chosen


def _machine_locale() -> str:
    for name in LOCALE_FILES:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            found = re.search(r'^\s*LANG=["\']?([\w.@-]+)', Path(name).read_text(encoding='utf-8'), re.MULTILINE)
            if found and found[1] not in NO_LOCALES:
                return found[1]
    return ''


def _login_shell() -> str:
    if sys.platform == 'win32' or os.environ.get('SHELL'):
        return os.environ.get('SHELL', '')
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_shell or '/bin/sh'
    except KeyError:
        return ''


def _person_of(given: Mapping[str, str]) -> dict[str, str]:
    """Return what login(1) sets and a bare service lacks."""
    if sys.platform == 'win32':
        return {}
    import pwd

    try:
        person = pwd.getpwuid(os.getuid())
    except KeyError:
        return {}
    names = {'HOME': person.pw_dir, 'USER': person.pw_name, 'LOGNAME': person.pw_name, 'SHELL': person.pw_shell}
    return {name: text for name, text in names.items() if text and not given.get(name)}


class _Output(asyncio.SubprocessProtocol):
    """What the shell prints, up to the second edge: what a start file left in the background may keep the pipe open."""

    def __init__(self) -> None:
        self.is_whole, self.has_exited = asyncio.Event(), asyncio.Event()
        self._data = b''

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        self._data += data if isinstance(data, bytes) else data.encode()
        if self._data.count(f'{EDGE}\n'.encode()) > 1 or len(self._data) > MOST_BYTES:
            self.is_whole.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self.is_whole.set()

    def process_exited(self) -> None:
        self.has_exited.set()

    def variables(self) -> dict[str, str]:
        """Return the variables, empty if not all of them were printed."""
        parts = self._data.decode('utf-8', 'surrogateescape').split(f'{EDGE}\n')
        lines = parts[1].splitlines() if len(parts) > 2 else []
        return dict(line.split('=', 1) for line in lines if '=' in line)
