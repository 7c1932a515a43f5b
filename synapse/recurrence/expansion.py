"""Expanding a plan into its occurrences: one arithmetic for the month grid, the preview and the alarm clock.

Daily and slower rules are counted in wall time, and each wall time then becomes an instant. Hourly and minutely rules
are stepped in real time, and their days and hours are compared with the clock on the wall.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby, islice, product

from synapse.language import _

from .days import FIRST_YEAR, LAST_YEAR, DayFilter, day_filter, days_between
from .rules import Frequency, Rule, RuleError, read_rule
from .wall_time import TICK, day_start, instant_of, second_instant_of, stretches_of, unchanged_day_start, wall_of
from .zones import zone

SEARCHED_DAYS = 36_525
"""A rule that matches nothing in a hundred years is over."""
STEPPED_DAYS = 3_653
"""An hourly or minutely rule is over if none of this many days that it allows has a match."""
MINUTE = timedelta(minutes=1)
EARLIEST, LATEST = datetime(FIRST_YEAR, 1, 3, tzinfo=UTC), datetime(LAST_YEAR, 12, 29, tzinfo=UTC)
_NONE: frozenset[datetime] = frozenset()
"""Shared: each call of `frozenset` makes another one, and collecting garbage visits each of thousands."""
_LONGEST = {Frequency.YEARLY: 366, Frequency.MONTHLY: 31, Frequency.WEEKLY: 7, Frequency.DAILY: 1}


@dataclass(frozen=True, slots=True)
class Plan:
    """What decides when an event occurs.

    :param start: naive wall time in `zone`; there are no occurrences before it
    :param zone: IANA name
    :param rule: RRULE of RFC 5545, with or without its name; None for a single occurrence
    :param exdates: naive wall times that are excluded; one that the clocks show twice excludes both
    """

    start: datetime
    zone: str
    rule: str | None = None
    exdates: frozenset[datetime] = _NONE


def occurrences(plan: Plan, start: datetime, end: datetime) -> list[datetime]:
    """Return the occurrences from `start` up to but not including `end`: aware UTC instants, sorted, without doubles.

    Every six hours means six real hours. In Berlin the clocks go back on 25 October 2026, so 22:00 there is followed
    by 03:00:

    >>> plan = Plan(datetime(2026, 10, 24, 16), 'Europe/Berlin', 'FREQ=HOURLY;INTERVAL=6')
    >>> begin, end = (instant_of(datetime(2026, 10, day), plan.zone) for day in (24, 26))
    >>> [f'{wall_of(instant, plan.zone):%d %H:%M}' for instant in occurrences(plan, begin, end)]
    ['24 16:00', '24 22:00', '25 03:00', '25 09:00', '25 15:00', '25 21:00']

    :raises RuleError: if the plan cannot be read
    """
    series = series_of(plan)
    start, end = max(start, series.begins), min(end, LATEST, series.ends + TICK)
    if start >= end:
        return []
    if plan.rule is None and not series.excluded:
        return [series.ends] if start <= series.ends < end else []
    found = _instants_on(series, _day_of(start, plan.zone), _day_of(end, plan.zone))
    found = found[bisect_left(found, start) : bisect_left(found, end)]
    return [instant for instant in found if instant not in series.excluded] if series.excluded else found


def next_after(plan: Plan, instant: datetime, *, limit: int = 1) -> list[datetime]:
    """Return the first occurrences after this instant, at most `limit`; none if nothing matches in a hundred years.

    The clocks in Berlin skip 02:30 on 29 March 2026, so that day's occurrence is at 03:30: RFC 5545, 3.3.5.

    >>> plan = Plan(datetime(2026, 3, 1, 2, 30), 'Europe/Berlin', 'FREQ=DAILY')
    >>> found = next_after(plan, datetime(2026, 3, 28, 12, tzinfo=UTC), limit=2)
    >>> [f'{wall_of(instant, plan.zone):%d %H:%M}' for instant in found]
    ['29 03:30', '30 02:30']

    :raises RuleError: if the plan cannot be read
    """
    return list(islice(_instants_from(series_of(plan), instant + TICK), limit))


def last_before(plan: Plan, instant: datetime) -> datetime | None:
    """Return the last occurrence before this instant; None if there is none in the hundred years before it.

    :raises RuleError: if the plan cannot be read
    """
    series = series_of(plan)
    until = min(instant, LATEST, series.ends + TICK)
    if until <= series.begins:
        return None
    begin, last = _day_of(series.begins, plan.zone), _day_of(until, plan.zone)
    oldest, size = max(begin, last - SEARCHED_DAYS), 2
    while last >= oldest:
        first = max(last - size + 1, oldest)
        for found in reversed(_instants_on(series, first, last)):
            if series.begins <= found < until and found not in series.excluded:
                return found
        last, size = first - 1, min(size * 4, 512)
    return None


def first(plan: Plan) -> datetime | None:
    """Return the first occurrence; None if there is none at all."""
    return next(_instants_from(series_of(plan), EARLIEST), None)


def last(plan: Plan) -> datetime | None:
    """Return the last occurrence; None if the series has no end, or no occurrence at all."""
    series = series_of(plan)
    return None if series.ends >= LATEST else last_before(plan, series.ends + TICK)


def is_in_series(plan: Plan, instant: datetime) -> bool:
    """Whether there is an occurrence at exactly this instant."""
    return bool(occurrences(plan, instant, instant + TICK))


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A plan, parsed and ready to be expanded."""

    zone: str
    rule: Rule
    start: datetime
    """Naive, whole seconds."""
    begins: datetime
    ends: datetime
    """The last instant at which there may be an occurrence; `LATEST` if there is no end."""
    days: DayFilter
    times: tuple[timedelta, ...]
    """Times of day in order; empty for hourly and minutely rules."""
    excluded: frozenset[datetime]


@lru_cache(maxsize=16_384)
def series_of(plan: Plan) -> Series:
    """Return the parsed plan. COUNT is turned into an end here, once; excluded occurrences count too.

    :raises RuleError: if the plan cannot be read
    """
    zone(plan.zone)
    start = plan.start.replace(microsecond=0, fold=0)
    if start.tzinfo is not None:
        raise RuleError('start', _('Give the local time of that zone, without an offset.'))
    if not FIRST_YEAR < start.year < LAST_YEAR:
        raise RuleError('start', _('Pick a year between {first} and {last}.', first=FIRST_YEAR, last=LAST_YEAR))
    rule = Rule(freq=Frequency.DAILY, count=1) if plan.rule is None else read_rule(plan.rule)
    series = Series(
        zone=plan.zone,
        rule=rule,
        start=start,
        begins=instant_of(start, plan.zone),
        ends=_end_of(rule, plan.zone),
        days=day_filter(rule, start.date()),
        times=() if rule.freq.is_sub_daily else _times_of(rule, start),
        excluded=frozenset(_excluded(plan.exdates, plan.zone)) if plan.exdates else _NONE,
    )
    if rule.count is None:
        return series
    counted = deque(islice(_instants_from(replace(series, excluded=frozenset()), EARLIEST), rule.count), maxlen=1)
    return replace(series, ends=counted[0] if counted else series.begins - TICK)


def _end_of(rule: Rule, zone_name: str) -> datetime:
    until = rule.until
    if until is None or until.year >= LAST_YEAR:
        return LATEST
    if until.year <= FIRST_YEAR:
        return EARLIEST
    if not isinstance(until, datetime):
        return day_start(until.toordinal() + 1, zone_name) - TICK
    return until if until.tzinfo else instant_of(until, zone_name)


def _times_of(rule: Rule, start: datetime) -> tuple[timedelta, ...]:
    hours, minutes = rule.hours or (start.hour,), rule.minutes or (start.minute,)
    return tuple(
        timedelta(hours=hour, minutes=minute) + _second_of(rule, start) for hour, minute in product(hours, minutes)
    )


def _second_of(rule: Rule, start: datetime) -> timedelta:
    return timedelta(seconds=(rule.seconds or (start.second,))[0])


def _excluded(exdates: Iterable[datetime], zone_name: str) -> Iterator[datetime]:
    for exdate in exdates:
        if not FIRST_YEAR < exdate.year < LAST_YEAR:
            continue
        instant = instant_of(exdate.replace(microsecond=0), zone_name)
        yield instant
        again = second_instant_of(wall_of(instant, zone_name), zone_name)
        if again is not None:
            yield again


def _instants_from(series: Series, since: datetime) -> Iterator[datetime]:
    """Yield all occurrences from `since` on, expanding a few days at a time, and more while nothing is found."""
    since = max(since, series.begins)
    if since > series.ends or since >= LATEST:
        return
    expand = _stepped_instants if series.rule.freq.is_sub_daily else _instants_on
    first, end = _day_of(since, series.zone), _day_of(series.ends, series.zone)
    limit, size, days_without = first + SEARCHED_DAYS, 2, 0
    while first <= min(limit, end) and days_without <= STEPPED_DAYS:
        last, found = min(first + size - 1, end), False
        # A minutely rule has 1,440 a day: only as many are made as are taken.
        for instant in expand(series, first, last):
            found = True
            if since <= instant <= series.ends and instant not in series.excluded:
                yield instant
        if found:
            limit, days_without = last + SEARCHED_DAYS, 0
        elif series.rule.freq.is_sub_daily:
            days_without += len(days_between(series.days, first, last))
        first, size = last + 1, min(size * (2 if found else 4), 64 if found else 512)


def _instants_on(series: Series, first: int, last: int) -> list[datetime]:
    """Return the instants on the days from `first` to `last`, without regard to begin, end and exceptions."""
    if series.rule.freq.is_sub_daily:
        return list(_stepped_instants(series, first, last))
    # A clock change shifts wall times, seldom even past midnight: then the day before counts too.
    may_spill = unchanged_day_start(first - 1, series.zone) is None
    found: list[datetime] = []
    is_sorted = not may_spill
    for day, times in _days_with_times(series, first - 1 if may_spill else first, last):
        start = unchanged_day_start(day, series.zone)
        if start is None:
            is_sorted = False
            midnight = datetime.combine(date.fromordinal(day), time())
            found += [instant_of(midnight + time_of_day, series.zone) for time_of_day in times]
        elif len(times) == 1:
            found.append(start + times[0])
        else:
            found += [start + time_of_day for time_of_day in times]
    if is_sorted:
        return found
    begin, end = day_start(first, series.zone), day_start(last + 1, series.zone)
    found = sorted(set(found))
    return found[bisect_left(found, begin) : bisect_left(found, end)]


def _days_with_times(series: Series, first: int, last: int) -> list[tuple[int, tuple[timedelta, ...]]]:
    """Return the days with their times of day.

    BYSETPOS chooses among all times of a period: RFC 5545, 3.3.10. The last workday of October 2026 is Friday the
    30th, and that of November is Monday the 30th:

    >>> series = series_of(Plan(datetime(2026, 1, 1, 9), 'UTC', 'FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1'))
    >>> october, december = date(2026, 10, 1).toordinal(), date(2026, 12, 1).toordinal()
    >>> [f'{date.fromordinal(day):%a %d}' for day, _ in _days_with_times(series, october, december)]
    ['Fri 30', 'Mon 30']
    """
    rule = series.rule
    if not rule.positions:
        return [(day, series.times) for day in _days_of_intervals(series, first, last)]
    longest, per_day = _LONGEST[rule.freq], len(series.times)
    days = _days_of_intervals(series, first - longest, last + longest)
    found: list[tuple[int, tuple[timedelta, ...]]] = []
    for _period, together in groupby(days, key=lambda day: period_of(rule, day)):
        period = list(together)
        for index in _indexes(len(period) * per_day, rule.positions):
            found.append((period[index // per_day], (series.times[index % per_day],)))
    return [pair for pair in found if first <= pair[0] <= last]


def _days_of_intervals(series: Series, first: int, last: int) -> list[int]:
    """Return the allowed days in every period that INTERVAL doesn't pass over."""
    days = days_between(series.days, first, last)
    rule = series.rule
    if rule.interval == 1:
        return days
    phase = period_of(rule, series.start.toordinal())
    return [day for day in days if (period_of(rule, day) - phase) % rule.interval == 0]


def period_of(rule: Rule, day: int) -> int:
    """Return the number of the day, week, month or year that a day lies in; consecutive periods differ by one.

    Sunday 18 October 2026 and the Monday after it are in two weeks, unless weeks begin on Sunday:

    >>> days = [date(2026, 10, 18).toordinal(), date(2026, 10, 19).toordinal()]
    >>> [period_of(Rule(freq=Frequency.WEEKLY), day) for day in days]
    [105700, 105701]
    >>> [period_of(Rule(freq=Frequency.WEEKLY, week_start=6), day) for day in days]
    [105700, 105700]
    """
    if rule.freq is Frequency.DAILY:
        return day
    if rule.freq is Frequency.WEEKLY:
        return (day - 1 - rule.week_start) // 7  # day 1 was a Monday
    there = date.fromordinal(day)
    return there.year if rule.freq is Frequency.YEARLY else there.year * 12 + there.month - 1


def _indexes(count: int, positions: Iterable[int]) -> list[int]:
    """Return the indexes of BYSETPOS positions, which count from 1 or, from the end, from -1.

    >>> _indexes(22, [1, -1, 23])  # there is no 23rd of 22
    [0, 21]
    """
    indexes = {position - 1 if position > 0 else count + position for position in positions}
    return sorted(index for index in indexes if 0 <= index < count)


def _stepped_instants(series: Series, first: int, last: int) -> Iterator[datetime]:
    """Yield the instants of an hourly or minutely rule: whole steps of real time since the start of the series.

    Each stretch of a day without a clock change is one run of minutes, as the wall shows them.
    """
    rule = series.rule
    every = rule.interval * (60 if rule.freq is Frequency.HOURLY else 1)
    minutes, span = _minutes_of(rule)
    anchor = series.begins - timedelta(seconds=series.start.second)
    if span > 1:
        anchor -= timedelta(minutes=series.start.minute)
    second = _second_of(rule, series.start)
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
    """Return the allowed minutes of an hour, empty for all, and the length of a step in which they are looked for.

    >>> _minutes_of(read_rule('FREQ=HOURLY;BYMINUTE=0,30'))  # each step is an hour with both
    ((0, 30), 60)
    >>> _minutes_of(read_rule('FREQ=HOURLY;BYMINUTE=0,30;BYSETPOS=-1'))
    ((30,), 60)
    >>> _minutes_of(read_rule('FREQ=MINUTELY;INTERVAL=15'))  # each step is one minute
    ((), 1)
    """
    if rule.freq is Frequency.HOURLY and rule.minutes:
        if not rule.positions:
            return rule.minutes, 60
        return tuple(rule.minutes[index] for index in _indexes(len(rule.minutes), rule.positions)) or (-1,), 60
    has_only_one = not rule.positions or not {1, -1}.isdisjoint(rule.positions)
    return rule.minutes if has_only_one else (-1,), 1


@lru_cache(maxsize=8192)
def _minutes_of_day(
    hours: tuple[int, ...], minutes: tuple[int, ...], every: int, span: int, phase: int
) -> tuple[int, ...]:
    """Return the minutes of a day on which a step falls, where midnight is `phase` minutes after some step.

    Every 6 hours with a step at 22:00, 120 minutes before midnight: the next ones are at 04:00, 10:00, 16:00, 22:00.

    >>> _minutes_of_day((), (), 360, 1, 120)
    (240, 600, 960, 1320)
    """
    steps = range(-(phase % every), 24 * 60, every)
    found = (minute for step in steps for minute in range(max(step, 0), min(step + span, 24 * 60)))
    return tuple(
        minute for minute in found if (not hours or minute // 60 in hours) and (not minutes or minute % 60 in minutes)
    )


def _day_of(instant: datetime, zone_name: str) -> int:
    return wall_of(instant, zone_name).toordinal()
