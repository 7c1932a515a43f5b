"""Programs that subscribe to the calendar of a running control room: they show when it fires."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from synapse.recurrence.wall_time import changes_between
from tests.parts.calendar_readers import READERS, Found, by_all, need_readers, python_readers
from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest

DAY = timedelta(days=1)
BERLIN, NEW_YORK = 'Europe/Berlin', 'America/New_York'
Fires = set[tuple[str, datetime]]


class Nights:
    """The next two clock changes of two zones, a few days around each, and the instants at which events are due."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + 2 * DAY
        changes = [
            at
            for zone in (BERLIN, NEW_YORK)
            for at in list(changes_between(self.now + 4 * DAY, self.now + 380 * DAY, ZoneInfo(zone)))[:2]
        ]
        days = (change.replace(hour=0, minute=0, second=0) for change in changes)
        self.spans = [(day - 2 * DAY, day + 3 * DAY) for day in days]


def drafts(nights: Nights) -> list[dict[str, Any]]:
    start, last = nights.now.date(), nights.spans[0][1].date()
    return [
        {'title': 'skipped', 'timezone': BERLIN, 'start': f'{start}T02:30', 'rrule': 'FREQ=DAILY'},
        {'title': 'repeated', 'timezone': NEW_YORK, 'start': f'{start}T01:30', 'rrule': 'FREQ=DAILY'},
        {'title': 'hourly', 'timezone': BERLIN, 'start': f'{start}T00:15', 'rrule': 'FREQ=HOURLY;INTERVAL=5'},
        {'title': 'nights', 'timezone': NEW_YORK, 'start': f'{start}T00:00', 'rrule': 'FREQ=HOURLY;BYHOUR=0,2,4'},
        {'title': 'counted', 'timezone': BERLIN, 'start': f'{start}T09:00', 'rrule': 'FREQ=DAILY;COUNT=500'},
        {'title': 'ended', 'timezone': NEW_YORK, 'start': f'{start}T09:00', 'rrule': f'FREQ=DAILY;UNTIL={last:%Y%m%d}'},
        {'title': 'odd', 'timezone': BERLIN, 'start': f'{start}T10:00', 'rrule': 'FREQ=MONTHLY;BYDAY=2MO,SA,SU'},
        {'title': 'moved', 'timezone': BERLIN, 'start': f'{start}T11:00', 'rrule': 'FREQ=DAILY'},
        {'title': 'excluded', 'timezone': BERLIN, 'start': f'{start}T12:00', 'rrule': 'FREQ=DAILY'},
    ]


@pytest.fixture(scope='module')
def nights() -> Nights:
    need_readers()
    return Nights()


@pytest.fixture(scope='module')
def control_room(nights: Nights, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    program = forked(tmp_path_factory.mktemp('subscribed') / 'data').start()
    work = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}}
    day = nights.spans[0][0] + DAY
    try:
        with program.api as api:
            for draft in drafts(nights):
                event = api.post('/scheduler/create', json=work | draft).json()
                due = {'moved': 11, 'excluded': 12}.get(draft['title'])
                if due is not None:
                    wall = day.replace(hour=due, tzinfo=ZoneInfo(BERLIN))
                    query = {'scope': 'one', 'due': wall.isoformat()}
                    path = f'/scheduler/{event["id"]}'
                    if draft['title'] == 'excluded':
                        assert api.delete(path, params=query).status_code == 204
                    else:
                        values = {'start': f'{day:%Y-%m-%d}T20:45:00'}
                        assert api.patch(path, params=query, json=values).status_code == 200
        yield program
    finally:
        program.stop()


@pytest.fixture(scope='module')
def feed(control_room: SynapseUnderTest) -> str:
    with control_room.api as api:
        return str(api.post('/scheduler/feed').json()['url'])


@pytest.fixture(scope='module')
def fires(control_room: SynapseUnderTest, nights: Nights) -> Fires:
    """What the control room says will fire, by the titles of the events."""
    found: Fires = set()
    with control_room.api as api:
        for start, end in nights.spans:
            listed = api.get('/scheduler/list', params={'start': start.isoformat(), 'end': end.isoformat()}).json()
            titles = {event['id']: event['title'] for event in listed['events']}
            found |= {(titles[one['event_id']], datetime.fromisoformat(one['due'])) for one in listed['occurrences']}
    assert {title for title, _ in found} == {draft['title'] for draft in drafts(nights)}
    return found


@pytest.fixture(scope='module')
def seen(feed: str, nights: Nights) -> list[dict[str, Found]]:
    """What the libraries see in each span."""
    text = httpx.get(feed).text
    return [by_all([text], start, end)[0] for start, end in nights.spans]


@pytest.mark.parametrize('reader', READERS)
def test_libraries_see_the_instants_that_fire(
    reader: str, seen: list[dict[str, Found]], nights: Nights, fires: Fires
) -> None:
    for (start, end), found in zip(nights.spans, seen, strict=True):
        assert found[reader] == sorted({at for _, at in fires if start <= at < end})


def test_khal_shows_what_vdirsyncer_has_fetched_when_it_fires(
    feed: str, nights: Nights, fires: Fires, tmp_path: Path
) -> None:
    (tmp_path / 'vdirsyncer').write_text(
        f"""[general]
status_path = "{tmp_path}/status"
[pair feed]
a = "synapse"
b = "here"
collections = null
conflict_resolution = "a wins"
[storage synapse]
type = "http"
url = "{feed}"
[storage here]
type = "filesystem"
path = "{tmp_path}/calendar"
fileext = ".ics"
"""
    )
    (tmp_path / 'khal').write_text(
        f"""[calendars]
[[synapse]]
path = {tmp_path}/calendar
[locale]
local_timezone = UTC
default_timezone = UTC
timeformat = %H:%M
dateformat = %Y-%m-%d
longdateformat = %Y-%m-%d
datetimeformat = %Y-%m-%d %H:%M
longdatetimeformat = %Y-%m-%d %H:%M
[sqlite]
path = {tmp_path}/khal.db
"""
    )
    ran('vdirsyncer', '--config', tmp_path / 'vdirsyncer', 'discover')
    ran('vdirsyncer', '--config', tmp_path / 'vdirsyncer', 'sync')

    shown: Fires = set()
    for start, end in nights.spans:
        options = ['--json', 'title', '--json', 'start-long-full', f'{start:%Y-%m-%d}', f'{end - DAY:%Y-%m-%d}']
        for line in ran('khal', '--config', tmp_path / 'khal', 'list', *options).splitlines():
            for one in json.loads(line):
                at = datetime.strptime(one['start-long-full'], '%Y-%m-%d %H:%M').replace(tzinfo=UTC)
                if start <= at < end:  # what began on the evening before is shown, too
                    shown.add((one['title'], at))

    assert shown == fires


def ran(program: str, *arguments: object) -> str:
    """Run a program of the readers' environment to its end, and return its output."""
    command = [str(python_readers() / 'bin' / program), *map(str, arguments)]
    environment = {**os.environ, 'PYTHONTZPATH': '', 'PYTHONPATH': ''}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
