"""The month: cells that are made once, each brought to its day, and changed one by one as runs and events change."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from nicegui import background_tasks
from nicegui.elements.mixins.text_element import TextElement

from pages.parts.cards import put
from pages.parts.html import el
from pages.parts.scope import Scope
from pages.parts.words import pipeline_color
from pages.scheduler.parts.days import midnight
from pages.scheduler.parts.entry_filter import EntryFilter
from synapse.calendar.events import CalendarEntry
from synapse.calendar.messages import OccurrencesChanged, ScheduleChanged
from synapse.catalog.catalog import PipelinesChanged
from synapse.control_room import ControlRoom
from synapse.records import now_utc
from synapse.runs.messages import RunChanged
from synapse.status import StatusChanged

from .chip import Room
from .day_cell import DayCell
from .layout import DAY, Day, Setting, days_of, laid_out, totals_of, waiting

log = logging.getLogger(__name__)

AT_MOST_EVERY_SECONDS = 0.05
PATIENCE_SECONDS = 0.15
"""How long the old month stays while another is read; then its days come without their entries."""
LET_GO = 2000
WEEKS = 6
WEEKDAYS = ('Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday')


class Failed(Protocol):
    def __call__(self, *, is_failed: bool) -> None: ...


@dataclass(frozen=True, kw_only=True)
class GridActions:
    """What a person does in the grid; the page knows what follows from it."""

    open_entry: Callable[[CalendarEntry], None]
    open_day: Callable[[date], object]
    plan: Callable[[date], object]
    drop: Callable[[str, date], object]
    """With the key of a chip and the day it is to go to."""
    turn: Callable[[date], object]
    """To the month of a day."""
    changed: Callable[[], None]
    """Days have other contents now."""
    failed: Failed
    """Whether the days could not be read."""


class MonthGrid(Scope, component='month_grid.js'):
    """The grid of one month at a time. Where the focus is, what is dragged and how high a row is, the browser knows."""

    def __init__(self, room: ControlRoom, day: date, *, only: EntryFilter, actions: GridActions) -> None:
        super().__init__('section')
        self._room = room
        self._actions = actions
        self._only = only
        self._room_inside = Room()
        self._workers = len(room.status.workers)
        self._known: dict[date, Day] = {}
        self._stale: set[date] = set()
        self._reading = asyncio.Lock()
        self.month = day.replace(day=1)
        self.classes('glass-card mo-grid').props['role'] = 'grid'
        with self:
            self._draw_head()
            self._weeks = [self._draw_week() for _ in range(WEEKS)]
        self._listen()
        self._soon = self.at_most_every(AT_MOST_EVERY_SECONDS, self._catch_up_soon)
        self._show_waiting()

    def _draw_head(self) -> None:
        with el('div', 'mo-head', role='row'):
            el('span', 'mo-wn', aria_hidden='true')
            for number, name in enumerate(WEEKDAYS):
                el('span', 'is-weekend' if number > 4 else '', name[:3], role='columnheader', aria_label=name)

    def _draw_week(self) -> '_Week':
        with el('div', 'mo-week', role='row') as row:
            number = el('span', 'mo-wn', role='rowheader')
            return _Week(row, number, [DayCell() for _ in range(7)])

    def _listen(self) -> None:
        room, detail = self._room, '(e) => emit(e.detail)'
        self.on('measured', lambda event: self._measured(event.args), js_handler=detail)
        self.on('chip', lambda event: self._open(str(event.args)), js_handler=detail)
        for name, action in (('day', self._actions.open_day), ('plan', self._actions.plan)):
            self.on(name, lambda event, act=action: act(date.fromisoformat(event.args)), js_handler=detail)
        self.on('turn', lambda event: self._actions.turn(date.fromisoformat(event.args)), js_handler=detail)
        self.on(
            'dropped',
            lambda event: self._actions.drop(str(event.args['key']), date.fromisoformat(event.args['day'])),
            js_handler=detail,
        )
        # The browser sees that a new day has begun, also where this machine slept over midnight: see `agenda.js`.
        self.on('dayturned', lambda: self._days_changed(self.days))
        self.follow(room.bus, RunChanged, self._on_run)
        self.follow(room.bus, OccurrencesChanged, self._on_occurrences)
        self.follow(room.bus, ScheduleChanged, lambda _: self._days_changed(self._ahead()))
        self.follow(room.bus, PipelinesChanged, lambda _: self._days_changed(self.days))
        self.follow(room.bus, StatusChanged, lambda _: self._on_status())

    # What a page asks

    @property
    def days(self) -> list[date]:
        """The days of the grid, whole weeks."""
        return days_of(self.month)

    @property
    def totals(self) -> Counter[str]:
        """Of the month, by group of states; what the filter lets through but for its states."""
        return totals_of(self._known.values())

    @property
    def pipelines(self) -> set[str]:
        """Those with something in the grid."""
        return {name for day in self._known.values() for name in day.pipelines}

    async def load(self) -> None:
        """Read the whole grid and show it."""
        self._stale = set(self.days)
        await self._catch_up()

    async def show(self, day: date) -> None:
        """Turn to the month of this day."""
        month = day.replace(day=1)
        if month == self.month:
            return
        self.month = month
        put(self, data_loading='1')
        reading = asyncio.ensure_future(self.load())
        await asyncio.wait([reading], timeout=PATIENCE_SECONDS)
        if not reading.done() and self.month == month:
            self._call(self._show_waiting)
        await reading

    async def restrict(self, only: EntryFilter) -> None:
        """Show what this filter lets through."""
        self._only = only
        await self.load()

    # What changed

    def _on_run(self, message: RunChanged) -> None:
        if message.moved:
            self._days_changed([self._date_of(message.run.due or message.run.created_at)])

    def _on_occurrences(self, message: OccurrencesChanged) -> None:
        for occurrence in message.occurrences:
            first = self._date_of(occurrence.since or occurrence.due)
            last = self._date_of(occurrence.due)
            self._days_changed(day for day in self.days if first <= day <= last)

    def _on_status(self) -> None:
        workers = len(self._room.status.workers)
        if workers != self._workers:
            self._workers = workers
            self._days_changed(self._ahead())

    def _ahead(self) -> list[date]:
        today = self._date_of(now_utc())
        return [day for day in self.days if day >= today]

    def _days_changed(self, days: Iterable[date]) -> None:
        stale = set(days) & set(self.days)
        if stale:
            self._stale |= stale
            self._soon()

    def _measured(self, room: Mapping[str, Any]) -> None:
        inside = Room(rows=max(1, int(room['rows'])), beside=max(1, int(room['beside'])))
        if inside != self._room_inside:
            self._room_inside = inside
            self._days_changed(self.days)

    # Reading and showing

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self._room.calendar.zone)

    def _date_of(self, moment: datetime) -> date:
        return moment.astimezone(self._zone).date()

    def _setting(self) -> Setting:
        infos = self._room.catalog.list()
        return Setting(
            zone=self._zone,
            now=now_utc(),
            month=self.month,
            only=self._only,
            room=self._room_inside,
            workers=max(1, self._workers),
            limits={info.name: info.max_parallel for info in infos if info.max_parallel is not None},
            colors={info.name: pipeline_color(self._room, info.name) for info in infos},
        )

    def _catch_up_soon(self) -> None:
        # Whoever is reading already goes on until nothing is stale any more.
        if not self._reading.locked():
            background_tasks.create(self._catch_up(), name='days of the month')

    async def _catch_up(self) -> None:
        async with self._reading:
            try:
                while self._stale and not self.is_deleted:
                    month, days = self.month, sorted(self._stale)
                    self._stale.clear()
                    for stretch in stretches(days):
                        found = await self._read(stretch)
                        if month == self.month:
                            self._call(partial(self._show, found))
                self._call(partial(self._actions.failed, is_failed=False))
            except Exception:
                log.exception('days of the month %s could not be read', self.month)
                self._call(partial(self._actions.failed, is_failed=True))

    async def _read(self, days: list[date]) -> dict[date, Day]:
        setting = self._setting()
        start, end = midnight(days[0], setting.zone), midnight(days[-1] + DAY, setting.zone)
        found = [await self._room.calendar.entries(start, end)]
        return await asyncio.to_thread(_laid_out, found, days, setting)

    def _show_waiting(self) -> None:
        self._frame()
        setting = self._setting()
        for cell, day in zip(self._cells(), self.days, strict=False):
            cell.show(waiting(day, setting))

    def _show(self, days: Mapping[date, Day]) -> None:
        if self._framed != self.month:
            self._frame()
        put(self, data_loading=None)
        self._known |= days
        invites = not any(day.count for day in self._known.values()) and not self._room.calendar.events()
        today = self._date_of(now_utc())
        put(self, data_today=today.isoformat(), data_zone=self._zone.key)
        for cell, day in zip(self._cells(), self.days, strict=False):
            known = self._known.get(day)
            if known is not None and (day in days or day == today):
                cell.show(replace(known.picture, invites=invites and day == today))
        self._actions.changed()

    def _cells(self) -> Iterator[DayCell]:
        return (cell for week in self._weeks for cell in week.cells)

    def _frame(self) -> None:
        """The name and the weeks of the month, of whose days nothing is known yet."""
        self._framed = self.month
        self._known = {}
        days = self.days
        for number, week in enumerate(self._weeks):
            monday = days[number * 7] if number * 7 < len(days) else None
            put(week.row, hidden=monday is None)
            if monday is not None:
                name = str(monday.isocalendar().week)
                week.number.set_text(name)
                put(week.number, aria_label=f'Week {name}')
        name = f'{self.month:%B %Y}'
        put(self, aria_label=name, data_month=f'{self.month:%Y-%m}', data_weeks=str(len(days) // 7))

    def _open(self, key: str) -> None:
        entry = next((day.entries[key] for day in self._known.values() if key in day.entries), None)
        if entry is not None:
            self._actions.open_entry(entry)


def _laid_out(found: list[Sequence[CalendarEntry]], days: list[date], setting: Setting) -> dict[date, Day]:
    """What the days hold. The entries are let go here, a few at a time: a hundred thousand at once hold up the loop.

    :param found: takes them out of the hands of who asked
    """
    entries = list(found.pop())
    try:
        return laid_out(entries, days, setting)
    finally:
        while entries:
            del entries[-LET_GO:]


def stretches(days: Iterable[date]) -> list[list[date]]:
    """Days in order, those that follow one another together."""
    found: list[list[date]] = []
    for day in days:
        if found and day - found[-1][-1] == DAY:
            found[-1].append(day)
        else:
            found.append([day])
    return found


@dataclass(frozen=True, slots=True)
class _Week:
    row: TextElement
    number: TextElement
    cells: list[DayCell]
