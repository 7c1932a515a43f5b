"""Which days of a year a rule allows, before intervals, times and zones.

dateutil decides it, one year at a time. Left to iterate by itself it checks UNTIL only at a match, so that a rule for
31 February runs to the year 9999. There are at most 28 kinds of years, and the days found for one are cached for all.
"""

from bisect import bisect_left
from calendar import isleap
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from dateutil.rrule import YEARLY, rrule, weekday

from .rules import Frequency, Rule

FIRST_YEAR, LAST_YEAR = 1000, 9000
"""Early enough for the birthdays in 1604 that some calendars write; between them no arithmetic overflows."""


class DayFilter(NamedTuple):
    """The parts of a rule that restrict days, including those that its start implies."""

    months: tuple[int, ...]
    weeks: tuple[int, ...]
    year_days: tuple[int, ...]
    month_days: tuple[int, ...]
    weekdays: tuple[int, ...]
    nth_weekdays: tuple[tuple[int, int], ...]
    week_start: int


@lru_cache(maxsize=4096)
def day_filter(rule: Rule, start: date) -> DayFilter:
    """Return the days that a rule allows; what it leaves open comes from its first day: RFC 5545, 3.3.10.

    >>> friday = date(2026, 10, 16)
    >>> day_filter(Rule(freq=Frequency.WEEKLY), friday).weekdays
    (4,)
    >>> yearly = day_filter(Rule(freq=Frequency.YEARLY), friday)
    >>> yearly.months, yearly.month_days
    ((10,), (16,))
    """
    months, month_days, weekdays = rule.months, rule.month_days, rule.weekdays
    if not (month_days or weekdays or rule.year_days):
        if rule.freq is Frequency.WEEKLY or rule.weeks:
            weekdays = ((0, start.weekday()),)
        elif rule.freq in (Frequency.YEARLY, Frequency.MONTHLY):
            month_days = (start.day,)
            if rule.freq is Frequency.YEARLY:
                months = months or (start.month,)
    nth = tuple(pair for pair in weekdays if pair[0])
    if rule.freq is Frequency.MONTHLY and nth:
        months = months or tuple(range(1, 13))  # so that dateutil counts weekdays within each month
    plain = tuple(day for place, day in weekdays if not place)
    return DayFilter(months, rule.weeks, rule.year_days, month_days, plain, nth, rule.week_start)


def days_between(days: DayFilter, first: int, last: int) -> list[int]:
    """Return the allowed days from `first` to `last`, both included, numbered by `date.toordinal`.

    The 31st exists in seven months of a year:

    >>> days = day_filter(Rule(freq=Frequency.MONTHLY, month_days=(31,)), date(2026, 1, 31))
    >>> first, last = date(2026, 1, 1).toordinal(), date(2026, 12, 31).toordinal()
    >>> [date.fromordinal(day).month for day in days_between(days, first, last)]
    [1, 3, 5, 7, 8, 10, 12]
    """
    found: list[int] = []
    for year in range(date.fromordinal(first).year, date.fromordinal(last).year + 1):
        january = date(year, 1, 1).toordinal()
        of_year = _days_of_year(days, _same_kind(year))
        chosen = of_year[bisect_left(of_year, first - january) : bisect_left(of_year, last - january + 1)]
        found += [january + number for number in chosen]
    return found


@lru_cache(maxsize=4096)
def _days_of_year(days: DayFilter, year: int) -> tuple[int, ...]:
    """Return days counted from 0, the first of January."""
    january = datetime(year, 1, 1)
    found = set[int]()
    for choice in _weekday_choices(days):
        rule = rrule(
            YEARLY,
            dtstart=january,
            interval=10_000,  # there is no second year
            wkst=days.week_start,
            bymonth=days.months or None,
            byweekno=days.weeks or None,
            byyearday=days.year_days or None,
            bymonthday=days.month_days or None,
            byweekday=choice,
        )
        found.update((moment - january).days for moment in rule)
    return tuple(sorted(found))


def _weekday_choices(days: DayFilter) -> list[list[Any]]:
    """Return plain and nth weekdays apart: given together, dateutil takes only days that are both."""
    plain: list[Any] = [weekday(day) for day in days.weekdays]
    nth = [weekday(day, place) for place, day in days.nth_weekdays]
    return [choice for choice in (plain, nth) if choice] or [[weekday(day) for day in range(7)]]


@lru_cache(maxsize=1024)
def _same_kind(year: int) -> int:
    """Return a year that begins on the same weekday, with the same length and the same length of the year before."""
    return next(other for other in range(2000, 2400) if _kind(other) == _kind(year))


def _kind(year: int) -> tuple[int, bool, bool]:
    return date(year, 1, 1).weekday(), isleap(year), isleap(year - 1)
