import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.logs.rows import batch_of, row_of
from storage.logs.store import LEVELS, LogStore
from tests.parts.writers import log_row

START = datetime(2026, 10, 14, 12, 0, tzinfo=UTC)
PROBES = [
    'frame',
    'ram',
    'FRAME_3',
    'video.mp4',
    '"quoted',
    '100%',
    '%',
    '_',
    '--',
    'über',
    'OR',
    'NEAR(',
    '*',
    'a AND b',
]


@pytest.fixture
def store(tmp_path: Path) -> LogStore:
    return LogStore(tmp_path / 'logs.db')


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def fill(store: LogStore, *rows: dict[str, Any]) -> None:
    store.append(
        [log_row(seq, **{'timestamp': at(seq), 'message': f'line {seq}', **row}) for seq, row in enumerate(rows, 1)]
    )


def seqs(store: LogStore, **filters: Any) -> list[int]:
    return [row['seq'] for row in store.query(**filters)]


def test_rows_come_back_as_they_were_appended_newest_first(store: LogStore) -> None:
    rows = [log_row(1, fields={'a': [1, 'ü']}, run='r', step='s'), log_row(2, level='critical', message='\x00')]
    store.append(rows)

    assert store.query() == rows[::-1]
    assert list(store.iterate()) == rows


@pytest.mark.parametrize('text', ['a "quoted" line, \\u0000 and \\n as they stand', 'tab\tand\nbreak', ''])
def test_many_lines_alike_are_kept_as_each_of_them_would_be(store: LogStore, tmp_path: Path, text: str) -> None:
    moment = START + timedelta(seconds=1, microseconds=7)
    messages = [f'{text} {number}' for number in range(40)]
    alike = ('stdout', 'r1', None)
    one_by_one = LogStore(tmp_path / 'other.db')
    first = log_row(2)
    each = [row_of(seq, f'boot-{seq}', moment, 1, message, *alike, {}) for seq, message in enumerate(messages, 3)]
    lines = batch_of(each[0], messages)
    assert lines is not None

    store.append([first, lines, log_row(43)])
    one_by_one.append([first, *each, log_row(43)])

    assert len(store.query()) == 42
    assert store.query() == one_by_one.query()
    assert store.query(q='9', run='r1') == one_by_one.query(q='9', run='r1') != []
    assert store.stats() == one_by_one.stats()
    assert store.last_seq() == one_by_one.last_seq() == 43


@pytest.mark.parametrize('odd', ['\x00', '\x1b[31m', 'ü', '\u2028'])
def test_lines_that_a_search_reads_differently_are_not_a_batch(odd: str) -> None:
    first = row_of(1, 'boot-1', START, 1, 'plain', 'stdout', None, None, {})

    assert batch_of(first, ['plain', f'with {odd}']) is None


def test_each_filter_narrows_and_all_of_them_together(store: LogStore) -> None:
    fill(
        store,
        {'level': 'debug', 'run': 'a', 'step': 'x'},
        {'level': 'warning', 'run': 'a', 'step': 'y'},
        {'level': 'error', 'run': 'b', 'step': 'x', 'source': 'api'},
        {'level': 'success'},
        {'level': 'critical', 'run': 'a', 'step': 'x'},
    )

    assert seqs(store, level_min='warning') == [5, 3, 2]
    assert seqs(store, level_min='error') == [5, 3]
    assert seqs(store, levels=['success', 'debug']) == [4, 1]
    assert seqs(store, levels=['success']) == [4]
    assert seqs(store, levels=[]) == []
    assert seqs(store, run='a', step='x') == [5, 1]
    assert seqs(store, source='api') == [3]
    assert seqs(store, before=4, after=1) == [3, 2]
    assert seqs(store, start=at(2), end=at(4)) == [3, 2]
    assert seqs(store, run='a', level_min='warning', before=5, start=at(1)) == [2]
    assert seqs(store, limit=2) == [5, 4]
    assert seqs(store, limit=2, oldest_first=True) == [1, 2]


def test_any_part_of_a_message_is_found_in_any_case(store: LogStore) -> None:
    fill(
        store,
        {'message': 'rendering frame_3 of video.mp4', 'run': 'r'},
        {'message': 'über 100% ΣΟΦΟΣ', 'run': 'r'},
        {'message': '\x1b[31mFra\x1b[0mme\x1b[1m lost\x1b[0m'},
        {'message': 'framex3 100x\0tail'},
    )

    assert seqs(store, q='frame') == [4, 3, 1]
    assert seqs(store, q='AME L') == [3]
    assert seqs(store, q='ÜBER') == [2]
    assert seqs(store, q='σοφος') == [2]
    assert seqs(store, q='frame_') == [1]
    assert seqs(store, q='100%') == [2]
    assert seqs(store, q='tail') == [4]
    assert seqs(store, q='[31m') == []
    assert seqs(store, q='rend video') == []
    assert seqs(store, q='a', run='r') == [1]
    assert seqs(store, q='frame', texts=['LOST'], level_min='info') == [3]
    assert seqs(store, matcher=lambda texts: [place for place, text in enumerate(texts) if text[:5] == 'Frame']) == [3]


@pytest.mark.parametrize('probe', PROBES)
def test_whatever_is_searched_for_is_a_search_and_never_an_error(store: LogStore, probe: str) -> None:
    fill(store, {'message': f'before {probe} after', 'run': 'r'})

    assert seqs(store, q=probe, run='r') == [1]
    assert seqs(store, q=probe) == [1]


def test_without_the_trigram_index_searching_still_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        'storage.logs.trigrams.PROBE', 'CREATE VIRTUAL TABLE temp.probe USING fts5_is_missing (message)'
    )
    store = LogStore(tmp_path / 'logs.db')
    fill(store, {'message': 'rendering frame'}, {'message': 'done'})

    assert store.has_index is False
    assert store.index_next() is False
    assert seqs(store, q='ring fr') == [1]
    assert store.clear(2) == 1


def test_a_batch_is_kept_as_a_whole_or_not_at_all(store: LogStore) -> None:
    store.append([log_row(1)])

    with pytest.raises(sqlite3.IntegrityError):
        store.append([log_row(2), log_row(1)])

    assert seqs(store) == [1]
    assert store.last_seq() == 1


def test_the_last_number_outlives_clearing_and_a_restart(store: LogStore, tmp_path: Path) -> None:
    assert store.last_seq() == 0
    fill(store, {}, {}, {})

    assert store.clear() == 3
    assert store.last_seq() == 3
    store.close()

    again = LogStore(tmp_path / 'logs.db')
    assert again.last_seq() == 3
    assert again.query() == []


def test_clearing_a_part_forgets_what_is_older_also_for_counts_and_words(store: LogStore) -> None:
    fill(store, {'level': 'error', 'message': 'old trouble'}, {'message': 'old'}, {'level': 'error', 'message': 'new'})

    assert store.clear(3) == 2

    assert seqs(store) == [3]
    assert seqs(store, q='old') == []
    assert seqs(store, q='new') == [3]
    assert store.stats() == dict.fromkeys(LEVELS, 0) | {'error': 1}
    assert store.clear(1) == 0


def test_clearing_much_gives_the_space_back(store: LogStore, tmp_path: Path) -> None:
    rows = [log_row(seq) for seq in range(1, 12_002)]
    store.append(rows)
    full = (tmp_path / 'logs.db').stat().st_size + (tmp_path / 'logs.db-wal').stat().st_size

    assert store.clear() == 12_001

    left = (tmp_path / 'logs.db').stat().st_size + (tmp_path / 'logs.db-wal').stat().st_size
    assert left < full / 4


def test_iterating_goes_through_more_than_one_page(store: LogStore) -> None:
    store.append([log_row(seq, run=f'r{seq % 2}') for seq in range(1, 4_001)])

    assert [row['seq'] for row in store.iterate(run='r1')] == list(range(1, 4_001, 2))


@pytest.mark.parametrize(
    'filters', [{'level_min': 'warning'}, {'levels': ['error']}, {'run': 'r'}, {'levels': ['success']}]
)
def test_a_narrow_filter_is_answered_from_an_index(store: LogStore, filters: dict[str, Any]) -> None:
    plans: list[str] = []
    connection = store._reader
    connection.set_trace_callback(plans.append)
    store.query(**filters)
    connection.set_trace_callback(None)

    plan = ' '.join(row[3] for row in connection.execute(f'EXPLAIN QUERY PLAN {plans[0]}'))

    assert 'USING INDEX entries_' in plan
    assert 'TEMP B-TREE' not in plan


MOMENTS = st.integers(min_value=-130, max_value=400)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.tuples(MOMENTS, st.sampled_from(LEVELS)), max_size=30),
    start=st.none() | MOMENTS,
    end=st.none() | MOMENTS,
)
def test_counts_and_queries_between_any_two_moments_are_those_of_a_plain_scan(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[int, str]],
    start: int | None,
    end: int | None,
) -> None:
    store = LogStore(tmp_path_factory.mktemp('logs') / 'logs.db')
    fill(store, *({'timestamp': at(second), 'level': level} for second, level in rows))

    low, high = -1000 if start is None else start, 1000 if end is None else end
    expected = [(seq, level) for seq, (second, level) in enumerate(rows, 1) if low <= second < high]
    between = {'start': None if start is None else at(start), 'end': None if end is None else at(end)}

    assert seqs(store, **between) == [seq for seq, _ in reversed(expected)]
    assert store.stats(**between) == {name: [level for _, level in expected].count(name) for name in LEVELS}
    store.close()
