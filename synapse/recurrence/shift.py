"""Shifting the parts of a rule the way one of its days or times is shifted.

Places wrap around within their week, month or year, so that every period keeps its number of occurrences.
"""

from calendar import isleap, monthrange
from dataclasses import replace
from datetime import date, datetime

from .rules import Frequency, Rule


def shifted_times(rule: Rule, here: datetime, to: datetime) -> Rule:
    """Return the rule with the times of day that it names shifted by the difference between `here` and `to`.

    >>> from synapse.recurrence.rules import read_rule, write_rule
    >>> rule = read_rule('FREQ=DAILY;BYHOUR=16,22')
    >>> write_rule(shifted_times(rule, datetime(2026, 10, 16, 16), datetime(2026, 10, 16, 18)))  # 22 + 2 wraps to 0
    'FREQ=DAILY;BYHOUR=0,18'
    """
    return replace(
        rule,
        hours=tuple(sorted((hour + to.hour - here.hour) % 24 for hour in rule.hours)),
        minutes=tuple(sorted((minute + to.minute - here.minute) % 60 for minute in rule.minutes)),
        seconds=(to.second,) if rule.seconds else (),
    )


def shifted_days(rule: Rule, here: date, to: date) -> Rule:
    """Return the rule with the days that it names shifted: the one at `here` is at `to`, the others follow.

    >>> from synapse.recurrence.rules import read_rule, write_rule
    >>> def shifted(text, here, to): return write_rule(shifted_days(read_rule(text), here, to))
    >>> shifted('FREQ=WEEKLY;BYDAY=MO,WE,FR', date(2026, 10, 16), date(2026, 10, 17))  # Friday to Saturday
    'FREQ=WEEKLY;BYDAY=TU,TH,SA'
    >>> shifted('FREQ=MONTHLY;BYDAY=3FR', date(2026, 10, 16), date(2026, 10, 13))  # to the second Tuesday
    'FREQ=MONTHLY;BYDAY=2TU'
    >>> shifted('FREQ=MONTHLY;BYMONTHDAY=2,16', date(2026, 10, 16), date(2026, 10, 18))
    'FREQ=MONTHLY;BYMONTHDAY=4,18'
    >>> shifted('FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO', date(2026, 5, 11), date(2026, 5, 19))  # Tuesday of week 21
    'FREQ=YEARLY;BYWEEKNO=21;BYDAY=TU'

    Of every second week, each keeps its days, so WKST moves along: RFC 5545, 3.3.10.

    >>> shifted('FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR', date(2026, 10, 16), date(2026, 10, 19))  # Friday to Monday
    'FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;WKST=TH'
    """
    shift = (to - here).days
    week_start = rule.week_start
    if rule.freq is Frequency.WEEKLY and (rule.interval > 1 or rule.positions):
        week_start = (week_start + shift) % 7
    weeks = to.isocalendar().week - here.isocalendar().week
    return replace(
        rule,
        months=_shifted_months(rule, here, to),
        weeks=tuple(sorted(_rotated(week, weeks, 52) for week in rule.weeks)),
        year_days=_shifted_numbers(rule.year_days, _in_year(here), _in_year(to), shift),
        month_days=_shifted_numbers(rule.month_days, _in_month(here), _in_month(to), shift),
        weekdays=tuple(sorted(_shifted_weekday(rule, pair, here, to) for pair in rule.weekdays)),
        week_start=week_start,
    )


def keeps_every_part(rule: Rule, original: Rule) -> bool:
    """Whether no two parts of the original became the same one."""
    names = ('months', 'weeks', 'year_days', 'month_days', 'weekdays', 'hours', 'minutes')
    return all(len(set(getattr(rule, name))) == len(getattr(original, name)) for name in names)


def _in_month(day: date) -> tuple[int, int]:
    """Return the number of the day in its month, and the length of the month."""
    return day.day, monthrange(day.year, day.month)[1]


def _in_year(day: date) -> tuple[int, int]:
    return day.timetuple().tm_yday, 366 if isleap(day.year) else 365


def _shifted_months(rule: Rule, here: date, to: date) -> tuple[int, ...]:
    if not rule.months or to.month in rule.months:
        return rule.months
    return tuple(sorted((month - 1 + to.month - here.month) % 12 + 1 for month in rule.months))


def _shifted_numbers(
    numbers: tuple[int, ...], here: tuple[int, int], to: tuple[int, int], shift: int
) -> tuple[int, ...]:
    return tuple(sorted(_shifted_number(number, here, to, shift) for number in numbers))


def _shifted_number(number: int, here: tuple[int, int], to: tuple[int, int], shift: int) -> int:
    """Return a day of a month or year, shifted; `here` and `to` are days with the lengths of their periods.

    The last day is still counted from the end, unless it moves more than a week away from it:

    >>> _shifted_number(-1, (31, 31), (30, 31), -1), _shifted_number(-1, (31, 31), (5, 31), -26)
    (-2, 5)
    """
    day, length = here
    if number == day:
        return to[0]
    if number != day - length - 1:
        return _rotated(number, shift, length)
    from_end = to[0] - to[1] - 1
    return from_end if from_end >= -7 else to[0]


def _shifted_weekday(rule: Rule, pair: tuple[int, int], here: date, to: date) -> tuple[int, int]:
    """Return a pair of a place and a weekday, as BYDAY has them, shifted.

    A fifth Friday, which not every month has, becomes the last one:

    >>> _shifted_weekday(Rule(freq=Frequency.MONTHLY), (3, 4), date(2026, 10, 16), date(2026, 10, 30))
    (-1, 4)
    """
    place, weekday = pair
    shifted_weekday = (weekday + (to - here).days) % 7
    if not place:
        return 0, shifted_weekday
    place_here, place_to = (_place_of(day, rule, from_start=place > 0) for day in (here, to))
    if weekday != here.weekday() or place != place_here:
        return _rotated(place, place_to - place_here, max(4, abs(place))), shifted_weekday
    if abs(place_to) in (5, 53):
        place_to = -1 if place_to > 0 else 1
    return place_to, shifted_weekday


def _place_of(day: date, rule: Rule, *, from_start: bool) -> int:
    """Return which one of its weekday a day is, in its month or, for a yearly rule without months, its year.

    >>> monthly, yearly = Rule(freq=Frequency.MONTHLY), Rule(freq=Frequency.YEARLY)
    >>> friday = date(2026, 10, 16)  # the third Friday of October, the last but two; the 42nd of the year
    >>> _place_of(friday, monthly, from_start=True), _place_of(friday, monthly, from_start=False)
    (3, -3)
    >>> _place_of(friday, yearly, from_start=True)
    42
    """
    is_of_year = rule.freq is Frequency.YEARLY and not rule.months
    number, length = _in_year(day) if is_of_year else _in_month(day)
    return (number - 1) // 7 + 1 if from_start else -((length - number) // 7) - 1


def _rotated(place: int, shift: int, length: int) -> int:
    """Return a place counted from 1 or, from the end, from -1, shifted and wrapped around within `length`.

    >>> _rotated(30, 3, 31), _rotated(-1, -1, 31), _rotated(-1, 1, 31)
    (2, -2, -31)
    """
    if place > 0:
        return (place - 1 + shift) % length + 1
    return -((-place - 1 - shift) % length) - 1
