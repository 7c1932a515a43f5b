"""Ended runs that are let go: which of them nobody needs any more, and how they go with all they left."""

import asyncio
import contextlib
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ParamSpec, TypeVar

from storage.files import StorageError
from storage.folders import folder_size, remove_folder
from storage.pruned_runs import PrunedRuns
from storage.runs import RunStore
from synapse.bus import Bus
from synapse.errors import Conflict, NotFound
from synapse.recurrence.wall_time import wall_of

from .folders import RunFolders
from .messages import RunsForgotten
from .records import RunRecord

P = ParamSpec('P')
T = TypeVar('T')

log = logging.getLogger(__name__)

AT_ONCE = 20
"""Runs that go in one transaction: some milliseconds, for which whoever keeps a run has to wait."""


@dataclass(frozen=True, slots=True)
class Gone:
    """What went: how many runs, and the bytes that only their folders held."""

    runs: int
    bytes: int


class PastRuns:
    """Used on the event loop; whatever looks at the disk is awaited.

    :param busy: runs that wait or are live
    :param planned: pipeline and parameters of whatever will still become a run, such as events
    :param leave_inbox: takes the files of a run out of the inbox that nobody in `others` needs
    """

    def __init__(
        self,
        *,
        store: RunStore,
        folders: RunFolders,
        bus: Bus,
        busy: Callable[[], Sequence[RunRecord]],
        planned: Callable[[], Iterable[tuple[str, Mapping[str, Any]]]],
        leave_inbox: Callable[[RunRecord, Iterable[RunRecord]], Awaitable[None]],
        zone: str,
    ) -> None:
        self._zone = zone
        self._store = store
        self._pruned = PrunedRuns(store)
        self._folders = folders
        self._bus = bus
        self._busy, self._planned, self._leave_inbox = busy, planned, leave_inbox
        self._held: Counter[str] = Counter()
        self._held_lately: set[str] = set()
        self._going: set[str] = set()
        self._troubled: set[str] = set()
        self._is_closed = False

    def close(self) -> None:
        """Begin nothing more; a folder that has begun to go goes on at the next start."""
        self._is_closed = True

    # -- asked about ------------------------------------------------------------------------------------------------

    async def missing(self, *, id: str | None = None, number: int | None = None) -> NotFound:
        """What is to be said of a run that is not there: it was let go, or there never was one."""
        trace = await self._in_thread(self._pruned.find, id=id, number=number)
        if trace is not None:
            return NotFound('run_not_found', f'Run #{trace["number"]} has been removed.', _what_was(trace, self._zone))
        what = f'There is no run #{number}.' if number is not None else f'No run has the id {id!r}.'
        return NotFound('run_not_found', what, 'It may have been pruned.')

    async def require_new(self, idempotency_key: str) -> None:
        """Refuse a key whose run was let go: asking again must not do it again.

        :raises Conflict: `run_removed`
        """
        trace = await self._in_thread(self._pruned.find, key=idempotency_key)
        if trace is not None:
            message = f'This key led to run #{trace["number"]}, which has been removed.'
            raise Conflict('run_removed', message, 'Use a new Idempotency-Key for a new run.')

    @contextlib.contextmanager
    def holding(self, id: str) -> Iterator[None]:
        """Keep this run and its folder as long as something is made of it.

        :raises NotFound: if it is just being removed
        """
        if id in self._going:
            raise NotFound('run_not_found', 'This run is just being removed.', 'Start a new one.')
        self._held[id] += 1
        self._held_lately.add(id)
        try:
            yield
        finally:
            self._held[id] -= 1

    # -- how much there is ------------------------------------------------------------------------------------------

    async def ended(self) -> tuple[int, datetime | None]:
        """How many ended runs are kept, and when the first of them ended."""
        return await self._in_thread(self._pruned.ended)

    async def bytes_on_disk(self) -> int:
        """What all run folders take; a while where there are many."""
        return await self._in_thread(folder_size, self._folders.root, should_continue=self._goes_on)

    async def end_of_newest(self, count: int) -> datetime | None:
        """When the last of the `count` runs ended that ended last; None if there are fewer."""
        return await self._in_thread(self._pruned.end_of_newest, count)

    async def count_before(self, until: datetime) -> int:
        """How many runs would go that ended before this moment."""
        return await self._in_thread(self._pruned.count_prunable, until, spared=await self._spared())

    # -- letting go -------------------------------------------------------------------------------------------------

    async def forget_before(self, until: datetime, *, at: datetime) -> AsyncIterator[Gone]:
        """Let go of the runs that ended before this moment, a few at a time, but for those that somebody needs.

        Each is a trace before its folder goes, so that no run is ever seen with half of its files.

        :param at: now
        :raises StorageError: if the disk refuses; what has gone so far has gone
        """
        self._held_lately.clear()
        spared = await self._spared()
        while not self._is_closed:
            ids = await self._in_thread(self._pruned.prunable, until, spared=spared, limit=AT_ONCE)
            if not ids:
                return
            spared.update(ids)
            forgotten = await self._forget(ids, at)
            yield Gone(len(forgotten), await self.sweep())

    async def sweep(self) -> int:
        """Remove the folders of runs that are forgotten already, also before a crash; gives the bytes freed."""
        freed = 0
        for trace in await self._in_thread(self._pruned.pending_folders):
            try:
                freed += await self._in_thread(
                    remove_folder, self._folders.of(trace['id']), should_continue=self._goes_on
                )
            except StorageError as error:
                self._say_trouble(trace, error)
                continue
            if self._is_closed:  # the folder may not be gone as a whole; the next start goes on with it
                break
            await self._give_back_files(trace)
            await self._in_thread(self._pruned.mark_folder_removed, trace)
        await self._in_thread(self._pruned.tidy)
        return freed

    async def _forget(self, ids: Collection[str], at: datetime) -> Sequence[str]:
        # On the loop, as `holding` is: of the two that come at once the second one sees the first.
        needed = self._held_lately | {id for id, count in self._held.items() if count} | self._needed_by_busy()
        going = {*ids} - needed
        self._going |= going
        try:
            forgotten = await self._in_thread(self._pruned.prune, going, at=at)
        finally:
            self._going -= going
        if forgotten:
            self._bus.publish(RunsForgotten(tuple(forgotten)))
        return forgotten

    def _needed_by_busy(self) -> set[str]:
        return {id for run in self._busy() for id in (run.id, run.retry_of) if id is not None}

    async def _spared(self) -> set[str]:
        """Runs whose folders are read, or will be: retried from, or named in the parameters of what is to run."""
        parameters = [run.parameters for run in self._busy()] + [values for _, values in self._planned()]
        return self._needed_by_busy() | await self._in_thread(self._named_in, parameters)

    def _named_in(self, parameters: Sequence[Mapping[str, Any]]) -> set[str]:
        root = f'{self._folders.root}{os.sep}'
        paths = (text for values in parameters for text in _texts(values) if text.startswith(root))
        return {path.removeprefix(root).split(os.sep, 1)[0] for path in paths}

    async def _give_back_files(self, trace: Mapping[str, Any]) -> None:
        if trace['parameters']:
            others = [RunRecord.model_validate(run) for run in await self._in_thread(self._store.with_inbox_files)]
            await self._leave_inbox(RunRecord.model_validate(trace), others)

    def _say_trouble(self, trace: Mapping[str, Any], error: StorageError) -> None:
        if trace['id'] not in self._troubled:
            self._troubled.add(trace['id'])
            log.warning('The folder of run #%s could not be removed, and is tried again: %s', trace['number'], error)

    def _goes_on(self) -> bool:
        return not self._is_closed

    async def _in_thread(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call what waits for the disk; a cancelled task goes on only after the call has ended."""
        call = asyncio.ensure_future(asyncio.to_thread(function, *arguments, **named))
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            await asyncio.wait({call})
            raise


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for item in value.values() for text in _texts(item))
    elif isinstance(value, list | tuple):
        yield from (text for item in value for text in _texts(item))


def _what_was(trace: Mapping[str, Any], zone: str) -> str:
    ended, gone = (wall_of(datetime.fromisoformat(trace[name]), zone) for name in ('finished_at', 'forgotten_at'))
    how = f'It {_ENDED[trace["state"]]} on {ended.day} {ended:%b %Y} and was removed on {gone.day} {gone:%b %Y}'
    return f'{how}. How long runs are kept is set on the Settings page.'


_ENDED = {'succeeded': 'succeeded', 'failed': 'failed', 'cancelled': 'was stopped', 'interrupted': 'was interrupted'}
