"""Reads calendar files with a library of Python; in the terms of `read.mjs`, which does it with those of JavaScript.

Started as `read.py READER`, where READER is dateutil, recurring-ical-events, or one of those that only read the time
zones of a file: icalendar, tzical (of dateutil) and vobject.
"""

import io
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

Job = dict[str, Any]


def by_recurring_ical_events(text: str, start: datetime, end: datetime) -> Iterator[datetime]:
    import icalendar
    import recurring_ical_events

    for event in recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between(start, end):
        yield event.start


def by_dateutil(text: str, start: datetime, end: datetime) -> Iterator[datetime]:
    from dateutil.rrule import rrulestr

    events = events_of(text)
    replaced = {(value(event, 'UID'), moment(at)) for event in events if (at := line_of(event, 'RECURRENCE-ID'))}
    for event in events:
        lines = [line for line in event if re.match(r'(DTSTART|RRULE|RDATE|EXDATE)[;:]', line)]
        if line_of(event, 'RECURRENCE-ID') or not line_of(event, 'RRULE'):
            yield moment(line_of(event, 'DTSTART'))
            continue
        rules = rrulestr('\n'.join(lines), forceset=True, tzids=ZoneInfo)
        uid = value(event, 'UID')
        yield from (at for at in rules.between(start, end, inc=True) if (uid, at.astimezone(UTC)) not in replaced)


def by_icalendar(text: str, start: datetime, end: datetime) -> Iterator[datetime]:
    import icalendar

    calendar = icalendar.Calendar.from_ical(text)
    zones = {zone['TZID']: zone.to_tz(lookup_tzid=False) for zone in calendar.walk('VTIMEZONE')}
    yield from in_zones(text, zones)


def by_tzical(text: str, start: datetime, end: datetime) -> Iterator[datetime]:
    from dateutil.tz import tzical

    zones = tzical(io.StringIO(text))
    yield from in_zones(text, {name: zones.get(name) for name in zones.keys()})  # noqa: SIM118 - not a dict


def by_vobject(text: str, start: datetime, end: datetime) -> Iterator[datetime]:
    import vobject

    yield from (event.dtstart.value for event in vobject.readOne(text).vevent_list)


def in_zones(text: str, zones: dict[str, tzinfo]) -> Iterator[datetime]:
    """Yield the starts of single events, in the time zones as a library reads them."""
    for event in events_of(text):
        line = line_of(event, 'DTSTART')
        name = re.search(r'TZID=([^:;]+)', line)
        yield wall_of(line).replace(tzinfo=zones[name[1]] if name else UTC)


def events_of(text: str) -> list[list[str]]:
    text = re.sub(r'\r?\n[ \t]', '', text).replace('\r\n', '\n')
    return [event.splitlines() for event in re.findall(r'BEGIN:VEVENT\n(.*?)END:VEVENT', text, re.DOTALL)]


def line_of(event: Sequence[str], name: str) -> str:
    return next((line for line in event if re.match(f'{name}[;:]', line)), '')


def value(event: Sequence[str], name: str) -> str:
    return line_of(event, name).partition(':')[2]


def moment(line: str) -> datetime:
    zone = re.search(r'TZID=([^:;]+)', line)
    return wall_of(line).replace(tzinfo=ZoneInfo(zone[1]) if zone else UTC).astimezone(UTC)


def wall_of(line: str) -> datetime:
    return datetime.strptime(line.rpartition(':')[2].removesuffix('Z'), '%Y%m%dT%H%M%S')


READERS = {
    'dateutil': by_dateutil,
    'recurring-ical-events': by_recurring_ical_events,
    'icalendar': by_icalendar,
    'tzical': by_tzical,
    'vobject': by_vobject,
}


def answer(reader: str, job: Job) -> list[int] | str:
    start, end = (datetime.fromtimestamp(job[name] / 1000, UTC) for name in ('start', 'end'))
    try:
        return within(READERS[reader](job['text'], start, end), job)
    except Exception as error:
        return f'{type(error).__name__}: {error}'


def within(found: Iterable[datetime], job: Job) -> list[int]:
    moments = {round(at.timestamp() * 1000) for at in found}
    return sorted(at for at in moments if job['start'] <= at < job['end'])


if __name__ == '__main__':
    print(json.dumps([answer(sys.argv[1], job) for job in json.load(sys.stdin)]))
