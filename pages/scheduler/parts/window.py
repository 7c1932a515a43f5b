"""A stretch of days of the calendar and what is in it: read once, then only where the room says that it changed."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import background_tasks

from pages.parts.cards import put
from pages.parts.html import button, el
from pages.parts.scope import Scope
from synapse.calendar.events import CalendarEntry
from synapse.calendar.messages import OccurrencesChanged, ScheduleChanged
from synapse.control_room import ControlRoom
from synapse.records import now_utc
from synapse.runs.messages import RunChanged

log = logging.getLogger(__name__)

AT_MOST_EVERY_SECONDS = 0.05
MOMENT = timedelta(microseconds=1)

Passes = Callable[[CalendarEntry], bool]
OpenEntry = Callable[[CalendarEntry], None]
PlanAt = Callable[[datetime], None]
Span = tuple[datetime, datetime]


class CalendarWindow(Scope):
    """Keeps the entries of its days as they are now; a subclass says which days, and draws them.

    Entries are arranged in a thread, since a busy month has a hundred thousand; only what `draw` shows costs the loop.

    :param passes: whether the filters of the page let an entry through; called in that thread
    """

    def __init__(self, room: ControlRoom, *, passes: Passes) -> None:
        super().__init__('section')
        self._room = room
        self._passes = passes
        self._zone = ZoneInfo(room.calendar.zone)
        self._known: dict[str, CalendarEntry] = {}
        self._stale: Span | None = None
        self._is_reading = False
        self._soon = self.at_most_every(AT_MOST_EVERY_SECONDS, self._read_in_background)
        with self, el('p', 'cal-problem', role='alert', hidden=True) as self._problem:
            el('span', text=f'Could not load {self.name}.')
            button('Try again', small=True).on('click', self.load)
        self.follow(room.bus, ScheduleChanged, lambda _: self._changed(self.span))
        self.follow(room.bus, OccurrencesChanged, self._on_occurrences)
        self.follow(room.bus, RunChanged, self._on_run)

    # What a subclass says

    name = 'the calendar'

    @property
    def span(self) -> Span:
        """From which moment on, and before which, entries are asked for."""
        raise NotImplementedError

    def arrange(self, entries: Sequence[CalendarEntry], now: datetime) -> Any:
        """What there is to draw; called in a thread, so it looks at nothing that changes."""
        raise NotImplementedError

    def draw(self, picture: Any, now: datetime) -> None:
        """Bring what is shown to what was arranged."""
        raise NotImplementedError

    # What a page asks

    async def load(self) -> None:
        """Read all and draw it; call it again after the filter has changed."""
        self._stale = self.span
        await self._read()

    def load_soon(self) -> None:
        """As `load`, without waiting for it."""
        self._stale = self.span
        self._read_in_background()

    # What changed

    def _on_occurrences(self, message: OccurrencesChanged) -> None:
        dues = [occurrence.due for occurrence in message.occurrences]
        if dues:
            self._changed((min(dues), max(dues) + MOMENT))

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
        self._soon()

    def _read_in_background(self) -> None:
        background_tasks.create(self._read(), name='entries of the calendar')

    async def _read(self) -> None:
        """Until nothing is stale any more; whoever is reading already goes on for the others."""
        if self._is_reading:
            return
        self._is_reading = True
        try:
            while self._stale is not None and not self.is_deleted:
                asked, self._stale = self._stale, None
                await self._read_once(asked)
            self._call(lambda: put(self._problem, hidden=True))
        except Exception:
            log.exception('%s could not be shown', self.name)
            self._stale = self.span  # whoever asks next asks for all of it
            self._call(lambda: put(self._problem, hidden=None))
        finally:
            self._is_reading = False

    async def _read_once(self, asked: Span) -> None:
        span = self.span
        found = await self._room.calendar.entries(*asked)
        now = now_utc()
        self._known, picture = await asyncio.to_thread(self._arranged, span, asked, found, now)
        if span == self.span:  # else other days are wanted by now, and read next
            self._call(lambda: self.draw(picture, now))

    def _arranged(
        self, span: Span, asked: Span, found: Sequence[CalendarEntry], now: datetime
    ) -> tuple[dict[str, CalendarEntry], Any]:
        start, end = span
        kept = (entry for entry in self._known.values() if start <= entry.at < end)
        known = {entry.key: entry for entry in kept if not asked[0] <= entry.at < asked[1]}
        known |= {entry.key: entry for entry in found}
        return known, self.arrange([entry for entry in known.values() if self._passes(entry)], now)
