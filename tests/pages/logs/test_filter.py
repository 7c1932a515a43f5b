"""A live line is judged as the store judges history: else a search would lose lines, or show some twice."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pages.logs.filter import GROUPS, LogFilter, groups_from, groups_text
from storage.logs.store import LogStore
from synapse.log.log import Entry, Level
from synapse.log.queries import store_filters
from synapse.log.search import Search

MESSAGES = st.sampled_from(
    [
        'ffmpeg: frame 12',
        'frame_12 done',
        'Über 100 % grün',
        'no \x1b[31mspace\x1b[0m left on device',
        'ffmpeg',
        'a-b',
        '',
        'FRAME 1',
        'ΣΟΦΟΣ\0İi',
    ]
)
MOMENTS = [datetime(2026, 10, 14, 12, 0, second, tzinfo=UTC) for second in range(3)]
TEXTS = ['', 'fr', 'ffmpeg frame', 'frame_1', 'uber', '100 %', 'a-b', 'left on', 'Frame', 'über', 'e l']
SEARCHES = st.builds(
    Search,
    text=st.sampled_from(
        ['space left', 'FRAME', '1', 'ff|fr', r'^f\w+$', 'Ü', 'σοφοσ', 'ii', '[31m', *TEXTS],
    ),
    is_case_sensitive=st.booleans(),
) | st.builds(
    Search,
    text=st.sampled_from(['space.left', 'frame|ÜBER', r'^f\w+$', 'F.*1', 'a{1,2}', '']),
    is_case_sensitive=st.booleans(),
    is_regex=st.just(value=True),
)
ENTRIES = st.builds(
    Entry,
    id=st.uuids().map(str),
    seq=st.just(0),
    timestamp=st.sampled_from(MOMENTS),
    level=st.sampled_from(Level),
    message=MESSAGES,
    source=st.sampled_from(['render', 'http']),
    run=st.sampled_from([None, 'one', 'two']),
    step=st.sampled_from([None, 'render']),
    fields=st.just({}),
)
FILTERS = st.builds(
    LogFilter,
    groups=st.none() | st.frozensets(st.sampled_from(sorted(GROUPS))),
    source=st.sampled_from(['', 'render']),
    run=st.sampled_from([None, 'one']),
    step=st.sampled_from(['', 'render']),
    start=st.none() | st.sampled_from(MOMENTS),
    end=st.none() | st.sampled_from(MOMENTS),
    search=st.none() | SEARCHES,
)


@pytest.fixture(scope='module')
def store(tmp_path_factory: pytest.TempPathFactory) -> LogStore:
    return LogStore(tmp_path_factory.mktemp('logs') / 'logs.db')


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=st.lists(ENTRIES, min_size=1, max_size=8), only=FILTERS)
def test_the_store_and_the_live_view_agree_on_every_line(
    store: LogStore, entries: list[Entry], only: LogFilter
) -> None:
    first = store.last_seq() + 1
    rows = [entry.as_json() | {'seq': first + place} for place, entry in enumerate(entries)]
    store.append(rows)

    while store.index_next():
        pass
    kept = {row['seq'] for row in store.query(**store_filters(only.as_query()), after=first - 1, limit=100)}

    assert kept == {row['seq'] for row in rows if only.lets_through(Entry.from_json(row))}


def test_groups_go_into_the_address_and_come_back(tmp_path: Path) -> None:
    assert groups_from('error,info') == {'info', 'error'}
    assert groups_text({'error', 'info'}) == 'info,error'
    assert not groups_from('none')
    assert groups_from('') is None
    assert groups_from('nonsense') is None
