"""A retry says what it keeps, saves and finds changed; every attempt is there afterwards, with its error and lines."""

from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from storage.pruned_runs import PrunedRuns
from synapse.catalog.catalog import PipelinesChanged
from synapse.control_room import ControlRoom
from synapse.records import now_utc
from synapse.runs.comparison.changes import ChangeKind
from synapse.runs.ending import Ending, outcome
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord, RunState
from synapse.runs.starting.retrying import RetryPlan
from tests.parts.scripted import House, opened
from tests.synapse.runs.test_runs import room_in, until

BAKES = """
import time
from pathlib import Path
from synapse import Pipeline, Run, StepFailed, step
from oven import HEAT

class Bakes(Pipeline):
    recipe: Path
    oven_works: bool = False
    dough: str = ''

    @step
    def knead(self, run: Run):
        self.dough = self.recipe.read_text()
        (run.workdir / 'dough.txt').write_text(self.dough)
        run.artifact(run.workdir / 'dough.txt')
        time.sleep(0.05)

    @step(retries=2, backoff=0)
    def bake(self, run: Run):
        print('baking', run.attempt)
        if not self.oven_works:
            raise StepFailed(f'The oven is cold, try {run.attempt}.')

    @step
    def serve(self, run: Run):
        run.log.info(self.dough)
"""


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    folder = tmp_path / 'data' / 'pipelines'
    folder.mkdir(parents=True)
    (folder / 'bakes.py').write_text(BAKES)
    (folder / 'oven.py').write_text('HEAT = 200\n')
    (tmp_path / 'recipe.txt').write_text('flour')
    async with room_in(tmp_path / 'data') as room:
        yield room


async def failed(room: ControlRoom, folder: Path) -> RunRecord:
    run = await room.runs.create('Bakes', {'recipe': str(folder / 'recipe.txt')}, profile='default')
    ended = await until(room, run.id)
    assert ended.state is RunState.FAILED
    return ended


async def planned(room: ControlRoom, run: RunRecord, from_step: str | None = 'bake') -> RetryPlan:
    return await room.runs.retries.plan(run, from_step)


# Before it starts


async def test_a_plan_says_what_is_kept_and_saved_and_starts_nothing(room: ControlRoom, tmp_path: Path) -> None:
    run = await failed(room, tmp_path)

    plan = await planned(room, run)

    assert plan.is_possible
    assert [step.name for step in plan.kept_steps] == ['knead']
    assert plan.runs == ('bake', 'serve')
    assert 0.05 <= plan.saves_seconds == plan.kept_steps[0].seconds
    assert [(file.name, file.size) for file in plan.kept_files] == [('dough.txt', 5)]
    assert (plan.kept_count, plan.kept_bytes) == (2, 10)
    assert (plan.changes, plan.unknown) == ((), ())
    assert [(step.name, step.is_possible) for step in plan.steps] == [('knead', True), ('bake', True), ('serve', False)]
    assert len(await room.runs.page()) == 1


async def test_what_has_changed_is_told_before_a_retry_and_in_its_log(room: ControlRoom, tmp_path: Path) -> None:
    run = await failed(room, tmp_path)
    (tmp_path / 'recipe.txt').write_text('flour and water')
    (tmp_path / 'data' / 'pipelines' / 'oven.py').write_text('HEAT = 250\n')
    await room.profiles.update('default', {'destination': str(tmp_path / 'elsewhere')})

    plan = await planned(room, run)
    again = await until(room, (await room.runs.retry(run.id, from_step='bake', parameters={'oven_works': True})).id)

    expected = [
        'recipe.txt has another size: 5 B → 15 B',
        'The destination of profile default was changed',
        'oven.py was changed',
    ]
    assert [change.text for change in plan.changes] == expected
    assert {change.kind for change in plan.changes} == {ChangeKind.INPUT, ChangeKind.PROFILE, ChangeKind.CODE}
    assert again.state is RunState.SUCCEEDED
    told = [entry for entry in await room.log.query(run=again.id) if entry.message.startswith('Changed since #1')]
    assert [entry.message for entry in told] == [f'Changed since #1: oven_works: no → yes; {"; ".join(expected)}']
    assert told[0].level == 'warning'
    assert 'flour' in [entry.message for entry in await room.log.query(run=again.id)]  # as it was kneaded then


async def test_a_step_from_which_no_retry_is_possible_says_why(room: ControlRoom, tmp_path: Path) -> None:
    run = await failed(room, tmp_path)

    after_failed = await planned(room, run, 'serve')
    room.runs.folder_of(run.id).rename(tmp_path / 'gone')
    without_folder = await planned(room, run)
    from_start = await planned(room, run, None)

    assert after_failed.reason == 'BAKE of run #1 has not succeeded, so it cannot start from a later step.'
    assert after_failed.hint == 'Retry from BAKE, or from the start.'
    assert without_folder.reason == 'The folder of run #1 is gone, with what its steps had made.'
    assert without_folder.hint == 'Retry it from its start.'
    assert (after_failed.is_possible, without_folder.is_possible) == (False, False)
    assert from_start.is_possible


async def test_renamed_steps_are_named_as_the_reason(room: ControlRoom, tmp_path: Path) -> None:
    run = await failed(room, tmp_path)
    (tmp_path / 'data' / 'pipelines' / 'bakes.py').write_text(BAKES.replace('def knead', 'def mix'))
    while room.catalog.get('Bakes').steps[0]['name'] != 'mix':
        await room.bus.next(PipelinesChanged, timeout=20)

    plan = await planned(room, run)

    assert plan.reason == 'Run #1 had no step MIX: the steps of Bakes were changed since.'
    assert 'bakes.py was changed' in [change.text for change in plan.changes]


async def test_what_a_step_had_made_but_could_not_save_is_not_made_up(room: ControlRoom, tmp_path: Path) -> None:
    run = await failed(room, tmp_path)
    checkpoint = room.runs.folder_of(run.id) / 'checkpoint.json'
    checkpoint.write_text(checkpoint.read_text().replace('"done": ["knead"]', '"done": []'))

    plan = await planned(room, run)

    assert plan.reason == 'What KNEAD of run #1 had made could not be saved.'


async def test_an_input_that_is_gone_is_the_reason(room: ControlRoom, tmp_path: Path) -> None:
    run = await failed(room, tmp_path)
    (tmp_path / 'recipe.txt').unlink()

    plan = await planned(room, run, None)

    assert not plan.is_possible
    assert plan.fields == {'recipe': f'There is no file at {tmp_path / "recipe.txt"}.'}
    assert [change.text for change in plan.changes] == ['recipe.txt is gone']


# Attempts


async def test_each_call_of_a_step_has_its_error_and_its_lines(room: ControlRoom, tmp_path: Path) -> None:
    run = await failed(room, tmp_path)

    knead, bake, serve = run.steps
    assert (knead.attempts, serve.attempts) == ((), ())
    assert [item.error and item.error.message for item in bake.attempts] == [
        f'The oven is cold, try {number}.' for number in (1, 2, 3)
    ]
    assert all(one.finished_at and one.finished_at <= two.started_at for one, two in pairwise(bake.attempts))
    for attempt in bake.attempts:
        assert attempt.last_seq is not None
        entries = await room.log.query(
            run=run.id, step='bake', after=attempt.after_seq, before=attempt.last_seq + 1, limit=100
        )
        printed = [entry.message for entry in entries if entry.message.startswith('baking')]
        assert printed == [f'baking {attempt.attempt}']


async def test_the_retries_of_a_run_are_a_chain_in_which_removed_ones_stay(room: ControlRoom, tmp_path: Path) -> None:
    first = await failed(room, tmp_path)
    second = await until(room, (await room.runs.retry(first.id, from_step='bake')).id)
    third = await until(room, (await room.runs.retry(second.id, parameters={'oven_works': True})).id)
    PrunedRuns(room.runs._store).prune([first.id], at=now_utc())

    chains = [await room.runs.retries.chain(run) for run in (second, third)]

    assert chains[0] == chains[1]
    assert [(item.number, item.state, item.from_step, item.step, item.is_removed) for item in chains[0]] == [
        (1, RunState.FAILED, None, None, True),
        (2, RunState.FAILED, 'bake', 'bake', False),
        (3, RunState.SUCCEEDED, None, None, False),
    ]


# A run whose steps have all succeeded


@pytest.mark.parametrize('how', [{'is_closing': True, 'is_stopping': True}, {'signal': 'SIGKILL', 'returncode': -9}])
def test_a_run_whose_steps_have_all_succeeded_has_succeeded(how: dict[str, object]) -> None:
    done = outcome(Ending(is_all_done=True, **how))  # type: ignore[arg-type]
    not_done = outcome(Ending(**how))  # type: ignore[arg-type]

    assert done == (RunState.SUCCEEDED, None)
    assert not_done[0] in (RunState.INTERRUPTED, RunState.FAILED)


async def test_a_run_that_had_only_to_say_so_when_synapse_closed_has_succeeded(tmp_path: Path) -> None:
    async with opened(tmp_path / 'data') as house:
        run = await house.runs.create('Work', {})
        host = await house.engine.next_host()
        for name in ('one', 'two', 'three'):
            host.say(t='step', name=name, state='running')
            host.say(t='step', name=name, state='succeeded')
        await _until_all_done(house, run.id)
        await house.runs.stop(grace=0)

        assert (await house.runs.get(run.id)).state is RunState.SUCCEEDED


async def _until_all_done(house: House, id: str) -> None:
    if not (await house.runs.get(id)).is_all_done:
        await house.bus.next(RunChanged, timeout=20, where=lambda message: message.run.is_all_done)
