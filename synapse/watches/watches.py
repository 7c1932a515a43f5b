"""All watch folders: creating, changing and deleting them, and the runs that their files become."""

import asyncio
import contextlib
import os
import re
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from storage.documents import Documents
from storage.files import DiskFull
from synapse.bus import Bus
from synapse.catalog.catalog import Catalog
from synapse.catalog.info import PipelineInfo, file_parameter
from synapse.errors import Conflict, DiskIsFull, Invalid, NotFound
from synapse.inbox.arriving import FoundFile, version_of
from synapse.inbox.mounts import is_on_own_disk
from synapse.language import _, _n, translated
from synapse.log.log import Level, Log
from synapse.profiles import Profiles
from synapse.records import now_utc
from synapse.restored import Restored
from synapse.runs.records import RunRecord, RunRequest
from synapse.runs.runs import Runs
from synapse.sentences import WHOLE, sentence_of

from .folder import Refused, WatchedFolder
from .listener import Listener
from .records import TakenFile, Watch, WatchChanged, WatchStuck, WatchView
from .validation import WatchValidator

SOURCE = 'watches'
MOST_WATCHES = 100
MOST_TAKEN_SHOWN = 10
READ_ONLY = frozenset({'id', 'created_at', 'error', 'waiting', 'waiting_count', 'taken'})
"""Fields in answers of the API that are ignored in requests, so that clients may send a watch folder back."""


class Watches:
    """Use it on the event loop only.

    :param data: the data folder
    :param restored: from which backup the data folder came back: its first start leaves what is in the folders alone
    :param tells: whether the system tells of changes in a folder; others are looked at every few seconds
    """

    def __init__(
        self,
        documents: Documents,
        *,
        data: Path,
        runs: Runs,
        catalog: Catalog,
        profiles: Profiles,
        log: Log,
        bus: Bus,
        restored: Restored | None = None,
        tells: Callable[[Path], bool] = is_on_own_disk,
    ) -> None:
        self._documents = documents
        self._runs, self._catalog, self._profiles = runs, catalog, profiles
        self._log, self._bus, self._tells = log, bus, tells
        self._restored = restored
        self._validator = WatchValidator(data, catalog, profiles, runs)
        self._skipped: list[str] = []
        self._watches = self._read()
        self._folders: dict[str, WatchedFolder] = {}
        self._taken: dict[str, tuple[TakenFile, ...]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._said: dict[str, str | None] = {}
        self._changing = asyncio.Lock()
        self._listener = Listener(self._folders.values)

    @property
    def notices(self) -> Sequence[str]:
        """A sentence for each thing that was restored or skipped when the watch folders were read."""
        return [*self._documents.notices, *self._skipped]

    async def start(self) -> None:
        """Look at all folders, also for what came while the program was down, then wait for news."""
        is_back = self._restored is not None and not self._restored.is_settled
        for watch in self._watches.values():
            if is_back and watch.enabled:
                await self._leave_alone(watch)
            await self._begin(watch)
        self._listener.start()

    async def _leave_alone(self, watch: Watch) -> None:
        """Take nothing of what is there: some of it may have become runs that the backup does not know."""
        with contextlib.suppress(OSError):
            count = await asyncio.to_thread(self._leave_existing, watch)
            if count:
                text = _n(
                    'After the restore {count} file in {folder} is left alone: it may have been taken before. '
                    'Start a run by hand if it was not',
                    'After the restore {count} files in {folder} are left alone: they may have been taken before. '
                    'Start a run by hand for what was not',
                    count,
                    folder=watch.folder,
                )
                self._write(text)

    async def stop(self) -> None:
        """Take nothing more; what comes from now on is taken after the next start."""
        await self._listener.stop()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    def close(self) -> None:
        self._documents.close()

    # Questions

    def all(self) -> list[WatchView]:
        """Return all watch folders in the order of their creation."""
        return [self._view(watch) for watch in self._watches.values()]

    def get(self, id: str) -> WatchView:
        """:raises NotFound: `watch_not_found`"""
        return self._view(self._known(id))

    def folders_using(self, profile: str) -> Sequence[str]:
        """Return the folders whose files are given to this profile."""
        return [watch.folder for watch in self._watches.values() if watch.profile == profile]

    def _known(self, id: str) -> Watch:
        watch = self._watches.get(id)
        if watch is None:
            raise NotFound(
                'watch_not_found', _('No watch folder has the id {id!r}.', id=id), _('It may have been deleted.')
            )
        return watch

    def _view(self, watch: Watch) -> WatchView:
        folder = self._folders.get(watch.id)
        waiting, count = folder.waiting() if folder is not None else ((), 0)
        error = self._problem_of(watch) or (folder.error if folder is not None else None)
        taken = self._taken.get(watch.id, ())
        return WatchView(watch=watch, error=error, waiting=tuple(waiting), waiting_count=count, taken=taken)

    def _problem_of(self, watch: Watch) -> str | None:
        """Return why no run can be created whatever comes; None if that is not so."""
        info = self._catalog.find(watch.pipeline)
        if info is None:
            return _(
                'The pipeline {pipeline} is gone. Choose another one, or put its file back.', pipeline=watch.pipeline
            )
        if not info.is_runnable:
            return _(
                '{title} is broken. Fix its file; the Pipelines page says what is wrong.', title=translated(info.title)
            )
        if file_parameter(info) is None:
            return _('{title} takes no file any more. Choose another pipeline.', title=translated(info.title))
        if watch.profile is not None and self._profiles.find(watch.profile) is None:
            return _('The profile {profile} is gone. Choose another one.', profile=watch.profile)
        return None

    # Changes

    async def create(self, values: Mapping[str, Any], *, takes_existing: bool = True) -> WatchView:
        """Create a watch folder.

        :param takes_existing: whether what is in the folder already is taken too
        :raises Invalid: with a sentence for each invalid field
        :raises Conflict: `too_many_watches`, or `watch_exists`
        :raises DiskIsFull: if it could not be saved
        """
        async with self._changing:
            if len(self._watches) >= MOST_WATCHES:
                raise Conflict(
                    'too_many_watches',
                    _('There are {count} watch folders.', count=MOST_WATCHES),
                    _('Delete one first.'),
                )
            given = {name: value for name, value in values.items() if name not in READ_ONLY}
            watch = await self._validator.validated(
                {**given, 'id': secrets.token_hex(6), 'created_at': now_utc()},
            )
            self._check_new(watch)
            if not takes_existing:
                await asyncio.to_thread(self._leave_existing, watch)
            await self._save(watch)
            self._write(
                _(
                    '{folder} is watched: new files become runs of {pipeline}',
                    folder=watch.folder,
                    pipeline=watch.pipeline,
                )
            )
            await self._begin(watch)
        self._bus.publish(WatchChanged(watch.id))
        return self._view(watch)

    async def update(self, id: str, changes: Mapping[str, Any]) -> WatchView:
        """Change the given fields. In `parameters`, `***` keeps a secret.

        :raises NotFound: `watch_not_found`
        :raises Conflict: `watch_exists`
        :raises Invalid: with a sentence for each invalid field
        :raises DiskIsFull: if it could not be saved; then nothing has changed
        """
        async with self._changing:
            before = self._known(id)
            given = {name: value for name, value in changes.items() if name not in READ_ONLY}
            if isinstance(given.get('parameters'), Mapping):
                given['parameters'] = {
                    name: before.parameters.get(name, value) if value == '***' else value
                    for name, value in given['parameters'].items()
                }
            watch = await self._validator.validated({**before.model_dump(), **given}, before)
            if watch.work != before.work:
                self._check_new(watch)
            if watch != before:
                await self._save(watch)
                await self._end(id)
                await self._begin(watch)
                if watch.enabled != before.enabled:
                    again = _('{folder} is watched again', folder=watch.folder)
                    ended = _('{folder} is no longer watched', folder=watch.folder)
                    self._write(again if watch.enabled else ended)
        self._bus.publish(WatchChanged(id))
        return self._view(watch)

    async def delete(self, id: str) -> None:
        """Stop watching this folder, and forget which of its files were taken. Its files stay.

        :raises NotFound: `watch_not_found`
        """
        async with self._changing:
            watch = self._known(id)
            await asyncio.to_thread(self._documents.remove, id)
            del self._watches[id]
            await self._end(id)
            self._taken.pop(id, None)
            await asyncio.to_thread(self._runs.taken.forget, watch.owner)
            self._write(_('{folder} is no longer watched: its watch folder was deleted', folder=watch.folder))
        self._bus.publish(WatchChanged(id))

    def _check_new(self, watch: Watch) -> None:
        """:raises Conflict: if another watch folder does the same, so that each file would become two runs"""
        if any(known.work == watch.work for known in self._watches.values() if known.id != watch.id):
            text = _('{folder} is watched already with this pattern, pipeline and profile.', folder=watch.folder)
            raise Conflict('watch_exists', text, _('Edit that watch folder, or change one of them.'))

    async def _save(self, watch: Watch) -> None:
        try:
            await asyncio.to_thread(self._documents.put, watch.id, watch.model_dump(mode='json'))
        except DiskFull as error:
            raise DiskIsFull(_('The watch folder was not saved: the disk is full.')) from error
        self._watches[watch.id] = watch

    def _leave_existing(self, watch: Watch) -> int:
        with os.scandir(watch.path) as entries:
            found = [version_of(Path(entry.path), watch.owner) for entry in entries]
        versions = [file.version for file in found if file is not None]
        is_taken = [known for known, _ in self._runs.taken.known(watch.owner, versions)]
        self._runs.taken.remember(watch.owner, versions, at=now_utc())
        return is_taken.count(False)

    def _write(self, message: str, level: Level = Level.INFO) -> None:
        self._log.append(level, message, source=SOURCE)

    def _read(self) -> dict[str, Watch]:
        watches = {}
        for document in self._documents.all():
            try:
                watch = Watch.model_validate(document)
                watches[watch.id] = watch
            except ValidationError as error:
                name = document.get('folder') or document.get('id')
                problem = sentence_of(error.errors()[0])
                self._skipped.append(
                    _(
                        'The watch folder {name!r} is skipped: {problem} Fix it in watches.json.',
                        name=name,
                        problem=problem,
                    )
                )
        return watches

    # Work

    async def _begin(self, watch: Watch) -> None:
        latest = await asyncio.to_thread(self._runs.taken.latest, watch.owner, limit=MOST_TAKEN_SHOWN)
        self._taken[watch.id] = tuple(_taken_file(row) for row in latest)
        if not watch.enabled:
            return
        polls = not await asyncio.to_thread(self._tells, watch.path)

        async def take(found: FoundFile) -> None:
            await self._take(watch, found)

        async def refuse(found: FoundFile, reason: str) -> None:
            await self._refuse(watch, found, reason)

        folder = self._folders[watch.id] = WatchedFolder(
            watch,
            taken=self._runs.taken,
            take=take,
            refuse=refuse,
            changed=lambda: self._changed(watch),
            suffixes=lambda: self._accepted_by(watch),
            polls=polls,
        )
        self._tasks[watch.id] = asyncio.create_task(folder.work(), name=f'watch folder {watch.id}')

    async def _end(self, id: str) -> None:
        folder = self._folders.pop(id, None)
        if folder is not None and self._said.pop(id, None) is not None:
            self._bus.publish(WatchStuck(id, folder.watch.folder, None))
        task = self._tasks.pop(id, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._listener.check()

    def _accepted_by(self, watch: Watch) -> Sequence[str]:
        info = self._catalog.find(watch.pipeline)
        return info.accepts if info is not None else ()

    def _changed(self, watch: Watch) -> None:
        error = self._folders[watch.id].error if watch.id in self._folders else None
        if error != self._said.get(watch.id):
            self._said[watch.id] = error
            self._bus.publish(WatchStuck(watch.id, watch.folder, error))
            if error is not None:
                self._write(
                    _('{folder} is watched, but nothing is taken: {error}', folder=watch.folder, error=error),
                    Level.WARNING,
                )
            else:
                self._write(_('{folder} is watched again', folder=watch.folder))
        self._listener.check()
        self._bus.publish(WatchChanged(watch.id))

    async def _take(self, watch: Watch, found: FoundFile) -> None:
        problem = self._problem_of(watch)
        if problem is not None:
            raise Conflict('watch_broken', problem)
        info = self._catalog.get(watch.pipeline)
        parameter = file_parameter(info) or ''
        try:
            run = await _whole(
                self._runs.request(
                    RunRequest(
                        watch.pipeline,
                        {**watch.parameters, parameter: found.path},
                        profile=watch.profile,
                        because=_('found in {folder}', folder=watch.folder),
                        found=(found,),
                    )
                )
            )
        except Invalid as error:
            raise _blamed(error, info, parameter) from error
        name = Path(found.path).name
        self._add_taken(watch, TakenFile(name=name, size=found.size, at=run.created_at, run=run.id, number=run.number))

    async def _refuse(self, watch: Watch, found: FoundFile, reason: str) -> None:
        name, now = Path(found.path).name, now_utc()
        taken = self._runs.taken
        await asyncio.to_thread(taken.remember, watch.owner, [found.version], at=now, reason=reason)
        self._write(
            _('{name} in {folder} is not taken: {reason}', name=name, folder=watch.folder, reason=reason), Level.WARNING
        )
        self._add_taken(watch, TakenFile(name=name, size=found.size, at=now, reason=reason))

    def _add_taken(self, watch: Watch, file: TakenFile) -> None:
        self._taken[watch.id] = (file, *self._taken.get(watch.id, ()))[:MOST_TAKEN_SHOWN]


async def _whole(creation: Coroutine[Any, Any, RunRecord]) -> RunRecord:
    """Create a run to the end, also when this is cancelled: a run that is half created would be created again."""
    task = asyncio.ensure_future(creation)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def _blamed(error: Invalid, info: PipelineInfo, parameter: str) -> Refused | Conflict:
    """Return an error about this file, or about all if the other parameters do not fit any more."""
    if error.fields.keys() <= {parameter, WHOLE}:
        return Refused(error.message)
    name, text = next((name, text) for name, text in error.fields.items() if name != parameter)
    values = {'title': translated(info.title), 'name': re.sub('_', ' ', name), 'text': text}
    return Conflict('watch_broken', _('{title} refuses {name}: {text}', **values), _('Edit the watch folder.'))


def _taken_file(row: Mapping[str, Any]) -> TakenFile:
    at = datetime.fromtimestamp(row['at'] / 1_000_000, UTC)
    kept = {name: row[name] for name in ('size', 'run', 'number', 'reason')}
    return TakenFile(name=Path(row['path']).name, at=at, **kept)
