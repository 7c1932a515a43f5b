"""What is kept and what is removed: real runs, folders, calendar and log, a movable clock, and a kill halfway."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.documents import Documents
from storage.files import DiskFull
from storage.ledger import Ledger
from storage.logs.store import LogStore
from storage.runs import RunStore
from synapse import retention
from synapse.control_room import ControlRoom
from synapse.errors import Conflict, DiskIsFull, Invalid, NotFound
from synapse.log.messages import LogCleared
from synapse.retention import RetentionChanged, RetentionPolicy, RetentionReport, describe_policy, describe_report
from synapse.runs.messages import RunsRemoved
from synapse.settings import Settings
from tests.parts.harness import ROOT, wait_until
from tests.parts.movable_clock import MovableClock
from tests.parts.retention_lives import BYTES, FILES, add_run
from tests.parts.writers import log_row

NOW = datetime(2026, 10, 14, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Kept:
    """A room without workers in which nothing is removed by itself, with past runs added by the test."""

    def __init__(self, data: Path, clock: MovableClock) -> None:
        self.clock, self.data = clock, data
        self.room = ControlRoom.build(
            Settings(data=data, workers=1, min_free_bytes=0), now=clock.now, clocks=clock.clocks, zone='UTC'
        )
        self.retention = self.room.retention

    async def start(self) -> 'Kept':
        room = self.room
        await room.log.start()
        await room.profiles.start()
        await room.catalog.start()
        await room.runs.start()
        await room.runs.pause_queue()
        await room.calendar.start()
        return self

    async def stop(self) -> None:
        room = self.room
        await room.retention.stop()
        await room.calendar.stop()
        await room.runs.stop(grace=0)
        await room.catalog.stop()
        await room.engine.close()
        await room.log.stop()
        room.calendar.close()
        room.history.close()
        room.preferences.close()

    def add_run(self, id: str, ago: timedelta, **values: Any) -> dict[str, Any]:
        """Add a run that ended this long ago, with its folder."""
        return add_run(self.room.history, self.data / 'runs', id, self.clock.now() - ago, **values)

    def add_occurrence(self, run: Mapping[str, Any], **values: Any) -> None:
        row = {'event_id': 'e', 'due': run['created_at'], 'title': 'Nightly', 'pipeline': 'RunCommand'}
        row |= {'state': 'fired', 'run': run['id'], 'is_open': False}
        Ledger(self.room.history).account([(row | values, None)])

    def folders(self) -> set[str]:
        return {path.name for path in (self.data / 'runs').iterdir()}

    async def runs(self) -> set[str]:
        return {run.id for run in await self.room.runs.page(limit=1000)}

    def said(self) -> list[str]:
        return [entry.message for entry in self.room.log.ring if entry.source == retention.SOURCE]


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(NOW)


@pytest.fixture
async def kept(tmp_path: Path, clock: MovableClock) -> AsyncIterator[Kept]:
    kept = await Kept(tmp_path / 'data', clock).start()
    yield kept
    await kept.stop()


async def until_forgotten(room: ControlRoom) -> tuple[str, ...]:
    return (await room.bus.next(RunsRemoved, timeout=10)).ids


# -- the policy --------------------------------------------------------------------------------------------------------


async def test_what_is_set_holds_after_a_restart(tmp_path: Path, clock: MovableClock) -> None:
    first = await Kept(tmp_path / 'data', clock).start()
    assert first.retention.policy == RetentionPolicy()
    await first.retention.set({'log_days': 30, 'run_count': 50})
    await first.stop()

    again = await Kept(tmp_path / 'data', clock).start()

    assert again.retention.policy == RetentionPolicy(log_days=30, run_count=50)
    await again.stop()


@pytest.mark.parametrize(
    ('values', 'sentence'),
    [
        ({'log_days': 0}, 'Between 1 and 3,650 days, or forever.'),
        ({'log_days': 'two'}, 'Between 1 and 3,650 days, or forever.'),
        ({'log_megabytes': None}, 'Between 10 and 1,000,000 MB.'),
        ({'run_days': True}, 'Between 1 and 3,650 days, or forever.'),
        ({'run_count': 2.5}, 'Between 1 and 1,000,000 runs, or all of them.'),
        ({'run_weeks': 3}, 'There is no such setting.'),
    ],
)
async def test_what_does_not_fit_is_refused_with_a_sentence(kept: Kept, values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Invalid) as error:
        await kept.retention.set(values)

    assert error.value.fields == {next(iter(values)): sentence}
    assert kept.retention.policy == RetentionPolicy()


async def test_a_full_disk_leaves_what_holds_as_it_is(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise DiskFull('No room is left.')

    monkeypatch.setattr(kept.room.preferences, 'put', full)

    with pytest.raises(DiskIsFull):
        await kept.retention.set({'run_days': 1})

    assert kept.retention.policy == RetentionPolicy()


async def test_settings_that_cannot_be_read_remove_nothing(tmp_path: Path, clock: MovableClock) -> None:
    data = tmp_path / 'data'
    data.mkdir()
    documents = Documents(data / 'settings.json')
    documents.put('retention', {'log_days': 7, 'log_megabytes': 10, 'of_tomorrow': 1})
    documents.close()

    kept = await Kept(data, clock).start()

    assert kept.retention.policy == RetentionPolicy(log_megabytes=1_000_000)
    assert 'everything is kept' in kept.retention.notices[0]
    await kept.stop()


def test_policies_and_reports_are_described_in_words() -> None:
    keep = RetentionPolicy(log_days=7, run_days=90, run_count=50)
    gone = RetentionReport(old_lines=412_000, old_runs=1, surplus_runs=3, run_bytes=1_250_000_000)

    assert describe_policy(keep) == 'log lines of 7 days, up to 1,000 MB; runs of 90 days, at most 50'
    assert describe_policy(RetentionPolicy()) == 'log lines, up to 1,000 MB; all runs'
    assert describe_report(gone, keep) == (
        '412,000 log lines older than 7 days, 1 run that ended more than 90 days ago, '
        '3 runs beyond the newest 50 and with them 1,250.0 MB of files'
    )
    assert describe_report(RetentionReport(surplus_lines=9), keep, is_ahead=True) == 'about 9 log lines beyond 1,000 MB'


# -- runs ------------------------------------------------------------------------------------------------------------


async def test_runs_go_by_age_with_all_that_is_in_their_folders(kept: Kept) -> None:
    kept.add_run('old', 8 * DAY)
    kept.add_run('edge', 7 * DAY - timedelta(seconds=5))
    await kept.retention.set({'run_days': 7})
    ahead = await kept.retention.preview()

    gone = await kept.retention.clean_now()

    assert (ahead.old_runs, gone.old_runs, gone.run_bytes) == (1, 1, BYTES)
    assert await kept.runs() == kept.folders() == {'edge'}
    assert kept.said()[-1] == (
        f'Removed 1 run that ended more than 7 days ago and with them {BYTES / 1e6:,.1f} MB of files.'
    )


async def test_time_alone_makes_a_run_too_old(kept: Kept, clock: MovableClock) -> None:
    kept.add_run('one', DAY)
    kept.add_run('last', timedelta(hours=1))
    await kept.retention.set({'run_days': 7})
    assert (await kept.retention.clean_now()).is_empty

    clock.advance(6 * DAY)

    assert (await kept.retention.clean_now()).runs == 1
    assert await kept.runs() == {'last'}


async def test_the_newest_stay_and_the_last_one_whatever_its_age(kept: Kept, clock: MovableClock) -> None:
    for number in range(1, 46):
        kept.add_run(f'r{number}', number * DAY)
    await kept.retention.set({'run_count': 3})
    ahead = await kept.retention.preview()

    gone = await kept.retention.clean_now()

    assert (ahead.surplus_runs, gone.surplus_runs) == (42, 42)
    assert await kept.runs() == kept.folders() == {'r1', 'r2', 'r3'}
    clock.advance(400 * DAY)
    await kept.retention.set({'run_days': 1})
    await kept.retention.clean_now()
    assert await kept.runs() == {'r1'}


async def test_a_run_that_has_just_ended_stays_however_few_are_kept(kept: Kept) -> None:
    for number in range(3):
        kept.add_run(f'r{number}', timedelta(seconds=number))
    await kept.retention.set({'run_count': 1})

    assert (await kept.retention.clean_now()).is_empty


async def test_runs_that_are_still_needed_are_kept(kept: Kept) -> None:
    """Runs that are needed: retried by a waiting run, read by one, read by an event, and missed without an answer."""
    runs = kept.room.runs
    runs_of = {id: kept.add_run(id, 30 * DAY) for id in ('retried', 'read', 'planned', 'open', 'free')}
    kept.add_run('last', DAY)
    kept.add_occurrence(runs_of['open'], is_open=True)
    await runs.retry('retried')
    await runs.create('BackupFolder', {'folder': str(runs.folder_of('read')), 'destination': str(kept.data / 'copy')})
    await kept.room.editor.create(
        {
            'pipeline': 'RunCommand',
            'parameters': {'command': ['cat', str(runs.folder_of('planned') / 'long-lines.txt')]},
            'start': '2027-01-01T12:00:00',
            'timezone': 'UTC',
        }
    )
    await kept.retention.set({'run_days': 7})

    assert (await kept.retention.preview()).runs == 1
    assert (await kept.retention.clean_now()).runs == 1

    assert {'retried', 'read', 'planned', 'open', 'last'} == kept.folders() - {run.id for run in runs.waiting()}
    assert 'free' not in await kept.runs()


async def test_a_retry_keeps_its_run_while_it_is_made(kept: Kept) -> None:
    kept.add_run('old', 30 * DAY)
    kept.add_run('last', DAY)
    await kept.retention.set({'run_days': 7})

    with kept.room.runs.past.holding('old'):
        assert (await kept.retention.clean_now()).runs == 0

    assert (await kept.retention.clean_now()).runs == 1


async def test_a_run_that_was_removed_is_reported_and_not_repeated(kept: Kept) -> None:
    run = kept.add_run('old', 30 * DAY, idempotency_key='once')
    kept.add_run('last', DAY)
    await kept.retention.set({'run_days': 7})
    await kept.retention.clean_now()

    for asked in (kept.room.runs.get('old'), kept.room.runs.find_by_number(run['number'])):
        with pytest.raises(NotFound) as error:
            await asked
        assert error.value.message == f'Run #{run["number"]} has been removed.'
        assert 'It succeeded on 14 Sep 2026 and was removed on 14 Oct 2026.' in error.value.hint
    with pytest.raises(Conflict, match='has been removed'):
        await kept.room.runs.create('RunCommand', {'command': ['true']}, idempotency_key='once')
    with pytest.raises(NotFound, match="No run has the id 'never'"):
        await kept.room.runs.get('never')


async def test_the_month_shows_what_was_after_it_is_gone(kept: Kept) -> None:
    fired = kept.add_run('fired', 10 * DAY, due=(NOW - 10 * DAY).isoformat(), event_id='e', state='failed')
    kept.add_occurrence(fired)
    kept.add_run('alone', 9 * DAY, subject='film.mp4')
    kept.add_run('last', DAY)
    month = (NOW - 30 * DAY, NOW + DAY)
    before = await kept.room.calendar.entries(*month)
    figures = await kept.room.runs.dashboard_stats(NOW - 8 * DAY)
    await kept.retention.set({'run_days': 7})

    assert (await kept.retention.clean_now()).runs == 2

    entries = await kept.room.calendar.entries(*month)
    assert entries == before
    assert [(entry.title, entry.state) for entry in entries[:2]] == [('Nightly', 'failed'), ('film.mp4', 'succeeded')]
    assert await kept.room.runs.dashboard_stats(NOW - 8 * DAY) == figures


async def test_files_of_the_inbox_go_with_the_last_run_that_names_them(kept: Kept) -> None:
    async def bytes_of(data: bytes) -> AsyncIterator[bytes]:
        yield data

    inbox = kept.room.inbox
    (one, shared) = [await inbox.receive(name, bytes_of(b'x')) for name in ('one.mp4', 'shared.mp4')]
    for id, file, ago in (('a', one, 30), ('b', shared, 30), ('c', shared, 1)):
        parameters = {'video': f'inbox:{file.id}'}
        kept.add_run(id, ago * DAY, pipeline='PublishVideo', state='cancelled', parameters=parameters)
    await kept.retention.set({'run_days': 7})

    await kept.retention.clean_now()

    assert [item.name for item in inbox.all()] == ['shared.mp4']


async def test_a_folder_that_cannot_be_removed_is_reported_and_retried(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.add_run('old', 30 * DAY)
    kept.add_run('last', DAY)
    await kept.retention.set({'run_days': 7})

    def refuse(path: Path) -> None:
        raise PermissionError(13, 'Permission denied', str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, 'unlink', lambda path, missing_ok=False: refuse(path))
        assert (await kept.retention.clean_now()).run_bytes == 0
    assert 'old' in kept.folders()
    assert 'old' not in await kept.runs()

    assert (await kept.retention.clean_now()).run_bytes == BYTES
    assert kept.folders() == {'last'}


async def test_lists_learn_what_was_removed_and_pages_see_the_progress(kept: Kept) -> None:
    for number in range(25):
        kept.add_run(f'r{number:02}', (number + 1) * DAY)
    await kept.retention.set({'run_count': 1})
    seen: list[int] = []
    forgotten: list[str] = []

    def look(_: RetentionChanged) -> None:
        seen.append(kept.retention.progress.runs if kept.retention.progress is not None else -1)

    kept.room.bus.subscribe(RetentionChanged, look)
    kept.room.bus.subscribe(RunsRemoved, lambda message: forgotten.extend(message.ids))

    await kept.retention.clean_now()

    assert [count for index, count in enumerate(seen) if seen[index - 1 : index] != [count]] == [0, 20, 24, -1]
    assert len(forgotten) == len(set(forgotten)) == 24
    assert kept.retention.last_cleaning is not None
    assert kept.retention.last_cleaning[1].runs == 24


async def test_a_failure_that_was_removed_raises_no_alert(kept: Kept) -> None:
    kept.add_run('old', 30 * DAY, state='failed')
    kept.add_run('last', DAY)
    kept.room.runs.status._unseen_failure = 'old'
    await kept.retention.set({'run_days': 7})

    await kept.retention.clean_now()

    assert kept.room.runs.status._unseen_failure is None


# -- the log ---------------------------------------------------------------------------------------------------------


async def say_much(kept: Kept, megabytes: int) -> None:
    """Log this many thousand lines of a kilobyte, and save them."""
    for _ in range(megabytes):
        kept.room.log.extend({'level': 'info', 'message': f'{n} {"x" * 1_000}', 'source': 'test'} for n in range(1_000))
        await kept.room.log.saved(kept.room.log.last_seq)


async def test_lines_go_by_age(tmp_path: Path) -> None:
    data = tmp_path / 'data'
    data.mkdir()
    store, now = LogStore(data / 'logs.db'), datetime.now(UTC)
    ages = [8 * DAY] * 30 + [DAY] * 20
    store.append([log_row(seq, timestamp=(now - age).isoformat()) for seq, age in enumerate(ages, 1)])
    store.close()
    kept = await Kept(data, MovableClock(now)).start()
    cleared = asyncio.ensure_future(kept.room.bus.next(LogCleared, timeout=10))
    await asyncio.sleep(0)
    ahead = await kept.retention.preview({'log_days': 7})
    await kept.retention.set({'log_days': 7})

    gone = await kept.retention.clean_now()

    assert ahead.old_lines == gone.old_lines == 30
    assert kept.said()[-1] == 'Removed 30 log lines older than 7 days.'
    assert (await cleared).seq == 30
    assert len(await kept.room.log.query(source='test')) == 20
    await kept.stop()


async def test_the_log_stays_below_its_size_and_grows_no_more(kept: Kept) -> None:
    await say_much(kept, 14)
    assert (await kept.retention.figures()).log_bytes > 14_000_000
    ahead = await kept.retention.preview({'log_megabytes': 10})
    await kept.retention.set({'log_megabytes': 10})

    gone = await kept.retention.clean_now()

    assert (await kept.retention.figures()).log_bytes <= 10_000_000
    assert gone.surplus_lines == pytest.approx(ahead.surplus_lines, rel=0.5)
    left = await kept.room.log.query(source='test', limit=1000)
    assert left[0].message.startswith('999 '), 'the newest line stays'
    assert (await kept.retention.figures()).lines == kept.room.log.counters.total


async def test_a_log_that_grew_much_is_trimmed_at_once(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, 'GREW_LINES', 13_000)
    monkeypatch.setattr(kept.retention, 'policy', RetentionPolicy(log_megabytes=10))
    cleared = asyncio.ensure_future(kept.room.bus.next(LogCleared, timeout=20))
    await kept.retention.start()

    await say_much(kept, 14)

    await cleared
    # In a flood this happens every few seconds, so the next cleaning reports it.
    assert not any('Removed' in message for message in kept.said())
    gone = await kept.retention.clean_now()
    assert gone.surplus_lines > 0
    assert f'{gone.surplus_lines:,} log lines beyond 10 MB' in kept.said()[-1]


# -- in the background -------------------------------------------------------------------------------------------------


async def test_it_happens_by_itself_after_the_start_and_when_less_is_to_be_kept(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, 'FIRST_AFTER', 0.05)
    kept.add_run('older', 30 * DAY)
    kept.add_run('old', 8 * DAY)
    kept.add_run('last', DAY)
    kept.retention.policy = RetentionPolicy(run_days=20)
    went = asyncio.ensure_future(until_forgotten(kept.room))
    await asyncio.sleep(0)

    await kept.retention.start()

    assert await went == ('older',)
    went = asyncio.ensure_future(until_forgotten(kept.room))
    await kept.retention.set({'run_days': 7})
    assert await went == ('old',)


async def test_the_loop_is_never_held_while_much_goes(kept: Kept) -> None:
    for number in range(30):
        kept.add_run(f'r{number}', (number + 2) * DAY, files=4_000 if number == 7 else 0)
    await kept.retention.set({'run_count': 1})
    # CPU time of this thread, which is the same however busy the machine is.
    longest, last = 0.0, time.thread_time()
    cleaning = asyncio.ensure_future(kept.retention.clean_now())

    while not cleaning.done():
        await asyncio.sleep(0.001)
        now = time.thread_time()
        longest, last = max(longest, now - last), now

    assert (await cleaning).runs == 29
    assert longest < 0.03, 'removed on the loop, so many files would take several times as long'


async def test_a_stop_half_way_leaves_the_rest_for_the_next_start(tmp_path: Path, clock: MovableClock) -> None:
    first = await Kept(tmp_path / 'data', clock).start()
    for number in range(45):
        first.add_run(f'r{number}', (number + 2) * DAY, files=40)
    await first.retention.set({'run_count': 1})
    went = asyncio.ensure_future(until_forgotten(first.room))
    cleaning = asyncio.ensure_future(first.retention.clean_now())
    await went

    await first.stop()

    with contextlib.suppress(asyncio.CancelledError):
        await cleaning
    again = await Kept(tmp_path / 'data', clock).start()
    left = await again.runs()
    assert len(left) > 1
    await again.retention.clean_now()
    assert await again.runs() == again.folders() == {'r0'}
    await again.stop()


def test_a_kill_half_way_leaves_no_half_run(tmp_path: Path) -> None:
    """A run exists with its whole folder or not at all, and the next start removes the rest of its folder."""
    data = tmp_path / 'data'
    command = [sys.executable, '-m', 'tests.parts.retention_lives', str(data)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline()
            before = _files_in(data)
            wait_until(lambda: _files_in(data) < before, timeout=20)
        finally:
            process.send_signal(signal.SIGKILL)

    store = RunStore(data / 'runs.db')
    runs = {run['id'] for run in store.page(limit=1000)}
    store.close()

    assert runs, 'all was over before the kill'
    assert all(len([*(data / 'runs' / id / 'work').iterdir()]) == FILES for id in runs), 'a run without all its files'
    assert len([*(data / 'runs').iterdir()]) > len(runs), 'no folder was half gone'
    asyncio.run(_end_in_order(data))


def _files_in(data: Path) -> int:
    # Unlike `rglob`, this tolerates files that disappear meanwhile.
    return sum(len(files) for _, _, files in os.walk(data / 'runs'))


async def _end_in_order(data: Path) -> None:
    kept = await Kept(data, MovableClock(datetime.now(UTC))).start()
    # As if a run could not be read: its folder must not be taken for a leftover.
    (data / 'runs' / 'stranger').mkdir()
    await kept.retention.clean_now()
    assert kept.folders() == await kept.runs() | {'stranger'}
    await kept.stop()
