"""What the form of an event can say about repeating, and the RFC 5545 rule that means the same. Knows no screen."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

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
    """What is rare enough to stand behind Custom."""

    YEARLY = 'yearly'
    HOURLY = 'hourly'
    MINUTELY = 'minutely'
    RULE = 'rule'
    """The text of a rule, as it is."""


class Ends(StrEnum):
    NEVER = 'never'
    ON = 'on'
    AFTER = 'after'


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleForm:
    """Everything the form holds; what does not matter for `repeats` keeps what the first day suggests."""

    repeats: Repeats = Repeats.NEVER
    custom: Custom = Custom.YEARLY
    every: int = 1
    weekdays: frozenset[int] = frozenset()
    """Of weekly; 0 is Monday."""
    place: int = 0
    """Of monthly and yearly: 0 for a day of the month, 1 to 5 or -1 for the first to fifth or last `weekday`."""
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
    """WKST of a rule that had one; nobody is asked for it."""

    @property
    def frequency(self) -> Frequency | None:
        """None for never, and for a rule as text."""
        chosen = self.custom.value if self.repeats is Repeats.CUSTOM else self.repeats.value
        return Frequency(chosen.upper()) if chosen.upper() in Frequency.__members__ else None

    @property
    def is_raw(self) -> bool:
        return self.repeats is Repeats.CUSTOM and self.custom is Custom.RULE


def blank(start: date) -> RuleForm:
    """No repeating; whoever chooses some begins with what fits the first day."""
    return RuleForm(
        weekdays=frozenset({start.weekday()}), day=start.day, weekday=start.weekday(), month=start.month, until=None
    )


def form_of(rule: str | None, start: datetime, zone: str) -> RuleForm:
    """The form that says this rule; one that no form can say is kept as text.

    :param start: naive wall time of the event in `zone`
    """
    form = blank(start)
    if not rule or not rule.strip():
        return form
    try:
        said = _said(read_rule(rule), form, start, zone)
    except RuleError:
        said = None
    return said or replace(form, repeats=Repeats.CUSTOM, custom=Custom.RULE, raw=rule)


def rule_of(form: RuleForm) -> str | None:
    """The rule that the form says, None for never."""
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
        # A wall time, as the start is one: so it means the same in every zone, and for those who read it elsewhere.
        until=datetime.combine(form.until, END_OF_DAY) if form.ends is Ends.ON and form.until else None,
        week_start=form.week_start if has_weeks else 0,
        **_days(form, frequency),
    )
    return write_rule(rule)


def followed(form: RuleForm, old: date, new: date) -> RuleForm:
    """The form after the first day has changed: what only repeated that day goes along, what was chosen stays."""
    if form.weekdays == {old.weekday()}:
        form = replace(form, weekdays=frozenset({new.weekday()}))
    if form.day == old.day:
        form = replace(form, day=new.day)
    if form.weekday == old.weekday() and form.place in (0, LAST, _place(old)):
        place = _place(new) if form.place == _place(old) else form.place
        form = replace(form, weekday=new.weekday(), place=place)
    return replace(form, month=new.month) if form.month == old.month else form


def _place(day: date) -> int:
    """The how many-th of its weekday a day is in its month."""
    return (day.day - 1) // 7 + 1


def _days(form: RuleForm, frequency: Frequency) -> Mapping[str, Any]:
    if frequency is Frequency.WEEKLY:
        return {'weekdays': tuple((0, day) for day in sorted(form.weekdays))}
    if frequency not in (Frequency.MONTHLY, Frequency.YEARLY):
        return {}
    days: dict[str, Any] = {'weekdays': ((form.place, form.weekday),)} if form.place else {'month_days': (form.day,)}
    return days | ({'months': (form.month,)} if frequency is Frequency.YEARLY else {})


def _said(rule: Rule, form: RuleForm, start: datetime, zone: str) -> RuleForm | None:
    """The form for a rule, None if it says more than the form has words for."""
    form = replace(form, every=rule.interval, week_start=rule.week_start)
    said = _said_days(rule, form)
    if said is None or rule.hours or rule.minutes or rule.seconds or rule.positions or rule.weeks or rule.year_days:
        return None
    if rule.count is not None:
        return replace(said, ends=Ends.AFTER, count=rule.count)
    if rule.until is None:
        return said
    until = _last_day(rule, start, zone)
    return None if until is None else replace(said, ends=Ends.ON, until=until)


def _said_days(rule: Rule, form: RuleForm) -> RuleForm | None:
    is_plain = not (rule.months or rule.month_days or rule.weekdays)
    match rule.freq:
        case Frequency.DAILY if is_plain:
            return replace(form, repeats=Repeats.DAILY)
        case Frequency.HOURLY | Frequency.MINUTELY if is_plain:
            return replace(form, repeats=Repeats.CUSTOM, custom=Custom(rule.freq.lower()))
        case Frequency.WEEKLY if not rule.months and not rule.month_days:
            days = frozenset(day for _, day in rule.weekdays) or form.weekdays
            return replace(form, repeats=Repeats.WEEKLY, weekdays=days)
        case Frequency.MONTHLY if not rule.months:
            return _said_day_of_month(rule, replace(form, repeats=Repeats.MONTHLY))
        case Frequency.YEARLY if is_plain:
            return replace(form, repeats=Repeats.CUSTOM, custom=Custom.YEARLY)
        case Frequency.YEARLY if len(rule.months) == 1:
            yearly = replace(form, repeats=Repeats.CUSTOM, custom=Custom.YEARLY, month=rule.months[0])
            return _said_day_of_month(rule, yearly)
    return None


def _said_day_of_month(rule: Rule, form: RuleForm) -> RuleForm | None:
    if not rule.month_days and not rule.weekdays:
        return form
    if len(rule.month_days) == 1 and not rule.weekdays and rule.month_days[0] >= LAST:
        return replace(form, day=rule.month_days[0])
    if len(rule.weekdays) == 1 and not rule.month_days:
        place, weekday = rule.weekdays[0]
        return replace(form, place=place, weekday=weekday) if place in (1, 2, 3, 4, 5, LAST) else None
    return None


def _last_day(rule: Rule, start: datetime, zone: str) -> date | None:
    """The last day on which the rule still falls due, None if only a time of day says it."""
    until = rule.until
    if not isinstance(until, datetime):
        return until
    wall = wall_of(until, zone) if until.tzinfo is not None else until
    if rule.freq.is_sub_daily:
        return wall.date() if wall.time() == END_OF_DAY else None
    return wall.date() if wall.time() >= start.time() else wall.date() - timedelta(days=1)
