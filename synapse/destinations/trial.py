"""Tries a destination: connects, writes a small file, reads it back and removes it.

In a process of its own, `python -m synapse.destinations.trial`: so it can be ended in time, finds packages that were
installed a moment ago, and its libraries don't stay in the memory of the control room.
"""

import asyncio
import contextlib
import dataclasses
import json
import sys
from collections.abc import Mapping
from typing import Any

from synapse.language import _, language, speak, translated

from .address import located
from .destination import Destination
from .errors import DestinationError, HostKey, HostKeyUnknown, PackageMissing
from .kinds import EXTRAS, kind_of

LIMIT_SECONDS = 30.0
TRIAL_NAME = 'Synapse.txt'


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of it; `missing` names the extra to install, `host_key` is a key to accept."""

    works: bool
    message: str
    hint: str = ''
    missing: str = ''
    host_key: HostKey | None = None
    notes: tuple[str, ...] = ()
    """What this kind of destination cannot do, a sentence each."""

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def notes_of(address: str) -> tuple[str, ...]:
    """Return what a destination cannot do, and what is not installed for it, a sentence each; nothing is opened."""
    try:
        place = located(address)
    except DestinationError as error:
        return (error.message,)
    kind = kind_of(place)
    limits = tuple(map(translated, kind.limits))
    if kind.is_installed:
        return limits
    missing = PackageMissing(place.scheme, kind.extra, EXTRAS[kind.extra])
    return (f'{missing.message} {missing.hint}', *limits)


async def try_out(address: str, secrets: Mapping[str, str], known_hosts: str) -> Trial:
    """Try a destination with the secrets of a profile; takes at most half a minute, and doesn't block the loop."""
    order = json.dumps(
        {'address': address, 'secrets': dict(secrets), 'known_hosts': known_hosts, 'language': language()}
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        '-m',
        __name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        # Over a pipe: arguments and the environment of a process can be seen by others.
        said, __ = await asyncio.wait_for(process.communicate(order.encode()), LIMIT_SECONDS)
        return _trial_from(json.loads(said))
    except TimeoutError:
        return _failed(
            address,
            _('It did not answer within {seconds:g} seconds.', seconds=LIMIT_SECONDS),
            _('Check the address.'),
        )
    except (ValueError, TypeError):
        return _failed(address, _('The trial ended without a result.'), _('Try again.'))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _failed(address: str, message: str, hint: str) -> Trial:
    return Trial(works=False, message=message, hint=hint, notes=notes_of(address))


def _trial_from(document: dict[str, Any]) -> Trial:
    key = document.pop('host_key')
    notes = tuple(document.pop('notes'))
    return Trial(**document, notes=notes, host_key=HostKey(**key) if key else None)


def tried(address: str, secrets: Mapping[str, str], known_hosts: str) -> Trial:
    """Try a destination in this process."""
    notes = notes_of(address)
    try:
        with Destination(address, secrets, known_hosts=known_hosts) as destination:
            try:
                destination.prepare()
                destination.check_name(TRIAL_NAME)
            finally:
                kept = destination.undo_prepare()
    except PackageMissing as error:
        return Trial(works=False, message=error.message, hint=error.hint, missing=error.extra)
    except HostKeyUnknown as error:
        return Trial(works=False, message=error.message, hint=error.hint, host_key=error.key, notes=notes)
    except DestinationError as error:
        return Trial(works=False, message=error.message, hint=error.hint, notes=notes)
    message = _('A small file was written, read back and removed.')
    if kept:
        message = _('{message} The folder {folder} was created.', message=message, folder=kept[-1])
    return Trial(works=True, message=message, notes=notes)


if __name__ == '__main__':
    wanted = json.load(sys.stdin)
    speak(wanted['language'])
    print(json.dumps(tried(wanted['address'], wanted['secrets'], wanted['known_hosts']).as_json()))
