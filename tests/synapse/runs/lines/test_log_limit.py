"""A run that prints more than it may put into the log."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.logs.store import LogStore
from synapse.bus import Bus
from synapse.control_room import ControlRoom
from synapse.log.log import Level, Log
from synapse.protocol.spool import SPOOL, Spool
from synapse.runs.lines import log_limit
from synapse.runs.lines.intake import Intake
from synapse.runs.records import RunState
from synapse.settings import Settings
from tests.synapse.runs.lines.test_intake import RUN, at, printed, raw
from tests.synapse.runs.test_runs import until


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    log = Log(LogStore(tmp_path / 'logs.db'), Bus())
    await log.start()
    yield log
    await log.stop()


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    room = ControlRoom.build(Settings(data=tmp_path / 'data', workers=1))
    await room.start()
    yield room
    await room.stop(grace=0)


async def test_beyond_the_limit_lines_are_counted_and_the_last_1000_logged(log: Log, tmp_path: Path) -> None:
    spool, intake = Spool(tmp_path / SPOOL), Intake(log, RUN, tmp_path, most_bytes=200_000)
    for hundred in range(100):
        spool.append(*raw(''.join(f'line {hundred * 100 + n}\n' for n in range(100)), hundred))
        await intake.take(spool.size_message() or {})
    await intake.take({'t': 'logs', 'e': [[at(200), 'error', 'lib', 'it broke', 's', None]]})
    await intake.finish()

    lines = await printed(log)
    first = [f'line {n}' for n in range(1_900)]
    last = [f'line {n}' for n in range(9_000, 10_000)]
    assert lines[:1_900] == first
    assert lines[1_900] == (
        'The log of this run has reached 200 kB, which is the limit. From here on lines are left out, '
        'except errors, warnings and the last 1,000.'
    )
    assert lines[1_901] == 'it broke'
    assert (
        lines[1_902]
        == '7,100 lines were left out: the log of one run is limited to 200 kB. Its last 1,000 lines follow.'
    )
    assert lines[1_903:] == last
    assert [entry.level for entry in await log.query(run=RUN, source='runs')] == [Level.WARNING] * 2


async def test_lines_that_come_by_the_pipe_are_limited_too(log: Log, tmp_path: Path) -> None:
    intake = Intake(log, RUN, tmp_path, most_bytes=2_000)
    for number in range(3_000):
        await intake.take(
            {'t': 'raw', 'id': 1, 'source': 'stdout', 'step': 's', 'at': at(number), 'text': f'{number}\n'}
        )
    await intake.log_last_lines()
    assert (await printed(log))[-1] == '2999'
    for number in range(5):
        await intake.take_line(f'past the channel {number}', 's')
    await intake.take_line('Segmentation fault', 's', Level.ERROR)
    await intake.finish()

    lines = await printed(log)
    assert len(lines) < 20 + 1 + 1 + 1_000 + 10
    assert lines[-6:] == ['Segmentation fault', *(f'past the channel {number}' for number in range(5))]


async def test_an_endless_program_is_stopped_by_its_timeout_and_leaves_room_in_the_log(
    room: ControlRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    await room.retention.set({'log_megabytes': 10})
    run = await room.runs.create('RunCommand', {'command': ['yes'], 'timeout': '1s'})

    ended = await until(room, run.id)

    assert ended.state is RunState.FAILED
    assert ended.error is not None
    assert ended.error.message == 'yes took longer than 1 s and was stopped.'
    assert ended.took_seconds is not None
    assert ended.took_seconds < 15
    entries = [entry async for page in room.log.pages(run=run.id) for entry in page]
    assert sum(entry.message == 'y' for entry in entries) < 2_500_000 / (log_limit.LINE_BYTES + 1) + 2_000
    assert any('the log of one run is limited to 2.5 MB' in entry.message for entry in entries)
    assert entries[-2].message.startswith('EXECUTE failed')
    assert not (room.runs.folder_of(run.id) / SPOOL).exists()
