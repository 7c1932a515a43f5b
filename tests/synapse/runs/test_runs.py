"""Runs with real parts: the queue and its order, stop and pause, retries, estimates, and restarts."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from storage.daily_sums import DailySums, DaySum
from storage.runs import RunStore
from synapse.control_room import ControlRoom
from synapse.engine.engine import HostExit
from synapse.errors import Conflict, Invalid, NotFound
from synapse.inbox.newest import Chosen
from synapse.runs import transitions
from synapse.runs.estimates import expected_starts, seconds_left
from synapse.runs.history.figures import Figures
from synapse.runs.live import time_limits
from synapse.runs.live.time_limits import TimeLimits
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord, RunState, StepRun, StepState, moved
from synapse.settings import Settings
from synapse.status import Status, StatusChanged
from tests.parts.run_records import a_run
from tests.parts.scripted import House, opened

NOW = datetime(2026, 10, 14, 12, tzinfo=UTC)

THREE_STEPS = '''
from pathlib import Path
from synapse import Pipeline, Run, StepFailed, step

class Three(Pipeline):
    """Leaves a file, may fail in its second step, and can be paused in its third."""
    source: Path
    fails: bool = False
    words: str = ''

    @step
    def first(self, run: Run):
        self.words = self.source.read_text().upper()
        (run.workdir / 'first.txt').write_text(self.words)
        run.artifact(run.workdir / 'first.txt')
        print('secret', run.profile and run.profile.secrets.get('KEY'))

    @step
    def second(self, run: Run):
        run.progress(50, 'half way')
        if self.fails:
            raise StepFailed('The second step would not.', 'Set fails to false.')

    @step
    def third(self, run: Run):
        assert (run.workdir / 'first.txt').read_text() == self.words
'''


@contextlib.asynccontextmanager
async def room_in(data: Path, *, workers: int = 2, **values: Any) -> AsyncIterator[ControlRoom]:
    room = ControlRoom.build(Settings(data=data, workers=workers, **values))
    await room.start()
    try:
        yield room
    finally:
        await room.stop(grace=0)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    async with room_in(tmp_path / 'data') as room:
        yield room


@pytest.fixture
async def room_of_three(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    folder = tmp_path / 'data' / 'pipelines'
    folder.mkdir(parents=True)
    (folder / 'three.py').write_text(THREE_STEPS)
    async with room_in(tmp_path / 'data') as room:
        yield room


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path / 'data', workers=1) as house:
        yield house


async def until(where: House | ControlRoom, run_id: str, *states: RunState) -> RunRecord:
    """Return the run once it is in one of these states, by default any final one."""

    def is_there(run: RunRecord) -> bool:
        return run.id == run_id and (run.state in states if states else run.state.is_final)

    news = asyncio.ensure_future(where.bus.next(RunChanged, timeout=20, where=lambda message: is_there(message.run)))
    await asyncio.sleep(0)
    run = await where.runs.get(run_id)
    if is_there(run):
        news.cancel()
        return run
    return (await news).run


async def until_status(where: House | ControlRoom, is_so: Callable[[Status], bool]) -> None:
    news = asyncio.ensure_future(where.bus.next(StatusChanged, timeout=20, where=lambda _: is_so(where.status)))
    await asyncio.sleep(0)
    if is_so(where.status):
        news.cancel()
        return
    await news


async def one_chunk(data: bytes) -> AsyncIterator[bytes]:
    yield data


# -- a run from its creation to its end ------------------------------------------------------------------------------


async def test_a_run_succeeds_and_logs_it(room: ControlRoom) -> None:
    run = await room.runs.create('RunCommand', {'command': ['echo', 'hello']}, because='a test')

    ended = await until(room, run.id)

    assert ended.state is RunState.SUCCEEDED
    assert [step.state for step in ended.steps] == [StepState.SUCCEEDED]
    assert run.subject == 'echo hello'
    entries = await room.log.query(run=run.id)
    assert 'hello' in [entry.message for entry in entries]
    assert {entry.fields['rule'] for entry in entries if 'rule' in entry.fields} == {'started', 'succeeded'}
    assert entries[0].level == 'success'


async def test_a_run_of_an_event_has_its_name_and_no_run_that_of_a_folder_it_works_in(
    room: ControlRoom, tmp_path: Path
) -> None:
    await room.runs.pause_queue()
    values = {'command': ['echo', 'hello'], 'cwd': f'{tmp_path}'}
    event = await room.editor.create(
        {'pipeline': 'RunCommand', 'title': 'Nightly', 'parameters': values, 'start': '2030-01-01T03:00'}
    )

    of_event = await room.calendar.run_now(event.id)
    due = room.runs.scheduled(event.request(of_event.created_at, Chosen(event.parameters)))
    by_hand = await room.runs.create('RunCommand', values)

    assert [run.subject for run in (of_event, due, by_hand)] == ['Nightly', 'Nightly', 'echo hello']
    await room.runs.cancel(of_event.id)
    retry = await room.runs.retry(of_event.id)
    other = await room.runs.retry(of_event.id, parameters={'command': ['echo', 'you']})
    assert [retry.subject, other.subject] == ['Nightly', 'echo you']


@pytest.mark.parametrize(
    ('command', 'subject'),
    [
        (['sh', '-c', 'kill -SEGV $$'], "sh -c 'kill -SEGV $$'"),
        (['echo "a b"'], "echo 'a b'"),
        (['echo', 'x' * 90], f'echo {"x" * 74}…'),
    ],
)
async def test_a_run_is_named_by_its_command_as_a_shell_takes_it(
    room: ControlRoom, command: list[str], subject: str
) -> None:
    await room.runs.pause_queue()

    assert (await room.runs.create('RunCommand', {'command': command})).subject == subject


async def test_a_failing_command_fails_the_run_with_its_reason(room: ControlRoom) -> None:
    run = await room.runs.create('RunCommand', {'command': ['sh', '-c', 'exit 3']})

    ended = await until(room, run.id)

    assert ended.state is RunState.FAILED
    assert ended.error is not None
    assert '3' in ended.error.message
    await until_status(room, lambda status: status.state == 'error')
    room.runs.status.mark_failure_seen(ended.id)
    await until_status(room, lambda status: status.state == 'idle')


async def test_a_file_from_the_inbox_becomes_the_run_s_own(room_of_three: ControlRoom) -> None:
    room = room_of_three
    item = await room.inbox.receive('notes.txt', one_chunk(b'abc'))
    run = await room.runs.create('Three', {'source': f'inbox:{item.id}'})
    assert run.subject == 'notes.txt'

    ended = await until(room, run.id)

    assert ended.state is RunState.SUCCEEDED, ended.error
    place = Path(ended.parameters['source'])
    assert place == room.runs.folder_of(run.id) / 'work' / 'inputs' / 'notes.txt'
    assert place.read_bytes() == b'abc'
    assert room.inbox.all() == []
    again = await until(room, (await room.runs.retry(run.id)).id)
    assert again.state is RunState.SUCCEEDED, again.error


async def test_two_runs_may_wait_for_the_same_file_of_the_inbox(room_of_three: ControlRoom) -> None:
    room = room_of_three
    item = await room.inbox.receive('notes.txt', one_chunk(b'abc'))
    value = {'source': f'inbox:{item.id}'}
    await room.runs.pause_queue()
    runs = [await room.runs.create('Three', value), await room.runs.create('Three', value)]

    await room.runs.resume_queue()

    ended = [await until(room, run.id) for run in runs]
    assert [run.state for run in ended] == [RunState.SUCCEEDED] * 2, [run.error for run in ended]
    assert room.inbox.all() == []


async def test_secrets_of_the_profile_reach_the_step_but_no_log(room_of_three: ControlRoom, tmp_path: Path) -> None:
    room = room_of_three
    (tmp_path / 'in.txt').write_text('abc')
    profile = await room.profiles.create(
        {'label': 'Studio', 'destination': str(tmp_path / 'out'), 'secrets': {'KEY': 'hunter2-hunter2'}}
    )
    run = await room.runs.create('Three', {'source': str(tmp_path / 'in.txt')}, profile=profile.id)

    ended = await until(room, run.id)

    messages = [entry.message for entry in await room.log.query(run=run.id)]
    assert ended.state is RunState.SUCCEEDED, ended.error
    assert 'secret ***' in messages
    assert not any('hunter2' in message for message in messages)


async def test_an_output_is_found_by_its_name_and_no_name_leads_out(room_of_three: ControlRoom, tmp_path: Path) -> None:
    room = room_of_three
    (tmp_path / 'in.txt').write_text('abc')
    run = await until(room, (await room.runs.create('Three', {'source': str(tmp_path / 'in.txt')})).id)

    path = await room.runs.artifact_path(run.id, 'first.txt')

    assert path.read_text() == 'ABC'
    for name in ('../checkpoint.json', '/etc/passwd', 'other.txt'):
        with pytest.raises(NotFound):
            await room.runs.artifact_path(run.id, name)


async def test_invalid_values_create_no_run(room_of_three: ControlRoom, tmp_path: Path) -> None:
    room = room_of_three
    for value, sentence in (
        (str(tmp_path / 'none.txt'), 'There is no file at'),
        ('none.txt', 'none.txt is not a full path. Start with / or ~.'),
        ('inbox:none', 'The inbox has no file'),
    ):
        with pytest.raises(Invalid) as caught:
            await room.runs.create('Three', {'source': value})
        assert sentence in caught.value.fields['source']
    with pytest.raises(NotFound):
        await room.runs.create('Nothing', {})
    with pytest.raises(NotFound):
        await room.runs.create('RunCommand', {'command': ['true']}, profile='nobody')
    assert await room.runs.page() == []


async def test_a_file_deleted_before_its_run_starts_is_named(room_of_three: ControlRoom, tmp_path: Path) -> None:
    room = room_of_three
    source = tmp_path / 'in.txt'
    source.write_text('abc')
    await room.runs.pause_queue()
    run = await room.runs.create('Three', {'source': str(source)})
    source.unlink()

    await room.runs.resume_queue()

    ended = await until(room, run.id)
    assert ended.state is RunState.FAILED
    assert ended.error is not None
    assert f'The file {source} is gone' in ended.error.message


# -- retry -----------------------------------------------------------------------------------------------------------


async def test_a_retry_from_a_step_keeps_what_earlier_steps_made(room_of_three: ControlRoom, tmp_path: Path) -> None:
    room = room_of_three
    (tmp_path / 'in.txt').write_text('abc')
    failed = await until(
        room, (await room.runs.create('Three', {'source': str(tmp_path / 'in.txt'), 'fails': True})).id
    )
    assert [str(step.state) for step in failed.steps] == ['succeeded', 'failed', 'skipped']
    assert failed.steps[2].note == 'SECOND failed'

    retried = await room.runs.retry(failed.id, from_step='second', parameters={'fails': False})

    ended = await until(room, retried.id)
    assert ended.state is RunState.SUCCEEDED, ended.error
    assert ended.retry_of == failed.id
    assert ended.steps[0].note == f'kept from #{failed.number}'
    assert ended.steps[0].started_at == failed.steps[0].started_at
    assert [artifact.name for artifact in ended.artifacts] == ['first.txt']
    assert (await room.runs.artifact_path(ended.id, 'first.txt')).read_text() == 'ABC'


async def test_a_retry_cannot_start_after_a_step_that_did_not_succeed(
    room_of_three: ControlRoom, tmp_path: Path
) -> None:
    room = room_of_three
    (tmp_path / 'in.txt').write_text('abc')
    failed = await until(
        room, (await room.runs.create('Three', {'source': str(tmp_path / 'in.txt'), 'fails': True})).id
    )

    with pytest.raises(Conflict, match='SECOND'):
        await room.runs.retry(failed.id, from_step='third')
    with pytest.raises(Invalid):
        await room.runs.retry(failed.id, from_step='nothing')
    with pytest.raises(Invalid):
        await room.runs.retry(failed.id, parameters={'fails': 'perhaps'})


async def test_a_waiting_run_cannot_be_retried(house: House) -> None:
    await house.runs.pause_queue()
    run = await house.runs.create('Work', {})

    with pytest.raises(Conflict) as caught:
        await house.runs.retry(run.id)

    assert caught.value.code == 'run_not_retryable'


# -- the queue -------------------------------------------------------------------------------------------------------


async def test_runs_start_in_order_and_never_more_than_there_are_workers(house: House) -> None:
    runs = [await house.runs.create('Work', {}) for _ in range(3)]
    host = await house.engine.next_host()
    assert host.job['id'] == runs[0].id
    assert [run.id for run in house.runs.waiting()] == [runs[1].id, runs[2].id]

    await house.runs.move_in_queue(runs[2].id, 0)
    host.say(t='end', state='succeeded')
    host.exit()

    host = await house.engine.next_host()
    assert host.job['id'] == runs[2].id
    assert house.runs.worker_of(runs[2].id) == 'worker-1'
    with pytest.raises(Conflict):
        await house.runs.move_in_queue(runs[2].id, 0)


async def test_a_pipeline_s_own_limit_lets_others_pass(tmp_path: Path) -> None:
    async with opened(tmp_path / 'data', workers=3, max_parallel=2) as house:
        runs = [await house.runs.create('Work', {}) for _ in range(3)]
        hosts = [await house.engine.next_host(), await house.engine.next_host()]

        assert [run.id for run in house.runs.waiting()] == [runs[2].id]
        assert house.status.busy_workers == 2
        hosts[1].exit(0)
        assert (await house.engine.next_host()).job['id'] == runs[2].id


async def test_a_paused_run_keeps_its_worker_and_is_paused_only_when_its_host_says_so(house: House) -> None:
    run = await house.runs.create('Work', {})
    host = await house.engine.next_host()
    await until(house, run.id, RunState.RUNNING)

    asked = await house.runs.pause(run.id)
    assert (asked.state, asked.is_pausing) == (RunState.RUNNING, True)
    host.say(t='paused')
    paused = await until(house, run.id, RunState.PAUSED)
    await until_status(house, lambda status: status.state == 'paused')
    assert not paused.is_pausing
    assert house.status.workers[0]['state'] == 'paused'

    await house.runs.resume(run.id)
    host.say(t='resumed')
    await until(house, run.id, RunState.RUNNING)
    assert host.sent == ['pause', 'resume']


async def test_a_waiting_run_is_cancelled_without_a_process(house: House) -> None:
    await house.runs.pause_queue()
    run = await house.runs.create('Work', {})

    ended = await house.runs.cancel(run.id)

    assert ended.state is RunState.CANCELLED
    assert {step.state for step in ended.steps} == {StepState.SKIPPED}
    assert house.runs.waiting() == []
    assert house.engine.hosts.empty()
    with pytest.raises(Conflict) as caught:
        await house.runs.cancel(run.id)
    assert caught.value.code == 'run_not_cancellable'


async def test_a_stop_while_the_log_is_saved_does_not_undo_a_failure(house: House) -> None:
    run = await house.runs.create('Work', {})
    host = await house.engine.next_host()
    host.say(t='step', name='one', state='running', attempt=1)
    await until(house, run.id, RunState.RUNNING)
    failed_at = datetime.now(UTC).isoformat()

    async def stop(*, now: bool = False) -> HostExit:
        error = {'message': 'It took longer than 3 s.', 'type': 'timeout'}
        host.say(t='step', name='one', state='failed', attempt=1, error=error, at=failed_at)
        host.exit(-9 if now else -15)
        return await host.wait()

    host.stop = stop  # type: ignore[method-assign]
    await house.runs.cancel(run.id)

    ended = await until(house, run.id)
    assert (ended.state, ended.steps[0].state) == (RunState.FAILED, StepState.FAILED)
    assert ended.error is not None
    assert ended.error.message == 'It took longer than 3 s.'


async def test_a_step_whose_output_is_still_being_logged_is_not_taken_for_one_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_limits, 'BACKSTOP_SECONDS', 0.05)
    is_checked, may_log = asyncio.Event(), asyncio.Event()
    check = TimeLimits._step_timed_out

    def checked(self: TimeLimits, *arguments: Any) -> None:
        check(self, *arguments)
        is_checked.set()

    monkeypatch.setattr(TimeLimits, '_step_timed_out', checked)
    steps = ({'name': 'one', 'title': 'ONE', 'retries': 0, 'timeout': 0.05},)
    async with opened(tmp_path / 'data', steps=steps) as house:
        monkeypatch.setattr(house.log, 'room_to_write', may_log.wait)
        run = await house.runs.create('Work', {})
        host = await house.engine.next_host()
        host.say(t='step', name='one', state='running', attempt=1)
        host.say(t='logs', e=[['2026-10-14T12:00:00+00:00', 'info', 'one', 'hello', 'one', None]])
        host.say(t='step', name='one', state='succeeded', attempt=1)
        host.say(t='end', state='succeeded')

        await asyncio.wait_for(is_checked.wait(), 20)
        may_log.set()
        host.exit(0)

        assert (await until(house, run.id)).state is RunState.SUCCEEDED
        assert 'kill' not in host.sent


async def test_the_emergency_stop_kills_live_runs_and_keeps_waiting_ones(house: House) -> None:
    live, waiting = await house.runs.create('Work', {}), await house.runs.create('Work', {})
    host = await house.engine.next_host()

    await house.runs.stop_everything('the fire alarm')

    assert (await until(house, live.id)).state is RunState.CANCELLED
    assert 'kill' in host.sent
    assert [run.id for run in house.runs.waiting()] == [waiting.id]
    assert house.status.queue_paused


async def test_the_same_key_gives_the_same_run(house: House) -> None:
    await house.runs.pause_queue()

    runs = await asyncio.gather(*(house.runs.create('Work', {}, idempotency_key='once') for _ in range(5)))

    assert len({run.id for run in runs}) == 1
    assert len(house.runs.waiting()) == 1
    assert len(await house.runs.page()) == 1


async def test_nothing_starts_on_a_full_disk_and_that_is_logged_once(tmp_path: Path) -> None:
    async with room_in(tmp_path / 'data', min_free_bytes=10**18) as room:
        runs = [await room.runs.create('RunCommand', {'command': ['true']}) for _ in range(2)]

        await until_status(room, lambda status: bool(status.notice))

        assert [run.id for run in room.runs.waiting()] == [run.id for run in runs]
        entries = [entry for entry in room.log.ring if 'no run starts' in entry.message]
        assert [str(entry.level) for entry in entries] == ['error']


# -- what a restart finds --------------------------------------------------------------------------------------------


async def test_a_restart_interrupts_live_runs_and_restores_the_queue_in_order(tmp_path: Path) -> None:
    async with opened(tmp_path / 'data', workers=1) as house:
        await house.runs.pause_queue()
        runs = [await house.runs.create('Work', {}) for _ in range(4)]
        await house.runs.move_in_queue(runs[3].id, 0)
    store = RunStore(tmp_path / 'data' / 'runs.db')
    steps = (
        StepRun(name='one', state=StepState.SUCCEEDED, started_at=NOW, finished_at=NOW),
        StepRun(name='two', state=StepState.RUNNING, started_at=NOW),
        StepRun(name='three'),
    )
    store.save(moved(runs[0], RunState.RUNNING, started_at=NOW, steps=steps).as_json())
    store.close()

    async with opened(tmp_path / 'data', workers=1) as house:
        interrupted = await house.runs.get(runs[0].id)
        waiting = [run.id for run in house.runs.waiting()]

    assert interrupted.state is RunState.INTERRUPTED
    assert interrupted.error is not None
    assert interrupted.error.hint == 'Retry it from TWO.'
    assert [str(step.state) for step in interrupted.steps] == ['succeeded', 'cancelled', 'skipped']
    assert waiting == [runs[3].id, runs[1].id, runs[2].id]


async def test_closing_interrupts_runs_that_do_not_end_in_time(tmp_path: Path) -> None:
    async with opened(tmp_path / 'data') as house:
        run = await house.runs.create('Work', {})
        host = await house.engine.next_host()
        await until(house, run.id, RunState.RUNNING)

    assert 'kill' in host.sent
    async with opened(tmp_path / 'data') as house:
        ended = await house.runs.get(run.id)
    assert ended.state is RunState.INTERRUPTED
    assert ended.error is not None
    assert ended.error.message == 'The control room was closed during this run.'


# -- progress, estimates, figures ------------------------------------------------------------------------------------


async def test_progress_is_shown_at_most_20_times_a_second_and_the_last_value_arrives(house: House) -> None:
    run = await house.runs.create('Work', {})
    host = await house.engine.next_host()
    shown: list[float] = []

    def see(message: RunChanged) -> None:
        if not message.moved and message.run.active_step:
            shown.append(message.run.active_step.progress)

    house.bus.subscribe(RunChanged, see)
    host.say(t='step', name='one', state='running', attempt=1)
    for percent in range(1, 100):
        host.say(t='progress', step='one', percent=percent, note='')
    last = house.bus.next(
        RunChanged,
        timeout=5,
        where=lambda news: news.run.active_step is not None and news.run.active_step.progress == 99,
    )

    await last

    assert len(shown) <= 5
    assert (await house.runs.get(run.id)).steps[0].progress == 99
    assert house.status.job is not None
    assert house.status.job['step'] == 'one'


def test_the_time_left_follows_habit_first_and_speed_later() -> None:
    steps = (
        StepRun(name='one', state=StepState.RUNNING, progress=0, started_at=NOW - timedelta(seconds=10)),
        StepRun(name='two'),
    )
    run = RunRecord(id='r', number=1, pipeline='Work', parameters={}, steps=steps, created_at=NOW)

    def with_progress(percent: float) -> RunRecord:
        return run.changed(steps=(steps[0].changed(progress=percent), steps[1]))

    assert seconds_left(run, {'one': 30, 'two': 5}, NOW) == 25
    assert seconds_left(with_progress(5), {'one': 30, 'two': 5}, NOW) == pytest.approx(105 + 5 * 116 / 31)
    assert seconds_left(with_progress(10), {'one': 1, 'two': 5}, NOW) == pytest.approx(90 + 20 * 5)
    assert seconds_left(with_progress(50), {'one': 30, 'two': 5}, NOW) == pytest.approx(10 + 5 * 21 / 31)
    assert seconds_left(with_progress(50), {'two': 5}, NOW) == 15
    assert seconds_left(run, {'one': 30}, NOW) is None
    assert seconds_left(run, {}, NOW) is None


SHORT_CLIPS = {'ingest': 0.5, 'caption': 0.7, 'render': 3.0, 'publish': 0.1}


def after_short_clips(*took: float, at: float, spent: float = 0.0, percent: float = 0.0) -> RunRecord:
    """A run of a long film whose first steps took so many seconds, and whose next one has worked for `spent`."""
    ended, steps = NOW + timedelta(seconds=at - spent), []
    for name, seconds in zip(SHORT_CLIPS, took, strict=False):
        start = ended - timedelta(seconds=seconds)
        steps.append(StepRun(name=name, state=StepState.SUCCEEDED, started_at=start, finished_at=ended))
    active, *pending = [*SHORT_CLIPS][len(took) :]
    steps.append(StepRun(name=active, state=StepState.RUNNING, started_at=ended, progress=percent))
    steps += [StepRun(name=name) for name in pending]
    running = RunState.RUNNING
    return RunRecord(
        id='r', number=1, pipeline='Work', parameters={}, state=running, steps=tuple(steps), created_at=NOW
    )


@pytest.mark.parametrize(
    ('took', 'spent', 'percent', 'least', 'most'),
    [
        ((), 2.0, 25.0, 20, 60),  # INGEST takes sixteen times as long as usual
        ((8.0,), 1.0, 30.0, 12, 80),
        ((8.0, 3.0), 0.5, 0.0, 10, 80),
        ((8.0, 3.0), 13.0, 5.0, 180, 300),
        ((8.0, 3.0), 125.0, 50.0, 125, 135),
    ],
)
def test_a_long_film_after_short_clips_is_not_promised_in_seconds(
    took: tuple[float, ...], spent: float, percent: float, least: float, most: float
) -> None:
    run = after_short_clips(*took, at=20, spent=spent, percent=percent)

    left = seconds_left(run, SHORT_CLIPS, NOW + timedelta(seconds=20))

    assert left is not None
    assert least <= left <= most


def test_a_step_without_progress_says_nothing_once_its_usual_time_is_nearly_over() -> None:
    def left(spent: float) -> float | None:
        run = after_short_clips(0.5, 0.7, at=spent, spent=spent)
        return seconds_left(run, SHORT_CLIPS, NOW + timedelta(seconds=spent))

    assert left(1.0) == pytest.approx(2.0 + 0.1)
    assert left(2.6) == pytest.approx(0.4 + 0.1)
    assert left(2.8) is None
    assert left(60) is None


def test_steps_kept_by_a_retry_do_not_make_the_others_slower() -> None:
    run = after_short_clips(800.0, 300.0, at=1, spent=1)
    kept = tuple(step.changed(note='kept from #1') if step.state.is_final else step for step in run.steps)

    assert seconds_left(run.changed(steps=kept), SHORT_CLIPS, NOW + timedelta(seconds=1)) == pytest.approx(2.1)


def test_a_pause_changes_nothing_about_the_time_left() -> None:
    run = at_work((0, 0), (10, 20))
    paused = transitions.paused(run, NOW + timedelta(seconds=10))
    resumed = transitions.resumed(paused, NOW + timedelta(seconds=70))
    again = transitions.progressed(resumed, {'step': 'one', 'percent': 40}, NOW + timedelta(seconds=80))

    assert seconds_left(paused, {}, NOW + timedelta(seconds=10)) == pytest.approx(40)
    assert seconds_left(paused, {}, NOW + timedelta(seconds=69)) == pytest.approx(40)
    assert seconds_left(resumed, {}, NOW + timedelta(seconds=70)) == pytest.approx(40)
    assert seconds_left(again, {}, NOW + timedelta(seconds=80)) == pytest.approx(30)


def test_the_clock_of_a_step_stands_still_while_it_is_paused() -> None:
    run = transitions.paused(at_work((4, 20)), NOW + timedelta(seconds=5))
    held = run.steps[0]
    resumed = transitions.resumed(run, NOW + timedelta(seconds=65)).steps[0]
    stopped = transitions.ended(run, RunState.CANCELLED, NOW + timedelta(seconds=35)).steps[0]

    assert held.worked_seconds(NOW + timedelta(seconds=60)) == 5
    assert (held.counts_from, held.held_at) == (None, NOW + timedelta(seconds=5))
    assert resumed.counts_from == NOW + timedelta(seconds=60)
    assert resumed.worked_seconds(NOW + timedelta(seconds=70)) == 10
    assert RunRecord.model_validate(run.as_json()).steps[0].held_at == held.held_at
    assert not {'held_at', 'held_seconds'} & set(at_work((4, 20)).as_json()['steps'][0])
    assert (stopped.held_seconds, stopped.worked_seconds(NOW + timedelta(seconds=99))) == (30, 5)


def at_work(*reports: tuple[float, float]) -> RunRecord:
    """A run whose only step has started and reported, each time seconds after its start and a percentage."""
    run = RunRecord(id='r', number=1, pipeline='Work', parameters={}, steps=(StepRun(name='one'),), created_at=NOW)
    run = transitions.started(run, NOW)
    run = transitions.step_reported(run, {'name': 'one', 'state': 'running', 'attempt': 1}, NOW)
    for after, percent in reports:
        moment = NOW + timedelta(seconds=after)
        run = transitions.progressed(run, {'step': 'one', 'percent': percent}, moment)
    return run


@pytest.mark.parametrize('startup', [0, 5, 60])
@pytest.mark.parametrize('first', [0, 0.4, 8])
def test_what_a_step_needs_to_start_up_does_not_make_the_time_left_longer(startup: float, first: float) -> None:
    """From its first progress on, this one takes a second for each percent."""
    for percent in (10, 12, 25, 50, 75, 99):
        run = at_work((startup, first), (startup + percent - first, percent))
        now = NOW + timedelta(seconds=startup + percent - first)

        assert seconds_left(run, {}, now) == pytest.approx(100 - percent)
        assert seconds_left(run, {'one': 3000}, now) == pytest.approx(100 - percent)


def test_the_first_report_alone_is_judged_by_the_time_since_the_start() -> None:
    run = at_work((10, 50))

    assert seconds_left(run, {}, NOW + timedelta(seconds=10)) == pytest.approx(10)


def test_work_that_begins_again_is_judged_by_its_own_speed() -> None:
    run = at_work((1, 5), (41, 45), (50, 0), (60, 20))

    assert seconds_left(run, {}, NOW + timedelta(seconds=60)) == pytest.approx(40)


def test_another_attempt_is_judged_by_its_own_speed() -> None:
    run = at_work((1, 5), (41, 45))
    run = transitions.step_reported(run, {'name': 'one', 'state': 'running', 'attempt': 2}, NOW)
    for after, percent in ((100, 5), (105, 15)):
        moment = NOW + timedelta(seconds=after)
        run = transitions.progressed(run, {'step': 'one', 'percent': percent}, moment)

    assert seconds_left(run, {}, NOW + timedelta(seconds=105)) == pytest.approx(42.5)


def test_what_the_speed_is_measured_from_is_kept_in_memory_only() -> None:
    run = at_work((10, 50))

    assert run.steps[0].pace is not None
    assert 'pace' not in run.as_json()['steps'][0]
    assert RunRecord.model_validate(run.as_json()).steps[0].progress == 50


def test_waiting_runs_are_expected_when_a_worker_and_a_place_are_free() -> None:
    def run(id: str, state: RunState, *steps: StepRun) -> RunRecord:
        return RunRecord(id=id, number=1, pipeline='Work', parameters={}, state=state, steps=steps, created_at=NOW)

    live = run('a', RunState.RUNNING, StepRun(name='one', state=StepState.RUNNING, started_at=NOW))
    waiting = [run(id, RunState.QUEUED, StepRun(name='one')) for id in 'bc']

    def seconds(limit: int | None) -> dict[str, float]:
        starts = expected_starts(
            waiting, [live], workers=2, typical=lambda _: {'one': 60.0}, limit=lambda _: limit, now=NOW
        )
        return {id: (at - NOW).total_seconds() for id, at in starts.items()}

    assert seconds(None) == {'b': 0, 'c': 60}
    assert seconds(1) == {'b': 60, 'c': 120}
    assert expected_starts(waiting, [live], workers=1, typical=lambda _: {}, limit=lambda _: None, now=NOW) == {}


def ended_run(store: RunStore, days_ago: int, state: str, seconds: float, *, hour: int = 10) -> None:
    at = (NOW - timedelta(days=days_ago)).replace(hour=hour)
    times = {'created_at': at - timedelta(seconds=seconds), 'finished_at': at}
    run = a_run(RunState(state), id=secrets.token_hex(4), started_at=times['created_at'], **times)
    store.create(run.as_json())


def test_the_figures_of_the_dashboard(tmp_path: Path) -> None:
    store = RunStore(tmp_path / 'runs.db')
    ended_run(store, 7, 'succeeded', 1)
    ended_run(store, 7, 'succeeded', 1, hour=20)
    ended_run(store, 1, 'succeeded', 20)
    ended_run(store, 0, 'succeeded', 10)
    ended_run(store, 0, 'failed', 1)
    ended_run(store, 0, 'cancelled', 1)

    shown = Figures(store, DailySums(store)).read(NOW)

    assert (shown['runs_today'], shown['runs_delta'], shown['failed_today']) == (3, 2, 1)
    assert (shown['success_ok'], shown['success_total'], shown['success_percent']) == (2, 3, 66.7)
    assert shown['median_seconds'] == 15
    assert shown['series']['runs'] == [0, 0, 0, 0, 0, 1, 3]
    assert shown['series']['median_seconds'][-2:] == [20, 10]


def test_days_are_added_up_again_only_if_something_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore(tmp_path / 'runs.db')
    sums, reads = DailySums(store), 0
    between = sums.between

    def counted(*days: Any) -> list[DaySum]:
        nonlocal reads
        reads += 1
        return between(*days)

    monkeypatch.setattr(sums, 'between', counted)
    shown = Figures(store, sums)

    def runs(now: datetime = NOW) -> tuple[int, int]:
        figures = shown.read(now)
        return figures['runs_today'], figures['runs_delta']

    ended_run(store, 7, 'succeeded', 1, hour=20)
    ended_run(store, 0, 'succeeded', 10)
    assert [runs() for _ in range(5)] == [(1, 1)] * 5
    assert reads == 2  # the first added the new runs to the sums, which is a change too

    assert runs(NOW.replace(hour=21)) == (1, 0)
    assert reads == 2

    other = DailySums(store)
    ended_run(store, 0, 'failed', 1)
    other.between(NOW.date(), NOW.date(), UTC)  # others count it first
    assert [runs() for _ in range(3)] == [(2, 2)] * 3

    assert runs(NOW + timedelta(days=1)) == (0, 0)
    assert runs(NOW.astimezone(timezone(timedelta(hours=13)))) == (0, 0)
    store.close()


async def test_figures_and_counts_come_from_what_has_ended(room: ControlRoom) -> None:
    run = await room.runs.create('RunCommand', {'command': ['true']})
    await until(room, run.id)

    await until_status(room, lambda status: status.counts['succeeded'] == 1)

    assert (await room.runs.dashboard_stats(datetime.now().astimezone()))['runs_today'] == 1
    assert (await room.runs.estimates.typical('RunCommand')).keys() == {'execute'}
    assert room.status.snapshot()['workers'][0]['state'] == 'idle'
