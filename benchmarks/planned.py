"""Events for the benchmarks, as documents of the event store."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

Document = dict[str, Any]

ZONES = ('Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'UTC')
RULES = (
    'FREQ=DAILY',
    'FREQ=DAILY;INTERVAL=3',
    'FREQ=WEEKLY;BYDAY=MO,WE,FR',
    'FREQ=WEEKLY;INTERVAL=2;BYDAY=SU',
    'FREQ=MONTHLY;BYMONTHDAY=1,15',
    'FREQ=MONTHLY;BYMONTHDAY=-1',
    'FREQ=MONTHLY;BYDAY=-1FR',
    'FREQ=YEARLY;BYMONTH=10;BYMONTHDAY=24',
)


@cache
def recurring(count: int) -> list[Document]:
    """Events that began up to three years ago; none of them is due within four hours."""
    chance = random.Random(1)  # noqa: S311 - the same events in each run
    now = datetime.now(UTC)
    found = []
    for number in range(count):
        begin = now - timedelta(days=chance.randrange(1, 3 * 365)) + timedelta(hours=chance.uniform(4, 20))
        zone = chance.choice(ZONES)
        wall = begin.astimezone(ZoneInfo(zone)).replace(microsecond=0)
        found.append(event(number, wall, zone=zone, rrule=chance.choice(RULES)))
    return found


def at(dues: Iterable[datetime], **changes: Any) -> list[Document]:
    """An event for each of these moments in UTC; `changes` apply to all of them."""
    return [event(number, due, **changes) for number, due in enumerate(dues)]


def event(number: int, start: datetime, *, zone: str = 'UTC', **changes: Any) -> Document:
    now = datetime.now(UTC).isoformat()
    return {
        'id': f'e{number}',
        'title': f'event {number}',
        'pipeline': 'RunCommand',
        'parameters': {'command': ['true']},
        'start': start.replace(tzinfo=None).isoformat(),
        'timezone': zone,
        'created_at': now,
        'updated_at': now,
        'armed_from': now,
        **changes,
    }


def as_file(events: Iterable[Document]) -> bytes:
    """Return a file as other programs write it, with a line that says what to run."""
    lines = ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//Synapse//Benchmark//EN']
    for event in events:
        start, zone = event['start'].replace('-', '').replace(':', ''), event['timezone']
        lines += ['BEGIN:VEVENT', f'UID:{event["id"]}@other', 'DTSTAMP:20261101T000000Z']
        lines += [f'DTSTART;TZID={zone}:{start}' if zone != 'UTC' else f'DTSTART:{start}Z', f'RRULE:{event["rrule"]}']
        lines += [f'SUMMARY:{event["title"]}', 'X-SYNAPSE-PIPELINE:RunCommand']
        lines += ['X-SYNAPSE-PARAMETERS:{"command":["true"]}', 'END:VEVENT']
    return '\r\n'.join([*lines, 'END:VCALENDAR', '']).encode()
