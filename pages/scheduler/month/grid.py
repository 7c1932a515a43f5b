"""The month: cells that are made once, and updated one by one as runs and events change."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from pages.parts.cards import set_props
from pages.parts.html import el
from pages.parts.words import pipeline_color
from pages.scheduler.parts.days import DAY, day_in, in_week, midnight, week_of
from pages.scheduler.parts.entry_filter import EntryFilter
from pages.scheduler.parts.window import MOMENT, CalendarWindow, Failed, OpenEntry, Span
from synapse.calendar.messages import ScheduleChanged
from synapse.catalog.catalog import PipelinesChanged
from synapse.control_room import ControlRoom
from synapse.language import _, in_this_language, own_language
from synapse.language.formats import moment, weekdays
from synapse.records import now_utc
from synapse.status import StatusChanged

from .chip import Capacity
from .layout import Day, DayPicture, Setting, days_of, laid_out, totals_of, waiting

PATIENCE_SECONDS = 0.15
"""How long the old month stays while another is read; then the days of the new one appear without entries."""
DRAWN_AT_ONCE = 14
"""Days drawn before other work gets its turn."""
MAX_CHIPS = 50
"""However high the cells are; the browser says how much fits."""
WEEKS = 6


@dataclass(frozen=True, kw_only=True)
class GridActions:
    """What a person can do in the grid; the page carries it out."""

    open_entry: OpenEntry
    open_day: Callable[[date], object]
    plan: Callable[[date], object]
    drop: Callable[[str, date], object]
    """Takes the key of a chip and the day to move it to."""
    turn: Callable[[date], object]
    """Turns to the month of a day."""
    changed: Callable[[Mapping[str, int], set[str]], None]
    """Takes the new totals by group of states, and the pipelines that have entries in the grid."""


class DayCell(ui.element, component='day_cell.js'):
    """The cell of a day, drawn by the browser; made once for its place in the grid."""

    def __init__(self) -> None:
        super().__init__()
        self.picture: DayPicture | None = None
        self._props['picture'] = None

    def show(self, picture: DayPicture) -> None:
        """Show this picture; chips that stay the same are not touched."""
        if picture != self.picture:
            self.picture = picture
            self._props['picture'] = picture.as_props()
            self.update()


class MonthGrid(CalendarWindow, component='month_grid.js'):
    """The grid of one month at a time. The browser keeps the focus, the dragged chip and the height of a row."""

    def __init__(
        self, room: ControlRoom, day: date, *, only: EntryFilter, failed: Failed, actions: GridActions
    ) -> None:
        super().__init__(room, only=only, failed=failed, tag='div')
        self._actions = actions
        self._capacity = Capacity()
        self._workers = len(room.status.workers)
        self._known: dict[date, Day] = {}
        self.month = day.replace(day=1)
        self._framed: date | None = None
        self.classes('glass-card mo-grid').props['role'] = 'grid'
        with self:
            self._draw_head()
            self._weeks = [self._draw_week() for _ in range(WEEKS)]
        self._listen()
        self._show_waiting(self.month)

    def _draw_head(self) -> None:
        with el('div', 'mo-head', role='row'):
            el('span', 'mo-wn', aria_hidden='true')
            short, names = weekdays(), weekdays('wide')
            for number in in_week(self._week_start):
                look = 'is-weekend' if number > 4 else ''
                el('span', look, short[number], role='columnheader', aria_label=names[number])

    def _draw_week(self) -> '_Week':
        with el('div', 'mo-week', role='row') as row:
            number = el('span', 'mo-wn', role='rowheader')
            return _Week(row, number, [DayCell() for _ in range(7)])

    def _listen(self) -> None:
        room, detail = self._room, '(e) => emit(e.detail)'
        self.on('measured', lambda event: self._measured(event.args), js_handler=detail)
        self.on('chip', lambda event: self._open(str(event.args)), js_handler=detail)
        of_days = {'day': self._actions.open_day, 'plan': self._actions.plan, 'turn': self._actions.turn}
        for name, action in of_days.items():
            self.on(name, lambda event, act=action: act(date.fromisoformat(event.args)), js_handler=detail)
        self.on(
            'dropped',
            lambda event: self._actions.drop(str(event.args['key']), date.fromisoformat(event.args['day'])),
            js_handler=detail,
        )
        self.follow(room.bus, PipelinesChanged, lambda _message: self._changed(self.span))
        self.follow(room.bus, StatusChanged, lambda _message: self._on_status())
        self.follow(room.bus, ScheduleChanged, lambda _message: self._call(self._invite))

    # What a page calls

    @property
    def name(self) -> str:
        return moment('MMMM', self.month, own_language())

    @property
    def failed_words(self) -> str:
        return _('Could not load {month}.', month=moment('MMMM', self.month))

    @property
    def days(self) -> list[date]:
        """The days of the grid, in whole weeks."""
        return days_of(self.month, self._week_start)

    @property
    def span(self) -> Span:
        days = self.days
        return midnight(days[0], self._zone), midnight(days[-1] + DAY, self._zone)

    @property
    def planned(self) -> Span:
        """From today on."""
        start, end = self.span
        return max(start, midnight(day_in(now_utc(), self._zone), self._zone)), end

    def show(self, day: date) -> None:
        month = day.replace(day=1)
        if month != self.month:
            self.month = month
            set_props(self, data_loading='1')
            self.load_soon()
            asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._show_waiting, month)

    # What changed

    def _on_status(self) -> None:
        workers = len(self._room.status.workers)
        if workers != self._workers:
            self._workers = workers
            self._changed(self.planned)

    def _measured(self, size: Mapping[str, Any]) -> None:
        capacity = Capacity(**{name: min(max(1, int(size[name])), MAX_CHIPS) for name in ('rows', 'beside')})
        if capacity != self._capacity:
            self._capacity = capacity
            self._changed(self.span)

    # Reading and showing

    def _setting(self) -> Setting:
        infos = self._room.catalog.all()
        return Setting(
            zone=self._zone,
            now=now_utc(),
            month=self.month,
            only=self._only,
            capacity=self._capacity,
            workers=max(1, self._workers),
            limits={info.name: info.max_parallel for info in infos if info.max_parallel is not None},
            colors={info.name: pipeline_color(self._room, info.name) for info in infos},
        )

    async def read(self, asked: Span) -> None:
        setting = self._setting()
        first, last = (day_in(instant, setting.zone) for instant in (asked[0], asked[1] - MOMENT))
        days = [day for day in self.days if first <= day <= last]
        begins = {midnight(day, setting.zone): day for day in days}
        known: dict[date, Day] = {}
        async for start, end, entries in self._room.calendar.parts([*begins, midnight(last + DAY, setting.zone)]):
            part = [day for begin, day in begins.items() if start <= begin < end]
            known |= await asyncio.to_thread(in_this_language(laid_out), entries, part, setting)
            del entries  # while the next ones are read, these are not needed
        for begin in range(0, len(days), DRAWN_AT_ONCE):
            if setting.month != self.month:  # another month is wanted by now, and read next
                return
            self._call(partial(self._show, {day: known[day] for day in days[begin : begin + DRAWN_AT_ONCE]}))
            await asyncio.sleep(0)

    def _show_waiting(self, month: date) -> None:
        """Show the days of this month without entries, if it is still wanted and not shown yet."""
        if self.is_deleted or self._framed == month or self.month != month:
            return
        self._call(self._frame)
        setting = self._setting()
        with self:  # in the language of the page
            for cell, day in zip(self._cells(), self.days, strict=False):
                cell.show(waiting(day, setting))

    def _show(self, days: Mapping[date, Day]) -> None:
        if self._framed != self.month:
            self._frame()
        set_props(self, data_loading=None)
        self._known |= days
        set_props(self, data_today=day_in(now_utc(), self._zone).isoformat(), data_zone=self._zone.key)
        for cell, day in zip(self._cells(), self.days, strict=False):
            if day in days:
                cell.show(self._known[day].picture)
        self._invite()
        pipelines = {name for day in self._known.values() for name in day.pipelines}
        self._actions.changed(totals_of(self._known.values()), pipelines)

    def _invite(self) -> None:
        """Let the cell of today ask for a first event, as long as there is none on any day, also of other months."""
        today = day_in(now_utc(), self._zone)
        invites = self._room.calendar.is_empty and not any(day.count for day in self._known.values())
        for cell, day in zip(self._cells(), self.days, strict=False):
            known, is_inviting = self._known.get(day), cell.picture is not None and cell.picture.invites
            if known is not None and (day == today or is_inviting):
                cell.show(replace(known.picture, invites=invites and day == today))

    def _cells(self) -> Iterator[DayCell]:
        return (cell for week in self._weeks for cell in week.cells)

    def _frame(self) -> None:
        """Show the name and the weeks of the month, and forget the days of the one before."""
        self._framed = self.month
        self._known = {}
        days = self.days
        for number, week in enumerate(self._weeks):
            first = days[number * 7] if number * 7 < len(days) else None
            set_props(week.row, hidden=first is None)
            if first is not None:
                name = str(week_of(first)[1])
                week.number.set_text(name)
                set_props(week.number, aria_label=_('Week {number}', number=name))
        name = moment('yMMMM', self.month)
        set_props(self, aria_label=name, data_month=f'{self.month:%Y-%m}', data_weeks=str(len(days) // 7))

    def _open(self, key: str) -> None:
        entry = next((day.entries[key] for day in self._known.values() if key in day.entries), None)
        if entry is not None:
            self._actions.open_entry(entry)


@dataclass(frozen=True, slots=True)
class _Week:
    row: TextElement
    number: TextElement
    cells: list[DayCell]
