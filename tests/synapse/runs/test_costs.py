"""What a run costs the control room: how often it reads the store and the disk, by count and not by the clock."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.runs import RunStore
from synapse.runs.dispatch import dispatcher
from synapse.runs.estimates import LAST_RUNS, Estimates
from synapse.runs.records import RunRecord, RunState, StepRun, StepState
from tests.parts.scripted import House, opened
from tests.synapse.runs.test_runs import until

NOW = datetime(2026, 10, 14, 12, tzinfo=UTC)


class CountedReads(RunStore):
    """A store that counts how often the times of steps are read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.reads: Counter[str] = Counter()

    def step_seconds(self, pipeline: str, *, limit: int = 10) -> dict[str, list[float]]:
        self.reads['step_seconds'] += 1
        return super().step_seconds(pipeline, limit=limit)


async def carried_out(house: House, count: int) -> None:
    for _ in range(count):
        run = await house.runs.create('Work', {})
        host = await house.engine.next_host()
        for name in ('one', 'two', 'three'):
            host.say(t='step', name=name, state='running')
            host.say(t='step', name=name, state='succeeded')
        host.say(t='end', state='succeeded')
        host.exit()
        await until(house, run.id)


async def test_runs_that_end_read_no_history(tmp_path: Path) -> None:
    (tmp_path / 'data').mkdir()
    store = CountedReads(tmp_path / 'data' / 'runs.db')
    async with opened(tmp_path / 'data', store=store) as house:
        await carried_out(house, 5)

        assert store.reads == {'step_seconds': 1}
        assert house.runs.estimates.known('Work').keys() == {'one', 'two', 'three'}


async def test_the_free_space_is_asked_once_for_many_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, 'SPACE_KNOWN_SECONDS', 3600)
    asked: list[Path] = []
    monkeypatch.setattr(dispatcher, 'free_bytes', lambda path: asked.append(path) or 10**12)
    async with opened(tmp_path / 'data') as house:
        await carried_out(house, 5)

    assert len(asked) == 1


async def test_space_that_was_known_is_asked_again_and_none_starts_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, 'SPACE_KNOWN_SECONDS', 0.05)
    free = 10**12
    monkeypatch.setattr(dispatcher, 'free_bytes', lambda _: free)
    async with opened(tmp_path / 'data') as house:
        house.runs._dispatcher._min_free_bytes = 10**9
        await carried_out(house, 1)
        free = 0
        await asyncio.sleep(0.1)

        run = await house.runs.create('Work', {})
        while not house.runs._dispatcher.notice:  # noqa: ASYNC110 - there is no message for it alone
            await asyncio.sleep(0)

        assert [waiting.id for waiting in house.runs.waiting()] == [run.id]


def ended_after(seconds: float, number: int, state: RunState = RunState.SUCCEEDED) -> RunRecord:
    step = StepRun(
        name='one', state=StepState.SUCCEEDED, started_at=NOW, finished_at=NOW + timedelta(seconds=seconds), attempt=1
    )
    return RunRecord(
        id=f'r{number}',
        number=number,
        pipeline='Work',
        parameters={},
        state=state,
        steps=(step,),
        created_at=NOW,
        started_at=NOW,
        finished_at=NOW + timedelta(seconds=seconds),
    )


async def test_estimates_in_memory_are_those_of_the_store(tmp_path: Path) -> None:
    store = RunStore(tmp_path / 'runs.db')
    kept = Estimates(store)

    for number in range(1, 30):
        state = RunState.FAILED if number % 7 == 6 else RunState.SUCCEEDED
        run = ended_after(number * 1.5, number, state)
        store.create(run.as_json())
        await kept.ended(run)
        assert kept.known('Work')
        assert await kept.typical('Work') == await Estimates(store).typical('Work')

    assert all(len(seconds) <= LAST_RUNS for seconds in kept._times['Work'].values())
    store.close()


async def test_a_run_that_changes_nothing_is_not_copied(tmp_path: Path) -> None:
    async with opened(tmp_path / 'data') as house:
        run = await house.runs.create('Work', {})
        await house.engine.next_host()
        live: Any = house.runs._unfinished.live[run.id]

        assert live._with_flags(live.run) is live.run
