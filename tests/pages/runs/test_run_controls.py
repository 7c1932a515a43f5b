"""The buttons of a run: which ones its state offers, and what a press does to it."""

from typing import Any

import pytest

from pages.runs.run_controls import RunControls, StatePill, buttons_of
from synapse.runs.records import Question, RunRecord, RunState
from tests.parts.run_records import NOW, a_run
from tests.parts.screens import Stage, drawn, fire, is_shown, staged, text_of

QUESTION = Question(id='q1', step='one', text='Publish it?', asked_at=NOW)


@pytest.mark.parametrize(
    ('state', 'values', 'offered'),
    [
        (RunState.QUEUED, {}, {'leave'}),
        (RunState.RUNNING, {}, {'pause', 'later', 'stop'}),
        (RunState.RUNNING, {'is_pausing': True}, {'pause', 'stop'}),
        (RunState.PAUSED, {}, {'resume', 'stop'}),
        (RunState.RUNNING, {'is_stopping': True}, {'force'}),
        (RunState.PAUSED, {'is_stopping': True}, {'force'}),
        (RunState.SUCCEEDED, {}, set()),
        (RunState.CANCELLED, {'is_stopping': True}, set()),
        (RunState.PAUSED, {'question': QUESTION, 'is_waiting': True}, {'stop'}),
        (RunState.PAUSED, {'question': QUESTION, 'is_waiting': True, 'is_pausing': True}, {'release', 'stop'}),
        (RunState.PAUSED, {'is_waiting': True}, {'stop'}),
    ],
)
def test_a_state_offers_what_can_be_done_in_it(state: RunState, values: dict[str, Any], offered: set[str]) -> None:
    assert buttons_of(a_run(state, **values)) == offered


@pytest.mark.parametrize('state', RunState)
def test_what_can_be_stopped_can_be_stopped_by_a_button(state: RunState) -> None:
    run = a_run(state)

    assert run.is_cancellable == bool(buttons_of(run) & {'stop', 'leave'})
    assert run.is_pausable == ('pause' in buttons_of(run))
    assert run.is_resumable == ('resume' in buttons_of(run))


def controls(stage: Stage, run: RunRecord) -> RunControls:
    return stage.screen.draw(lambda: RunControls(stage.room, stage.last.get(run.id, run)))


def offered(stage: Stage) -> list[str]:
    return [text_of(item) for item in stage.screen.all(tag='button') if is_shown(item)]


async def test_a_pause_under_way_is_taken_back_by_the_same_button() -> None:
    async with staged() as stage:
        run = await stage.run()
        shown = controls(stage, run)

        await fire(stage.screen.button('Pause'))
        shown.show(stage.last[run.id])
        assert offered(stage) == ['Pausing', 'Stop now']
        await fire(stage.screen.button('Pausing'))

        assert not stage.last[run.id].is_pausing
        assert stage.hosts[run.id].sent == ['pause', 'resume']


async def test_a_paused_run_is_resumed() -> None:
    async with staged() as stage:
        run = await stage.run()
        await stage.room.runs.pause(run.id)
        stage.hosts[run.id].say(t='paused')
        await stage.until(lambda: stage.state_of(run) is RunState.PAUSED)
        controls(stage, run)

        assert offered(stage) == ['Resume', 'Stop now']
        await fire(stage.screen.button('Resume'))

        assert stage.hosts[run.id].sent[-1] == 'resume'


async def test_a_waiting_run_leaves_the_queue_without_a_question() -> None:
    async with staged(workers=1) as stage:
        await stage.run()
        waiting = await stage.run()
        controls(stage, waiting)

        await fire(stage.screen.button('Remove from the queue'))

        assert stage.state_of(waiting) is RunState.CANCELLED
        assert stage.room.runs.waiting() == []


async def test_what_cannot_be_done_any_more_is_a_notice_with_the_reason() -> None:
    async with staged() as stage:
        run = await stage.run()
        controls(stage, run)
        await stage.end(run)

        await fire(stage.screen.button('Pause'))

        (notice,) = stage.screen.notices
        assert '#1' in notice


async def test_a_pill_says_the_state_or_what_it_is_told() -> None:
    with drawn() as screen:
        pill = screen.draw(StatePill)
        pill.show(a_run(RunState.RUNNING, is_pausing=True))
        assert text_of(pill) == 'Pausing'
        assert 'st-paused' in pill.classes

        pill.show(a_run(RunState.FAILED), 'Failed at RENDER')

        assert text_of(pill) == 'Failed at RENDER'
        assert screen.one(role='img').props['aria-label'] == 'Failed'
