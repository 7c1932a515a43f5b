"""Traces of pruned runs keep past figures as they were, and their folders are removed once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.daily_sums import DailySums
from storage.ledger import Ledger
from storage.pruned_runs import PrunedRuns
from storage.runs import RunStore
from tests.parts.writers import run_document
from tests.storage.test_runs import START, at, ended

LATER = START + timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / 'runs.db')


@pytest.fixture
def ledger(store: RunStore) -> Ledger:
    return Ledger(store)


@pytest.fixture
def traces(store: RunStore, ledger: Ledger) -> PrunedRuns:
    return PrunedRuns(store)


def occurrence(number: int, run: str, **values: Any) -> dict[str, Any]:
    row = {'event_id': 'e', 'due': at(number), 'state': 'fired', 'run': run, 'is_open': False}
    return row | values


def seconds(moment: datetime) -> float:
    return (moment - START).total_seconds()


def test_the_earliest_ended_are_pruned_first_and_a_running_one_never(store: RunStore, traces: PrunedRuns) -> None:
    for number, end in ((1, 30), (2, 10), (3, 20)):
        ended(store, number, end)
    store.create(run_document(4, state='running', created_at=at(0)))

    assert traces.prunable(LATER, limit=9) == ['r2', 'r3', 'r1']
    assert traces.prunable(START + timedelta(seconds=20), limit=9) == ['r2']
    assert traces.prunable(LATER, limit=1, spared={'r2'}) == ['r3']
    assert traces.count_prunable(LATER, spared={'r2'}) == 2


@pytest.mark.parametrize('wanted', [{'is_open': True}, {'retry_at': at(99)}, {'state': 'claimed'}])
def test_a_run_that_an_open_occurrence_needs_stays(
    store: RunStore, ledger: Ledger, traces: PrunedRuns, wanted: dict[str, Any]
) -> None:
    ended(store, 1, 1)
    ended(store, 2, 2)
    ledger.account([(occurrence(1, 'r1', **wanted), None), (occurrence(2, 'r2'), None)])

    assert traces.prunable(LATER, limit=9) == ['r2']


def test_the_newest_are_those_that_ended_last(store: RunStore, traces: PrunedRuns) -> None:
    for number, end in ((1, 30), (2, 10), (3, 20)):
        ended(store, number, end)

    newest, second, fourth = (traces.end_of_newest(count) for count in (1, 2, 4))

    assert newest is not None
    assert second is not None
    assert (seconds(newest), seconds(second), fourth) == (30, 20, None)
    assert traces.ended()[0] == 3


def test_a_pruned_run_is_found_only_as_a_trace(store: RunStore, traces: PrunedRuns) -> None:
    run = ended(store, 1, 5, subject='film.mp4', parameters={'title': 'secret', 'source': 'inbox:f1'})

    assert traces.prune(['r1', 'unknown'], at=LATER) == ['r1']

    assert store.get('r1') is None
    assert store.find_by_number(1) is None
    trace = traces.find(number=1)
    assert trace is not None
    assert trace == traces.find(id='r1')
    assert (trace['state'], trace['subject'], trace['forgotten_at']) == ('succeeded', 'film.mp4', LATER.isoformat())
    assert trace['parameters'] == {'source': 'inbox:f1'}
    assert 'steps' not in trace
    assert run['filler'] not in str(trace)


def test_a_run_that_has_not_ended_is_never_pruned(store: RunStore, traces: PrunedRuns) -> None:
    store.create(run_document(1, state='running', created_at=at(0)))

    assert traces.prune(['r1'], at=LATER) == []
    assert store.get('r1') is not None


def test_a_folder_is_pending_until_it_is_removed_even_after_a_restart(
    store: RunStore, traces: PrunedRuns, tmp_path: Path
) -> None:
    ended(store, 1, 1, parameters={'source': 'inbox:f1'})
    ended(store, 2, 2)
    traces.prune(['r1', 'r2'], at=LATER)
    store.close()
    again = RunStore(tmp_path / 'runs.db')
    traces = PrunedRuns(again)

    first, second = traces.pending_folders()
    traces.mark_folder_removed(first)

    assert [trace['id'] for trace in traces.pending_folders()] == [second['id']]
    known = traces.find(id=first['id'])
    assert known is not None
    assert known['parameters'] == {}


def test_numbers_and_keys_of_pruned_runs_are_not_used_again(store: RunStore, traces: PrunedRuns) -> None:
    run = store.create(run_document(1, created_at=at(0)), idempotency_key='once')
    store.save(run | {'state': 'succeeded', 'finished_at': at(1)})
    traces.prune(['r1'], at=LATER)

    assert store.create(run_document(2))['number'] == 2
    known = traces.find(key='once')
    assert known is not None
    assert known['number'] == 1


def test_figures_and_months_of_the_past_stay_as_they_were(store: RunStore, ledger: Ledger, traces: PrunedRuns) -> None:
    ended(store, 1, 10, state='failed')
    ended(store, 2, 20)
    ledger.account([(occurrence(1, 'r2'), None)])
    day = (START, LATER)
    before = store.count_ended(*day), DailySums(store).between(START.date(), START.date(), UTC)
    ids = [run['id'] for run in store.created_between(*day)]

    traces.prune(['r1', 'r2'], at=LATER)

    assert (store.count_ended(*day), DailySums(store).between(START.date(), START.date(), UTC)) == before
    assert before == (2, [(START.date(), 'failed', 10.0, 1), (START.date(), 'succeeded', 20.0, 1)])
    assert [run['id'] for run in store.created_between(*day)] == ids
    [(_, run)] = ledger.between_with_runs(*day)
    assert run is not None
    assert (run['id'], run['state']) == ('r2', 'succeeded')


def test_the_oldest_traces_go_beyond_a_limit_but_none_whose_folder_is_there(
    store: RunStore, traces: PrunedRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('storage.pruned_runs.KEEP_TRACES', 2)
    for number in range(1, 6):
        ended(store, number, number)
    traces.prune([f'r{number}' for number in range(1, 6)], at=LATER)
    for trace in traces.pending_folders():
        if trace['id'] != 'r1':
            traces.mark_folder_removed(trace)

    traces.tidy()

    assert [number for number in range(1, 6) if traces.find(number=number)] == [1, 4, 5]


def test_runs_that_wait_for_files_of_the_inbox_are_found(store: RunStore) -> None:
    store.create(run_document(1, parameters={'source': 'inbox:f1'}))
    store.create(run_document(2, parameters={'source': '/srv/film.mp4'}))

    assert [run['id'] for run in store.with_inbox_files()] == ['r1']
