"""Limits of one run, with real processes: memory, output, free space, silence. Other runs notice nothing."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from synapse.alerts.alerts import AlertKind
from synapse.control_room import ControlRoom
from synapse.runs import transitions
from synapse.runs.dispatch import dispatcher
from synapse.runs.live import stalls
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord, RunState, StepState
from synapse.settings import Settings
from tests.synapse.runs.test_runs import until

pytestmark = pytest.mark.fault

HUNGRY = """
import subprocess, sys
from synapse import Pipeline, Run, step

EAT = 'held = []\\nwhile True: held.append(bytearray(b"x") * 4_000_000)'
LATER = 'import subprocess, sys; subprocess.run([sys.executable, "-c", sys.argv[1]])'

class Hungry(Pipeline):
    memory_limit = '200 MB'
    who: str

    @step
    def prepare(self, run: Run):
        run.log.info('ready')

    @step(retries=3)
    def eat(self, run: Run):
        if self.who == 'itself':
            exec(EAT)
        elif self.who == 'child':
            run.shell([sys.executable, '-c', EAT])
        elif self.who == 'grandchild':
            run.shell([sys.executable, '-c', LATER, EAT])
        elif self.who == 'reserves':  # as Go, Java and node do
            run.shell([sys.executable, '-c', 'import mmap, time; m = mmap.mmap(-1, 8_000_000_000); time.sleep(2)'])
        elif self.who == 'many':
            some = 'x = bytearray(b"x") * 50_000_000; import time; time.sleep(60)'
            held = [subprocess.Popen([sys.executable, '-c', some]) for _ in range(6)]
            held[0].wait()
"""

LOUD = """
import sys
from synapse import Pipeline, Run, step

class Loud(Pipeline):
    output_limit = '200 kB'

    @step
    def say(self, run: Run):
        run.shell(['sh', '-c', 'yes | head -n 2000000; echo the last words >&2'])
"""

QUIET = """
from synapse import Pipeline, Run, step

class Quiet(Pipeline):
    STALL_AFTER
    command: list[str]

    @step
    def wait(self, run: Run):
        run.shell(self.command, can_hold=True)
"""

KILLED = """
import sys
from synapse import Pipeline, Run, step

class Killed(Pipeline):
    group: str

    @step
    def eat(self, run: Run):
        eats = f'open({self.group + "/cgroup.procs"!r}, "w").write("0"); data = bytearray(400_000_000)'
        run.log.info('it ended', code=run.shell([sys.executable, '-c', eats]))
"""

BIG = """
from synapse import Pipeline, Run, step

class Big(Pipeline):
    needs_free = '900 TB'

    @step
    def write(self, run: Run):
        pass
"""


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    folder = tmp_path / 'data' / 'pipelines'
    folder.mkdir(parents=True)
    quiet, still, calm = (
        QUIET.replace('STALL_AFTER', 'stall_after = 1'),
        QUIET.replace('STALL_AFTER', 'stall_after = 3').replace('Quiet', 'Still'),
        QUIET.replace('STALL_AFTER', '').replace('Quiet', 'Calm'),
    )
    for name, text in {
        'hungry': HUNGRY,
        'loud': LOUD,
        'quiet': quiet,
        'still': still,
        'calm': calm,
        'big': BIG,
        'killed': KILLED,
    }.items():
        (folder / f'{name}.py').write_text(text)
    room = ControlRoom.build(Settings(data=tmp_path / 'data', workers=2, min_free_bytes=0))
    await room.start()
    yield room
    await room.stop(grace=0)


@pytest.mark.parametrize('who', ['itself', 'child', 'grandchild', 'many'])
async def test_a_run_that_takes_too_much_memory_fails_in_words(room: ControlRoom, who: str) -> None:
    other = await room.runs.create('RunCommand', {'command': ['sleep', '600']})

    run = await until(room, (await room.runs.create('Hungry', {'who': who})).id)

    assert run.state is RunState.FAILED
    assert run.error is not None
    assert run.error.message.startswith('EAT used ')
    assert run.error.message.endswith('of memory, the limit is 200 MB.')
    assert 'raise memory_limit' in run.error.hint
    assert [step.state for step in run.steps] == [StepState.SUCCEEDED, StepState.FAILED]
    assert run.failed_step is not None
    assert run.failed_step.error == run.error
    assert run.failed_step.attempt == 1
    said = [entry.message for entry in await room.log.query(run=run.id)]
    assert not any('code -9' in text or 'SIGKILL' in text or 'Next attempt' in text for text in said)
    assert (await room.runs.get(other.id)).state is RunState.RUNNING


async def test_memory_that_is_only_reserved_does_not_count(room: ControlRoom) -> None:
    run = await until(room, (await room.runs.create('Hungry', {'who': 'reserves'})).id)

    assert run.state is RunState.SUCCEEDED


async def test_what_a_run_prints_beyond_its_limit_is_counted(room: ControlRoom) -> None:
    run = await until(room, (await room.runs.create('Loud', {})).id)

    lines = [entry async for page in room.log.pages(run=run.id) for entry in page]
    printed = [entry for entry in lines if entry.source == 'sh']
    assert run.state is RunState.SUCCEEDED
    assert run.cut is not None
    assert run.cut.lines + len(printed) == 2_000_001
    assert run.cut.bytes >= run.cut.lines
    assert printed[0].message == 'y'
    assert printed[-1].message == 'the last words'
    assert any(f'{run.cut.lines:,} lines were left out' in entry.message for entry in lines)
    assert (await room.runs.get(run.id)).as_json()['cut'] == {'lines': run.cut.lines, 'bytes': run.cut.bytes}


async def stalled(room: ControlRoom, run: RunRecord, *, is_stalled: bool = True) -> RunRecord:
    if ((await room.runs.get(run.id)).stall is not None) is is_stalled:
        return await room.runs.get(run.id)
    news = await room.bus.next(
        RunChanged, timeout=30, where=lambda news: news.run.id == run.id and (news.run.stall is not None) is is_stalled
    )
    return news.run


async def test_a_silent_step_is_reported_until_it_speaks(room: ControlRoom, tmp_path: Path) -> None:
    pipe = tmp_path / 'pipe'
    os.mkfifo(pipe)
    run = await room.runs.create(
        'Quiet', {'command': ['sh', '-c', 'read x < "$1"; echo "$x"; sleep 600', 'sh', str(pipe)]}
    )

    shown = await stalled(room, run)

    assert shown.state is RunState.RUNNING
    assert shown.stall is not None
    assert shown.stall.message.startswith('WAIT has been silent for ')
    assert shown.as_json()['stall']['step'] == 'wait'
    [alert] = [alert for alert in room.alerts if alert.kind is AlertKind.RUN_STALLED]
    assert alert.is_active
    assert alert.title.endswith(': WAIT is silent')

    await asyncio.to_thread(pipe.write_text, 'I am here\n')
    assert 'stall' not in (await stalled(room, run, is_stalled=False)).as_json()
    messages = [entry.message for entry in await room.log.query(run=run.id)]
    assert 'WAIT is heard of again' in messages


async def test_a_paused_run_is_not_stalled(room: ControlRoom) -> None:
    run = await room.runs.create('Quiet', {'command': ['sleep', '600']})
    await stalled(room, run)

    await room.runs.pause(run.id)
    await until(room, run.id, RunState.PAUSED)

    paused = await stalled(room, run, is_stalled=False)
    assert paused.state is RunState.PAUSED
    assert not any(alert.is_active for alert in room.alerts if alert.kind is AlertKind.RUN_STALLED)


async def test_a_silent_step_that_works_is_not_stalled(room: ControlRoom) -> None:
    seen: list[RunRecord] = []
    room.bus.subscribe(RunChanged, lambda news: seen.append(news.run))

    # With longer looks than the others: a busy machine lends it a processor now and then.
    run = await room.runs.create('Still', {'command': ['timeout', '7', 'sh', '-c', 'while :; do :; done']})

    assert (await until(room, run.id)).state is RunState.SUCCEEDED
    assert not any(change.stall for change in seen)


async def test_what_is_far_too_long_is_learned_from_earlier_runs(
    room: ControlRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {'LOOK_SECONDS': 0.2, 'LEAST_SECONDS': 1.0, 'FEW': 1}.items():
        monkeypatch.setattr(stalls, name, value)
    monkeypatch.setattr(transitions, 'QUIET_SECONDS', 0.0)
    good = await until(room, (await room.runs.create('Calm', {'command': ['sleep', '0.5']})).id)
    assert good.steps[0].quiet_seconds >= 0.5

    shown = await stalled(room, await room.runs.create('Calm', {'command': ['sleep', '600']}))

    assert shown.stall is not None
    assert shown.stall.longest_seconds == good.steps[0].quiet_seconds
    assert '; the longest before was ' in shown.stall.message


async def test_a_run_waits_for_the_free_space_that_it_needs(
    room: ControlRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, 'SPACE_SECONDS', 0.2)
    waiting = asyncio.ensure_future(room.bus.next(RunChanged, timeout=20, where=lambda news: bool(news.run.waits_for)))
    run = await room.runs.create('Big', {})

    shown = (await waiting).run
    other = await until(room, (await room.runs.create('RunCommand', {'command': ['true']})).id)

    assert shown.state is RunState.QUEUED
    assert shown.waits_for.startswith('900 TB of free space: only ')
    assert other.state is RunState.SUCCEEDED
    assert (await room.runs.get(run.id)).as_json()['waits_for'] == shown.waits_for
    [alert] = [alert for alert in room.alerts if alert.kind is AlertKind.SPACE_NEEDED]
    assert alert.title == 'Big has to wait'
    (tmp_path / 'data' / 'pipelines' / 'big.py').write_text(BIG.replace('900 TB', '1 MB'))
    assert (await until(room, run.id)).state is RunState.SUCCEEDED
    assert not any(alert.is_active for alert in room.alerts if alert.kind is AlertKind.SPACE_NEEDED)


@pytest.mark.skipif(not os.access('/sys/fs/cgroup/memory', os.W_OK), reason='no control group can be made here')
async def test_a_program_that_the_kernel_ends_for_memory_is_named(room: ControlRoom) -> None:
    group = Path('/sys/fs/cgroup/memory/synapse-test-of-limits')
    group.mkdir()
    try:
        (group / 'memory.limit_in_bytes').write_text(str(64_000_000))
        run = await until(room, (await room.runs.create('Killed', {'group': str(group)})).id)
    finally:
        group.rmdir()

    said = [entry.message for entry in await room.log.query(run=run.id)]
    assert any('was killed. The kernel killed ' in text and 'memory ran out' in text for text in said)


@pytest.mark.skipif(sys.platform != 'linux', reason='Linux alone has such scores')
async def test_the_system_would_end_a_step_before_the_control_room(room: ControlRoom) -> None:
    run = await room.runs.create('RunCommand', {'command': ['sleep', '600']})
    await room.bus.next(RunChanged, timeout=20, where=lambda news: news.run.active_step is not None)

    def score(pid: int) -> int:
        return int(Path(f'/proc/{pid}/oom_score_adj').read_text())

    tree = await room.runs.process_tree(run.id)
    assert all(score(process['pid']) >= score(os.getpid()) + 400 for process in tree)
