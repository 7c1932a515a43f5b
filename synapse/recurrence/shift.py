"""The parts of a rule, shifted as one of its days or times is: every period keeps as many."""

from calendar import isleap, monthrange
from dataclasses import replace
from datetime import date, datetime

from .rules import Frequency, Rule


def shifted_times(rule: Rule, here: datetime, to: datetime) -> Rule:
    """The times of day the rule names, turned by the way from `here` to `to`; those it does not name stay unnamed."""
    return replace(
        rule,
        hours=tuple(sorted((hour + to.hour - here.hour) % 24 for hour in rule.hours)),
        minutes=tuple(sorted((minute + to.minute - here.minute) % 60 for minute in rule.minutes)),
        seconds=(to.second,) if rule.seconds else (),
    )


def shifted_days(rule: Rule, here: date, to: date) -> Rule:
    """The days the rule names: the one at `here` is at `to`, and the others have gone the same way."""
    shift = (to - here).days
    week_start = rule.week_start
    if rule.freq is Frequency.WEEKLY and (rule.interval > 1 or rule.positions):
        week_start = (week_start + shift) % 7  # so that each week keeps its days
    weeks = to.isocalendar().week - here.isocalendar().week
    return replace(
        rule,
        months=_shifted_months(rule, here, to),
        weeks=tuple(sorted(_turned(week, weeks, 52) for week in rule.weeks)),
        year_days=_shifted_numbers(rule.year_days, _in_year(here), _in_year(to), shift),
        month_days=_shifted_numbers(rule.month_days, _in_month(here), _in_month(to), shift),
        weekdays=tuple(sorted(_shifted_weekday(rule, pair, here, to) for pair in rule.weekdays)),
        week_start=week_start,
    )


def has_as_many(rule: Rule, other: Rule) -> bool:
    """Whether no two parts of a rule fell together."""
    names = ('months', 'weeks', 'year_days', 'month_days', 'weekdays', 'hours', 'minutes')
    return all(len(set(getattr(rule, name))) == len(getattr(other, name)) for name in names)


def _in_month(day: date) -> tuple[int, int]:
    """The number of the day in its month, and how many there are."""
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
    """Days counted from 1 or, from the end, from -1."""
    return tuple(sorted(_shifted_number(number, here, to, shift) for number in numbers))


def _shifted_number(number: int, here: tuple[int, int], to: tuple[int, int], shift: int) -> int:
    if number == here[0]:
        return to[0]
    if number != here[0] - here[1] - 1:
        return _turned(number, shift, here[1])
    from_end = to[0] - to[1] - 1
    return from_end if from_end >= -7 else to[0]


def _shifted_weekday(rule: Rule, pair: tuple[int, int], here: date, to: date) -> tuple[int, int]:
    place, day = pair
    turned_day = (day + (to - here).days) % 7
    if not place:
        return 0, turned_day
    place_here, place_to = (_place_in_period(rule, moment, place) for moment in (here, to))
    if day == here.weekday() and place == place_here:
        often = place_to if abs(place_to) not in (5, 53) else (-1 if place_to > 0 else 1)
        return often, to.weekday()
    return _turned(place, place_to - place_here, max(4, abs(place))), turned_day


def _place_in_period(rule: Rule, day: date, like: int) -> int:
    """The how-manieth of its weekday a day is, counted from the same end as `like`."""
    is_of_year = rule.freq is Frequency.YEARLY and not rule.months
    number, length = _in_year(day) if is_of_year else _in_month(day)
    return (number - 1) // 7 + 1 if like > 0 else -((length - number) // 7) - 1


def _turned(number: int, shift: int, length: int) -> int:
    """A place counted from 1 or, from the end, from -1, shifted around within `length`."""
    if number > 0:
        return (number - 1 + shift) % length + 1
    return -((-number - 1 - shift) % length) - 1
