"""The alarm clock: APScheduler with one date trigger for each moment at which events are due next, and a heartbeat.

APScheduler sleeps by the monotonic clock and compares with the wall clock, so after a suspend or a clock change it
would wake up late by that much. The heartbeat compares both clocks every second and wakes it.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.job import Job
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

from synapse.records import now_utc

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.0
JUMP_SECONDS = 2.0
"""A difference between wall clock and monotonic clock that load alone doesn't cause."""
RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Absence:
    """A stretch of time in which nothing could fire."""

    start: datetime
    end: datetime
    why: Literal['off', 'asleep', 'clock']

    @property
    def sentence(self) -> str:
        """Why the occurrences in it did not fire."""
        return {
            'off': 'Synapse was not running.',
            'asleep': 'This machine was asleep.',
            'clock': 'The clock of this machine was set forward.',
        }[self.why]


@dataclass(frozen=True, slots=True)
class Clocks:
    """One reading of three clocks: wall time, and the seconds of uptime without and with suspend."""

    wall: datetime
    awake: float
    since_boot: float


def read_clocks() -> Clocks:
    """Read the clocks now; where the system doesn't count suspended time, the last two are equal."""
    awake = time.monotonic()
    clock = getattr(time, 'CLOCK_BOOTTIME', None)
    return Clocks(now_utc(), awake, awake if clock is None else time.clock_gettime(clock))


def jump_between(before: Clocks, after: Clocks) -> tuple[float, float]:
    """Return how far the wall clock was set, and how long the machine was asleep, both in seconds."""
    slept = (after.since_boot - before.since_boot) - (after.awake - before.awake)
    passed = (after.wall - before.wall).total_seconds()
    return passed - (after.awake - before.awake) - slept, slept


class AlarmClock:
    """Calls `on_due` on the event loop, once for all events that are due together.

    :param on_due: takes the ids of events; each event has to be armed again afterwards
    :param on_jump: called when the wall clock was set or the machine slept, with the seconds of each and the last
        reading before it
    """

    def __init__(
        self,
        on_due: Callable[[Collection[str]], Awaitable[None]],
        on_jump: Callable[[float, float, Clocks], None],
        clocks: Callable[[], Clocks] = read_clocks,
    ) -> None:
        self._on_due, self._on_jump, self._clocks = on_due, on_jump, clocks
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._scheduler.add_jobstore(MemoryJobStore())
        self._scheduler.add_executor(AsyncIOExecutor())
        self._armed: dict[str, datetime] = {}
        self._moments: dict[datetime, tuple[Job, set[str]]] = {}
        self._due_ids: set[str] = set()
        self._calls: set[asyncio.Task[None]] = set()
        self._heartbeat: asyncio.Task[None] | None = None
        self._last = clocks()

    def start(self) -> None:
        """Start, paused: arm the known events, then `resume`."""
        self._last = self._clocks()
        self._scheduler.start(paused=True)
        self._heartbeat = asyncio.create_task(self._beat(), name='heartbeat')

    def resume(self) -> None:
        """Call `on_due` from now on."""
        self._scheduler.resume()

    async def stop(self) -> None:
        """Stop calling `on_due`, and wait for running calls."""
        if self._heartbeat is None:
            return
        self._heartbeat.cancel()
        self._scheduler.shutdown(wait=False)
        await asyncio.gather(self._heartbeat, *self._calls, return_exceptions=True)
        self._heartbeat = None

    def arm(self, event_id: str, due: datetime | None) -> None:
        """Set the one moment at which this event is due; None disarms it."""
        if self._armed.get(event_id) == due:
            return
        self.disarm(event_id)
        if due is None:
            return
        if due not in self._moments:
            trigger = DateTrigger(due, UTC)  # without a zone it asks for the machine's, which may not have a name
            # Always a new job: APScheduler loses one that is added under the same id while it runs.
            job = self._scheduler.add_job(self._fell_due, trigger, args=[due], misfire_grace_time=None)
            self._moments[due] = (job, set())
        self._moments[due][1].add(event_id)
        self._armed[event_id] = due

    def disarm(self, event_id: str) -> None:
        due = self._armed.pop(event_id, None)
        if due is None:
            return
        job, ids = self._moments[due]
        ids.discard(event_id)
        if not ids:
            del self._moments[due]
            with contextlib.suppress(JobLookupError):  # it is running right now
                job.remove()

    def retry(self, event_ids: Collection[str]) -> None:
        """Call `on_due` for these events again after `RETRY_SECONDS`, whatever they are armed for."""
        asyncio.get_running_loop().call_later(RETRY_SECONDS, self._gather, event_ids)

    def next(self) -> tuple[datetime, str] | None:
        """Return the earliest armed moment and its event."""
        due = min(self._moments, default=None)
        return None if due is None else (due, min(self._moments[due][1]))

    def armed(self) -> 'dict[str, datetime]':
        return dict(self._armed)

    def check_clocks(self) -> None:
        """Compare the clocks now instead of at the next heartbeat."""
        now, before = self._clocks(), self._last
        self._last = now
        moved, slept = jump_between(before, now)
        if abs(moved) > JUMP_SECONDS or slept > JUMP_SECONDS:
            self._on_jump(moved, slept, before)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                self.check_clocks()
                self._scheduler.wakeup()
            except Exception:  # the edge of a background task: without a heartbeat, a suspend would go unnoticed
                log.exception('the heartbeat of the alarm clock failed')

    async def _fell_due(self, due: datetime) -> None:
        _, ids = self._moments.pop(due, (None, ()))
        for event_id in ids:
            del self._armed[event_id]
        self._gather(ids)

    def _gather(self, event_ids: Collection[str]) -> None:
        # APScheduler runs all jobs that are due in one turn of the loop: they share one call.
        if event_ids and not self._due_ids:
            asyncio.get_running_loop().call_soon(self._call)
        self._due_ids.update(event_ids)

    def _call(self) -> None:
        due_ids, self._due_ids = self._due_ids, set()
        if self._heartbeat is None:
            return
        self.check_clocks()  # so that a suspend is known before the occurrences that it made late are judged
        task = asyncio.get_running_loop().create_task(self._call_safely(due_ids))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _call_safely(self, due_ids: Collection[str]) -> None:
        try:
            await self._on_due(due_ids)
        except Exception:  # the edge of a background task: due events must be retried, not forgotten
            log.exception('%d due events could not be handled', len(due_ids))
            self.retry(due_ids)
