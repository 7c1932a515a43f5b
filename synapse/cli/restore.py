"""`python main.py restore FILE`: makes a data folder of a backup, while no control room runs on it."""

import contextlib
import getpass
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from storage.files import DiskFull, StorageError, make_private_folder
from storage.folder_lock import FolderLock, LockHeld
from storage.foreign_words import system_words
from synapse.backup.about import About
from synapse.backup.checking import read_about
from synapse.backup.progress import Progress
from synapse.backup.restoring import prepare
from synapse.backup.swapping import entries_of, is_half_done, remove_unfinished, swap
from synapse.credentials.password import first_line
from synapse.errors import Invalid
from synapse.language import _, _n, translated
from synapse.language.formats import listed, moment
from synapse.records import now_utc
from synapse.recurrence.machine_zone import machine_zone
from synapse.recurrence.zones import zone as zone_of
from synapse.restored import Restored

from .arguments import CommandLine, fail
from .following import INTERRUPTED, say

FAILED, WRONG_USAGE, NOT_WRITABLE, IN_USE = 1, 2, 3, 4
TRIES = 3
_OURS = ('runs.db', 'events.json', 'settings.json', 'profiles.json', 'runs')
"""What a data folder has; one of them is enough."""


def restore(command: CommandLine) -> int:
    """Restore a backup into the data folder of the command; returns 0, or prints one sentence and returns why not."""
    data, file = command.settings.data, Path(command.file)
    try:
        _check_file(file)
        about = read_about(file)
        with _owned(data, replaces=command.replaces):
            restored, aside = _restore(command, about, file, data)
    except KeyboardInterrupt:
        say(_('Nothing was restored.'))
        return INTERRUPTED
    except Invalid as error:
        return _told(f'{error.message} {error.hint}', FAILED)
    except LockHeld as held:
        pid, url = held.info.get('pid', 'unknown'), held.info.get('url')
        where = f'pid {pid}{f", {url}" if url else ""}'
        hint = _('Stop it first, or restore on its Settings page.')
        text = _('Synapse runs on {data} ({where}).', data=data, where=where)
        return _told(f'{text} {hint}', IN_USE)
    except (DiskFull, StorageError, OSError) as error:
        return _told(_('{data} could not be restored: {reason}', data=data, reason=error), NOT_WRITABLE)
    for line in _summary(restored, data, aside):
        print(line, flush=True)
    return 0


@contextlib.contextmanager
def _owned(data: Path, *, replaces: bool) -> Iterator[None]:
    """Hold the lock of the data folder, which is made if it is missing, and removed again if nothing came into it.

    :raises LockHeld: if a control room runs on it
    """
    is_new, lock, mine = not data.exists(), FolderLock(data), {'pid': os.getpid(), 'url': ''}
    try:
        if was_used := (data / 'lock').exists():  # elsewhere the lock would be made
            lock.acquire(mine)
        _check_folder(data, replaces=replaces)
        if not was_used:
            make_private_folder(data)
            lock.acquire(mine)
        yield
    finally:
        lock.release()
        if is_new and data.is_dir() and not entries_of(data):
            (data / 'lock').unlink(missing_ok=True)
            data.rmdir()


def _restore(command: CommandLine, about: About, file: Path, data: Path) -> tuple[Restored, str]:
    if is_half_done(data):
        swap(data, now_utc())  # an earlier restore was interrupted while it moved files
    remove_unfinished(data)
    shown = _Shown()
    tries = TRIES if _asks(command, about) else 1
    for left in reversed(range(tries)):
        try:
            restored = prepare(file, data, Progress(shown.show), now_utc(), passphrase=_passphrase(command, about))
        except Invalid as error:
            shown.end()
            if error.code != 'wrong_passphrase' or not left:
                raise
            say(error.message)
        else:
            shown.end()
            return restored, swap(data, now_utc())
    raise AssertionError('the last try either succeeds or raises')


def _check_file(file: Path) -> None:
    """Exit with 1 unless there is a file."""
    if file.is_file():
        return
    path = file.absolute()
    words = _('{path} is a folder.', path=path) if file.is_dir() else _('There is no file at {path}.', path=path)
    hint = _('Name a backup: a .tar.gz that the Settings page has made.')
    fail(f'{words} {hint}', FAILED)


def _check_folder(data: Path, *, replaces: bool) -> None:
    """Exit with 2 unless the folder is empty, or is a data folder that may be replaced."""
    if data.exists() and not data.is_dir():
        fail(_('{data} is a file. Name a folder with --data.', data=data), WRONG_USAGE)
    entries = [path.name for path in entries_of(data)] if data.is_dir() else []
    if not entries:
        return
    if not set(entries) & {*_OURS}:
        text = _('{data} holds other files and is no data folder. Name an empty folder with --data.', data=data)
        fail(text, WRONG_USAGE)
    if not replaces and not is_half_done(data):
        hint = _('Add --replace to set what it holds aside, or name an empty folder with --data.')
        text = _('{data} is not empty.', data=data)
        fail(f'{text} {hint}', WRONG_USAGE)


def _asks(command: CommandLine, about: About) -> bool:
    is_given = command.passphrase_file or command.without_secrets
    return about.secrets == 'encrypted' and not is_given and sys.stdin.isatty()


def _passphrase(command: CommandLine, about: About) -> str | None:
    if about.secrets == 'left out' or command.without_secrets:
        return None
    if command.passphrase_file:
        try:
            return first_line(Path(command.passphrase_file))
        except (OSError, ValueError) as error:
            given = command.passphrase_file
            reason = system_words(error) if isinstance(error, OSError) else error
            text = _('--passphrase-file {file} cannot be read: {reason}.', file=given, reason=reason)
            fail(text, WRONG_USAGE)
    if not sys.stdin.isatty():
        hint = _('Give --passphrase-file FILE, or --without-secrets to do without them.')
        text = _('The secrets of this backup are encrypted.')
        fail(f'{text} {hint}', WRONG_USAGE)
    return getpass.getpass(_('Passphrase of its secrets (nothing to do without them): ')) or None


class _Shown:
    """The progress in one line of a terminal; nothing elsewhere."""

    def __init__(self) -> None:
        self._is_shown = False

    def show(self, stage: str, done: int, total: int) -> None:
        if sys.stderr.isatty():
            self._is_shown = True
            print(f'\r{stage}: {done * 100 // total if total else 0} %  ', end='', file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._is_shown:
            print(file=sys.stderr)
        self._is_shown = False


def _summary(restored: Restored, data: Path, aside: str) -> list[str]:
    at = moment('yMMMdHm', restored.made_at.astimezone(zone_of(machine_zone().name)))
    lines = [_('{data} is as it was at {moment}.', data=data, moment=at)]
    if aside:
        lines.append(_('What it held before is in {path}.', path=data / aside))
    if restored.left_out:
        lines.append(_('Not in the backup: {parts}.', parts=listed(list(map(translated, restored.left_out)))))
    elif restored.secrets == 'left out':
        lines.append(_('Its secrets were not opened: enter them again on the pages Profiles and Settings.'))
    if restored.interrupted:
        lines.append(
            _n(
                '{count} run had not ended then; it does not start again by itself.',
                '{count} runs had not ended then; they do not start again by themselves.',
                restored.interrupted,
            )
        )
    lines.append(_('What fell due since then will be shown as missed. Start it with: python main.py'))
    return lines


def _told(text: str, code: int) -> int:
    say(text.strip())
    return code
