"""The backups of a running control room: made, listed, checked, removed, and prepared for a restore."""

import asyncio
import contextlib
import json
import logging
import re
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from storage.documents import Documents
from storage.files import DiskFull, StorageError, make_private_folder, named_errors, remove_leftovers
from storage.folders import remove_folder
from storage.foreign_words import text_of
from storage.online_copy import NotWhole
from synapse.bus import Bus, Message
from synapse.errors import Conflict, DiskIsFull, NotFound, SynapseError
from synapse.inbox.inbox import Inbox
from synapse.language import _, answering_in, in_this_language, language, spoken
from synapse.log.log import Level, Log
from synapse.records import Record, now_utc
from synapse.restored import Restored
from synapse.sizes import short_size

from .about import About
from .contents import EVERYTHING, FOLDER, Choice, Sizes, measure, sidecar_of
from .progress import Cancelled, Progress
from .sealing import require_good
from .swapping import forget, remove_unfinished

if TYPE_CHECKING:
    from .making import Made

log = logging.getLogger(__name__)

SOURCE = 'backup'
SUFFIX = '.tar.gz'
NAME = r'[A-Za-z0-9][A-Za-z0-9._-]{0,119}\.tar\.gz'
T = TypeVar('T')


class Backup(Record):
    """One file in the folder of backups."""

    name: str
    size: int
    sha256: str
    """Empty if it was not read to its end here."""
    about: About | None = None
    notes: tuple[str, ...] = ()
    """What changed or vanished while it was made."""
    problem: str = ''
    """Why it cannot be used."""

    def as_shown(self) -> dict[str, Any]:
        """Return it as JSON for programs."""
        shown: dict[str, Any] = {'name': self.name, 'size': self.size, 'sha256': self.sha256, 'notes': [*self.notes]}
        if self.about is not None:
            about = self.about.as_json()
            shown |= {name: about[name] for name in ('made_at', 'version', 'includes', 'secrets', 'left_out')}
        return shown | ({'problem': self.problem} if self.problem else {})


@dataclass(frozen=True, slots=True)
class Work:
    """What is being done: made, checked or unpacked."""

    what: str
    """`backup` or `restore`."""
    stage: str = ''
    done: int = 0
    total: int = 0

    @property
    def percent(self) -> int:
        return min(100, self.done * 100 // self.total) if self.total else 0


@dataclass(frozen=True, slots=True)
class BackupsChanged(Message):
    """A backup came or went, one is further, or a restore was prepared or taken back."""


class Backups:
    """Use it on the event loop only. One thing is done at a time.

    :param documents: all that are open
    :param least_free: bytes of the disk that a backup leaves free
    """

    def __init__(
        self,
        data: Path,
        *,
        documents: Sequence[Documents],
        inbox: Inbox,
        log: Log,
        bus: Bus,
        least_free: int,
        now: Callable[[], datetime] = now_utc,
    ) -> None:
        self._data, self._folder = data, data / FOLDER
        self._documents, self._inbox, self._log, self._bus = documents, inbox, log, bus
        self._least_free, self._now = least_free, now
        self._progress: Progress | None = None
        self._working: asyncio.Task[Any] | None = None
        self._read: dict[tuple[str, int, int], Backup] = {}
        self.work: Work | None = None
        """What is being done now."""
        self.prepared: Restored | None = None
        """What the next start uses instead of the present folder."""

    async def start(self) -> None:
        """Remove what an interrupted start has left."""
        await asyncio.to_thread(self._tidy)

    async def stop(self) -> None:
        """Stop what is being done; nothing of it is left."""
        self.cancel()
        if self._working is not None:
            await asyncio.gather(self._working, return_exceptions=True)

    # What there is

    async def all(self) -> list[Backup]:
        """Return all backups, the newest first."""
        return await asyncio.to_thread(self._list)

    async def sizes(self) -> Sizes:
        """Return how large each part of a backup would be now, before it is packed."""
        return await asyncio.to_thread(measure, self._data)

    async def path(self, name: str) -> Path:
        """:raises NotFound: `backup_not_found`"""
        path = self._folder / name
        if not re.fullmatch(NAME, name) or not await asyncio.to_thread(path.is_file):
            raise NotFound(
                'backup_not_found',
                _('There is no backup {name}.', name=repr(name[:100])),
                _('It may have been deleted.'),
            )
        return path

    # Changes

    async def create(self, *, choices: Sequence[Choice] = EVERYTHING, passphrase: str | None = None) -> Backup:
        """Make a backup, read it back and return it.

        :param passphrase: encrypts the secrets; None leaves them out
        :raises Invalid: if the passphrase is too short
        :raises Conflict: `backup_busy`, or `backup_cancelled`
        :raises DiskIsFull: if there is no room; like each other error, it leaves no half file
        """
        if passphrase is not None:
            require_good(passphrase)
        return await self._alone('backup', lambda progress: self._create(choices, passphrase, progress))

    async def take(self, item: str) -> Backup:
        """Check a file of the inbox, and make it one of the backups.

        :raises Invalid: `not_a_backup`, if it is none or damaged; it is not kept then
        :raises NotFound: if the inbox does not have it
        """
        return await self._alone('restore', lambda progress: self._take(item, progress))

    async def delete(self, name: str) -> None:
        """:raises NotFound: `backup_not_found`"""
        path = await self.path(name)
        await asyncio.to_thread(_remove, path)
        self._log.append(Level.INFO, _('The backup {name} was deleted', name=name), source=SOURCE)
        self._bus.publish(BackupsChanged())

    async def restore(self, name: str, *, passphrase: str | None = None) -> Restored:
        """Check a backup and unpack it; the next start uses it, and sets aside what is there now.

        :param passphrase: opens its secrets; None leaves them out
        :raises Invalid: `not_a_backup`, or `wrong_passphrase`
        :raises NotFound: `backup_not_found`
        :raises Conflict: `backup_busy`, or `backup_cancelled`
        :raises DiskIsFull: if there is no room
        """
        path = await self.path(name)

        async def work(progress: Progress) -> Restored:
            from .restoring import prepare  # with all that reads archives, which a start does without

            now = self._now()
            return await _in_thread(lambda: prepare(path, self._data, progress, now, passphrase=passphrase))

        self.prepared = await self._alone('restore', work)
        text = _('The backup {name} was unpacked: the next start uses it, and sets aside what is there now', name=name)
        self._log.append(Level.WARNING, text, source=SOURCE)
        self._bus.publish(BackupsChanged())
        return self.prepared

    async def forget_restore(self) -> bool:
        """Have the next start use what is there now; return whether something was prepared."""
        was_ready = await asyncio.to_thread(forget, self._data)
        self.prepared = None
        if was_ready:
            self._log.append(Level.INFO, _('The restore was taken back: everything stays as it is'), source=SOURCE)
        self._bus.publish(BackupsChanged())
        return was_ready

    def cancel(self) -> None:
        """Stop what is being done; harmless if nothing is."""
        if self._progress is not None:
            self._progress.cancel()

    # Work

    async def _alone(self, what: str, work: Callable[[Progress], Coroutine[Any, Any, T]]) -> T:
        if self._working is not None:
            raise Conflict('backup_busy', _('A backup is being made or read just now.'), _('Wait until it is done.'))
        loop = asyncio.get_running_loop()

        def told(stage: str, done: int, total: int) -> None:
            loop.call_soon_threadsafe(self._show, Work(what, stage, done, total))

        self._progress = Progress(told)
        self._show(Work(what))
        # A caller that goes away leaves it at work. What goes wrong is said in the language of the caller.
        working = self._working = asyncio.create_task(_named(work(self._progress), language()), name=what)
        working.add_done_callback(self._done)
        return await asyncio.shield(working)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._working = self._progress = None
        self._show(None)
        if not task.cancelled() and (error := task.exception()) is not None:
            level = Level.INFO if isinstance(error, Conflict) else Level.WARNING
            self._log.append(level, text_of(error), source=SOURCE)

    def _show(self, work: Work | None) -> None:
        if work is None or self._working is not None or not work.stage:  # the last news of a thread may come late
            self.work = work
            self._bus.publish(BackupsChanged())

    async def _create(self, choices: Sequence[Choice], passphrase: str | None, progress: Progress) -> Backup:
        await self._log.saved(self._log.last_seq)
        now = self._now()
        name = f'synapse-{now:%Y%m%dT%H%M%S}-{now.microsecond // 1000:03d}{SUFFIX}'

        def work() -> 'Made':
            from .making import Order, make

            make_private_folder(self._folder)
            order = Order(
                self._data,
                self._documents,
                [choice for choice in Choice if choice in choices],
                passphrase,
                measure(self._data),
                now,
                self._least_free,
            )
            return make(order, self._folder / name, progress)

        made = await _in_thread(work)
        values = {'name': name, 'size': short_size(made.size)}
        text = _('The backup {name} was made and read back: {size}, its secrets are left out', **values)
        if made.about.secrets == 'encrypted':
            text = _('The backup {name} was made and read back: {size}, its secrets are encrypted', **values)
        self._log.append(Level.SUCCESS, text, source=SOURCE)
        for note in made.notes:
            self._log.append(Level.WARNING, f'{name}: {note}', source=SOURCE)
        return Backup(name=name, size=made.size, sha256=made.sha256, about=made.about, notes=made.notes)

    async def _take(self, item: str, progress: Progress) -> Backup:
        found = self._inbox.get(item)
        name = _name_for(found.name)

        def work() -> Backup:
            from .checking import check
            from .making import Made, note_made

            make_private_folder(self._folder)
            source, target = self._inbox.path(item), _free(self._folder / name)
            checked = check(source, progress, name=found.name)
            made = Made(checked.about, checked.size, checked.sha256)
            with named_errors(target):
                note_made(target, made)
                source.replace(target)
            return Backup(name=target.name, size=made.size, sha256=made.sha256, about=made.about)

        try:
            backup = await _in_thread(work)
        finally:
            with contextlib.suppress(NotFound):
                await self._inbox.delete(item)
        self._log.append(Level.INFO, _('The backup {name} was uploaded and checked', name=backup.name), source=SOURCE)
        return backup

    # Files

    def _tidy(self) -> None:
        remove_unfinished(self._data)
        if self._folder.is_dir():
            remove_leftovers(self._folder)
            for path in self._folder.glob('*.part'):
                remove_folder(path)
            for path in self._folder.glob(f'*{SUFFIX}.json'):
                if not path.with_suffix('').exists():
                    path.unlink()

    def _list(self) -> list[Backup]:
        try:
            paths = [path for path in self._folder.iterdir() if re.fullmatch(NAME, path.name) and path.is_file()]
        except FileNotFoundError:
            paths = []
        found = [self._look(path) for path in paths]
        self._read = dict(found)
        return sorted(self._read.values(), key=_age, reverse=True)

    def _look(self, path: Path) -> tuple[tuple[str, int, int], Backup]:
        from .checking import NotABackup, read_about

        stat = path.stat()
        key = (path.name, stat.st_size, stat.st_mtime_ns)
        if (known := self._read.get(key)) is not None and known.sha256:
            return key, known
        note: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            note = json.loads(sidecar_of(path).read_bytes())
        is_same = note.get('size') == stat.st_size
        known = Backup(
            name=path.name,
            size=stat.st_size,
            sha256=str(note.get('sha256', '')) if is_same else '',
            notes=tuple(note.get('notes', ())) if is_same else (),
        )
        try:
            return key, known.changed(about=read_about(path))
        except NotABackup as error:
            return key, known.changed(problem=error.message)


def _age(backup: Backup) -> tuple[float, str]:
    return (backup.about.made_at.timestamp() if backup.about is not None else 0.0, backup.name)


def _remove(path: Path) -> None:
    with named_errors(path):
        path.unlink(missing_ok=True)
        sidecar_of(path).unlink(missing_ok=True)


def _name_for(uploaded: str) -> str:
    return uploaded if re.fullmatch(NAME, uploaded) else f'uploaded{SUFFIX}'


def _free(path: Path) -> Path:
    """Return a name that no other backup has."""
    stem, number = path.name.removesuffix(SUFFIX), 2
    while path.exists():
        path = path.with_name(f'{stem}-{number}{SUFFIX}')
        number += 1
    return path


async def _in_thread(work: Callable[[], T]) -> T:
    """Do long work in a thread of its own: those of the loop are for short work."""
    loop, result = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()

    def run() -> None:
        try:
            value = work()
        except BaseException as error:  # goes to whoever waits
            _tell(loop, result.set_exception, error)
        else:
            _tell(loop, result.set_result, value)

    threading.Thread(target=in_this_language(run), name='backup', daemon=True).start()
    found: T = await result
    return found


def _tell(loop: asyncio.AbstractEventLoop, tell: Callable[[Any], None], value: Any) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(tell, value)


async def _named(work: Coroutine[Any, Any, T], chosen: str) -> T:
    """Do the work in this language, and turn errors into those that people see."""
    with answering_in(chosen):
        return await _with_named_errors(work)


async def _with_named_errors(work: Coroutine[Any, Any, T]) -> T:
    try:
        return await work
    except Cancelled as error:
        raise Conflict('backup_cancelled', _('It was cancelled. Nothing of it is left.')) from error
    except DiskFull as error:
        raise DiskIsFull(spoken(error)) from error
    except NotWhole as error:
        hint = _('Restart Synapse: the start recovers what can be read. Then make the backup.')
        text = _('A database is damaged, so there is no backup: {reason}.', reason=error)
        raise SynapseError('database_damaged', text, hint) from error
    except StorageError as error:
        raise SynapseError('backup_failed', spoken(error)) from error
