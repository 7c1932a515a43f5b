"""How a live run is saved: changes that come together share a save, and none is shown before it is on disk."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from storage.runs import RunStore
from synapse.runs.live import saving, time_limits
from synapse.runs.live.time_limits import TimeLimits
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunState
from tests.parts.hosts import eventually
from tests.parts.scripted import House, ScriptedHost, opened
from tests.synapse.runs.test_runs import until

NAMES = ('one', 'two', 'three')


class HeldStore(RunStore):
    """A store that records each save of a run and the size of each transaction; its disk can be held busy."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.saved: list[dict[str, Any]] = []
        self.sizes: list[int] = []
        self.is_free, self.is_asked = threading.Event(), threading.Event()
        self.is_free.set()

    def together(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        self.sizes.append(len(calls))
        self.is_asked.set()
        assert self.is_free.wait(10)
        return super().together(calls)

    def save(self, document: dict[str, Any]) -> None:
        super().save(document)
        self.saved.append(document)

    def hold(self) -> None:
        """Hold the disk from the next write on."""
        self.is_free.clear()
        self.is_asked.clear()

    async def is_held(self) -> None:
        assert await asyncio.to_thread(self.is_asked.wait, 10)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    (tmp_path / 'data').mkdir()
    async with opened(tmp_path / 'data', workers=1, store=HeldStore(tmp_path / 'data' / 'runs.db')) as house:
        yield house


async def running(house: House) -> tuple[str, ScriptedHost, HeldStore]:
    run = await house.runs.create('Work', {})
    host = await house.engine.next_host()
    store = house.store
    assert isinstance(store, HeldStore)
    store.saved.clear()
    return run.id, host, store


def log_of(house: House, run_id: str) -> list[str]:
    return [entry.message.split(' after ')[0] for entry in house.log.ring if entry.run == run_id]


async def test_steps_that_move_while_the_disk_is_busy_share_one_save(house: House) -> None:
    run_id, host, store = await running(house)
    shown: list[list[str]] = []
    house.bus.subscribe(RunChanged, lambda message: shown.append([str(step.state) for step in message.run.steps]))
    store.hold()
    host.say(t='step', name='one', state='running')
    await store.is_held()

    host.say(t='step', name='one', state='succeeded')
    for name in NAMES[1:]:
        host.say(t='step', name=name, state='running')
        host.say(t='step', name=name, state='succeeded')
    host.say(t='end', state='succeeded')
    host.exit()
    await host.wait()
    assert shown == []
    assert log_of(house, run_id)[-1] == 'Run #1 has started on worker-1'
    store.is_free.set()
    await until(house, run_id)

    # The first message alone, all others together, and the end of the run.
    assert [[step['state'] for step in run['steps']] for run in store.saved] == [
        ['running', 'pending', 'pending'],
        ['succeeded', 'succeeded', 'succeeded'],
        ['succeeded', 'succeeded', 'succeeded'],
    ]
    assert shown == [[step['state'] for step in run['steps']] for run in store.saved]
    rules = [f'{name.upper()} {what}' for name in NAMES for what in ('started', 'succeeded')]
    assert log_of(house, run_id)[2:] == [*rules, 'Run #1 has succeeded']


async def test_what_a_step_prints_follows_the_line_that_it_has_started(house: House) -> None:
    run_id, host, store = await running(house)
    store.hold()
    host.say(t='step', name='one', state='running')
    host.say(t='logs', e=[['2026-10-14T12:00:00+00:00', 'info', 'one', 'hello', 'one', None]])
    host.say(t='step', name='one', state='succeeded')
    await store.is_held()
    assert 'hello' not in log_of(house, run_id)

    store.is_free.set()
    host.say(t='end', state='succeeded')
    host.exit()
    await until(house, run_id)

    assert log_of(house, run_id)[2:5] == ['ONE started', 'hello', 'ONE succeeded']


async def test_a_step_whose_output_waits_for_the_disk_is_not_taken_for_one_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_limits, 'BACKSTOP_SECONDS', 0.05)
    is_checked, check = asyncio.Event(), TimeLimits._step_timed_out

    def checked(self: TimeLimits, *arguments: Any) -> None:
        check(self, *arguments)
        is_checked.set()

    monkeypatch.setattr(TimeLimits, '_step_timed_out', checked)
    (tmp_path / 'data').mkdir()
    steps = ({'name': 'one', 'title': 'ONE', 'retries': 0, 'timeout': 0.05},)
    async with opened(tmp_path / 'data', store=HeldStore(tmp_path / 'data' / 'runs.db'), steps=steps) as house:
        run_id, host, store = await running(house)
        store.hold()
        host.say(t='step', name='one', state='running', attempt=1)
        host.say(t='logs', e=[['2026-10-14T12:00:00+00:00', 'info', 'one', 'hello', 'one', None]])
        host.say(t='step', name='one', state='succeeded', attempt=1)
        host.say(t='end', state='succeeded')
        await asyncio.wait_for(is_checked.wait(), 20)
        assert 'kill' not in host.sent

        store.is_free.set()
        host.exit()

        assert (await until(house, run_id)).state is RunState.SUCCEEDED


async def test_a_host_waits_when_too_much_is_unsaved(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, 'MOST_UNSAVED', 5)
    run_id, host, store = await running(house)
    store.hold()
    for number in range(50):
        host.say(t='artifact', name=f'{number}.txt', size=1)
    await store.is_held()
    live = house.runs._unfinished.live[run_id]

    for _ in range(200):
        await asyncio.sleep(0)
    assert len(live._saved._unsaved) <= 5
    store.is_free.set()
    host.say(t='end', state='succeeded')
    host.exit()
    ended = await until(house, run_id)

    assert [artifact.name for artifact in ended.artifacts] == [f'{number}.txt' for number in range(50)]
    assert ended.state is RunState.SUCCEEDED


async def test_runs_that_end_while_the_disk_is_busy_share_a_transaction(tmp_path: Path) -> None:
    (tmp_path / 'data').mkdir()
    store = HeldStore(tmp_path / 'data' / 'runs.db')
    async with opened(tmp_path / 'data', workers=8, store=store) as house:
        runs = [await house.runs.create('Work', {}) for _ in range(8)]
        hosts = [await house.engine.next_host() for _ in runs]
        store.hold()
        other = asyncio.create_task(store.group.commit(store.get, 'none'))
        await store.is_held()
        store.sizes.clear()

        for host in hosts:
            host.say(t='end', state='succeeded')
            host.exit()
        await eventually(lambda: len(store.group._waiting) == len(runs), 10)
        store.is_free.set()
        await asyncio.gather(other, *(until(house, run.id) for run in runs))

        assert store.sizes == [8]
