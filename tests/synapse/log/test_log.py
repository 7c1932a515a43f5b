import asyncio
import logging
import resource
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.files import DiskFull
from storage.logs.store import LogStore
from synapse.bus import Bus
from synapse.errors import DiskIsFull
from synapse.language import _ as said
from synapse.language import answering_in
from synapse.log import writer as log_writer
from synapse.log.handler import LogHandler
from synapse.log.log import RING, Entry, Level, Log
from synapse.log.messages import LinesLogged, LogCleared, RowsRedrawn
from synapse.scrubber import Scrubber


class StubbornStore(LogStore):
    """A real store that can be made to fail or to block."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.is_full = False
        self.may_write = threading.Event()
        self.may_write.set()
        self.batches: list[int] = []
        self.indexed_after: list[int] = []
        self.refused = 0

    def append(self, rows: Sequence[Any]) -> None:
        self.may_write.wait(10)
        if self.is_full:
            self.refused += 1
            raise DiskFull('No room is left on the disk.')
        super().append(rows)
        self.batches.append(len(rows))

    def index_next(self) -> bool:
        self.indexed_after.append(self.last_seq())
        return super().index_next()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'logs.db'


@pytest.fixture
def store(path: Path) -> StubbornStore:
    return StubbornStore(path)


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
async def log(store: StubbornStore, bus: Bus) -> AsyncIterator[Log]:
    log = Log(store, bus)
    await log.start()
    yield log
    store.may_write.set()
    store.is_full = False
    await log.stop()


def say(log: Log, message: str = 'hello', level: Level = Level.INFO, **more: Any) -> Entry:
    return log.append(level, message, source='test', **more)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that no message announces."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - changed by a thread that sets no event
            await asyncio.sleep(0.01)


async def test_a_line_is_published_and_in_memory_and_on_disk(log: Log, bus: Bus) -> None:
    waiting = asyncio.create_task(bus.next(LinesLogged, timeout=20))
    await asyncio.sleep(0)

    entry = say(log, 'frame 1', Level.SUCCESS, run='r', step='render', fields={'fps': 25.5})

    assert (await waiting).entries == (entry,)
    assert log.recent(5) == [entry]
    assert await log.query(run='r') == [entry]
    assert entry.as_json()['fields'] == {'fps': 25.5}
    assert Entry.from_json(entry.as_json()) == entry


async def test_a_burst_is_few_messages_however_many_lines_it_has(log: Log, bus: Bus, store: StubbornStore) -> None:
    messages: list[LinesLogged] = []
    bus.subscribe(LinesLogged, messages.append)

    first = say(log)
    log.extend({'level': 'info', 'message': f'line {index}', 'source': 'test'} for index in range(9_998))
    last = say(log)
    assert messages == []
    for _ in range(3):
        await asyncio.sleep(0)
    assert [len(message.entries) for message in messages] == [4_000, 4_000]
    await until(lambda: len(messages) == 3)

    assert len(messages[2].entries) == 2_000
    assert [entry.seq for message in messages for entry in message.entries] == list(range(first.seq, last.seq + 1))
    assert await log.saved(last.seq) is True
    assert len(store.batches) < 30
    assert len(log.ring) == RING


async def test_few_lines_are_published_at_once_and_those_of_a_flood_together(log: Log, bus: Bus) -> None:
    messages: list[LinesLogged] = []
    bus.subscribe(LinesLogged, messages.append)
    for number in range(1, 6):
        say(log)
        await asyncio.sleep(0)
        assert len(messages) == number

    clock = asyncio.get_running_loop().time
    begun = clock()
    for _ in range(20):
        log.extend({'level': 'info', 'message': 'line', 'source': 'test'} for _ in range(200))
        await asyncio.sleep(0)
    await until(lambda: sum(len(message.entries) for message in messages) == 4_005)

    assert len(messages) <= 5 + 2 + (clock() - begun) / 0.02


async def test_a_subscriber_that_queries_the_log_does_not_disorder_it_for_later_ones(log: Log, bus: Bus) -> None:
    heard: list[int] = []
    bus.subscribe(LinesLogged, lambda _: log.mark_seen())
    bus.subscribe(LinesLogged, lambda news: heard.extend(entry.seq for entry in news.entries))

    log.extend({'level': 'error', 'message': 'x', 'source': 'test'} for _ in range(9_000))
    await until(lambda: len(heard) == 9_000)

    assert heard == list(range(1, 9_001))
    assert log.counters.unseen_errors == 0


async def test_the_loop_never_waits_for_the_disk(log: Log, bus: Bus, store: StubbornStore) -> None:
    store.may_write.clear()
    seen: list[LinesLogged] = []
    bus.subscribe(LinesLogged, seen.append)

    for _ in range(1_000):
        say(log)
    await asyncio.sleep(0)

    assert sum(len(message.entries) for message in seen) == 1_000
    assert store.batches == []


async def test_numbers_continue_without_a_gap_after_clearing_and_after_a_restart(path: Path, bus: Bus) -> None:
    numbers: list[int] = []
    ids: set[str] = set()
    for _ in range(3):
        log = Log(LogStore(path), bus)
        await log.start()
        said = [say(log), say(log)]
        await log.clear(who='A test')
        said += [log.recent(1)[0], say(log)]
        await log.stop()
        numbers += [entry.seq for entry in said]
        ids |= {entry.id for entry in said}

    assert numbers == list(range(1, 13))
    assert len(ids) == 12


async def test_a_restart_recalls_the_newest_lines_and_the_counts(path: Path, bus: Bus) -> None:
    log = Log(LogStore(path), bus)
    await log.start()
    said = [say(log, f'line {index}', Level.ERROR) for index in range(3)]
    await log.stop()

    again = Log(LogStore(path), bus)
    early = say(again, 'said before the start')
    await again.start()

    assert again.recent(10) == [*said, early]
    assert (again.counters.error, again.counters.total, again.counters.unseen_errors) == (3, 4, 0)
    await again.stop()


async def test_counters_follow_each_turn_and_errors_stay_unseen_until_looked_at(log: Log) -> None:
    say(log, level=Level.ERROR)
    say(log, level=Level.CRITICAL)
    say(log, level=Level.DEBUG)
    await asyncio.sleep(0)

    assert (log.counters.error, log.counters.total, log.counters.unseen_errors) == (1, 3, 2)
    log.mark_seen()
    assert log.counters.unseen_errors == 0
    assert (await log.stats())['critical'] == 1
    assert (await log.stats(start=datetime.now(UTC) + timedelta(hours=1)))['total'] == 0
    assert (await log.stats(end=datetime.now(UTC) + timedelta(hours=1)))['total'] == 3


async def test_a_query_sees_the_line_of_this_very_moment(log: Log) -> None:
    for index in range(50):
        say(log, f'line {index}', run='a' if index % 2 else 'b')

    assert [entry.message for entry in await log.query(run='a', limit=2)] == ['line 49', 'line 47']
    assert [entry.seq for entry in log.recent(2, run='b')] == [47, 49]
    pages = [page async for page in log.pages(run='b')]
    assert [entry.seq for page in pages for entry in page] == list(range(1, 50, 2))


async def test_clearing_tells_everyone_and_leaves_a_line_that_says_who(log: Log, bus: Bus) -> None:
    cleared: list[LogCleared] = []
    bus.subscribe(LogCleared, cleared.append)
    kept = [say(log, f'line {index}', Level.ERROR) for index in range(5)][3:]

    assert await log.clear(kept[0].seq, who='Ada') == 3

    assert cleared == [LogCleared(seq=3)]
    assert log.recent(9)[:2] == kept
    assert log.recent(1)[0].message.startswith('Ada cleared the log: 3 entries')
    assert [entry.seq for entry in await log.query()] == [6, 5, 4]
    assert (await log.stats())['error'] == 2


async def test_counters_are_right_when_lines_come_while_the_log_is_cleared(log: Log, store: StubbornStore) -> None:
    for _ in range(3_000):
        say(log)
    clearing = asyncio.create_task(log.clear(who='Ada'))
    while not clearing.done():
        say(log, level=Level.WARNING)
        await asyncio.sleep(0)

    await log.saved(log.last_seq)

    stats = await log.stats()
    assert {name: count for name, count in stats.items() if name != 'total'} == await asyncio.to_thread(store.stats)


@pytest.mark.parametrize(
    ('lines', 'message'), [(60_000, 'x'), (5_000, 'x' * 16_000)], ids=['many lines', 'few long lines']
)
async def test_who_writes_too_fast_waits_for_the_disk(log: Log, store: StubbornStore, lines: int, message: str) -> None:
    store.may_write.clear()
    log.extend([{'level': 'info', 'message': message, 'source': 'test'}] * lines)

    waiting = asyncio.create_task(log.room_to_write())
    done, _ = await asyncio.wait({waiting}, timeout=0.3)
    assert not done

    store.may_write.set()
    await asyncio.wait_for(waiting, 20)
    assert log.last_seq == lines
    assert await log.saved(lines) is True
    await asyncio.wait_for(log.room_to_write(), 1)


async def test_texts_wait_for_their_index_during_a_flood_but_not_forever(
    path: Path, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, 'CALM_SECONDS', 60)
    monkeypatch.setattr(log_writer, 'MAX_UNINDEXED', 4_000)
    store = StubbornStore(path)
    log = Log(store, bus)
    await log.start()
    await until(lambda: store.indexed_after != [])
    store.indexed_after.clear()

    for words in ('walrus', 'beaver', 'badger'):
        log.extend({'level': 'info', 'message': f'{words} {number}', 'source': 'test'} for number in range(1_500))
        await log.saved(log.last_seq)
        found = await log.query(q=f'{words} 7', limit=2_000)
        assert len(found) == 111

    await until(lambda: store.indexed_after != [])
    assert min(store.indexed_after) >= 4_000
    await log.stop()


@pytest.mark.parametrize(('most', 'value'), [('MAX_UNSAVED', 1_000), ('MAX_CHARACTERS', 1_500)])
async def test_a_full_disk_is_reported_once_and_the_newest_lines_are_kept(
    log: Log, store: StubbornStore, monkeypatch: pytest.MonkeyPatch, most: str, value: int
) -> None:
    monkeypatch.setattr(log_writer, 'RETRY_SECONDS', 0.01)
    monkeypatch.setattr(log_writer, most, value)
    store.is_full = True
    for _ in range(3):
        log.extend([{'level': 'info', 'message': 'x', 'source': 'test'}] * 800)
        await until(lambda tries=store.refused: store.refused > tries)

    assert await log.saved(log.last_seq) is False
    await asyncio.wait_for(log.room_to_write(), 1)
    store.is_full = False
    await until(lambda: 'saved again' in log.recent(1)[0].message)

    assert await log.saved(log.last_seq) is True
    assert sum('cannot be saved' in entry.message for entry in log.ring) == 1
    kept = await log.query(limit=5_000)
    assert kept[0].fields['lost'] == log.last_seq - len(kept) > 0
    assert [entry.seq for entry in kept] == list(range(log.last_seq, log.last_seq - len(kept), -1))


async def test_a_real_limit_of_the_disk_ends_in_words_and_heals(path: Path, bus: Bus) -> None:
    log = Log(LogStore(path), bus)
    await log.start()
    say(log, 'before')
    await log.saved(log.last_seq)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]

    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20_000, hard))
    try:
        for index in range(500):
            say(log, f'{index} ' + 'x' * 1_000)
        assert await log.saved(log.last_seq) is False
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await until(lambda: 'none was lost' in log.recent(1)[0].message)

    assert [entry.seq for entry in await log.query(limit=1_000)] == list(range(log.last_seq, 0, -1))
    await log.stop()


async def test_stopping_saves_everything(path: Path, bus: Bus) -> None:
    log = Log(LogStore(path), bus)
    await log.start()
    for _ in range(7_777):
        say(log)
    await log.stop()

    assert sum(LogStore(path).stats().values()) == 7_777


async def test_stopping_ends_even_if_the_disk_stays_full(path: Path, bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, 'STOP_SECONDS', 0.2)
    store = StubbornStore(path)
    log = Log(store, bus)
    await log.start()
    store.is_full = True
    say(log)

    await asyncio.wait_for(log.stop(), 5)


async def test_a_row_the_store_cannot_take_holds_up_no_other(log: Log, store: StubbornStore) -> None:
    say(log, 'odd', run=object())
    say(log, 'fine')

    await log.saved(log.last_seq)

    assert [entry.message for entry in await log.query()] == ['fine']


async def test_a_disk_too_full_to_clear_is_reported_in_words(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> list[int]:
        raise DiskFull('No room is left on the disk.')

    monkeypatch.setattr(log._store, 'clear_some', refuse)
    with pytest.raises(DiskIsFull):
        await log.clear(who='Ada')


async def test_secrets_reach_neither_screen_nor_disk(log: Log, path: Path) -> None:
    log.hide('r', ['hunter2"x', 'first line\nsecond line', 'ab', ''])

    entry = say(
        log, 'with hunter2"x, ab and second line', fields={'url': 'http://h/?p=hunter2%22x', 'in': ['hunter2"x']}
    )
    assert entry.message == 'with ***, ab and ***'
    assert entry.fields == {'url': 'http://h/?p=***', 'in': ['***']}
    assert log.scrub({'traceback': 'hunter2"x'}) == {'traceback': '***'}

    await log.saved(entry.seq)
    assert b'hunter2' not in path.with_name('logs.db-wal').read_bytes()
    log.unhide('r')
    assert say(log, 'hunter2"x').message == 'hunter2"x'


@settings(deadline=None)
@given(secret=st.text(min_size=3).filter(lambda text: len(text.strip()) > 2 and '*' not in text), around=st.text())
def test_a_hidden_secret_is_never_left_readable(secret: str, around: str) -> None:
    scrubber = Scrubber()
    scrubber.hide('r', [secret, secret + 'longer'])

    assert secret not in scrubber.text(f'{around}{secret}longer{around}{secret}')
    scrubber.text(around).encode()


@pytest.mark.parametrize(
    ('value', 'kept'),
    [
        (float('inf'), 'inf'),
        (2**63, '9223372036854775808'),
        ('\ud800', '\\ud800'),
        (Path('/x'), '/x'),
        ((1, {2}), [1, [2]]),
        ({1: None}, {'1': None}),
    ],
)
async def test_odd_values_become_plain_json(log: Log, value: Any, kept: Any) -> None:
    entry = say(log, 'half a \ud83d pair', fields={'value': value})

    assert entry.fields == {'value': kept}
    assert await log.query() == [entry]


async def test_an_endless_line_an_unknown_level_and_a_broken_time_are_coped_with(log: Log) -> None:
    entry = log.append('shout', 'x' * 20_000, source='test', timestamp='yesterday')

    assert (len(entry.message), entry.fields, entry.level) == (16_384, {'cut': 20_000}, Level.INFO)
    assert entry.timestamp.tzinfo is UTC
    moment = '2026-10-14T14:08:31.204+02:00'
    assert say(log, timestamp=moment).timestamp == datetime.fromisoformat(moment)


async def test_fields_without_end_are_cut_and_say_so(log: Log) -> None:
    entry = say(log, fields={'small': 1} | {f'field {number}': 'x' * 20_000 for number in range(100)} | {'last': 2})

    assert list(entry.fields) == ['small', 'field 0', 'field 1', 'field 2', 'left_out']
    assert entry.fields['left_out'] == 98
    assert say(log, fields={'list': [['x' * 9_000] * 9]}).fields == {'left_out': 1}


def test_levels_are_ordered_by_how_much_they_matter() -> None:
    assert sorted(Level, key=lambda level: level.rank) == [
        Level.DEBUG,
        Level.INFO,
        Level.SUCCESS,
        Level.WARNING,
        Level.ERROR,
        Level.CRITICAL,
    ]


@pytest.fixture
async def logger(log: Log) -> AsyncIterator[logging.Logger]:
    logger = logging.getLogger('tests.of.the.log')
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    handler = LogHandler(log)
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


async def test_records_of_logging_become_entries_from_any_thread(log: Log, logger: logging.Logger) -> None:
    def work() -> None:
        try:
            raise RuntimeError('broken')
        except RuntimeError:
            logger.exception('could not %s', 'work', extra={'run': 'r', 'step': 's'})
        logger.debug('too quiet')

    await asyncio.to_thread(work)
    await until(lambda: len(log.ring) == 1)

    (entry,) = log.ring
    assert (entry.level, entry.message, entry.source) == (Level.ERROR, 'could not work', 'tests.of.the.log')
    assert (entry.run, entry.step) == ('r', 's')
    assert 'RuntimeError: broken' in entry.fields['traceback']


@pytest.mark.parametrize(
    ('name', 'source'),
    [
        ('synapse.catalog.catalog', 'synapse.catalog'),
        ('synapse.api.gate.gate', 'synapse.api'),
        ('pages.scheduler.month.grid', 'pages.scheduler'),
        ('storage.documents', 'storage.documents'),
        ('synapse', 'synapse'),
        ('synapses.not.ours', 'synapses.not.ours'),
        ('apscheduler.executors.default', 'apscheduler.executors.default'),
    ],
)
async def test_what_synapse_logs_itself_has_the_room_for_its_source(log: Log, name: str, source: str) -> None:
    LogHandler(log).emit(logging.LogRecord(name, logging.INFO, __file__, 1, 'said', None, None))
    await until(lambda: len(log.ring) == 1)

    assert log.ring[-1].source == source


async def test_a_listener_that_fails_at_every_line_does_not_go_round_for_ever(
    log: Log, bus: Bus, logger: logging.Logger
) -> None:
    def fail(_: LinesLogged) -> None:
        logger.error('the listener failed')

    bus.subscribe(LinesLogged, fail)
    say(log)
    for _ in range(200):
        await asyncio.sleep(0)

    assert len(log.ring) == 2


# Rows that are still being written


def written(text: str) -> Entry:
    return Entry('r/1/0', 0, datetime(2026, 10, 14, tzinfo=UTC), Level.INFO, text, 'tar', 'r', 'pack')


async def test_a_row_is_no_entry_and_leaves_together_with_its_line(log: Log, bus: Bus) -> None:
    seen: list[tuple[list[str], list[str]]] = []
    for kind in (LinesLogged, RowsRedrawn):
        bus.subscribe(kind, lambda _: seen.append(([e.message for e in log.ring], [e.message for e in log.rows()])))

    log.redraw('r', [written('10 %')])
    await until(lambda: len(seen) == 1)
    say(log, 'done')
    log.redraw('r', [])
    await until(lambda: len(seen) == 3)

    assert seen == [([], ['10 %']), (['done'], ['10 %']), (['done'], [])]
    assert [entry.seq for entry in await log.query()] == [1]


async def test_rows_wait_for_the_lines_of_a_flood_before_them(log: Log, bus: Bus) -> None:
    lines: list[Entry] = []
    bus.subscribe(LinesLogged, lambda message: lines.extend(message.entries))
    waiting = asyncio.create_task(bus.next(RowsRedrawn, timeout=20))
    await asyncio.sleep(0)

    for number in range(10_000):
        say(log, f'line {number}')
    log.redraw('r', [written('10 %')])
    await waiting

    assert len(lines) == 10_000


@pytest.mark.parametrize(
    ('text', 'shown'),
    [
        ('login s3cret-canary ok', 'login *** ok'),
        ('login s3cret-can', 'login ***'),
        ('login s3c', 'login ***'),
        ('login s3', 'login s3'),
        ('none', 'none'),
    ],
)
async def test_a_row_shows_no_part_of_a_secret(log: Log, text: str, shown: str) -> None:
    log.hide('r', ['s3cret-canary'])

    log.redraw('r', [written(text)])
    await until(lambda: bool(log.rows('r')))

    assert [row.message for row in log.rows('r')] == [shown]


async def test_lines_are_kept_in_our_own_language_whoever_is_answered_meanwhile(log: Log) -> None:
    with answering_in('en_XA'):
        entry = log.append(Level.INFO, said('{count} went', count=3), source='test')
        handler = LogHandler(log)
        handler.emit(logging.LogRecord('test', logging.WARNING, '', 0, said('%s failed'), ('b',), None))
    await asyncio.sleep(0)

    assert [entry.message, log.ring[-1].message] == ['3 went', 'b failed']
