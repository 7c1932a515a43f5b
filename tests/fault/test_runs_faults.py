"""Runs whose processes crash, refuse to die or flood, or whose disk is full: each ends in an honest state."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from storage.files import DiskFull
from storage.runs import RunStore
from synapse.control_room import ControlRoom
from synapse.engine.process_tree import is_gone
from synapse.errors import DiskIsFull
from synapse.log.messages import LinesLogged
from synapse.protocol import spool
from synapse.runs import folders as run_folders
from synapse.runs.live import saving, time_limits
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunState, StepState
from synapse.settings import Settings
from tests.parts.scripted import opened
from tests.synapse.runs.test_runs import until

pytestmark = pytest.mark.fault

ODD_STEPS = """
import ctypes, os, subprocess, sys, time
from typing import Literal
from synapse import Pipeline, Run, step

class Odd(Pipeline):
    how: Literal['segfault', 'exit', 'children', 'prints', 'floods', 'holds', 'late']

    @step
    def before(self, run: Run):
        pass

    @step(timeout=1)
    def timed(self, run: Run):
        if self.how == 'late':
            ctypes.PyDLL(None).sleep(60)   # holds the interpreter lock: not even the host's own timer runs

    @step
    def work(self, run: Run):
        if self.how == 'segfault':
            ctypes.string_at(0)
        if self.how == 'exit':
            os._exit(3)
        if self.how == 'children':
            script = 'trap "" TERM; setsid sleep 1234 & sleep 1234 & wait'
            run.log.info('ready')
            run.shell(['sh', '-c', script])
        if self.how == 'prints':
            for number in range(20_000):
                print('line', number)
        while self.how == 'floods':
            print('x' * 2_000)
        while self.how == 'holds':
            run.progress(1)
            time.sleep(0.01)

    @step
    def after(self, run: Run):
        pass
"""


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    folder = tmp_path / 'data' / 'pipelines'
    folder.mkdir(parents=True)
    (folder / 'odd.py').write_text(ODD_STEPS)
    room = ControlRoom.build(Settings(data=tmp_path / 'data', workers=2))
    await room.start()
    yield room
    await room.stop(grace=0)


async def test_a_segfault_fails_the_run_by_its_signal_and_the_next_run_works(room: ControlRoom) -> None:
    run = await room.runs.create('Odd', {'how': 'segfault'})

    ended = await until(room, run.id)

    assert ended.state is RunState.FAILED
    assert ended.error is not None
    assert ended.error.type == 'signal'
    assert ended.error.message == 'The process of this run was killed by SIGSEGV (11).'
    assert [str(step.state) for step in ended.steps] == ['succeeded', 'succeeded', 'failed', 'skipped']
    assert ended.steps[3].note == 'WORK failed'
    entries = await room.log.query(run=run.id, source='stderr')
    assert any('Segmentation fault' in entry.message for entry in entries)
    fine = await room.runs.create('RunCommand', {'command': ['true']})
    assert (await until(room, fine.id)).state is RunState.SUCCEEDED


async def test_a_process_that_leaves_without_a_word_fails_its_run(room: ControlRoom) -> None:
    run = await room.runs.create('Odd', {'how': 'exit'})

    ended = await until(room, run.id)

    assert ended.error is not None
    assert ended.error.message == 'The process of this run ended with code 3 before its work was done.'


async def test_a_step_that_hogs_the_interpreter_is_ended_when_its_time_is_over(
    room: ControlRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_limits, 'BACKSTOP_SECONDS', 0.5)
    run = await room.runs.create('Odd', {'how': 'late'})

    ended = await until(room, run.id)

    assert ended.state is RunState.FAILED
    assert ended.error is not None
    assert (ended.error.type, ended.error.message) == ('timeout', 'TIMED took longer than the 1 s it may take.')


async def test_a_stop_leaves_no_process_and_the_tree_can_be_watched(room: ControlRoom) -> None:
    run = await room.runs.create('Odd', {'how': 'children'})
    sleepers = await processes(room, run.id, count=2)

    await room.runs.cancel(run.id, now=True)

    assert (await until(room, run.id)).state is RunState.CANCELLED
    assert all(is_gone(psutil.Process(pid)) for pid in sleepers if psutil.pid_exists(pid))
    assert await room.runs.process_tree(run.id) == []


async def processes(room: ControlRoom, run_id: str, *, count: int) -> list[int]:
    """The pids of the run's sleepers, once there are this many."""
    async with asyncio.timeout(20):
        while True:
            tree = await room.runs.process_tree(run_id)
            pids = [process['pid'] for process in tree if process['command'].startswith('sleep 1234')]
            if len(pids) >= count:
                return pids
            run = await room.runs.get(run_id)
            assert not run.state.is_final, run.error
            await asyncio.sleep(0)


async def test_every_printed_line_is_in_the_log_in_its_order(room: ControlRoom) -> None:
    run = await room.runs.create('Odd', {'how': 'prints'})

    ended = await until(room, run.id)

    assert ended.state is RunState.SUCCEEDED, ended.error
    lines = [entry.message async for page in pages(room, run.id) for entry in page if entry.source == 'stdout']
    assert lines == [f'line {number}' for number in range(20_000)]


async def test_an_endless_flood_starves_no_one_and_leaves_nothing_on_the_disk(
    room: ControlRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await room.runs.create('Odd', {'how': 'floods'})
    folder = room.runs.folder_of(run.id)
    await room.bus.next(LinesLogged, timeout=20, where=lambda news: news.entries[0].message == 'x' * 2_000)
    loop, late, most = asyncio.get_running_loop(), [], 0

    for _ in range(150):
        since = loop.time()
        await asyncio.sleep(0.01)
        late.append(loop.time() - since - 0.01)
        most = max(most, len(list((folder / 'spool').glob('*.spool'))))
    await room.runs.cancel(run.id, now=True)

    assert (await until(room, run.id)).state is RunState.CANCELLED
    assert sorted(late)[int(len(late) * 0.95)] < 0.1
    assert 1 <= most <= spool.MAX_FILES + 2
    assert not (folder / 'spool').exists()


def pages(room: ControlRoom, run_id: str) -> AsyncIterator[list[Any]]:
    return room.log.pages(run=run_id)


async def test_a_paused_run_holds_and_a_stop_reaches_it(room: ControlRoom) -> None:
    run = await room.runs.create('Odd', {'how': 'holds'})
    working = room.bus.next(
        RunChanged,
        timeout=20,
        where=lambda news: news.run.active_step is not None and news.run.active_step.progress == 1,
    )
    await working

    await room.runs.pause(run.id)
    await until(room, run.id, RunState.PAUSED)
    await room.runs.resume(run.id)
    await until(room, run.id, RunState.RUNNING)
    await room.runs.cancel(run.id)

    ended = await until(room, run.id)
    assert ended.state is RunState.CANCELLED
    assert [str(step.state) for step in ended.steps] == ['succeeded', 'succeeded', 'cancelled', 'skipped']


class FullDisk(RunStore):
    """A store that can fail to save anything."""

    is_full = False

    def create(self, document: dict[str, Any], *, idempotency_key: str | None = None) -> dict[str, Any]:
        self._refuse()
        return super().create(document, idempotency_key=idempotency_key)

    def save(self, document: dict[str, Any]) -> None:
        self._refuse()
        super().save(document)

    def _refuse(self) -> None:
        if self.is_full:
            raise DiskFull('No room is left on the disk.')


async def test_on_a_full_disk_no_run_is_made_and_no_end_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, 'SAVE_AGAIN_SECONDS', 0.02)
    (tmp_path / 'data').mkdir()
    store = FullDisk(tmp_path / 'data' / 'runs.db')
    async with opened(tmp_path / 'data', store=store, workers=1) as house:
        live, waiting = await house.runs.create('Work', {}), await house.runs.create('Work', {})
        host = await house.engine.next_host()
        store.is_full = True

        with pytest.raises(DiskIsFull):
            await house.runs.create('Work', {})
        with pytest.raises(DiskIsFull):
            await house.runs.cancel(waiting.id)
        host.say(t='step', name='one', state='running')
        host.say(t='end', state='succeeded')
        host.exit()
        with contextlib.suppress(TimeoutError):
            await house.bus.next(RunChanged, timeout=0.2)
        assert (await house.runs.get(live.id)).state is RunState.RUNNING
        assert [run.id for run in house.runs.waiting()] == [waiting.id]
        trouble = [entry.message for entry in house.log.ring if 'waits until it can be saved' in entry.message]
        assert len(trouble) == 1

        store.is_full = False
        ended = await until(house, live.id)

        assert ended.state is RunState.SUCCEEDED
        assert ended.steps[0].state is StepState.SUCCEEDED


async def test_a_retry_that_does_not_fit_on_the_disk_leaves_nothing(
    room: ControlRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await until(room, (await room.runs.create('Odd', {'how': 'exit'})).id)
    folders = {path.name for path in room.runs.folder_of(run.id).parent.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise DiskFull('film.mp4 takes 2 bytes, and 1 are left.')

    monkeypatch.setattr(run_folders, 'copy', full)
    with pytest.raises(DiskIsFull, match='no room is left'):
        await room.runs.retry(run.id, from_step='work')

    assert {path.name for path in room.runs.folder_of(run.id).parent.iterdir()} == folders
    assert len(await room.runs.page()) == 1
