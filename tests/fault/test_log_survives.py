"""kill -9 in the middle of a flood, repeatedly: acknowledged entries are there once, and there are no gaps."""

import asyncio
import itertools
import random
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from storage.logs.store import LogStore
from synapse.bus import Bus
from synapse.log.log import Level, Log
from synapse.log.search import Search
from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest, wait_until

LIVES = 4
MOST_LINES = 25_000
PRINTER = """
import sys, time
for number in range(int(sys.argv[2])):
    print(f'life {sys.argv[1]} line {number:06d}')
sys.stdout.flush()
time.sleep(600)
"""
MOMENT = timedelta(seconds=1)

Row = dict[str, Any]


@dataclass
class Told:
    """What the programs of all lives had acknowledged, and what they sent without a response."""

    entries: list[Row] = field(default_factory=list)
    cleared_before: int = 0
    maybe_cleared_before: int = 0
    runs: list[str] = field(default_factory=list)


@pytest.mark.fault
@pytest.mark.timeout(120)
def test_a_log_survives_being_killed_in_the_middle_of_a_flood(tmp_path: Path) -> None:
    chance = random.Random(4)  # noqa: S311 - a test, not a secret
    data, told = tmp_path / 'data', Told()
    for life in range(LIVES):
        program = forked(data, '--workers', '2').start()
        try:
            _live(program, life, told, chance)
        finally:
            program.kill9()

    rows = list(_rows_of(data / 'logs.db'))
    _check_numbers(rows, told)
    _check_acknowledged(rows, told)
    for life, run in enumerate(told.runs):
        _check_printed(rows, life, run, told)
    asyncio.run(_check_figures_and_search(data / 'logs.db', rows))


def _live(program: SynapseUnderTest, life: int, told: Told, chance: random.Random) -> None:
    """Print, post and, from the second life on, clear, all at once; returns at some moment during it."""
    command = [sys.executable, '-c', PRINTER, str(life), str(MOST_LINES)]
    run = program.create_run('RunCommand', command=command)['id']
    told.runs.append(run)
    others = [threading.Thread(target=_post, args=[program, f'{life}.{number}', told]) for number in (1, 2)]
    for thread in others:
        thread.start()
    wait_until(lambda: _has_printed(program, run), timeout=20)
    if life:
        others.append(threading.Thread(target=_clear, args=[program, told]))
        others[-1].start()
    threading.Event().wait(chance.uniform(0, 0.8))
    program.kill9()
    for thread in others:
        thread.join(20)


def _has_printed(program: SynapseUnderTest, run: str) -> bool:
    with program.api as api:
        return bool(api.get(f'/runs/{run}/logs', params={'q': 'line 000000'}).json()['entries'])


def _post(program: SynapseUnderTest, name: str, told: Told) -> None:
    """Send single and batched entries, each with its number, until the program stops responding."""
    numbers = itertools.count()
    try:
        with program.api as api:
            while True:
                entries = [{'level': 'info', 'message': f'post {name}.{next(numbers)}'} for _ in range(20)]
                for body in (entries, entries[0] | {'message': f'post {name}.{next(numbers)}'}):
                    answer = api.post('/logs', json=body)
                    if answer.status_code == 201:
                        given = answer.json()
                        told.entries.extend(given if isinstance(given, list) else [given])
    except httpx.HTTPError:
        return


def _clear(program: SynapseUnderTest, told: Told) -> None:
    """Delete the older half of the log."""
    try:
        with program.api as api:
            half = told.entries[-1]['seq'] // 2
            told.maybe_cleared_before = max(told.maybe_cleared_before, half)
            if api.delete('/logs', params={'before': half}).status_code == 204:
                told.cleared_before = max(told.cleared_before, half)
    except httpx.HTTPError:
        return


def _rows_of(path: Path) -> Iterator[Row]:
    with sqlite3.connect(path) as connection:
        assert connection.execute('PRAGMA integrity_check').fetchone() == ('ok',)
    connection.close()
    store = LogStore(path)
    yield from store.iterate()
    store.close()


def _check_numbers(rows: list[Row], told: Told) -> None:
    seqs = [row['seq'] for row in rows]
    assert seqs == list(range(seqs[0], seqs[-1] + 1)), 'a gap or a double'
    assert max(1, told.cleared_before) <= seqs[0] <= max(1, told.maybe_cleared_before)
    assert told.maybe_cleared_before > 0, 'nothing was ever cleared'
    assert len({row['id'] for row in rows}) == len(rows)


def _check_acknowledged(rows: list[Row], told: Told) -> None:
    by_seq = {row['seq']: row for row in rows}
    kept = [entry for entry in told.entries if entry['seq'] >= rows[0]['seq']]

    assert len(kept) > 50, 'too little was acknowledged to prove anything'
    assert [by_seq.get(entry['seq']) for entry in kept] == kept
    posted = Counter(row['message'] for row in rows if row['message'].startswith('post '))
    assert set(posted.values()) == {1}
    assert {entry['message'] for entry in kept} <= set(posted)


def _check_printed(rows: list[Row], life: int, run: str, told: Told) -> None:
    """The output of a step is there from its first line, or from where the log was cleared, up to some line."""
    printed = [row for row in rows if row['run'] == run and row['message'].startswith('life ')]
    numbers = [int(row['message'].rpartition(' ')[2]) for row in printed]
    if life == LIVES - 1:
        assert numbers, 'nothing of the last flood is left'
    if not numbers:
        return
    assert {row['message'].split(' line ')[0] for row in printed} == {f'life {life}'}
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert numbers[0] == 0 or printed[0]['seq'] <= told.maybe_cleared_before + 500


async def _check_figures_and_search(path: Path, rows: list[Row]) -> None:
    log = Log(LogStore(path), Bus())
    await log.start()
    try:
        plain = Counter(row['level'] for row in rows)
        counted = {level.value: plain[level.value] for level in Level} | {'total': len(rows)}
        ago, soon = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + MOMENT
        histogram = await log.histogram(ago, soon)

        assert await log.stats() == counted
        assert await log.stats(start=ago, end=soon) == counted
        assert [sum(column) for column in zip(*histogram.counts, strict=True)] == [counted[level] for level in Level]
        assert dict(await log.sources()) == Counter(row['source'] for row in rows)
        for text in ('post', 'LINE 0000', '77', 'ife 2', 'ended', 'nowhere'):
            found = [entry.seq for entry in await log.query(q=text, limit=len(rows), oldest_first=True)]
            holding = [row['seq'] for row in rows if text.casefold() in row['message'].casefold()]
            matches = await log.matching(Search(text=text), limit=len(rows))
            assert found == holding
            assert matches.seqs == holding
            assert matches.is_complete
    finally:
        await log.stop()
