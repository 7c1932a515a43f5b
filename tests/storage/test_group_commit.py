"""Writes that wait for the disk together share a transaction, and none of them returns before it is on disk."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from storage import group_commit
from storage.files import DiskFull, StorageError
from storage.ledger import Ledger
from storage.runs import RunStore
from tests.parts.writers import NOW, run_document


class CountedStore(RunStore):
    """A store that records how many calls share each transaction; its disk can be held busy, or fail as a whole."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.sizes: list[int] = []
        self.is_free, self.is_asked = threading.Event(), threading.Event()
        self.is_free.set()
        self.most_that_fit = 1_000

    def together(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        self.sizes.append(len(calls))
        self.is_asked.set()
        assert self.is_free.wait(10)
        if len(calls) > self.most_that_fit:
            raise DiskFull('No room is left on the disk.')
        return super().together(calls)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CountedStore]:
    with contextlib.closing(CountedStore(tmp_path / 'runs.db')) as store:
        yield store


def creates(store: RunStore, *numbers: int) -> list['asyncio.Task[dict[str, Any]]']:
    return [asyncio.create_task(store.group.commit(store.create, run_document(number))) for number in numbers]


async def busy(store: CountedStore) -> 'asyncio.Task[dict[str, Any]]':
    """Hold the disk busy with a first write, and return it."""
    store.is_free.clear()
    (first,) = creates(store, 1)
    await asyncio.to_thread(store.is_asked.wait, 10)
    return first


async def test_all_writes_that_wait_while_the_disk_is_busy_share_one_transaction(store: CountedStore) -> None:
    first = await busy(store)
    others = creates(store, *range(2, 42))
    await asyncio.sleep(0)
    assert not any(task.done() for task in [first, *others])

    store.is_free.set()
    made = await asyncio.gather(first, *others)

    assert store.sizes == [1, 40]
    assert [run['number'] for run in made] == list(range(1, 42))


async def test_what_follows_on_a_write_joins_the_next_transaction_at_once(store: CountedStore) -> None:
    async def lives(number: int) -> None:
        run = await store.group.commit(store.create, run_document(number))
        await store.group.commit(store.save, run | {'state': 'running'})
        await store.group.commit(store.save, run | {'state': 'succeeded'})

    await asyncio.gather(*(lives(number) for number in range(20)))

    assert store.sizes == [20, 20, 20]
    assert {run['state'] for run in store.page()} == {'succeeded'}


async def test_a_transaction_has_a_limit_and_all_get_their_turn(
    store: CountedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, 'MOST_CALLS', 8)

    await asyncio.gather(*creates(store, *range(20)))

    assert store.sizes == [8, 8, 4]


async def test_a_write_returns_only_when_another_connection_can_read_it(store: CountedStore, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / 'runs.db')) as other:

        async def create(number: int) -> None:
            run = await store.group.commit(store.create, run_document(number))
            found = other.execute('SELECT number FROM runs WHERE id = ?', [run['id']]).fetchone()
            assert found == (run['number'],)

        await asyncio.gather(*map(create, range(50)))


async def test_a_write_that_fails_leaves_nothing_and_fails_alone(store: CountedStore) -> None:
    ledger = Ledger(store)
    row = {'event_id': 'e', 'due': NOW, 'state': 'claimed', 'run': 'r9'}
    twice = [(row, run_document(9)), (row | {'due': '2026-10-14T15:08:31+02:00'}, run_document(9))]
    first = await busy(store)
    fine, failing = creates(store, 2), asyncio.create_task(store.group.commit(ledger.account, twice))
    also_fine = creates(store, 3)
    await asyncio.sleep(0)

    store.is_free.set()
    with pytest.raises(sqlite3.IntegrityError):
        await failing
    await asyncio.gather(first, *fine, *also_fine)

    assert store.sizes == [1, 3]
    assert {run['id'] for run in store.page()} == {'r1', 'r2', 'r3'}
    assert ledger.claimed() == []


async def test_if_a_transaction_fails_each_write_is_tried_alone(store: CountedStore) -> None:
    store.most_that_fit = 1

    made = await asyncio.gather(*creates(store, *range(5)))

    assert store.sizes == [5, 1, 1, 1, 1, 1]
    assert [run['number'] for run in made] == [1, 2, 3, 4, 5]


async def test_on_a_full_disk_each_write_fails_and_the_next_ones_work(store: CountedStore) -> None:
    store.most_that_fit = 0
    results = await asyncio.gather(*creates(store, 1, 2, 3), return_exceptions=True)
    assert [type(result) for result in results] == [DiskFull] * 3
    assert store.page() == []

    store.most_that_fit = 1_000
    assert [run['number'] for run in await asyncio.gather(*creates(store, 4, 5))] == [1, 2]


async def test_an_error_of_the_disk_fails_all_at_once_and_is_not_waited_for_once_for_each(
    store: CountedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(calls: Sequence[Callable[[], Any]]) -> list[Any]:
        store.sizes.append(len(calls))
        raise StorageError('database is locked')

    monkeypatch.setattr(store.group, '_together', locked)
    results = await asyncio.gather(*creates(store, *range(20)), return_exceptions=True)

    assert [type(result) for result in results] == [StorageError] * 20
    assert store.sizes == [20]


async def test_what_still_waits_when_the_store_is_closed_fails(store: CountedStore) -> None:
    first = await busy(store)
    second = creates(store, 2)
    await asyncio.sleep(0)

    store.is_free.set()
    store.close()
    results = await asyncio.gather(first, *second, return_exceptions=True)

    assert results[0]['number'] == 1
    assert isinstance(results[1], StorageError)


async def test_a_cancelled_caller_holds_up_no_one(store: CountedStore) -> None:
    first = await busy(store)
    second, third = creates(store, 2, 3)
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.sleep(0)

    store.is_free.set()
    await asyncio.gather(first, third)

    assert second.cancelled()
    assert {run['id'] for run in store.page()} == {'r1', 'r2', 'r3'}


async def test_writes_of_threads_and_of_groups_do_not_mix(store: CountedStore) -> None:
    def in_a_thread() -> None:
        for number in range(100, 130):
            with store.transaction() as connection:
                store.create(run_document(number))
                assert connection.in_transaction

    await asyncio.gather(asyncio.to_thread(in_a_thread), *creates(store, *range(30)))

    assert len(store.page(limit=100)) == 60
