"""Removes ended runs: finds those that nothing needs any more, and deletes their folders."""

import contextlib
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.files import StorageError
from storage.folders import folder_size, remove_folder
from storage.pruned_runs import PrunedRuns
from synapse.errors import Conflict, NotFound
from synapse.language import N_, _, filled
from synapse.language.formats import moment
from synapse.recurrence.wall_time import wall_of
from synapse.runs.context import RunContext
from synapse.runs.messages import RunsRemoved
from synapse.runs.records import RunRecord
from synapse.runs.starting.jobs import RunJobs
from synapse.waiting import to_the_end

log = logging.getLogger(__name__)

AT_ONCE = 20
"""Runs removed in one transaction: it takes some milliseconds, in which no run can be saved."""


@dataclass(frozen=True, slots=True)
class Removed:
    """How many runs were removed, and the bytes that only their folders held."""

    runs: int
    bytes: int


class PastRuns:
    """Use it on the event loop; whatever reads or writes the disk is awaited."""

    def __init__(self, context: RunContext, jobs: RunJobs) -> None:
        self._context = context
        self._store, self._folders, self._unfinished = context.store, context.folders, context.unfinished
        self._pruned = PrunedRuns(context.store)
        self._jobs = jobs
        self._held: Counter[str] = Counter()
        self._held_recently: set[str] = set()
        self._removing: set[str] = set()
        self._logged_failures: set[str] = set()
        self._is_closed = False

    def close(self) -> None:
        """Start nothing more; a folder that is half deleted is finished at the next start."""
        self._is_closed = True

    # Questions

    async def missing(self, *, id: str | None = None, number: int | None = None) -> NotFound:
        """Return the error for a run that is not there: it was removed, or there never was one."""
        trace = await to_the_end(self._pruned.find, id=id, number=number)
        if trace is not None:
            return NotFound(
                'run_not_found',
                _('Run #{number} has been removed.', number=trace['number']),
                _what_was(trace, self._context.zone),
            )
        what = (
            _('There is no run #{number}.', number=number)
            if number is not None
            else _('No run has the id {id!r}.', id=id)
        )
        return NotFound('run_not_found', what, _('It may have been pruned.'))

    async def require_new(self, idempotency_key: str) -> None:
        """Refuse a key whose run was removed: repeating the request must not repeat the run.

        :raises Conflict: `run_removed`
        """
        trace = await to_the_end(self._pruned.find, key=idempotency_key)
        if trace is not None:
            message = _('This key led to run #{number}, which has been removed.', number=trace['number'])
            raise Conflict('run_removed', message, _('Use a new Idempotency-Key for a new run.'))

    @contextlib.contextmanager
    def holding(self, id: str) -> Iterator[None]:
        """Keep this run and its folder for the duration of the block.

        :raises NotFound: if it is being removed right now
        """
        if id in self._removing:
            raise NotFound('run_not_found', _('This run is being removed right now.'), _('Start a new one.'))
        self._held[id] += 1
        self._held_recently.add(id)
        try:
            yield
        finally:
            self._held[id] -= 1

    async def ended(self) -> tuple[int, datetime | None]:
        """Return how many ended runs are kept, and when the oldest of them ended."""
        return await to_the_end(self._pruned.ended)

    async def bytes_on_disk(self) -> int:
        """Return what all run folders take on disk; slow where there are many."""
        return await to_the_end(folder_size, self._folders.root, should_continue=self._is_open)

    async def end_of_newest(self, count: int) -> datetime | None:
        """Return when the `count`-th newest of the ended runs ended, None if there are fewer."""
        return await to_the_end(self._pruned.end_of_newest, count)

    async def count_before(self, until: datetime) -> int:
        """Return how many runs `remove_before` would remove."""
        return await to_the_end(self._pruned.count_prunable, until, spared=await self._spared())

    # Removal

    async def remove_before(self, until: datetime, *, at: datetime) -> AsyncIterator[Removed]:
        """Remove the runs that ended before this moment, a few at a time, except those that something needs.

        A run leaves the history before its folder is deleted, so that no run is ever shown with half of its files.

        :param until: an aware datetime
        :param at: now
        :raises StorageError: if the disk refuses; what was removed so far is gone
        """
        self._held_recently.clear()
        spared = await self._spared()
        while not self._is_closed:
            ids = await to_the_end(self._pruned.prunable, until, spared=spared, limit=AT_ONCE)
            if not ids:
                return
            spared.update(ids)
            forgotten = await self._forget(ids, at)
            yield Removed(len(forgotten), await self.sweep())

    async def sweep(self) -> int:
        """Delete the folders of runs that have left the history, also before a crash, and return the bytes freed."""
        freed = 0
        for trace in await to_the_end(self._pruned.pending_folders):
            try:
                freed += await to_the_end(remove_folder, self._folders.of(trace['id']), should_continue=self._is_open)
            except StorageError as error:
                self._log_failure(trace, error)
                continue
            if self._is_closed:  # the folder may be half deleted; the next start finishes it
                break
            await self._leave_inbox(trace)
            await to_the_end(self._pruned.mark_folder_removed, trace)
        await to_the_end(self._pruned.tidy)
        return freed

    async def _forget(self, ids: Collection[str], at: datetime) -> Sequence[str]:
        # On the loop, as `holding` is: of two calls at once, the second one sees the first.
        needed = self._held_recently | {id for id, count in self._held.items() if count} | self._needed_by_unfinished()
        removable = {*ids} - needed
        self._removing |= removable
        try:
            forgotten = await to_the_end(self._pruned.prune, removable, at=at)
        finally:
            self._removing -= removable
        if forgotten:
            self._context.bus.publish(RunsRemoved(tuple(forgotten)))
        return forgotten

    def _needed_by_unfinished(self) -> set[str]:
        return {id for run in self._unfinished for id in (run.id, run.retry_of) if id is not None}

    async def _spared(self) -> set[str]:
        """Return the runs whose folders are needed: by a retry, or by the parameters of a run or an event."""
        parameters = [run.parameters for run in self._unfinished] + [values for _, values in self._context.planned()]
        return self._needed_by_unfinished() | await to_the_end(self._named_in, parameters)

    def _named_in(self, parameters: Sequence[Mapping[str, Any]]) -> set[str]:
        root = f'{self._folders.root}{os.sep}'
        paths = (text for values in parameters for text in _texts(values) if text.startswith(root))
        return {path.removeprefix(root).split(os.sep, 1)[0] for path in paths}

    async def _leave_inbox(self, trace: Mapping[str, Any]) -> None:
        if trace['parameters']:
            others = [RunRecord.model_validate(run) for run in await to_the_end(self._store.with_inbox_files)]
            await self._jobs.leave_inbox(RunRecord.model_validate(trace), others)

    def _log_failure(self, trace: Mapping[str, Any], error: StorageError) -> None:
        if trace['id'] not in self._logged_failures:
            self._logged_failures.add(trace['id'])
            log.warning(
                N_('The folder of run #%s could not be removed; trying again later: %s'), trace['number'], error
            )

    def _is_open(self) -> bool:
        return not self._is_closed


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for item in value.values() for text in _texts(item))
    elif isinstance(value, list | tuple):
        yield from (text for item in value for text in _texts(item))


def _what_was(trace: Mapping[str, Any], zone: str) -> str:
    ended, gone = (wall_of(datetime.fromisoformat(trace[name]), zone) for name in ('finished_at', 'forgotten_at'))
    text = filled(_WAS[trace['state']], ended=moment('yMMMd', ended), removed=moment('yMMMd', gone))
    return ' '.join((text, _('How long runs are kept is set on the Settings page.')))


_WAS = {
    'succeeded': N_('It succeeded on {ended} and was removed on {removed}.'),
    'failed': N_('It failed on {ended} and was removed on {removed}.'),
    'cancelled': N_('It was stopped on {ended} and was removed on {removed}.'),
    'interrupted': N_('It was interrupted on {ended} and was removed on {removed}.'),
}
