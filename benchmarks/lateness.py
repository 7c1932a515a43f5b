"""How late occurrences fire, beside bare APScheduler in the same run: `python -m benchmarks.lateness`.

Bare APScheduler only calls a coroutine. Synapse also decides by policy, keeps the claim and the run on disk in one
transaction that outlives a power loss, and puts the run into the queue; its lateness is what the ledger says.
"""

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

from benchmarks import planned
from benchmarks.builds import Bench
from benchmarks.due import LEAD_SECONDS, after, fired
from benchmarks.measuring import REFERENCE, Figure, Figures, Sides, benchmark, p50, p99

EVENTS, SPREAD_SECONDS = 1000, 10
_HOW = (
    'while the queue is paused: how late they are fired, as the ledger says, and how long after the last moment 99 % '
    'of them can be read from the disk, as another process finds.'
)


def _figures(what: str, limit: float | None = None) -> dict[str, Figure]:
    return {
        'p50': Figure(what=f'{what}, fired, p50'),
        'p99': Figure(what=f'{what}, fired, p99', of_reference=limit),
        'saved': Figure(what='99 % of them on disk'),
    }


@benchmark(
    'lateness',
    f'{EVENTS:,} events of one second, {_HOW}',
    reference='bare APScheduler, which calls as many coroutines',
    rounds=3,
    figures=_figures(f'{EVENTS:,} events of one second', 3.0),
)
def lateness(bench: Bench) -> Iterator[Sides]:
    yield _sides(bench, 1)


@benchmark(
    'lateness-spread',
    f'{EVENTS // SPREAD_SECONDS} events a second for {SPREAD_SECONDS} seconds, {_HOW}',
    reference='bare APScheduler likewise',
    rounds=3,
    figures=_figures(f'{EVENTS // SPREAD_SECONDS} events a second'),
)
def lateness_spread(bench: Bench) -> Iterator[Sides]:
    yield _sides(bench, SPREAD_SECONDS)


def _sides(bench: Bench, seconds: int) -> Sides:
    offsets = [timedelta(seconds=number % seconds) for number in range(bench.count(EVENTS))]
    sides = {side: partial(of_ledger, bench, side, offsets) for side in bench.builds}
    return sides | {REFERENCE: partial(of_apscheduler, offsets)}


def of_ledger(bench: Bench, side: str, offsets: Sequence[timedelta]) -> Figures:
    begin = after(LEAD_SECONDS)
    end, count = begin + max(offsets), len(offsets)
    with fired(bench, side, planned.at(begin + offset for offset in offsets), begin) as program:
        program.calls().post('/queue/pause', {}, status=202)
        with closing(sqlite3.connect(f'file:{program.data}/runs.db?mode=ro', uri=True)) as ledger:
            saved = _since(end, ledger, ['claimed', 'fired'], count * 0.99)
            _since(end, ledger, ['fired'], count)
            rows = [json.loads(text) for (text,) in ledger.execute('SELECT document FROM occurrences')]
    late = [row['late_seconds'] * 1000 for row in rows]
    return {'p50': p50(late), 'p99': p99(late), 'saved': saved}


def _since(end: datetime, ledger: sqlite3.Connection, states: Sequence[str], count: float) -> float:
    """Milliseconds from `end` until so many occurrences are in these states."""
    query = 'SELECT COUNT(*) FROM occurrences WHERE state IN (SELECT value FROM json_each(?))'
    time.sleep(max(0, end.timestamp() - time.time()))
    while time.time() < end.timestamp() + 120:
        if ledger.execute(query, [json.dumps(states)]).fetchone()[0] >= count:
            return (time.time() - end.timestamp()) * 1000
        time.sleep(0.005)
    raise AssertionError(f'not {count:.0f} of the occurrences were {" or ".join(states)}')


def of_apscheduler(offsets: Sequence[timedelta]) -> Figures:
    begin = after(3)
    late = asyncio.run(bare([begin + offset for offset in offsets]))
    return {'p50': p50(late), 'p99': p99(late)}


async def bare(moments: Sequence[datetime]) -> list[float]:
    """Milliseconds of lateness of coroutine jobs."""
    late: list[float] = []
    done = asyncio.Event()

    async def job(due: datetime) -> None:
        late.append((datetime.now(UTC) - due).total_seconds() * 1000)
        if len(late) == len(moments):
            done.set()

    scheduler = AsyncIOScheduler(timezone=UTC)
    scheduler.start(paused=True)
    for due in moments:
        scheduler.add_job(job, DateTrigger(due), args=[due], misfire_grace_time=None)
    scheduler.resume()
    await done.wait()
    scheduler.shutdown(wait=False)
    return late


if __name__ == '__main__':
    from benchmarks.__main__ import main

    sys.exit(main(['lateness', 'lateness-spread']))
