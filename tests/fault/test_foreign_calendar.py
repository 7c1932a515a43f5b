"""A stranger's calendar file in the real program: what it would run does not run until a person allows it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.parts.harness import SynapseUnderTest, wait_until

ICS = {'Content-Type': 'text/calendar'}
SECONDS_AHEAD = 3
"""How far ahead the events of a file are, so that they are due right after the import."""


def lunch(touched: Path, at: datetime) -> bytes:
    """A file with a harmless title that creates a file if it is run."""
    command = json.dumps({'command': ['touch', str(touched)]}).replace(',', r'\,')
    lines = ['BEGIN:VCALENDAR', 'VERSION:2.0', 'BEGIN:VEVENT', 'UID:lunch@stranger', 'SUMMARY:Team lunch']
    lines += [f'DTSTART:{at:%Y%m%dT%H%M%SZ}', 'X-SYNAPSE-PIPELINE:RunCommand', f'X-SYNAPSE-PARAMETERS:{command}']
    return '\r\n'.join([*lines, 'END:VEVENT', 'END:VCALENDAR', '']).encode()


def soon() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=SECONDS_AHEAD)


def runs_of(api: httpx.Client) -> list[dict[str, Any]]:
    return list(api.get('/runs').json()['runs'])


def plan(api: httpx.Client, at: datetime, **values: Any) -> str:
    start = at.replace(tzinfo=None).isoformat()
    response = api.post('/scheduler/create', json={'start': start, 'timezone': 'UTC', **values})
    assert response.status_code == 201, response.text
    return str(response.json()['id'])


def wait_for_run_of(api: httpx.Client, event_id: str, *states: str) -> None:
    wait_until(
        lambda: any(run['event_id'] == event_id and run['state'] in states for run in runs_of(api)),
        timeout=30,
        what=lambda: str(runs_of(api)),
    )


def test_what_a_strangers_file_wants_to_run_does_not_run_when_it_is_due(
    program: SynapseUnderTest, tmp_path: Path
) -> None:
    at, touched = soon(), tmp_path / 'touched'
    with program.api as api:
        imported = api.post('/scheduler/import', content=lunch(touched, at), headers=ICS).json()
        own = plan(api, at + timedelta(seconds=1), pipeline='RunCommand', parameters={'command': ['true']})

        wait_for_run_of(api, own, 'succeeded')

        (id,) = imported['disabled']
        assert [run['event_id'] for run in runs_of(api)] == [own]
        occurrences = api.get('/scheduler/list').json()['occurrences']
        assert [item['event_id'] for item in occurrences] == [own]
        assert api.get(f'/scheduler/{id}').json()['enabled'] is False
        assert not touched.exists()


def test_what_the_token_vouches_for_runs_when_it_is_due(program: SynapseUnderTest, tmp_path: Path) -> None:
    touched = tmp_path / 'touched'
    with program.api as api:
        imported = api.post('/scheduler/import?trust=true', content=lunch(touched, soon()), headers=ICS).json()

        (id,) = imported['created']
        wait_for_run_of(api, id, 'succeeded')

    assert imported['disabled'] == []
    assert touched.exists()


def test_a_strangers_file_does_not_let_a_run_of_an_own_event_be_tried_again(
    program: SynapseUnderTest, tmp_path: Path
) -> None:
    """Retries are runs too, and the file wants nine of them."""
    gate = tmp_path / 'gate'
    script = f'while [ ! -e "{gate}" ]; do sleep 0.05; done; false'
    with program.api as api:
        parameters = {'command': ['sh', '-c', script]}
        own = plan(api, soon(), pipeline='RunCommand', parameters=parameters, rrule='FREQ=HOURLY')
        wait_for_run_of(api, own, 'running')
        text = api.get('/scheduler/calendar.ics').text.replace('\r\n ', '')
        text = text.replace('"attempts": 0', '"attempts": 9').replace('"delay_seconds": 300', '"delay_seconds": 0')

        changed = api.post('/scheduler/import', content=text, headers=ICS).json()
        gate.touch()
        wait_for_run_of(api, own, 'failed')
        after = plan(api, soon(), pipeline='RunCommand', parameters={'command': ['true']})
        wait_for_run_of(api, after, 'succeeded')

        assert changed['disabled'] == [own]
        assert len([run for run in runs_of(api) if run['event_id'] == own]) == 1
