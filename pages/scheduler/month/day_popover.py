"""All of one day, next to its cell: what ran and how it ended, what was missed and why, what is planned."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import background_tasks, ui

from pages.parts.dialogs import attempt
from pages.parts.html import WORDS, look_of
from pages.parts.words import pipeline_color
from pages.scheduler.parts.days import DAY, clock_in, length_words, midnight, weekday_of
from pages.scheduler.parts.entries import counts_of, target_of
from pages.scheduler.parts.entry_filter import EntryFilter
from pages.scheduler.parts.entry_words import title_of
from synapse.calendar.events import CalendarEntry
from synapse.control_room import ControlRoom
from synapse.records import now_utc

from .layout import STEEL

MAX_ROWS = 200
IN_ORDER = (
    'succeeded',
    'failed',
    'interrupted',
    'cancelled',
    'missed',
    'skipped',
    'running',
    'paused',
    'queued',
    'planned',
    'off',
)


@dataclass(frozen=True, kw_only=True)
class PopoverActions:
    """What a person can do there; the page carries it out."""

    open_entry: Callable[[CalendarEntry], None]
    run_now: Callable[[CalendarEntry], None]
    retry: Callable[[Sequence[CalendarEntry]], None]
    open_day: Callable[[date], object]
    plan: Callable[[date], object]


class DayPopover(ui.element, component='day_popover.js'):
    """One for the whole page; the browser closes it, and `refresh` updates it while it is open."""

    def __init__(self, room: ControlRoom, actions: PopoverActions) -> None:
        super().__init__()
        self._room = room
        self._actions = actions
        self._only = EntryFilter()
        self._entries: dict[str, CalendarEntry] = {}
        self._must_refresh = False
        self._reading = asyncio.Lock()
        self.day: date | None = None
        self._props['picture'] = None
        detail = '(e) => emit(e.detail)'
        self.on('closed', self._closed, js_handler=detail)
        self.on('entry', lambda event: self._with(event.args, actions.open_entry), js_handler=detail)
        self.on('runnow', lambda event: self._with(event.args, actions.run_now), js_handler=detail)
        self.on('pressed', lambda event: self._pressed(str(event.args)), js_handler=detail)

    async def show(self, day: date, only: EntryFilter) -> None:
        """Open it at this day, showing what the filter lets through."""
        self.day, self._only = day, only
        self._must_refresh = True
        await self._catch_up()

    def refresh(self) -> None:
        """Read the day again if it is open."""
        if self.day is not None and not self._must_refresh:
            self._must_refresh = True
            background_tasks.create(self._catch_up(), name='popover of a day')

    async def _catch_up(self) -> None:
        async with self._reading:
            while self._must_refresh and self.day is not None and not self.is_deleted:
                self._must_refresh = False
                day, zone = self.day, ZoneInfo(self._room.calendar.zone)
                reading = self._room.calendar.entries(midnight(day, zone), midnight(day + DAY, zone))
                entries = await attempt(reading)
                if day == self.day and entries is not None and not self.is_deleted:
                    self._draw(day, [entry for entry in entries if self._only.passes(entry)], zone)

    def _draw(self, day: date, entries: Sequence[CalendarEntry], zone: ZoneInfo) -> None:
        self._entries = {entry.key: entry for entry in entries}
        picture = picture_of(day, entries, zone) | {
            'rows': [self._row(entry, zone) for entry in entries[:MAX_ROWS]],
            'plans': midnight(day + DAY, zone) > now_utc(),
        }
        if picture != self._props['picture']:
            self._props['picture'] = picture
            self.update()

    def _row(self, entry: CalendarEntry, zone: ZoneInfo) -> dict[str, Any]:
        return row_of(entry, zone) | {'color': pipeline_color(self._room, entry.pipeline) or STEEL}

    def _closed(self) -> None:
        self.day = None
        self._props['picture'] = None
        self.update()

    def _with(self, key: object, action: Callable[[CalendarEntry], None]) -> None:
        entry = self._entries.get(str(key))
        if entry is not None:
            action(entry)

    def _pressed(self, name: str) -> None:
        if self.day is None:
            return
        if name == 'retry':
            self._actions.retry([entry for entry in self._entries.values() if is_failed(entry)])
        elif name == 'open':
            self._actions.open_day(self.day)
        elif name == 'plan':
            self._actions.plan(self.day)


def is_failed(entry: CalendarEntry) -> bool:
    """Whether it has a failed run that can be retried."""
    return entry.run is not None and entry.state in ('failed', 'interrupted')


def is_runnable(entry: CalendarEntry) -> bool:
    """Whether it has no run but could still be run."""
    return entry.run is None and entry.event_id is not None and entry.state in ('missed', 'skipped')


def picture_of(day: date, entries: Sequence[CalendarEntry], zone: ZoneInfo) -> dict[str, Any]:
    """The head of the popover: the day, how it went, and what its buttons offer."""
    counts = counts_of(entries)
    words = [f'{counts[state]} {WORDS[state].lower()}' for state in IN_ORDER if counts[state]]
    work = sum(entry.seconds or 0.0 for entry in entries if entry.state != 'planned' and entry.run is not None)
    failed = sum(is_failed(entry) for entry in entries)
    return {
        'day': day.isoformat(),
        'title': weekday_of(day),
        'caption': ', '.join([*words, *([f'{length_words(work)} of work'] if work else [])]) or 'Nothing here yet.',
        'more': max(0, len(entries) - MAX_ROWS),
        'retry': '' if not failed else 'Retry failed' if failed == 1 else f'Retry {failed} failed',
    }


def row_of(entry: CalendarEntry, zone: ZoneInfo) -> dict[str, Any]:
    is_planned = entry.state == 'planned'
    length = length_words(entry.seconds) if entry.seconds else ''
    has_reason = entry.reason and entry.state not in ('succeeded', 'planned', 'running')
    note = entry.reason if has_reason else f'~ {length}' if is_planned and length else length
    return {
        'key': entry.key,
        'time': clock_in(entry.at, zone),
        'title': title_of(entry),
        'look': look_of(entry.state),
        'word': WORDS[entry.state],
        'repeats': entry.is_repeating,
        'note': note if note or is_planned else WORDS[entry.state].lower(),
        'runs': is_runnable(entry),
        'links': target_of(entry) != 'day',
    }
