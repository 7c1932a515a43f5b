"""Finding runs: the index answers as a look at every run would, at each moment of its making, and forgets what goes."""

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import run_index
from storage.pruned_runs import PrunedRuns
from storage.run_index import RunIndex, RunQuestion
from storage.runs import RunStore

START = datetime(2026, 10, 14, 12, tzinfo=UTC)
WORDS = ('film', 'film-1', 'film-12', 'straße', 'ärger', '100 %', '"quoted"', 'a_b', 'ffmpeg -i in.mp4', 'x')


def text_of(run: Mapping[str, Any]) -> str:
    return str(run['subject']).lower()


def a_run(number: int, subject: str, **values: Any) -> dict[str, Any]:
    created = START + timedelta(minutes=number)
    ended = {'finished_at': (created + timedelta(seconds=1)).isoformat()}
    given = {'id': f'r{number}', 'pipeline': 'Demo', 'profile': None, 'state': 'succeeded', 'event_id': None}
    return given | ended | {'subject': subject, 'created_at': created.isoformat(), 'parameters': {}} | values


class Finding:
    """A store with its index, and the same question put to a plain list."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / 'runs.db'
        self.store = RunStore(self.path)
        self.index: RunIndex = self.store.index(text_of)
        self.runs: dict[int, dict[str, Any]] = {}

    def add(self, subject: str, **values: Any) -> dict[str, Any]:
        run = self.store.create(a_run(len(self.runs) + 1, subject, **values))
        self.runs[run['number']] = run
        return run

    def index_all(self) -> None:
        while self.store.index_next(text_of):
            pass

    def found(self, **wanted: Any) -> list[int]:
        """All that is found, three at a time."""
        question, numbers = RunQuestion(**wanted), []
        while True:
            some = self.index.numbers(question, limit=3)
            numbers += some.numbers
            if some.rest is None:
                return numbers
            question = RunQuestion(**wanted | {'last': some.rest - 1})

    def close(self) -> None:
        self.index.close()
        self.store.close()


@pytest.fixture
def finding(tmp_path: Path) -> Any:
    finding = Finding(tmp_path)
    yield finding
    finding.close()


@settings(max_examples=25, deadline=None)
@given(
    runs=st.lists(
        st.tuples(
            st.lists(st.sampled_from(WORDS), max_size=3).map(' '.join),
            st.sampled_from(('succeeded', 'failed', 'running')),
            st.sampled_from((None, 'studio')),
            st.sampled_from((None, 'nightly')),
        ),
        max_size=30,
    ),
    indexed=st.integers(0, 30),
    texts=st.lists(st.sampled_from((*WORDS, 'FILM', 'm-1', 'Straße', 'nowhere', '%', 'ä')), max_size=2),
    states=st.sampled_from(((), ('failed',), ('failed', 'running'))),
    profile=st.sampled_from((None, 'studio')),
    event=st.sampled_from((None, 'nightly')),
    span=st.tuples(st.integers(0, 30), st.integers(0, 40)),
)
def test_the_index_finds_exactly_what_a_look_at_every_run_finds(
    tmp_path_factory: pytest.TempPathFactory,
    runs: list[tuple[str, str, str | None, str | None]],
    indexed: int,
    texts: list[str],
    states: tuple[str, ...],
    profile: str | None,
    event: str | None,
    span: tuple[int, int],
) -> None:
    finding = Finding(tmp_path_factory.mktemp('index'))
    for number, (subject, state, whose, of) in enumerate(runs):
        finding.add(subject, state=state, profile=whose, event_id=of)
        if number == indexed:
            finding.index_all()
    start, end = (START + timedelta(minutes=minutes) for minutes in span)
    wanted = {
        'texts': texts,
        'states': states,
        'profile': profile,
        'event': event,
        'start': start,
        'end': end,
    }

    found = finding.found(**wanted)

    assert found == [
        number
        for number, run in sorted(finding.runs.items(), reverse=True)
        if all(text.lower() in text_of(run) for text in texts)
        and (not states or run['state'] in states)
        and profile in (None, run['profile'])
        and event in (None, run['event_id'])
        and start <= datetime.fromisoformat(run['created_at']) < end
    ]
    finding.close()


def test_a_run_is_found_as_it_is_now_whether_or_not_the_index_has_caught_up(finding: Finding) -> None:
    run = finding.add('film', state='running', finished_at=None)
    finding.index_all()

    finding.store.save(run | {'state': 'failed', 'subject': 'film that broke', 'finished_at': run['created_at']})
    before = finding.found(texts=['broke'], states=['failed'])
    finding.index_all()

    assert before == finding.found(texts=['broke'], states=['failed']) == [1]
    assert finding.found(texts=['film'], states=['running']) == []


def test_runs_of_an_older_file_are_found_before_during_and_after_they_are_indexed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = Finding(tmp_path)
    for number in range(12):
        earlier.add(f'film-{number % 3}')
    earlier.close()
    with sqlite3.connect(earlier.path) as connection:
        for name in ('run_to_find', 'run_to_find_again', 'run_not_to_find', 'words_added', 'words_gone'):
            connection.execute(f'DROP TRIGGER {name}')
        for table in ('findable', 'words', 'to_find'):
            connection.execute(f'DROP TABLE {table}')
        connection.execute("DELETE FROM facts WHERE name = 'findable from'")
    connection.close()
    monkeypatch.setattr(run_index, 'AT_ONCE', 5)

    finding = Finding(tmp_path)
    finding.runs = earlier.runs
    new = finding.add('film-1 again')
    wanted = [new['number'], 11, 8, 5, 2]
    seen = [finding.found(texts=['film-1'])]
    while finding.store.index_next(text_of):
        seen.append(finding.found(texts=['film-1']))

    assert len(seen) > 2
    assert all(found == wanted for found in seen)
    finding.close()


def test_runs_are_found_by_new_texts_once_they_are_searched_by_others(
    finding: Finding, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding.add('film')
    finding.index_all()
    finding.close()
    monkeypatch.setattr(run_index, 'TEXTS', run_index.TEXTS + 1)
    again = Finding(finding.path.parent)
    again.index = again.store.index(lambda run: f'{run["subject"]} {run["state"]}')
    for _ in range(2):
        assert again.found(texts=['film', 'succeeded']) == [1]
        while again.store.index_next(lambda run: f'{run["subject"]} {run["state"]}'):
            pass
    again.close()


def test_runs_are_found_while_more_wait_for_the_index_than_are_looked_at_one_by_one(
    finding: Finding, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding.add('film')
    finding.index_all()
    for _ in range(8):
        finding.add('film')
    monkeypatch.setattr(run_index, '_MOST_MARKS', 3)

    assert finding.found(texts=['film']) == [*range(9, 0, -1)]


def test_a_removed_run_leaves_the_index(finding: Finding) -> None:
    finding.add('film')
    finding.add('film')
    finding.index_all()

    PrunedRuns(finding.store).prune(['r1'], at=START)

    assert finding.found(texts=['film']) == [2]
    with finding.store.reading() as connection:
        assert connection.execute('SELECT number FROM findable').fetchall() == [(2,)]
        assert connection.execute('SELECT rowid FROM words WHERE words MATCH \'"fil"\'').fetchall() == [(2,)]


def test_a_text_that_is_erased_from_a_run_is_nowhere_in_the_file_any_more(finding: Finding) -> None:
    finding.add('plain words')
    finding.add('curl https://me:qzkvxwjy@host')
    finding.index_all()
    assert finding.found(texts=['qzkvxwjy']) == [2]

    finding.store.rewrite('qzkvxwjy', lambda run: json.loads(json.dumps(run).replace('qzkvxwjy', '***')))

    assert finding.found(texts=['qzkvxwjy']) == []
    assert finding.found(texts=['curl', '***']) == [2]
    finding.index_all()
    with finding.store.reading() as connection:
        assert connection.execute('SELECT rowid FROM words WHERE words MATCH \'"zkv"\'').fetchall() == []
    for file in finding.path.parent.glob('runs.db*'):
        assert b'qzkvxwjy' not in file.read_bytes()
        assert b'zkv' not in file.read_bytes()


def test_a_search_that_takes_too_long_ends_early_and_goes_on_from_there(
    finding: Finding, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        finding.add('rare' if number == 0 else 'film')
    finding.index_all()
    monkeypatch.setattr(run_index, '_FIRST_WINDOW', 4)

    first = finding.index.numbers(RunQuestion(texts=['rare']), limit=5, seconds=0)

    assert (first.numbers, first.rest) == ([], 17)
    rest = finding.index.numbers(RunQuestion(texts=['rare'], last=16), limit=5, seconds=60)
    assert (rest.numbers, rest.rest) == ([1], None)


def test_all_runs_and_those_of_a_time_are_counted(finding: Finding) -> None:
    for _ in range(9):
        finding.add('film')

    assert finding.index.count(RunQuestion()) == 9
    assert finding.index.count(RunQuestion(start=START + timedelta(minutes=5))) == 5
    assert finding.index.count(RunQuestion(first=3, last=4)) == 2


def test_a_search_never_waits_for_a_writer(finding: Finding) -> None:
    finding.add('film')

    with finding.store.transaction():
        assert finding.found(texts=['film']) == [1]


def test_filters_and_texts_are_looked_up_and_not_searched_for(finding: Finding) -> None:
    for number in range(3):
        finding.add('film', state='failed' if number else 'succeeded', profile='studio', event_id='nightly')
    finding.index_all()
    asked: list[str] = []
    connection = finding.index._opened()
    connection.set_trace_callback(asked.append)
    for wanted in (
        RunQuestion(states=['failed', 'succeeded']),
        RunQuestion(pipeline='Demo', profile='studio', last=3),
        RunQuestion(start=START, end=START + timedelta(days=1)),
        RunQuestion(event='nightly', states=['failed']),
        RunQuestion(texts=['film', 'x']),
    ):
        finding.index.numbers(wanted, limit=50)
    connection.set_trace_callback(None)

    plans = {
        query: [step for *_, step in connection.execute(f'EXPLAIN QUERY PLAN {query}')]
        for query in asked
        if query.startswith('SELECT')
    }
    whole = ('SCAN runs', 'SCAN findable')
    assert not [query for query, steps in plans.items() if any(step.startswith(whole) for step in steps)]
    assert not [step for steps in plans.values() for step in steps if 'TEMP B-TREE' in step]
