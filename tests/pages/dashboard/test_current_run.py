"""The card of the live run: which run it stays on, what it says of it, and how another try begins."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from pages.dashboard.current_run import CurrentRun, facts_line, run_to_show
from pages.shell.state_pill import RoomPill
from synapse.runs.records import RunRecord, RunState
from tests.parts.run_records import NOW, a_run
from tests.parts.screens import Stage, fire, is_shown, staged, text_of


def live(number: int) -> RunRecord:
    return a_run(RunState.RUNNING, id=f'run-{number}', number=number, started_at=NOW + timedelta(minutes=number))


def test_the_run_that_is_shown_stays_while_it_is_live() -> None:
    runs = [live(3), live(2), live(1)]

    assert run_to_show(runs, 'run-2', None) == runs[1]


def test_once_it_has_ended_the_newest_live_run_follows_and_then_the_last_one_that_ended() -> None:
    last = a_run(RunState.SUCCEEDED)

    assert run_to_show([live(3), live(1)], 'run-2', last) == live(3)
    assert run_to_show([], 'run-2', last) is last
    assert run_to_show([], None, None) is None


@pytest.mark.parametrize(
    ('because', 'started', 'worker', 'line'),
    [
        ('file drop', '14:02:11', 'worker-1', 'started 14:02:11 by file drop · worker-1'),
        ('', '14:02:11', None, 'started 14:02:11'),
        ('file drop', '', None, ''),
    ],
)
def test_the_facts_are_what_is_known(because: str, started: str, worker: str | None, line: str) -> None:
    assert facts_line(a_run(RunState.RUNNING, because=because), started, worker) == line


def card(stage: Stage, last: RunRecord | None = None) -> CurrentRun:
    return stage.screen.draw(lambda: CurrentRun(stage.room, last))


def number(stage: Stage) -> str:
    return text_of(stage.screen.one(css='sy-mono', tag='a'))


async def test_without_any_run_the_card_says_how_to_start_one() -> None:
    async with staged() as stage:
        card(stage)

        assert {'Nothing is running', 'Choose a file or a pipeline.'} <= set(stage.screen.texts)


async def test_the_card_goes_live_with_a_run_and_comes_to_rest_with_its_end() -> None:
    async with staged() as stage:
        shown = card(stage)
        run = await stage.run(because='file drop', profile='default')
        assert 'is-live' in shown.classes
        assert text_of(stage.screen.one(role='status')) == 'Running'
        assert any('by file drop · worker-1' in text for text in stage.screen.texts)

        await stage.end(run)

        assert 'is-live' not in shown.classes
        assert text_of(stage.screen.one(role='status')) == 'Succeeded'


async def test_the_clocks_of_a_paused_run_stand_still_and_every_part_says_that_it_is_paused() -> None:
    async with staged() as stage:
        card(stage)
        pill = stage.screen.draw(lambda: RoomPill(stage.room))
        run = await stage.run()
        await stage.step(run, 'running')
        clock = stage.screen.one(css='t')
        assert clock.props.get('data-since')
        assert text_of(pill).startswith('1 running')

        stage.hosts[run.id].say(t='paused')
        await stage.drawn(lambda: text_of(pill).startswith('1 paused'))

        assert not clock.props.get('data-since')
        assert text_of(clock) == '0:00'
        assert {'st-paused'} <= set(stage.screen.one(css='sy-step').classes)
        assert 'paused until you resume it' in stage.screen.texts

        stage.hosts[run.id].say(t='resumed')
        await stage.drawn(lambda: text_of(pill).startswith('1 running'))

        assert clock.props.get('data-since')


async def test_of_two_live_runs_the_first_stays_until_the_person_pages() -> None:
    async with staged(workers=2) as stage:
        card(stage)
        await stage.run()
        await stage.run()
        assert (number(stage), '2 of 2' in stage.screen.texts) == ('#1', True)

        await fire(stage.screen.button('Next live run'))
        assert (number(stage), '1 of 2' in stage.screen.texts) == ('#2', True)
        await fire(stage.screen.button('Previous live run'))

        assert number(stage) == '#1'


async def test_one_live_run_has_no_pager() -> None:
    async with staged() as stage:
        card(stage)
        await stage.run()

        assert not is_shown(stage.screen.one(css='pager'))


async def test_nothing_is_said_of_cpu_and_memory_before_they_are_measured() -> None:
    async with staged() as stage:
        card(stage)
        await stage.run()

        load = stage.screen.one(css='now-load')
        assert text_of(load) == ''
        assert not is_shown(stage.screen.one(css='sep'))


async def test_a_run_that_failed_is_retried_from_the_card() -> None:
    async with staged() as stage:
        card(stage)
        run = await stage.run()
        await stage.step(run, 'failed')
        await stage.end(run, 'failed', error={'message': 'The cup is empty.'})

        await fire(stage.screen.button('Run all again'))
        newest = (await stage.room.runs.page())[0]

        assert newest.retry_of == run.id


async def test_a_file_that_was_refused_is_not_tried_again_but_replaced(tmp_path: Path) -> None:
    video = tmp_path / 'notes.mp4'
    video.touch()
    refused = {'message': 'notes.mp4 is empty.', 'type': 'StepFailed'}
    async with staged() as stage:
        card(stage)
        run = await stage.run(pipeline='PublishVideo', parameters={'video': str(video)})
        await stage.step(run, 'failed', 'ingest', error=refused)
        await stage.end(run, 'failed', error=refused)

        assert 'Retry from INGEST' not in stage.screen.texts
        await fire(stage.screen.button('Choose another file'))

        assert stage.screen.one(id='parameter-video').props['^value'] == str(video)


async def test_a_run_that_succeeded_offers_no_retry() -> None:
    async with staged() as stage:
        card(stage, await stage.end(await stage.run()))

        assert 'Run all again' not in stage.screen.texts
        assert 'Open run' in stage.screen.texts


async def test_progress_is_shown_soon_without_a_change_of_state() -> None:
    async with staged() as stage:
        card(stage)
        run = await stage.run()
        await stage.step(run, 'running')
        stage.hosts[run.id].say(t='progress', step='execute', percent=42.0, note='almost')

        await stage.drawn(lambda: 'almost' in stage.screen.texts)

        assert stage.screen.one(role='progressbar').props['aria-valuenow'] == '42'


async def test_the_menu_of_the_pill_says_who_asks_who_is_held_and_who_waits() -> None:
    async with staged() as stage:
        pill = stage.screen.draw(lambda: RoomPill(stage.room))
        asks = await stage.run()
        await stage.step(asks, 'running')
        stage.hosts[asks.id].say(t='question', id='q1', step='execute', number=1, text='Which?', model='')
        await stage.drawn(lambda: text_of(pill).startswith('1 question'))
        await stage.room.runs.pause_queue()
        await stage.room.runs.create('RunCommand', {'command': ['true']})

        pill._opened()
        assert re.search(r'Live runs #1 .* EXECUTE asks Waiting #2 ', text_of(pill._body))
        await stage.room.runs.pause(asks.id)
        await stage.drawn(lambda: 'EXECUTE held, asks' in text_of(pill._body))
        assert pill.props['data-phone'] == 'Queue off'
