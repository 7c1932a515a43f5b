"""A span of days of the calendar with its entries: read once, then only where the control room says they changed."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from nicegui import background_tasks

from pages.parts.scope import Scope
from synapse.calendar.events import CalendarEntry
from synapse.calendar.messages import OccurrencesChanged, ScheduleChanged
from synapse.catalog.catalog import PipelinesChanged
from synapse.control_room import ControlRoom
from synapse.language import in_this_language
from synapse.records import now_utc
from synapse.recurrence import instant_of
from synapse.runs.messages import RunChanged

from .entry_filter import EntryFilter

log = logging.getLogger(__name__)

AT_MOST_EVERY_SECONDS = 0.05
MOMENT = timedelta(microseconds=1)

OpenEntry = Callable[[CalendarEntry], None]
PlanAt = Callable[[datetime], None]
Span = tuple[datetime, datetime]


class Failed(Protocol):
    def __call__(self, *, is_failed: bool) -> None: ...


class CalendarWindow(Scope):
    """Shows its days as they are now; a subclass decides which days, reads and draws them.

    :param failed: called after each read with whether it failed
    """

    def __init__(self, room: ControlRoom, *, only: EntryFilter, failed: Failed, tag: str = 'section') -> None:
        super().__init__(tag)
        self._room = room
        self._week_start = room.choices.now.first_weekday
        self._only = only
        self._failed = failed
        self._zone = ZoneInfo(room.calendar.zone)
        self._stale: Span | None = None
        self._reading = asyncio.Lock()
        self._read_soon = self.at_most_every(AT_MOST_EVERY_SECONDS, self._read_in_background)
        # The browser notices a new day even if this machine slept over midnight: see `agenda.js`.
        self.on('dayturned', self.load_soon)
        self.follow(room.bus, ScheduleChanged, lambda message: self._changed(self._affected(message)))
        self.follow(room.bus, PipelinesChanged, lambda _: self._changed(self.planned))
        self.follow(room.bus, OccurrencesChanged, self._on_occurrences)
        self.follow(room.bus, RunChanged, self._on_run)

    # What a subclass decides

    @property
    def name(self) -> str:
        """What the person is looking at, for the log: `this week`."""
        raise NotImplementedError

    @property
    def failed_words(self) -> str:
        """What a notice says if it could not be read."""
        raise NotImplementedError

    @property
    def span(self) -> Span:
        """The first moment shown, and the first one after it."""
        raise NotImplementedError

    @property
    def planned(self) -> Span:
        """The part of `span` that a changed event can affect."""
        return self.span

    def show(self, day: date) -> None:
        """Turn to the days around this one."""
        raise NotImplementedError

    async def read(self, asked: Span) -> None:
        """Read the entries of this part of the days, and draw them."""
        raise NotImplementedError

    # What a page calls

    async def load(self) -> None:
        """Read everything and draw it."""
        self._stale = self.span
        await self._catch_up()

    def load_soon(self) -> None:
        """Like `load`, without waiting for it."""
        self._stale = self.span
        self._read_in_background()

    async def restrict(self, only: EntryFilter) -> None:
        """Show only what this filter lets through."""
        self._only = only
        await self.load()

    # What changed

    def _on_occurrences(self, message: OccurrencesChanged) -> None:
        dues = [occurrence.due for occurrence in message.occurrences]
        if dues:
            begins = [occurrence.since or occurrence.due for occurrence in message.occurrences]
            self._changed((min(begins), max(dues) + MOMENT))

    def _affected(self, message: ScheduleChanged) -> Span:
        """Return where a changed event was due or is: a day or two of those shown, unless it repeats."""
        events = [message.event, *([message.before] if message.before is not None else [])]
        is_known = message.change != 'updated' or message.before is not None
        if not is_known or any(event.is_repeating for event in events):
            return self.planned
        dues = [instant_of(event.start, event.timezone) for event in events]
        return min(dues), max(dues) + MOMENT

    def _on_run(self, message: RunChanged) -> None:
        if message.moved:
            at = message.run.due or message.run.created_at
            self._changed((at, at + MOMENT))

    def _changed(self, span: Span) -> None:
        start, end = self.span
        if span[1] <= start or end <= span[0]:
            return
        span = max(span[0], start), min(span[1], end)
        if self._stale is not None:
            span = min(span[0], self._stale[0]), max(span[1], self._stale[1])
        self._stale = span
        self._read_soon()

    def _read_in_background(self) -> None:
        # A read in progress continues until nothing is stale.
        if not self._reading.locked():
            background_tasks.create(self._catch_up(), name='entries of the calendar')

    async def _catch_up(self) -> None:
        async with self._reading:
            try:
                while self._stale is not None and not self.is_deleted:
                    asked, self._stale = self._stale, None
                    with self:  # in the language of the page
                        await self.read(asked)
                self._call(partial(self._failed, is_failed=False))
            except Exception:
                log.exception('%s could not be shown', self.name)
                self._stale = self.span  # the next read covers everything
                self._call(partial(self._failed, is_failed=True))


class EntryWindow(CalendarWindow):
    """Keeps the entries of its days; a subclass arranges and draws them.

    A busy month has a hundred thousand entries, so they are arranged in a thread; only `draw` runs on the event loop.
    """

    def __init__(self, room: ControlRoom, *, only: EntryFilter, failed: Failed) -> None:
        super().__init__(room, only=only, failed=failed)
        self._known: dict[str, CalendarEntry] = {}

    def arrange(self, entries: Sequence[CalendarEntry], now: datetime) -> Any:
        """Return what to draw; called in a thread, so it must not read anything that changes."""
        raise NotImplementedError

    def draw(self, picture: Any, now: datetime) -> None:
        """Show what was arranged."""
        raise NotImplementedError

    async def read(self, asked: Span) -> None:
        span = self.span
        found = await self._room.calendar.entries(*asked)
        now = now_utc()
        self._known, picture = await asyncio.to_thread(in_this_language(self._arranged), span, asked, found, now)
        if span == self.span:  # otherwise other days are wanted by now, and read next
            self._call(lambda: self.draw(picture, now))

    def _arranged(
        self, span: Span, asked: Span, found: Sequence[CalendarEntry], now: datetime
    ) -> tuple[dict[str, CalendarEntry], Any]:
        start, end = span
        kept = (entry for entry in self._known.values() if start <= entry.at < end)
        known = {entry.key: entry for entry in kept if not asked[0] <= entry.at < asked[1]}
        known |= {entry.key: entry for entry in found}
        passes = self._only.passes_any_state
        return known, self.arrange([entry for entry in known.values() if passes(entry)], now)
