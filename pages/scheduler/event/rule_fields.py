"""How an event repeats, as controls: what they say is a `RuleForm`, see there for the rules of RFC 5545."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from pages.parts.cards import set_props
from pages.parts.controls import MomentField, Slot, entry, segments, select, with_unit
from pages.parts.html import el
from synapse.recurrence.rules import MOST_COUNT, MOST_INTERVAL

from .rule_form import LAST, Custom, Ends, Repeats, followed, form_of, rule_of

WEEKDAYS = ('Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday')
MONTHS = tuple(f'{date(2000, month, 1):%B}' for month in range(1, 13))
REPEATS = {repeats.value: repeats.value.capitalize() for repeats in Repeats}
ENDS = {Ends.NEVER.value: 'Never', Ends.ON.value: 'On a day', Ends.AFTER.value: 'After'}
PLACES = {'0': 'Day', '1': 'First', '2': 'Second', '3': 'Third', '4': 'Fourth', '5': 'Fifth', '-1': 'Last'}
LAST_DAY = 'day'
CUSTOM = {
    Custom.YEARLY.value: 'years',
    Custom.HOURLY.value: 'hours',
    Custom.MINUTELY.value: 'minutes',
    Custom.RULE.value: 'a rule of your own',
}
UNITS = {Repeats.DAILY: 'days', Repeats.WEEKLY: 'weeks', Repeats.MONTHLY: 'months'}


class RuleFields:
    """Repeats, on, every, ends. What the controls hold is `form`; what cannot be read of it is in `problems`.

    :param changed: called with each change by the person
    """

    def __init__(self, rule: str | None, start: datetime, zone: str, changed: Callable[[], None]) -> None:
        self._given = rule
        self._first = form_of(rule, start, zone)
        self._start = self._last_start = start
        self._changed = changed
        self.form = self._first
        self.problems: dict[str, str] = {}
        with el('div', 'ev-row is-rule'):
            with Slot('event-repeats', 'Repeats', is_group=True).body:
                segments('event-repeats', REPEATS, self.form.repeats.value, self._go)
            self._on = el('div', 'ev-on')
        self._more = el('div', 'ev-row')
        self._error = el('span', 'sy-error', role='alert', id='event-rrule-error')
        self._draw()

    def rule(self, start: datetime) -> str | None:
        """The rule in RFC 5545; one that nobody has changed is the very text that was given."""
        is_same_end = self.form.until is None or start.time() == self._start.time()
        return self._given if self.form == self._first and is_same_end else rule_of(self.form)

    def follow(self, start: datetime) -> None:
        """The first day is another one now."""
        form = followed(self.form, self._last_start, start)
        self._last_start = start
        if form != self.form:
            self.form = form
            self._draw_on()

    def show_error(self, text: str) -> None:
        if self._error.text != text:
            self._error.set_text(text)

    # Changes

    def _go(self, repeats: str) -> None:
        changes: dict[str, Any] = {'repeats': Repeats(repeats)}
        if repeats == Repeats.CUSTOM and self.form.is_raw is False and self.form.frequency is not None:
            changes['raw'] = rule_of(self.form) or ''
        self._set(**changes)
        self._draw()

    def _set(self, **changes: Any) -> None:
        self.form = replace(self.form, **changes)
        self._check()
        self._changed()

    def _number(self, name: str, text: str, most: int) -> None:
        """Take a number that is typed; what is none stands as a problem until it is one."""
        is_fine = text.strip().isdecimal() and 1 <= int(text) <= most
        self._problem(name, '' if is_fine else f'Give a number from 1 to {most:,}.')
        if is_fine:
            self._set(**{name: int(text)})
        else:
            self._changed()

    def _check(self) -> None:
        form = self.form
        has_no_day = form.repeats is Repeats.WEEKLY and not form.weekdays
        self._problem('weekdays', 'Pick at least one day.' if has_no_day else '')
        is_empty = form.is_raw and not form.raw.strip()
        self._problem('raw', 'Write a rule, such as FREQ=MONTHLY;BYMONTHDAY=1,15.' if is_empty else '')

    def _problem(self, name: str, sentence: str) -> None:
        self.problems.pop(name, None)
        if sentence:
            self.problems[name] = sentence
        slot = self._slots.get(name)
        if slot is not None:
            slot.show_error(sentence)

    # Controls, drawn anew where another way to repeat asks for others

    def _draw(self) -> None:
        self._slots: dict[str, Slot] = {}
        self.problems = {}
        self._draw_on()
        self._more.clear()
        set_props(self._more, hidden=self.form.repeats is Repeats.NEVER)
        if self.form.repeats is not Repeats.NEVER:
            with self._more:
                self._draw_every()
                if not self.form.is_raw:
                    self._draw_ends()
        self._check()

    def _draw_on(self) -> None:
        form = self.form
        self._on.clear()
        with self._on:
            if form.repeats is Repeats.WEEKLY:
                self._draw_weekdays()
            elif form.is_raw:
                self._draw_raw()
            elif form.repeats is Repeats.MONTHLY or (form.repeats is Repeats.CUSTOM and form.custom is Custom.YEARLY):
                self._draw_day()

    def _draw_weekdays(self) -> None:
        slot = self._slots['weekdays'] = Slot('event-on', 'On', is_group=True)
        with slot.body, el('div', 'ev-days'):
            for number, name in enumerate(WEEKDAYS):
                with el('label', 'dy', title=name):
                    box = el('input', type_='checkbox', aria_label=name)
                    box.props['^checked'] = number in self.form.weekdays or None
                    el('span', text=name[0], aria_hidden='true')
                box.on(
                    'change',
                    lambda event, number=number: self._turn(number, is_on=bool(event.args)),
                    js_handler='(e) => emit(e.target.checked)',
                )

    def _turn(self, weekday: int, *, is_on: bool) -> None:
        days = self.form.weekdays | {weekday} if is_on else self.form.weekdays - {weekday}
        self._set(weekdays=frozenset(days))

    def _draw_raw(self) -> None:
        slot = self._slots['raw'] = Slot('event-raw', 'Rule', help_text='As RFC 5545 writes it, its end included.')
        slot.show_fact('RRULE')
        with slot.body:
            box = entry('event-raw', self.form.raw, lambda text: self._set(raw=text))
            box.classes('sy-mono')

    def _draw_day(self) -> None:
        slot = self._slots['day'] = Slot('event-on', 'On', is_group=True)
        with slot.body, el('div', 'ev-day'):
            select('event-place', PLACES, self._place, self._go_to_place, label='Which', slot='event-on')
            self._day = el('span', 'ev-day')
            if self.form.repeats is Repeats.CUSTOM:
                months = {str(number): name for number, name in enumerate(MONTHS, start=1)}
                month = str(self.form.month)
                select(
                    'event-month',
                    months,
                    month,
                    lambda text: self._set(month=int(text)),
                    label='Month',
                    slot='event-on',
                )
        self._draw_day_box()

    @property
    def _place(self) -> str:
        form = self.form
        return str(LAST) if form.place == 0 and form.day == LAST else str(form.place)

    def _draw_day_box(self) -> None:
        """A number or a weekday, beside which of them."""
        form, place = self.form, self._place
        self._problem('day', '')
        self._day.clear()
        with self._day:
            if place == '0':
                entry(
                    'event-day', str(form.day), self._typed_day, slot='event-on', inputmode='numeric', aria_label='Day'
                )
            else:
                days = {str(number): name for number, name in enumerate(WEEKDAYS)}
                if place == str(LAST):
                    days = {LAST_DAY: 'day'} | days
                value = LAST_DAY if form.place == 0 else str(form.weekday)
                select('event-weekday', days, value, self._go_to_weekday, label='Weekday', slot='event-on')
        self._advise_day()

    def _go_to_place(self, place: str) -> None:
        day = self._last_start.day if self.form.day == LAST else self.form.day
        self._set(place=int(place), day=day)
        self._draw_day_box()

    def _go_to_weekday(self, weekday: str) -> None:
        if weekday == LAST_DAY:
            self._set(place=0, day=LAST)
        else:
            self._set(place=LAST if self.form.place == 0 else self.form.place, weekday=int(weekday))

    def _typed_day(self, text: str) -> None:
        self._number('day', text, 31)
        self._advise_day()

    def _advise_day(self) -> None:
        form = self.form
        is_rare = form.repeats is Repeats.MONTHLY and ((form.place == 0 and form.day > 28) or form.place == 5)
        self._slots['day'].show_help('Months without that day are left out.' if is_rare else '')

    def _draw_every(self) -> None:
        form = self.form
        is_custom = form.repeats is Repeats.CUSTOM
        slot = self._slots['every'] = Slot('event-every', 'Repeats by' if form.is_raw else 'Every')
        with slot.body, el('div', 'ev-every'):
            if form.is_raw:
                self._draw_custom('event-every')
                return
            unit = '' if is_custom else UNITS[form.repeats]
            with with_unit(unit):
                entry(
                    'event-every',
                    str(form.every),
                    lambda text: self._number('every', text, MOST_INTERVAL),
                    inputmode='numeric',
                )
            if is_custom:
                self._draw_custom('event-custom')

    def _draw_custom(self, id: str) -> None:
        self._custom = select(id, CUSTOM, self.form.custom.value, self._go_custom, label='Unit', slot='event-every')

    def _go_custom(self, custom: str) -> None:
        raw = self.form.raw or rule_of(self.form) or ''
        self._set(custom=Custom(custom), raw=raw)
        self._draw()
        self._custom.run_method('focus')  # it is another one now

    def _draw_ends(self) -> None:
        form = self.form
        with Slot('event-ends', 'Ends').body:
            select('event-ends', ENDS, form.ends.value, self._go_ends)
        self._end = el('div')
        self._draw_end()

    def _go_ends(self, ends: str) -> None:
        until = self.form.until or self._last_start.date() + timedelta(days=90)
        self._set(ends=Ends(ends), until=until if ends == Ends.ON else None)
        self._draw_end()

    def _draw_end(self) -> None:
        form = self.form
        for name in ('until', 'count'):
            self._problem(name, '')
            self._slots.pop(name, None)
        self._end.clear()
        with self._end:
            if form.ends is Ends.ON and form.until is not None:
                slot = self._slots['until'] = Slot('event-until', 'Last day')
                with slot.body:
                    self._until = MomentField(
                        'event-until',
                        form.until.isoformat(),
                        self._typed_until,
                        kind='date',
                        icon_name='calendar',
                        words=day_words(form.until),
                    )
            elif form.ends is Ends.AFTER:
                slot = self._slots['count'] = Slot('event-count', 'How often')
                with slot.body, with_unit('times'):
                    entry(
                        'event-count',
                        str(form.count),
                        lambda text: self._number('count', text, MOST_COUNT),
                        inputmode='numeric',
                    )

    def _typed_until(self, text: str) -> None:
        try:
            until = date.fromisoformat(text)
        except ValueError:
            self._problem('until', 'Pick the last day.')
            self._changed()
            return
        self._until.say(day_words(until))
        self._problem('until', '')
        self._set(until=until)


def day_words(day: date) -> str:
    """`Fri 16 Oct 2026`."""
    return f'{day:%a} {day.day} {day:%b} {day.year}'
