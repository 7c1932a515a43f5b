"""All of one day, next to its cell: what ran and how it ended, what was missed and why, what is planned."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import background_tasks, ui

from pages.parts.dialogs import attempt
from pages.parts.html import WORDS, look_of
from pages.parts.words import pipeline_color
from pages.scheduler.parts.days import DAY, clock_in, length_words, midnight, weekday_of
from pages.scheduler.parts.entries import counts_of, gathered, is_gathered, kind_of, target_of
from pages.scheduler.parts.entry_filter import EntryFilter
from pages.scheduler.parts.entry_words import counted_state, title_of
from synapse.calendar.events import CalendarEntry
from synapse.control_room import ControlRoom
from synapse.language import _, _n, spoken
from synapse.records import now_utc

from .layout import STEEL

MAX_ROWS = 200
FOLD = 'fold:'
"""Before the key of a row that stands for several entries, the first of which has this key too."""
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
    'broken',
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
    about: Callable[[CalendarEntry], None] = lambda _entry: None
    """Opens the card of an occurrence."""


class DayPopover(ui.element, component='day_popover.js'):
    """One for the whole page; the browser closes it, and `refresh` updates it while it is open."""

    def __init__(self, room: ControlRoom, actions: PopoverActions) -> None:
        super().__init__()
        self._room = room
        self._actions = actions
        self._only = EntryFilter()
        self._entries: dict[str, CalendarEntry] = {}
        self._unfolded: set[tuple[str | None, str]] = set()
        self._must_refresh = False
        self._reading = asyncio.Lock()
        self.day: date | None = None
        self._props['picture'] = None
        detail = '(e) => emit(e.detail)'
        self.on('closed', self._closed, js_handler=detail)
        self.on('entry', lambda event: self._with(event.args, actions.open_entry), js_handler=detail)
        self.on('runnow', lambda event: self._with(event.args, actions.run_now), js_handler=detail)
        self.on('about', lambda event: self._with(event.args, actions.about), js_handler=detail)
        self.on('fold', lambda event: self._fold(str(event.args)), js_handler=detail)
        self.on('pressed', lambda event: self._pressed(str(event.args)), js_handler=detail)

    async def show(self, day: date, only: EntryFilter) -> None:
        """Open it at this day, showing what the filter lets through."""
        if day != self.day:
            self._unfolded.clear()
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
                    with self:  # in the language of the page
                        self._draw(day, [entry for entry in entries if self._only.passes(entry)], zone)

    def _draw(self, day: date, entries: Sequence[CalendarEntry], zone: ZoneInfo) -> None:
        self._entries = {entry.key: entry for entry in entries}
        listed = listed_of(entries, self._unfolded)
        picture = picture_of(day, entries, zone, len(listed)) | {
            'rows': [self._row(entry, zone) for entry in listed[:MAX_ROWS]],
            'plans': midnight(day + DAY, zone) > now_utc(),
        }
        if picture != self._props['picture']:
            self._props['picture'] = picture
            self.update()

    def _row(self, entry: CalendarEntry, zone: ZoneInfo) -> dict[str, Any]:
        color = pipeline_color(self._room, entry.pipeline) or STEEL
        is_open = is_gathered(entry) and kind_of(entry) in self._unfolded
        return row_of(entry, zone) | {'color': color, 'open': is_open}

    def _fold(self, key: str) -> None:
        """Show each of the entries that a row stands for, or only the row again."""
        entry = self._entries.get(key.removeprefix(FOLD))
        if entry is not None and self.day is not None:
            self._unfolded ^= {kind_of(entry)}
            self._draw(self.day, list(self._entries.values()), ZoneInfo(self._room.calendar.zone))

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
    return (
        entry.run is None
        and entry.event_id is not None
        and entry.state in ('missed', 'skipped')
        and not is_gathered(entry)
    )


def listed_of(
    entries: Sequence[CalendarEntry], unfolded: Collection[tuple[str | None, str]]
) -> Sequence[CalendarEntry]:
    """Return what is listed of a day, gathered as in its cell; what is unfolded follows the row that stands for it."""
    listed: list[CalendarEntry] = []
    for line in gathered(entries):
        listed.append(line)
        if is_gathered(line) and kind_of(line) in unfolded:
            listed += [entry for entry in entries if kind_of(entry) == kind_of(line)]
    return listed


def picture_of(
    day: date, entries: Sequence[CalendarEntry], zone: ZoneInfo, listed: int | None = None
) -> dict[str, Any]:
    """The head of the popover: the day, how it went, and what its buttons offer.

    :param listed: how many rows there are if each entry does not have one
    """
    counts = counts_of(entries)
    words = [counted_state(state, counts[state]) for state in IN_ORDER if counts[state]]
    work = sum(entry.seconds or 0.0 for entry in entries if entry.state != 'planned' and entry.run is not None)
    failed = sum(is_failed(entry) for entry in entries)
    spent = _('{length} of work', length=length_words(work)) if work else ''
    return {
        'day': day.isoformat(),
        'title': weekday_of(day),
        'caption': ', '.join(filter(None, [*words, spent])) or _('Nothing here yet.'),
        'more': max(0, (len(entries) if listed is None else listed) - MAX_ROWS),
        'retry': _n('Retry failed', 'Retry {count} failed', failed) if failed else '',
    }


def row_of(entry: CalendarEntry, zone: ZoneInfo) -> dict[str, Any]:
    is_planned = entry.state == 'planned'
    length = length_words(entry.seconds) if entry.seconds else ''
    is_folded = is_gathered(entry)
    has_reason = entry.reason and entry.state not in ('succeeded', 'planned', 'running')
    note = spoken(entry.reason) if has_reason else f'~ {length}' if is_planned and length else length
    return {
        'key': f'{FOLD}{entry.key}' if is_folded else entry.key,
        'folds': is_folded,
        'time': clock_in(entry.at, zone),
        'title': title_of(entry),
        'look': look_of(entry.state),
        'word': WORDS[entry.state],
        'repeats': entry.is_repeating,
        'note': note if note or is_planned else WORDS[entry.state].lower(),
        'runs': is_runnable(entry),
        'links': target_of(entry) != 'day' and not is_folded,
        'about': not is_folded and entry.event_id is not None and entry.due is not None,
    }
