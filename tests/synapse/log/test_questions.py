"""Queries about many lines at once, and deleting the oldest while more are logged."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.logs.store import LEVELS, LogStore
from synapse.bus import Bus
from synapse.errors import Invalid
from synapse.log.log import Entry, Level, Log
from synapse.log.messages import LogCleared
from synapse.log.search import Search

START = datetime(2026, 10, 14, 12, 0, tzinfo=UTC)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    log = Log(LogStore(tmp_path / 'logs.db'), Bus())
    await log.start()
    yield log
    await log.stop()


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def say(log: Log, message: str, seconds: float = 0, **more: Any) -> Entry:
    known = {'level': Level.INFO, 'source': 'test'} | more
    return log.append(known.pop('level'), message, timestamp=at(seconds), **known)


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that no message announces."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - changed by a thread that sets no event
            await asyncio.sleep(0.001)


def say_many(log: Log, count: int, text: str = 'frame {} of many') -> None:
    now = START.isoformat()
    for first in range(0, count, 1_000):
        lines = [(now, text.format(number)) for number in range(first, min(first + 1_000, count))]
        log.append_lines(lines, level='info', source='ffmpeg', run='r', step='render')


async def test_printed_lines_become_entries_like_any_others(log: Log) -> None:
    log.hide('r', ['hunter2'])
    lines = [('2026-10-14T14:00:01+02:00', 'one'), ('yesterday', 'hunter2 ü'), (at(2).isoformat(), 'x' * 20_000)]

    said = log.append_lines(lines, level='warning', source='ffmpeg', run='r', step='render')

    assert [entry.seq for entry in said] == [1, 2, 3]
    assert said[0] == Entry(said[0].id, 1, at(1), Level.WARNING, 'one', 'ffmpeg', 'r', 'render')
    assert said[1].message == '*** ü'
    assert (len(said[2].message), said[2].fields, said[2].timestamp) == (16_384, {'cut': 20_000}, at(2))
    assert await log.query(run='r') == said[::-1]
    assert list(log.ring) == said


async def test_matches_are_the_newest_in_order_and_tell_whether_they_are_complete(log: Log) -> None:
    for number in range(10):
        say(log, f'Frame \x1b[31m{number}\x1b[0m', number, source='odd' if number % 2 else 'even')

    every = await log.matching(Search(text='frame 1'))
    newest = await log.matching(Search(text='FRAME'), limit=3, source='odd')
    pattern = await log.matching(Search(text=r'^Frame [357]$', is_regex=True, is_case_sensitive=True))
    nothing = await log.matching(Search(text='frame', is_case_sensitive=True), level_min='debug')

    assert (every.seqs, every.is_complete, every.searched_to) == ([2], True, None)
    assert (newest.seqs, newest.is_complete, newest.searched_to) == ([6, 8, 10], False, at(5))
    assert (pattern.seqs, pattern.is_complete) == ([4, 6, 8], True)
    assert nothing.seqs == []
    assert [entry.seq for entry in await log.query(search=Search(text='3|4', is_regex=True))] == [5, 4]


async def test_a_pattern_that_never_ends_blocks_no_one(log: Log) -> None:
    say(log, 'a' * 5_000 + '!')
    for _ in range(5):
        say(log, 'a' * 5_000)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    counting = asyncio.create_task(count_turns())
    found = await log.matching(Search(text=r'(?R)|b', is_regex=True))
    counting.cancel()

    assert not found.is_complete
    assert turns > 0
    with pytest.raises(Invalid) as error:
        await log.query(search=Search(text=r'(?R)|b', is_regex=True))
    assert error.value.code == 'slow_pattern'


async def test_a_search_that_no_one_waits_for_ends(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('storage.logs.store._MATCH_ROWS', 10)
    monkeypatch.setattr('synapse.log.log.SEARCH_SECONDS', 60)
    say_many(log, 3_000)
    looked: list[int] = []
    ended: list[bool] = []

    def matching(*arguments: Any, **named: Any) -> Any:
        found = LogStore.matching(log._store, *arguments, **named)
        ended.append(True)
        return found

    def is_in(_: Search, text: str) -> bool:
        looked.append(len(text))
        time.sleep(0.01)
        return False

    monkeypatch.setattr(log._store, 'matching', matching)
    monkeypatch.setattr(Search, 'is_in', is_in)
    searching = asyncio.create_task(log.matching(Search(text='.', is_regex=True)))
    await until(lambda: looked)
    searching.cancel()
    await until(lambda: ended)

    assert len(looked) < 1_000


async def test_figures_of_any_span_come_from_summaries(log: Log) -> None:
    for second in range(120):
        say(
            log,
            f'line {second}',
            second,
            level=LEVELS[second % 6],
            source='a' if second < 60 else 'b',
            run=f'r{second // 40}',
        )

    bars = await log.histogram(at(0), at(120), buckets=12)
    of_run = await log.histogram(at(0.5), at(119), buckets=1_000, run='r1', source='b')
    minutes = await log.histogram(at(-3_600), at(3_600), buckets=60)

    assert (bars.start, bars.seconds, len(bars.counts)) == (at(0), 10, 12)
    assert [sum(levels) for levels in bars.counts] == [10] * 12
    assert bars.counts[0] == (2, 2, 2, 2, 1, 1)
    assert (of_run.start, of_run.seconds) == (at(0), 1)
    assert sum(map(sum, of_run.counts)) == 20
    assert (minutes.seconds, [sum(levels) for levels in minutes.counts][30]) == (120, 120)
    assert await log.span() == (at(0), at(119))
    assert await log.sources() == [('a', 60), ('b', 60)]
    assert (await log.stats(start=at(100)))['total'] == 20
    assert (await log.stats(at(59.5), at(61)))['total'] == 1


async def test_an_empty_log_has_no_span_and_no_matches(log: Log) -> None:
    assert await log.span() is None
    assert await log.sources() == []
    assert (await log.matching(Search(text='x'))).seqs == []
    assert [sum(levels) for levels in (await log.histogram(at(0), at(3), buckets=3)).counts] == [0, 0, 0]
    assert await log.retain(max_age=timedelta(0), max_bytes=0) == 0


async def test_the_pace_is_known_again_after_a_restart(tmp_path: Path) -> None:
    for count in (3, 0):
        log = Log(LogStore(tmp_path / 'logs.db'), Bus())
        await log.start()
        for _ in range(count):
            log.append(Level.ERROR, 'broken', source='test')
        await log.stop()

    assert log.rate.since(300)[Level.ERROR] == 3


async def test_what_is_too_old_goes_and_figures_follow(log: Log) -> None:
    cleared: list[LogCleared] = []
    log._bus.subscribe(LogCleared, cleared.append)
    ages = (50, 40, 3, 30, 1)
    for hours in ages:
        log.append(Level.ERROR, 'x', source='test', timestamp=datetime.now(UTC) - timedelta(hours=hours))

    assert await log.retain(max_age=timedelta(hours=20), max_bytes=None) == 2

    assert cleared == [LogCleared(seq=2)]
    assert [entry.seq for entry in await log.query()] == [5, 4, 3]
    assert [entry.seq for entry in log.ring] == [3, 4, 5]
    assert ((await log.stats())['error'], await log.sources()) == (3, [('test', 3)])
    assert await log.retain(max_age=timedelta(hours=20), max_bytes=None) == 0
    assert len(cleared) == 1


@pytest.mark.parametrize('question', ['first_since', 'oldest'])
async def test_a_line_that_is_saved_while_all_others_are_found_too_old_stays(
    log: Log, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    loop, cleared = asyncio.get_running_loop(), []
    answer: Callable[..., int | None] = getattr(LogStore, question)
    log._bus.subscribe(LogCleared, cleared.append)
    log.append(Level.INFO, 'old', source='test', timestamp=datetime.now(UTC) - timedelta(hours=30))

    async def say_new() -> None:
        log.append(Level.INFO, 'new', source='test')
        await log.saved(log.last_seq)

    def slow_answer(store: LogStore, *asked: Any) -> int | None:
        found = answer(store, *asked)
        asyncio.run_coroutine_threadsafe(say_new(), loop).result(10)
        return found

    monkeypatch.setattr(LogStore, question, slow_answer)
    assert await log.retain(max_age=timedelta(hours=20), max_bytes=None) == 1

    assert [entry.message for entry in await log.query()] == ['new']
    assert cleared == [LogCleared(seq=1)]


async def test_what_is_too_large_shrinks_on_disk_while_lines_keep_coming(log: Log, tmp_path: Path) -> None:
    say_many(log, 30_000, 'frame {} ' + 'of many words ' * 5)
    await log.saved(log.last_seq)
    size = await log.size()
    cleared: list[LogCleared] = []
    log._bus.subscribe(LogCleared, cleared.append)

    retaining = asyncio.create_task(log.retain(max_age=None, max_bytes=size // 2))
    while not retaining.done():
        say(log, 'meanwhile', source='live')
        await log.saved(log.last_seq)
    gone = await retaining

    assert await log.size() <= size * 0.55
    assert sum(part.stat().st_size for part in tmp_path.iterdir()) < size * 0.7
    assert 10_000 < gone < 22_000
    assert cleared == [LogCleared(seq=gone)]
    said = (await log.query(source='live', limit=5_000))[::-1]
    assert [entry.seq for entry in said] == list(range(30_001, log.last_seq + 1))
    assert (await log.query(limit=1, oldest_first=True))[0].seq == gone + 1
    plain = await asyncio.to_thread(log._store.stats)
    assert {name: count for name, count in (await log.stats()).items() if name != 'total'} == plain
    assert sum(plain.values()) == log.last_seq - gone


async def test_texts_get_into_the_index_by_themselves_when_it_is_quiet(log: Log) -> None:
    say_many(log, 5_000)
    await log.saved(log.last_seq)

    await until(lambda: log._store._read("SELECT value FROM meta WHERE key = 'words_to'", [])[0][0] > 4_000)

    assert [entry.message for entry in await log.query(q='RAME 1234 ')] == ['frame 1234 of many']
