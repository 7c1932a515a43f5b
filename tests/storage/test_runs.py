import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.runs import RunStore
from tests.parts.writers import run_document

START = datetime(2026, 10, 14, 12, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / 'runs.db')


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat().replace('+00:00', 'Z')


def ended(store: RunStore, number: int, seconds: float, **values: Any) -> dict[str, Any]:
    """A run that started at zero and ended after this many seconds."""
    run = store.create(run_document(number, created_at=at(0)))
    run |= {'state': 'succeeded', 'started_at': at(0), 'finished_at': at(seconds), **values}
    store.save(run)
    return run


def test_numbers_count_up_from_one_and_are_never_given_twice(store: RunStore, tmp_path: Path) -> None:
    assert [ended(store, index, 1)['number'] for index in range(3)] == [1, 2, 3]

    store.close()

    assert RunStore(tmp_path / 'runs.db').create(run_document(10))['number'] == 4


def test_the_same_key_gives_the_same_run_as_it_is_now(store: RunStore) -> None:
    first = store.create(run_document(1), idempotency_key='once')
    store.save({**first, 'state': 'running'})

    again = store.create(run_document(2), idempotency_key='once')

    assert (again['id'], again['state']) == ('r1', 'running')
    assert [run['id'] for run in store.page()] == ['r1']
    assert store.create(run_document(3), idempotency_key='other')['number'] == 2


def test_many_threads_with_one_key_make_one_run(store: RunStore) -> None:
    made: list[str] = []

    def create(number: int) -> None:
        made.append(store.create(run_document(number), idempotency_key='once')['id'])

    threads = [threading.Thread(target=create, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(made)) == 1
    assert len(made) == 8


def test_a_run_is_found_by_id_and_by_number(store: RunStore) -> None:
    run = store.create(run_document(7))

    assert store.get('r7') == store.find_by_number(1) == run
    assert store.get('x') is None
    assert store.find_by_number(99) is None


def test_runs_are_listed_newest_first_by_what_they_are(store: RunStore) -> None:
    for number in range(1, 6):
        kind = 'Even' if number % 2 == 0 else 'Odd'
        store.create(run_document(number, pipeline=kind, profile='p' if number > 3 else None))

    def ids(**filters: Any) -> list[str]:
        return [run['id'] for run in store.page(**filters)]

    assert ids(limit=2) == ['r5', 'r4']
    assert ids(before=4, limit=2) == ['r3', 'r2']
    assert ids(pipeline='Even') == ['r4', 'r2']
    assert ids(profile='p', pipeline='Odd') == ['r5']
    assert ids(state='running') == []


def test_runs_of_some_states_come_oldest_first(store: RunStore) -> None:
    for number, state in enumerate(['queued', 'running', 'queued', 'paused'], 1):
        store.create(run_document(number, state=state))

    assert [run['id'] for run in store.with_states(['queued', 'paused'])] == ['r1', 'r3', 'r4']
    assert store.with_states([]) == []


def test_endings_are_counted_between_two_moments_that_are_included(store: RunStore) -> None:
    ended(store, 1, 10)
    ended(store, 2, 10.5, state='failed')
    ended(store, 3, 20)
    store.create(run_document(4))

    def count(first: float, last: float) -> int:
        return store.count_ended(*(START + timedelta(seconds=seconds) for seconds in (first, last)))

    # As text "12:00:10.500000Z" sorts before "12:00:10Z"; as a moment it comes after.
    assert (count(10, 60), count(10.2, 60), count(10.5, 60), count(20, 60)) == (3, 2, 2, 1)
    assert (count(0, 20), count(0, 10), count(0, 9)) == (3, 1, 0)


def test_recent_runs_are_those_that_ended_last(store: RunStore) -> None:
    ended(store, 1, 30)
    ended(store, 2, 10, pipeline='Other')
    ended(store, 3, 20)
    store.create(run_document(4))

    assert [run['id'] for run in store.recent(limit=5)] == ['r1', 'r3', 'r2']
    assert [run['id'] for run in store.recent('Demo', limit=1)] == ['r1']


def test_step_times_come_from_the_last_succeeded_runs(store: RunStore) -> None:
    def step(name: str, seconds: float, state: str = 'succeeded') -> dict[str, Any]:
        return {'name': name, 'state': state, 'started_at': at(0), 'finished_at': at(seconds)}

    ended(store, 1, 9, steps=[step('render', 1)])
    ended(store, 2, 9, steps=[step('render', 2), step('publish', 5, 'skipped')])
    ended(store, 3, 9, steps=[step('render', 3), {'name': 'publish', 'state': 'pending'}])
    ended(store, 4, 9, state='failed', steps=[step('render', 99)])

    assert store.step_seconds('Demo') == {'render': [3.0, 2.0, 1.0]}
    assert store.step_seconds('Demo', limit=2) == {'render': [3.0, 2.0]}
    assert store.step_seconds('Other') == {}


def test_a_text_is_looked_for_once_in_each_run(store: RunStore) -> None:
    seen: list[str] = []

    def change(run: dict[str, Any]) -> dict[str, Any]:
        seen.append(run['id'])
        return run | {'pipeline': run['pipeline'].replace('old', 'new')}

    store.create(run_document(1, pipeline='old'))
    assert store.rewrite('old', change, once=True) == ['r1']
    store.create(run_document(2, pipeline='old'))
    store.create(run_document(3))
    assert store.rewrite('old', change, once=True) == ['r2']
    assert store.rewrite('old', change, once=True) == store.rewrite('nowhere', change, once=True) == []

    assert seen == ['r1', 'r2']
    assert store.rewrite('new', change) == []
    assert seen == ['r1', 'r2', 'r1', 'r2']
    assert [run['pipeline'] for run in store.page()] == ['Demo', 'new', 'new']
