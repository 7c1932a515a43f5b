"""Bringing the newest `tzdata` package into the environment of this program, with its pip.

The data is chosen once at the start, so an update counts from the next one.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from storage.foreign_words import text_of
from synapse.language import _, _n, own

TIMEOUT_SECONDS = 120.0
# With no retries, pip says nothing at all about an index that it cannot reach.
_OPTIONS = ('--disable-pip-version-check', '--no-input', '--retries=1', '--timeout=15', '--only-binary=:all:')
_LOOK = (
    'import importlib.util as found, json, sys\n'
    'has = {name: found.find_spec(name) is not None for name in ("pip", "tzdata")}\n'
    'version = __import__("tzdata").IANA_VERSION if has["tzdata"] else ""\n'
    'print(json.dumps([sys.prefix != sys.base_prefix, has["pip"], version, sys.prefix]))\n'
)
_OFFLINE = re.compile('Retrying|Could not fetch|NewConnectionError|name resolution|unreachable|ProxyError|No matching')
_LAST_LINES = 200


@dataclass(frozen=True, slots=True)
class ZoneUpdate:
    """How an update ended, in a sentence or two."""

    message: str
    is_done: bool = False
    """Whether the package is the newest now."""
    has_changed: bool = False
    """Whether it was not before, so that a restart is needed."""


async def update_zone_data(
    told: Callable[[str], object],
    *,
    python: str = sys.executable,
    environ: Mapping[str, str] = os.environ,
    timeout: float = TIMEOUT_SECONDS,
) -> ZoneUpdate:
    """Install the newest `tzdata` into the virtual environment of an interpreter.

    :param told: is called with each line of pip as it comes
    :param timeout: in seconds; then pip is killed
    """
    code, lines = await _run([python, '-I', '-c', _LOOK], environ, timeout)
    if code != 0:
        return ZoneUpdate(_('{program} could not be run: {reason}', program=python, reason=_last(lines)))
    is_virtual, has_pip, before, prefix = json.loads(lines[-1])
    if not is_virtual:
        return ZoneUpdate(
            _('Synapse does not run in a virtual environment of its own. Update tzdata as you installed it.')
        )
    if not has_pip:
        message = _(
            'There is no pip in {folder}. Run "{command}", or update tzdata with the program that made it.',
            folder=prefix,
            command=f'{python} -m ensurepip',
        )
        return ZoneUpdate(message)
    code, lines = await _run([python, '-m', 'pip', 'install', *_OPTIONS, '-U', 'tzdata'], environ, timeout, told)
    if code is None:
        message = _n(
            'pip did not end within {count} second and was stopped. Check the network.',
            'pip did not end within {count} seconds and was stopped. Check the network.',
            round(timeout),
        )
        return ZoneUpdate(message)
    is_offline = any(_OFFLINE.search(line) for line in lines)
    if code != 0 and not is_offline:
        return ZoneUpdate(_('pip could not update tzdata: {reason}', reason=_last(lines)))
    _code, looked = await _run([python, '-I', '-c', _LOOK], environ, timeout)
    after = json.loads(looked[-1])[2]
    if after == before and is_offline:  # then pip calls the installed one satisfying, and exits with 0
        return ZoneUpdate(_('The package index cannot be reached. Check the network and its proxy, then try again.'))
    if after == before:
        message = _('tzdata {version} is installed, and there is no newer one.', version=after)
        return ZoneUpdate(message, is_done=True)
    if before:
        message = _(
            'tzdata {version} is installed in place of {before}. Restart Synapse to use it.',
            version=after,
            before=before,
        )
    else:
        message = _('tzdata {version} is installed in place of none. Restart Synapse to use it.', version=after)
    return ZoneUpdate(message, is_done=True, has_changed=True)


async def _run(
    command: Sequence[str],
    environ: Mapping[str, str],
    timeout: float,
    told: Callable[[str], object] = lambda _line: None,
) -> tuple[int | None, list[str]]:
    """Return the exit code and the last lines of a program; None if it took too long and was killed."""
    lines: deque[str] = deque(maxlen=_LAST_LINES)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**environ, 'PYTHONUNBUFFERED': '1'},
            start_new_session=True,
        )
    except OSError as error:
        return 127, [own(text_of(error))]
    try:
        async with asyncio.timeout(timeout):
            while process.stdout is not None and (raw := await process.stdout.readline()):
                line = raw.decode(errors='replace').rstrip()
                lines.append(line)
                told(line)
            return await process.wait(), [*lines]
    except TimeoutError:
        return None, [*lines]
    finally:
        if process.returncode is None:
            _kill(process)
            await process.wait()


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        if hasattr(os, 'killpg'):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _last(lines: Sequence[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), _('it said nothing'))[:300]
