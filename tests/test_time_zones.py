"""The real program on machines with an unusual time-zone setting or outdated zone data."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import tzdata
from icalendar import Calendar

from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest, wait_until
from tests.parts.zone_files import OLD_RULES, zone_folder

Start = Callable[..., SynapseUnderTest]
HOURS = {'America/Vancouver': 16, 'America/Edmonton': 15, 'America/Winnipeg': 14, 'Africa/Casablanca': 9}
"""The hour in UTC of 09:00 in winter, by the rules since 2026."""
ZONES = Path(str(tzdata.__file__)).parent / 'zoneinfo'

LOOKS = """
import os, sys
from datetime import datetime
from zoneinfo import ZoneInfo
from synapse import Pipeline, Run, step

def hours(name):
    return datetime(2030, 12, 2, 9, tzinfo=ZoneInfo(name)).utcoffset().total_seconds() / 3600

class Looks(Pipeline):
    described: float = hours('America/Vancouver')

    @step
    def look(self, run: Run):
        run.log.info(f"in the step {hours('America/Vancouver')}")
        told = [f'{name}={os.environ[name]}' for name in sorted(os.environ) if 'TZPATH' in name]
        run.log.info(f'its environment {told}')
        program = 'import os; print("of a program", sorted(name for name in os.environ if "TZPATH" in name))'
        run.shell([sys.executable, '-c', program])
"""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Start]:
    programs: list[SynapseUnderTest] = []

    def start(**variables: str) -> SynapseUnderTest:
        # Where the zones of the system are is read while modules are imported.
        kind = SynapseUnderTest if 'PYTHONTZPATH' in variables else forked
        programs.append(kind(tmp_path / 'data', **variables))
        return programs[-1].start()

    yield start
    for program in programs:
        program.stop()


def created(program: SynapseUnderTest, **values: Any) -> dict[str, Any]:
    draft = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}}
    with program.api as api:
        response = api.post('/scheduler/create', json=draft | values)
    assert response.status_code == 201, response.text
    return dict(response.json())


def messages(program: SynapseUnderTest, run_id: str) -> list[str]:
    with program.api as api:
        return [entry['message'] for entry in api.get(f'/runs/{run_id}/logs').json()['entries']]


def test_outdated_rules_on_the_system_shift_nothing(started: Start, tmp_path: Path) -> None:
    old = str(zone_folder(tmp_path / 'zoneinfo', '2025b', OLD_RULES))
    program = started(PYTHONTZPATH=old)
    program.write_pipeline('looks.py', LOOKS)
    program.wait_for_pipeline('Looks')
    due = {zone: f'2030-12-02T{hour:02}:00:00Z' for zone, hour in HOURS.items()}

    for zone in HOURS:
        event = created(program, title=zone, start='2030-12-02T09:00:00', timezone=zone, rrule='FREQ=DAILY')
        assert event['next'][0] == due[zone]

    with program.api as api:
        assert api.get('/status').json()['timezone_data'] == {
            'version': tzdata.IANA_VERSION,
            'source': 'tzdata package',
        }
        span = {'start': '2030-12-02T00:00:00Z', 'end': '2030-12-03T00:00:00Z'}
        listed = api.get('/scheduler/list', params=span).json()
        exported = api.get('/scheduler/calendar.ics').text
        described = api.get('/pipelines/Looks').json()['schema']['properties']['described']['default']
    titles = {event['id']: event['title'] for event in listed['events']}
    shown = {titles[item['event_id']]: datetime.fromisoformat(item['due']) for item in listed['occurrences']}
    assert shown == {zone: datetime.fromisoformat(moment) for zone, moment in due.items()}
    assert _exported_offsets(exported) == {zone: timedelta(hours=9 - hour) for zone, hour in HOURS.items()}
    run = program.create_run('Looks')
    assert program.wait_for_run(run['id'])['state'] == 'succeeded'
    said = messages(program, run['id'])
    assert described == -7.0
    assert 'in the step -7.0' in said
    # The person's own variable is still there, and none of ours.
    assert f"its environment ['PYTHONTZPATH={old}']" in said
    assert "of a program ['PYTHONTZPATH']" in said


def _exported_offsets(text: str) -> dict[str, timedelta | None]:
    """Return the offsets by the VTIMEZONEs of the file alone."""
    zones = {item['TZID']: item.to_tz(lookup_tzid=False) for item in Calendar.from_ical(text).walk('VTIMEZONE')}
    return {name: datetime(2030, 12, 2, 9, tzinfo=zone).utcoffset() for name, zone in zones.items()}


def test_system_data_newer_than_the_package_is_used(started: Start, tmp_path: Path) -> None:
    new = str(zone_folder(tmp_path / 'zoneinfo', '9999a', {'America/Vancouver': 'XST5', 'UTC': 'UTC0'}))
    program = started(PYTHONTZPATH=new)

    event = created(program, start='2030-12-02T09:00:00', timezone='America/Vancouver')

    assert event['next'] == ['2030-12-02T14:00:00Z']
    with program.api as api:
        assert api.get('/status').json()['timezone_data'] == {'version': '9999a', 'source': new}


def test_newer_rules_move_events_and_that_is_told_until_it_is_dismissed(started: Start, tmp_path: Path) -> None:
    # Counts as the newest, since a person names it and it tells no version.
    old = str(zone_folder(tmp_path / 'zoneinfo', '', OLD_RULES))
    first = started(PYTHONTZPATH=old)
    daily = created(
        first, title='Report', start='2030-12-02T09:00:00', timezone='America/Vancouver', rrule='FREQ=DAILY'
    )
    created(first, title='Lunch', start='2030-12-02T12:00:00', timezone='Europe/Berlin', rrule='FREQ=DAILY')
    kept = first.data / 'zones.json'
    wait_until(lambda: kept.exists() and 'Berlin' in kept.read_text(), timeout=20)
    assert first.stop() == 0

    second = started()

    wait_until(lambda: changes(second) != [], timeout=20)
    (change,) = changes(second)
    assert change['sentence'] == '1 event moved by an hour: the rules of America/Vancouver changed.'
    assert change['version'] == tzdata.IANA_VERSION
    moved = {'event_id': daily['id'], 'title': 'Report', 'timezone': 'America/Vancouver'}
    assert change['moved'] == [moved | {'was': '2030-12-02T17:00:00Z', 'due': '2030-12-02T16:00:00Z'}]
    with second.api as api:
        entries = api.get('/logs', params={'q': 'moved by an hour'}).json()['entries']
        assert [entry['level'] for entry in entries] == ['warning']
        assert api.get(f'/scheduler/{daily["id"]}').json()['start'] == '2030-12-02T09:00:00'
        assert api.delete('/scheduler/zone-changes/other').status_code == 404
        assert api.delete(f'/scheduler/zone-changes/{change["id"]}').status_code == 204
    assert changes(second) == []


def changes(program: SynapseUnderTest) -> list[dict[str, Any]]:
    with program.api as api:
        return list(api.get('/scheduler/zone-changes').json()['changes'])


@pytest.mark.parametrize(
    ('setting', 'zone', 'level'),
    [
        ('UTC0', 'UTC', 'info'),
        ('JST-9', 'Asia/Tokyo', 'info'),
        ('CET-1CEST,M3.5.0,M10.5.0/3', 'Europe/Paris', 'info'),
        ('Nowhere/Land', 'UTC', 'warning'),
        (f':{ZONES}/Asia/Tokyo', 'Asia/Tokyo', 'info'),
        (':{tmp}/localtime', 'Europe/Berlin', 'info'),
    ],
)
def test_an_event_fires_and_the_program_starts_again_whatever_tz_says(
    started: Start, tmp_path: Path, setting: str, zone: str, level: str
) -> None:
    (tmp_path / 'localtime').write_bytes((ZONES / 'Europe/Berlin').read_bytes())
    setting = setting.format(tmp=tmp_path)
    program = started(TZ=setting)
    soon = datetime.now(ZoneInfo(zone)).replace(tzinfo=None) + timedelta(seconds=2)

    event = created(program, start=soon.isoformat(timespec='milliseconds'))
    later = created(program, start='2030-12-02T09:00:00')

    assert event['timezone'] == zone
    wait_until(lambda: states(program, event['id']) == ['fired'], timeout=20)
    assert program.stop() == 0
    program.start()  # with an event to come
    with program.api as api:
        assert api.get(f'/scheduler/{later["id"]}').json()['next'] == later['next']
        told = api.get('/status').json()['timezone']
        entries = api.get('/logs', params={'q': 'time zone is'}).json()['entries']
    assert told['name'] == zone
    assert f'TZ={setting}' in told['why']
    newest = entries[0]
    assert newest['level'] == level
    assert newest['message'].startswith(
        f'The time zone is {zone}. TZ={setting} ' if level == 'info' else 'The time zone'
    )
    assert not any('Traceback' in line for line in program.output)


def states(program: SynapseUnderTest, event_id: str) -> list[str]:
    now = datetime.now(UTC)
    span = {'start': (now - timedelta(minutes=5)).isoformat(), 'end': now.isoformat()}
    with program.api as api:
        found = api.get('/scheduler/list', params=span).json()['occurrences']
    return [item['state'] for item in found if item['event_id'] == event_id]
