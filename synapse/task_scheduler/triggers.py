"""Triggers of Task Scheduler as plans: its schema, in the terms of RFC 5545."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from synapse import recurrence
from synapse.language import N_, _, translated
from synapse.recurrence import Plan
from synapse.recurrence.rules import MAX_COUNT, Frequency, Rule, write_rule

from .element import Element

OTHERS = {
    'BootTrigger': N_('when the machine starts'),
    'LogonTrigger': N_('when somebody signs in'),
    'IdleTrigger': N_('when the machine is idle'),
    'EventTrigger': N_('after an entry in the event log'),
    'RegistrationTrigger': N_('when the task is saved'),
    'SessionStateChangeTrigger': N_('when a session is locked or connected'),
}
"""Triggers that are no time of the clock."""
_MONTHS = (
    *('January', 'February', 'March', 'April', 'May', 'June'),
    *('July', 'August', 'September', 'October', 'November', 'December'),
)
_DAYS = ('Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday')
_SPAN = re.compile(r'P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?', re.ASCII)
DAY = timedelta(days=1)


class TaskError(ValueError):
    """Something that no event has a counterpart of; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    start: datetime
    """A naive wall time."""
    zone: str
    until: datetime | None
    """Aware UTC: the last moment at which it may still start."""


def plans_of(trigger: Element, zone: str) -> list[Plan]:
    """Return the plans that together have the moments of a trigger.

    :param zone: of the machine
    :raises TaskError: if it is no time of the clock, or no rule has its moments
    """
    if trigger.name in OTHERS:
        raise TaskError(
            _('It starts {others}, which is no time of the clock.', others=translated(OTHERS[trigger.name]))
        )
    if trigger.name not in ('TimeTrigger', 'CalendarTrigger'):
        raise TaskError(_('Its trigger {name} is not known.', name=trigger.name[:40]))
    bounds = _bounds(trigger, zone)
    step, lasts = span_of(trigger.value('Repetition/Interval')), span_of(trigger.value('Repetition/Duration'))
    if step is not None and (step < timedelta(minutes=1) or step % timedelta(minutes=1)):
        raise TaskError(_('It repeats at an interval that is not whole minutes.'))
    if trigger.name == 'TimeTrigger':
        return [_once(bounds, step, lasts)]
    rule = replace(_rule(trigger), until=bounds.until)
    rules = [rule] if step is None else _repeated(rule, bounds.start, step, lasts)
    return [plan for one in rules if (plan := _from_first(one, bounds)) is not None]


def span_of(text: str) -> timedelta | None:
    """Return a duration such as `PT15M` or `P1D`; None if there is none.

    :raises TaskError: if it has years or months, or cannot be read
    """
    if not text:
        return None
    found = _SPAN.fullmatch(text)
    if found is None:
        raise TaskError(_('Its duration {text} cannot be read.', text=text[:40]))
    days, hours, minutes, seconds = (int(digits or 0) for digits in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _bounds(trigger: Element, zone: str) -> _Bounds:
    text = trigger.value('StartBoundary')
    if not text:
        raise TaskError(_('Its trigger has no StartBoundary.'))
    start = _moment(text)
    if start.tzinfo is not None:
        zone = _fixed_zone(start)
    end = trigger.value('EndBoundary')
    until = None
    if end:
        moment = _moment(end)
        instant = recurrence.instant_of(moment, zone) if moment.tzinfo is None else moment.astimezone(UTC)
        until = instant - timedelta(seconds=1)
    return _Bounds(start.replace(tzinfo=None), zone, until)


def _moment(text: str) -> datetime:
    try:
        # Parts of a second come with up to seven digits; a task starts at whole ones.
        return datetime.fromisoformat(re.sub(r'\.\d+', '', text))
    except ValueError as error:
        raise TaskError(_('Its date {text} cannot be read.', text=text[:40])) from error


def _fixed_zone(moment: datetime) -> str:
    """Return the zone of a start that has an offset: such a task stays with it when the clocks change."""
    hours, rest = divmod(moment.utcoffset() or timedelta(), timedelta(hours=1))
    if rest or not -12 <= hours <= 14:
        raise TaskError(_('Its start has the offset {moment:%z}, which no time zone of Synapse keeps.', moment=moment))
    return 'UTC' if hours == 0 else f'Etc/GMT{-hours:+d}'


def _once(bounds: _Bounds, step: timedelta | None, lasts: timedelta | None) -> Plan:
    """Return the plan of a single start, which may be repeated at a distance from it: in real time."""
    if step is None:
        return Plan(bounds.start, bounds.zone)
    minutes = step // timedelta(minutes=1)
    rule = Rule(freq=Frequency.MINUTELY, interval=minutes, until=bounds.until)
    if minutes % 60 == 0:
        rule = replace(rule, freq=Frequency.HOURLY, interval=minutes // 60)
    if lasts is not None:
        count = -(-lasts // step)
        begins = recurrence.instant_of(bounds.start, bounds.zone)
        last = begins + step * (count - 1)
        ends = last if bounds.until is None else min(last, bounds.until)
        is_counted = bounds.until is None and 0 < count <= MAX_COUNT
        rule = replace(rule, count=count, until=None) if is_counted else replace(rule, until=ends)
    return Plan(bounds.start, bounds.zone, write_rule(rule))


def _rule(trigger: Element) -> Rule:
    if found := trigger.find('ScheduleByDay'):
        return Rule(freq=Frequency.DAILY, interval=_count(found, 'DaysInterval'))
    if found := trigger.find('ScheduleByWeek'):
        weekdays = tuple((0, day) for day in _named(found, 'DaysOfWeek', _DAYS))
        # Its weeks begin on Sunday, which matters to every second one.
        interval = _count(found, 'WeeksInterval')
        return Rule(freq=Frequency.WEEKLY, interval=interval, weekdays=weekdays, week_start=6 if interval > 1 else 0)
    if found := trigger.find('ScheduleByMonth'):
        days = [day.text.strip() for day in found.all('DaysOfMonth/Day')]
        numbers = tuple(sorted({_place(day, 31) for day in days}))
        if not numbers:
            raise TaskError(_('It is monthly and names no day.'))
        return Rule(freq=Frequency.MONTHLY, months=_months(found), month_days=numbers)
    if found := trigger.find('ScheduleByMonthDayOfWeek'):
        weeks = [_place(week.text.strip(), 4) for week in found.all('Weeks/Week')] or [1, 2, 3, 4, -1]
        weekdays = tuple(sorted({(week, day) for week in weeks for day in _named(found, 'DaysOfWeek', _DAYS)}))
        return Rule(freq=Frequency.MONTHLY, months=_months(found), weekdays=weekdays)
    raise TaskError(_('Its calendar trigger has no schedule.'))


def _count(element: Element, name: str) -> int:
    text = element.value(name) or '1'
    if not re.fullmatch(r'[1-9]\d{0,3}', text, re.ASCII):
        raise TaskError(_('Its {name} {text!r} cannot be read.', name=name, text=text[:40]))
    return int(text)


def _named(element: Element, name: str, known: tuple[str, ...]) -> list[int]:
    found = element.find(name)
    names = [child.name for child in found.children] if found is not None else []
    if not names or any(one not in known for one in names):
        raise TaskError(_('Its {name} cannot be read.', name=name))
    return sorted(known.index(one) for one in names)


def _months(element: Element) -> tuple[int, ...]:
    if element.find('Months') is None:
        return ()
    numbers = tuple(number + 1 for number in _named(element, 'Months', _MONTHS))
    return numbers if len(numbers) < 12 else ()


def _place(text: str, most: int) -> int:
    if text == 'Last':
        return -1
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise TaskError(_('Its day or week {text!r} cannot be read.', text=text[:40]))
    return int(text)


def _repeated(rule: Rule, start: datetime, step: timedelta, lasts: timedelta | None) -> list[Rule]:
    """Return rules with the times of a day at which a start is repeated."""
    is_daily = rule.freq is Frequency.DAILY and rule.interval == 1
    lasts = DAY if lasts is None and is_daily and not DAY % step else lasts
    if lasts is None:
        raise TaskError(_('It is repeated without an end, and starts anew before that. Plan it by hand.'))
    moments = [start + step * number for number in range(-(-lasts // step))]
    if lasts > DAY or (not is_daily and moments[-1].date() != start.date()):
        raise TaskError(_('It is repeated past midnight, into days of its next start. Plan it by hand.'))
    if moments[-1].date() != start.date() and DAY % step:
        raise TaskError(_('It is repeated past midnight at times that differ from day to day. Plan it by hand.'))
    hours_of: dict[int, list[int]] = {}
    for moment in moments:
        hours_of.setdefault(moment.minute, []).append(moment.hour)
    minutes_of: dict[tuple[int, ...], list[int]] = {}
    for minute, hours in hours_of.items():
        minutes_of.setdefault(tuple(sorted(hours)), []).append(minute)
    return [replace(rule, hours=hours, minutes=tuple(sorted(minutes))) for hours, minutes in minutes_of.items()]


def _from_first(rule: Rule, bounds: _Bounds) -> Plan | None:
    begins = bounds.start
    if rule.hours:  # its first repetition of the day may be before its start
        begins = datetime.combine(bounds.start, time(0, 0, bounds.start.second))
    plan = Plan(begins, bounds.zone, write_rule(rule))
    since = recurrence.instant_of(bounds.start, bounds.zone) - recurrence.TICK
    first = next(iter(recurrence.next_after(plan, since)), None)
    return None if first is None else Plan(recurrence.wall_of(first, bounds.zone), bounds.zone, plan.rule)
