"""Sums of days: each run counts once, whatever happens to it, to the program and to the zone."""

import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from storage.daily_sums import AT_ONCE, DailySums
from storage.ledger import Ledger
from storage.pruned_runs import PrunedRuns
from storage.runs import RunStore, insert_run
from tests.parts.writers import run_document
from tests.storage.test_runs import START, at, ended

TODAY = START.date()
WEEK = (TODAY - timedelta(days=6), TODAY)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'runs.db'


@pytest.fixture
def store(path: Path) -> RunStore:
    return RunStore(path)


@pytest.fixture
def sums(store: RunStore) -> DailySums:
    return DailySums(store)


def make_old(store: RunStore) -> None:
    """Make it a folder of a build that kept no sums."""
    with store.transaction() as connection:
        for statement in ('DELETE FROM uncounted', 'DELETE FROM daily', 'DELETE FROM facts'):
            connection.execute(statement)


def statements(store: RunStore, sums: DailySums) -> list[str]:
    """What SQLite is asked while the sums are read."""
    asked: list[str] = []
    with store.reading() as connection:
        connection.set_trace_callback(asked.append)
    sums.between(*WEEK, UTC)
    with store.reading() as connection:
        connection.set_trace_callback(None)
    return asked


def test_runs_are_summed_by_day_state_and_length(store: RunStore, sums: DailySums) -> None:
    for number, seconds in enumerate((5.04, 5.01, 9.96, 61.4, 86_400 * 2), 1):
        ended(store, number, seconds)
    ended(store, 6, 5, state='failed')
    store.create(run_document(7))

    day = START.date()
    assert sums.between(day, day, UTC) == [
        (day, 'failed', 5.0, 1),
        (day, 'succeeded', 5.0, 2),
        (day, 'succeeded', 10.0, 1),
        (day, 'succeeded', 61.0, 1),
    ]
    assert sums.between(day, day + timedelta(days=2), UTC)[-1] == (day + timedelta(days=2), 'succeeded', 172_800.0, 1)


def test_a_run_counts_once_however_often_it_is_saved(store: RunStore, sums: DailySums) -> None:
    run = ended(store, 1, 5)
    assert sums.between(*WEEK, UTC) == [(TODAY, 'succeeded', 5.0, 1)]

    store.save(run | {'artifacts': ['late.txt']})
    store.save(run)

    assert sums.between(*WEEK, UTC) == [(TODAY, 'succeeded', 5.0, 1)]


@pytest.mark.parametrize('is_counted_before', [True, False])
def test_a_removed_run_still_counts(store: RunStore, sums: DailySums, *, is_counted_before: bool) -> None:
    Ledger(store)
    ended(store, 1, 5)
    if is_counted_before:
        sums.between(*WEEK, UTC)

    assert PrunedRuns(store).prune(['r1'], at=START) == ['r1']

    assert sums.between(*WEEK, UTC) == [(TODAY, 'succeeded', 5.0, 1)]
    with store.transaction() as connection:
        connection.execute('DELETE FROM traces')
    assert sums.between(*WEEK, UTC) == [(TODAY, 'succeeded', 5.0, 1)]


def test_days_are_those_of_the_zone_that_is_asked_for(store: RunStore, sums: DailySums) -> None:
    ended(store, 1, 11 * 3600)  # at 23:00 in UTC
    tomorrow = TODAY + timedelta(days=1)

    def days(zone: ZoneInfo | timezone) -> list[date]:
        return [day for day, _, _, count in sums.between(TODAY, tomorrow, zone) for _ in range(count)]

    assert days(ZoneInfo('UTC')) == [TODAY]
    assert days(ZoneInfo('Europe/Berlin')) == [tomorrow]
    ended(store, 2, 1)
    assert days(ZoneInfo('Europe/Berlin')) == [TODAY, tomorrow]
    assert days(ZoneInfo('America/New_York')) == [TODAY, TODAY]


def test_an_old_folder_is_counted_in_steps_and_an_interruption_loses_nothing(path: Path) -> None:
    store = RunStore(path)
    Ledger(store)
    count = 3 * AT_ONCE + 7
    with store.transaction() as connection:
        for number in range(count):
            times = {'created_at': at(0), 'started_at': at(0), 'finished_at': at(1)}
            insert_run(connection, run_document(number, state='succeeded', **times) | {'number': number})
    PrunedRuns(store).prune([f'r{number}' for number in range(0, count, 5)], at=START)
    make_old(store)
    store.close()

    # It is killed after its second transaction.
    script = f"""
import os, signal
from datetime import UTC, date
from pathlib import Path
import storage.daily_sums as sums
from storage.runs import RunStore
left = iter(range(2))
sums.time.sleep = lambda _: next(left, None) is None and os.kill(os.getpid(), signal.SIGKILL)
sums.DailySums(RunStore(Path({str(path)!r}))).between(date({WEEK[0]:%Y, %-m, %-d}), date({TODAY:%Y, %-m, %-d}), UTC)
"""
    killed = subprocess.run([sys.executable, '-c', script], check=False, env=os.environ | {'PYTHONPATH': '.'})
    assert killed.returncode == -signal.SIGKILL

    again = RunStore(path)
    with again.reading() as connection:
        assert 0 < connection.execute('SELECT SUM(count) FROM daily').fetchone()[0] < count
    assert DailySums(again).between(*WEEK, UTC) == [(TODAY, 'succeeded', 1.0, count)]


def test_reading_does_not_grow_with_the_history(store: RunStore, sums: DailySums) -> None:
    for number in range(30):
        ended(store, number, 1)
    sums.between(*WEEK, UTC)

    assert not [asked for asked in statements(store, sums) if 'finished' in asked or 'FROM traces' in asked]


def test_days_long_before_those_that_are_read_are_forgotten(store: RunStore, sums: DailySums) -> None:
    ended(store, 1, 1)
    assert sums.between(*WEEK, UTC)
    later = TODAY + timedelta(days=300)

    assert sums.between(later, later, UTC) == []

    with store.reading() as connection:
        assert connection.execute('SELECT COUNT(*) FROM daily').fetchone() == (0,)


def test_every_run_is_in_the_sums_the_moment_it_is_saved(store: RunStore, sums: DailySums) -> None:
    for number in range(1, 2 * AT_ONCE, 50):
        for extra in range(50):
            ended(store, number + extra, 1)
        [(_, _, _, count)] = sums.between(*WEEK, UTC)
        assert count == number + 49


def test_a_day_begins_where_the_clocks_say(store: RunStore, sums: DailySums) -> None:
    berlin = ZoneInfo('Europe/Berlin')
    changed = datetime(2026, 10, 25, tzinfo=berlin)
    for number, moment in enumerate((changed - timedelta(seconds=1), changed, changed.replace(hour=23, minute=59)), 1):
        times = {'created_at': moment.isoformat(), 'started_at': moment.isoformat(), 'finished_at': moment.isoformat()}
        store.create(run_document(number, state='failed', **times))

    found = sums.between(date(2026, 10, 24), date(2026, 10, 26), berlin)

    assert [(day.day, count) for day, _, _, count in found] == [(24, 1), (25, 2)]
