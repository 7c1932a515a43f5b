"""What is said about a run: its state, its facts, what a stop ends and what a retry keeps."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from pages.runs.run_words import (
    facts_of,
    is_input_refused,
    listed,
    pause_words,
    state_in_list,
    state_word,
    state_words,
    step_to_retry,
    what_is_kept,
    what_stops,
)
from synapse.control_room import ControlRoom
from synapse.errors import NotFound
from synapse.language import answering_in
from synapse.records import Problem
from synapse.runs.pauses import Pause
from synapse.runs.records import Question, RunState, StepRun
from tests.parts.run_records import NOW, a_run, a_step
from tests.parts.screens import staged


@pytest.fixture
def room() -> ControlRoom:
    """A room that no longer has the pipeline of the run, so that steps go by their names."""

    def get(name: str) -> None:
        raise NotFound('pipeline_not_found', f'No pipeline is called {name!r}.')

    return cast(ControlRoom, SimpleNamespace(catalog=SimpleNamespace(get=get)))


QUESTION = Question(id='q1', step='one', text='Publish it?', asked_at=NOW)
FAILED_AT_RENDER = (a_step('ingest', seconds=62), a_step('caption', seconds=100), a_step('render', 'failed'))


@pytest.mark.parametrize(
    ('values', 'word'),
    [
        ({'state': RunState.QUEUED}, 'Waiting'),
        ({'state': RunState.RUNNING}, 'Running'),
        ({'state': RunState.RUNNING, 'is_pausing': True}, 'Pausing'),
        ({'state': RunState.PAUSED}, 'Paused'),
        ({'state': RunState.PAUSED, 'is_pausing': True, 'is_waiting': True, 'question': QUESTION}, 'Held, asks'),
        ({'state': RunState.RUNNING, 'is_stopping': True}, 'Stopping'),
        ({'state': RunState.PAUSED, 'is_pausing': True, 'is_stopping': True}, 'Stopping'),
        ({'state': RunState.CANCELLED, 'is_stopping': True}, 'Stopped'),
    ],
)
def test_each_state_has_a_word(values: dict[str, Any], word: str) -> None:
    assert state_word(a_run(values.pop('state'), **values)) == word


async def test_the_screen_that_stopped_everything_is_named_in_the_language_of_the_reader() -> None:
    async with staged() as stage:
        with answering_in('en_XA'):
            words = pause_words(stage.room, Pause(since=NOW, because='the page'))

    assert words.endswith(': ⟦the page⟧')


def test_a_failed_run_names_the_step_at_which_it_failed(room: ControlRoom) -> None:
    assert state_words(room, a_run(RunState.FAILED, *FAILED_AT_RENDER)) == 'Failed at RENDER'
    assert state_words(room, a_run(RunState.FAILED)) == 'Failed'


async def test_the_free_space_that_a_run_waits_for_is_said_once() -> None:
    async with staged() as stage:
        info = SimpleNamespace(limits={'needs_free': 9 * 10**14, 'memory_limit': 10**9})
        stage.room.catalog.find = lambda _: info  # type: ignore[method-assign,assignment,return-value]
        waits = a_run(RunState.QUEUED, waits_for='900 TB of free space: only 1 GB are free on the disk with /x')

        assert ' '.join(facts_of(stage.room, waits)).count('900 TB') == 1
        assert 'needs 900 TB free' in facts_of(stage.room, a_run(RunState.RUNNING))


def test_a_held_run_that_asks_says_both(room: ControlRoom) -> None:
    held = a_run(RunState.PAUSED, is_pausing=True, is_waiting=True, question=QUESTION)

    assert state_in_list(room, held) == 'Held: ONE asks: Publish it?'


def test_a_list_adds_the_progress_of_a_running_step_and_the_reason_of_a_failure(room: ControlRoom) -> None:
    active = a_step('render', 'running', progress=62.6)
    error = Problem(message='The disk is full.')

    assert state_in_list(room, a_run(RunState.RUNNING, active)) == 'RENDER 63 %'
    assert state_in_list(room, a_run(RunState.FAILED, *FAILED_AT_RENDER, error=error)) == (
        'Failed at RENDER: The disk is full.'
    )


@pytest.mark.parametrize('held', [{'is_pausing': True}, {'is_stopping': True}])
def test_progress_gives_way_to_what_was_requested(room: ControlRoom, held: dict[str, Any]) -> None:
    words = state_in_list(room, a_run(RunState.RUNNING, a_step('render', 'running', progress=5), **held))

    assert words in ('Pausing', 'Stopping')


# Stopping


def test_stopping_says_what_ends_and_what_is_kept(room: ControlRoom) -> None:
    steps = (a_step('ingest'), a_step('caption'), a_step('render', 'running', progress=63))

    assert what_stops(room, a_run(RunState.RUNNING, *steps)) == (
        'RENDER ends now, at 63 %. INGEST and CAPTION are kept, so you can retry from RENDER later.'
    )


def test_stopping_the_first_step_promises_nothing(room: ControlRoom) -> None:
    words = what_stops(room, a_run(RunState.RUNNING, a_step('ingest', 'running'), a_step('render', 'pending')))

    assert words == 'INGEST ends now, with every process it started.'


def test_one_kept_step_is_spoken_of_in_the_singular(room: ControlRoom) -> None:
    assert 'INGEST is kept' in what_stops(room, a_run(RunState.PAUSED, a_step('ingest'), a_step('render', 'running')))


def test_stopping_a_waiting_run_removes_it_from_the_queue(room: ControlRoom) -> None:
    assert 'removed from the queue' in what_stops(room, a_run(RunState.QUEUED))


# Retrying


def test_a_retry_begins_at_the_first_step_that_did_not_succeed(room: ControlRoom) -> None:
    step = step_to_retry(a_run(RunState.FAILED, *FAILED_AT_RENDER, a_step('publish', 'skipped')))

    assert step is not None
    assert step.name == 'render'


@pytest.mark.parametrize(
    ('state', 'steps'),
    [
        (RunState.SUCCEEDED, (a_step('ingest'), a_step('render'))),
        (RunState.RUNNING, (a_step('ingest'), a_step('render', 'running'))),
        (RunState.FAILED, (a_step('ingest', 'failed'), a_step('render', 'skipped'))),
        (RunState.CANCELLED, ()),
    ],
)
def test_nothing_is_retried_from_a_step_where_a_retry_keeps_nothing(
    room: ControlRoom, state: RunState, steps: tuple[StepRun, ...]
) -> None:
    run = a_run(state, *steps)

    assert step_to_retry(run) is None
    assert what_is_kept(room, run) == ''


def test_what_a_retry_saves_is_the_time_of_the_kept_steps(room: ControlRoom) -> None:
    assert what_is_kept(room, a_run(RunState.FAILED, *FAILED_AT_RENDER)) == (
        'INGEST and CAPTION are kept, so a retry from RENDER saves 2:42.'
    )


def test_less_than_a_second_is_not_worth_a_word(room: ControlRoom) -> None:
    run = a_run(RunState.FAILED, a_step('ingest', seconds=0.2), a_step('render', 'failed'))

    assert what_is_kept(room, run) == 'INGEST is kept.'


def test_names_are_listed_as_a_person_does() -> None:
    assert [listed(names) for names in ([], ['A'], ['A', 'B'], ['A', 'B', 'C'])] == ['', 'A', 'A and B', 'A, B and C']


# Facts


async def test_a_waiting_run_says_what_is_ahead_of_it() -> None:
    async with staged(workers=1) as stage:
        for _ in range(3):
            await stage.run(because='the API')
        first, second = stage.room.runs.waiting()
        await stage.room.runs.pause_queue()

        facts = [facts_of(stage.room, run)[-1] for run in (first, second)]

    assert [fact.split(', starts')[0] for fact in facts] == [
        'next in the queue, the queue is paused',
        '1 ahead, the queue is paused',
    ]


async def test_a_live_run_says_who_started_it_as_whom_and_where_it_runs() -> None:
    async with staged() as stage:
        run = await stage.run(because='the run form', profile='default')

        facts = facts_of(stage.room, stage.last[run.id])

    assert facts[0].startswith('Today ')
    assert facts[1:] == ['profile Default', 'started by run form', 'worker-1']


async def test_a_run_that_another_machine_has_carried_out_says_which() -> None:
    async with staged() as stage:
        ended = a_run(RunState.SUCCEEDED)

        facts = facts_of(stage.room, ended), facts_of(stage.room, ended.changed(machine='annex'))

    assert [fact for fact in facts[1] if fact not in facts[0]] == ['on annex']


async def test_a_run_that_has_ended_says_from_when_to_when_and_a_retry_says_of_what() -> None:
    async with staged() as stage:
        ended = await stage.end(await stage.run())
        again = await stage.room.runs.retry(ended.id)

        facts = facts_of(stage.room, ended), facts_of(stage.room, again)

    assert ' to ' in facts[0][0]
    assert any(fact.startswith('retry of') for fact in facts[1])


REFUSED = Problem(message='notes.txt is a text file, not a video.', type='StepFailed')


@pytest.mark.parametrize(
    ('parameters', 'steps', 'is_refused'),
    [
        ({'video': '/srv/notes.txt'}, [a_step('ingest', 'failed', error=REFUSED)], True),
        ({'video': '/srv/other.mp4'}, [a_step('ingest', 'failed', error=REFUSED)], False),
        ({'title': 'notes.txt'}, [a_step('ingest', 'failed', error=REFUSED)], False),
        ({'video': '/srv/notes.txt'}, [a_step('ingest'), a_step('render', 'failed', error=REFUSED)], False),
        ({'video': '/srv/notes.txt'}, [a_step('ingest', 'failed', error=REFUSED.changed(type='OSError'))], False),
        ({'video': '/srv/notes.txt'}, [a_step('ingest')], False),
        ({'video': '/srv/notes.txt'}, [], False),
    ],
)
def test_a_file_is_refused_if_the_first_step_says_so_by_its_name(
    parameters: dict[str, str], steps: list[StepRun], is_refused: bool
) -> None:
    assert is_input_refused(a_run(RunState.FAILED, *steps, parameters=parameters)) is is_refused
