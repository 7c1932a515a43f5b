"""The page of one run: what its head says and offers, its steps, its inputs, outputs and the runs before it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pages.runs.outputs import OutputsCard
from pages.runs.run_page import run_page
from pages.runs.run_side import LastRuns, inputs_card
from pages.runs.stepper import Stepper, preview
from pages.runs.time_axis import TimeAxis
from synapse.control_room import ControlRoom
from synapse.log.log import Level
from synapse.records import Problem, now_utc
from synapse.runs.records import Artifact, RunRecord, RunState
from tests.parts.run_records import NOW, a_run, a_step
from tests.parts.screens import Screen, Stage, drawn, fire, is_shown, staged, text_of

FAILURE = {'message': 'The cup is empty.', 'hint': 'Fill it.', 'traceback': 'one\ntwo', 'file': 'cup.py', 'line': 3}


async def opened(stage: Stage, run: RunRecord) -> None:
    with stage.screen.client:
        await run_page(stage.room, str(run.number))


def summary(stage: Stage) -> str:
    return text_of(stage.screen.one(aria_label='Run summary'))


def buttons(stage: Stage) -> list[str]:
    inside = stage.screen.one(aria_label='Run summary').descendants()
    return [text_of(item) for item in inside if item.tag == 'button' and is_shown(item)]


async def test_on_the_time_axis_a_paused_step_keeps_its_time() -> None:
    async with staged() as stage:
        run = await stage.run()
        await stage.step(run, 'running')
        await opened(stage, stage.room.runs.live()[0])
        time = stage.screen.one(css='took')
        assert time.props.get('data-since')

        stage.hosts[run.id].say(t='paused')
        await stage.drawn(lambda: 'st-paused' in stage.screen.one(css='run-step').classes)

        assert not time.props.get('data-since')
        assert text_of(time) == '0:00'
        (glyph,) = [item for item in stage.screen.one(css='run-step').descendants() if item.tag == 'svg']
        assert glyph.props['aria-label'] == 'Paused'


# The head


async def test_a_hint_without_an_end_gets_a_full_stop_before_what_follows() -> None:
    async with staged() as stage:
        run = await stage.run()
        await stage.step(run, 'failed')
        await opened(stage, await stage.end(run, 'failed', error=FAILURE | {'hint': 'Fill it'}))

        assert 'The cup is empty. Fill it. cup.py' in summary(stage)


async def test_a_run_that_failed_says_why_and_offers_another_go() -> None:
    async with staged() as stage:
        run = await stage.run()
        await stage.step(run, 'failed')
        await opened(stage, await stage.end(run, 'failed', error=FAILURE))

        assert 'Failed at EXECUTE' in summary(stage)
        assert text_of(stage.screen.one(css='run-why', role='alert')).startswith(
            'The cup is empty. Fill it. cup.py, line 3 Traceback, 2 lines'
        )
        assert buttons(stage)[:2] == ['Edit and run', 'Run all again']


async def test_the_last_lines_that_complain_are_beside_the_reason_and_lead_to_the_log() -> None:
    async with staged() as stage:
        run = await stage.run()
        await stage.step(run, 'running')
        for text in ('pouring', 'cup: the handle is broken', 'cup: cannot pour: Permission denied', 'done'):
            stage.room.log.append(Level.INFO, text, source='cup', run=run.id, step='execute')
        await stage.step(
            run, 'failed', error={'message': 'cup ended with exit code 1.', 'program': 'cup', 'exit_code': 1}
        )
        await opened(stage, await stage.end(run, 'failed', error={'message': 'x', 'program': 'cup', 'exit_code': 1}))

        assert 'Allow the user that runs Synapse' in summary(stage)
        (lines,) = stage.screen.all(css='run-lines')
        assert text_of(lines) == 'cup: the handle is broken'


async def test_a_program_that_does_not_complain_shows_its_last_lines() -> None:
    async with staged() as stage:
        run = await stage.run()
        await stage.step(run, 'running')
        for number in range(5):
            stage.room.log.append(Level.INFO, f'cup {number} poured', source='cup', run=run.id, step='execute')
        error = {'message': 'cup ended with exit code 1.', 'program': 'cup', 'exit_code': 1}
        await stage.step(run, 'failed', error=error)
        await opened(stage, await stage.end(run, 'failed', error=error))

        (lines,) = stage.screen.all(css='run-lines')
        assert text_of(lines) == 'cup 2 poured cup 3 poured cup 4 poured'


async def test_a_run_that_was_removed_says_when_and_what_is_kept_now() -> None:
    async with staged() as stage:
        run = await stage.end(await stage.run())
        await stage.end(await stage.run())
        await stage.room.retention.set({'run_count': 1})
        async for _ in stage.room.runs.past.remove_before(now_utc(), at=now_utc()):
            pass
        await opened(stage, run)

        (card,) = stage.screen.all(css='sy-empty')
        assert 'Run #1 has been removed. It succeeded on ' in text_of(card)
        assert 'and was removed on ' in text_of(card)
        assert 'runs at most 1.' in text_of(card)


async def test_the_last_runs_are_those_with_the_same_command() -> None:
    async with staged() as stage:
        await stage.end(await stage.run(parameters={'command': ['echo']}))
        run = await stage.end(await stage.run())
        await opened(stage, run)
        await stage.drawn(lambda: stage.screen.all(css='run-bars') != [] and len(bars(stage)) > 0)

        assert bars(stage) == ['/runs/2']


def bars(stage: Stage) -> list[str]:
    return [str(item.props['href']) for item in stage.screen.one(css='run-bars').descendants() if item.tag == 'a']


async def test_a_reason_whose_line_was_removed_from_the_log_offers_no_way_there() -> None:
    async with staged() as stage:
        run = await stage.run()
        await stage.step(run, 'failed')
        said = stage.room.log.append(Level.ERROR, 'The cup is empty.', source='cup', run=run.id, step='execute')
        await opened(stage, await stage.end(run, 'failed', error=FAILURE | {'seq': said.seq}))
        before = 'Line in the log' in summary(stage)
        await stage.room.log.clear(who='Ada')
        await opened(stage, run)

        assert before
        assert 'Line in the log' not in text_of(stage.screen.all(aria_label='Run summary')[-1])


async def test_after_a_file_was_refused_another_one_is_the_main_way_on(tmp_path: Path) -> None:
    video = tmp_path / 'notes.mp4'
    video.touch()
    async with staged() as stage:
        refused = {'message': 'notes.mp4 is empty.', 'type': 'StepFailed'}
        run = await stage.run(pipeline='PublishVideo', parameters={'video': str(video), 'height': 480})
        await stage.step(run, 'failed', 'ingest', error=refused)
        await opened(stage, await stage.end(run, 'failed', error=refused))

        assert buttons(stage)[:2] == ['Run all again', 'Choose another file']
        assert 'is-primary' in stage.screen.button('Choose another file').classes
        assert 'is-primary' not in stage.screen.button('Run all again').classes
        await fire(stage.screen.button('Choose another file'))

        assert stage.screen.one(id='parameter-video').props['^value'] == str(video)


async def test_a_run_with_nothing_left_to_do_offers_no_retry() -> None:
    async with staged() as stage:
        run = await stage.run()
        await stage.step(run, 'succeeded')
        ended = await stage.end(run, 'failed', error=FAILURE)
        await opened(stage, ended)

        assert ended.is_all_done
        assert 'All its steps had succeeded: nothing is left to do.' in summary(stage)
        assert not {'Run all again', 'Retry options'} & set(buttons(stage))


async def test_one_press_of_run_all_again_is_one_run() -> None:
    async with staged() as stage:
        await opened(stage, await stage.end(await stage.run()))
        again = stage.screen.button('Run again')
        await fire(again)
        await fire(again)

        assert [run.retry_of is not None for run in await stage.room.runs.page()] == [True, False]
        assert stage.screen.went_to == ['/runs/2']


async def test_editing_a_run_opens_the_form_with_its_values() -> None:
    async with staged() as stage:
        await opened(stage, await stage.end(await stage.run(parameters={'command': ['echo', 'hello']})))
        await fire(stage.screen.button('Edit and run'))

        assert text_of(stage.screen.one(id='parameter-command')) == 'echo\nhello'


async def test_a_live_page_follows_its_run_to_the_end() -> None:
    async with staged() as stage:
        run = await stage.run()
        await opened(stage, run)
        assert buttons(stage) == ['Pause', '', 'Stop now']  # the one between pauses it for a time
        assert 'so far, no estimate yet' in stage.screen.texts

        await stage.step(run, 'succeeded')
        await stage.end(run)

        assert buttons(stage) == ['Edit and run', 'Run again']
        assert 'Succeeded' in summary(stage)


async def test_a_run_that_is_being_stopped_shows_its_processes_down_to_none() -> None:
    async with staged() as stage:
        run = await stage.run()
        await opened(stage, run)
        with stage.screen.client:
            await stage.room.runs.cancel(run.id)
        await stage.until(lambda: stage.last[run.id].state.is_final)

        assert 'Stopped' in summary(stage)
        assert '0 processes left' in text_of(stage.screen.one(aria_label='Processes of this run'))


async def test_a_run_that_does_not_exist_says_so_and_leads_to_all_runs() -> None:
    async with staged() as stage:
        with stage.screen.client:
            await run_page(stage.room, '77')

        assert any('#77' in text for text in stage.screen.texts)
        assert stage.screen.one(tag='a', href='/runs')


async def test_a_failure_that_was_looked_at_is_no_longer_the_state_of_the_system() -> None:
    async with staged() as stage:
        run = await stage.end(await stage.run(), 'failed', error=FAILURE)
        await stage.until(lambda: stage.room.status.state == 'error')

        await opened(stage, run)

        await stage.until(lambda: stage.room.status.state == 'idle')


# Steps


@pytest.fixture
async def screen() -> AsyncIterator[Screen]:
    with drawn() as screen:
        yield screen


class Gone:
    """A control room that knows no titles of steps."""

    def __init__(self) -> None:
        from synapse.errors import NotFound

        class Catalog:
            def get(self, name: str) -> None:
                raise NotFound('pipeline_not_found', f'No pipeline is called {name!r}.')

            def find(self, name: str) -> Any:
                return SimpleNamespace(schema={'properties': {'video': {'format': 'path'}}})

        self.catalog: Any = Catalog()


def stepper(screen: Screen, run: RunRecord, **typical: float) -> Stepper:
    room: Any = Gone()
    return screen.draw(lambda: Stepper(room, run, typical))


def columns(screen: Screen) -> list[str]:
    return [text_of(item) for item in screen.all(tag='li')]


def test_steps_to_come_say_what_they_wait_for_and_how_long_they_usually_take(screen: Screen) -> None:
    run = a_run(RunState.RUNNING, a_step('ingest', 'running', finished_at=None), a_step('render', 'pending'))
    stepper(screen, run, render=65.0)

    assert columns(screen)[1] == 'RENDER ~1:05 Waits for INGEST'


def test_the_first_step_of_a_waiting_run_waits_for_a_worker(screen: Screen) -> None:
    stepper(screen, a_run(RunState.QUEUED, a_step('ingest', 'pending')))

    assert columns(screen) == ['INGEST Waits for a worker']


def test_before_the_first_step_of_a_run_elsewhere_it_says_that_its_files_are_on_their_way(screen: Screen) -> None:
    run = a_run(RunState.RUNNING, a_step('ingest', 'pending'), a_step('render', 'pending')).changed(machine='annex')
    shown = stepper(screen, run.changed(parameters={'video': '/srv/a.mp4'}))
    assert columns(screen) == ['INGEST Its files are on their way to annex', 'RENDER Waits for INGEST']

    shown.show(run.changed(parameters={}))

    assert columns(screen)[0] == 'INGEST Starts on annex'


def test_of_a_retry_elsewhere_the_first_step_that_is_not_kept_starts_there(screen: Screen) -> None:
    kept = a_step('ingest', 'succeeded', note='kept from #3')
    stepper(screen, a_run(RunState.RUNNING, kept, a_step('render', 'pending')).changed(machine='annex', parameters={}))

    assert columns(screen)[1] == 'RENDER Starts on annex'


def test_the_active_step_is_current_and_says_what_it_does_and_which_try_it_is(screen: Screen) -> None:
    active = a_step('render', 'running', finished_at=None, progress=62.7, note='frame 4 536', attempt=2)
    stepper(screen, a_run(RunState.RUNNING, active))

    assert screen.one(tag='li').props['aria-current'] == 'step'
    assert columns(screen)[0].endswith('frame 4 536, try 2')
    assert screen.one(role='progressbar').props['aria-valuetext'] == '63 %'


def test_a_step_that_has_ended_shows_its_time_and_its_reason(screen: Screen) -> None:
    failed = a_step('render', 'failed', seconds=81, error=Problem(message='The disk is full.'))
    stepper(screen, a_run(RunState.FAILED, a_step('ingest', seconds=62, note='142 cues'), failed))

    assert columns(screen) == ['INGEST 1:02 142 cues', 'RENDER 1:21 The disk is full.']


def test_the_steps_change_in_place(screen: Screen) -> None:
    made = stepper(screen, a_run(RunState.RUNNING, a_step('render', 'running', finished_at=None)))
    before = screen.one(tag='li')
    made.show(a_run(RunState.SUCCEEDED, a_step('render', seconds=5)))

    assert screen.one(tag='li') is before
    assert 'st-succeeded' in before.classes


def test_a_preview_says_what_each_step_will_do(screen: Screen) -> None:
    screen.draw(lambda: preview([{'name': 'render', 'title': 'RENDER'}], {'render': 'Builds the final video'}))

    assert columns(screen) == ['RENDER Builds the final video']


async def test_the_axis_names_a_step_that_was_kept_and_one_that_never_started() -> None:
    steps = (
        a_step('ingest', note='kept from #3', seconds=0),
        a_step('render', 'failed', seconds=81),
        a_step('publish', 'skipped', started_at=None, finished_at=None),
    )
    run = a_run(RunState.FAILED, *steps, started_at=NOW, finished_at=NOW + timedelta(seconds=90))
    async with staged() as stage:
        stage.screen.draw(lambda: TimeAxis(stage.room, run, {}, lambda _: None))

        rows = [text_of(row) for row in stage.screen.all(css='run-step')]
    assert rows == ['INGEST kept from #3 kept', 'RENDER 1:21', 'PUBLISH never started skipped']


async def test_a_click_on_a_step_of_the_axis_names_it() -> None:
    clicked: list[str] = []
    started = now_utc()
    run = a_run(RunState.RUNNING, a_step('render', 'running', started_at=started, finished_at=None), started_at=started)
    async with staged() as stage:
        axis = stage.screen.draw(lambda: TimeAxis(stage.room, run, {}, clicked.append))
        await fire(stage.screen.one(css='run-step'))
        axis.press('render')

        assert clicked == ['render']
        assert stage.screen.one(css='run-step').props['aria-pressed'] == 'true'


# Inputs, outputs and last runs


async def test_inputs_are_short_and_whole_on_hover() -> None:
    parameters: dict[str, Any] = {
        'video': '/srv/media/office-tour.mov',
        'flag': '/tmp/x/flag',
        'languages': ['en', 'de'],
        'command': ['ls', '-l'],
        'burn': True,
        'profile': None,
        'env': {},
        'sizes': {'a': 1},
    }
    async with staged() as stage:
        screen = stage.screen
        schema = {'properties': {'video': {'type': 'string', 'format': 'path'}}}
        catalog = SimpleNamespace(find=lambda _: SimpleNamespace(schema=schema))
        room = cast(ControlRoom, SimpleNamespace(catalog=catalog))
        screen.draw(lambda: inputs_card(room, a_run(RunState.QUEUED, parameters=parameters)))

        shown = {text_of(row)[:50]: None for row in screen.all(tag='dd')}
        path = 'office-tour.mov /srv/media/office-tour.mov'  # the first is shown on a wide screen, the other on a phone
        assert [*shown] == [path, '/tmp/x/flag', 'en, de', 'ls -l', 'yes', 'none', 'a=1']
        assert screen.all(tag='dd')[0].props['title'] == '/srv/media/office-tour.mov'


async def test_inputs_are_called_as_in_the_form_with_the_labels_of_choices() -> None:
    parameters = {'captions': 'mux', 'subtitle_shift': 0.5, 'height': 720, 'gone': 'mux'}
    run = a_run(RunState.QUEUED, pipeline='PublishVideo', parameters=parameters)
    async with staged() as stage:
        stage.screen.draw(lambda: inputs_card(stage.room, run))

        names = [(text_of(item), item.props['title']) for item in stage.screen.all(tag='dt')]
        values = [(text_of(item), item.props['title']) for item in stage.screen.all(tag='dd')]

    assert names[:2] == [('Captions', 'captions'), ('Shift of the subtitles', 'subtitle_shift')]
    assert values == [('as a track', 'mux'), ('0.5', '0.5'), ('720', '720'), ('mux', 'mux')]


async def test_inputs_read_as_their_form_fields_write_them() -> None:
    command = ['sh', '-c', 'echo "a b"']
    parameters: dict[str, Any] = {'command': command, 'env': {'A': '1', 'B': 'two words'}, 'limit': 'PT1H30M'}
    schema = {'properties': {'limit': {'type': 'string', 'format': 'duration'}}}
    catalog = SimpleNamespace(find=lambda _: SimpleNamespace(schema=schema))
    async with staged() as stage:
        room = cast(ControlRoom, SimpleNamespace(catalog=catalog))
        stage.screen.draw(lambda: inputs_card(room, a_run(RunState.QUEUED, parameters=parameters)))

        values = [(text_of(item), item.props['title']) for item in stage.screen.all(tag='dd')]

    line = """sh -c 'echo "a b"'"""
    assert values == [(line, line), ('A=1, B=two words', 'A=1\nB=two words'), ('1h 30m', '1h 30m')]


async def test_a_run_without_parameters_has_none_as_input() -> None:
    async with staged() as stage:
        stage.screen.draw(lambda: inputs_card(stage.room, a_run(RunState.QUEUED)))

        assert 'none' in stage.screen.texts


async def test_outputs_are_links_to_download_and_the_first_video_is_played() -> None:
    artifacts = (
        Artifact(name='shots/cover 1.jpg', size=9_100, media_type='image/jpeg'),
        Artifact(name='film.mp4', size=1_200_000, media_type='video/mp4', step='render'),
        Artifact(name='film.jpg', size=9_100, media_type='image/jpeg'),
    )
    async with staged() as stage:
        screen = stage.screen
        screen.draw(lambda: OutputsCard(stage.room, a_run(RunState.SUCCEEDED, artifacts=artifacts)))

        rows = [link for link in screen.all(tag='a') if link.props.get('title')]
        links = [(link.props['href'], link.props['download']) for link in rows]
        video = screen.one(tag='video')
        assert not is_shown(screen.one(tag='p', css='run-none', hidden=True))  # what is said if it cannot be played
    assert links == [
        ('/api/v1/runs/a/artifacts/shots/cover%201.jpg', 'cover 1.jpg'),
        ('/api/v1/runs/a/artifacts/film.mp4', 'film.mp4'),
        ('/api/v1/runs/a/artifacts/film.jpg', 'film.jpg'),
    ]
    assert (video.props['src'], video.props['poster']) == (links[1][0], links[2][0])


@pytest.mark.parametrize(('state', 'words'), [(RunState.RUNNING, 'appear here'), (RunState.FAILED, 'kept no files')])
async def test_a_run_without_outputs_says_whether_some_may_follow(state: RunState, words: str) -> None:
    async with staged() as stage:
        stage.screen.draw(lambda: OutputsCard(stage.room, a_run(state)))

        assert any(words in text for text in stage.screen.texts)


def test_the_last_runs_are_bars_as_long_as_they_took_and_the_typical_one_succeeded(screen: Screen) -> None:
    def ended(number: int, state: RunState, seconds: int) -> RunRecord:
        ends = {'started_at': NOW, 'finished_at': NOW + timedelta(seconds=seconds)}
        return a_run(state, id=str(number), number=number, **ends)

    card = screen.draw(lambda: LastRuns(a_run(RunState.RUNNING, id='9')))
    card.show(
        [ended(9, RunState.FAILED, 200), ended(8, RunState.SUCCEEDED, 100), ended(7, RunState.SUCCEEDED, 50)],
        is_same=True,
    )

    bars = screen.all(tag='a')
    assert [bar.props['aria-label'] for bar in bars] == ['#7 Succeeded, 0:50', '#8 Succeeded, 1:40', '#9 Failed, 3:20']
    assert [bar.style['height'] for bar in bars] == ['25%', '50%', '100%']
    assert 'typical 1:15' in screen.texts
    assert bars[2].props['aria-current'] == 'page'


def test_before_any_run_has_ended_the_card_says_so(screen: Screen) -> None:
    card = screen.draw(lambda: LastRuns(a_run(RunState.RUNNING)))
    card.show([], is_same=False)

    assert 'No run of this pipeline has finished yet.' in screen.texts
