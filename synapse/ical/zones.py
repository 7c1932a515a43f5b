"""Time zones in calendar files: which IANA zone a file means, and zones described for programs without IANA names."""

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard
from icalendar.prop import vInline

from synapse import recurrence
from synapse.language import _
from synapse.recurrence.rules import WEEKDAYS
from synapse.recurrence.wall_time import changes_between
from synapse.recurrence.zones import city_of, known_zone, zone_names

from .lines import Component
from .own_zone import LAST_YEAR, Change, OwnZone
from .zone_names import OF_WINDOWS, REGIONS, iana_name, zone_named

_SAMPLED_DAYS = 370
"""A described zone must have the same offset at noon on this many days, from that of the event on."""
_MAX_DESCRIBED = 200
"""How many zones of a file are identified by their description; real files have one or two."""
_UNREADABLE = (ValueError, OverflowError, recurrence.RuleError)
_AHEAD_YEARS = 20
"""How far an exported description reaches, where clock changes follow no rule."""


class ZoneBook:
    """The zones of one calendar.

    :param described: its VTIMEZONE components
    :param preferred: IANA names to try first when several zones match a description
    :param note: is given a sentence about each name that was not obvious
    """

    def __init__(self, described: Sequence[Component], preferred: Sequence[str], note: Callable[[str], None]) -> None:
        self._note = note
        self._described = {component.text('TZID'): component for component in described}
        self._preferred = preferred
        self._found: dict[tuple[str, int], str | None] = {}
        self._contradicted: dict[tuple[str, int], bool] = {}
        self._own: dict[str, OwnZone | None] = {}

    def find(self, tzid: str, at: datetime) -> str | None:
        """Return the IANA name of what the file calls `tzid`; None if it cannot be identified.

        A description counts more than a name that isn't exactly one of the database or of Windows.

        :param at: the naive time for which the zone is needed, since a description covers some years only
        """
        name = iana_name(tzid)
        if name is not None:
            return name
        key = (tzid, at.year)
        if key not in self._found and len(self._found) < _MAX_DESCRIBED:
            component = self._described.get(tzid)
            self._found[key] = None if component is None else self._zone_described_by(component, at)
        found = self._found.get(key)
        return self._named(tzid) if found is None and self.own(tzid) is None else found

    def _named(self, tzid: str) -> str | None:
        named = zone_named(tzid)
        if named is not None and named.is_similar:
            self._note(
                _('The time zone {tzid!r} was read as {zone}, whose name is similar.', tzid=tzid[:80], zone=named.zone)
            )
        return None if named is None else named.zone

    def own(self, tzid: str) -> OwnZone | None:
        """Return the rules that the file describes for a name; None if it describes none that can be read."""
        if tzid not in self._own and len(self._own) < _MAX_DESCRIBED:
            component = self._described.get(tzid)
            self._own[tzid] = None if component is None else _own_zone(tzid, component)
        return self._own.get(tzid)

    def contradicts(self, tzid: str, at: datetime) -> str | None:
        """Return the zone with this name, if the file describes it otherwise than it is in the year after `at`."""
        component = self._described.get(tzid)
        name = None if component is None else iana_name(tzid) or iana_name(component.text('X-LIC-LOCATION'))
        if component is None or name is None:
            return None
        key = (tzid, at.year)
        if key not in self._contradicted and len(self._contradicted) < _MAX_DESCRIBED:
            try:
                days = _days_from(at)
                changes = all_changes(component, at.year - 1, at.year + 2)
                self._contradicted[key] = not any(_fitting([name], days, _offsets(changes, days)))
            except _UNREADABLE:
                self._contradicted[key] = False
        return name if self._contradicted.get(key) else None

    def _zone_described_by(self, component: Component, at: datetime) -> str | None:
        named = iana_name(component.text('X-LIC-LOCATION'))
        if named is not None:
            return named
        try:
            changes = all_changes(component, at.year - 1, at.year + 2)
        except _UNREADABLE:
            return None
        days = _days_from(at)
        fitting = list(_fitting(self._candidates(component), days, _offsets(changes, days)))
        exact = next((name for name in fitting if _changes_at(name, changes, days)), None)
        if exact is None and fitting:
            tzid = component.text('TZID')
            self._note(
                _(
                    'The clocks of {tzid!r} change at another hour than those of {fitting}, which was taken.',
                    tzid=tzid[:80],
                    fitting=fitting[0],
                )
            )
            return fitting[0]
        return exact

    def _candidates(self, component: Component) -> Iterable[str]:
        """Return all zones: those that its name means, the preferred ones, then those whose city is in its name."""
        tzid = component.text('TZID')
        meant = zone_named(tzid)
        usual = list(dict.fromkeys([*OF_WINDOWS.values(), *zone_names()]))
        named = [name for name in usual if name.startswith(REGIONS) and city_of(name) in tzid]
        return dict.fromkeys([*([meant.zone] if meant else []), *self._preferred, *named, *usual])


def _own_zone(tzid: str, component: Component) -> OwnZone | None:
    try:
        return OwnZone(tzid, all_changes(component, 1970, LAST_YEAR))
    except _UNREADABLE:
        return None


# Reading a VTIMEZONE: RFC 5545, 3.6.5


def _days_from(at: datetime) -> list[datetime]:
    noon = datetime.combine(at.date(), time(12))
    return [noon + timedelta(days=number) for number in range(_SAMPLED_DAYS)]


def _fitting(names: Iterable[str], days: Sequence[datetime], offsets: Sequence[timedelta]) -> Iterator[str]:
    """Yield the zones that have these offsets on these days."""
    for name in names:
        zone = known_zone(name)  # which remembers them all; ZoneInfo itself reads most of them anew each time
        if zone is not None and all(
            day.replace(tzinfo=zone).utcoffset() == offset for day, offset in zip(days, offsets, strict=True)
        ):
            yield name


def _changes_at(name: str, changes: Sequence[Change], days: Sequence[datetime]) -> bool:
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


def _offsets(changes: Sequence[Change], days: Sequence[datetime]) -> list[timedelta]:
    """Return the described offset on each of these days."""
    found, passed, offset = [], 0, changes[0][1]
    for day in days:
        while passed < len(changes) and changes[passed][0] <= day:
            offset = changes[passed][2]
            passed += 1
        found.append(offset)
    return found


def all_changes(component: Component, first_year: int, last_year: int) -> list[Change]:
    """Return the described clock changes from the first year up to but not including the last.

    :raises ValueError: if there are none, or they cannot be read
    """
    changes = sorted(change for part in component.parts for change in _changes(part, first_year, last_year))
    if not changes:
        raise ValueError(_('no clock change is described'))
    return changes


def _changes(observance: Component, first_year: int, last_year: int) -> Iterator[Change]:
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
        raise ValueError(_('clock changes must repeat yearly'))
    if start.year < first_year:  # Windows begins in 1601, with the same rule for each year
        start = start.replace(year=first_year - 1, day=min(start.day, 28))  # may be after the change in that year
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
    day, __, clock = text.strip().upper().removesuffix('Z').partition('T')
    if not (day.isdecimal() and len(day) == 8 and (not clock or (clock.isdecimal() and len(clock) == 6))):
        raise ValueError(_('{text!r} is not a date', text=text))
    clock = clock or '000000'
    second = min(int(clock[4:]), 59)  # a leap second: RFC 5545, 3.3.12
    return datetime(int(day[:4]), int(day[4:6]), int(day[6:]), int(clock[:2]), int(clock[2:4]), second)


# Describing a zone


@lru_cache(maxsize=64)
def described(zone: str, first_year: int, now_year: int) -> Timezone:
    """Return a VTIMEZONE for an IANA zone, from the beginning of a year on.

    Changes that come at the same time each year are a rule without an end; others reach 20 years ahead. The library's
    own puts each spring change an hour late, and misses offsets that last less than 64 days.
    """
    start = datetime(first_year, 1, 1, tzinfo=UTC)
    end = datetime(now_year + _AHEAD_YEARS, 1, 1, tzinfo=UTC)
    here = ZoneInfo(zone)
    groups: dict[tuple[timedelta, timedelta, str, bool], list[datetime]] = {}
    offset, *__ = key = _state(start.astimezone(here))
    groups[(offset, *key)] = [_wall(start, offset)]
    for moment in changes_between(start, end, here, _state):
        key = _state(moment.astimezone(here))
        groups.setdefault((offset, *key), []).append(_wall(moment, offset))
        offset = key[0]
    rules = {kind: _yearly_rule(walls) for kind, walls in groups.items() if walls[-1].year >= end.year - 1}
    if not all(rule for rule, __ in rules.values()):  # half a year's rules would be worse than none
        rules = {}
    component = Timezone()
    component.add('TZID', zone)
    for kind, walls in groups.items():
        rule, since = rules.get(kind, ('', len(walls)))
        if walls[:since]:
            # One per line, the first included: ical.js (2.2.1) reads one per line, and only the offset of DTSTART.
            component.add_component(_observance(*kind, walls[0], [('RDATE', wall) for wall in walls[:since]]))
        if rule:
            component.add_component(_observance(*kind, walls[since], [('RRULE', vInline(rule))]))
    return component


def _observance(
    before: timedelta,
    after: timedelta,
    name: str,
    is_daylight: bool,
    start: datetime,
    when: Iterable[tuple[str, datetime | vInline]],
) -> TimezoneDaylight | TimezoneStandard:
    part = TimezoneDaylight() if is_daylight else TimezoneStandard()
    part.add('DTSTART', start)
    part.add('TZOFFSETFROM', before)
    part.add('TZOFFSETTO', after)
    part.add('TZNAME', name)
    for key, value in when:
        part.add(key, value)
    return part


def _yearly_rule(walls: Sequence[datetime]) -> tuple[str, int]:
    """Return the rule of the last changes, such as the last Sunday of March, and the index of the first of them.

    The rule is empty if they haven't come at the same time, and on all of seven days, each year for some years.
    """
    last, since, days = walls[-1], len(walls) - 1, {walls[-1].day}
    while since and _is_alike(walls[since - 1], walls[since]):
        wider = days | {walls[since - 1].day}
        if max(wider) - min(wider) > 6:
            break
        days, since = wider, since - 1
    if len(days) < 7:
        return '', len(walls)
    weekday, first = WEEKDAYS[last.weekday()], min(days)
    if max(days) == monthrange(2000, last.month)[1]:
        day = f'BYDAY=-1{weekday}'
    elif first % 7 == 1:
        day = f'BYDAY={first // 7 + 1}{weekday}'
    else:
        day = f'BYMONTHDAY={",".join(map(str, sorted(days)))};BYDAY={weekday}'
    return f'FREQ=YEARLY;BYMONTH={last.month};{day}', since


def _is_alike(one: datetime, two: datetime) -> bool:
    """Whether a change is that of another a year before."""
    return (one.year + 1, one.month, one.weekday(), one.time()) == (two.year, two.month, two.weekday(), two.time())


def _state(local: datetime) -> tuple[timedelta, str, bool]:
    return local.utcoffset() or timedelta(), local.tzname() or '', bool(local.dst())


def _wall(moment: datetime, offset: timedelta) -> datetime:
    return (moment + offset).replace(tzinfo=None)
