"""A run host that is suspended, or whose step holds the interpreter: it says nothing, and that is said."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from synapse.alerts.alerts import AlertKind
from synapse.control_room import ControlRoom
from synapse.engine import host_process
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord, RunState
from synapse.settings import Settings
from tests.synapse.runs.test_runs import until

pytestmark = pytest.mark.fault

HOG = """
import ctypes
from synapse import Pipeline, Run, step

class Hog(Pipeline):
    seconds: int

    @step
    def hog(self, run: Run):
        ctypes.PyDLL(None).sleep(self.seconds)  # holds the interpreter lock
"""


@pytest.fixture
async def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ControlRoom]:
    monkeypatch.setattr(host_process, 'ASK_SECONDS', 0.4)
    folder = tmp_path / 'data' / 'pipelines'
    folder.mkdir(parents=True)
    (folder / 'hog.py').write_text(HOG)
    room = ControlRoom.build(Settings(data=tmp_path / 'data', workers=2))
    await room.start()
    yield room
    await room.stop(grace=0)


async def silent(room: ControlRoom, run: RunRecord, *, is_silent: bool) -> RunRecord:
    if ((await room.runs.get(run.id)).silence is not None) is is_silent:
        return await room.runs.get(run.id)
    news = await room.bus.next(
        RunChanged,
        timeout=20,
        where=lambda news: news.run.id == run.id and (news.run.silence is not None) is is_silent,
    )
    return news.run


async def sleeping(room: ControlRoom) -> tuple[RunRecord, int]:
    """A run of `sleep`, and the pid of its host."""
    run = await room.runs.create('RunCommand', {'command': ['sleep', '600']})
    await room.bus.next(RunChanged, timeout=20, where=lambda news: news.run.active_step is not None)
    return run, (await room.runs.process_tree(run.id))[0]['pid']


async def test_a_suspended_host_is_shown_until_it_goes_on(room: ControlRoom) -> None:
    run, pid = await sleeping(room)

    os.kill(pid, signal.SIGSTOP)
    shown = await silent(room, run, is_silent=True)

    assert shown.state is RunState.RUNNING
    assert shown.silence is not None
    assert f'Its process (pid {pid}) is suspended by a signal' in shown.silence.message
    assert f'kill -CONT {pid}' in shown.silence.hint
    assert shown.as_json()['silence']['message'] == shown.silence.message
    [alert] = [alert for alert in room.alerts if alert.kind is AlertKind.RUN_SILENT]
    assert alert.title == 'sleep 600 does not answer'
    assert alert.is_active

    os.kill(pid, signal.SIGCONT)
    again = await silent(room, run, is_silent=False)

    assert 'silence' not in again.as_json()
    assert not any(alert.is_active for alert in room.alerts if alert.kind is AlertKind.RUN_SILENT)
    messages = [entry.message for entry in await room.log.query(run=run.id)]
    assert messages[0] == 'Its process answers again'


async def test_a_suspended_host_can_be_stopped(room: ControlRoom) -> None:
    run, pid = await sleeping(room)
    os.kill(pid, signal.SIGSTOP)
    await silent(room, run, is_silent=True)

    await room.runs.cancel(run.id, now=True)

    ended = await until(room, run.id)
    assert ended.state is RunState.CANCELLED
    assert ended.silence is None


async def test_a_step_that_holds_the_interpreter_is_not_called_suspended(room: ControlRoom) -> None:
    run = await room.runs.create('Hog', {'seconds': 3})

    shown = await silent(room, run, is_silent=True)

    assert shown.silence is not None
    assert 'does not answer' in shown.silence.message
    assert 'may hold the interpreter' in shown.silence.hint
    assert (await until(room, run.id)).state is RunState.SUCCEEDED


async def test_a_quiet_run_answers_when_it_is_asked(room: ControlRoom) -> None:
    run, _ = await sleeping(room)
    changes: list[RunRecord] = []
    room.bus.subscribe(RunChanged, lambda news: changes.append(news.run))

    quick = await room.runs.create('RunCommand', {'command': ['sleep', '3']})
    await until(room, quick.id)

    assert not any(change.silence for change in changes)
    assert (await room.runs.get(run.id)).silence is None
