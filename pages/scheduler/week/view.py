"""A week as seven days of 24 hours: blocks as long as their runs, side by side where they overlap."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import partial

from pages.parts.cards import set_props
from pages.parts.dialogs import say
from pages.parts.html import Glyph, el, icon, opens
from pages.scheduler.parts.days import (
    DAY,
    clock_change_words,
    day_in,
    first_of_week,
    midnight,
    morning_of,
    wall_now,
    week_of,
    weekday_of,
)
from pages.scheduler.parts.entry_filter import EntryFilter
from pages.scheduler.parts.entry_words import counted_state, outcomes_of
from pages.scheduler.parts.window import EntryWindow, Failed, OpenEntry, PlanAt, Span
from synapse.calendar.events import CalendarEntry
from synapse.control_room import ControlRoom
from synapse.language import N_, _, translated
from synapse.language.formats import moment
from synapse.records import now_utc
from synapse.recurrence.words import clock_change_on

from .column import HOUR_PIXELS, WeekColumn
from .layout import Block, WeekLayout, begun_in, slot_at

FIRST_HOUR = 7
"""The first hour in sight, unless the week is this one."""
OVER = N_('That time has passed. Pick a later one.')

Picture = dict[date, tuple[Sequence[Block], dict[str, int]]]
"""The blocks of each day, and how many of its runs ended in which way."""


class WeekView(EntryWindow):
    """Built once, then updated in place.

    :param day: any day of the week to show
    :param plan_at: called with the naive wall time of an empty place that was clicked
    """

    name = 'this week'

    @property
    def failed_words(self) -> str:
        return _('Could not load this week.')

    def __init__(
        self,
        room: ControlRoom,
        day: date,
        *,
        only: EntryFilter,
        failed: Failed,
        open_entry: OpenEntry,
        plan_at: PlanAt,
    ) -> None:
        super().__init__(room, only=only, failed=failed)
        self.classes('glass-card wk')
        self._first = first_of_week(day, self._week_start)
        self._layout = WeekLayout(self._first, self._zone)
        self._plan_at = plan_at
        self._is_placed = False
        with self, el('div', 'wk-scroll') as self._scroll:
            with el('div', 'wk-head'):
                self._number = el('span', 'wk-number sy-num')
                self._heads = [_Head(partial(self._plan_on, place)) for place in range(7)]
            with el('div', 'wk-body'):
                with el('div', 'wk-hours sy-num', aria_hidden='true'):
                    for hour in range(24):
                        el('span', text=f'{hour:02}:00' if hour else '')
                self._columns = [WeekColumn(room, self._zone, open_entry, self._clicked) for _ in range(7)]
                el('span', 'wk-ghost sy-num', hidden=True, aria_hidden='true')
                self._now = el('i', 'wk-now', hidden=True, aria_hidden='true')
        self._frame(now_utc())

    @property
    def span(self) -> Span:
        """The seven days, and the day before, whose runs may continue into the first."""
        return midnight(self._first - DAY, self._zone), midnight(self._days[-1], self._zone)

    @property
    def _days(self) -> Sequence[date]:
        """Eight: the week ends as the last one begins."""
        return [self._first + DAY * number for number in range(8)]

    def show(self, day: date) -> None:
        if first_of_week(day, self._week_start) != self._first:
            self._first = first_of_week(day, self._week_start)
            self._layout = WeekLayout(self._first, self._zone)
            self._frame(now_utc())
            self._scroll.classes('is-loading')
            self.load_soon()

    def arrange(self, entries: Sequence[CalendarEntry], now: datetime) -> Picture:
        days = self._layout.blocks(entries, now)
        return {day: (blocks, outcomes_of(begun_in(blocks))) for day, blocks in days.items()}

    def draw(self, picture: Picture, now: datetime) -> None:
        self._frame(now)
        self._scroll.classes(remove='is-loading')
        for head, column, (blocks, outcomes) in zip(self._heads, self._columns, picture.values(), strict=True):
            head.count(outcomes)
            column.show(blocks)
        if not self._is_placed:
            self._is_placed = True
            self._place(now)

    def _frame(self, now: datetime) -> None:
        """Show everything but the blocks: days, today, now."""
        today = day_in(now, self._zone)
        last = self._days[6]
        year, week = week_of(self._first)
        first, until = moment('MMMMd', self._first), moment('yMMMMd', last)
        set_props(self, aria_label=_('Week {number}, {first} to {last}', number=week, first=first, last=until))
        set_props(self, data_today=today.isoformat(), data_zone=self._zone.key)
        set_props(self._number, title=_('Week {number} of {year}', number=week, year=year))
        self._number.set_text(str(week))
        for head, column, day in zip(self._heads, self._columns, self._days, strict=False):
            head.show(day, today, clock_change_on(day, self._zone.key))
            column.frame(day, today)
        place = (today - self._first).days
        set_props(self._now, hidden=None if 0 <= place < 7 else True)
        wall = now.astimezone(self._zone)
        self._now.style(f'--day:{place};--at:{wall.hour * 60 + wall.minute}')

    def _place(self, now: datetime) -> None:
        """Scroll to the hours that matter: now, or the start of the working day."""
        today = day_in(now, self._zone)
        is_here = today in self._days[:7]
        hour = max(0, now.astimezone(self._zone).hour - 3) if is_here else FIRST_HOUR
        place = self._days.index(today) if is_here else 0
        self.client.run_javascript(f'synapseWeek.place({self._scroll.html_id!r}, {hour * HOUR_PIXELS}, {place})')

    def _plan_on(self, place: int) -> None:
        day, now = self._days[place], now_utc()
        if day < day_in(now, self._zone):
            say(translated(OVER))
        else:
            self._plan_at(morning_of(day, now, self._zone))

    def _clicked(self, day: date, minutes: float) -> None:
        now = wall_now(now_utc(), self._zone)
        wall = slot_at(day, minutes, now)
        if wall > now:
            self._plan_at(wall)
        else:
            say(translated(OVER))


class _Head:
    """The name of a day, as a button that plans an event on it."""

    def __init__(self, plan: Callable[[], None]) -> None:
        with el('button', 'wk-day', type_='button') as self._button:
            self._weekday = el('span', 'wd')
            self._number = el('span', 'dn sy-num')
            self._facts = el('span', 'facts')
        opens(self._button, plan, what='')
        self._counts: dict[str, int] = {}
        self._hint = ''
        self._drawn: tuple[str, dict[str, int]] = ('', {})

    def show(self, day: date, today: date, change: timedelta) -> None:
        is_first = day.day == 1
        self._weekday.set_text(moment('EEE', day))
        self._number.set_text(moment('MMMd', day) if is_first else str(day.day))
        states = ['is-today'] if day == today else ['is-past'] if day < today else []
        self._button.classes(replace=' '.join(['wk-day', *states, *(['is-weekend'] if day.weekday() > 4 else [])]))
        self._hint = clock_change_words(change)
        name: str = weekday_of(day)
        if change:
            name = _('{day}, clocks change by {length}', day=name, length=self._hint)
        set_props(
            self._button,
            aria_description=name if day < today else _('{day}, new event', day=name),
            aria_current='date' if day == today else None,
            title=None if day < today else _('New event'),
        )
        self._draw()

    def count(self, outcomes: dict[str, int]) -> None:
        """Show how the runs of the day ended."""
        self._counts = outcomes
        self._draw()

    def _draw(self) -> None:
        if self._drawn == (self._hint, self._counts):
            return
        self._drawn = self._hint, self._counts
        self._facts.clear()
        with self._facts:
            if self._hint:
                with el('span', 'ds is-change'):
                    icon('clockback', size=12)
                    el('span', text=self._hint.replace('-', '−'))
            for word, sign, classes in (('ok', 'check', 'is-ok'), ('failed', 'x', 'is-failed')):
                if count := self._counts.get(word):
                    with el('span', f'ds {classes}', title=counted_state(word, count)):
                        el('span', text=str(count))
                        icon(sign, size=10)
            if missed := self._counts.get('missed'):
                with el('span', 'ds is-missed', title=counted_state('missed', missed)):
                    el('span', text=str(missed))
                    Glyph('missed', size=11)
