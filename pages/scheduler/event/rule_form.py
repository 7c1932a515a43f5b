"""How the form of an event says that it repeats, and the same as a rule of RFC 5545. Knows no screen."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from synapse.language import _
from synapse.recurrence import RuleError, wall_of
from synapse.recurrence.rules import Frequency, Rule, read_rule, write_rule

END_OF_DAY = time(23, 59, 59)
LAST = -1


class Repeats(StrEnum):
    NEVER = 'never'
    DAILY = 'daily'
    WEEKLY = 'weekly'
    MONTHLY = 'monthly'
    CUSTOM = 'custom'


class Custom(StrEnum):
    """What is rare enough to be offered under Custom."""

    YEARLY = 'yearly'
    HOURLY = 'hourly'
    MINUTELY = 'minutely'
    RULE = 'rule'
    """The text of a rule, unchanged."""


class Ends(StrEnum):
    NEVER = 'never'
    ON = 'on'
    AFTER = 'after'


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleForm:
    """Everything the form holds; what does not matter for `repeats` keeps the value that the first day suggests."""

    repeats: Repeats = Repeats.NEVER
    custom: Custom = Custom.YEARLY
    every: int = 1
    weekdays: frozenset[int] = frozenset()
    """For weekly; 0 is Monday."""
    place: int = 0
    """For monthly and yearly: 0 for a day of the month, 1 to 5 or -1 for the first to fifth or last `weekday`."""
    day: int = 1
    """1 to 31, or -1 for the last day of the month."""
    weekday: int = 0
    month: int = 1
    ends: Ends = Ends.NEVER
    until: date | None = None
    """The last day, included."""
    count: int = 10
    raw: str = ''
    week_start: int = 0
    """WKST of a rule that had one; the form does not ask for it."""

    @property
    def frequency(self) -> Frequency | None:
        """None for never, and for a rule as text."""
        chosen = self.custom.value if self.repeats is Repeats.CUSTOM else self.repeats.value
        return Frequency(chosen.upper()) if chosen.upper() in Frequency.__members__ else None

    @property
    def is_raw(self) -> bool:
        """Whether it is the text of a rule."""
        return self.repeats is Repeats.CUSTOM and self.custom is Custom.RULE

    @property
    def is_last_day(self) -> bool:
        """Whether it means the last day of the month, whichever weekday that is."""
        return self.place == 0 and self.day == LAST

    @property
    def skips_months(self) -> bool:
        """Whether some months have no such day."""
        return self.repeats is Repeats.MONTHLY and ((self.place == 0 and self.day > 28) or self.place == 5)

    @property
    def problems(self) -> dict[str, str]:
        """A sentence for each value that is missing."""
        problems = {}
        if self.repeats is Repeats.WEEKLY and not self.weekdays:
            problems['weekdays'] = _('Pick at least one day.')
        if self.is_raw and not self.raw.strip():
            problems['raw'] = _('Enter a rule, such as {rule}.', rule='FREQ=MONTHLY;BYMONTHDAY=1,15')
        return problems

    # What a person chooses

    def repeating(self, repeats: Repeats) -> 'RuleForm':
        """Repeat in this way; the text of a rule begins as what the form said before."""
        raw = rule_of(self) or '' if repeats is Repeats.CUSTOM and self.frequency is not None else self.raw
        return replace(self, repeats=repeats, raw=raw)

    def custom_by(self, custom: Custom) -> 'RuleForm':
        """Repeat by this unit, or by the text of a rule that begins as what the form said before."""
        return replace(self, custom=custom, raw=self.raw or rule_of(self) or '')

    def on_place(self, place: int, start: date) -> 'RuleForm':
        """Repeat on the day of the month (0), or on its first to fifth or last (-1) weekday."""
        return replace(self, place=place, day=start.day if self.day == LAST else self.day)

    def on_weekday(self, weekday: int | None) -> 'RuleForm':
        """Repeat on this weekday, or on the last day of the month for None."""
        if weekday is None:
            return replace(self, place=0, day=LAST)
        return replace(self, place=LAST if self.place == 0 else self.place, weekday=weekday)

    def on_days(self, weekday: int, *, is_on: bool) -> 'RuleForm':
        """Add a weekday to those of weekly, or remove it."""
        days = self.weekdays | {weekday} if is_on else self.weekdays - {weekday}
        return replace(self, weekdays=frozenset(days))

    def ending(self, ends: Ends, start: date) -> 'RuleForm':
        """End in this way; a last day is at first 90 days after the start."""
        until = self.until or start + timedelta(days=90)
        return replace(self, ends=ends, until=until if ends is Ends.ON else None)


def blank(start: date, week_start: int = 0) -> RuleForm:
    """Return the form of an event that does not repeat yet; its other values fit the first day.

    :param week_start: the day a week begins with, which counts for every second week and the like
    """
    return RuleForm(
        weekdays=frozenset({start.weekday()}),
        day=start.day,
        weekday=start.weekday(),
        month=start.month,
        week_start=week_start,
    )


def form_of(rule: str | None, start: datetime, zone: str, week_start: int = 0) -> RuleForm:
    """Return the form that says this rule; a rule that the form cannot say is kept as text.

    :param start: naive wall time of the event in `zone`
    :param week_start: the day a week begins with for a rule that does not say, because there is none yet
    """
    form = blank(start, week_start)
    if not rule or not rule.strip():
        return form
    try:
        known = _form_of(read_rule(rule), form, start, zone)
    except RuleError:
        known = None
    return known or replace(form, repeats=Repeats.CUSTOM, custom=Custom.RULE, raw=rule)


def rule_of(form: RuleForm) -> str | None:
    """Return the rule that the form says, None for never."""
    if form.is_raw:
        return form.raw.strip() or None
    frequency = form.frequency
    if frequency is None:
        return None
    has_weeks = frequency is Frequency.WEEKLY and form.every > 1
    rule = Rule(
        freq=frequency,
        interval=form.every,
        count=form.count if form.ends is Ends.AFTER else None,
        # A wall time like the start: so it means the same in every zone and to every other program.
        until=datetime.combine(form.until, END_OF_DAY) if form.ends is Ends.ON and form.until else None,
        week_start=form.week_start if has_weeks else 0,
        **_days(form, frequency),
    )
    return write_rule(rule)


def followed(form: RuleForm, old: date, new: date) -> RuleForm:
    """Return the form for another first day: values that only repeated the old day follow, chosen ones stay."""
    if form.weekdays == {old.weekday()}:
        form = replace(form, weekdays=frozenset({new.weekday()}))
    if form.day == old.day:
        form = replace(form, day=new.day)
    if form.weekday == old.weekday() and form.place in (0, LAST, _place(old)):
        place = _place(new) if form.place == _place(old) else form.place
        form = replace(form, weekday=new.weekday(), place=place)
    return replace(form, month=new.month) if form.month == old.month else form


def number_in(text: str, most: int) -> int | None:
    """Return the whole number from 1 to `most` that the text is, None if it is not one."""
    text = text.strip()
    is_number = text.isdecimal() and len(text) <= len(str(most)) and 1 <= int(text) <= most
    return int(text) if is_number else None


def _place(day: date) -> int:
    """Return which one of its weekday a day is in its month: 3 for the third Friday."""
    return (day.day - 1) // 7 + 1


def _days(form: RuleForm, frequency: Frequency) -> Mapping[str, Any]:
    if frequency is Frequency.WEEKLY:
        return {'weekdays': tuple((0, day) for day in sorted(form.weekdays))}
    if frequency not in (Frequency.MONTHLY, Frequency.YEARLY):
        return {}
    days: dict[str, Any] = {'weekdays': ((form.place, form.weekday),)} if form.place else {'month_days': (form.day,)}
    return days | ({'months': (form.month,)} if frequency is Frequency.YEARLY else {})


def _form_of(rule: Rule, form: RuleForm, start: datetime, zone: str) -> RuleForm | None:
    """Return the form for a rule, None if the form cannot say all of it."""
    week_start = rule.week_start if rule.interval > 1 else form.week_start
    form = replace(form, every=rule.interval, week_start=week_start)
    known = _with_days(rule, form)
    if known is None or rule.hours or rule.minutes or rule.seconds or rule.positions or rule.weeks or rule.year_days:
        return None
    if rule.count is not None:
        return replace(known, ends=Ends.AFTER, count=rule.count)
    if rule.until is None:
        return known
    until = _last_day(rule, start, zone)
    return None if until is None else replace(known, ends=Ends.ON, until=until)


def _with_days(rule: Rule, form: RuleForm) -> RuleForm | None:
    is_plain = not (rule.months or rule.month_days or rule.weekdays)
    match rule.freq:
        case Frequency.DAILY if is_plain:
            return replace(form, repeats=Repeats.DAILY)
        case Frequency.HOURLY | Frequency.MINUTELY if is_plain:
            return replace(form, repeats=Repeats.CUSTOM, custom=Custom(rule.freq.lower()))
        case Frequency.WEEKLY if not rule.months and not rule.month_days:
            days = frozenset(day for _nth, day in rule.weekdays) or form.weekdays
            return replace(form, repeats=Repeats.WEEKLY, weekdays=days)
        case Frequency.MONTHLY if not rule.months:
            return _with_day_of_month(rule, replace(form, repeats=Repeats.MONTHLY))
        case Frequency.YEARLY if is_plain:
            return replace(form, repeats=Repeats.CUSTOM, custom=Custom.YEARLY)
        case Frequency.YEARLY if len(rule.months) == 1:
            yearly = replace(form, repeats=Repeats.CUSTOM, custom=Custom.YEARLY, month=rule.months[0])
            return _with_day_of_month(rule, yearly)
    return None


def _with_day_of_month(rule: Rule, form: RuleForm) -> RuleForm | None:
    if not rule.month_days and not rule.weekdays:
        return form
    if len(rule.month_days) == 1 and not rule.weekdays and rule.month_days[0] >= LAST:
        return replace(form, day=rule.month_days[0])
    if len(rule.weekdays) == 1 and not rule.month_days:
        place, weekday = rule.weekdays[0]
        return replace(form, place=place, weekday=weekday) if place in (1, 2, 3, 4, 5, LAST) else None
    return None


def _last_day(rule: Rule, start: datetime, zone: str) -> date | None:
    """Return the last day on which the rule falls due, None if its end is a time within a day."""
    until = rule.until
    if not isinstance(until, datetime):
        return until
    wall = wall_of(until, zone) if until.tzinfo is not None else until
    if rule.freq.is_sub_daily:
        return wall.date() if wall.time() == END_OF_DAY else None
    return wall.date() if wall.time() >= start.time() else wall.date() - timedelta(days=1)
