"""What events were planned to do at earlier times, and when nothing could start: see `storage.past_plans`."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self, get_args

from storage.files import StorageError
from storage.past_plans import PastPlans
from synapse.bus import Bus
from synapse.language import N_
from synapse.records import Record
from synapse.recurrence import Plan
from synapse.runs.messages import QueueChanged
from synapse.runs.runs import Runs

from .events import Event, Misfire, Overlap
from .messages import Absent, EventsWritten

log = logging.getLogger(__name__)

BATCH = 250
"""Plans in one write: due occurrences wait for it."""
PAUSED = 'paused'
StopKind = Literal['paused', 'off', 'asleep', 'clock', 'restored']


class PastPlan(Record):
    """What decided about an event after `since` and up to `until`, inclusive; None if it still does."""

    event_id: str
    since: datetime
    until: datetime | None = None
    start: datetime
    timezone: str
    rrule: str | None
    exdates: tuple[datetime, ...]
    enabled: bool
    misfire: Misfire
    overlap: Overlap
    is_deleted: bool = False
    """Whether the event was deleted at its end."""

    @classmethod
    def of(cls, event: Event, until: datetime | None = None, *, is_deleted: bool = False) -> Self:
        return cls(
            event_id=event.id,
            since=event.armed_from,
            until=until,
            start=event.start,
            timezone=event.timezone,
            rrule=event.rrule,
            exdates=event.exdates,
            enabled=event.enabled,
            misfire=event.misfire,
            overlap=event.overlap,
            is_deleted=is_deleted,
        )

    @property
    def plan(self) -> Plan:
        return Plan(start=self.start, zone=self.timezone, rule=self.rrule, exdates=frozenset(self.exdates))


@dataclass(frozen=True, slots=True)
class Stop:
    """A stretch of time in which nothing could start; `end` is None while it lasts."""

    kind: StopKind
    start: datetime
    end: datetime | None


class PlanHistory:
    """Records what it hears on the bus. Used on the event loop only.

    :param events: the current events by id
    """

    def __init__(
        self, *, events: Mapping[str, Event], store: PastPlans, runs: Runs, bus: Bus, now: Callable[[], datetime]
    ) -> None:
        self._events = events
        self._store = store
        self._runs = runs
        self._now = now
        self._known = dict(events)
        self._is_paused: bool | None = None
        """What is recorded of the queue; None before the start."""
        self._writes: set[asyncio.Future[None]] = set()
        bus.subscribe(EventsWritten, self._events_written)
        bus.subscribe(Absent, self._absent)
        bus.subscribe(QueueChanged, lambda _: self._look_at_queue())

    async def start(self) -> None:
        self._is_paused = await asyncio.to_thread(self._store.has_open_stop, PAUSED)
        self._look_at_queue()

    async def stop(self) -> None:
        """Stop once everything is on disk."""
        await self._written()

    async def plans_of(self, event_id: str) -> list[PastPlan]:
        """Return what is known of the earlier plans of an event, oldest first."""
        await self._written()
        return [PastPlan.model_validate(item) for item in await asyncio.to_thread(self._store.plans_of, event_id)]

    async def stops_between(self, start: datetime, end: datetime) -> list[Stop]:
        """Return the stops that overlap this time, oldest first."""
        await self._written()
        rows = await asyncio.to_thread(self._store.stops_between, start, end, get_args(StopKind))
        return [Stop(kind, begin, stop) for kind, begin, stop in rows]  # type: ignore[arg-type]

    def _events_written(self, message: EventsWritten) -> None:
        ended = []
        for id in message.ids:
            before, event = self._known.get(id), self._events.get(id)
            if event is None:
                self._known.pop(id, None)
            else:
                self._known[id] = event
            if before is not None:
                ended.append((before, event))
        for begin in range(0, len(ended), BATCH):
            self._write(self._add_plans, ended[begin : begin + BATCH], self._now())

    def _add_plans(self, ended: Sequence[tuple[Event, Event | None]], now: datetime) -> None:
        """Called in a thread: an import may change thousands of events at once."""
        plans = (
            PastPlan.of(before, now if event is None else event.armed_from, is_deleted=event is None)
            for before, event in ended
        )
        self._store.add_plans(plan.as_json() for plan in plans)

    def _absent(self, message: Absent) -> None:
        absence = message.absence
        self._write(self._store.add_stop, absence.why, absence.start, absence.end)

    def _look_at_queue(self) -> None:
        is_paused = self._runs.is_queue_paused
        if self._is_paused in (None, is_paused):
            return
        self._is_paused = is_paused
        if is_paused:
            self._write(self._store.add_stop, PAUSED, self._now(), None)
        else:
            self._write(self._store.end_stop, PAUSED, self._now())

    def _write(self, function: Callable[..., None], *arguments: object) -> None:
        write = self._store.group.submit(function, *arguments)
        self._writes.add(write)
        write.add_done_callback(self._write_ended)

    async def _written(self) -> None:
        await asyncio.gather(*self._writes, return_exceptions=True)

    def _write_ended(self, write: 'asyncio.Future[None]') -> None:
        self._writes.discard(write)
        error = None if write.cancelled() else write.exception()
        if isinstance(error, StorageError):
            # What is lost here is only an explanation; the change itself is saved elsewhere.
            log.warning(N_('an earlier plan could not be saved: %s'), error)
        elif error is not None:
            log.error(N_('an earlier plan could not be saved'), exc_info=error)
