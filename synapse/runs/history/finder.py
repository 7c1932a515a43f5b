"""Finds runs by what a person asks for, and keeps the index for that up to date behind the writes."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from storage.files import StorageError
from synapse.errors import NotReady
from synapse.language import N_, _
from synapse.runs.context import RunContext
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord
from synapse.waiting import is_set_within, to_the_end

from .run_filter import RunFilter
from .search_text import SearchTexts

log = logging.getLogger(__name__)
P = ParamSpec('P')
T = TypeVar('T')

SECONDS = 1.0
"""About the longest time that a page of runs may take to find."""
MOST_COUNTED, MOST_ROUNDS, COUNT_SECONDS = 100_000, 40, 0.3
FIRST_AFTER, CALM_SECONDS, FAILED_SECONDS = 5.0, 2.0, 60.0
"""When the index is first written after a start, how long runs may move on before it is again, and after a failure."""
PAUSE_SECONDS = 0.005
CHUNK = 500


@dataclass(frozen=True, slots=True)
class RunsFound:
    """Runs newest first. `rest` is the `before` of the next page, None on the last; a page may be short, or empty."""

    runs: list[RunRecord]
    rest: int | None


@dataclass(frozen=True, slots=True)
class RunCount:
    """How many runs fit; at least so many if it `is_complete` is False."""

    number: int
    is_complete: bool


class Finder:
    """Use it on the event loop; the disk is read in threads."""

    def __init__(self, context: RunContext) -> None:
        self._store, self._unfinished, self._bus = context.store, context.unfinished, context.bus
        self._texts = SearchTexts(context.catalog, context.profiles)
        self._index = context.store.index(self._texts)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin to index what is not indexed, some seconds after the start, and then what changes."""
        self._unsubscribe = self._bus.subscribe(RunChanged, self._run_changed)
        self._task = asyncio.create_task(self._keep_up(), name='index of runs')

    async def stop(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await to_the_end(self._index.close)

    async def search(self, only: RunFilter, *, before: int | None = None, limit: int = 50) -> RunsFound:
        """Return the newest runs that fit, with numbers below `before`.

        :raises NotReady: if the history cannot be read
        """
        self._texts.renew()
        return await self._reading(self._search, only, before, limit)

    async def counts(self, only: RunFilter) -> AsyncIterator[RunCount]:
        """Yield how many runs fit: at once, and where finding them takes long, with what is known after each moment.

        Counting ends at `MOST_COUNTED` runs, and after `MOST_ROUNDS` moments.

        :raises NotReady: if the history cannot be read
        """
        self._texts.renew()
        if not (only.text or only.states or only.pipeline or only.profile or only.event):
            (asked,) = only.questions()
            yield RunCount(await self._reading(self._index.count, asked), is_complete=True)
            return
        number, before = 0, None
        for __ in range(MOST_ROUNDS):
            room = MOST_COUNTED - number
            numbers, before = await self._reading(self._numbers, only, before, room, COUNT_SECONDS)
            number += len(numbers)
            yield RunCount(number, is_complete=before is None)
            if before is None or number >= MOST_COUNTED:
                return

    async def count(self, only: RunFilter) -> RunCount:
        """Return the last of `counts`."""
        return [count async for count in self.counts(only)][-1]

    async def all(self, only: RunFilter) -> AsyncIterator[list[RunRecord]]:
        """Yield every run that fits, newest first, some hundred at a time."""
        before: int | None = None
        while True:
            found = await self.search(only, before=before, limit=CHUNK)
            if found.runs:
                yield found.runs
            if found.rest is None:
                return
            before = found.rest

    async def numbered(self, numbers: Iterable[int]) -> list[RunRecord]:
        """Return the runs with these numbers that are still there, newest first."""
        documents = await self._reading(self._store.numbered, [*numbers])
        return [self._current(document) for document in documents]

    def fits(self, run: RunRecord, only: RunFilter) -> bool:
        """Whether a run fits, as in the history."""
        return only.fits(run, lambda run: self._texts(run.as_json()))

    async def _reading(self, read: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        try:
            return await asyncio.to_thread(read, *arguments, **named)
        except StorageError as error:
            raise NotReady(
                'not_readable', _('The runs could not be read: {error}', error=error), _('Try again in a moment.')
            ) from error

    def _search(self, only: RunFilter, before: int | None, limit: int) -> RunsFound:
        numbers, rest = self._numbers(only, before, limit, SECONDS)
        return RunsFound([self._current(document) for document in self._store.numbered(numbers)], rest)

    def _numbers(self, only: RunFilter, before: int | None, limit: int, seconds: float) -> tuple[list[int], int | None]:
        found = [self._index.numbers(asked, limit=limit, seconds=seconds) for asked in only.questions(before)]
        # Of several answers that were cut, only what lies above the highest cut is complete.
        rest = max((some.rest for some in found if some.rest is not None), default=None)
        together = {number for some in found for number in some.numbers if rest is None or number >= rest}
        numbers = sorted(together, reverse=True)
        return (numbers[:limit], numbers[limit - 1]) if len(numbers) > limit else (numbers, rest)

    def _current(self, document: dict[str, object]) -> RunRecord:
        return self._unfinished.get(str(document['id'])) or RunRecord.model_validate(document)

    # The index

    def _run_changed(self, message: RunChanged) -> None:
        if message.moved:
            self._wake.set()

    async def _keep_up(self) -> None:
        wait = FIRST_AFTER
        while True:
            await asyncio.sleep(wait)
            self._wake.clear()
            try:
                await self._index_all()
                wait = CALM_SECONDS
            except StorageError as error:
                log.warning(
                    N_('runs could not be indexed; searches read them instead, and it is tried again: %s'), error
                )
                wait = FAILED_SECONDS
            except Exception:  # the edge of a background task
                log.exception(N_('indexing runs failed'))
                wait = FAILED_SECONDS
            await is_set_within(self._wake, None)

    async def _index_all(self) -> None:
        self._texts.renew()
        is_left = True
        while is_left:
            is_left = await to_the_end(self._store.index_next, self._texts)
            await asyncio.sleep(PAUSE_SECONDS)
