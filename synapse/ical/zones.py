"""Time zones in calendar files: which IANA zone a file means, and zones described for programs without IANA names."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON
from tzlocal.windows_tz import win_tz

from synapse import recurrence
from synapse.recurrence.wall_time import changes_between
from synapse.recurrence.zones import city_of, zone_names

from .lines import Component

_OF_WINDOWS = {**win_tz, **WINDOWS_TO_OLSON}
"""The second has more places; the first knows the names of 2026 for western Canada."""
_SAMPLED_DAYS = 370
"""A described zone must have the same offset at noon on this many days, from that of the event on."""
_MAX_DESCRIBED = 50
"""How many zones of a file are identified by their description; real files have one or two."""
_REGIONS = ('Africa/', 'America/', 'Asia/', 'Atlantic/', 'Australia/', 'Europe/', 'Indian/', 'Pacific/')
_AHEAD_YEARS = 20
"""How far an exported description reaches."""


class ZoneBook:
    """The zones of one calendar.

    :param described: its VTIMEZONE components
    :param preferred: IANA names to try first when several zones match a description
    """

    def __init__(self, described: Sequence[Component], preferred: Sequence[str]) -> None:
        self._described = {component.text('TZID'): component for component in described}
        self._preferred = preferred
        self._found: dict[tuple[str, int], str | None] = {}
        self._contradicted: dict[tuple[str, int], bool] = {}

    def find(self, tzid: str, at: datetime) -> str | None:
        """Return the IANA name of what the file calls `tzid`; None if it cannot be identified.

        :param at: the naive time for which the zone is needed, since a description covers some years only
        """
        name = iana_name(tzid)
        if name is not None:
            return name
        key = (tzid, at.year)
        if key not in self._found and len(self._found) < _MAX_DESCRIBED:
            component = self._described.get(tzid)
            self._found[key] = None if component is None else self._zone_described_by(component, at)
        return self._found.get(key)

    def contradicts(self, tzid: str, at: datetime) -> bool:
        """Whether the file describes a zone with an IANA name otherwise than it is in the year after `at`."""
        name, component = tzid.strip().strip('/'), self._described.get(tzid)
        if component is None or name not in _known_names():
            return False
        key = (tzid, at.year)
        if key not in self._contradicted and len(self._contradicted) < _MAX_DESCRIBED:
            try:
                days = _days_from(at)
                self._contradicted[key] = not any(
                    _fitting([name], days, _offsets(_all_changes(component, at.year), days))
                )
            except (ValueError, OverflowError, recurrence.RuleError):
                self._contradicted[key] = False
        return self._contradicted.get(key, False)

    def _zone_described_by(self, component: Component, at: datetime) -> str | None:
        named = iana_name(component.text('X-LIC-LOCATION'))
        if named is not None:
            return named
        try:
            changes = _all_changes(component, at.year)
        except (ValueError, OverflowError, recurrence.RuleError):
            return None
        days = _days_from(at)
        fitting = list(_fitting(self._candidates(component), days, _offsets(changes, days)))
        exact = (name for name in fitting if _changes_at(name, changes, days))
        return next(exact, next(iter(fitting), None))

    def _candidates(self, component: Component) -> Iterable[str]:
        """Return all zones: the preferred ones first, then those whose city is in the name of the description."""
        tzid = component.text('TZID')
        usual = list(dict.fromkeys([*_OF_WINDOWS.values(), *zone_names()]))
        named = [name for name in usual if name.startswith(_REGIONS) and city_of(name) in tzid]
        return dict.fromkeys([*self._preferred, *named, *usual])


def iana_name(tzid: str) -> str | None:
    """Return the zone with an IANA name, with a vendor prefix or not, or with a Windows name; None if unknown."""
    name = tzid.strip().strip('/')
    if name in _known_names():
        return name
    if name in _OF_WINDOWS:
        return _OF_WINDOWS[name]
    parts = name.split('/')
    endings = ('/'.join(parts[first:]) for first in range(1, len(parts))) if tzid.startswith('/') else ()
    return next((ending for ending in endings if ending in _known_names()), None)


@cache
def _known_names() -> frozenset[str]:
    return frozenset(zone_names())


# Reading a VTIMEZONE: RFC 5545, 3.6.5

_Change = tuple[datetime, timedelta, timedelta]
"""A clock change: naive wall time before it, the offset before it, and the offset after it."""


def _days_from(at: datetime) -> list[datetime]:
    noon = datetime.combine(at.date(), time(12))
    return [noon + timedelta(days=number) for number in range(_SAMPLED_DAYS)]


def _fitting(names: Iterable[str], days: Sequence[datetime], offsets: Sequence[timedelta]) -> Iterator[str]:
    """Yield the zones that have these offsets on these days."""
    for name in names:
        zone = ZoneInfo(name)
        if all(day.replace(tzinfo=zone).utcoffset() == offset for day, offset in zip(days, offsets, strict=True)):
            yield name


def _changes_at(name: str, changes: Sequence[_Change], days: Sequence[datetime]) -> bool:
    """Whether the clocks of a zone change exactly when the description says, between the first and the last day."""
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
    """Return the described offset on each of these days."""
    found, passed, offset = [], 0, changes[0][1]
    for day in days:
        while passed < len(changes) and changes[passed][0] <= day:
            offset = changes[passed][2]
            passed += 1
        found.append(offset)
    return found


def _all_changes(component: Component, year: int) -> list[_Change]:
    """Return the described clock changes from the year before this one to its end.

    :raises ValueError: if there are none, or they cannot be read
    """
    changes = sorted(change for part in component.parts for change in _changes(part, year - 1, year + 2))
    if not changes:
        raise ValueError('no clock change is described')
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
        raise ValueError('clock changes must repeat yearly')
    if start.year < first_year:  # Windows begins in 1601, with the same rule for each year
        start = start.replace(year=first_year, day=min(start.day, 28))
    plan = recurrence.Plan(start=start, zone='UTC', rule=rule)
    begin, end = (datetime(year, 1, 1, tzinfo=UTC) for year in (first_year, last_year))
    for instant in recurrence.occurrences(plan, begin, end):
        yield instant.replace(tzinfo=None), before, after


def _offset(text: str) -> timedelta:
    match = re.fullmatch(r'([+-])(\d\d)(\d\d)(\d\d)?', text)
    if match is None:
        raise ValueError(text)
    hours, minutes, seconds = (int(digits or 0) for digits in match.groups()[1:])
    return (-1 if match[1] == '-' else 1) * timedelta(hours=hours, minutes=minutes, seconds=seconds)


def read_wall(text: str) -> datetime:
    """Return the naive time in `20261014`, `20261014T160000` or `20261014T160000Z`.

    :raises ValueError: if it isn't one
    """
    day, _, clock = text.strip().upper().removesuffix('Z').partition('T')
    if not (day.isdecimal() and len(day) == 8 and (not clock or (clock.isdecimal() and len(clock) == 6))):
        raise ValueError(f'{text!r} is not a date')
    clock = clock or '000000'
    second = min(int(clock[4:]), 59)  # a leap second: RFC 5545, 3.3.12
    return datetime(int(day[:4]), int(day[4:6]), int(day[6:]), int(clock[:2]), int(clock[2:4]), second)


# Describing a zone


@lru_cache(maxsize=64)
def described(zone: str, first_year: int, now_year: int) -> Timezone:
    """Return a VTIMEZONE for an IANA zone, from the beginning of a year on and for the next 20 years.

    The library's own puts each spring change an hour late, and misses offsets that last less than 64 days.
    """
    start = datetime(first_year, 1, 1, tzinfo=UTC)
    end = datetime(now_year + _AHEAD_YEARS, 1, 1, tzinfo=UTC)
    here = ZoneInfo(zone)
    groups: dict[tuple[timedelta, timedelta, str, bool], list[datetime]] = {}
    offset, _, _ = key = _state(start.astimezone(here))
    groups[(offset, *key)] = [_wall(start, offset)]
    for moment in changes_between(start, end, here, _state):
        key = _state(moment.astimezone(here))
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
        # One per line, the first included: ical.js (2.2.1) reads one value per line, and only the offset of DTSTART.
        for wall in walls:
            part.add('RDATE', wall)
        component.add_component(part)
    return component


def _state(local: datetime) -> tuple[timedelta, str, bool]:
    return local.utcoffset() or timedelta(), local.tzname() or '', bool(local.dst())


def _wall(moment: datetime, offset: timedelta) -> datetime:
    return (moment + offset).replace(tzinfo=None)
