"""Hands waiting runs to free workers, in order, and knows which runs are live."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from storage.files import StorageError, free_bytes
from synapse.catalog.catalog import Catalog
from synapse.errors import NotFound
from synapse.log.log import Level, Log

from .lifecycle_log import SOURCE
from .live_run import LiveRun
from .queue import Queue
from .records import RunRecord
from .workers import Workers

log = logging.getLogger(__name__)

SPACE_SECONDS = 10.0
"""How often a full disk is looked at again while runs wait for it."""
CLOSING_SECONDS = 8.0


class Dispatcher:
    """One task that sleeps until something may start. A paused run keeps its worker.

    :param begin: makes the live run of a waiting one and its worker
    :param changed: told whenever a run has left the queue, a worker is free, or the notice is another
    :param ended: awaited after each run that has ended
    """

    def __init__(
        self,
        *,
        queue: Queue,
        workers: int,
        catalog: Catalog,
        log: Log,
        folder: Path,
        min_free_bytes: int,
        begin: Callable[[RunRecord, str], LiveRun],
        changed: Callable[[], None],
        ended: Callable[[RunRecord], Awaitable[None]],
    ) -> None:
        self.workers = Workers(workers)
        self.notice = ''
        """Why nothing starts although runs wait; empty while all is well."""
        self._queue = queue
        self._catalog = catalog
        self._log = log
        self._folder = folder
        self._min_free_bytes = min_free_bytes
        self._begin, self._changed, self._ended = begin, changed, ended
        self._live: dict[str, LiveRun] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._look_again: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._dispatch(), name='runs')
        self._wake.set()

    async def close(self, grace: float) -> None:
        """Start nothing more; let live runs end within `grace` seconds, then stop them, at once if there is none."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._look_again is not None:
            self._look_again.cancel()
        if self._tasks and grace > 0:
            await asyncio.wait([*self._tasks.values()], timeout=grace)
        for live in self:
            live.stop(closing=True, now=grace <= 0)
        if self._tasks:
            await asyncio.wait([*self._tasks.values()], timeout=CLOSING_SECONDS)
        left = [*self._tasks.values()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def __iter__(self) -> Iterator[LiveRun]:
        return iter([*self._live.values()])

    def get(self, run_id: str) -> LiveRun | None:
        """The live run with this id."""
        return self._live.get(run_id)

    def wake(self) -> None:
        """Look whether something may start."""
        self._wake.set()

    def limit_of(self, pipeline: str) -> int | None:
        """How many runs of a pipeline may go at the same time; one that is gone has no limit: it starts and fails."""
        with contextlib.suppress(NotFound):
            return self._catalog.get(pipeline).max_parallel
        return None

    async def _dispatch(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                if self._next() is not None and await self._has_space():
                    self._start_what_can()
            except Exception:  # the edge of a background task: one odd run must not end all starting
                log.exception('runs could not be started')

    def _start_what_can(self) -> None:
        while (found := self._next()) is not None:
            run, worker = found
            self._queue.take(run.id)
            self.workers.give(worker, run.id)
            live = self._live[run.id] = self._begin(run, worker)
            self._tasks[run.id] = asyncio.create_task(self._carry_out(live), name=f'run {run.id}')
            self._changed()

    def _next(self) -> tuple[RunRecord, str] | None:
        """The run that may start now, and its worker."""
        worker = self.workers.free
        if self._queue.is_paused or worker is None:
            return None
        going = [live.run.pipeline for live in self]
        events = {live.run.event_id for live in self}
        for run in self._queue:
            if run.is_alone and run.event_id in events:
                continue
            limit = self.limit_of(run.pipeline)
            if limit is None or going.count(run.pipeline) < limit:
                return run, worker
        return None

    async def _has_space(self) -> bool:
        free = await asyncio.to_thread(free_bytes, self._folder)
        if free >= self._min_free_bytes:
            self.notice = ''
            return True
        if not self.notice:
            self.notice = f'Only {free // 10**6} MB are free on the disk with {self._folder}: no run starts.'
            self._log.append(Level.ERROR, f'{self.notice} Free some space, then they start.', source=SOURCE)
            self._changed()
        self._look_again = asyncio.get_running_loop().call_later(SPACE_SECONDS, self._wake.set)
        return False

    async def _carry_out(self, live: LiveRun) -> None:
        try:
            await live.carry_out()
        finally:
            self._log.unhide(live.run.id)
            self.workers.release(live.worker)
            del self._live[live.run.id], self._tasks[live.run.id]
            self._wake.set()
            self._changed()
        try:
            await self._ended(live.run)
        except StorageError as error:
            log.warning('the history could not be read: %s', error)
