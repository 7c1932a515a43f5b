"""Zones as they are described in exported files: other programs read the right offsets from them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from synapse.ical.zones import described
from synapse.recurrence.wall_time import changes_between
from tests.parts.calendar_readers import by_all, need_readers

READERS = ('icalendar', 'tzical', 'vobject', 'ical.js')
ZONES = {
    'Europe/Berlin': 2060,
    'America/New_York': 2060,
    'Europe/Dublin': 2060,
    'Australia/Lord_Howe': 2060,
    'America/Santiago': 2060,  # the Sunday after the first Saturday
    'America/Nuuk': 2060,  # the Saturday before the last Sunday
    'Asia/Jerusalem': 2060,  # the Friday before the last Sunday
    'Asia/Kolkata': 2060,
    'America/Vancouver': 2045,  # has just stopped changing its clocks
    'Africa/Casablanca': 2045,  # changes with Ramadan
    'Africa/Cairo': 2045,  # changes on the day after the last Thursday, in October or November
}
"""Zones, and the year up to which their descriptions reach at least."""
SPAN = datetime(2024, 1, 1, tzinfo=UTC), datetime(2070, 1, 1, tzinfo=UTC)


@pytest.fixture(scope='module')
def seen() -> dict[str, tuple[list[datetime], dict[str, object]]]:
    """The instants of events around each clock change of each zone, and what readers make of them."""
    need_readers()
    moments = {zone: _moments(zone, year) for zone, year in ZONES.items()}
    found = by_all([_file(zone, at) for zone, at in moments.items()], *SPAN, readers=READERS)
    return {zone: (at, dict(one)) for (zone, at), one in zip(moments.items(), found, strict=True)}


@pytest.mark.parametrize('reader', READERS)
@pytest.mark.parametrize('zone', ZONES)
def test_readers_have_the_offsets_of_the_zone(
    seen: dict[str, tuple[list[datetime], dict[str, object]]], zone: str, reader: str
) -> None:
    right, found = seen[zone]

    assert found[reader] == right


def test_regular_changes_are_rules_without_an_end() -> None:
    text = described('Europe/Berlin', 2025, 2026).to_ical().decode()

    assert 'RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\n' in text
    assert 'RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\n' in text
    assert text.count('RDATE') == 1
    assert len(text) < 500


def test_lists_have_one_value_a_line() -> None:
    lines = described('Africa/Casablanca', 2020, 2026).to_ical().decode().splitlines()

    dates = [line for line in lines if line.startswith('RDATE')]
    assert len(dates) > 10
    assert not any(',' in line for line in dates)


def _moments(zone: str, last_year: int) -> list[datetime]:
    there = ZoneInfo(zone)
    changes = list(changes_between(datetime(2025, 2, 1, tzinfo=UTC), datetime(last_year, 1, 1, tzinfo=UTC), there))
    near = [at + timedelta(hours=hours) for at in changes for hours in (-30, -4, 4, 30)]
    return sorted({*near, *(datetime(year, month, 15, tzinfo=UTC) for year in (2025, last_year) for month in (1, 7))})


def _file(zone: str, moments: list[datetime]) -> str:
    lines = ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//example//EN']
    lines += described(zone, 2025, 2026).to_ical().decode().splitlines()
    for number, at in enumerate(moments):
        wall = at.astimezone(ZoneInfo(zone))
        start = f'DTSTART;TZID={zone}:{wall:%Y%m%dT%H%M%S}'
        lines += ['BEGIN:VEVENT', f'UID:{number}', 'DTSTAMP:20261130T000000Z', start, 'END:VEVENT']
    return '\r\n'.join([*lines, 'END:VCALENDAR', ''])
