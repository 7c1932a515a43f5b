"""Thirty days as a list: what went wrong stays in sight, what went well folds into one line of its day."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from pages.parts.cards import empty, set_props
from pages.parts.html import button, el, icon, look_of, opens
from pages.scheduler.parts.days import day_in, midnight, monday_of, next_hour, weekday_of
from pages.scheduler.parts.entry_filter import EntryFilter
from pages.scheduler.parts.entry_words import summary_of
from pages.scheduler.parts.window import EntryWindow, Failed, OpenEntry, PlanAt, Span
from synapse.calendar.events import CalendarEntry
from synapse.control_room import ControlRoom
from synapse.records import now_utc
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord

from .day import LISTED, AgendaDay, Picture
from .lines import days_of, dots_of, lines_of

DAYS = 30
PROGRESS_SECONDS = 0.25


class Agenda(EntryWindow):
    """Days without entries are left out, today never.

    :param first: the first day listed, of the zone of the calendar
    :param plan_at: called with a naive wall time by who wants to plan something
    :param chosen: called with the day that was pressed in the strip of the week; without it the list begins there
    """

    name = 'the agenda'

    def __init__(
        self,
        room: ControlRoom,
        first: date,
        *,
        only: EntryFilter,
        failed: Failed,
        open_entry: OpenEntry,
        plan_at: PlanAt,
        chosen: Callable[[date], None] | None = None,
    ) -> None:
        super().__init__(room, only=only, failed=failed)
        self.classes('ag')
        self._first = first
        self._open = open_entry
        self._plan_at = plan_at
        self._days: dict[date, AgendaDay] = {}
        self._progressed: dict[str, RunRecord] = {}
        with self:
            with el('div', 'ag-strip', role='group', aria_label='Days of the week'):
                self._strip = [_StripDay(chosen or self.show) for _ in range(7)]
            self._list = el('div', 'glass-card ag-days')
            with (
                el('div', 'glass-card ag-none', hidden=True) as self._none,
                empty('Nothing planned yet', 'Pick a day and Synapse starts the run for you.', 'calendar'),
            ):
                opens(button('Plan a run', icon_name='plus', small=True), self._plan)
            with (
                el('div', 'glass-card ag-none', hidden=True) as self._hidden,
                empty('Nothing fits this filter', 'Other entries of these days do.', 'filter'),
            ):
                pass
            with el('button', 'ag-new', type_='button', aria_label='New event') as new:
                icon('plus', size=22)
            opens(new, self._plan)
        self._progress_soon = self.at_most_every(PROGRESS_SECONDS, self._show_progress)
        self.follow(room.bus, RunChanged, self._on_progress)
        self._frame(now_utc())

    @property
    def span(self) -> Span:
        """The days listed, and those before them in the strip of the week."""
        end = self._first + timedelta(days=DAYS)
        return midnight(monday_of(self._first), self._zone), midnight(end, self._zone)

    def show(self, day: date) -> None:
        """List the thirty days from this one on."""
        if day != self._first:
            self._first = day
            self._frame(now_utc())
            self._list.classes('is-loading')
            self.load_soon()

    def arrange(self, entries: Sequence[CalendarEntry], now: datetime) -> dict[date, Picture]:
        monday, today = monday_of(self._first), day_in(now, self._zone)
        days = days_of(entries, monday, DAYS + (self._first - monday).days, self._zone)
        return {day: self._picture(day, found, now if day == today else None) for day, found in days.items()}

    def _picture(self, day: date, entries: Sequence[CalendarEntry], now: datetime | None) -> Picture:
        known = self._days.get(day)
        is_unfolded, most = (known.is_unfolded, known.most) if known is not None else (False, LISTED)
        lines = lines_of(entries, now=now, is_unfolded=is_unfolded, most=most)
        return Picture(entries, lines, summary_of(entries))

    def draw(self, picture: dict[date, Picture], now: datetime) -> None:
        self._frame(now)
        self._list.classes(remove='is-loading')
        today = day_in(now, self._zone)
        for day, strip in zip(picture, self._strip, strict=False):
            strip.mark(dots_of(picture[day].entries))
        wanted = {day: item for day, item in picture.items() if day >= self._first and (item.entries or day == today)}
        is_empty = not any(item.entries for item in wanted.values())
        is_filtered = is_empty and any(entry.at >= midnight(self._first, self._zone) for entry in self._known.values())
        set_props(self._list, hidden=is_empty or None)
        set_props(self._none, hidden=None if is_empty and not is_filtered else True)
        set_props(self._hidden, hidden=None if is_filtered else True)
        for day in [day for day in self._days if is_empty or day not in wanted]:
            self._days.pop(day).delete()
        if is_empty:
            return
        for index, (day, item) in enumerate(wanted.items()):
            if day not in self._days:
                with self._list:
                    self._days[day] = AgendaDay(self._room, self._zone, day, self._open, self._plan)
            shown = self._days[day]
            if self._list.default_slot.children[index] is not shown:
                shown.move(target_index=index)
            shown.show(item, now, today)
        self._show_progress()

    def _frame(self, now: datetime) -> None:
        today, last = day_in(now, self._zone), self._first + timedelta(days=DAYS - 1)
        set_props(self, aria_label=f'Agenda, {self._first.day} {self._first:%B} to {last.day} {last:%B} {last.year}')
        set_props(self, data_today=today.isoformat(), data_zone=self._zone.key)
        monday = monday_of(self._first)
        for number, strip in enumerate(self._strip):
            strip.show(monday + timedelta(days=number), today, self._first)

    def _plan(self) -> None:
        """The next full hour; on a later day of the list its morning."""
        now = now_utc()
        if self._first > day_in(now, self._zone):
            self._plan_at(datetime.combine(self._first, datetime.min.time()) + timedelta(hours=9))
        else:
            self._plan_at(next_hour(now, self._zone))

    # What goes on

    def _on_progress(self, message: RunChanged) -> None:
        if message.run.state.is_live:
            self._progressed[message.run.id] = message.run
            self._progress_soon()

    def _show_progress(self) -> None:
        live = {run.id: run for run in self._room.runs.live()} | self._progressed
        self._progressed = {}
        for day in self._days.values():
            day.show_progress(live)


class _StripDay:
    """A day of the week above the list, on phones: its number, and dots for what is in it."""

    def __init__(self, chosen: Callable[[date], None]) -> None:
        self._day = date.min
        self._dots: Sequence[str] = ()
        with el('button', 'wd', type_='button') as self._button:
            self._letter = el('span')
            self._number = el('b', 'sy-num')
            self._marks = el('i')
        self._button.on('click', lambda: chosen(self._day))

    def show(self, day: date, today: date, first: date) -> None:
        if day != self._day:
            self._day = day
            self.mark(())
        self._letter.set_text(f'{day:%a}'[0])
        self._number.set_text(str(day.day))
        self._button.classes(replace='wd is-today' if day == today else 'wd')
        is_here = 'date' if day == today else None
        set_props(
            self._button, aria_label=weekday_of(day), aria_current=is_here, aria_pressed=str(day == first).lower()
        )

    def mark(self, states: Sequence[str]) -> None:
        """One dot for each of these states."""
        if tuple(states) == self._dots:
            return
        self._dots = tuple(states)
        self._marks.clear()
        with self._marks:
            for state in states:
                el('u', f'st-{look_of(state)}')
