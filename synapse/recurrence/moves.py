"""Ending, continuing and moving a series.

Each function takes a plan and returns the rule or the plan that replaces it; the plan itself doesn't change.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any

from synapse.language import _

from .expansion import Plan, Series, is_in_series, last, last_before, next_after, occurrences, period_of, series_of
from .rules import Frequency, Rule, RuleError, write_rule
from .shift import keeps_every_part, shifted_days, shifted_times
from .wall_time import TICK, instant_of, wall_of


def rule_ending_before(plan: Plan, instant: datetime) -> str:
    """Return the rule, ended by an UNTIL at its last occurrence before this instant (RFC 5545, 3.3.10).

    >>> plan = Plan(datetime(2026, 10, 2, 16), 'Europe/Berlin', 'FREQ=WEEKLY;COUNT=9')
    >>> rule_ending_before(plan, datetime(2026, 10, 16, 14, tzinfo=UTC))  # the third Friday, 16:00 in Berlin
    'FREQ=WEEKLY;UNTIL=20261009T140000Z'

    :raises RuleError: if the plan cannot be read
    """
    until = last_before(replace(plan, exdates=frozenset()), instant) or instant - timedelta(seconds=1)
    return write_rule(replace(series_of(plan).rule, count=None, until=until.astimezone(UTC)))


def rule_continuing_from(plan: Plan, instant: datetime) -> str:
    """Return the rule for the rest of the series, which has to start at the wall time of this occurrence.

    >>> plan = Plan(datetime(2026, 10, 2, 16), 'Europe/Berlin', 'FREQ=WEEKLY;COUNT=9')
    >>> rule_continuing_from(plan, datetime(2026, 10, 16, 14, tzinfo=UTC))  # two of nine come before it
    'FREQ=WEEKLY;COUNT=7'

    A clock change may have moved the occurrence; the rest then keeps the time that the series asks for:

    >>> plan = Plan(datetime(2026, 3, 1, 2, 30), 'Europe/Berlin', 'FREQ=DAILY')
    >>> rule_continuing_from(plan, instant_of(datetime(2026, 3, 29, 2, 30), 'Europe/Berlin'))  # runs at 03:30
    'FREQ=DAILY;BYHOUR=2;BYMINUTE=30'

    :raises RuleError: if the plan cannot be read
    """
    series = series_of(plan)
    rule = series.rule
    if rule.count is not None:
        before = occurrences(replace(plan, exdates=frozenset()), series.begins, instant)
        rule = replace(rule, count=max(1, rule.count - len(before)))
    if wall_of(instant, plan.zone).time() != series.start.time() and not rule.freq.is_sub_daily:
        rule = replace(rule, hours=rule.hours or (series.start.hour,), minutes=rule.minutes or (series.start.minute,))
    return write_rule(rule)


def moved_series(plan: Plan, due: datetime, to: datetime) -> Plan:
    """Return the whole series, moved as one of its occurrences is dragged to the naive wall time `to`.

    Weekdays, days of the month, nth weekdays and times follow, so each period keeps its number of occurrences. The
    same number come before and after the dragged one, and excluded occurrences are still excluded:

    >>> plan = Plan(datetime(2026, 10, 2, 16), 'Europe/Berlin', 'FREQ=WEEKLY;BYDAY=MO,FR;COUNT=9',
    ...             frozenset({datetime(2026, 10, 19, 16)}))
    >>> friday = instant_of(datetime(2026, 10, 16, 16), 'Europe/Berlin')
    >>> moved = moved_series(plan, friday, datetime(2026, 10, 17, 9))  # one day later, to Saturday at 09:00
    >>> print(moved.start, moved.rule, *moved.exdates)
    2026-10-03 09:00:00 FREQ=WEEKLY;COUNT=9;BYDAY=TU,SA 2026-10-20 09:00:00

    The second Tuesday, moved to a fourth Thursday:

    >>> plan = Plan(datetime(2026, 10, 13, 16), 'Europe/Berlin', 'FREQ=MONTHLY;BYDAY=2TU')
    >>> moved_series(plan, instant_of(plan.start, plan.zone), datetime(2026, 10, 22, 16)).rule
    'FREQ=MONTHLY;BYDAY=4TH'

    :raises RuleError: if the plan cannot be read, or no rule describes the moved series
    """
    if plan.rule is None:
        return replace(plan, start=to, exdates=frozenset())
    drag = _drag_of(plan, due, to)
    for rule in _candidate_rules(drag):
        candidate = Plan(start=_early_start(rule, drag), zone=plan.zone, rule=write_rule(rule))
        if is_in_series(candidate, drag.target):
            return _moved_in_real_time(drag, candidate) if rule.freq.is_sub_daily else _same_extent(drag, candidate)
    raise RuleError('rrule', _('No rule describes the whole series after this move. Change the rule instead.'))


@dataclass(frozen=True, kw_only=True)
class _Drag:
    """One occurrence on its way to another wall time."""

    plan: Plan
    series: Series
    due: datetime
    here: datetime
    """The naive wall time that the rule asks for, even if the clocks skip it."""
    to: datetime
    target: datetime
    """The instant of `to`."""

    @cached_property
    def endless(self) -> Plan:
        """The series without end and exceptions."""
        return Plan(start=self.series.start, zone=self.plan.zone, rule=write_rule(self.series.rule.without_end))

    @cached_property
    def before(self) -> list[datetime]:
        """The occurrences before the dragged one, excluded ones too."""
        return occurrences(self.endless, self.series.begins, self.due)

    @cached_property
    def end(self) -> datetime | None:
        """The last occurrence, even if it is excluded; None for a series without end."""
        return last(replace(self.plan, exdates=frozenset()))

    def wall(self, instant: datetime) -> datetime:
        return wall_of(instant, self.plan.zone)

    def window(self, period: int) -> tuple[datetime, datetime]:
        """The instants at which a month or year, numbered by `period_of`, begins and ends."""
        days = (_first_day(self.series.rule.freq, number) for number in (period, period + 1))
        begin, end = (instant_of(datetime.combine(day, time()), self.plan.zone) for day in days)
        return begin, end


def _drag_of(plan: Plan, due: datetime, to: datetime) -> _Drag:
    series, here, to = series_of(plan), wall_of(due, plan.zone), to.replace(microsecond=0)
    intended = (datetime.combine(here, time()) + time_of_day for time_of_day in series.times)
    here = next((wall for wall in intended if instant_of(wall, plan.zone) == due), here)
    return _Drag(plan=plan, series=series, due=due, here=here, to=to, target=instant_of(to, plan.zone))


def _candidate_rules(drag: _Drag) -> Iterator[Rule]:
    """Yield the endless rules that the person may mean, the likeliest first."""
    rule = _explicit(drag.series).without_end
    timed = shifted_times(rule, drag.here, drag.to)
    here, to = drag.here.date(), drag.to.date()
    if here == to:
        yield timed
        return
    shifted = shifted_days(timed, here, to)
    if keeps_every_part(shifted, timed):
        yield shifted
    if rule.freq in (Frequency.MONTHLY, Frequency.YEARLY):
        yield from _rules_by_date(timed, drag)


def _rules_by_date(rule: Rule, drag: _Drag) -> Iterator[Rule]:
    """Yield a simpler rule, in which only the dragged day moves."""
    here, to = drag.here.date(), drag.to.date()
    month_or_year = drag.window(period_of(rule, here.toordinal()))
    days = {drag.wall(instant).date() for instant in occurrences(drag.endless, *month_or_year)}
    plain = replace(rule, weeks=(), year_days=(), weekdays=(), positions=())
    if rule.freq is Frequency.MONTHLY:
        month_days = {day.day for day in days - {here}} | {to.day}
        if len(month_days) == len(days):
            months = rule.months if to.month in rule.months else ()
            yield replace(plain, months=months, month_days=tuple(sorted(month_days)))
    elif days == {here}:
        yield replace(plain, months=(to.month,), month_days=(to.day,))


def _explicit(series: Series) -> Rule:
    """Return the rule with everything that its start implies written out: RFC 5545, 3.3.10.

    >>> write_rule(_explicit(series_of(Plan(datetime(2026, 10, 16, 16), 'UTC', 'FREQ=WEEKLY'))))
    'FREQ=WEEKLY;BYDAY=FR;BYHOUR=16;BYMINUTE=0;BYSECOND=0'
    """
    rule, days, start = series.rule, series.days, series.start
    if rule.freq.is_sub_daily:
        return rule
    return replace(
        rule,
        months=days.months if rule.freq is Frequency.YEARLY else rule.months,
        month_days=days.month_days,
        weekdays=tuple((0, day) for day in days.weekdays) + days.nth_weekdays,
        hours=rule.hours or (start.hour,),
        minutes=rule.minutes or (start.minute,),
        seconds=rule.seconds or (start.second,),
    )


def _early_start(rule: Rule, drag: _Drag) -> datetime:
    """Return a start before everything to be kept, a whole number of intervals before the target's period.

    With FREQ=DAILY;INTERVAL=3 and an occurrence 40 days after the start of the series, the new start is 42 days before
    the target: 40 + 2, rounded up to a multiple of 3.
    """
    if rule.freq.is_sub_daily:
        return drag.wall(drag.series.begins + (drag.target - drag.due))
    length = {Frequency.YEARLY: 365, Frequency.MONTHLY: 28, Frequency.WEEKLY: 7}.get(rule.freq, 1)
    periods = (drag.here.date() - drag.series.start.date()).days // length + 2
    return datetime.combine(_periods_before(rule, drag.to.date(), periods + -periods % rule.interval), time())


def _periods_before(rule: Rule, day: date, periods: int) -> date:
    """Return the first day of the period that is this many before the one of a day.

    >>> friday = date(2026, 10, 16)
    >>> str(_periods_before(Rule(freq=Frequency.WEEKLY), friday, 2))  # weeks begin on Monday
    '2026-09-28'
    >>> str(_periods_before(Rule(freq=Frequency.MONTHLY), friday, 11))
    '2025-11-01'
    """
    if rule.freq is Frequency.DAILY:
        return day - timedelta(days=periods)
    if rule.freq is Frequency.WEEKLY:
        return day - timedelta(days=(day.weekday() - rule.week_start) % 7 + 7 * periods)
    return _first_day(rule.freq, period_of(rule, day.toordinal()) - periods)


def _first_day(freq: Frequency, period: int) -> date:
    return date(period, 1, 1) if freq is Frequency.YEARLY else date(period // 12, period % 12 + 1, 1)


def _same_extent(drag: _Drag, candidate: Plan) -> Plan:
    """Return the candidate with as many occurrences before and after the dragged one, and the same ones excluded."""
    zone_name, original = drag.plan.zone, drag.series.rule
    by_period = original.freq in (Frequency.YEARLY, Frequency.MONTHLY)
    match = (_PeriodMatch if by_period else _CountMatch)(drag, candidate)
    start = drag.wall(match.first())
    rule = replace(_shortest(original, series_of(candidate).rule, start), count=original.count)
    if original.until is not None:
        rule = _ending(replace(rule, until=original.until), start, zone_name, match.last())
    excluded = [match.counterpart(instant_of(exdate, zone_name)) for exdate in drag.plan.exdates]
    exdates = frozenset(drag.wall(instant) for instant in excluded if instant is not None)
    return Plan(start=start, zone=zone_name, rule=write_rule(rule), exdates=exdates)


class _CountMatch:
    """Pairs occurrences of a series with those of the moved series, by counting from the dragged one.

    MO,FR moved to TU,SA by dragging Friday 16 October to Saturday 17: Monday 12 is one before the dragged one, so its
    counterpart is Tuesday 13; Monday 19 is one after it, so its counterpart is Tuesday 20.
    """

    def __init__(self, drag: _Drag, candidate: Plan) -> None:
        self._drag, self._candidate = drag, candidate

    @cached_property
    def _earlier(self) -> dict[datetime, datetime]:
        earlier = occurrences(self._candidate, series_of(self._candidate).begins, self._drag.target)
        return dict(zip(reversed(self._drag.before), reversed(earlier), strict=False))

    def first(self) -> datetime:
        """Return the first occurrence of the moved series."""
        return min(self._earlier.values(), default=self._drag.target)

    def last(self) -> datetime | None:
        """Return the last occurrence of the moved series; None if it has no end."""
        return None if self._drag.end is None else self.counterpart(self._drag.end)

    def counterpart(self, instant: datetime) -> datetime | None:
        """Return the occurrence of the moved series for this one of the original; None if this isn't one."""
        drag = self._drag
        if instant <= drag.due:
            return drag.target if instant == drag.due else self._earlier.get(instant)
        later = occurrences(drag.endless, drag.due + TICK, instant + TICK)
        if not later or later[-1] != instant:
            return None
        return next_after(self._candidate, drag.target, limit=len(later))[-1]


class _PeriodMatch(_CountMatch):
    """Pairs them month by month or year by year, since not every month has a 31st.

    The 15th and 31st moved to the 14th and 30th: in June the 15th is the only occurrence before the move, so its
    counterpart is the 14th, and the 30th has none.
    """

    def first(self) -> datetime:
        begin, _ = self._moved_window(next_after(self._drag.endless, self._drag.series.begins - TICK)[0])
        found = occurrences(self._candidate, begin, self._drag.target)
        count = len(self._drag.before)
        return found[-min(count, len(found))] if found and count else self._drag.target

    def last(self) -> datetime | None:
        if self._drag.end is None:
            return None
        _, after = self._moved_window(self._drag.end)
        return self.counterpart(self._drag.end) or last_before(self._candidate, after)

    def counterpart(self, instant: datetime) -> datetime | None:
        here = occurrences(self._drag.endless, *self._drag.window(self._period_of(instant)))
        there = occurrences(self._candidate, *self._moved_window(instant))
        place = here.index(instant) if instant in here else len(there)
        return there[place] if place < len(there) else None

    def _moved_window(self, instant: datetime) -> tuple[datetime, datetime]:
        """The period of an instant, moved by as many periods as the dragged occurrence."""
        shift = self._period_of(self._drag.target) - self._period_of(self._drag.due)
        return self._drag.window(self._period_of(instant) + shift)

    def _period_of(self, instant: datetime) -> int:
        return period_of(self._drag.series.rule, self._drag.wall(instant).toordinal())


def _ending(rule: Rule, start: datetime, zone_name: str, end: datetime | None) -> Rule:
    """Return the rule with an UNTIL that makes `end` its last occurrence; the present UNTIL if it does so already."""
    if end is None or last(Plan(start=start, zone=zone_name, rule=write_rule(rule))) == end:
        return rule
    return replace(rule, until=end)


def _shortest(original: Rule, rule: Rule, start: datetime) -> Rule:
    """Return the rule without the parts that its start implies, if the original left them to its start too.

    >>> rule = replace(Rule(freq=Frequency.WEEKLY), weekdays=((0, 5),), hours=(9,))
    >>> write_rule(_shortest(Rule(freq=Frequency.WEEKLY), rule, datetime(2026, 10, 17, 9)))  # a Saturday
    'FREQ=WEEKLY'
    """
    for name in ('hours', 'minutes', 'seconds', 'weekdays', 'month_days', 'months'):
        implied: dict[str, Any] = {} if getattr(original, name) else {name: ()}
        shorter = replace(rule, **implied)
        if _days_and_times(shorter, start) == _days_and_times(rule, start):
            rule = shorter
    return rule


def _days_and_times(rule: Rule, start: datetime) -> tuple[object, ...]:
    series = series_of(Plan(start=start, zone='UTC', rule=write_rule(rule)))
    return series.days, series.times


def _moved_in_real_time(drag: _Drag, candidate: Plan) -> Plan:
    """Return a candidate of hours or minutes with its end and exceptions moved by the same amount."""
    by, until = drag.to - drag.here, drag.series.rule.until
    if until is not None:
        until = until + (drag.target - drag.due if isinstance(until, datetime) and until.tzinfo else by)
    rule = replace(series_of(candidate).rule, count=drag.series.rule.count, until=until)
    exdates = frozenset(exdate + by for exdate in drag.plan.exdates)
    return replace(candidate, rule=write_rule(rule), exdates=exdates)
