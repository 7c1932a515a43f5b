"""Recurrence rules as text and as records: the RRULE of RFC 5545, 3.3.10, at most once a minute."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from synapse.language import N_, _, formats, translated

WEEKDAYS = ('MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU')
MAX_COUNT = 10_000
MAX_INTERVAL = 100_000
MAX_LENGTH = 2000

_Reader = Callable[[str], Mapping[str, Any]]


class RuleError(ValueError):
    """A plan that cannot be expanded.

    :param field: which one to fix: `rrule`, `timezone`, `start` or `exdates`
    :param sentence: says how
    """

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
        self.sentence = sentence


class Frequency(StrEnum):
    YEARLY = 'YEARLY'
    MONTHLY = 'MONTHLY'
    WEEKLY = 'WEEKLY'
    DAILY = 'DAILY'
    HOURLY = 'HOURLY'
    MINUTELY = 'MINUTELY'

    @property
    def is_sub_daily(self) -> bool:
        """Whether it is stepped in real time instead of wall time."""
        return self in (Frequency.HOURLY, Frequency.MINUTELY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The parts of a rule; an empty tuple stands for a part that is not given."""

    freq: Frequency
    interval: int = 1
    count: int | None = None
    until: date | datetime | None = None
    """A day, a naive wall time or an aware UTC time, as it was written; an occurrence at this moment still counts."""
    months: tuple[int, ...] = field(default=(), metadata={'part': 'BYMONTH'})
    weeks: tuple[int, ...] = field(default=(), metadata={'part': 'BYWEEKNO'})
    year_days: tuple[int, ...] = field(default=(), metadata={'part': 'BYYEARDAY'})
    month_days: tuple[int, ...] = field(default=(), metadata={'part': 'BYMONTHDAY'})
    weekdays: tuple[tuple[int, int], ...] = field(default=(), metadata={'part': 'BYDAY'})
    """Pairs of a place (0: each, 2: the second, -1: the last) and a weekday (0: Monday)."""
    hours: tuple[int, ...] = field(default=(), metadata={'part': 'BYHOUR'})
    minutes: tuple[int, ...] = field(default=(), metadata={'part': 'BYMINUTE'})
    seconds: tuple[int, ...] = field(default=(), metadata={'part': 'BYSECOND'})
    positions: tuple[int, ...] = field(default=(), metadata={'part': 'BYSETPOS'})
    week_start: int = 0

    @property
    def without_end(self) -> 'Rule':
        return replace(self, count=None, until=None)


@lru_cache(maxsize=4096)
def read_rule(text: str) -> Rule:
    """Return the rule that a text stands for, with or without `RRULE:` before it.

    >>> write_rule(read_rule('rrule:byday=we,mo;interval=2;freq=weekly'))
    'FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE'

    :raises RuleError: field `rrule`
    """
    if len(text) > MAX_LENGTH:
        raise _wrong(_('The rule is too long. Give fewer days or times.'))
    lines = [line for line in re.sub(r'\r?\n[ \t]', '', text.strip()).splitlines() if line.strip()]
    if len(lines) != 1:
        raise _wrong(_('Write a single rule on one line, like FREQ=WEEKLY;BYDAY=MO.'))
    if '=' not in lines[0]:
        raise _wrong(
            _(
                '{text!r} cannot be read. '
                'Write a rule like FREQ=DAILY, or the five fields of a schedule of cron, like 0 3 * * *.',
                text=lines[0].strip()[:60],
            )
        )
    parts = _parts(re.sub(r'\s', '', lines[0]).upper().removeprefix('RRULE:'))
    freq = _frequency(parts.pop('FREQ', ''))
    values: dict[str, Any] = {}
    for name, value in parts.items():
        if name not in _PARTS:
            raise _wrong(_('The part {name} is not supported. Remove it from the rule.', name=name))
        read, hint = _PARTS[name]
        try:
            values |= read(value)
        except ValueError:
            said = _('{part} cannot be read.', part=f'{name}={value[:40]}')
            most = {'INTERVAL': MAX_INTERVAL, 'COUNT': MAX_COUNT}.get(name, 0)
            raise _wrong(f'{said} {translated(hint).format(most=formats.number(most))}') from None
    rule = Rule(freq=freq, **values)
    _check(rule)
    return rule


def write_rule(rule: Rule) -> str:
    """Return the text of a rule, with FREQ first, as some calendars need it, and without parts at their default."""
    parts = {
        'FREQ': rule.freq,
        'INTERVAL': rule.interval if rule.interval != 1 else '',
        'COUNT': rule.count or '',
        'UNTIL': compact_iso(rule.until) if rule.until else '',
        **{part: ','.join(str(value) for value in getattr(rule, name)) for part, name in _LISTS.items()},
    }
    parts['BYDAY'] = ','.join(f'{place or ""}{WEEKDAYS[day]}' for place, day in rule.weekdays)
    parts['WKST'] = WEEKDAYS[rule.week_start] if rule.week_start else ''
    return ';'.join(f'{part}={value}' for part, value in parts.items() if value)


def compact_iso(moment: date | datetime) -> str:
    """Return `20261101`, `20261101T160000`, or with `Z` if it is aware: RFC 5545, 3.3.4 and 3.3.5."""
    if not isinstance(moment, datetime):
        return moment.isoformat().replace('-', '')
    text = moment.replace(tzinfo=None, microsecond=0).isoformat().replace('-', '').replace(':', '')
    return f'{text}Z' if moment.tzinfo else text


def _parts(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for item in filter(None, text.split(';')):
        name, equals, value = item.partition('=')
        if not equals or not name or not value:
            raise _wrong(
                _(
                    '{text} cannot be read. Write parts like FREQ=DAILY, with semicolons between them.',
                    text=item[:40],
                )
            )
        if name in parts:
            raise _wrong(_('{name} is given twice. Give it once.', name=name))
        parts[name] = value
    return parts


def _frequency(value: str) -> Frequency:
    if value == 'SECONDLY':
        raise _wrong(_('A rule can repeat at most once a minute. Use FREQ=MINUTELY.'))
    try:
        return Frequency(value)
    except ValueError:
        raise _wrong(_('Say how often: FREQ=DAILY, WEEKLY, MONTHLY, YEARLY, HOURLY or MINUTELY.')) from None


def _check(rule: Rule) -> None:
    if rule.count is not None and rule.until is not None:
        raise _wrong(_('A rule ends after a number of times or on a date, not both. Remove COUNT or UNTIL.'))
    if len(rule.seconds) > 1:
        raise _wrong(_('A rule can repeat at most once a minute. Give one value for BYSECOND.'))
    has_places = any(place for place, _ in rule.weekdays)
    if has_places and rule.freq not in (Frequency.MONTHLY, Frequency.YEARLY):
        raise _wrong(_('Weekdays with a number, like 2MO, need FREQ=MONTHLY or YEARLY.'))
    if has_places and rule.weeks:
        raise _wrong(_('Weekdays with a number, like 2MO, cannot be combined with BYWEEKNO. Remove one of them.'))
    if rule.freq is not Frequency.YEARLY and rule.weeks:
        raise _wrong(_('BYWEEKNO needs FREQ=YEARLY.'))


def _wrong(sentence: str) -> RuleError:
    return RuleError('rrule', sentence)


def _number(value: str, least: int, most: int) -> int:
    if not re.fullmatch(r'[+-]?\d{1,9}', value, re.ASCII) or not least <= int(value) <= most:
        raise ValueError(value)
    return int(value)


def _numbers(name: str, least: int, most: int) -> _Reader:
    """Return a reader of a list of numbers in these bounds; 0 is not one of them if `least` is negative."""

    def read(value: str) -> Mapping[str, Any]:
        numbers = {_number(item, least, most) for item in value.split(',')}
        if least < 0 and 0 in numbers:
            raise ValueError(value)
        return {name: tuple(sorted(numbers))}

    return read


def _read_weekdays(value: str) -> Mapping[str, Any]:
    found = set[tuple[int, int]]()
    for item in value.split(','):
        place = _number(item[:-2], -53, 53) if item[:-2] else 0
        if item[:-2] and place == 0:
            raise ValueError(value)
        found.add((place, WEEKDAYS.index(item[-2:])))
    return {'weekdays': tuple(sorted(found))}


def read_until(value: str) -> date | datetime:
    """Return what UNTIL says: a day, a naive wall time or an aware UTC time.

    :raises ValueError: if it isn't a date
    """
    if not re.fullmatch(r'\d{8}(T\d{6}Z?)?', value, re.ASCII):
        raise ValueError(value)
    if 'T' not in value:
        return datetime.strptime(value, '%Y%m%d').date()
    moment = datetime.strptime(value[:15], '%Y%m%dT%H%M%S')
    return moment.replace(tzinfo=UTC) if value.endswith('Z') else moment


def _only(allowed: str) -> _Reader:
    """Return a reader of a part that may say what holds anyway, and nothing else: RFC 7529."""

    def read(value: str) -> Mapping[str, Any]:
        if value != allowed:
            raise ValueError(value)
        return {}

    return read


_PARTS: dict[str, tuple[_Reader, str]] = {
    'INTERVAL': (
        lambda value: {'interval': _number(value, 1, MAX_INTERVAL)},
        N_('Give a number from 1 to {most}.'),
    ),
    'COUNT': (lambda value: {'count': _number(value, 1, MAX_COUNT)}, N_('Give a number from 1 to {most}.')),
    'UNTIL': (lambda value: {'until': read_until(value)}, N_('Write a date like 20261231, or 20261231T225959Z.')),
    'WKST': (lambda value: {'week_start': WEEKDAYS.index(value)}, N_('Write a weekday like MO.')),
    'BYMONTH': (_numbers('months', 1, 12), N_('Give months from 1 to 12.')),
    'BYWEEKNO': (_numbers('weeks', -53, 53), N_('Give weeks from 1 to 53, or from -53 to -1.')),
    'BYYEARDAY': (_numbers('year_days', -366, 366), N_('Give days from 1 to 366, or from -366 to -1.')),
    'BYMONTHDAY': (_numbers('month_days', -31, 31), N_('Give days from 1 to 31, or from -31 to -1.')),
    'BYDAY': (_read_weekdays, N_('Write weekdays like MO,WE or, for the second Monday and the last Friday, 2MO,-1FR.')),
    'BYHOUR': (_numbers('hours', 0, 23), N_('Give hours from 0 to 23.')),
    'BYMINUTE': (_numbers('minutes', 0, 59), N_('Give minutes from 0 to 59.')),
    'BYSECOND': (_numbers('seconds', 0, 59), N_('Give a second from 0 to 59.')),
    'BYSETPOS': (_numbers('positions', -366, 366), N_('Give positions from 1 to 366, or from -366 to -1.')),
    'RSCALE': (_only('GREGORIAN'), N_('Only the Gregorian calendar is supported.')),
    'SKIP': (_only('OMIT'), N_('Days that do not exist are skipped. BYMONTHDAY=-1 is the last day of each month.')),
}
_LISTS = {item.metadata['part']: name for name, item in Rule.__dataclass_fields__.items() if 'part' in item.metadata}
