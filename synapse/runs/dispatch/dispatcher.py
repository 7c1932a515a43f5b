"""Hands waiting runs to free workers, in order."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from storage.files import StorageError, free_bytes
from synapse.language import N_, _
from synapse.log.log import Level
from synapse.offers import Amounts
from synapse.runs.context import RunContext
from synapse.runs.estimates import Estimates
from synapse.runs.lines.lifecycle_log import SOURCE
from synapse.runs.live.live_run import LiveRun
from synapse.runs.messages import QueueChanged, RunChanged, RunDispatched, RunLost
from synapse.runs.records import RunRecord, RunState
from synapse.runs.starting.jobs import RunJobs
from synapse.waiting import Timer

from .places import Kind, Places
from .space import Space
from .workers import Workers

log = logging.getLogger(__name__)

SPACE_SECONDS = 10.0
"""How often a full disk is checked again while runs wait for it."""
SPACE_KNOWN_SECONDS = 1.0
"""How long it is known that a disk has space: many runs a second need not ask each."""
CLOSING_SECONDS = 8.0
ENDED_SECONDS = 1.0
"""How much longer than its program the process of a run may take to end."""


class Dispatcher:
    """One task that sleeps until something may start.

    A paused run keeps its worker, except while it waits for an answer.

    :param away: see `Runs`
    :param disk_free: see `Runs`
    """

    def __init__(
        self,
        context: RunContext,
        jobs: RunJobs,
        estimates: Estimates,
        *,
        workers: int,
        labels: Amounts | None = None,
        away: Callable[[], Mapping[str, Amounts]] = dict,
        disk_free: Callable[[str], int | None] = lambda machine: None,
    ) -> None:
        self.workers = Workers(workers, labels)
        self._places = Places(context, self.workers, away, disk_free)
        self.notice = ''
        """Why nothing starts although runs wait; empty while all is well."""
        self.nowhere: Mapping[str, str] = {}
        """By the id of each waiting run that no machine can take: what it needs."""
        self._context = context
        self._jobs = jobs
        self._estimates = estimates
        self._queue = context.unfinished.queue
        self._live: dict[str, LiveRun] = {}
        self._min_free_bytes = context.min_free_bytes
        self._space = Space(context)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.is_held = False
        """Whether nothing starts, because the data folder is gone."""
        self.interrupted: list[str] = []
        """Runs that ended because the control room is closing."""
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._look_again = Timer()
        self._has_space_until = 0.0
        context.bus.subscribe(QueueChanged, lambda _: self._wake.set())
        context.bus.subscribe(RunChanged, self._run_changed)

    def start(self) -> None:
        self._task = asyncio.create_task(self._dispatch(), name='runs')
        self._wake.set()

    async def close(self, grace: float) -> None:
        """Start nothing more and ask live runs to end; kill them after `grace` seconds, or with no grace at once.

        What a program was promised for its end is kept, too.
        """
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._look_again.cancel()
        for live in self._live.values():
            live.stop(closing=True, now=grace <= 0)
        if grace > 0:
            await self._wait_for_ends(time.monotonic() + grace)
        for live in self._live.values():
            live.stop(closing=True, now=True)
        if self._tasks:
            await asyncio.wait([*self._tasks.values()], timeout=CLOSING_SECONDS)
        unfinished = [*self._tasks.values()]
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    async def _wait_for_ends(self, until: float) -> None:
        while tasks := [task for task in self._tasks.values() if not task.done()]:
            promised = [live.ending_programs.busy_until + ENDED_SECONDS for live in self._live.values()]
            left = max([until, *promised]) - time.monotonic()
            if left <= 0:
                return
            await asyncio.wait(tasks, timeout=left)

    def limit_of(self, pipeline: str) -> int | None:
        """How many runs of a pipeline may run at the same time; None for no limit."""
        info = self._context.catalog.find(pipeline)
        return info.max_parallel if info else None  # without its pipeline a run starts, and fails

    async def _dispatch(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                self._continue_answered()
                await self._find_space()
                if self._next() is not None and await self._has_space():
                    self._start_ready()
            except Exception:  # the edge of a background task: one odd run must not stop the others from starting
                log.exception(N_('runs could not be started'))

    def _run_changed(self, message: RunChanged) -> None:
        """Take the worker of a run that asks, and look for one when it has its answer."""
        live = self._live.get(message.run.id)
        if live is not None and live.run.question is not None and live.worker:
            self.workers.release(live.worker)
            live.worker = ''
            self._context.bus.publish(QueueChanged())
        elif live is not None and live.wants_worker:
            self._wake.set()

    def _continue_answered(self) -> None:
        """Give free workers to runs whose processes wait with an answer, before anything new starts."""
        for live in [live for live in self._live.values() if live.wants_worker]:
            worker = live.worker or self.workers.free_on(live.machine)
            if worker is None:
                continue
            self.workers.give(worker, live.run.id)
            live.go_on(worker)

    def add_waiting(self, run: RunRecord) -> None:
        """Take a run without a process that waits, or has waited, for an answer; with its answer it starts next."""
        if run.question is not None or run.is_pausing:
            self._context.unfinished.parked[run.id] = run
        else:
            self._queue.add(run, index=0)

    def _start_ready(self) -> None:
        while (found := self._next()) is not None:
            run, worker = found
            self._queue.take(run.id)
            self.workers.give(worker, run.id)
            live = LiveRun(run, worker, self._context, self._jobs, machine=self.workers.machine_of(worker))
            self._live[run.id] = self._context.unfinished.live[run.id] = live
            self._tasks[run.id] = asyncio.create_task(self._carry_out(live), name=f'run {run.id}')
            self._context.bus.publish(RunDispatched(run))
            self._context.bus.publish(QueueChanged())

    def _next(self) -> tuple[RunRecord, str] | None:
        """The run that may start now, and a free worker for it."""
        if self.is_held or self.workers.free is None:
            return None
        running = [live.run.pipeline for live in self._live.values()]
        parked = self._context.unfinished.parked.values()
        events = {run.event_id for run in (*(live.run for live in self._live.values()), *parked)}
        tried: dict[Kind, str | None] = {}
        for run in self._queue:
            if self._queue.is_paused and not run.is_waiting:  # one that has its answer has started long ago
                continue
            if (run.is_alone and run.event_id in events) or run.id in self._space.missing:
                continue
            limit = self.limit_of(run.pipeline)
            if limit is not None and running.count(run.pipeline) >= limit:
                continue
            kind = self._places.kind_of(run)
            if kind not in tried:
                tried[kind] = self._places.worker_for(kind, ((live.machine, live.run) for live in self._live.values()))
            if (worker := tried[kind]) is not None:
                return run, worker
        return None

    async def _find_space(self) -> None:
        """Show on the waiting runs what they need that is not there, and look again for space later."""
        if self.workers.free is not None:
            await self._space.look([*self._queue])
        self.nowhere = self._places.nowhere(self._queue)
        missing = {**self._space.missing, **self.nowhere}
        for run in [run for run in self._queue if run.waits_for != missing.get(run.id, '')]:
            waiting = run.changed(waits_for=missing.get(run.id, ''))
            self._queue.replace(waiting)
            if not run.waits_for:
                text = _('Run #{number} waits for {waits_for}', number=run.number, waits_for=waiting.waits_for)
                self._context.log.append(Level.WARNING, text, source=SOURCE, run=run.id)
            self._context.bus.publish(RunChanged(waiting))
        if self._space.missing or self._places.is_any_full:
            self._look_again.start(SPACE_SECONDS, self._wake.set)

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
            self.notice = _(
                'Only {free} MB are free on the disk with {folder}: no run starts.', free=free // 10**6, folder=folder
            )
            text = _('{notice} Free some space, then they start.', notice=self.notice)
            self._context.log.append(Level.ERROR, text, source=SOURCE)
            self._context.bus.publish(QueueChanged())
        self._look_again.start(SPACE_SECONDS, self._wake.set)
        return False

    async def _carry_out(self, live: LiveRun) -> None:
        try:
            await live.carry_out()
        finally:
            self._jobs.ended(live.run)
            if live.worker:
                self.workers.release(live.worker)
            del self._live[live.run.id], self._context.unfinished.live[live.run.id], self._tasks[live.run.id]
            if live.is_parked:
                self.add_waiting(live.run)
            self._context.bus.publish(QueueChanged())
        if live.is_parked:
            return
        if live.run.state is RunState.INTERRUPTED and live.is_closing:
            self.interrupted.append(live.run.id)
        try:
            await self._estimates.ended(live.run)
        except StorageError as error:
            log.warning(N_('the history could not be read: %s'), error)
        if live.run.state is RunState.INTERRUPTED and live.machine and not live.is_closing:
            self._context.bus.publish(RunLost(live.run))
        if live.run.state.is_final:
            await self._context.log.saved(self._context.log.last_seq)
            await asyncio.to_thread(self._context.folders.forget_result, live.run.id)
