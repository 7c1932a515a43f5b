"""What becomes of a series that is ended, continued or shifted."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from .expansion import MOMENT, Plan, Series, is_in_series, last, last_before, next_after, occurrences, series_of
from .rules import Frequency, Rule, RuleError, write_rule
from .shift import has_as_many, shifted_days, shifted_times
from .wall_time import instant_of, wall_of


def rule_ending_before(plan: Plan, instant: datetime) -> str:
    """The rule with its last occurrence before this instant: UNTIL is that occurrence.

    :raises RuleError: if the plan cannot be read
    """
    until = last_before(replace(plan, exdates=frozenset()), instant) or instant - timedelta(seconds=1)
    return write_rule(replace(series_of(plan).rule, count=None, until=until.astimezone(UTC)))


def rule_continuing_from(plan: Plan, instant: datetime) -> str:
    """The rule of the rest of the series, which is to start at the wall time of this occurrence of it.

    :raises RuleError: if the plan cannot be read
    """
    series, rule = series_of(plan), series_of(plan).rule
    if rule.count is not None:
        before = occurrences(replace(plan, exdates=frozenset()), series.begins, instant)
        rule = replace(rule, count=max(1, rule.count - len(before)))
    if wall_of(instant, plan.zone).time() != series.start.time() and not rule.freq.is_sub_daily:
        # Moved on by a change of the clocks, perhaps: the rest must not stay there.
        rule = replace(rule, hours=rule.hours or (series.start.hour,), minutes=rule.minutes or (series.start.minute,))
    return write_rule(rule)


def moved_series(plan: Plan, due: datetime, to: datetime) -> Plan:
    """The whole series as it is after one of its occurrences was dragged to the naive wall time `to`.

    Weekdays, days of the month, nth weekdays and times follow, so that each period has as many occurrences as before.
    What was left out stays left out, and as many come before and after the dragged one as did.

    :raises RuleError: if the plan cannot be read, or no rule says what is meant
    """
    if plan.rule is None:
        return replace(plan, start=to, exdates=frozenset())
    drag = _drag_of(plan, due, to)
    for rule in _rules(drag):
        candidate = Plan(start=_anchor(rule, drag), zone=plan.zone, rule=write_rule(rule))
        if is_in_series(candidate, drag.target):
            return _stepped_plan(drag, candidate) if rule.freq.is_sub_daily else _like_before(drag, candidate)
    raise RuleError('rrule', 'No rule says what that would mean for the whole series. Change the rule instead.')


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drag:
    """One occurrence on its way to another wall time."""

    plan: Plan
    series: Series
    due: datetime
    here: datetime
    """The naive wall time at which its rule puts it, even where the clocks leave that out."""
    to: datetime
    target: datetime

    @property
    def endless(self) -> Plan:
        """The series without end and exceptions."""
        rule = replace(self.series.rule, count=None, until=None)
        return Plan(start=self.series.start, zone=self.plan.zone, rule=write_rule(rule))


def _drag_of(plan: Plan, due: datetime, to: datetime) -> _Drag:
    series, here, to = series_of(plan), wall_of(due, plan.zone), to.replace(microsecond=0)
    meant = (datetime.combine(here, time()) + moment for moment in series.times)
    here = next((wall for wall in meant if instant_of(wall, plan.zone) == due), here)
    return _Drag(plan=plan, series=series, due=due, here=here, to=to, target=instant_of(to, plan.zone))


def _rules(drag: _Drag) -> Iterator[Rule]:
    """Endless rules that may be meant, the likeliest first."""
    rule = replace(_explicit(drag.series), count=None, until=None)
    timed = shifted_times(rule, drag.here, drag.to)
    here, to = drag.here.date(), drag.to.date()
    if here == to:
        yield timed
        return
    shifted = shifted_days(timed, here, to)
    if has_as_many(shifted, timed):
        yield shifted
    yield from _by_dates(timed, drag)


def _by_dates(rule: Rule, drag: _Drag) -> Iterator[Rule]:
    """A simpler rule, in which the dragged day has moved alone."""
    here, to = drag.here.date(), drag.to.date()
    days = _days_around(drag)
    bare = replace(rule, weeks=(), year_days=(), weekdays=(), positions=())
    if rule.freq is Frequency.MONTHLY:
        month_days = {day.day for day in days - {here}} | {to.day}
        if len(month_days) == len(days):
            months = rule.months if to.month in rule.months else ()
            yield replace(bare, months=months, month_days=tuple(sorted(month_days)))
    elif rule.freq is Frequency.YEARLY and days == {here}:
        yield replace(bare, months=(to.month,), month_days=(to.day,))


def _days_around(drag: _Drag) -> set[date]:
    """The days of the dragged occurrence's month or year on which the series falls due."""
    is_year = drag.series.rule.freq is Frequency.YEARLY
    begin = datetime(drag.here.year, 1 if is_year else drag.here.month, 1)
    end = datetime(begin.year + 1, 1, 1) if is_year or begin.month == 12 else datetime(begin.year, begin.month + 1, 1)
    window = (instant_of(moment, drag.plan.zone) for moment in (begin, end))
    return {wall_of(due, drag.plan.zone).date() for due in occurrences(drag.endless, *window)}


def _explicit(series: Series) -> Rule:
    """The rule with everything in it that its start implies."""
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


def _anchor(rule: Rule, drag: _Drag) -> datetime:
    """A start before all that is to be kept, from which the interval counts to where the dragged occurrence goes."""
    if rule.freq.is_sub_daily:
        return wall_of(drag.series.begins + (drag.target - drag.due), drag.plan.zone)
    length = {Frequency.YEARLY: 365, Frequency.MONTHLY: 28, Frequency.WEEKLY: 7}.get(rule.freq, 1)
    periods = (drag.here.date() - drag.series.start.date()).days // length + 2
    return datetime.combine(_back(rule, drag.to.date(), periods + -periods % rule.interval), time())


def _back(rule: Rule, day: date, periods: int) -> date:
    """The first day of a period so many before the one of a day."""
    if rule.freq is Frequency.DAILY:
        return day - timedelta(days=periods)
    if rule.freq is Frequency.WEEKLY:
        return day - timedelta(days=(day.weekday() - rule.week_start) % 7 + 7 * periods)
    if rule.freq is Frequency.YEARLY:
        return date(day.year - periods, 1, 1)
    months = day.year * 12 + day.month - 1 - periods
    return date(months // 12, months % 12 + 1, 1)


def _like_before(drag: _Drag, candidate: Plan) -> Plan:
    """The candidate with as much before and after the dragged occurrence as there was, and the same left out."""
    zone_name, original = drag.plan.zone, drag.series.rule
    by_period = original.freq in (Frequency.YEARLY, Frequency.MONTHLY)
    match = (_PeriodMatch if by_period else _CountMatch)(drag, candidate)
    start = wall_of(match.first(), zone_name)
    rule = replace(_shortest(original, series_of(candidate).rule, start), count=original.count)
    if original.until is not None:
        rule = _ending(replace(rule, until=original.until), start, zone_name, match.last())
    left_out = [match.of(instant_of(exdate, zone_name)) for exdate in drag.plan.exdates]
    exdates = frozenset(wall_of(instant, zone_name) for instant in left_out if instant is not None)
    return Plan(start=start, zone=zone_name, rule=write_rule(rule), exdates=exdates)


class _CountMatch:
    """Occurrences of a series and of the one it becomes, matched by counting from the dragged one."""

    def __init__(self, drag: _Drag, candidate: Plan) -> None:
        self._drag, self._candidate = drag, candidate
        before = occurrences(drag.endless, drag.series.begins, drag.due)
        earlier = occurrences(candidate, series_of(candidate).begins, drag.target)
        self._earlier = dict(zip(reversed(before), reversed(earlier), strict=False))

    def first(self) -> datetime:
        """Where the moved series begins."""
        return min(self._earlier.values(), default=self._drag.target)

    def last(self) -> datetime | None:
        """Where it ends."""
        end = last(replace(self._drag.plan, exdates=frozenset()))
        return None if end is None else self.of(end)

    def of(self, instant: datetime) -> datetime | None:
        """What stands for this occurrence; nothing for an instant that was none."""
        drag = self._drag
        if instant <= drag.due:
            return drag.target if instant == drag.due else self._earlier.get(instant)
        later = occurrences(drag.endless, drag.due + MOMENT, instant + MOMENT)
        if not later or later[-1] != instant:
            return None
        return next_after(self._candidate, drag.target, limit=len(later))[-1]


class _PeriodMatch(_CountMatch):
    """Matched month by month or year by year, since not every one has a 31st."""

    def first(self) -> datetime:
        drag = self._drag
        begin, _ = self._window(self._period_of(self._begins()) + self._shift)
        found = occurrences(self._candidate, begin, drag.target)
        count = len(occurrences(drag.endless, drag.series.begins, drag.due))
        return found[-min(count, len(found))] if found and count else drag.target

    def last(self) -> datetime | None:
        end = last(replace(self._drag.plan, exdates=frozenset()))
        if end is None:
            return None
        _, after = self._window(self._period_of(end) + self._shift)
        return self.of(end) or last_before(self._candidate, after)

    def of(self, instant: datetime) -> datetime | None:
        period = self._period_of(instant)
        here = occurrences(self._drag.endless, *self._window(period))
        there = occurrences(self._candidate, *self._window(period + self._shift))
        place = here.index(instant) if instant in here else len(there)
        return there[place] if place < len(there) else None

    @property
    def _shift(self) -> int:
        return self._period_of(self._drag.target) - self._period_of(self._drag.due)

    def _begins(self) -> datetime:
        return next_after(self._drag.endless, self._drag.series.begins - MOMENT)[0]

    def _period_of(self, instant: datetime) -> int:
        wall = wall_of(instant, self._drag.plan.zone)
        return wall.year if self._is_yearly else wall.year * 12 + wall.month - 1

    def _window(self, period: int) -> tuple[datetime, datetime]:
        """The instants at which a period begins and ends."""
        walls = (
            datetime(number, 1, 1) if self._is_yearly else datetime(number // 12, number % 12 + 1, 1)
            for number in (period, period + 1)
        )
        begin, end = (instant_of(wall, self._drag.plan.zone) for wall in walls)
        return begin, end

    @property
    def _is_yearly(self) -> bool:
        return self._drag.series.rule.freq is Frequency.YEARLY


def _ending(rule: Rule, start: datetime, zone_name: str, end: datetime | None) -> Rule:
    """The rule with an UNTIL that makes `end` its last occurrence; the present one, if it does."""
    if end is None or last(Plan(start=start, zone=zone_name, rule=write_rule(rule))) == end:
        return rule
    return replace(rule, until=end)


def _shortest(original: Rule, rule: Rule, start: datetime) -> Rule:
    """The rule without what its start implies, where the original left it to its start too."""
    for name in ('hours', 'minutes', 'seconds', 'weekdays', 'month_days', 'months'):
        unsaid: dict[str, Any] = {} if getattr(original, name) else {name: ()}
        shorter = replace(rule, **unsaid)
        if _meaning(shorter, start) == _meaning(rule, start):
            rule = shorter
    return rule


def _meaning(rule: Rule, start: datetime) -> tuple[object, ...]:
    series = series_of(Plan(start=start, zone='UTC', rule=write_rule(rule)))
    return series.days, series.times


def _stepped_plan(drag: _Drag, candidate: Plan) -> Plan:
    """The same of a rule that is stepped in real time: everything moves by as much."""
    by, until = drag.to - drag.here, drag.series.rule.until
    if until is not None:
        until = until + (drag.target - drag.due if isinstance(until, datetime) and until.tzinfo else by)
    rule = replace(series_of(candidate).rule, count=drag.series.rule.count, until=until)
    exdates = frozenset(exdate + by for exdate in drag.plan.exdates)
    return replace(candidate, rule=write_rule(rule), exdates=exdates)
