"""Schedules of cron as rules: what crontab(5) of cronie describes, said in the terms of RFC 5545.

cron compares the clock on the wall with five fields, minute by minute. Lines with a wildcard in the minute or hour
follow the clock through its changes, as hourly rules do here; all others are times of the day.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import Any

from synapse.language import N_, _, filled, translated

from .expansion import Plan, next_after
from .rules import Frequency, Rule, write_rule
from .wall_time import instant_of, wall_of

NAMED = {
    '@yearly': '0 0 1 1 *',
    '@annually': '0 0 1 1 *',
    '@monthly': '0 0 1 * *',
    '@weekly': '0 0 * * 0',
    '@daily': '0 0 * * *',
    '@midnight': '0 0 * * *',
    '@hourly': '0 * * * *',
}
_MONTHS = ('jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec')
_DAYS = ('sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat')
_EVERY_HOUR, _EVERY_MINUTE = tuple(range(24)), tuple(range(60))


class CronError(ValueError):
    """A schedule that cannot be read, or that no rule describes; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()
    first_name: int = 0

    def numbers(self, text: str) -> tuple[int, ...]:
        """Return the numbers that a field allows, sorted.

        :raises CronError: if it cannot be read
        """
        return tuple(sorted({number for part in text.split(',') for number in self._part(part)}))

    def _part(self, text: str) -> range:
        span, slash, step_text = text.partition('/')
        if '~' in text:
            raise CronError(
                _(
                    '{text!r} is a random {field}, chosen anew by cron; choose a fixed one.',
                    text=text,
                    field=translated(self.name),
                )
            )
        step = self._step(step_text, text) if slash else 1
        if span == '*':
            return range(self.least, self.most + 1, step)
        first, dash, last = span.partition('-')
        if slash and not dash:
            raise CronError(
                _(
                    '{text!r} means different things to different crons. Write {instead}.',
                    text=text,
                    instead=f'{first}-{self.most}/{step_text}',
                )
            )
        low, high = self._number(first, text), self._number(last, text) if dash else self._number(first, text)
        if low > high:
            raise self._wrong(N_('The {field} {text!r} ends before it starts.'), text)
        return range(low, high + 1, step)

    def _step(self, digits: str, text: str) -> int:
        if not re.fullmatch(r'[0-9]{1,3}', digits) or int(digits) == 0:
            raise self._wrong(N_('The {field} {text!r} has a step that cannot be read.'), text)
        return int(digits)

    def _number(self, digits: str, text: str) -> int:
        if digits.lower() in self.names:
            return self.names.index(digits.lower()) + self.first_name
        if not re.fullmatch(r'[0-9]{1,3}', digits) or not self.least <= int(digits) <= self.most:
            raise self._wrong(N_('The {field} {text!r} cannot be read. Use {least} to {most}.'), text)
        return int(digits)

    def _wrong(self, message: str, text: str) -> CronError:
        said = filled(message, field=translated(self.name), text=text, least=self.least, most=self.most)
        return CronError(said)


_FIELDS = (
    _Field(N_('minute'), 0, 59),
    _Field(N_('hour'), 0, 23),
    _Field(N_('day of the month'), 1, 31),
    _Field(N_('month'), 1, 12, _MONTHS, 1),
    _Field(N_('day of the week'), 0, 7, _DAYS),
)


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """The five fields of a line as the numbers they allow."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    month_days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    """0 is Monday."""
    follows_clock: bool
    """Whether minute or hour begins with `*`: then cron follows the clock through its changes."""
    either_day: bool
    """Whether one of the two day fields suffices, as neither begins with `*`: crontab(5)."""

    def rules(self) -> list[Rule]:
        """Return rules whose occurrences are together those of the schedule, none of them twice."""
        months = self.months if len(self.months) < 12 else ()
        month_days = self.month_days if len(self.month_days) < 31 else ()
        weekdays = tuple((0, day) for day in self.weekdays) if len(self.weekdays) < 7 else ()
        if not (self.either_day and month_days and weekdays):
            if self.either_day:  # all days of one field are all days
                month_days, weekdays = (), ()
            return [self._rule(months, month_days, weekdays)]
        other_days = tuple(day for day in range(1, 32) if day not in month_days)
        return [self._rule(months, month_days, ()), self._rule(months, other_days, weekdays)]

    def _rule(
        self, months: tuple[int, ...], month_days: tuple[int, ...], weekdays: tuple[tuple[int, int], ...]
    ) -> Rule:
        days: dict[str, Any] = {'months': months, 'month_days': month_days, 'weekdays': weekdays}
        if self.follows_clock:
            is_every_minute = self.minutes == _EVERY_MINUTE
            return Rule(
                freq=Frequency.MINUTELY if is_every_minute else Frequency.HOURLY,
                hours=() if self.hours == _EVERY_HOUR else self.hours,
                minutes=() if is_every_minute else self.minutes,
                **days,
            )
        if weekdays:
            freq = Frequency.DAILY if month_days else Frequency.WEEKLY
        else:
            freq = Frequency.MONTHLY if month_days else Frequency.DAILY
        return Rule(freq=freq, hours=self.hours, minutes=self.minutes, **days)


def read_cron(text: str) -> CronSchedule:
    """Return the schedule that five fields, or a name such as `@daily`, stand for.

    :raises CronError: if they cannot be read
    """
    parts = NAMED.get(text.strip().lower(), text).split()
    if len(parts) == 1 and parts[0].startswith('@'):
        raise CronError(_('{text} is not a time. Known are {names}.', text=parts[0][:40], names=', '.join(NAMED)))
    if len(parts) != 5:
        raise CronError(_('A schedule has five fields: minute, hour, day of the month, month, day of the week.'))
    minutes, hours, month_days, months, days = (field.numbers(part) for field, part in zip(_FIELDS, parts, strict=True))
    schedule = CronSchedule(
        minutes=minutes,
        hours=hours,
        month_days=month_days,
        months=months,
        weekdays=tuple(sorted({(day - 1) % 7 for day in days})),
        follows_clock=parts[0].startswith('*') or parts[1].startswith('*'),
        either_day=not (parts[2].startswith('*') or parts[4].startswith('*')),
    )
    if not any(plan.rule and next_after(plan, instant_of(plan.start, plan.zone)) for plan in _plans(schedule)):
        raise CronError(_('{text!r} never comes: no month has such a day.', text=text.strip()))
    return schedule


def is_cron(text: str) -> bool:
    """Whether a text looks like a schedule of cron: five fields, or a name such as `@daily`."""
    return re.fullmatch(r'@\w+|(?:[0-9*][\w*/,~-]*\s+){4}[\w*][\w*/,~-]*', text.strip()) is not None


def rule_text(text: str) -> str:
    """Return the rule that a schedule of cron stands for, and any other text unchanged.

    >>> rule_text('0 3 * * *'), rule_text('FREQ=DAILY')
    ('FREQ=DAILY;BYHOUR=3;BYMINUTE=0', 'FREQ=DAILY')

    :raises CronError: if it cannot be read, or no single rule describes it
    """
    if not is_cron(text):
        return text
    rules = read_cron(text).rules()
    if len(rules) > 1:
        sentence = _('{text!r} runs on either of two sorts of days. Plan an event for each.', text=text.strip())
        raise CronError(sentence)
    return write_rule(rules[0])


def cron_plans(text: str, zone: str, *, after: datetime) -> list[Plan]:
    """Return the plans that together are a schedule of cron: two where either of two day fields suffices.

    Each starts at its first occurrence after a naive wall time; what its start implies is left out of its rule.

    >>> [plan.rule for plan in cron_plans('30 2 * * mon-fri', 'Europe/Berlin', after=datetime(2026, 10, 3))]
    ['FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR']
    >>> [plan.rule for plan in cron_plans('0 4 1 * 1', 'Europe/Berlin', after=datetime(2026, 10, 3))][0]
    'FREQ=MONTHLY;BYMONTHDAY=1'

    :raises CronError: if it cannot be read
    :raises RuleError: if the zone is unknown
    """
    return [plan for rule in read_cron(text).rules() if (plan := plan_of_rule(rule, zone, after=after)) is not None]


def plan_of_rule(rule: Rule, zone: str, *, after: datetime) -> Plan | None:
    """Return the plan that starts at the first occurrence of a rule after a naive wall time; None if there is none.

    The rule has its own times of the day; what the start implies is left out of that of the plan.
    """
    second = rule.seconds[0] if rule.seconds else 0
    plan = Plan(start=after.replace(second=second, microsecond=0), zone=zone, rule=write_rule(rule))
    first = next_after(plan, instant_of(after, zone))
    if not first:
        return None
    start = wall_of(first[0], zone)
    is_one_time = not rule.freq.is_sub_daily and len(rule.hours) == len(rule.minutes) == 1
    if is_one_time and start.time() != time(rule.hours[0], rule.minutes[0], second):
        return Plan(start=start, zone=zone, rule=plan.rule)  # the clock skips this time on that day
    short = replace(rule, hours=(), minutes=(), seconds=())
    return Plan(start=start, zone=zone, rule=write_rule(short if is_one_time else rule))


def _plans(schedule: CronSchedule) -> list[Plan]:
    return [Plan(datetime(2024, 1, 1), 'UTC', write_rule(rule)) for rule in schedule.rules()]
