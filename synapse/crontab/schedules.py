"""Rules as the five fields of cron: only those that have the same moments, which is tried, not argued."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product

from synapse import recurrence
from synapse.calendar.events import Event
from synapse.language import _
from synapse.recurrence import Plan
from synapse.recurrence.cron import CronError, cron_plans
from synapse.recurrence.rules import Frequency, Rule, read_rule
from synapse.recurrence.wall_time import changes_between
from synapse.recurrence.zones import zone as zone_of

TRIED = 100
"""How many moments are compared, from now on and around each of the next clock changes."""
_AROUND = timedelta(days=2)
_AHEAD = timedelta(days=400)
_BOUNDS = {'minute': (0, 59), 'hour': (0, 23), 'month_day': (1, 31), 'month': (1, 12), 'weekday': (0, 6)}


class NoSchedule(Exception):
    """No line of cron has these moments; the message is a sentence."""


def schedule_of(plan: Plan, now: datetime) -> str:
    """Return five fields with the moments of a plan after an aware `now`.

    :raises NoSchedule: if there are none
    """
    if plan.rule is None:
        raise NoSchedule(_('It runs once, and cron repeats.'))
    rule = read_rule(plan.rule)
    _require_simple(rule, plan, now)
    for text in _candidates(rule, plan.start):
        if _has_same_moments([plan], text, plan.zone, now):
            return text
    raise NoSchedule(_('No line of cron has the moments of its rule, {rule}.', rule=plan.rule))


def pair_schedule(events: Sequence[Event], now: datetime) -> str:
    """Return five fields for two events that a line with two day fields was made of.

    :raises NoSchedule: if they no longer belong together
    """
    first, second = (read_rule(event.plan.rule or 'FREQ=DAILY') for event in events)
    minutes, hours, days, months, __ = _fields_of(first, events[0].start)
    texts = (_text(minutes, 'minute'), _text(hours, 'hour'), _text(days, 'month_day'), _text(months, 'month'))
    weekdays = _text(tuple(sorted((day + 1) % 7 for __, day in second.weekdays)), 'weekday')
    for star in ('', '*'):
        text = ' '.join((star if star and len(hours) == 24 else texts[0], *texts[1:], weekdays))
        if _has_same_moments([event.plan for event in events], text, events[0].timezone, now):
            return text
    raise NoSchedule(_('It is one of two events that cron would start from one line, and they have changed.'))


def _require_simple(rule: Rule, plan: Plan, now: datetime) -> None:
    if rule.count is not None or rule.until is not None:
        raise NoSchedule(_('It ends, and a line of cron does not.'))
    if any(recurrence.instant_of(wall, plan.zone) > now for wall in plan.exdates):
        raise NoSchedule(_('It has exceptions, which cron does not know.'))
    if plan.start.second or any(rule.seconds):
        raise NoSchedule(_('It does not run at a full minute.'))
    days = [*rule.month_days, *(place for place, __ in rule.weekdays)]
    if rule.weeks or rule.year_days or rule.positions or min(days, default=0) < 0 or any(p for p, __ in rule.weekdays):
        raise NoSchedule(_('Cron cannot count weekdays, weeks or days from the end of a month or year.'))


_Fields = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]


def _candidates(rule: Rule, start: datetime) -> Iterator[str]:
    """Yield ways to write the fields: a leading `*` has a meaning of its own in four of them."""
    minutes, hours, days, months, weekdays = _fields_of(rule, start)
    is_stepped = rule.freq.is_sub_daily
    of_minutes, of_hours = (_ways(minutes, 'minute', is_stepped), _ways(hours, 'hour', is_stepped))
    of_days, of_weekdays = _ways(days, 'month_day', True), _ways(weekdays, 'weekday', True)
    for minute, hour, day, weekday in product(of_minutes, of_hours, of_days, of_weekdays):
        yield f'{minute} {hour} {day} {_text(months, "month")} {weekday}'


def _ways(numbers: tuple[int, ...], name: str, is_star_first: bool) -> list[str]:
    plain, star = _text(numbers, name), _star(numbers, name)
    ways = [way for way in ((star, plain) if is_star_first else (plain, star)) if way]
    return list(dict.fromkeys(ways))


def _fields_of(rule: Rule, start: datetime) -> _Fields:
    """Return the numbers that the fields allow; weekdays as cron counts them, 0 being Sunday."""
    step = rule.interval
    minutes, hours = rule.minutes, rule.hours
    if rule.freq is Frequency.MINUTELY:
        minutes = minutes or tuple(sorted({(start.minute + step * k) % 60 for k in range(60)}))
        if not hours and step % 60 == 0:
            hours = tuple(sorted({(start.hour + step // 60 * k) % 24 for k in range(24)}))
        hours = hours or tuple(range(24))
    elif rule.freq is Frequency.HOURLY:
        hours = hours or tuple(sorted({(start.hour + step * k) % 24 for k in range(24)}))
    month_days, months = rule.month_days, rule.months
    weekdays = tuple(sorted((day + 1) % 7 for __, day in rule.weekdays))
    if rule.freq is Frequency.WEEKLY and not weekdays:
        weekdays = (start.isoweekday() % 7,)
    if rule.freq in (Frequency.MONTHLY, Frequency.YEARLY) and not (month_days or weekdays):
        month_days = (start.day,)
        if rule.freq is Frequency.YEARLY:
            months = months or (start.month,)
    if rule.freq is Frequency.MONTHLY and not months:
        months = tuple(sorted({(start.month - 1 + step * k) % 12 + 1 for k in range(12)}))
    every = {name: tuple(range(low, high + 1)) for name, (low, high) in _BOUNDS.items()}
    return (
        minutes or (start.minute,),
        hours or (start.hour,),
        month_days or every['month_day'],
        months or every['month'],
        weekdays or every['weekday'],
    )


def _star(numbers: tuple[int, ...], name: str) -> str:
    """Return `*` or `*/n`; empty if there is none."""
    low, high = _BOUNDS[name]
    for step in range(1, high - low + 2):
        # The field of weekdays goes to 7, which is Sunday too.
        wanted = range(low, high + 1, step) if name != 'weekday' else {number % 7 for number in range(0, 8, step)}
        if len(numbers) > 1 and set(numbers) == set(wanted):
            return '*' if step == 1 else f'*/{step}'
    return ''


def _text(numbers: tuple[int, ...], name: str) -> str:
    low, high = _BOUNDS[name]
    if numbers == tuple(range(low, high + 1)):
        return '*' if name in ('month', 'month_day', 'weekday') else f'{low}-{high}'
    steps = {after - before for before, after in pairwise(numbers)}
    if len(numbers) > 2 and len(steps) == 1:
        step = steps.pop()
        return f'{numbers[0]}-{numbers[-1]}' + (f'/{step}' if step > 1 else '')
    return ','.join(str(number) for number in numbers)


def _has_same_moments(plans: Sequence[Plan], text: str, zone: str, now: datetime) -> bool:
    try:
        theirs = cron_plans(text, zone, after=recurrence.wall_of(now, zone))
    except CronError:
        return False
    changes = changes_between(now + _AROUND, now + _AHEAD, zone_of(zone))
    if _moments(plans, now) != _moments(theirs, now):
        return False
    return all(
        _between(plans, change - _AROUND, change + _AROUND) == _between(theirs, change - _AROUND, change + _AROUND)
        for change in changes
    )


def _moments(plans: Sequence[Plan], now: datetime) -> list[datetime]:
    found = {due for plan in plans for due in recurrence.next_after(plan, now.astimezone(UTC), limit=TRIED)}
    return sorted(found)[:TRIED]


def _between(plans: Sequence[Plan], start: datetime, end: datetime) -> list[datetime]:
    return sorted({due for plan in plans for due in recurrence.occurrences(plan, start, end)})
