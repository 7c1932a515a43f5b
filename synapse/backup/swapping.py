"""Puts a restored data folder in the place of the present one, which is set aside and never deleted.

A crash at any moment is made good by the next start: a note says how far it was, and each step can be repeated.
"""

import contextlib
import json
from datetime import datetime
from pathlib import Path

from storage.files import StorageError, named_errors, sync_folder, write_atomically
from storage.folders import remove_folder
from synapse.language import _

from .contents import ASIDE, DATA, FOLDER, READY, UNPACKING

_NOTE = 'restore.json'
_STAYS = ('lock', 'lock.json', _NOTE, READY, FOLDER, '.writable')


class CannotSwap(StorageError):
    """A restored folder could not be put in place; what was there is back."""


def is_ready(data: Path) -> bool:
    """Whether the next start uses a restored folder."""
    return (data / READY).is_dir() or is_half_done(data)


def is_half_done(data: Path) -> bool:
    """Whether a crash came while a restored folder was put in place."""
    return (data / _NOTE).exists()


def swap(data: Path, now: datetime) -> str:
    """Use the restored folder that was prepared. Whoever calls it holds the lock of the data folder.

    :return: the name of the folder in it that has what was there before, empty if nothing was
    :raises CannotSwap: if the system refuses, for instance since a folder in it is a disk of its own
    """
    note = _read(data)
    if note is None:
        note = {'aside': f'{ASIDE}{now:%Y%m%dT%H%M%SZ}', 'is_away': False}
        _write(data, note)
    aside = data / str(note['aside'])
    if not note['is_away']:
        _set_aside(data, aside)
        note['is_away'] = True
        _write(data, note)
    try:
        _move_all(data / READY / DATA, data)
    except OSError as error:
        raise CannotSwap(
            _('The restored files could not be moved into {data}: {reason}. Start again.', data=data, reason=error)
        ) from error
    remove_folder(data / READY)
    (data / _NOTE).unlink()
    with contextlib.suppress(OSError):
        aside.rmdir()  # if nothing was there
    sync_folder(data)
    return aside.name if aside.exists() else ''


def forget(data: Path) -> bool:
    """Remove what was prepared and is not swapped in yet; return whether there was something."""
    ready = data / READY
    if not ready.exists():
        return False
    gone = data / f'{UNPACKING}.gone.part'  # half of it must not look ready
    ready.replace(gone)
    remove_folder(gone)
    return True


def remove_unfinished(data: Path) -> None:
    """Remove what an interrupted restore has unpacked, and what was to be removed."""
    for path in data.glob(f'{UNPACKING}*'):
        remove_folder(path)


def entries_of(data: Path) -> list[Path]:
    """Return what would be set aside."""
    return sorted(
        path
        for path in data.iterdir()
        if path.name not in _STAYS and not path.name.startswith((ASIDE, UNPACKING, _NOTE))
    )


def _set_aside(data: Path, aside: Path) -> None:
    try:
        with named_errors(aside):
            aside.mkdir(mode=0o700, exist_ok=True)
        for path in entries_of(data):
            path.replace(aside / path.name)
    except OSError as error:
        _move_all(aside, data)
        aside.rmdir()
        (data / _NOTE).unlink()
        text = _('The backup could not be put in place: {reason}. Nothing was changed.', reason=error)
        hint = _('Start without it by removing {path}.', path=data / READY)
        raise CannotSwap(f'{text} {hint}') from error
    sync_folder(aside)
    sync_folder(data)


def _move_all(source: Path, target: Path) -> None:
    for path in sorted(source.iterdir()) if source.is_dir() else ():
        path.replace(target / path.name)
    sync_folder(target)


def _read(data: Path) -> dict[str, object] | None:
    try:
        note = json.loads((data / _NOTE).read_bytes())
    except FileNotFoundError:
        return None
    return dict(note)


def _write(data: Path, note: dict[str, object]) -> None:
    write_atomically(data / _NOTE, json.dumps(note).encode())
