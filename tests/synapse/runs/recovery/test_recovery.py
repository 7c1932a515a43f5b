"""How runs of the last start end: by what their hosts had left, however damaged, and by what still lives."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from synapse.alerts.watch import incident_of_leftovers
from synapse.engine.leftovers import Leftover
from synapse.runs.messages import LeftoversFound
from synapse.runs.records import RunState, StepState
from synapse.runs.recovery.recovery import aftermath_of
from tests.parts.run_records import NOW, a_run, a_step
from tests.parts.scripted import House

LATER = NOW + timedelta(minutes=5)
LIVE = a_run(
    RunState.RUNNING,
    a_step('one', 'running').changed(finished_at=None, attempt=1),
    a_step('two', 'pending'),
    started_at=NOW,
)


def moved(name: str, state: str) -> dict[str, Any]:
    return {'t': 'step', 'name': name, 'state': state, 'attempt': 1, 'at': NOW.isoformat(), 'error': None}


ALL_DONE = [moved('one', 'succeeded'), moved('two', 'running'), moved('two', 'succeeded')]


@pytest.mark.parametrize(
    ('left', 'state'),
    [
        ({}, RunState.INTERRUPTED),
        ({'end': {'state': 'succeeded'}}, RunState.SUCCEEDED),
        ({'end': {'state': 'failed'}}, RunState.FAILED),
        ({'end': {'state': 'cancelled'}}, RunState.INTERRUPTED),
        ({'reports': ALL_DONE}, RunState.SUCCEEDED),
        ({'done': ['one', 'two'], 'saved_at': NOW}, RunState.SUCCEEDED),
        ({'done': ['one'], 'saved_at': NOW}, RunState.INTERRUPTED),
        (
            {'reports': [7, {}, {'t': 'step'}, {'t': 'artifact', 'name': 3}], 'end': 'x', 'done': []},
            RunState.INTERRUPTED,
        ),
    ],
)
def test_a_run_ends_as_far_as_its_host_had_come(left: dict[str, Any], state: RunState) -> None:
    assert aftermath_of(LIVE, left, LATER).state is state


def test_a_step_of_the_last_checkpoint_has_succeeded_when_that_was_saved() -> None:
    one, two = aftermath_of(LIVE, {'done': ['one'], 'saved_at': NOW + timedelta(seconds=9)}, LATER).run.steps

    assert one.state is StepState.SUCCEEDED
    assert one.finished_at == NOW + timedelta(seconds=9)
    assert two.state is StepState.PENDING


async def test_a_program_that_could_not_be_ended_is_named_before_a_retry_is_offered(tmp_path: Path) -> None:
    house = House(tmp_path / 'data')
    house.store.create(LIVE.as_json())
    found: list[LeftoversFound] = []
    house.bus.subscribe(LeftoversFound, found.append)
    await house.log.start()

    await house.runs.start(
        [Leftover(4711, 'ffmpeg -i a.mov', LIVE.id), Leftover(12, 'sleep 9', LIVE.id, is_ended=True)]
    )

    run = await house.runs.get(LIVE.id)
    assert run.error is not None
    assert run.error.hint == 'End ffmpeg -i a.mov (pid 4711) first, which could not be ended. Retry it.'
    incident = incident_of_leftovers(found[0])
    assert incident.title == 'A program of run #1 still works'
    assert incident.text.endswith('Before you retry, end it in a terminal: sudo kill -9 4711')
    messages = [entry.message for entry in house.log.ring]
    assert 'Ended 1 program that run #1 had left alive: sleep 9 (pid 12)' in messages
    assert 'Could not end 1 program that run #1 had left alive: ffmpeg -i a.mov (pid 4711)' in messages
    await house.runs.stop(grace=0)
    await house.log.stop()
    house.store.close()
