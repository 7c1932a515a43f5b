"""Searches give the right answer while the index lags behind, entries are deleted, and files are of older versions."""

import contextlib
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.documents import NewerSchema
from storage.logs import trigrams
from storage.logs.store import LEVELS, LogStore
from storage.logs.text import folded, plain
from tests.parts.writers import log_row

START = datetime(2026, 10, 14, 12, 0, tzinfo=UTC)
MESSAGES = (
    'frame 12 of 99',
    'FRAME 7',
    'über die Brücke',
    'ÜBERLAUF',
    '\x1b[31mfra\x1b[0mme',
    'a\0frame',
    '',
    '100 % grün',
)
TEXTS = ('frame', 'ÜBER', 'fr', 'e', 'me 1', 'a␀f', 'brücke', 'nowhere', '%', '"', '99')
SCHEMA_1 = """
CREATE TABLE entries (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, at INTEGER NOT NULL, timestamp TEXT NOT NULL,
    level INTEGER NOT NULL, message TEXT NOT NULL, source TEXT NOT NULL, run TEXT, step TEXT, fields TEXT);
CREATE INDEX entries_of_run ON entries (run, seq) WHERE run IS NOT NULL;
CREATE TABLE minutes (minute INTEGER NOT NULL, level INTEGER NOT NULL, entries INTEGER NOT NULL,
    first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, PRIMARY KEY (minute, level)) WITHOUT ROWID;
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5 (message, content='entries', content_rowid='seq');
"""
"""The schema of the first version of the program."""


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes so small that a few rows fill blocks, index tables and scan steps."""
    for module, values in (
        ('storage.logs.trigrams', {'BLOCK': 2, 'SEGMENT': 8, '_INDEX_ENTRIES': 4}),
        ('storage.logs.store', {'_FEW': 2, '_SCAN_ROWS': 3, '_MATCH_ROWS': 3, '_CLEAR_ROWS': 3}),
    ):
        for name, value in values.items():
            monkeypatch.setattr(f'{module}.{name}', value)


def row_of(seq: int, message: str, second: int = 0, **values: Any) -> dict[str, Any]:
    at = (START + timedelta(seconds=second)).isoformat()
    return log_row(seq, message=message, timestamp=at, **values)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just('append'), st.lists(st.tuples(st.sampled_from(MESSAGES), st.integers(0, 200)), max_size=12)),
        st.tuples(st.just('index'), st.just(0)),
        st.tuples(st.just('clear'), st.integers(0, 30)),
        st.tuples(st.just('forget some'), st.integers(0, 30)),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, text=st.sampled_from(TEXTS), limit=st.integers(1, 5), after=st.integers(0, 30))
def test_answers_are_those_of_a_plain_look_at_every_row_whatever_the_index_has(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, Any]],
    text: str,
    limit: int,
    after: int,
) -> None:
    store = LogStore(tmp_path_factory.mktemp('logs') / 'logs.db')
    rows: list[dict[str, Any]] = []
    for kind, value in steps:
        rows = _do(store, rows, kind, value)
    there = [row['seq'] for row in rows if folded(text) in folded(plain(row['message'])) and row['seq'] > after]
    even = [seq for seq in there if seq % 2 == 0]
    ask = {'q': text, 'after': after}

    assert [row['seq'] for row in store.query(**ask, limit=100)] == there[::-1]
    assert [row['seq'] for row in store.query(**ask, limit=limit)] == there[::-1][:limit]
    assert [row['seq'] for row in store.query(**ask, limit=limit, oldest_first=True)] == there[:limit]
    assert [row['seq'] for row in store.query(**ask, source='even')] == even[::-1]
    found = store.matching(texts=[text], matcher=None, limit=limit, is_over=lambda: False, after=after)
    assert found.seqs == there[::-1][:limit]
    assert found.searched_to == (found.seqs[-1] if len(there) > limit else 0)
    _check_figures(store, rows)
    store.close()


def _do(store: LogStore, rows: list[dict[str, Any]], kind: str, value: Any) -> list[dict[str, Any]]:
    if kind == 'append':
        first = store.last_seq() + 1
        new = [
            row_of(seq, message, second, level=LEVELS[seq % 6], source='odd' if seq % 2 else 'even', run=f'r{seq % 3}')
            for seq, (message, second) in enumerate(value, first)
        ]
        store.append(new)
        return [*rows, *new]
    if kind == 'index':
        store.index_next()
        return rows
    if kind == 'clear':
        store.clear(value)
        return [row for row in rows if row['seq'] >= value]
    gone = sum(store.clear_some(value))
    return rows[gone:]


def _check_figures(store: LogStore, rows: list[dict[str, Any]]) -> None:
    """Counts by second, minute, source and run match the rows."""
    assert store.stats() == {level: sum(row['level'] == level for row in rows) for level in LEVELS}
    assert dict(store.sources()) == {
        source: count for source in ('odd', 'even') if (count := sum(row['source'] == source for row in rows))
    }
    first = int(START.timestamp())
    for width in (1, 7, 60):
        bars = [sum(bar) for bar in store.histogram(first, width, 220 // width, run='r1', source='odd')]
        mine = [row for row in rows if row['run'] == 'r1' and row['source'] == 'odd']
        seconds = [int(datetime.fromisoformat(row['timestamp']).timestamp()) - first for row in mine]
        assert bars == [sum(second // width == bar for second in seconds) for bar in range(220 // width)]
    times = [row['timestamp'] for row in rows]
    assert store.span() == ((min(times), max(times)) if times else None)


def test_a_table_of_the_index_goes_with_its_last_entry(tmp_path: Path) -> None:
    store = LogStore(tmp_path / 'logs.db')
    store.append([row_of(seq, f'frame {seq}') for seq in range(1, 25)])
    while store.index_next():
        pass
    assert len(trigrams._segments(store._read)) == 3

    store.clear(17)

    assert len(trigrams._segments(store._read)) == 1
    assert [row['seq'] for row in store.query(q='frame 2', limit=3)] == [24, 23, 22]


@pytest.mark.parametrize('indexed', [0, 3, 100])
def test_rewritten_entries_are_found_by_their_new_text_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indexed: int
) -> None:
    monkeypatch.setattr('storage.logs.rewriting._ROWS', 3)
    store = LogStore(tmp_path / 'logs.db')
    messages = [f'frame {seq}' for seq in range(1, 31)]
    messages[13:16] = ['ein GEHEIM\x1b[0m', 'Über geheim', 'nothing']
    fields = {16: {'url': ['x', {'with': 'a geheim "b"'}]}, 17: {'geheim': 1}}
    store.append([row_of(seq, text, fields=fields.get(seq, {})) for seq, text in enumerate(messages, 1)])
    for _ in range(indexed):
        store.index_next()

    assert store.rewrite(['geheim', 'GEHEIM'], lambda text: text.replace('geheim', '***').replace('GEHEIM', '***')) == 3

    for _ in range(2):
        found = {row['seq']: row for row in store.query(q='***')}
        assert sorted(found) == [14, 15]
        assert store.query(q='geheim') == []
        assert [row['seq'] for row in store.query(q='frame', limit=100)] == [*range(30, 16, -1), *range(13, 0, -1)]
        while store.index_next():
            pass
    rows = {row['seq']: row for row in store.query(limit=100)}
    assert rows[16]['fields'] == {'url': ['x', {'with': 'a *** "b"'}]}
    assert rows[17]['fields'] == {'geheim': 1}, 'names of fields are kept'
    assert store.rewrite(['***'], lambda text: text) == store.rewrite([], str.upper) == 0


def test_what_was_rewritten_is_in_no_file_any_more(tmp_path: Path) -> None:
    store = LogStore(tmp_path / 'logs.db')
    store.append([row_of(seq, f'line {seq} with a geheim word') for seq in range(1, 200)])
    while store.index_next():
        pass

    store.rewrite(['geheim'], lambda text: text.replace('geheim', '***'))

    assert not any(b'geheim' in path.read_bytes() for path in tmp_path.iterdir())


def test_a_search_ends_when_it_is_over_and_returns_how_far_it_came(tmp_path: Path) -> None:
    store = LogStore(tmp_path / 'logs.db')
    store.append([row_of(seq, f'frame {seq}') for seq in range(1, 25)])

    found = store.matching(texts=['frame'], matcher=None, limit=100, is_over=lambda: True)

    assert found.seqs == [24, 23, 22]
    assert found.searched_to == 22


def test_a_file_of_an_earlier_version_keeps_its_lines_and_gets_the_rest(tmp_path: Path) -> None:
    path = tmp_path / 'logs.db'
    _first_version(path)

    store = LogStore(path)

    assert [row['seq'] for row in store.query(q='ÜBER')] == [2]
    assert [row['seq'] for row in store.query(q='frame')] == [3, 1]
    assert [row['seq'] for row in store.query(run='r', start='2026-10-14T14:00:03+02:00')] == [3]
    assert store.query(run='r')[0]['timestamp'] == '2026-10-14T14:00:03+02:00'
    assert store.stats()['info'] == 3
    assert sum(sum(bar) for bar in store.histogram(int(START.timestamp()), 1, 10, run='r')) == 2
    store.append([row_of(4, 'frame four')])
    assert store.last_seq() == 4
    store.close()
    assert [row['seq'] for row in LogStore(path).query(q='frame')] == [4, 3, 1]


def _first_version(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA_1)
    rows = [
        (1, 'x-1', 'Frame 1', None),
        (2, 'x-2', 'über', 'r'),
        (3, 'x-3', '\x1b[1mfra\x1b[0mme\0 3', 'r'),
    ]
    for seq, id, message, run in rows:
        at = int(START.timestamp() + seq) * 1_000_000
        moment = f'2026-10-14T14:00:0{seq}+02:00'
        values = (seq, id, at, moment, 1, message, 's', run, None, None)
        connection.execute('INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', values)
    connection.execute("INSERT INTO meta VALUES ('last_seq', 3)")
    connection.execute('INSERT INTO words (rowid, message) SELECT seq, message FROM entries')
    connection.commit()
    connection.close()


def test_a_file_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / 'logs.db'
    LogStore(path).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute('PRAGMA user_version = 99')
        connection.execute('DROP TABLE spans')

    with pytest.raises(NewerSchema, match='newer version'):
        LogStore(path)

    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute('PRAGMA user_version').fetchone() == (99,)
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'spans'").fetchall()
    assert [part.name for part in tmp_path.iterdir()] == ['logs.db']


def test_what_is_damaged_is_set_aside_and_a_new_log_begun(tmp_path: Path) -> None:
    path = tmp_path / 'logs.db'
    path.write_bytes(b'not a database' * 500)

    store = LogStore(path)

    assert store.query() == []
    assert 'could not be read' in store.notices[0]
    store.append([row_of(1, 'frame')])
    assert [row['seq'] for row in store.query(q='frame')] == [1]
