"""What the demo leaves was lived: a control room that opens it finds nothing that could not have happened."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest


@pytest.fixture(scope='module')
def program(demo: Path) -> Iterator[SynapseUnderTest]:
    program = forked(demo).start()
    yield program
    program.stop()


def asked(program: SynapseUnderTest, path: str, **query: Any) -> Any:
    with program.api as api:
        return api.get(path, params=query).raise_for_status().json()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_runs_of_each_end_are_spread_over_the_days(program: SynapseUnderTest) -> None:
    runs = asked(program, '/runs', limit=500)['runs']

    assert {run['state'] for run in runs} == {'succeeded', 'failed', 'cancelled'}
    assert len({moment(run['created_at']).date() for run in runs}) >= 2
    assert [run['number'] for run in runs] == sorted((run['number'] for run in runs), reverse=True)


def test_a_run_and_its_steps_and_lines_have_one_time(program: SynapseUnderTest) -> None:
    runs = asked(program, '/runs', limit=500)['runs']

    for run in runs:
        began, ended = moment(run['created_at']), moment(run['finished_at'])
        assert began <= moment(run['started_at']) <= ended <= datetime.now(UTC)
        assert ended - began < timedelta(minutes=2)
        steps = [moment(step[name]) for step in run['steps'] for name in ('started_at', 'finished_at') if step[name]]
        lines = [moment(entry['timestamp']) for entry in asked(program, f'/runs/{run["id"]}/logs')['entries']]
        slack = timedelta(seconds=1)
        assert all(began - slack <= at <= ended + slack for at in [*steps, *lines])


def test_the_log_is_long_and_never_goes_back(program: SynapseUnderTest) -> None:
    entries = asked(program, '/logs', limit=1000)['entries']
    moments = [moment(entry['timestamp']) for entry in reversed(entries)]

    assert len(entries) > 200
    assert max(moments) <= datetime.now(UTC)
    assert all(later - sooner > timedelta(seconds=-1) for sooner, later in pairwise(moments))


def test_the_calendar_has_fired_and_missed(program: SynapseUnderTest) -> None:
    now = datetime.now(UTC)
    span = {'start': (now - timedelta(days=4)).isoformat(), 'end': now.isoformat()}
    occurrences = asked(program, '/scheduler/list', **span)['occurrences']

    on_time = [item for item in occurrences if item['state'] == 'fired' and item['late_seconds'] < 60]
    late = [item for item in occurrences if item['state'] == 'fired' and item['late_seconds'] >= 60]
    missed = [item for item in occurrences if item['state'] == 'missed']
    assert len(on_time) >= 4
    assert len(missed) == 1
    assert len(late) == (2 if (now - timedelta(days=1)).weekday() == 6 else 1)  # an event of Sundays is due that night
    assert {item['reason'].split('.')[0] for item in [*late, *missed]} == {'This machine was asleep'}
    assert all(item['state'] != 'pending' for item in occurrences)


def test_a_failed_run_was_tried_again_once_its_cause_was_gone(program: SynapseUnderTest) -> None:
    runs = {run['id']: run for run in asked(program, '/runs', pipeline='CheckLinks')['runs']}
    again = next(run for run in runs.values() if run['retry_of'])

    assert again['state'] == 'succeeded'
    assert runs[again['retry_of']]['state'] == 'failed'


def test_nobody_but_its_owner_may_read_it(demo: Path) -> None:
    assert demo.stat().st_mode & 0o077 == 0
    assert (demo / 'home').stat().st_mode & 0o077 == 0
