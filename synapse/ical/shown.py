"""How an event is written so that each reader of the file sees the instants at which it fires.

Readers count hourly rules in wall time, resolve the hour that the clocks skip or repeat in different ways, take
DTSTART for an occurrence even if its rule doesn't, and misread some rules (`readers`). So some events are written in
UTC, some of their occurrences as moved ones, and what is left as explicit instants. X-SYNAPSE-PLAN then has the plan
itself, and what was written instead of it: it holds as long as no other program has changed that.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from synapse import recurrence
from synapse.recurrence import Plan
from synapse.recurrence.expansion import LATEST
from synapse.recurrence.rules import Frequency, Rule, RuleError, compact_iso, read_rule, write_rule
from synapse.recurrence.wall_time import changes_between, second_instant_of
from synapse.recurrence.zones import known_zone, zone

from .lines import Component
from .readers import is_read_alike

LISTED = 2000
"""How many explicit instants are written, at most."""
LISTED_AHEAD, LISTED_BACK = timedelta(days=5 * 366), timedelta(days=31)
CORRECTED_AHEAD, CORRECTED_BACK = timedelta(days=5 * 366), timedelta(days=366)
"""Within this span, occurrences at a time that the clocks skip or repeat are written as moved ones."""
_COMPARED = timedelta(days=3 * 366)
"""How far ahead a rule must have the occurrences of the one that it stands for."""
_ONCE = 'FREQ=DAILY;COUNT=1'
"""Makes a series of explicit instants: without any rule, some readers see only DTSTART, and others all but that."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is written for a plan."""

    start: datetime
    """Naive, in `zone`, and always an occurrence."""
    zone: str
    rule: str | None = None
    exdates: tuple[datetime, ...] = ()
    """Naive, in `zone`."""
    dates: tuple[datetime, ...] = ()
    """Occurrences beside those of the rule: naive, in UTC."""
    moved: tuple[tuple[datetime, datetime], ...] = ()
    """Wall times that the clocks skip or repeat, and the aware UTC instants that they mean."""

    is_listed: bool = False
    """Whether `dates` stand for a rule, and so only for some years of it."""


@lru_cache(maxsize=16_384)
def shown(plan: Plan, today: datetime) -> Shown:
    """Return what to write for a plan, so that all readers see its occurrences.

    :param today: an aware midnight; explicit instants and corrections lie around it
    """
    try:
        return _once(plan) if plan.rule is None else _series(plan, today)
    except RuleError:  # one broken rule must not break the calendar for its subscribers
        return Shown(plan.start, plan.zone, plan.rule, tuple(sorted(plan.exdates)))


def _once(plan: Plan) -> Shown:
    if _is_clear(plan.start, plan.zone):
        return Shown(plan.start, plan.zone, None, tuple(sorted(plan.exdates)))
    return Shown(_utc(recurrence.instant_of(plan.start, plan.zone)), 'UTC')


def _is_clear(wall: datetime, zone_name: str) -> bool:
    """Whether the clocks show a wall time exactly once."""
    instant = recurrence.instant_of(wall, zone_name)
    return recurrence.wall_of(instant, zone_name) == wall and second_instant_of(wall, zone_name) is None


def _series(plan: Plan, today: datetime) -> Shown:
    whole = replace(plan, exdates=frozenset())
    first, rule = recurrence.first(whole), read_rule(plan.rule or '')
    if first is None:
        return Shown(plan.start, plan.zone, plan.rule)
    if rule.freq.is_sub_daily:
        return _stepped(plan, rule, first, today) or _listed(plan, today)
    simple = _simplified(rule)
    start = _first_wall(plan, first)
    if start is None or not is_read_alike(simple):
        return _listed(plan, today)
    moved = _moved(plan, rule, today)
    if moved and rule.count:  # one reader leaves skipped times out, and doesn't count them
        simple = replace(simple, count=None, until=recurrence.last(whole))
    readable = _with_readable_end(simple, whole)
    written = replace(plan, start=start, rule=plan.rule if readable == rule else write_rule(readable))
    # Its own first occurrences tell whether something of the rule came from its start.
    if start != plan.start and _few(replace(written, exdates=frozenset()), first) != _few(whole, first):
        return _listed(plan, today)
    return Shown(start, plan.zone, written.rule, tuple(sorted(plan.exdates)), moved=moved)


def _few(plan: Plan, first: datetime) -> list[datetime]:
    return recurrence.next_after(plan, first - recurrence.TICK, limit=20)


def _first_wall(plan: Plan, first: datetime) -> datetime | None:
    """Return the wall time of the first occurrence; None if the clocks skip or repeat it.

    One reader moves a whole series by an hour if the clocks skip its start.
    """
    wall = recurrence.wall_of(first, plan.zone)
    return wall if _is_clear(wall, plan.zone) else None


def _simplified(rule: Rule) -> Rule:
    """Return the rule without what its start says anyway, and yearly days of each month as monthly ones."""
    hours = rule.hours if len(rule.hours) > 1 else ()
    minutes = rule.minutes if len(rule.minutes) > 1 else ()
    simple = replace(rule, hours=hours, minutes=minutes, seconds=())
    is_yearly = rule.freq is Frequency.YEARLY and rule.interval == 1
    has_days = bool(rule.month_days or rule.weekdays) and not any(place for place, _ in rule.weekdays)
    if is_yearly and has_days and not (rule.weeks or rule.year_days or rule.positions):
        return replace(simple, freq=Frequency.MONTHLY)
    return simple


def _with_readable_end(rule: Rule, whole: Plan) -> Rule:
    """Return the rule with an UNTIL that ends it in time for those, too, who compare it with wall time."""
    last = None if rule.until is None else recurrence.last(whole)
    if last is None or rule.until is None:
        return rule
    as_utc = recurrence.wall_of(last, whole.zone).replace(tzinfo=UTC)
    following = recurrence.next_after(replace(whole, rule=write_rule(read_rule(whole.rule or '').without_end)), last)
    too_late = [recurrence.wall_of(instant, whole.zone).replace(tzinfo=UTC) for instant in following]
    if isinstance(rule.until, datetime) and rule.until.tzinfo and as_utc <= rule.until < min(too_late, default=LATEST):
        return rule
    return replace(rule, until=max(last, as_utc))


def _moved(plan: Plan, rule: Rule, today: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """Return the occurrences at wall times that the clocks skip or repeat."""
    endless = write_rule(rule.without_end)
    as_walls = Plan(start=plan.start, zone='UTC', rule=endless)
    found: dict[datetime, datetime] = {}
    for day in _nights(plan.zone, today):
        for wall in map(_utc, recurrence.occurrences(as_walls, day, day + timedelta(days=2))):
            if wall in plan.exdates or _is_clear(wall, plan.zone):
                continue
            instant = recurrence.instant_of(wall, plan.zone)
            if recurrence.is_in_series(plan, instant):
                found[wall] = instant
    return tuple(sorted(found.items()))


@lru_cache(maxsize=64)
def _nights(zone_name: str, today: datetime) -> tuple[datetime, ...]:
    """Return a midnight (as if in UTC) before each clock change around today."""
    changes = changes_between(today - CORRECTED_BACK, today + CORRECTED_AHEAD, zone(zone_name))
    walls = (recurrence.wall_of(change - timedelta(hours=12), zone_name) for change in changes)
    return tuple(datetime(wall.year, wall.month, wall.day, tzinfo=UTC) for wall in walls)


# Hourly and minutely rules


def _stepped(plan: Plan, rule: Rule, first: datetime, today: datetime) -> Shown | None:
    """Return a rule for an hourly or minutely one, which fires in real time; None if there is none."""
    has_days = rule.months or rule.month_days or rule.weekdays or rule.year_days or rule.weeks
    if has_days or rule.hours or rule.minutes or rule.positions:
        return _as_times_of_day(plan, rule, first, today)
    whole = replace(plan, exdates=frozenset())
    steps = replace(rule, seconds=(), until=recurrence.last(whole) if rule.until else None)
    return Shown(_utc(first), 'UTC', write_rule(steps), tuple(_in_utc(plan)))


def _in_utc(plan: Plan) -> Iterator[datetime]:
    """Yield the excluded wall times of a plan, as both instants if the clocks show them twice."""
    for wall in sorted(plan.exdates):
        yield _utc(recurrence.instant_of(wall, plan.zone))
        again = second_instant_of(wall, plan.zone)
        if again is not None:
            yield _utc(again)


def _as_times_of_day(plan: Plan, rule: Rule, first: datetime, today: datetime) -> Shown | None:
    """Return the same as a daily rule, such as every 15 minutes from 9 to 17, if no clock change interferes.

    One of all days and hours is tried in UTC, too.
    """
    whole = replace(plan, exdates=frozenset())
    daily = _daily(rule, plan.start.minute)
    if daily is None or not is_read_alike(daily):
        return None
    start = recurrence.wall_of(first, plan.zone)
    there = replace(whole, start=start, rule=write_rule(_with_readable_end(daily, whole)))
    if _is_clear(start, plan.zone) and _agree(whole, there, today):
        return Shown(start, plan.zone, there.rule, tuple(sorted(plan.exdates)))
    if rule.hours or rule.months or rule.month_days or rule.weekdays:
        return None
    shift = _utc(first).minute - start.minute
    daily = replace(daily, minutes=tuple(sorted((minute + shift) % 60 for minute in daily.minutes)))
    in_utc = Plan(_utc(first), 'UTC', write_rule(replace(daily, until=recurrence.last(whole) if rule.until else None)))
    return Shown(in_utc.start, 'UTC', in_utc.rule, tuple(_in_utc(plan))) if _agree(whole, in_utc, today) else None


def _daily(rule: Rule, start_minute: int) -> Rule | None:
    """Return an hourly or minutely rule as one of times of the day, as long as no clock changes; None if it is none."""
    is_hourly = rule.freq is Frequency.HOURLY
    divides = rule.interval == 1 if is_hourly else 60 % rule.interval == 0
    if not divides or rule.positions or rule.count:
        return None
    steps = range(60) if is_hourly else range(start_minute % rule.interval, 60, rule.interval)
    minutes = rule.minutes or ((start_minute,) if is_hourly else tuple(steps))
    minutes = tuple(minute for minute in minutes if minute in steps)
    hours = rule.hours or tuple(range(24))
    return (
        replace(rule, freq=Frequency.DAILY, interval=1, hours=hours, minutes=minutes, seconds=()) if minutes else None
    )


def _agree(one: Plan, two: Plan, today: datetime) -> bool:
    """Whether two plans have the same occurrences today, and around each clock change."""
    is_fixed = not _nights(one.zone, today)
    days = [today, *(night for night in _nights(one.zone, today) if night < today + _COMPARED)]
    ends = [day + timedelta(days=3) for day in days]
    same = all(
        recurrence.occurrences(one, day, end) == recurrence.occurrences(two, day, end)
        for day, end in zip(days, ends, strict=True)
    )
    return same and (is_fixed or not _moved(two, read_rule(two.rule or ''), today))


# Explicit instants


def _listed(plan: Plan, today: datetime) -> Shown:
    following = recurrence.next_after(plan, today - LISTED_BACK, limit=LISTED)
    if len(following) == LISTED and following[-1] < today + LISTED_BACK:
        following = recurrence.next_after(plan, today - timedelta(days=1), limit=LISTED)
    found = [instant for instant in following if instant < today + LISTED_AHEAD] or following[:1]
    last = recurrence.last_before(plan, today) if not found else None
    instants = found or [last or recurrence.instant_of(plan.start, plan.zone)]
    return Shown(_utc(instants[0]), 'UTC', _ONCE, dates=tuple(map(_utc, instants[1:])), is_listed=True)


def _utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)


# X-SYNAPSE-PLAN


def plan_text(plan: Plan, written: Shown) -> str:
    """Return the value of X-SYNAPSE-PLAN; empty if what is written is the plan itself."""
    is_same = (plan.start, plan.zone, plan.rule) == (written.start, written.zone, written.rule)
    if is_same and set(plan.exdates) == set(written.exdates):
        return ''
    start = compact_iso(written.start) + ('Z' if written.zone == 'UTC' else '')
    values = {
        'start': plan.start.isoformat(),
        'timezone': plan.zone,
        'rrule': plan.rule,
        'exdates': [wall.isoformat() for wall in sorted(plan.exdates)],
        'written': [start, _parts(written.rule or ''), len(written.dates)],
    }
    return json.dumps(values)


def kept_plan(component: Component) -> Plan | None:
    """Return the plan that an event of our own file stands for; None if it has none, or was changed elsewhere."""
    text = component.text('X-SYNAPSE-PLAN')
    if not text:
        return None
    try:
        values = json.loads(text)
        rule, name = values['rrule'], str(values['timezone'])
        plan = Plan(
            start=datetime.fromisoformat(values['start']),
            zone=name,
            rule=None if rule is None else str(rule),
            exdates=frozenset(datetime.fromisoformat(wall) for wall in values['exdates']),
        )
        is_usable = plan.start.tzinfo is None and known_zone(name) and all(wall.tzinfo is None for wall in plan.exdates)
        return plan if is_usable and values['written'] == _written(component) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _written(component: Component) -> list[object]:
    rules = [_parts(item.raw) for item in component.all('RRULE')]
    dates = sum(len(item.raw.split(',')) for item in component.all('RDATE'))
    return [component.text('DTSTART').strip(), rules[0] if len(rules) == 1 else rules, dates]


def _parts(rule: str) -> list[str]:
    return sorted(part for part in rule.strip().upper().split(';') if part)


def is_clock_change(component: Component) -> bool:
    """Whether an event is just an occurrence at a time that the clocks skip or repeat, as we have written it."""
    text = component.text('X-SYNAPSE-CLOCK-CHANGE')
    return bool(text) and text == component.text('DTSTART').strip()
