"""Reading events from an iCalendar file (RFC 5545), without access to disk or pipelines.

Our own files have everything in the VEVENT, with `X-SYNAPSE-` properties for what iCalendar doesn't define. Files of
other programs name the pipeline in a line of the description, such as `pipeline: BackupFolder`, or as the title.

A file is read as far as possible: an event that cannot be read is named, and the others are returned. `series` puts
the components together.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from synapse import recurrence
from synapse.errors import Invalid, Malformed, TooLarge

from .lines import Component, Property, read_components
from .series import Draft, Lost, Part, Unreadable, in_zone, put_together, rules_as_one
from .writing import OPTIONS, canonical_rule
from .zones import ZoneBook, iana_name, read_wall

MAX_BYTES = 10_000_000
MAX_DRAFTS = 20_000
MAX_TOLD = 100
"""How many notes are kept."""
MORNING = time(9)

_MAX_WHOLE_DAYS = 400
"""How many whole days may be excluded from a rule with several occurrences a day; each day is expanded."""
_NAMED = re.compile(r'(?:^|\n|<br */?>)[ \t]*(pipeline|profile):[ \t]*([^\n<]+)', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """An event that could not be read."""

    uid: str
    name: str
    reason: str
    """A sentence that starts with its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is in a file, as far as it can be read."""

    drafts: tuple[Draft, ...] = ()
    unread: tuple[Unread, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences about what was read otherwise than it is written."""
    is_whole: bool = True
    """Whether the file has its end."""
    has_whole_days: bool = False
    """Whether some events have no time of day."""


def read_calendar(text: bytes, *, zone: str, all_day_at: time = MORNING) -> Contents:
    """Return the events of a file, each once. Takes a second for each MB: call this in a thread.

    :param zone: the zone of times without one, unless the file sets a default
    :param all_day_at: when events without a time of day run
    :raises TooLarge: over 10 MB
    :raises Malformed: if it isn't a calendar
    :raises Invalid: if it has more than `MAX_DRAFTS` events and additional dates
    """
    if len(text) > MAX_BYTES:
        message = f'The file has {len(text) / 1e6:.1f} MB; the limit is {MAX_BYTES / 1e6:.0f} MB.'
        raise TooLarge('calendar_too_large', message, 'Export fewer events.')
    parts: list[Part] = []
    lost: list[Lost] = []
    unread: list[Unread] = []
    notes: dict[str, None] = {}
    calendars = read_components(text)
    count = 0
    for calendar in calendars:
        reader = _Reader(calendar, zone, all_day_at)
        for part in reader.parts():
            parts.append(part)
            count += 1 + len(part.further)
            if count > MAX_DRAFTS:
                raise Invalid(f'The file has more than {MAX_DRAFTS:,} events.', hint='Import it in parts.')
        unread += reader.unread
        lost += reader.lost
        notes |= reader.notes
    drafts, problems, more_notes = put_together(parts, lost)
    unread += [Unread(uid=draft.uid, name=draft.name, reason=f"'{draft.name}' {error}") for draft, error in problems]
    notes |= dict.fromkeys(more_notes)
    return Contents(
        drafts=tuple(drafts),
        unread=tuple(unread),
        notes=tuple(notes)[:MAX_TOLD],
        is_whole=not any(calendar.is_cut for calendar in calendars),
        has_whole_days=_whole_days_note(all_day_at) in notes,
    )


def _whole_days_note(at: time) -> str:
    return f'Events without a time of day run at {at:%H:%M}.'


class _Reader:
    """Reads one calendar of a file; `unread`, `lost` and `notes` are complete once `parts` has been consumed."""

    def __init__(self, calendar: Component, zone: str, all_day_at: time) -> None:
        if calendar.text('VERSION') == '1.0':
            raise Malformed('not_a_calendar', 'This is vCalendar 1.0.', 'Export it as iCalendar 2.0 (.ics).')
        self.unread: list[Unread] = []
        self.lost: list[Lost] = []
        self.notes: dict[str, None] = {}
        self._calendar = calendar
        self._is_cancelled = calendar.text('METHOD').upper() == 'CANCEL'
        self._all_day_at = all_day_at
        floating = calendar.text('X-WR-TIMEZONE')
        described = [part for part in calendar.parts if part.name == 'VTIMEZONE']
        preferred = [name for name in (iana_name(floating), zone) if name]
        self._zones = ZoneBook(described, preferred)
        self._floating = floating
        self._zone = zone
        self._starts = {part.text('UID'): start for part, start in _starts(calendar)}

    def parts(self) -> Iterator[Part]:
        """Yield each event that can be read."""
        for component in self._calendar.parts:
            if component.name == 'VEVENT':
                yield from self._event(component)

    def _event(self, component: Component) -> list[Part]:
        name = _short(component.text('SUMMARY') or component.text('UID') or 'An event without a title')
        uid = component.text('UID') or _uid_for(component)
        try:
            return list(self._read(component, uid, name))
        except Unreadable as error:
            self.unread.append(Unread(uid=uid, name=name, reason=f"'{name}' {error}"))
            self._lose(component, uid)
            return []

    def _lose(self, component: Component, uid: str) -> None:
        """Note the occurrence that an unreadable event replaces: it must not run as if it had never been moved."""
        replaced = component.first('RECURRENCE-ID')
        if replaced is not None and not replaced.parameters.get('RANGE'):
            try:
                self.lost.append((uid, *self._replaced(replaced, component)))
            except Unreadable:
                return

    def _read(self, component: Component, uid: str, name: str) -> Iterator[Part]:
        if component.is_cut:
            raise Unreadable('has no end; the file may be truncated. Export it again.')
        if component.broken:
            raise Unreadable(f'has a line that cannot be read: {component.broken[0][:80]}')
        replaced = component.first('RECURRENCE-ID')
        is_cancelled = self._is_cancelled or component.text('STATUS').upper() == 'CANCELLED'
        at, zone = (None, '') if replaced is None else self._replaced(replaced, component)
        splits = replaced is not None and replaced.parameters.get('RANGE', '').upper() == 'THISANDFUTURE'
        values, rules = ({}, []) if is_cancelled else self._values(component)
        if at is not None and not splits and rules and component.first('X-SYNAPSE-OPTIONS') is None:
            self._note(f"'{name}' replaces one occurrence and has a rule of its own, which was left out.")
            rules = []
        if not is_cancelled:
            values['rrule'] = rules[0] if rules else None
            values['exdates'] = self._exdates(component, _plan(values))
        draft = Draft(
            uid=uid,
            sequence=_sequence(component),
            values=values,
            recurrence_at=at,
            recurrence_zone=zone,
            is_cancelled=is_cancelled,
            last_modified=_utc(component, 'LAST-MODIFIED'),
            name=name,
            signature=component.text('X-SYNAPSE-SIGNATURE'),
        )
        stamp = _utc(component, 'DTSTAMP')
        further = () if is_cancelled or at is not None else tuple(self._further(component, draft))
        yield Part(draft=draft, further=further, stamp=stamp, is_this_and_future=splits)
        for number, rule in enumerate(rules[1:], 2):
            more = replace(draft, uid=f'{uid}/rule/{number}', values={**values, 'rrule': rule}, signature='')
            yield Part(draft=more, stamp=stamp)

    def _values(self, component: Component) -> tuple[dict[str, Any], list[str]]:
        """Return the values of an event but for its rules and exceptions, and its rules."""
        start = component.first('DTSTART')
        if start is None:
            raise Unreadable('has no start (DTSTART).')
        wall, zone = self._moment(start, start.raw)
        if _is_day(start.raw):
            wall = datetime.combine(wall, self._all_day_at)
            self._note(_whole_days_note(self._all_day_at))
        self._compare(start, wall)
        values: dict[str, Any] = {'start': wall, 'timezone': zone}
        title = component.text('SUMMARY')
        return values | ({'title': title} if title else {}) | _work(component), _rules(component, wall, zone)

    def _note(self, sentence: str) -> None:
        self.notes[sentence] = None

    def _compare(self, item: Property, at: datetime) -> None:
        tzid = item.parameters.get('TZID', '')
        if self._zones.contradicts(tzid, at):
            self._note(f'The file describes the time zone {tzid} differently from its rules; the rules were taken.')

    def _moment(self, item: Property, text: str, default: str = '') -> tuple[datetime, str]:
        """Return a naive wall time and its zone; a whole day starts at midnight.

        :param default: the zone if the text names none; by default that of the calendar
        """
        try:
            wall = read_wall(text)
            if not 2 <= wall.year <= 9998:
                raise ValueError('the year is out of range')
            if text.strip().upper().endswith('Z'):
                return wall, 'UTC'
            return wall, self._zone_of(item.parameters.get('TZID', ''), default, wall)
        except (ValueError, OverflowError) as error:
            sentence = f'has a date that cannot be read: {item.name}:{text[:40]}. Write one like 20261014T160000.'
            raise Unreadable(sentence) from error

    def _zone_of(self, tzid: str, default: str, at: datetime) -> str:
        if tzid:
            found = self._zones.find(tzid, at)
            if found is None:
                raise Unreadable(f'is in the unknown time zone {tzid!r}. Use one like Europe/Berlin.')
            return found
        if default or not self._floating:
            return default or self._zone
        found = self._zones.find(self._floating, at)
        if found is None:
            self._note(f'The time zone of the file, {self._floating!r}, is unknown; {self._zone} was taken.')
        return found or self._zone

    def _replaced(self, item: Property, component: Component) -> tuple[datetime, str]:
        start = self._starts.get(component.text('UID')) or component.first('DTSTART')
        if start is None:
            return self._moment(item, item.raw)
        first, zone = self._moment(start, start.raw)
        wall, own_zone = self._moment(item, item.raw, zone)
        if not _is_day(item.raw):
            return wall, own_zone
        return datetime.combine(wall, self._all_day_at if _is_day(start.raw) else first.time()), zone

    def _exdates(self, component: Component, plan: recurrence.Plan) -> tuple[datetime, ...]:
        found: set[datetime] = set()
        whole_days = set()
        is_all_day = _is_day(component.text('DTSTART'))
        for item in component.all('EXDATE'):
            for text in filter(None, item.raw.split(',')):
                wall, zone = self._moment(item, text, plan.zone)
                if not _is_day(text):
                    found.add(in_zone(wall, zone, plan.zone))
                elif is_all_day:
                    found.add(datetime.combine(wall, plan.start.time()))
                else:
                    whole_days.add(wall)
        return tuple(sorted(found | _occurrences_on(whole_days, plan)))

    def _further(self, component: Component, draft: Draft) -> Iterator[Draft]:
        """Yield a single event for each RDATE, as if it replaced an occurrence of the series at its own time."""
        exdates = set(draft.values['exdates'])
        start, zone = draft.values['start'], draft.values['timezone']
        is_all_day = _is_day(component.text('DTSTART'))
        for item in component.all('RDATE'):
            for text in filter(None, item.raw.split(',')):
                text = text.partition('/')[0]
                wall, own_zone = self._moment(item, text, zone)
                wall = in_zone(wall, own_zone, zone)
                if is_all_day and _is_day(text):
                    wall = datetime.combine(wall, start.time())
                if wall != start and wall not in exdates:
                    values = {**draft.values, 'start': wall, 'rrule': None, 'exdates': ()}
                    yield replace(draft, values=values, recurrence_at=wall, recurrence_zone=zone, signature='')


def _starts(calendar: Component) -> Iterator[tuple[Component, Property]]:
    """Yield the series and single events of a calendar, with their starts."""
    for part in calendar.parts:
        start = part.first('DTSTART')
        if part.name == 'VEVENT' and start is not None and part.first('RECURRENCE-ID') is None:
            yield part, start


def _is_day(text: str) -> bool:
    return 'T' not in text.upper()


def _short(name: str) -> str:
    return name if len(name) <= 80 else f'{name[:79]}…'


def _plan(values: dict[str, Any]) -> recurrence.Plan:
    return recurrence.Plan(start=values['start'], zone=values['timezone'], rule=values['rrule'])


def _occurrences_on(days: set[datetime], plan: recurrence.Plan) -> set[datetime]:
    """Return the occurrences of a series on whole days that are excluded from it."""
    if not days:
        return set()
    rule = plan.rule or ''
    if not re.search(r'BYHOUR|BYMINUTE|BYSECOND|FREQ=(HOURLY|MINUTELY)', rule):
        return {datetime.combine(day, plan.start.time()) for day in days}
    if len(days) > _MAX_WHOLE_DAYS:
        raise Unreadable(f'excludes more than {_MAX_WHOLE_DAYS} whole days. Exclude moments instead.')
    found: list[datetime] = []
    for day in days:
        begin, end = (recurrence.instant_of(midnight, plan.zone) for midnight in (day, day + timedelta(days=1)))
        found += recurrence.occurrences(plan, begin, end)
    return {recurrence.wall_of(instant, plan.zone) for instant in found}


def _rules(component: Component, start: datetime, zone: str) -> list[str]:
    """Return the rules of an event, as few as describe the same occurrences."""
    if component.first('EXRULE') is not None:
        raise Unreadable('has a rule for exceptions (EXRULE). Exclude single days instead.')
    rules = [_rule(item.raw, zone) for item in component.all('RRULE') if item.raw.strip()]
    return rules if len(rules) < 2 else rules_as_one(rules, start, zone)


def _rule(text: str, zone: str) -> str:
    try:
        rule = canonical_rule(text, zone)
    except (ValueError, OverflowError) as error:
        raise Unreadable(f'has a rule that cannot be read: {text[:80]}') from error
    if 'FREQ=SECONDLY' in rule.split(';'):
        raise Unreadable('repeats every second. Let it repeat once a minute at most.')
    return rule


def _work(component: Component) -> dict[str, Any]:
    """Return what to run, and how, as far as the file says."""
    named = {key.lower(): value.strip() for key, value in _NAMED.findall(component.text('DESCRIPTION'))}
    values: dict[str, Any] = {key: value for key, value in named.items() if value}
    if component.first('X-SYNAPSE-PIPELINE') is not None:
        values['pipeline'] = component.text('X-SYNAPSE-PIPELINE')
        values['profile'] = component.text('X-SYNAPSE-PROFILE') or None
    if component.first('X-SYNAPSE-PARAMETERS') is not None:
        values['parameters'] = _json_object(component, 'X-SYNAPSE-PARAMETERS')
    if component.first('X-SYNAPSE-OPTIONS') is not None:
        options = _json_object(component, 'X-SYNAPSE-OPTIONS')
        values |= {key: options[key] for key in OPTIONS if key in options}
    return values


def _json_object(component: Component, name: str) -> dict[str, Any]:
    try:
        found = json.loads(component.text(name), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f'has a line that is not JSON: {name}.') from error
    if not isinstance(found, dict):
        raise Unreadable(f'has a line that is not a JSON object: {name}.')
    return found


def _no_constant(text: str) -> float:
    raise ValueError(f'{text} is not JSON')


def _sequence(component: Component) -> int:
    text = component.text('SEQUENCE')
    return min(int(text), 2**31 - 1) if text.isdecimal() and len(text) <= 18 else 0


def _utc(component: Component, name: str) -> datetime | None:
    try:
        return read_wall(component.text(name)).replace(tzinfo=UTC)
    except ValueError:
        return None


def _uid_for(component: Component) -> str:
    """Return the same UID each time for an event that has none."""
    text = '\n'.join(component.text(name) for name in ('DTSTART', 'SUMMARY', 'RRULE'))
    return f'{hashlib.sha256(text.encode()).hexdigest()[:32]}@import'
