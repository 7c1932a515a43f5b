"""The times in one calendar of a file: when events start, and which occurrences are replaced, excluded and added."""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta

from synapse import recurrence
from synapse.language import _

from .lines import Component, Property
from .own_zone import OwnZone
from .series import Draft, Unreadable, in_zone
from .zone_names import iana_name, says_nothing
from .zones import ZoneBook, read_wall

_MAX_WHOLE_DAYS = 400
"""How many whole days may be excluded from a rule with several occurrences a day; each day is expanded."""
_TIME = re.compile(r'(?<=\d{8})T\d{6}Z?', re.IGNORECASE)


class Times:
    """Reads the times in one calendar of a file.

    :param zone: the zone of times without one, unless the calendar sets a default
    :param all_day_at: when events without a time of day run
    :param note: is told in a sentence what is read otherwise than it is written
    """

    def __init__(self, calendar: Component, zone: str, all_day_at: time, note: Callable[[str], None]) -> None:
        floating = calendar.text('X-WR-TIMEZONE')
        described = [part for part in calendar.parts if part.name == 'VTIMEZONE']
        preferred = [name for name in (iana_name(floating), zone) if name]
        self._zones = ZoneBook(described, preferred, note)
        self._floating = floating
        self._zone = zone
        self._all_day_at = all_day_at
        self._note = note
        self._starts = {part.text('UID'): start for part, start in _starts(calendar)}

    def compare(self, item: Property, at: datetime) -> None:
        """Note if the calendar describes the zone of a property differently from the one that is taken for it."""
        tzid = item.parameters.get('TZID', '')
        name = self._zones.contradicts(tzid, at)
        if name is not None:
            text = (
                _(
                    'The file describes the time zone {tzid} differently from its rules; the rules were taken.',
                    tzid=tzid,
                )
                if name == tzid.strip().strip('/')
                else _(
                    'The file describes the time zone {tzid} differently from {name}, which was taken.',
                    tzid=tzid,
                    name=name,
                )
            )
            self._note(text)

    def moment(self, item: Property, text: str, default: str = '') -> tuple[datetime, str]:
        """Return a naive wall time and its zone; a whole day starts at midnight.

        :param default: the zone if the text names none; by default that of the calendar
        """
        try:
            wall = read_wall(text)
            if wall.year > 9998:
                raise Unreadable(_('is in the year {year}; the last possible one is 9998.', year=wall.year))
            if wall.year < 2:
                raise ValueError(_('the year is out of range'))
            if text.strip().upper().endswith('Z'):
                return wall, 'UTC'
            tzid = item.parameters.get('TZID', '')
            own = self._own_zone(tzid, wall)
            return own.fixed(wall) if own is not None else (wall, self._zone_of(tzid, default, wall))
        except (ValueError, OverflowError) as error:
            sentence = _(
                'has a date that cannot be read: {name}:{text}. Write one like 20261014T160000.',
                name=item.name,
                text=text[:40],
            )
            raise Unreadable(sentence) from error

    def doubt(self, item: Property, at: datetime, zone: str) -> str:
        """Return a sentence if the file leaves open which zone a local time is in.

        :param zone: the one that was taken for it
        """
        tzid = item.parameters.get('TZID', '')
        is_utc = item.raw.strip().upper().endswith('Z')
        is_open = says_nothing(tzid) and not is_utc and self._zones.find(tzid, at) is None
        return _undescribed(tzid, zone) if is_open and self._own_zone(tzid, at) is None else ''

    def _own_zone(self, tzid: str, at: datetime) -> OwnZone | None:
        """Return what the file describes for a name, if no known zone is like that."""
        return self._zones.own(tzid) if tzid and self._zones.find(tzid, at) is None else None

    def own_zone_of(self, component: Component) -> OwnZone | None:
        """Return the zone of an event that only the file knows, if it has one."""
        start = component.first('DTSTART')
        is_local = start is not None and not is_day(start.raw) and not start.raw.strip().upper().endswith('Z')
        return self._own_zone(start.parameters.get('TZID', ''), read_wall(start.raw)) if start and is_local else None

    def _zone_of(self, tzid: str, default: str, at: datetime) -> str:
        if tzid:
            found = self._zones.find(tzid, at)
            if found is None and says_nothing(tzid):
                found = default or self._zone_of('', '', at)
                self._note(_undescribed(tzid, found))
            if found is None:
                raise Unreadable(_('is in the unknown time zone {tzid!r}. Use one like Europe/Berlin.', tzid=tzid))
            return found
        if default or not self._floating:
            return default or self._zone
        found = self._zones.find(self._floating, at)
        if found is None:
            self._note(
                _(
                    'The time zone of the file, {floating!r}, is unknown; {zone} was taken.',
                    floating=self._floating,
                    zone=self._zone,
                )
            )
        return found or self._zone

    def replaced(self, item: Property, component: Component) -> tuple[datetime, str]:
        """Return the naive wall time and the zone of the occurrence that an event replaces, by its RECURRENCE-ID."""
        start = self._starts.get(component.text('UID')) or component.first('DTSTART')
        if start is None:
            return self.moment(item, item.raw)
        first, zone = self.moment(start, start.raw)
        wall, own_zone = self.moment(item, item.raw, zone)
        if is_day(start.raw):
            return datetime.combine(wall, self._all_day_at), zone
        return (datetime.combine(wall, first.time()), zone) if is_day(item.raw) else (wall, own_zone)

    def exdates(self, component: Component, plan: recurrence.Plan, more: Collection[datetime]) -> tuple[datetime, ...]:
        """Return the naive wall times at which a series doesn't fall due, each once.

        :param more: further ones
        """
        found = set(more)
        whole_days = set()
        is_all_day = is_day(component.text('DTSTART'))
        for item in component.all('EXDATE'):
            for text in filter(None, item.raw.split(',')):
                wall, zone = self.moment(item, text, plan.zone)
                if not is_day(text):
                    found.add(in_zone(wall, zone, plan.zone))
                elif is_all_day:
                    found.add(datetime.combine(wall, plan.start.time()))
                else:
                    whole_days.add(wall)
        walls = _occurrences_on(whole_days, plan)
        own = self.own_zone_of(component)
        if own is not None:  # the days are those of its clocks, not of the one offset that the plan has
            walls = {in_zone(*own.fixed(wall), plan.zone) for wall in walls}
        return tuple(sorted(found | walls))

    def further(self, component: Component, draft: Draft, excluding: Sequence[recurrence.Plan]) -> Iterator[Draft]:
        """Yield a single event for each RDATE, as if it replaced an occurrence of the series at its own time."""
        exdates = set(draft.values['exdates'])
        start, zone = draft.values['start'], draft.values['timezone']
        is_all_day = is_day(component.text('DTSTART'))
        for item in component.all('RDATE'):
            for text in filter(None, item.raw.split(',')):
                text = text.partition('/')[0]
                wall, own_zone = self.moment(item, text, zone)
                wall = in_zone(wall, own_zone, zone)
                if is_all_day and is_day(text):
                    wall = datetime.combine(wall, start.time())
                instant = recurrence.instant_of(wall, zone)
                is_excluded = wall in exdates or any(recurrence.is_in_series(plan, instant) for plan in excluding)
                if wall != start and not is_excluded:
                    values = {**draft.values, 'start': wall, 'rrule': None, 'exdates': ()}
                    yield replace(
                        draft, values=values, recurrence_at=wall, recurrence_zone=zone, own_zone=None, signature=''
                    )


def _undescribed(tzid: str, taken: str) -> str:
    return _('The time zone {tzid!r} is not described in the file; {taken} was taken.', tzid=tzid[:80], taken=taken)


def _starts(calendar: Component) -> Iterator[tuple[Component, Property]]:
    """Yield the series and single events of a calendar, with their starts."""
    for part in calendar.parts:
        start = part.first('DTSTART')
        if part.name == 'VEVENT' and start is not None and part.first('RECURRENCE-ID') is None:
            yield part, start


def is_day(text: str) -> bool:
    """Whether a date has no time of day."""
    return 'T' not in text.upper()


def with_days_only(component: Component) -> Component:
    """Return an event without a time of day with the days of its end and exceptions.

    RFC 5545, 3.3.10 and 3.8.5.1 want values of the same type as the start; Exchange and Android write times.
    """
    if not is_day(component.text('DTSTART')):
        return component
    names = ('RRULE', 'RDATE', 'EXDATE')
    properties = [
        Property(item.name, _TIME.sub('', item.raw)) if item.name in names else item for item in component.properties
    ]
    return replace(component, properties=properties)


def _occurrences_on(days: set[datetime], plan: recurrence.Plan) -> set[datetime]:
    """Return the occurrences of a series on whole days that are excluded from it."""
    if not days:
        return set()
    rule = plan.rule or ''
    if not re.search(r'BYHOUR|BYMINUTE|BYSECOND|FREQ=(HOURLY|MINUTELY)', rule):
        return {datetime.combine(day, plan.start.time()) for day in days}
    if len(days) > _MAX_WHOLE_DAYS:
        raise Unreadable(
            _(
                'excludes more than {max_whole_days} whole days. Exclude moments instead.',
                max_whole_days=_MAX_WHOLE_DAYS,
            )
        )
    found: list[datetime] = []
    for day in days:
        begin, end = (recurrence.instant_of(midnight, plan.zone) for midnight in (day, day + timedelta(days=1)))
        found += recurrence.occurrences(plan, begin, end)
    return {recurrence.wall_of(instant, plan.zone) for instant in found}
