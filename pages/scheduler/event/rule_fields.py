"""How an event repeats, as controls around a `RuleForm`."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

from nicegui.element import Element

from pages.parts.cards import set_props
from pages.parts.controls import CHECKED, MomentField, Slot, entry, segments, select, with_unit
from pages.parts.html import el
from pages.scheduler.parts.days import day_words, in_week
from synapse.language import N_, Np_, Words, _, formats
from synapse.language.formats import months, weekdays
from synapse.recurrence import TICK, Plan
from synapse.recurrence.cron import cron_plans, is_cron
from synapse.recurrence.rules import MAX_COUNT, MAX_INTERVAL

from .rule_form import LAST, Custom, Ends, Repeats, RuleForm, followed, form_of, number_in, rule_of

# Translators: how an event repeats
REPEATS = Words(
    {
        Repeats.NEVER.value: N_('Never'),
        Repeats.DAILY.value: N_('Daily'),
        Repeats.WEEKLY.value: N_('Weekly'),
        Repeats.MONTHLY.value: N_('Monthly'),
        Repeats.CUSTOM.value: N_('Custom'),
    }
)
# Translators: when an event ends; a date or a number follows
ENDS = Words({Ends.NEVER.value: N_('Never'), Ends.ON.value: N_('On a date'), Ends.AFTER.value: N_('After')})
# Translators: choices in a list, beside a list of weekdays; Day is beside the number of a day in the month
PLACES = Words(
    {
        '0': N_('Day'),
        '1': N_('First'),
        '2': N_('Second'),
        '3': N_('Third'),
        '4': N_('Fourth'),
        '5': N_('Fifth'),
        '-1': N_('Last'),
    }
)
LAST_DAY = 'day'
# Translators: units after the number in: Every 2 years
CUSTOM = Words(
    {
        Custom.YEARLY.value: Np_('after 1 and more', 'years'),
        Custom.HOURLY.value: Np_('after 1 and more', 'hours'),
        Custom.MINUTELY.value: Np_('after 1 and more', 'minutes'),
        Custom.RULE.value: N_('a custom rule'),
    }
)
UNITS = Words(
    {
        Repeats.DAILY.value: Np_('after 1 and more', 'days'),
        Repeats.WEEKLY.value: Np_('after 1 and more', 'weeks'),
        Repeats.MONTHLY.value: Np_('after 1 and more', 'months'),
    }
)


def _out_of_range(most: int) -> str:
    return _('Enter a number from {least} to {most}.', least=1, most=formats.number(most))


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
        week_start: int = 0,
    ) -> None:
        self._now, self._moved = now, moved
        self._given = rule
        self._week_start = week_start
        self._first = form_of(rule, start, zone, week_start)
        self._start = self._last_start = start
        self._changed = changed
        self.form = self._first
        self.problems: dict[str, str] = {}
        with el('div', 'ev-row is-rule'):
            self._repeats = Slot('event-repeats', _('Repeats'), is_group=True)
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
        self._repeats.show_help('')
        self._set(self.form.repeating(Repeats(repeats)))
        self._draw()

    def _set(self, form: RuleForm) -> None:
        self.form = form
        self._check()
        self._changed()

    def _number(self, name: str, text: str, most: int) -> None:
        """Take a typed number; anything else is a problem until it is corrected."""
        number = number_in(text, most)
        self._problem(name, '' if number is not None else _out_of_range(most))
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
        self._repeats.body.clear()
        with self._repeats.body:
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
        slot = self._slots['weekdays'] = Slot('event-on', _('On'), is_group=True)
        with slot.body, el('div', 'ev-days'):
            letters, names = weekdays('narrow'), weekdays('wide')
            for number in in_week(self._week_start):
                letter, name = letters[number], names[number]
                with el('label', 'dy', title=name):
                    box = el('input', type_='checkbox', aria_label=name)
                    box.props['^checked'] = number in self.form.weekdays or None
                    el('span', text=letter, aria_hidden='true')
                box.on(
                    'change',
                    lambda event, number=number: self._set(self.form.on_days(number, is_on=bool(event.args))),
                    js_handler=CHECKED,
                )

    def _draw_raw(self) -> None:
        slot = self._slots['raw'] = Slot(
            'event-raw',
            _('Rule'),
            help_text=_('In the format of RFC 5545, including its end, or as in a crontab.'),
        )
        slot.show_fact('RRULE')
        with slot.body:
            box = entry('event-raw', self.form.raw, self._typed_raw).classes('sy-mono')
        self._note_start()
        box.on('focus', self._note_start, js_handler='() => emit()')
        box.on('change', self._take_cron, js_handler='() => emit()')

    def _note_start(self) -> None:
        """Note the start that the person has set, from which a schedule of cron begins."""
        self._start_before, _zone = self._now()

    def _typed_raw(self, raw: str) -> None:
        """Take the text of a rule; as a schedule of cron has its own time, the start follows it."""
        plan = self._cron_plan(raw)
        start = plan.start if plan is not None else self._start_before
        if start is not None and start != self._now()[0]:
            self._moved(start)
        self._set(replace(self.form, raw=raw))

    def _cron_plan(self, raw: str) -> Plan | None:
        """Return what a schedule of cron means; None if it is none, or no single event says it."""
        start, (_start, zone) = self._start_before, self._now()
        if start is None or not is_cron(raw):
            return None
        try:
            plan, *more = cron_plans(raw, zone, after=start - TICK)
        except ValueError:  # said by the check of all values
            return None
        return None if more else plan

    def _take_cron(self) -> None:
        """Turn a schedule of cron into the controls of its rule, and the start into its first moment."""
        raw = self.form.raw
        plan = self._cron_plan(raw)
        if plan is None or plan.rule is None:
            return
        self._moved(plan.start)
        self._last_start = plan.start
        self.form = form_of(plan.rule, plan.start, plan.zone, self._week_start)
        self._repeats.show_help(_('From the schedule {text}', text=raw.strip()))
        chosen = self._draw_repeats()
        self._draw()
        # What had the focus may have been drawn again; a field that the person went to keeps it.
        # Not of this handler: its own field is gone.
        chosen.client.run_javascript(
            'setTimeout(() => { if (!document.activeElement?.matches("input, select, textarea, button"))'
            f' getHtmlElement({chosen.id})?.focus(); }})'
        )
        self._changed()

    def _draw_day(self) -> None:
        slot = self._slots['day'] = Slot('event-on', _('On'), is_group=True)
        with slot.body, el('div', 'ev-day'):
            select('event-place', PLACES, self._place, self._go_to_place, label=_('Which'), slot='event-on')
            self._day = el('span', 'ev-day')
            if self.form.repeats is Repeats.CUSTOM:
                names = {str(number): name for number, name in enumerate(months(), start=1)}
                month = str(self.form.month)
                select(
                    'event-month',
                    names,
                    month,
                    lambda text: self._set(replace(self.form, month=int(text))),
                    label=_('Month'),
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
                    'event-day',
                    str(form.day),
                    self._typed_day,
                    slot='event-on',
                    inputmode='numeric',
                    aria_label=_('Day'),
                )
            else:
                names = weekdays('wide')
                days = {str(number): names[number] for number in in_week(self._week_start)}
                if place == str(LAST):
                    days = {LAST_DAY: _('day')} | days
                value = LAST_DAY if form.place == 0 else str(form.weekday)
                select('event-weekday', days, value, self._go_to_weekday, label=_('Weekday'), slot='event-on')
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
        self._slots['day'].show_help(_('Months without that day are skipped.') if self.form.skips_months else '')

    def _draw_every(self) -> None:
        form = self.form
        is_custom = form.repeats is Repeats.CUSTOM
        slot = self._slots['every'] = Slot('event-every', _('Repeats by') if form.is_raw else _('Every'))
        with slot.body, el('div', 'ev-every'):
            if form.is_raw:
                self._draw_custom('event-every')
                return
            unit = '' if is_custom else UNITS[form.repeats.value]
            with with_unit(unit):
                self._draw_number('every', form.every, MAX_INTERVAL)
            if is_custom:
                self._draw_custom('event-custom')

    def _draw_custom(self, id: str) -> None:
        self._custom = select(id, CUSTOM, self.form.custom.value, self._go_custom, label=_('Unit'), slot='event-every')

    def _go_custom(self, custom: str) -> None:
        self._set(self.form.custom_by(Custom(custom)))
        self._draw()
        self._custom.run_method('focus')  # it was drawn again

    def _draw_ends(self) -> None:
        form = self.form
        with Slot('event-ends', _('Ends')).body:
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
                slot = self._slots['until'] = Slot('event-until', _('Last day'))
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
                slot = self._slots['count'] = Slot('event-count', _('How many'))
                with slot.body, with_unit(_('times')):
                    self._draw_number('count', form.count, MAX_COUNT)

    def _draw_number(self, name: str, number: int, most: int) -> None:
        entry(f'event-{name}', str(number), lambda text: self._number(name, text, most), inputmode='numeric')

    def _typed_until(self, text: str) -> None:
        try:
            until = date.fromisoformat(text)
        except ValueError:
            self._problem('until', _('Pick the last day.'))
            self._changed()
            return
        self._until.say(day_words(until))
        self._problem('until', '')
        self._set(replace(self.form, until=until))
