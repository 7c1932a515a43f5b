"""The alarm clock: the next occurrence of each event in a heap, APScheduler that waits for the earliest, a heartbeat.

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
from heapq import heappop, heappush
from typing import Literal

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.job import Job
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

from synapse.language import LANGUAGES, N_, filled, translated
from synapse.records import now_utc

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.0
JUMP_SECONDS = 2.0
"""A difference between wall clock and monotonic clock that load alone doesn't cause."""
RETRY_SECONDS = 5.0
SPARE_MOMENTS = 1_000
"""How many moments that aren't armed any more may wait in the heap, as many as armed ones aside."""


Cause = Literal['off', 'asleep', 'clock', 'restored']
SENTENCES: dict[Cause, str] = {
    'off': N_('Synapse was not running.'),
    'asleep': N_('This machine was asleep.'),
    'clock': N_('The clock of this machine was set forward.'),
    'restored': N_('Synapse was restored from a backup made before: whether it ran since then is not known here.'),
}


@dataclass(frozen=True, slots=True)
class Absence:
    """A stretch of time in which nothing could fire."""

    start: datetime
    end: datetime
    why: Cause

    @property
    def sentence(self) -> str:
        """Why the occurrences in it did not fire."""
        return filled(SENTENCES[self.why])

    def without_sentence(self, reason: str) -> str:
        """Return a reason that was kept, in whatever language, without the sentence that it begins with."""
        for chosen in LANGUAGES:
            reason = reason.removeprefix(translated(SENTENCES[self.why], chosen))
        return reason.strip()


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
        self._moments: list[tuple[datetime, str]] = []
        """A heap of the armed moments, and of some that aren't any more."""
        self._job: Job | None = None
        self._awaited: datetime | None = None
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
        if due is None:
            self.disarm(event_id)
        elif self._armed.get(event_id) != due:
            self._armed[event_id] = due
            heappush(self._moments, (due, event_id))
            self._wait()

    def disarm(self, event_id: str) -> None:
        self._armed.pop(event_id, None)

    def retry(self, event_ids: Collection[str]) -> None:
        """Call `on_due` for these events again after `RETRY_SECONDS`, whatever they are armed for."""
        asyncio.get_running_loop().call_later(RETRY_SECONDS, self._gather, *event_ids)

    def next(self) -> tuple[datetime, str] | None:
        """Return the earliest armed moment and its event."""
        if len(self._moments) > 2 * len(self._armed) + SPARE_MOMENTS:
            self._moments = sorted((due, id) for id, due in self._armed.items())
        while self._moments and not self._is_armed(*self._moments[0]):
            heappop(self._moments)
        return self._moments[0] if self._moments else None

    def soon(self, until: datetime) -> list[tuple[datetime, str]]:
        """Return the armed moments up to and including this one, with their events, in no order."""
        found, places = [], [0]
        while places:  # down the heap, where moments only grow
            place = places.pop()
            if place < len(self._moments) and self._moments[place][0] <= until:
                found.append(self._moments[place])
                places += [2 * place + 1, 2 * place + 2]
        return [moment for moment in found if self._is_armed(*moment)]

    def _is_armed(self, due: datetime, event_id: str) -> bool:
        return self._armed.get(event_id) == due

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
                log.exception(N_('the heartbeat of the alarm clock failed'))

    def _wait(self) -> None:
        """Let APScheduler ring at the earliest moment: it needs a tenth of a millisecond for each job."""
        due, _ = self.next() or (None, '')
        if due is None or due == self._awaited:
            return
        if self._job is not None:
            with contextlib.suppress(JobLookupError):  # it is running right now
                self._job.remove()
        self._awaited = due
        trigger = DateTrigger(due, UTC)  # without a zone it asks for the machine's, which may not have a name
        # Always a new job: APScheduler loses one that is added under the same id while it runs.
        self._job = self._scheduler.add_job(self._ring, trigger, args=[due], misfire_grace_time=None)

    async def _ring(self, due: datetime) -> None:
        if due != self._awaited:
            return
        self._job, self._awaited = None, None
        until, event_ids = max(due, self._clocks().wall), []
        while (following := self.next()) is not None and following[0] <= until:
            heappop(self._moments)
            del self._armed[following[1]]
            event_ids.append(following[1])
        if event_ids:
            self._gather(*event_ids)
        self._wait()

    def _gather(self, *event_ids: str) -> None:
        if not self._due_ids:
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
            log.exception(N_('%d due events could not be handled'), len(due_ids))
            self.retry(due_ids)
