"""In whatever order messages arrive, states only move along their arrows, end once, and are saved before published."""

import asyncio
import contextlib
import tempfile
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synapse.errors import Conflict
from synapse.records import Problem
from synapse.runs import transitions
from synapse.runs.ending import Ending, outcome
from synapse.runs.messages import RunChanged
from synapse.runs.records import RUN_ARROWS, STEP_ARROWS, Answer, RunRecord, RunState, StepRun, StepState
from tests.parts.scripted import KeptStates, ScriptedHost, opened

NOW = datetime(2026, 10, 14, 12, tzinfo=UTC)
STEPS = ('one', 'two', 'three')
ODD = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just({}))

step_messages = st.fixed_dictionaries(
    {
        't': st.just('step'),
        'name': st.sampled_from([*STEPS, 'unknown']),
        'state': st.sampled_from([*map(str, StepState), 'odd']),
    },
    optional={'attempt': st.one_of(st.integers(-1, 4), ODD), 'error': st.one_of(ODD, st.just({'message': 'no'}))},
)
progress_messages = st.fixed_dictionaries(
    {'t': st.just('progress'), 'step': st.sampled_from(STEPS), 'percent': st.one_of(st.floats(), ODD)},
    optional={'note': ODD},
)
other_messages = st.one_of(
    st.builds(lambda kind: {'t': kind}, st.sampled_from(['paused', 'resumed', 'hello', 'odd'])),
    st.builds(lambda names: {'t': 'steps', 'names': names}, st.lists(st.sampled_from([*STEPS, 'four']), max_size=5)),
    st.builds(lambda name: {'t': 'artifact', 'name': name, 'size': 1}, st.one_of(ODD, st.just('a.mp4'))),
    st.builds(lambda state: {'t': 'end', 'state': state}, st.sampled_from([*map(str, RunState), 'odd'])),
    st.fixed_dictionaries(
        {'t': st.just('question'), 'id': st.sampled_from(['q1', 'q2']), 'text': st.one_of(ODD, st.just('Go on?'))},
        optional={'step': st.one_of(ODD, st.just('one')), 'timeout': ODD, 'choices': ODD, 'schema': ODD},
    ),
    st.builds(
        lambda id, is_held: {'t': 'answer', 'id': id, 'is_held': is_held}, st.sampled_from(['q1', 'q2']), st.booleans()
    ),
    st.builds(lambda entries: {'t': 'logs', 'e': entries}, st.lists(st.lists(ODD, max_size=7), max_size=3)),
)
messages = st.one_of(step_messages, progress_messages, other_messages)


def queued() -> RunRecord:
    steps = tuple(StepRun(name=name) for name in STEPS)
    return RunRecord(id='r', number=1, pipeline='Work', parameters={}, steps=steps, created_at=NOW)


def applied(run: RunRecord, news: Any) -> RunRecord:
    if isinstance(news, RunState):
        return transitions.ended(run, news, NOW) if news.is_final else transitions.started(run, NOW)
    kind = news['t']
    if kind == 'step':
        return transitions.step_reported(run, news, NOW)
    if kind == 'progress':
        return transitions.progressed(run, news, NOW)
    if kind == 'steps':
        return transitions.steps_named(run, news['names'])
    if kind == 'artifact':
        return transitions.artifact_kept(run, news)
    if kind == 'question':
        question = transitions.question_from(news, NOW)
        return transitions.asked(run, question, NOW) if question is not None else run
    if kind == 'answer':
        given = {'step': None, 'text': 'Go on?', 'answer': 'yes', 'by': 'the token', 'answered_at': NOW}
        return transitions.answered(run, Answer(id=news['id'], **given), is_held=news['is_held'])
    if kind == 'paused':
        return transitions.paused(run, NOW)
    return transitions.resumed(run, NOW) if kind == 'resumed' else run


def assert_arrow(before: RunRecord, after: RunRecord) -> None:
    assert before.state == after.state or after.state in RUN_ARROWS[before.state]
    earlier = {step.name: step for step in before.steps}
    for step in after.steps:
        was = earlier.get(step.name, StepRun(name=step.name))
        assert was.state == step.state or step.state in STEP_ARROWS[was.state]
        assert 0 <= step.progress <= 100
    dropped = set(earlier) - {step.name for step in after.steps}
    assert all(earlier[name].state is StepState.PENDING for name in dropped)


@given(news=st.lists(st.one_of(st.sampled_from(list(RunState)), messages), max_size=30))
def test_no_rule_ever_leaves_the_arrows(news: list[Any]) -> None:
    run = queued()

    for item in news:
        before, run = run, applied(run, item)
        assert_arrow(before, run)
        assert not before.state.is_final or run == before
        assert run.question is None or (run.state is RunState.PAUSED and run.is_waiting)
        assert not run.is_waiting or run.state is RunState.PAUSED
        assert run.answers[: len(before.answers)] == before.answers


@given(news=st.lists(messages, max_size=20), state=st.sampled_from([state for state in RunState if state.is_final]))
def test_an_ended_run_has_no_step_that_could_still_move(news: list[Any], state: RunState) -> None:
    run = transitions.started(queued(), NOW)
    for item in news:
        run = applied(run, item)

    ended = transitions.ended(run, state, NOW)

    assert ended.state is state
    assert all(step.state.is_final for step in ended.steps)
    assert RunRecord.model_validate_json(ended.model_dump_json()) == ended


@given(
    reported=st.sampled_from([None, RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED]),
    returncode=st.sampled_from([0, 1, 3, -9, -11]),
    stopping=st.booleans(),
    closing=st.booleans(),
    fault=st.sampled_from(['', 'It stopped talking.']),
)
def test_every_way_to_end_leads_to_one_final_state_and_a_failure_has_a_reason(
    reported: RunState | None, returncode: int, stopping: bool, closing: bool, fault: str
) -> None:
    signal = 'SIGSEGV' if returncode < 0 else None
    ending = Ending(
        reported=reported, returncode=returncode, signal=signal, is_stopping=stopping, is_closing=closing, fault=fault
    )

    state, problem = outcome(ending)

    assert state.is_final
    assert (problem is not None) == (state in (RunState.FAILED, RunState.INTERRUPTED))
    assert state is not RunState.SUCCEEDED or reported is RunState.SUCCEEDED


def test_a_crash_is_named_by_its_signal() -> None:
    _, problem = outcome(Ending(returncode=-11, signal='SIGSEGV'))

    assert problem is not None
    assert problem.message == 'The process of this run was killed by SIGSEGV (11).'
    assert problem.type == 'signal'
    assert problem.hint


def test_steps_after_a_failed_one_are_skipped_and_say_why() -> None:
    run = transitions.started(queued(), NOW)
    for message in (
        {'name': 'one', 'state': 'running'},
        {'name': 'one', 'state': 'failed', 'error': {'message': 'no'}},
    ):
        run = transitions.step_reported(run, message, NOW)

    ended = transitions.ended(run, RunState.FAILED, NOW, error=Problem(message='no'))

    assert [str(step.state) for step in ended.steps] == ['failed', 'skipped', 'skipped']
    assert [step.note for step in ended.steps] == ['', 'ONE failed', 'ONE failed']


def test_the_running_step_of_a_cancelled_run_is_cancelled_and_later_ones_are_skipped() -> None:
    run = transitions.step_reported(transitions.started(queued(), NOW), {'name': 'one', 'state': 'running'}, NOW)

    ended = transitions.ended(run, RunState.CANCELLED, NOW)

    assert [str(step.state) for step in ended.steps] == ['cancelled', 'skipped', 'skipped']
    assert ended.steps[1].note == 'ONE was cancelled'


def test_a_second_attempt_changes_no_state_but_is_counted() -> None:
    run = transitions.started(queued(), NOW)
    run = transitions.step_reported(run, {'name': 'one', 'state': 'running', 'attempt': 1}, NOW)
    run = transitions.progressed(run, {'step': 'one', 'percent': 40, 'note': 'near'}, NOW)

    run = transitions.step_reported(run, {'name': 'one', 'state': 'running', 'attempt': 2}, NOW)

    assert (run.steps[0].attempt, run.steps[0].progress) == (2, 0.0)
    assert run.steps[0].pace is None


actions = st.lists(
    st.one_of(
        messages.map(lambda message: ('say', message)),
        st.sampled_from([('cancel', False), ('cancel', True), ('pause', None), ('resume', None), ('stop all', None)]),
        st.sampled_from([('turn', 1), ('turn', 3), ('turn', 20)]),
        st.sampled_from([0, 1, -9, -11]).map(lambda code: ('exit', code)),
    ),
    max_size=15,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions=actions, before_start=st.sampled_from([None, 'cancel', 'pause']))
def test_a_run_ends_once_and_each_state_is_saved_before_it_is_published(
    actions: list[tuple[str, Any]], before_start: str | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(live_through(Path(folder), actions, before_start))


async def live_through(folder: Path, actions: list[tuple[str, Any]], before_start: str | None) -> None:
    async with opened(folder / 'data') as house:
        shown: list[RunRecord] = []

        def see(message: RunChanged) -> None:
            assert isinstance(house.store, KeptStates)
            assert (message.run.id, str(message.run.state)) in house.store.kept
            shown.append(message.run)

        house.bus.subscribe(RunChanged, see)
        over = asyncio.create_task(house.bus.next(RunChanged, timeout=20, where=lambda news: news.run.state.is_final))
        await asyncio.sleep(0)
        run = await house.runs.create('Work', {})
        if before_start:
            with contextlib.suppress(Conflict):
                await getattr(house.runs, before_start)(run.id)
        asked: list[asyncio.Task[None]] = []
        if not over.done() and before_start != 'cancel':
            host = await house.engine.next_host()
            for kind, value in actions:
                await perform(house, host, run.id, kind, value, asked)
            host.exit(0)
        await over
        await asyncio.gather(*asked)
        await asyncio.sleep(0)

        assert [record.state.is_final for record in shown].count(True) == 1
        assert shown[0].state is RunState.QUEUED
        for before, after in pairwise(shown):
            assert_arrow(before, after)
        assert (await house.runs.get(run.id)).state == shown[-1].state
        assert not shown[-1].is_stopping
        assert not shown[-1].is_pausing
        assert house.status.busy_workers == 0


async def perform(
    house: Any, host: ScriptedHost, run_id: str, kind: str, value: Any, asked: list[asyncio.Task[None]]
) -> None:
    if kind == 'say':
        host.say(**value)
    elif kind == 'exit':
        host.exit(value)
    elif kind == 'turn':
        for _ in range(value):
            await asyncio.sleep(0)
    else:
        asked.append(asyncio.create_task(act(house, run_id, kind, value)))


async def act(house: Any, run_id: str, kind: str, value: Any) -> None:
    with contextlib.suppress(Conflict):
        if kind == 'cancel':
            await house.runs.cancel(run_id, now=value)
        elif kind == 'stop all':
            await house.runs.stop_everything()
        else:
            await getattr(house.runs, kind)(run_id)


def test_a_reason_that_is_found_last_is_the_reason_of_the_step_too() -> None:
    known = Problem(message='ls ended with exit code 2.', type='StepFailed', program='ls', exit_code=2)
    found = known.changed(message='ls ended with exit code 2: no disk', reason='no disk', seq=7)
    step = StepRun(name='two', state=StepState.FAILED, error=known)
    run = transitions.started(RunRecord(id='r', number=1, pipeline='P', parameters={}, created_at=NOW), NOW)

    ended = transitions.ended(run.changed(steps=(step,)), RunState.FAILED, NOW, error=found)
    other = transitions.ended(run.changed(steps=(step,)), RunState.FAILED, NOW, error=found.changed(program='cp'))

    assert (ended.steps[0].error, other.steps[0].error) == (found, known)
