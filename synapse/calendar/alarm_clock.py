"""The alarm clock: APScheduler with one date trigger for each event's next occurrence, and a heartbeat beside it.

APScheduler sleeps by the monotonic clock and judges by the wall clock, so after a suspended machine or a changed clock
it would wake late by as much; the heartbeat looks at both clocks every second and wakes it.
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
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

from synapse.records import now_utc

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.0
JUMP_SECONDS = 2.0
"""A difference between wall clock and monotonic clock that no busy machine makes."""


@dataclass(frozen=True, slots=True)
class Absence:
    """A stretch of time in which nothing could fire."""

    start: datetime
    end: datetime
    why: Literal['off', 'asleep', 'clock']

    @property
    def sentence(self) -> str:
        """Why what fell due in it did not fire."""
        return {
            'off': 'Synapse was not running.',
            'asleep': 'This machine was asleep.',
            'clock': 'The clock of this machine was set forward.',
        }[self.why]


@dataclass(frozen=True, slots=True)
class Clocks:
    """The three clocks of one moment: wall time, time without, and time with the sleep of the machine (seconds)."""

    wall: datetime
    awake: float
    since_boot: float


def read_clocks() -> Clocks:
    """The clocks now; a system that does not count its sleep gives the same number twice."""
    awake = time.monotonic()
    clock = getattr(time, 'CLOCK_BOOTTIME', None)
    return Clocks(now_utc(), awake, awake if clock is None else time.clock_gettime(clock))


def jump_between(before: Clocks, after: Clocks) -> tuple[float, float]:
    """How far the wall clock moved by itself, and how long the machine slept, both in seconds."""
    slept = (after.since_boot - before.since_boot) - (after.awake - before.awake)
    passed = (after.wall - before.wall).total_seconds()
    return passed - (after.awake - before.awake) - slept, slept


class AlarmClock:
    """Calls `ring` with the events that are due, on the event loop, together if they are due together.

    :param ring: gets the ids of events; asked again only for events that are armed again
    :param jumped: told when the wall clock or the machine was not what the monotonic clock says: the seconds of each
    """

    def __init__(
        self,
        ring: Callable[[Collection[str]], Awaitable[None]],
        jumped: Callable[[float, float, Clocks], None],
        clocks: Callable[[], Clocks] = read_clocks,
    ) -> None:
        self._ring, self._jumped, self._clocks = ring, jumped, clocks
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._scheduler.add_jobstore(MemoryJobStore())
        self._scheduler.add_executor(AsyncIOExecutor())
        self._armed: dict[str, datetime] = {}
        self._due: set[str] = set()
        self._ringing: set[asyncio.Task[None]] = set()
        self._heart: asyncio.Task[None] | None = None
        self._last = clocks()

    def start(self) -> None:
        """Begin, paused: arm what is known, then `resume`."""
        self._last = self._clocks()
        self._scheduler.start(paused=True)
        self._heart = asyncio.create_task(self._beat(), name='heartbeat')

    def resume(self) -> None:
        """From now on it rings."""
        self._scheduler.resume()

    async def stop(self) -> None:
        """Ring no more."""
        if self._heart is None:
            return
        self._heart.cancel()
        self._scheduler.shutdown(wait=False)
        await asyncio.gather(self._heart, *self._ringing, return_exceptions=True)
        self._heart = None

    def arm(self, event_id: str, due: datetime | None) -> None:
        """Ring for this event at this moment, and at no other; None disarms it."""
        if self._armed.get(event_id) == due:
            return
        self.disarm(event_id)
        if due is None:
            return
        # An id for each occurrence: a job that is added again under its own id while it runs is lost.
        self._scheduler.add_job(
            self._fell_due,
            DateTrigger(due, UTC),  # without a zone it asks for that of the machine, which need not have a name
            args=[event_id, due],
            id=_job_id(event_id, due),
            misfire_grace_time=None,
            replace_existing=True,
        )
        self._armed[event_id] = due

    def disarm(self, event_id: str) -> None:
        due = self._armed.pop(event_id, None)
        if due is not None:
            with contextlib.suppress(JobLookupError):  # it is ringing right now
                self._scheduler.remove_job(_job_id(event_id, due))

    def again(self, event_ids: Collection[str], seconds: float) -> None:
        """Ring for these events once more after a while, whatever they are armed for."""
        asyncio.get_running_loop().call_later(seconds, self._gather, event_ids)

    def next(self) -> tuple[datetime, str] | None:
        """The earliest armed moment and its event."""
        return min(((due, id) for id, due in self._armed.items()), default=None)

    def armed(self) -> 'dict[str, datetime]':
        """Event ids and the moments they are armed for."""
        return dict(self._armed)

    def look(self) -> None:
        """Compare the clocks now instead of at the next heartbeat."""
        now, before = self._clocks(), self._last
        self._last = now
        moved, slept = jump_between(before, now)
        if abs(moved) > JUMP_SECONDS or slept > JUMP_SECONDS:
            self._jumped(moved, slept, before)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                self.look()
                self._scheduler.wakeup()
            except Exception:  # the edge of a background task: without a heartbeat a sleep would go unseen
                log.exception('the heartbeat of the alarm clock failed')

    async def _fell_due(self, event_id: str, due: datetime) -> None:
        if self._armed.get(event_id) == due:
            del self._armed[event_id]
            self._gather([event_id])

    def _gather(self, event_ids: Collection[str]) -> None:
        # Jobs of one instant run one after another in one turn of the loop: they ring as one.
        if not self._due:
            asyncio.get_running_loop().call_soon(self._ring_all)
        self._due.update(event_ids)

    def _ring_all(self) -> None:
        due, self._due = self._due, set()
        if self._heart is None:
            return
        self.look()  # what is late by a sleep must be known to be
        task = asyncio.get_running_loop().create_task(self._safely(due))
        self._ringing.add(task)
        task.add_done_callback(self._ringing.discard)

    async def _safely(self, due: Collection[str]) -> None:
        try:
            await self._ring(due)
        except Exception:  # the edge of a background task: what is due must be tried again, not forgotten
            log.exception('%d due events could not be looked at', len(due))
            self.again(due, 5.0)


def _job_id(event_id: str, due: datetime) -> str:
    return f'{event_id}@{due.isoformat()}'
