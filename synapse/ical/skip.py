"""Rules of RFC 7529, which say what happens on days that a month lacks, as rules of RFC 5545 with the same occurrences.

`SKIP=BACKWARD` takes the day before instead, `SKIP=FORWARD` the day after. Few programs know either, but each has a
counterpart that all of them know: every month on the 31st or the day before is its last day. Where one rule does not
suffice, several do.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from synapse import recurrence
from synapse.language import _
from synapse.recurrence.days import DayFilter, day_filter
from synapse.recurrence.rules import Frequency, Rule, RuleError, read_rule, write_rule

from .series import Unreadable, rules_as_one

_LEAST = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""The days of each month in a year that has no 29 February."""
_MONTHS = range(1, 13)
_LEAP_DAY = 60
"""The number of 29 February in its year, and of 1 March in the other years."""


def without_skip(text: str, start: datetime, zone: str) -> list[str]:
    """Return rules without RSCALE and SKIP that together have exactly the occurrences of this rule.

    >>> without_skip('RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=BACKWARD', datetime(2026, 1, 31, 9), 'UTC')
    ['FREQ=MONTHLY;BYMONTHDAY=-1']
    >>> without_skip('RSCALE=GREGORIAN;FREQ=YEARLY;SKIP=FORWARD', datetime(2028, 2, 29, 9), 'UTC')
    ['FREQ=YEARLY;BYYEARDAY=60']

    :param start: the naive wall time of DTSTART
    :raises Unreadable: for another calendar than the Gregorian one, and if there are no such rules
    """
    parts = dict(part.partition('=')[::2] for part in text.split(';'))
    scale, skip = parts.pop('RSCALE', 'GREGORIAN'), parts.pop('SKIP', 'OMIT')
    if scale != 'GREGORIAN':
        raise Unreadable(
            _('counts by the calendar {scale} (RSCALE). Only the Gregorian one is supported.', scale=scale[:40])
        )
    if skip not in ('OMIT', 'BACKWARD', 'FORWARD'):
        raise Unreadable(_('has a rule that cannot be read: SKIP={skip}.', skip=skip[:40]))
    plain = ';'.join(f'{name}={value}' for name, value in parts.items())
    if skip == 'OMIT':
        return [plain]
    try:
        rule = read_rule(plain)
    except RuleError as error:
        raise Unreadable(_('has a rule that cannot be read: {error}', error=error)) from error
    days = day_filter(rule, start.date())
    if rule.freq not in (Frequency.MONTHLY, Frequency.YEARLY) or not _can_miss(days):
        return [plain]
    found = _backward(rule, days) if skip == 'BACKWARD' else _forward(rule, days, start)
    if len(found) > 1 and rule.positions:
        raise _not_exact(skip)
    return rules_as_one([write_rule(each) for each in _occurring(found, start, zone)], start, zone)


def _can_miss(days: DayFilter) -> bool:
    """Whether some of these days do not exist in every month, or year."""
    return any(abs(day) > 28 and day not in _always(days) for day in days.month_days) or 366 in map(abs, days.year_days)


def _always(days: DayFilter) -> range:
    """Return the days that all of the months have."""
    return range(1, min(_LEAST[month - 1] for month in days.months or _MONTHS) + 1)


def _backward(rule: Rule, days: DayFilter) -> list[Rule]:
    if min(days.month_days, default=0) < -28 or min(days.year_days, default=0) == -366 or rule.weeks:
        raise _not_exact('BACKWARD')
    if 366 in days.year_days:
        if days.month_days:
            raise _not_exact('BACKWARD')
        return [replace(rule, year_days=tuple(sorted({-1, *days.year_days} - {366})))]
    missed = [day for day in days.month_days if day > 28 and day not in _always(days)]
    kept = tuple(day for day in days.month_days if day not in missed)
    months = days.months or tuple(_MONTHS)
    if all(max(_LEAST[month - 1], 29) <= day for day in missed for month in months) or missed == [31]:
        return [replace(rule, months=days.months, month_days=tuple(sorted({*kept, -1})))]
    if len(days.month_days) == 1 and _is_once_a_month(rule):
        return [replace(rule, months=days.months, month_days=tuple(range(28, missed[0] + 1)), positions=(-1,))]
    found = [replace(rule, months=days.months, month_days=kept)] if kept else []
    lasts = {month for day in missed for month in months if _LEAST[month - 1] < day}
    for day in missed:
        longer = tuple(month for month in months if _LEAST[month - 1] >= day + (month in lasts))
        found += [replace(rule, months=longer, month_days=(day,))] if longer else []
    return [*found, replace(rule, months=tuple(sorted(lasts)), month_days=(-1,))]


def _is_once_a_month(rule: Rule) -> bool:
    is_once_a_day = len(rule.hours) < 2 and len(rule.minutes) < 2
    return rule.freq is Frequency.MONTHLY and is_once_a_day and not rule.weekdays and not rule.positions


def _forward(rule: Rule, days: DayFilter, start: datetime) -> list[Rule]:
    months = list(days.months or _MONTHS)
    if rule.freq is Frequency.MONTHLY:
        months = [month for month in months if (month - start.month) % rule.interval == 0]
    is_yearly_pattern = rule.freq is Frequency.YEARLY or 12 % rule.interval == 0
    has_places = any(place for place, __ in rule.weekdays)
    if not is_yearly_pattern or has_places or rule.weeks or days.year_days or min(days.month_days) < -28:
        raise _not_exact('FORWARD')
    if (days.months, days.month_days, rule.weekdays) == ((2,), (29,), ()) and rule.freq is Frequency.YEARLY:
        return [replace(rule, months=(), month_days=(), year_days=(_LEAP_DAY,))]
    missed = [(month, day) for month in months for day in days.month_days if day > _LEAST[month - 1]]
    firsts = {month + 1 for month, day in missed if (month, day) != (2, 29)}
    yearly = replace(rule, freq=Frequency.YEARLY, interval=rule.interval if rule.freq is Frequency.YEARLY else 1)
    found = [replace(rule, months=days.months, month_days=days.month_days)]
    if missed and len(missed) == len(months) * len(days.month_days) and (2, 29) not in missed:
        found = []
    if firsts:
        found.append(replace(yearly, months=tuple(sorted(firsts)), month_days=(1,)))
    if (2, 29) in missed and 3 not in firsts:  # in other years, day 60 is in March
        found.append(replace(yearly, months=(3,), month_days=(), year_days=(_LEAP_DAY,)))
    return found


def _occurring(rules: Sequence[Rule], start: datetime, zone: str) -> list[Rule]:
    """Return those of several rules that have an occurrence, with the end that COUNT gives all of them together."""
    if len(rules) == 1:
        return [*rules]
    count, before = rules[0].count, recurrence.instant_of(start, zone) - recurrence.TICK
    dues = [
        recurrence.next_after(recurrence.Plan(start, zone, write_rule(rule.without_end)), before, limit=count or 1)
        for rule in rules
    ]
    if count is None:
        return [rule for rule, found in zip(rules, dues, strict=True) if found] or [rules[0]]
    together = sorted({instant for found in dues for instant in found})
    if not together:
        return [rules[0]]
    until = together[:count][-1]
    ended = [replace(rule, count=None, until=until) for rule in rules]
    return [rule for rule, found in zip(ended, dues, strict=True) if found and found[0] <= until]


def _not_exact(skip: str) -> Unreadable:
    return Unreadable(
        _(
            'moves days that do not exist (SKIP={skip}) as no rule here can. Make a series for each of its days.',
            skip=skip,
        )
    )
