"""Thirty days as a list: what went wrong stays in sight, what went well is folded into one line a day."""

from collections.abc import Callable, Sequence
from datetime import date, datetime

from pages.parts.cards import empty, guide_link, set_props
from pages.parts.dialogs import attempt
from pages.parts.html import button, el, icon, look_of, opens
from pages.scheduler.parts.days import DAY, day_in, first_of_week, midnight, morning_of, weekday_of
from pages.scheduler.parts.entry_filter import EntryFilter
from pages.scheduler.parts.entry_words import summary_of
from pages.scheduler.parts.views import AGENDA_DAYS
from pages.scheduler.parts.window import EntryWindow, Failed, OpenEntry, PlanAt, Span
from synapse.calendar.events import CalendarEntry
from synapse.control_room import ControlRoom
from synapse.language import _
from synapse.language.formats import moment, weekdays
from synapse.records import now_utc
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord

from .day import LISTED, AgendaDay, Picture
from .lines import days_of, dots_of, lines_of, listed_days

PROGRESS_SECONDS = 0.25


class Agenda(EntryWindow):
    """Days without entries are left out, except for today.

    :param first: the first day listed
    :param plan_at: called with a naive wall time when the person plans an event
    :param chosen: called with the day that was pressed in the strip of the week; without it, the list begins there
    """

    name = 'the agenda'

    @property
    def failed_words(self) -> str:
        return _('Could not load the agenda.')

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
        about: OpenEntry = lambda _entry: None,
    ) -> None:
        super().__init__(room, only=only, failed=failed)
        self.classes('ag')
        self._first = first
        self._open, self._about = open_entry, about
        self._plan_at = plan_at
        self._days: dict[date, AgendaDay] = {}
        self._progressed: dict[str, RunRecord] = {}
        with self:
            with el('div', 'ag-strip', role='group', aria_label=_('Days of the week')):
                self._strip = [_StripDay(chosen or self.show) for _ in range(7)]
            self._list = el('div', 'glass-card ag-days')
            with (
                el('div', 'glass-card ag-none', hidden=True) as self._none,
                empty(_('Nothing planned yet'), _('Pick a day and Synapse starts the run for you.'), 'calendar'),
            ):
                opens(button(_('Plan a run'), icon_name='plus', small=True), self._plan)
                opens(button(_('Bring your crontab'), icon_name='upload', small=True), self._bring_jobs)
                guide_link('plan')
            with (
                el('div', 'glass-card ag-none', hidden=True) as self._hidden,
                empty(_('No entries match this filter'), _('There are other entries on these days.'), 'filter'),
            ):
                pass
            with el('button', 'ag-new', type_='button', aria_label=_('New event')) as new:
                icon('plus', size=22)
            opens(new, self._plan)
        self._progress_soon = self.at_most_every(PROGRESS_SECONDS, self._show_progress)
        self.follow(room.bus, RunChanged, self._on_progress)
        self._frame(now_utc())

    async def _bring_jobs(self) -> None:
        from pages.settings.jobs import bring_jobs  # takes longer to import than the agenda to draw

        await attempt(bring_jobs(self._room))

    @property
    def span(self) -> Span:
        """The days listed, and the days before them in the strip of the week."""
        end = self._first + DAY * AGENDA_DAYS
        return midnight(first_of_week(self._first, self._week_start), self._zone), midnight(end, self._zone)

    def show(self, day: date) -> None:
        """List thirty days from this one on."""
        if day != self._first:
            self._first = day
            self._frame(now_utc())
            self._list.classes('is-loading')
            self.load_soon()

    def arrange(self, entries: Sequence[CalendarEntry], now: datetime) -> dict[date, Picture]:
        begin, today = first_of_week(self._first, self._week_start), day_in(now, self._zone)
        days = days_of(entries, begin, AGENDA_DAYS + (self._first - begin).days, self._zone)
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
        wanted = listed_days({day: item.entries for day, item in picture.items()}, self._first, today)
        start = midnight(self._first, self._zone)
        is_filtered = not wanted and any(entry.at >= start for entry in self._known.values())
        set_props(self._list, hidden=not wanted or None)
        set_props(self._none, hidden=bool(wanted) or is_filtered or None)
        set_props(self._hidden, hidden=not is_filtered or None)
        for day in self._days.keys() - set(wanted):
            self._days.pop(day).delete()
        for index, day in enumerate(wanted):
            if day not in self._days:
                with self._list:
                    self._days[day] = AgendaDay(self._room, self._zone, day, self._open, self._plan, about=self._about)
            shown = self._days[day]
            if self._list.default_slot.children[index] is not shown:
                shown.move(target_index=index)
            shown.show(picture[day], now, today)
        self._show_progress()

    def _frame(self, now: datetime) -> None:
        today, last = day_in(now, self._zone), self._first + DAY * (AGENDA_DAYS - 1)
        first, until = moment('MMMMd', self._first), moment('yMMMMd', last)
        set_props(self, aria_label=_('Agenda, {first} to {last}', first=first, last=until))
        set_props(self, data_today=today.isoformat(), data_zone=self._zone.key)
        begin = first_of_week(self._first, self._week_start)
        for number, strip in enumerate(self._strip):
            strip.show(begin + DAY * number, today, self._first)

    def _plan(self) -> None:
        self._plan_at(morning_of(self._first, now_utc(), self._zone))

    # Progress

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
    """A day in the strip of the week that phones show: its number, and dots for its entries."""

    def __init__(self, chosen: Callable[[date], None]) -> None:
        self._day = date.min
        self._dots: Sequence[str] = ()
        with el('button', 'wd', type_='button') as self._button:
            self._letter = el('span', aria_hidden='true')
            self._number = el('b', 'sy-num', aria_hidden='true')
            self._name = el('span', 'sy-vh')
            self._marks = el('i')
        self._button.on('click', lambda: chosen(self._day))

    def show(self, day: date, today: date, first: date) -> None:
        if day != self._day:
            self._day = day
            self.mark(())
        self._letter.set_text(weekdays('narrow')[day.weekday()])
        self._number.set_text(str(day.day))
        self._button.classes(replace='wd is-today' if day == today else 'wd')
        is_here = 'date' if day == today else None
        self._name.set_text(weekday_of(day))
        set_props(self._button, aria_current=is_here, aria_pressed=str(day == first).lower())

    def mark(self, states: Sequence[str]) -> None:
        """Show one dot for each of these states."""
        if tuple(states) == self._dots:
            return
        self._dots = tuple(states)
        self._marks.clear()
        with self._marks:
            for state in states:
                el('u', f'st-{look_of(state)}')
