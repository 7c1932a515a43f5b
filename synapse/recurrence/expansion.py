"""When a plan falls due: one arithmetic for the month grid, the preview and the alarm clock.

Daily and slower rules are counted in wall time, and each wall time then becomes an instant; hourly and shorter ones are
stepped in real time, and what they say of days and hours is compared with the wall.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby, islice, product

from .days import FIRST_YEAR, LAST_YEAR, DayFilter, day_filter, days_between
from .rules import Frequency, Rule, RuleError, read_rule
from .wall_time import day_begin, instant_of, plain_day_begin, stretches_of, wall_of
from .zones import zone

SEARCHED_DAYS = 36_525
"""A rule that matches nothing in a hundred years is over."""
STEPPED_DAYS = 3_653
"""And so is one of hours or minutes that matches on none of so many days that it allows."""
MINUTE = timedelta(minutes=1)
MOMENT = timedelta(microseconds=1)
EARLIEST, LATEST = datetime(FIRST_YEAR, 1, 3, tzinfo=UTC), datetime(LAST_YEAR, 12, 29, tzinfo=UTC)
_LONGEST = {Frequency.YEARLY: 366, Frequency.MONTHLY: 31, Frequency.WEEKLY: 7, Frequency.DAILY: 1}


@dataclass(frozen=True, slots=True)
class Plan:
    """What decides when something falls due.

    :param start: naive wall time in `zone`; nothing falls due before
    :param zone: IANA name
    :param rule: RRULE of RFC 5545, with or without its name; None for once
    :param exdates: naive wall times that are left out; one that comes twice means both
    """

    start: datetime
    zone: str
    rule: str | None = None
    exdates: frozenset[datetime] = frozenset()


def occurrences(plan: Plan, start: datetime, end: datetime) -> list[datetime]:
    """The aware UTC instants from `start` on and before `end`, sorted, each once.

    :raises RuleError: if the plan cannot be read
    """
    series = series_of(plan)
    start, end = max(start, series.begins), min(end, LATEST, series.ends + MOMENT)
    if start >= end:
        return []
    dues = _dues(series, _day_of(start, plan.zone), _day_of(end, plan.zone))
    dues = dues[bisect_left(dues, start) : bisect_left(dues, end)]
    return [due for due in dues if due not in series.excluded] if series.excluded else dues


def next_after(plan: Plan, instant: datetime, *, limit: int = 1) -> list[datetime]:
    """The first instants after this one, at most `limit`; none where nothing matches in a hundred years.

    :raises RuleError: if the plan cannot be read
    """
    return list(islice(_forward(series_of(plan), instant + MOMENT), limit))


def last_before(plan: Plan, instant: datetime) -> datetime | None:
    """The last instant before this one; None if there is none, or none in the hundred years before.

    :raises RuleError: if the plan cannot be read
    """
    series = series_of(plan)
    until = min(instant, LATEST, series.ends + MOMENT)
    if until <= series.begins:
        return None
    begin, last = _day_of(series.begins, plan.zone), _day_of(until, plan.zone)
    oldest, size = max(begin, last - SEARCHED_DAYS), 2
    while last >= oldest:
        first = max(last - size + 1, oldest)
        for due in reversed(_dues(series, first, last)):
            if series.begins <= due < until and due not in series.excluded:
                return due
        last, size = first - 1, min(size * 4, 512)
    return None


def first(plan: Plan) -> datetime | None:
    """The first instant of all."""
    return next(_forward(series_of(plan), EARLIEST), None)


def last(plan: Plan) -> datetime | None:
    """The last instant of all; None if there is no end, or nothing at all."""
    series = series_of(plan)
    return None if series.ends >= LATEST else last_before(plan, series.ends + MOMENT)


def is_in_series(plan: Plan, instant: datetime) -> bool:
    """Whether the plan falls due at exactly this instant."""
    return bool(occurrences(plan, instant, instant + MOMENT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A plan made ready to be counted."""

    zone: str
    rule: Rule
    start: datetime
    """Naive, whole seconds."""
    begins: datetime
    ends: datetime
    """The last instant at which it may fall due, `LATEST` for no end."""
    days: DayFilter
    times: tuple[timedelta, ...]
    """Of each day, in order; of hourly and shorter rules none."""
    excluded: frozenset[datetime]


@lru_cache(maxsize=16_384)
def series_of(plan: Plan) -> Series:
    """The plan made ready; a COUNT is counted here, once.

    :raises RuleError: if it cannot be read
    """
    zone(plan.zone)
    start = plan.start.replace(microsecond=0, fold=0)
    if start.tzinfo is not None:
        raise RuleError('start', 'Give the time as the clock there shows it, without an offset.')
    if not FIRST_YEAR < start.year < LAST_YEAR:
        raise RuleError('start', f'Pick a year between {FIRST_YEAR} and {LAST_YEAR}.')
    rule = Rule(freq=Frequency.DAILY, count=1) if plan.rule is None else read_rule(plan.rule)
    series = Series(
        zone=plan.zone,
        rule=rule,
        start=start,
        begins=instant_of(start, plan.zone),
        ends=_end_of(rule, plan.zone),
        days=day_filter(rule, start.date()),
        times=() if rule.freq.is_sub_daily else _times_of(rule, start),
        excluded=frozenset(_excluded(plan.exdates, plan.zone)),
    )
    if rule.count is None:
        return series
    counted = deque(islice(_forward(replace(series, excluded=frozenset()), EARLIEST), rule.count), maxlen=1)
    return replace(series, ends=counted[0] if counted else series.begins - MOMENT)


def _end_of(rule: Rule, zone_name: str) -> datetime:
    until = rule.until
    if until is None or until.year >= LAST_YEAR:
        return LATEST
    if until.year <= FIRST_YEAR:
        return EARLIEST
    if not isinstance(until, datetime):
        return day_begin(until.toordinal() + 1, zone_name) - MOMENT
    return until if until.tzinfo else instant_of(until, zone_name)


def _times_of(rule: Rule, start: datetime) -> tuple[timedelta, ...]:
    hours, minutes = rule.hours or (start.hour,), rule.minutes or (start.minute,)
    second = timedelta(seconds=(rule.seconds or (start.second,))[0])
    return tuple(timedelta(hours=hour, minutes=minute) + second for hour, minute in product(hours, minutes))


def _excluded(exdates: Iterable[datetime], zone_name: str) -> Iterator[datetime]:
    for exdate in exdates:
        if not FIRST_YEAR < exdate.year < LAST_YEAR:
            continue
        instant = instant_of(exdate.replace(microsecond=0), zone_name)
        yield instant
        wall = wall_of(instant, zone_name)
        again = wall.replace(tzinfo=zone(zone_name), fold=1).astimezone(UTC)
        if wall_of(again, zone_name) == wall:
            yield again


def _forward(series: Series, since: datetime) -> Iterator[datetime]:
    """All instants from `since` on, a few days at a time: more at once while nothing is found."""
    since = max(since, series.begins)
    if since > series.ends or since >= LATEST:
        return
    first, end = _day_of(since, series.zone), _day_of(series.ends, series.zone)
    limit, size, looked_at = first + SEARCHED_DAYS, 2, 0
    while first <= min(limit, end) and looked_at <= STEPPED_DAYS:
        last = min(first + size - 1, end)
        found = _dues(series, first, last)
        for due in found:
            if since <= due <= series.ends and due not in series.excluded:
                yield due
        if found:
            limit, looked_at = last + SEARCHED_DAYS, 0
        elif series.rule.freq.is_sub_daily:
            looked_at += len(days_between(series.days, first, last))
        first, size = last + 1, min(size * (2 if found else 4), 64 if found else 512)


def _dues(series: Series, first: int, last: int) -> list[datetime]:
    """The instants on these days, both included, whatever begin, end and exceptions of the series are."""
    if series.rule.freq.is_sub_daily:
        return list(_stepped_dues(series, first, last))
    # Clocks that change move wall times, seldom even over midnight.
    spilled = 1 if plain_day_begin(first - 1, series.zone) is None else 0
    dues: list[datetime] = []
    is_plain = not spilled
    for day, times in _walls(series, first - spilled, last):
        begin = plain_day_begin(day, series.zone)
        if begin is None:
            is_plain = False
            midnight = datetime.combine(date.fromordinal(day), time())
            dues += [instant_of(midnight + moment, series.zone) for moment in times]
        elif len(times) == 1:
            dues.append(begin + times[0])
        else:
            dues += [begin + moment for moment in times]
    if is_plain:
        return dues
    begin, end = day_begin(first, series.zone), day_begin(last + 1, series.zone)
    dues = sorted(set(dues))
    return dues[bisect_left(dues, begin) : bisect_left(dues, end)]


def _walls(series: Series, first: int, last: int) -> list[tuple[int, tuple[timedelta, ...]]]:
    """The days with their times of day."""
    rule = series.rule
    if not rule.positions:
        times = series.times
        return [(day, times) for day in _days(series, first, last)]
    longest, per_day = _LONGEST[rule.freq], len(series.times)
    days = _days(series, first - longest, last + longest)
    walls: list[tuple[int, tuple[timedelta, ...]]] = []
    for _, together in groupby(days, key=lambda day: _period_of(rule, day)):
        period = list(together)
        for place in _places(len(period) * per_day, rule.positions):
            walls.append((period[place // per_day], (series.times[place % per_day],)))
    return [wall for wall in walls if first <= wall[0] <= last]


def _days(series: Series, first: int, last: int) -> list[int]:
    days = days_between(series.days, first, last)
    rule = series.rule
    if rule.interval == 1:
        return days
    phase = _period_of(rule, series.start.toordinal())
    return [day for day in days if (_period_of(rule, day) - phase) % rule.interval == 0]


def _period_of(rule: Rule, day: int) -> int:
    """The day, week, month or year a day lies in, counted through."""
    if rule.freq is Frequency.DAILY:
        return day
    if rule.freq is Frequency.WEEKLY:
        return (day - 1 - rule.week_start) // 7  # day 1 was a Monday
    there = date.fromordinal(day)
    return there.year if rule.freq is Frequency.YEARLY else there.year * 12 + there.month


def _places(count: int, positions: Iterable[int]) -> list[int]:
    """Which of so many are meant, from 0, by positions from 1 or, from the end, from -1."""
    places = {position - 1 if position > 0 else count + position for position in positions}
    return sorted(place for place in places if 0 <= place < count)


def _stepped_dues(series: Series, first: int, last: int) -> Iterator[datetime]:
    rule = series.rule
    every = rule.interval * (60 if rule.freq is Frequency.HOURLY else 1)
    minutes, span = _minutes_of(rule)
    anchor = series.begins - timedelta(seconds=series.start.second)
    if span > 1:
        anchor -= timedelta(minutes=series.start.minute)
    second = timedelta(seconds=(rule.seconds or (series.start.second,))[0])
    for day in days_between(series.days, first, last):
        for begins, ends, offset in stretches_of(day, series.zone):
            wall = begins + offset
            lowest = wall.hour * 60 + wall.minute
            highest = lowest + -(-(ends - begins) // MINUTE)
            phase = ((begins - anchor) // MINUTE - lowest) % every
            found = _minutes_of_day(rule.hours, minutes, every, span, phase)
            for index in range(bisect_left(found, lowest), bisect_left(found, highest)):
                yield begins + (found[index] - lowest) * MINUTE + second


def _minutes_of(rule: Rule) -> tuple[tuple[int, ...], int]:
    """The allowed minutes of an hour, all if empty, and how many minutes from each step on may be chosen from."""
    if rule.freq is Frequency.HOURLY and rule.minutes:
        if not rule.positions:
            return rule.minutes, 60
        return tuple(rule.minutes[place] for place in _places(len(rule.minutes), rule.positions)) or (-1,), 60
    is_one_of_one = not rule.positions or not {1, -1}.isdisjoint(rule.positions)
    return rule.minutes if is_one_of_one else (-1,), 1


@lru_cache(maxsize=8192)
def _minutes_of_day(
    hours: tuple[int, ...], minutes: tuple[int, ...], every: int, span: int, phase: int
) -> tuple[int, ...]:
    """The minutes of a day that are a step, if `phase` minutes have passed at midnight since some step."""
    steps = range(-(phase % every), 24 * 60, every)
    found = (minute for step in steps for minute in range(max(step, 0), min(step + span, 24 * 60)))
    return tuple(
        minute for minute in found if (not hours or minute // 60 in hours) and (not minutes or minute % 60 in minutes)
    )


def _day_of(instant: datetime, zone_name: str) -> int:
    return wall_of(instant, zone_name).toordinal()
