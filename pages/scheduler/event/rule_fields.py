"""How an event repeats, as controls around a `RuleForm`."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

from nicegui.element import Element

from pages.parts.cards import set_props
from pages.parts.controls import MomentField, Slot, entry, segments, select, with_unit
from pages.parts.html import el
from pages.scheduler.parts.days import WEEKDAYS, day_words
from synapse.recurrence import TICK
from synapse.recurrence.cron import cron_plans, is_cron
from synapse.recurrence.rules import MAX_COUNT, MAX_INTERVAL

from .rule_form import LAST, Custom, Ends, Repeats, RuleForm, followed, form_of, number_in, rule_of

MONTHS = tuple(f'{date(2000, month, 1):%B}' for month in range(1, 13))
REPEATS = {repeats.value: repeats.value.capitalize() for repeats in Repeats}
ENDS = {Ends.NEVER.value: 'Never', Ends.ON.value: 'On a date', Ends.AFTER.value: 'After'}
PLACES = {'0': 'Day', '1': 'First', '2': 'Second', '3': 'Third', '4': 'Fourth', '5': 'Fifth', '-1': 'Last'}
LAST_DAY = 'day'
CUSTOM = {
    Custom.YEARLY.value: 'years',
    Custom.HOURLY.value: 'hours',
    Custom.MINUTELY.value: 'minutes',
    Custom.RULE.value: 'a custom rule',
}
UNITS = {Repeats.DAILY: 'days', Repeats.WEEKLY: 'weeks', Repeats.MONTHLY: 'months'}


class RuleFields:
    """Repeats, on, every, ends. `form` is what the controls hold, `problems` a sentence for each that cannot be read.

    :param changed: called with each change by the person
    :param now: returns the start and the zone that the dialog shows; the start is None if it cannot be read
    :param moved: called with the start of a schedule of cron, which has its own time
    """

    def __init__(
        self,
        rule: str | None,
        start: datetime,
        zone: str,
        changed: Callable[[], None],
        *,
        now: Callable[[], tuple[datetime | None, str]],
        moved: Callable[[datetime], None],
    ) -> None:
        self._now, self._moved = now, moved
        self._given = rule
        self._first = form_of(rule, start, zone)
        self._start = self._last_start = start
        self._changed = changed
        self.form = self._first
        self.problems: dict[str, str] = {}
        with el('div', 'ev-row is-rule'):
            self._repeats = Slot('event-repeats', 'Repeats', is_group=True).body
            self._on = el('div', 'ev-on')
        self._more = el('div', 'ev-row')
        self._error = el('span', 'sy-error', role='alert', id='event-rrule-error')
        self._draw_repeats()
        self._draw()

    def rule(self, start: datetime) -> str | None:
        """Return the rule in RFC 5545; an unchanged rule is returned as it was given."""
        is_same_end = self.form.until is None or start.time() == self._start.time()
        return self._given if self.form == self._first and is_same_end else rule_of(self.form)

    def follow(self, start: datetime) -> None:
        """Adapt to another first day."""
        form = followed(self.form, self._last_start, start)
        self._last_start = start
        if form != self.form:
            self.form = form
            self._draw_on()

    def show_error(self, text: str) -> None:
        if self._error.text != text:
            self._error.set_text(text)

    # Changes

    def _repeat(self, repeats: str) -> None:
        self._set(self.form.repeating(Repeats(repeats)))
        self._draw()

    def _set(self, form: RuleForm) -> None:
        self.form = form
        self._check()
        self._changed()

    def _number(self, name: str, text: str, most: int) -> None:
        """Take a typed number; anything else is a problem until it is corrected."""
        number = number_in(text, most)
        self._problem(name, '' if number is not None else f'Enter a number from 1 to {most:,}.')
        if number is not None:
            self._set(replace(self.form, **{name: number}))  # type: ignore[arg-type]
        else:
            self._changed()

    def _check(self) -> None:
        problems = self.form.problems
        for name in ('weekdays', 'raw'):
            self._problem(name, problems.get(name, ''))

    def _problem(self, name: str, sentence: str) -> None:
        self.problems.pop(name, None)
        if sentence:
            self.problems[name] = sentence
        slot = self._slots.get(name)
        if slot is not None:
            slot.show_error(sentence)

    # Controls, drawn again when another way to repeat needs different ones

    def _draw_repeats(self) -> Element:
        """Draw the ways to repeat, and return the radio button of the chosen one."""
        self._repeats.clear()
        with self._repeats:
            group = segments('event-repeats', REPEATS, self.form.repeats.value, self._repeat)
        return next(item for item in group.descendants() if item.props.get('^checked'))

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
                    lambda event, number=number: self._set(self.form.on_days(number, is_on=bool(event.args))),
                    js_handler='(e) => emit(e.target.checked)',
                )

    def _draw_raw(self) -> None:
        slot = self._slots['raw'] = Slot(
            'event-raw', 'Rule', help_text='In the format of RFC 5545, including its end, or as in a crontab.'
        )
        slot.show_fact('RRULE')
        with slot.body:
            box = entry('event-raw', self.form.raw, lambda text: self._set(replace(self.form, raw=text)))
            box.classes('sy-mono')
        box.on('change', self._take_cron, js_handler='() => emit()')

    def _take_cron(self) -> None:
        """Turn a schedule of cron into the controls of its rule, and the start into its first moment."""
        start, zone = self._now()
        if start is None or not is_cron(self.form.raw):
            return
        try:
            plan, *more = cron_plans(self.form.raw, zone, after=start - TICK)
        except ValueError:  # said by the check of all values
            return
        if more or plan.rule is None:
            return
        self._moved(plan.start)
        self._last_start = plan.start
        self.form = form_of(plan.rule, plan.start, zone)
        self._draw_repeats().run_method('focus')  # what had the focus is drawn again
        self._draw()
        self._changed()

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
                    lambda text: self._set(replace(self.form, month=int(text))),
                    label='Month',
                    slot='event-on',
                )
        self._draw_day_box()

    @property
    def _place(self) -> str:
        return str(LAST) if self.form.is_last_day else str(self.form.place)

    def _draw_day_box(self) -> None:
        """Draw the number of a day, or a weekday."""
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
        self._set(self.form.on_place(int(place), self._last_start))
        self._draw_day_box()

    def _go_to_weekday(self, weekday: str) -> None:
        self._set(self.form.on_weekday(None if weekday == LAST_DAY else int(weekday)))

    def _typed_day(self, text: str) -> None:
        self._number('day', text, 31)
        self._advise_day()

    def _advise_day(self) -> None:
        self._slots['day'].show_help('Months without that day are skipped.' if self.form.skips_months else '')

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
                self._draw_number('every', form.every, MAX_INTERVAL)
            if is_custom:
                self._draw_custom('event-custom')

    def _draw_custom(self, id: str) -> None:
        self._custom = select(id, CUSTOM, self.form.custom.value, self._go_custom, label='Unit', slot='event-every')

    def _go_custom(self, custom: str) -> None:
        self._set(self.form.custom_by(Custom(custom)))
        self._draw()
        self._custom.run_method('focus')  # it was drawn again

    def _draw_ends(self) -> None:
        form = self.form
        with Slot('event-ends', 'Ends').body:
            select('event-ends', ENDS, form.ends.value, self._go_ends)
        self._end = el('div')
        self._draw_end()

    def _go_ends(self, ends: str) -> None:
        self._set(self.form.ending(Ends(ends), self._last_start.date()))
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
                slot = self._slots['count'] = Slot('event-count', 'How many')
                with slot.body, with_unit('times'):
                    self._draw_number('count', form.count, MAX_COUNT)

    def _draw_number(self, name: str, number: int, most: int) -> None:
        entry(f'event-{name}', str(number), lambda text: self._number(name, text, most), inputmode='numeric')

    def _typed_until(self, text: str) -> None:
        try:
            until = date.fromisoformat(text)
        except ValueError:
            self._problem('until', 'Pick the last day.')
            self._changed()
            return
        self._until.say(day_words(until))
        self._problem('until', '')
        self._set(replace(self.form, until=until))
