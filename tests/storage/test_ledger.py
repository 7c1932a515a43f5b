"""The ledger: each moment once, and no row without its run."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.ledger import Ledger
from storage.runs import RunStore

DUE = datetime(2026, 10, 14, 16, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    store = RunStore(tmp_path / 'runs.db')
    yield store
    store.close()


@pytest.fixture
def ledger(store: RunStore) -> Ledger:
    return Ledger(store)


def row(event: str = 'e1', due: datetime = DUE, **values: Any) -> dict[str, Any]:
    return {'event_id': event, 'due': due.isoformat(), 'state': 'claimed', 'run': None, **values}


def run(id: str) -> dict[str, Any]:
    return {'id': id, 'number': 0, 'state': 'queued', 'pipeline': 'Hello', 'created_at': DUE.isoformat()}


def test_a_row_and_its_run_are_kept_together(store: RunStore, ledger: Ledger) -> None:
    added = ledger.account([(row(run='r1'), run('r1'))])

    assert [kept['number'] for _, kept in added if kept] == [1]
    assert ledger.get('e1', DUE) == row(run='r1')
    assert store.get('r1') is not None


def test_a_moment_is_accounted_for_once_and_a_second_claim_leaves_no_run(store: RunStore, ledger: Ledger) -> None:
    ledger.account([(row(run='r1'), run('r1'))])

    again = ledger.account([(row(run='r2'), run('r2')), (row('e2', run='r3'), run('r3'))])

    assert [kept['event_id'] for kept, _ in again] == ['e2']
    assert store.get('r2') is None
    assert store.get('r3') is not None


def test_runs_claimed_together_are_numbered_in_order_and_none_twice(store: RunStore, ledger: Ledger) -> None:
    store.create(run('r0'))
    ledger.account([(row(run='r1'), run('r1'))])

    added = ledger.account(
        [
            (row(run='r2'), run('r2')),
            (row('e2'), None),
            (row('e3', run='r3'), run('r3')),
            (row('e4', run='r4'), run('r4')),
        ]
    )

    assert [kept and kept['number'] for _, kept in added] == [None, 3, 4]
    assert store.create(run('r5'))['number'] == 5
    assert [found['number'] for found in store.page()] == [5, 4, 3, 2, 1]


def test_many_claims_are_saved_by_as_few_statements_as_one(store: RunStore, ledger: Ledger) -> None:
    def statements(*names: str) -> int:
        asked: list[str] = []
        with store.reading() as connection:
            connection.set_trace_callback(asked.append)
            ledger.account([(row(name, run=name), run(name)) for name in names])
            connection.set_trace_callback(None)
        return len(set(asked))  # a statement with a trigger is traced once more for each row

    assert statements(*(f'e{number}' for number in range(50))) == statements('x') == 6
    assert len(store.page(limit=100)) == 51


def test_a_moment_that_is_claimed_twice_at_once_is_saved_once(store: RunStore, ledger: Ledger) -> None:
    added = ledger.account([(row(run='r1'), run('r1')), (row(run='r2'), run('r2')), (row('e2', run='r3'), run('r3'))])

    assert [(kept['run'], led and led['number']) for kept, led in added] == [('r1', 1), ('r3', 2)]
    assert [found['id'] for found in store.page()] == ['r3', 'r1']


def test_a_name_that_is_no_text_is_saved_too(store: RunStore) -> None:
    name = b'film-\xe9.mp4'.decode(errors='surrogateescape')

    store.create(run('r1') | {'subject': name})
    Ledger(store).account([(row(run='r2', reason=name), run('r2') | {'subject': name})])

    assert [found['subject'] for found in store.page()] == [name, name]


def test_a_failure_in_the_middle_keeps_nothing(store: RunStore, ledger: Ledger) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        ledger.account([(row(run='r1'), run('r1')), (row('e2', run='r1'), run('r1'))])

    assert ledger.get('e1', DUE) is None
    assert store.get('r1') is None


def test_a_span_accounts_for_every_moment_in_it(ledger: Ledger) -> None:
    start = DUE - timedelta(hours=5)
    ledger.account([(row(state='missed', since=start.isoformat(), count=300), None)])

    inside, before, after = DUE - timedelta(hours=2), start - timedelta(minutes=1), DUE + timedelta(minutes=1)
    added = ledger.account([(row(due=moment), None) for moment in (before, inside, after)])

    assert [kept['due'] for kept, _ in added] == [before.isoformat(), after.isoformat()]
    assert ledger.missed_since(start) == 300


def test_rows_are_found_by_time_with_their_runs(ledger: Ledger) -> None:
    moments = [DUE + timedelta(hours=hour) for hour in range(4)]
    ledger.account([(row(due=moment, run=f'r{index}'), run(f'r{index}')) for index, moment in enumerate(moments)])

    found = ledger.between_with_runs(moments[1], moments[3])

    assert [(kept['run'], led['id']) for kept, led in found if led] == [('r1', 'r1'), ('r2', 'r2')]
    assert ledger.last_dues(['e1', 'nobody']) == {'e1': moments[3]}
    assert ledger.last_dues([]) == {}


def test_a_row_gets_another_run_only_while_it_has_the_one_we_know(store: RunStore, ledger: Ledger) -> None:
    ledger.account([(row(state='missed'), None)])

    first = ledger.replace_run(row(run='r1', state='fired'), run('r1'), before=None)
    second = ledger.replace_run(row(run='r2', state='fired'), run('r2'), before=None)

    assert first is not None
    assert second is None
    assert store.get('r2') is None
    assert (ledger.of_run('r1') or {})['state'] == 'fired'


def test_what_waits_for_an_answer_or_a_retry_is_found(ledger: Ledger) -> None:
    ledger.account([(row('open', is_open=True, state='missed'), None), (row('done'), None)])
    ledger.account([(row('again', retry_at=(DUE + timedelta(minutes=5)).isoformat()), None)])

    assert [kept['event_id'] for kept in ledger.unanswered()] == ['open']
    assert [kept['event_id'] for kept in ledger.to_retry()] == ['again']
    assert [kept['event_id'] for kept in ledger.claimed()] == ['again', 'done']

    ledger.save([row('open', state='skipped')])
    assert ledger.unanswered() == []


def test_the_newest_outcomes_of_an_event_say_how_their_runs_ended(store: RunStore, ledger: Ledger) -> None:
    dues = [DUE + timedelta(days=day) for day in range(5)]
    ledger.account([(row(due=due, run=f'r{day}'), run(f'r{day}')) for day, due in enumerate(dues[:4])])
    ledger.account([(row(due=dues[4], state='skipped'), None), (row('e2', run='r9'), run('r9'))])
    ended = {'pipeline': 'Hello', 'created_at': DUE.isoformat(), 'started_at': DUE.isoformat()}
    store.save({'id': 'r1', 'number': 2, 'state': 'succeeded', 'finished_at': DUE.isoformat(), **ended})

    newest = ledger.newest('e1', since=DUE, limit=4)

    assert [item.row['due'] for item in newest] == [due.isoformat() for due in dues[:0:-1]]
    assert [item.run and item.run['state'] for item in newest] == [None, 'queued', 'queued', 'succeeded']
    assert newest[3].run == {
        'number': 2,
        'state': 'succeeded',
        'started_at': DUE.isoformat(),
        'finished_at': DUE.isoformat(),
    }
    assert ledger.not_succeeding(['e1', 'e2', 'e3'], times=3) == ['e1']
    assert ledger.not_succeeding(['e1', 'e2'], times=4) == []
