"""Time zones in calendar files: which IANA zone a file means, and how a zone is written for those who know no names."""

import zoneinfo
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON
from tzlocal.windows_tz import win_tz

from synapse import recurrence

from .lines import Component

_OF_WINDOWS = {**win_tz, **WINDOWS_TO_OLSON}
"""The second has more places, the first the names of 2026 for western Canada."""
_SAMPLED_DAYS = 370
"""A zone of a file is the one with the same offset at noon of so many days, from that of its event on."""
_MOST_DESCRIBED = 50
"""So many zones of one file are looked for by what it says of them; real files have one or two."""
_REGIONS = ('Africa/', 'America/', 'Asia/', 'Atlantic/', 'Australia/', 'Europe/', 'Indian/', 'Pacific/')
_AHEAD_YEARS = 20
"""Of a zone that is written, for those who do not know its name."""


class ZoneBook:
    """The zones of one calendar.

    :param described: its VTIMEZONE components
    :param preferred: IANA names that are tried before all others, where several zones fit a description
    """

    def __init__(self, described: Sequence[Component], preferred: Sequence[str]) -> None:
        self._described = {component.text('TZID'): component for component in described}
        self._preferred = preferred
        self._found: dict[tuple[str, int], str | None] = {}

    def find(self, tzid: str, at: datetime) -> str | None:
        """The IANA name of what the file calls `tzid`, None if it cannot be told.

        :param at: the naive time for which it is asked: descriptions hold for some years only
        """
        name = iana_name(tzid)
        if name is not None:
            return name
        key = (tzid, at.year)
        if key not in self._found and len(self._found) < _MOST_DESCRIBED:
            component = self._described.get(tzid)
            self._found[key] = None if component is None else self._zone_described_by(component, at)
        return self._found.get(key)

    def _zone_described_by(self, component: Component, at: datetime) -> str | None:
        named = iana_name(component.text('X-LIC-LOCATION'))
        if named is not None:
            return named
        try:
            changes = _all_changes(component, at.year)
        except (ValueError, OverflowError, recurrence.RuleError):
            return None
        noon = datetime.combine(at.date(), time(12))
        days = [noon + timedelta(days=number) for number in range(_SAMPLED_DAYS)]
        fitting = list(_fitting(self._candidates(component), days, _offsets(changes, days)))
        exact = (name for name in fitting if _changes_at(name, changes, days))
        return next(exact, next(iter(fitting), None))

    def _candidates(self, component: Component) -> Iterable[str]:
        """All zones, first the preferred ones, then those whose place is in the name of the description."""
        tzid = component.text('TZID')
        usual = list(dict.fromkeys([*_OF_WINDOWS.values(), *sorted(_known_names())]))
        named = [name for name in usual if name.startswith(_REGIONS) and _place(name) in tzid]
        return dict.fromkeys([*self._preferred, *named, *usual])


def iana_name(tzid: str) -> str | None:
    """The zone that a file names: by its IANA name, with a vendor before it, or by its name in Windows."""
    name = tzid.strip().strip('/')
    if name in _known_names():
        return name
    if name in _OF_WINDOWS:
        return _OF_WINDOWS[name]
    parts = name.split('/')
    endings = ('/'.join(parts[first:]) for first in range(1, len(parts))) if tzid.startswith('/') else ()
    return next((ending for ending in endings if ending in _known_names()), None)


def _place(name: str) -> str:
    return name.rpartition('/')[2].replace('_', ' ')


@cache
def _known_names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones()) - {'Factory', 'localtime'}


# What a VTIMEZONE says: RFC 5545, 3.6.5

_Change = tuple[datetime, timedelta, timedelta]
"""When clocks change, in naive wall time before the change, from which offset and to which one."""


def _fitting(names: Iterable[str], days: Sequence[datetime], offsets: Sequence[timedelta]) -> Iterator[str]:
    """The zones that have these offsets on these days."""
    for name in names:
        zone = ZoneInfo(name)
        if all(day.replace(tzinfo=zone).utcoffset() == offset for day, offset in zip(days, offsets, strict=True)):
            yield name


def _changes_at(name: str, changes: Sequence[_Change], days: Sequence[datetime]) -> bool:
    """Whether the clocks of a zone change at the very moments that a description says, between the days."""
    zone = ZoneInfo(name)
    second = timedelta(seconds=1)
    for wall, before, after in changes:
        moment = (wall - before).replace(tzinfo=UTC)
        if days[0] < wall < days[-1] and (
            moment.astimezone(zone).utcoffset() != after or (moment - second).astimezone(zone).utcoffset() != before
        ):
            return False
    return True


def _offsets(changes: Sequence[_Change], days: Sequence[datetime]) -> list[timedelta]:
    """The described offset on each of these days."""
    found, passed, offset = [], 0, changes[0][1]
    for day in days:
        while passed < len(changes) and changes[passed][0] <= day:
            offset = changes[passed][2]
            passed += 1
        found.append(offset)
    return found


def _all_changes(component: Component, year: int) -> list[_Change]:
    """What is described for the year before and the two after the beginning of this one.

    :raises ValueError: if nothing is described, or it cannot be read
    """
    changes = sorted(change for part in component.parts for change in _changes(part, year - 1, year + 2))
    if not changes:
        raise ValueError('no clock is described')
    return changes


def _changes(observance: Component, first_year: int, last_year: int) -> Iterator[_Change]:
    start = read_wall(observance.text('DTSTART'))
    before, after = _offset(observance.text('TZOFFSETFROM')), _offset(observance.text('TZOFFSETTO'))
    yield start, before, after
    for item in observance.all('RDATE'):
        for value in item.raw.split(','):
            yield read_wall(value.partition('/')[0]), before, after
    rule = observance.text('RRULE').upper()
    if not rule:
        return
    if 'FREQ=YEARLY' not in rule.split(';'):
        raise ValueError('no clocks change more often')
    if start.year < first_year:  # Windows begins in 1601; the rule is the same in each year
        start = start.replace(year=first_year, day=min(start.day, 28))
    plan = recurrence.Plan(start=start, zone='UTC', rule=rule)
    for due in recurrence.occurrences(
        plan, datetime(first_year, 1, 1, tzinfo=UTC), datetime(last_year, 1, 1, tzinfo=UTC)
    ):
        yield due.replace(tzinfo=None), before, after


def _offset(text: str) -> timedelta:
    sign = {'+': 1, '-': -1}[text[:1]] if text[:1] in '+-' and text else 0
    digits = text[1:]
    if not sign or not digits.isdecimal() or len(digits) not in (4, 6):
        raise ValueError(text)
    hours, minutes, seconds = int(digits[:2]), int(digits[2:4]), int(digits[4:] or 0)
    return sign * timedelta(hours=hours, minutes=minutes, seconds=seconds)


def read_wall(text: str) -> datetime:
    """A naive time from `20261014`, `20261014T160000` or `20261014T160000Z`.

    :raises ValueError: if it is none
    """
    day, _, clock = text.strip().upper().removesuffix('Z').partition('T')
    if not (day.isdecimal() and len(day) == 8 and (not clock or (clock.isdecimal() and len(clock) == 6))):
        raise ValueError(f'{text!r} is no date')
    clock = clock or '000000'
    second = min(int(clock[4:]), 59)  # a leap second: RFC 5545, 3.3.12
    return datetime(int(day[:4]), int(day[4:6]), int(day[6:]), int(clock[:2]), int(clock[2:4]), second)


# How one is written


@lru_cache(maxsize=64)
def described(zone: str, first_year: int, now_year: int) -> Timezone:
    """A VTIMEZONE of an IANA zone, from the beginning of a year on and for the next 20 years.

    The one that the library makes puts each spring change an hour late, and misses spells of less than 64 days.
    """
    start = datetime(first_year, 1, 1, tzinfo=UTC)
    end = datetime(now_year + _AHEAD_YEARS, 1, 1, tzinfo=UTC)
    here = ZoneInfo(zone)
    groups: dict[tuple[timedelta, timedelta, str, bool], list[datetime]] = {}
    offset, _, _ = key = _state(here, start)
    groups[(offset, *key)] = [_wall(start, offset)]
    for moment in _moments_of_change(here, start, end):
        key = _state(here, moment)
        groups.setdefault((offset, *key), []).append(_wall(moment, offset))
        offset = key[0]
    component = Timezone()
    component.add('TZID', zone)
    for (before, after, name, is_daylight), walls in groups.items():
        part = TimezoneDaylight() if is_daylight else TimezoneStandard()
        part.add('DTSTART', walls[0])
        part.add('TZOFFSETFROM', before)
        part.add('TZOFFSETTO', after)
        part.add('TZNAME', name)
        # One a line, with the first: ical.js (2.2.1) reads one value of a line, and of DTSTART the offset alone.
        for wall in walls:
            part.add('RDATE', wall)
        component.add_component(part)
    return component


def _moments_of_change(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        week = start + timedelta(days=7)
        if _state(zone, start) != _state(zone, week):
            yield _change_between(zone, start, week)
        start = week


def _change_between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    state = _state(zone, before)
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        before, after = (middle, after) if _state(zone, middle) == state else (before, middle)
    return after


def _state(zone: ZoneInfo, moment: datetime) -> tuple[timedelta, str, bool]:
    here = moment.astimezone(zone)
    return here.utcoffset() or timedelta(), here.tzname() or zone.key, bool(here.dst())


def _wall(moment: datetime, offset: timedelta) -> datetime:
    return (moment + offset).replace(tzinfo=None)
