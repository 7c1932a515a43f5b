"""Hands waiting runs to free workers, in order."""

import asyncio
import logging

from storage.files import StorageError, free_bytes
from synapse.log.log import Level
from synapse.waiting import Timer

from .context import RunContext
from .estimates import Estimates
from .jobs import RunJobs
from .lifecycle_log import SOURCE
from .live_run import LiveRun
from .messages import QueueChanged, RunDispatched
from .records import RunRecord
from .workers import Workers

log = logging.getLogger(__name__)

SPACE_SECONDS = 10.0
"""How often a full disk is checked again while runs wait for it."""
SPACE_KNOWN_SECONDS = 1.0
"""How long it is known that a disk has space: many runs a second need not ask each."""
CLOSING_SECONDS = 8.0


class Dispatcher:
    """One task that sleeps until something may start. A paused run keeps its worker.

    :param min_free_bytes: nothing starts while the disk has less free space
    """

    def __init__(
        self,
        context: RunContext,
        jobs: RunJobs,
        estimates: Estimates,
        *,
        workers: int,
        min_free_bytes: int,
    ) -> None:
        self.workers = Workers(workers)
        self.notice = ''
        """Why nothing starts although runs wait; empty while all is well."""
        self._context = context
        self._jobs = jobs
        self._estimates = estimates
        self._queue, self._live = context.unfinished.queue, context.unfinished.live
        self._min_free_bytes = min_free_bytes
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._look_again = Timer()
        self._has_space_until = 0.0
        context.bus.subscribe(QueueChanged, lambda _: self._wake.set())

    def start(self) -> None:
        self._task = asyncio.create_task(self._dispatch(), name='runs')
        self._wake.set()

    async def close(self, grace: float) -> None:
        """Start nothing more; let live runs end within `grace` seconds, then stop them; with no grace, kill them."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._look_again.cancel()
        if self._tasks and grace > 0:
            await asyncio.wait([*self._tasks.values()], timeout=grace)
        for live in self._live.values():
            live.stop(closing=True, now=grace <= 0)
        if self._tasks:
            await asyncio.wait([*self._tasks.values()], timeout=CLOSING_SECONDS)
        unfinished = [*self._tasks.values()]
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    def limit_of(self, pipeline: str) -> int | None:
        """How many runs of a pipeline may run at the same time; None for no limit."""
        info = self._context.catalog.find(pipeline)
        return info.max_parallel if info else None  # without its pipeline a run starts, and fails

    async def _dispatch(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                if self._next() is not None and await self._has_space():
                    self._start_ready()
            except Exception:  # the edge of a background task: one odd run must not stop the others from starting
                log.exception('runs could not be started')

    def _start_ready(self) -> None:
        while (found := self._next()) is not None:
            run, worker = found
            self._queue.take(run.id)
            self.workers.give(worker, run.id)
            live = self._live[run.id] = LiveRun(run, worker, self._context, self._jobs)
            self._tasks[run.id] = asyncio.create_task(self._carry_out(live), name=f'run {run.id}')
            self._context.bus.publish(RunDispatched(run))
            self._context.bus.publish(QueueChanged())

    def _next(self) -> tuple[RunRecord, str] | None:
        """The run that may start now, and a free worker for it."""
        worker = self.workers.free
        if self._queue.is_paused or worker is None:
            return None
        running = [live.run.pipeline for live in self._live.values()]
        events = {live.run.event_id for live in self._live.values()}
        for run in self._queue:
            if run.is_alone and run.event_id in events:
                continue
            limit = self.limit_of(run.pipeline)
            if limit is None or running.count(run.pipeline) < limit:
                return run, worker
        return None

    async def _has_space(self) -> bool:
        loop, folder = asyncio.get_running_loop(), self._context.folders.root
        if loop.time() < self._has_space_until:
            return True
        free = await asyncio.to_thread(free_bytes, folder)
        if free >= self._min_free_bytes:
            self.notice = ''
            self._has_space_until = loop.time() + SPACE_KNOWN_SECONDS
            return True
        if not self.notice:
            self.notice = f'Only {free // 10**6} MB are free on the disk with {folder}: no run starts.'
            text = f'{self.notice} Free some space, then they start.'
            self._context.log.append(Level.ERROR, text, source=SOURCE)
            self._context.bus.publish(QueueChanged())
        self._look_again.start(SPACE_SECONDS, self._wake.set)
        return False

    async def _carry_out(self, live: LiveRun) -> None:
        try:
            await live.carry_out()
        finally:
            self._jobs.ended(live.run)
            self.workers.release(live.worker)
            del self._live[live.run.id], self._tasks[live.run.id]
            self._context.bus.publish(QueueChanged())
        try:
            await self._estimates.ended(live.run)
        except StorageError as error:
            log.warning('the history could not be read: %s', error)
