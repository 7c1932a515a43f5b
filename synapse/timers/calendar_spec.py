"""Calendar events of systemd as plans: what systemd.time(7) describes, in the terms of RFC 5545."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from synapse.language import N_, Words, _
from synapse.recurrence import Plan, instant_of
from synapse.recurrence.cron import plan_of_rule
from synapse.recurrence.rules import Frequency, Rule

NAMED = {
    'minutely': '*-*-* *:*:00',
    'hourly': '*-*-* *:00:00',
    'daily': '*-*-* 00:00:00',
    'weekly': 'Mon *-*-* 00:00:00',
    'monthly': '*-*-01 00:00:00',
    'quarterly': '*-01,04,07,10-01 00:00:00',
    **dict.fromkeys(('semiannually', 'semi-annually', 'biannually', 'bi-annually'), '*-01,07-01 00:00:00'),
    **dict.fromkeys(('yearly', 'annually', 'anually'), '*-01-01 00:00:00'),
}
_DAYS = ('monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday')
_PARTS = Words({name: name for name in (N_('year'), N_('month'), N_('day'), N_('hour'), N_('minute'), N_('second'))})
_LAST_YEAR = 2199
MAX_PLANS = 20


class SpecError(ValueError):
    """An expression that cannot be read, or that no event has the moments of; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class CalendarSpec:
    """What an expression allows; None stands for everything."""

    years: tuple[int, ...] | None
    months: tuple[int, ...] | None
    days: tuple[int, ...] | None
    """Of the month; negative ones count from its end."""
    weekdays: tuple[int, ...] | None
    """0 is Monday."""
    hours: tuple[int, ...] | None
    minutes: tuple[int, ...] | None
    second: int
    zone: str
    """Empty: that of the machine."""

    @property
    def follows_clock(self) -> bool:
        """Whether it runs through the hours, so that a repeated hour makes a difference."""
        return self.hours is None or self.minutes is None

    def plans(self, zone: str, *, after: datetime) -> list[Plan]:
        """Return the plans that together have its moments after a naive wall time.

        :param zone: of the machine
        """
        zone = self.zone or zone
        if self.years is None:
            plan = plan_of_rule(self._rule(), zone, after=after)
            return [] if plan is None else [plan]
        found = []
        for first, last in _spans(self.years):
            rule = self._rule(until=instant_of(datetime(last, 12, 31, 23, 59, 59), zone))
            if plan := plan_of_rule(rule, zone, after=max(after, datetime(first - 1, 12, 31, 23, 59, 59))):
                found.append(plan)
        return found

    def _rule(self, until: datetime | None = None) -> Rule:
        weekdays = tuple((0, day) for day in self.weekdays or ())
        if self.follows_clock:
            freq = Frequency.MINUTELY if self.minutes is None else Frequency.HOURLY
        elif self.days and not weekdays:
            freq = Frequency.MONTHLY
        else:
            freq = Frequency.WEEKLY if weekdays and not self.days else Frequency.DAILY
        parts: dict[str, Any] = {'months': self.months or (), 'month_days': self.days or (), 'weekdays': weekdays}
        times: dict[str, Any] = {'hours': self.hours or (), 'minutes': self.minutes or ()}
        return Rule(freq=freq, until=until, seconds=(self.second,) if self.second else (), **parts, **times)


def read_spec(text: str) -> CalendarSpec:
    """Return what an expression of `OnCalendar=` stands for.

    :raises SpecError: if it cannot be read, or is more often than once a minute
    """
    words = text.split()
    zone = _zone_of(words[-1]) if len(words) > 1 else ''
    words = words[:-1] if zone else words
    if len(words) == 1 and words[0].lower() in NAMED:
        words = NAMED[words[0].lower()].split()
    weekdays = _weekdays(words.pop(0)) if words and words[0][0].isalpha() else None
    date = words.pop(0) if words and ':' not in words[0] and re.search(r'[-~]', words[0]) else '*-*-*'
    clock = words.pop(0) if words and ':' in words[0] else '00:00:00'
    if words or not text.strip():
        raise SpecError(
            _('{strip!r} cannot be read. An expression is like Mon..Fri *-*-* 03:00:00.', strip=text.strip())
        )
    years, months, days = _date(date)
    hours, minutes, second = _clock(clock)
    return CalendarSpec(years, months, days, weekdays, hours, minutes, second, zone)


def _zone_of(word: str) -> str:
    return word if word == 'UTC' or word in available_timezones() else ''


def _weekdays(text: str) -> tuple[int, ...] | None:
    found: set[int] = set()
    for part in filter(None, text.split(',')):
        first, last = (_weekday(name) for name in (re.split(r'\.\.|-', part, maxsplit=1) * 2)[:2])
        if first > last:
            raise SpecError(_('{part!r} ends before it starts.', part=part))
        found |= set(range(first, last + 1))
    return tuple(sorted(found)) if len(found) < 7 else None


def _weekday(name: str) -> int:
    for number, day in enumerate(_DAYS):
        if name.lower() in (day, day[:3]):
            return number
    raise SpecError(_('{name!r} is no day of the week.', name=name[:40]))


def _date(
    text: str,
) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None, tuple[int, ...] | None]:
    head, tilde, tail = text.rpartition('~')
    is_from_end = bool(tilde)
    parts = [*head.split('-'), tail] if is_from_end else text.split('-')
    if not 2 <= len(parts) <= 3:
        raise SpecError(_('The date {text!r} cannot be read. Write it like *-*-01.', text=text[:40]))
    *years, months, days = parts
    of_years = _numbers(years[0], 'year', 0, _LAST_YEAR) if years else None
    of_days = _numbers(days, 'day', 1, 31, is_from_end=is_from_end)
    if of_days is not None and is_from_end:
        of_days = tuple(sorted(-day for day in of_days))
    return of_years, _numbers(months, 'month', 1, 12), of_days


def _clock(text: str) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None, int]:
    parts = text.split(':')
    if not 2 <= len(parts) <= 3:
        raise SpecError(_('The time {text!r} cannot be read. Write it like 03:00:00.', text=text[:40]))
    hours, minutes = _numbers(parts[0], 'hour', 0, 23), _numbers(parts[1], 'minute', 0, 59)
    seconds = parts[2] if len(parts) > 2 else '0'
    if '.' in seconds.replace('..', ''):
        raise SpecError(_('{text!r} has parts of a second, which no event has.', text=text))
    of_seconds = _numbers(seconds, 'second', 0, 59)
    if of_seconds is None or len(of_seconds) > 1:
        raise SpecError(_('{text!r} is more often than once a minute, which no event is.', text=text))
    return hours, minutes, of_seconds[0]


def _numbers(text: str, name: str, least: int, most: int, *, is_from_end: bool = False) -> tuple[int, ...] | None:
    """Return the numbers that a component allows, sorted; None if it is every one.

    :param is_from_end: whether steps lead to the end of the month
    """
    if text == '*':
        return None
    found = {number for part in text.split(',') for number in _part(part, name, least, most, is_from_end)}
    return None if len(found) == most - least + 1 else tuple(sorted(found))


def _part(text: str, name: str, least: int, most: int, is_from_end: bool) -> Iterator[int]:
    match = re.fullmatch(r'(\d{1,4})(?:\.\.(\d{1,4}))?(?:/(\d{1,4}))?', text, re.ASCII)
    if not match:
        raise SpecError(_('The {name} {text!r} cannot be read.', name=_PARTS[name], text=text[:40]))
    first = int(match[1])
    last, step = (None if digits is None else int(digits) for digits in match.groups()[1:])
    if name == 'year':
        first, last = _year(first), None if last is None else _year(last)
    if not least <= first <= most or not (last is None or first <= last <= most):
        raise SpecError(
            _(
                'The {name} {text!r} is not within {least} and {most}, or ends before it starts.',
                name=_PARTS[name],
                text=text[:40],
                least=least,
                most=most,
            )
        )
    if step == 0:
        raise SpecError(_('The {name} {text!r} has a step of 0.', name=_PARTS[name], text=text[:40]))
    if last is None and step is not None:
        yield from range(first, least - 1, -step) if is_from_end else range(first, most + 1, step)
    else:
        yield from range(first, (first if last is None else last) + 1, step or 1)


def _year(number: int) -> int:
    """Return a year: 70 to 99 are those of the last century, 0 to 69 of this one."""
    if number >= 100:
        return number
    return 1900 + number if number >= 70 else 2000 + number


def _spans(years: tuple[int, ...]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for year in years:
        if spans and spans[-1][1] == year - 1:
            spans[-1] = spans[-1][0], year
        else:
            spans.append((year, year))
    if len(spans) > MAX_PLANS:
        raise SpecError(_('It names too many single years.'))
    return spans
