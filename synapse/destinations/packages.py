"""Installs what a kind of destination needs: only the packages that this program names itself."""

import asyncio
import contextlib
import importlib
import sys
from collections.abc import Callable

from synapse.errors import NotFound, NotReady
from synapse.language import _

from .kinds import EXTRAS, is_installed

LIMIT_SECONDS = 600.0

_installing = asyncio.Lock()


async def install(extra: str, on_line: Callable[[str], None] = lambda _: None) -> None:
    """Install the packages of an extra into the environment that Synapse runs in; returns when that is done.

    :param on_line: called with each line that pip prints
    :raises NotFound: if there is no such extra
    :raises NotReady: with pip's own last words if they could not be installed
    """
    if extra not in EXTRAS:
        raise NotFound(
            'extra_not_found',
            _('There is nothing to install for {extra!r}.', extra=extra),
            _('One of {names}.', names=', '.join(EXTRAS)),
        )
    async with _installing:
        if is_installed(extra):
            return
        code, said = await _pip([*EXTRAS[extra]], on_line)
        importlib.invalidate_caches()
    if code or not is_installed(extra):
        raise NotReady(
            'not_installed',
            _('{extra} could not be installed: {reason}', extra=extra, reason=_reason(said)),
            _hint(extra, said),
        )


async def _pip(packages: list[str], on_line: Callable[[str], None]) -> tuple[int, list[str]]:
    arguments = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--timeout', '15', *packages]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said: list[str] = []
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            while process.stdout is not None and (line := await process.stdout.readline()):
                text = line.decode(errors='replace').strip()[:300]
                if text:
                    said.append(text)
                    on_line(text)
            return await process.wait(), said
    except TimeoutError:
        return 1, [*said, _('it took longer than {seconds:g} seconds', seconds=LIMIT_SECONDS)]
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _reason(said: list[str]) -> str:
    errors = [line for line in said if line.lower().startswith('error')]
    return (errors or said or [_('pip said nothing')])[0].rstrip('.') + '.'


def _hint(extra: str, said: list[str]) -> str:
    text = ' '.join(said).lower()
    if 'externally-managed' in text:
        return _(
            'This Python is managed by the system. Install its package of {packages} instead.',
            packages=' '.join(EXTRAS[extra]),
        )
    if any(word in text for word in ('connection', 'resolve', 'no matching distribution', 'network')):
        return _('Check that this machine reaches the internet, then try again.')
    return _('Or install it yourself: python -m pip install {packages}', packages=' '.join(EXTRAS[extra]))
