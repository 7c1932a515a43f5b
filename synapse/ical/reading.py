"""Reading events from an iCalendar file (RFC 5545), without access to disk or pipelines.

Our own files have everything in the VEVENT, with `X-SYNAPSE-` properties for what iCalendar doesn't define. Files of
other programs name the pipeline in a line of the description, such as `pipeline: BackupFolder`, or as the title.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from synapse import recurrence
from synapse.errors import Invalid, Malformed, TooLarge

from . import trust
from .lines import Component, Property, read_components
from .trust import Sign
from .writing import OPTIONS, canonical_rule
from .zones import ZoneBook, iana_name, read_wall

MAX_BYTES = 1_000_000
MAX_DRAFTS = 5000

_MAX_WHOLE_DAYS = 400
"""How many whole days may be excluded from a rule with several occurrences a day; each day is expanded."""
_NAMED = re.compile(r'(?:^|\n|<br */?>)[ \t]*(pipeline|profile):[ \t]*([^\n<]+)', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An event in a file: a series, a single event, or the replacement of one occurrence of a series."""

    uid: str
    sequence: int
    values: dict[str, Any]
    """As `EventEditor.create` takes them, only those that the file gives. Empty for a cancelled one."""
    recurrence_at: datetime | None = None
    """The naive wall time of the occurrence that it replaces, in `recurrence_zone`: that of the series, if known."""
    recurrence_zone: str = ''
    is_cancelled: bool = False
    last_modified: datetime | None = None
    name: str = ''
    """What messages call it."""
    signature: str = ''

    def is_signed(self, sign: Sign) -> bool:
        """Whether exactly this was exported and signed by the owner of `sign`."""
        meaning = trust.meaning(self.uid, self.sequence, self.replaced, self.values)
        return trust.is_signed(self.signature, meaning, sign)

    @property
    def replaced(self) -> datetime | None:
        """The instant of the occurrence that it replaces."""
        return None if self.recurrence_at is None else recurrence.instant_of(self.recurrence_at, self.recurrence_zone)

    def in_zone(self, zone: str) -> 'Draft':
        """Return it with `recurrence_at` converted to another zone."""
        if self.recurrence_at is None or self.recurrence_zone == zone:
            return self
        wall = _in_zone(self.recurrence_at, self.recurrence_zone, zone)
        return replace(self, recurrence_at=wall, recurrence_zone=zone)


def read_calendar(text: bytes, *, zone: str) -> list[Draft]:
    """Return the events of a file, each once. The largest file takes a second: call this in a thread.

    :param zone: the zone of times without one, unless the file sets a default
    :raises TooLarge: over 1 MB
    :raises Malformed: if it isn't a calendar
    :raises Invalid: for the first event that cannot be read, and for too many
    """
    if len(text) > MAX_BYTES:
        message = f'The file has {len(text) / 1e6:.1f} MB; the limit is {MAX_BYTES / 1e6:.0f} MB.'
        raise TooLarge('calendar_too_large', message, 'Export fewer events.')
    drafts: dict[tuple[str, datetime | None], Draft] = {}
    further: list[Draft] = []
    for calendar in read_components(text):
        for found, extra in _Reader(calendar, zone).drafts():
            _keep_newest(drafts, found)
            further += extra
            if len(drafts) + len(further) > MAX_DRAFTS:
                raise Invalid(f'The file has more than {MAX_DRAFTS:,} events.', hint='Import it in parts.')
    return _together(drafts, further)


def _keep_newest(drafts: dict[tuple[str, datetime | None], Draft], found: Draft) -> None:
    key = found.uid, found.replaced
    if key not in drafts or _age(found) >= _age(drafts[key]):
        drafts[key] = found


def _age(draft: Draft) -> tuple[int, datetime]:
    return draft.sequence, draft.last_modified or datetime.min.replace(tzinfo=UTC)


def _together(drafts: Mapping[tuple[str, datetime | None], Draft], further: Sequence[Draft]) -> list[Draft]:
    """Return all drafts, with replaced occurrences excluded from their series."""
    all_drafts = dict(drafts)
    for draft in further:
        all_drafts.setdefault((draft.uid, draft.replaced), draft)
    series = {draft.uid: draft for draft in all_drafts.values() if draft.recurrence_at is None}
    replaced: dict[str, set[datetime]] = {}
    found = []
    for (uid, _), draft in all_drafts.items():
        zone = series[uid].values.get('timezone') if uid in series else None
        if zone is not None:
            draft = draft.in_zone(zone)
        if draft.recurrence_at is not None:
            replaced.setdefault(uid, set()).add(draft.recurrence_at)
        found.append(draft)
    return [_without(draft, replaced.get(draft.uid, set())) for draft in found]


def _without(draft: Draft, walls: set[datetime]) -> Draft:
    if draft.recurrence_at is not None or not walls or draft.values.get('rrule') is None:
        return draft
    exdates = tuple(sorted({*draft.values['exdates'], *walls}))
    return replace(draft, values={**draft.values, 'exdates': exdates})


class _Reader:
    def __init__(self, calendar: Component, zone: str) -> None:
        if calendar.text('VERSION') == '1.0':
            raise Malformed('not_a_calendar', 'This is vCalendar 1.0.', 'Export it as iCalendar 2.0 (.ics).')
        self._calendar = calendar
        self._is_cancelled = calendar.text('METHOD').upper() == 'CANCEL'
        self._floating = calendar.text('X-WR-TIMEZONE')
        self._zone = zone
        described = [part for part in calendar.parts if part.name == 'VTIMEZONE']
        preferred = [name for name in (iana_name(self._floating), zone) if name]
        self._zones = ZoneBook(described, preferred)
        self._starts = {part.text('UID'): start for part, start in _starts(calendar)}

    def drafts(self) -> Iterator[tuple[Draft, list[Draft]]]:
        """Yield each event of the calendar, with the additional ones for its RDATEs."""
        for component in self._calendar.parts:
            if component.name == 'VEVENT':
                yield self._draft(component)

    def _draft(self, component: Component) -> tuple[Draft, list[Draft]]:
        name = _short(component.text('SUMMARY') or component.text('UID') or 'An event without a title')
        try:
            return self._read(component, name)
        except _Unreadable as error:
            raise Invalid(f"'{name}' {error}", {name: f'{error}'}, 'Nothing was imported.') from error

    def _read(self, component: Component, name: str) -> tuple[Draft, list[Draft]]:
        if component.broken:
            raise _Unreadable(f'has a line that cannot be read: {component.broken[0][:80]}')
        replaced = component.first('RECURRENCE-ID')
        if replaced is not None and replaced.parameters.get('RANGE'):
            raise _Unreadable('changes all later occurrences at once (THISANDFUTURE). Make those a separate series.')
        is_cancelled = self._is_cancelled or component.text('STATUS').upper() == 'CANCELLED'
        values = {} if is_cancelled else self._values(component)
        at, zone = (None, '') if replaced is None else self._replaced(replaced, component)
        draft = Draft(
            uid=component.text('UID') or _uid_for(component),
            sequence=_sequence(component),
            values=values,
            recurrence_at=at,
            recurrence_zone=zone,
            is_cancelled=is_cancelled,
            last_modified=_last_modified(component),
            name=name,
            signature=component.text('X-SYNAPSE-SIGNATURE'),
        )
        return draft, [] if is_cancelled or at is not None else list(self._further(component, draft))

    def _values(self, component: Component) -> dict[str, Any]:
        start = component.first('DTSTART')
        if start is None:
            raise _Unreadable('has no start (DTSTART).')
        wall, zone = self._moment(start, start.raw)
        rule = _rule(component, zone)
        values: dict[str, Any] = {'start': wall, 'timezone': zone, 'rrule': rule}
        values['exdates'] = self._exdates(component, recurrence.Plan(start=wall, zone=zone, rule=rule))
        title = component.text('SUMMARY')
        return values | ({'title': title} if title else {}) | _work(component)

    def _moment(self, item: Property, text: str) -> tuple[datetime, str]:
        """Return a naive wall time and its zone; a whole day starts at midnight."""
        try:
            wall = read_wall(text)
            if not 2 <= wall.year <= 9998:
                raise ValueError('the year is out of range')
            if text.strip().upper().endswith('Z'):
                return wall, 'UTC'
            return wall, self._zone_of(item.parameters.get('TZID') or self._floating, wall)
        except (ValueError, OverflowError) as error:
            sentence = f'has a date that cannot be read: {item.name}:{text[:40]}. Write one like 20261014T160000.'
            raise _Unreadable(sentence) from error

    def _zone_of(self, tzid: str, at: datetime) -> str:
        if not tzid:
            return self._zone
        found = self._zones.find(tzid, at)
        if found is None:
            sentence = f'is in the unknown time zone {tzid!r}. Use one like Europe/Berlin.'
            raise _Unreadable(sentence)
        return found

    def _replaced(self, item: Property, component: Component) -> tuple[datetime, str]:
        wall, zone = self._moment(item, item.raw)
        start = self._starts.get(component.text('UID')) or component.first('DTSTART')
        if start is None or _is_day(item.raw) is _is_day(start.raw):
            return wall, zone
        first, zone = self._moment(start, start.raw)
        return datetime.combine(wall, first.time()), zone

    def _exdates(self, component: Component, plan: recurrence.Plan) -> tuple[datetime, ...]:
        found: set[datetime] = set()
        whole_days = set()
        is_all_day = _is_day(component.text('DTSTART'))
        for item in component.all('EXDATE'):
            for text in filter(None, item.raw.split(',')):
                wall, zone = self._moment(item, text)
                if not _is_day(text):
                    found.add(_in_zone(wall, zone, plan.zone))
                elif is_all_day:
                    found.add(wall)
                else:
                    whole_days.add(wall)
        return tuple(sorted(found | _occurrences_on(whole_days, plan)))

    def _further(self, component: Component, draft: Draft) -> Iterator[Draft]:
        """Yield a single event for each RDATE, as if it replaced an occurrence of the series at its own time."""
        exdates = set(draft.values['exdates'])
        start, zone = draft.values['start'], draft.values['timezone']
        for item in component.all('RDATE'):
            for text in filter(None, item.raw.split(',')):
                text = text.partition('/')[0]
                wall, own_zone = self._moment(item, text)
                wall = _in_zone(wall, own_zone, zone)
                if _is_day(text):
                    wall = datetime.combine(wall, start.time())
                if wall != start and wall not in exdates:
                    values = {**draft.values, 'start': wall, 'rrule': None, 'exdates': ()}
                    yield replace(draft, values=values, recurrence_at=wall, recurrence_zone=zone, signature='')


class _Unreadable(Exception):
    """An event cannot be read; the message continues a sentence that starts with its name."""


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


def _in_zone(wall: datetime, zone: str, wanted: str) -> datetime:
    return wall if zone == wanted else recurrence.wall_of(recurrence.instant_of(wall, zone), wanted)


def _occurrences_on(days: set[datetime], plan: recurrence.Plan) -> set[datetime]:
    """Return the occurrences of a series on whole days that are excluded from it."""
    if not days:
        return set()
    rule = plan.rule or ''
    if not re.search(r'BYHOUR|BYMINUTE|BYSECOND|FREQ=(HOURLY|MINUTELY)', rule):
        return {datetime.combine(day, plan.start.time()) for day in days}
    if len(days) > _MAX_WHOLE_DAYS:
        raise _Unreadable(f'excludes more than {_MAX_WHOLE_DAYS} whole days. Exclude moments instead.')
    found: list[datetime] = []
    for day in days:
        begin, end = (recurrence.instant_of(midnight, plan.zone) for midnight in (day, day + timedelta(days=1)))
        found += recurrence.occurrences(plan, begin, end)
    return {recurrence.wall_of(instant, plan.zone) for instant in found}


def _rule(component: Component, zone: str) -> str | None:
    rules = component.all('RRULE')
    if len(rules) > 1:
        raise _Unreadable('has more than one rule (RRULE). Make each a separate series.')
    if component.first('EXRULE') is not None:
        raise _Unreadable('has a rule for exceptions (EXRULE). Exclude single days instead.')
    if not rules or not rules[0].raw.strip():
        return None
    try:
        rule = canonical_rule(rules[0].raw, zone)
    except (ValueError, OverflowError) as error:
        raise _Unreadable(f'has a rule that cannot be read: {rules[0].raw[:80]}') from error
    if 'FREQ=SECONDLY' in rule.split(';'):
        raise _Unreadable('repeats every second. Let it repeat once a minute at most.')
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
        raise _Unreadable(f'has a line that is not JSON: {name}.') from error
    if not isinstance(found, dict):
        raise _Unreadable(f'has a line that is not a JSON object: {name}.')
    return found


def _no_constant(text: str) -> float:
    raise ValueError(f'{text} is not JSON')


def _sequence(component: Component) -> int:
    text = component.text('SEQUENCE')
    return min(int(text), 2**31 - 1) if text.isdecimal() and len(text) <= 18 else 0


def _last_modified(component: Component) -> datetime | None:
    try:
        return read_wall(component.text('LAST-MODIFIED')).replace(tzinfo=UTC)
    except ValueError:
        return None


def _uid_for(component: Component) -> str:
    """Return the same UID each time for an event that has none."""
    text = '\n'.join(component.text(name) for name in ('DTSTART', 'SUMMARY', 'RRULE'))
    return f'{hashlib.sha256(text.encode()).hexdigest()[:32]}@import'
