"""The counts of today in the status, with a clock that stands still until it is moved."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.ledger import Ledger
from storage.runs import RunStore
from synapse.bus import Bus
from synapse.calendar import today
from synapse.calendar.events import Occurrence, OccurrenceState
from synapse.calendar.messages import OccurrencesChanged
from synapse.calendar.today import Today
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord, RunState
from synapse.status import Status, StatusChanged, no_runs_today

NOON = datetime(2026, 10, 14, 10, tzinfo=UTC)
"""In Berlin."""
MIDNIGHT = datetime(2026, 10, 14, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)


def ended(id: str, at: datetime, state: RunState = RunState.SUCCEEDED) -> RunRecord:
    return RunRecord(
        id=id, number=0, pipeline='Hello', parameters={}, state=state, created_at=at - HOUR, finished_at=at
    )


class Day:
    """A real store and ledger, and the counts of a day in Berlin."""

    def __init__(self, data: Path, now: datetime) -> None:
        self.now, self.bus, self.status = now, Bus(), Status()
        self.store = RunStore(data / 'runs.db')
        self.ledger = Ledger(self.store)
        self.today = Today(
            store=self.store,
            ledger=self.ledger,
            status=self.status,
            bus=self.bus,
            zone='Europe/Berlin',
            now=lambda: self.now,
        )

    def ends(self, id: str, at: datetime, state: RunState = RunState.SUCCEEDED) -> None:
        self.bus.publish(RunChanged(RunRecord.model_validate(self.store.create(ended(id, at, state).as_json()))))

    def misses(self, due: datetime, count: int = 1) -> Occurrence:
        row = Occurrence(event_id='e', due=due, state=OccurrenceState.MISSED, count=count, is_open=True)
        self.ledger.account([(row.as_json(), None)])
        self.bus.publish(OccurrencesChanged((row,)))
        return row

    async def shown(self, **counts: int) -> Mapping[str, int]:
        """Wait until the status has these counts, and no others."""
        wanted = no_runs_today() | counts
        if self.status.counts != wanted:
            await self.bus.next(StatusChanged, timeout=20, where=lambda _: self.status.counts == wanted)
        return self.status.counts


@asynccontextmanager
async def day_at(data: Path, moment: datetime) -> AsyncIterator[Day]:
    day = Day(data, moment)
    try:
        yield day
    finally:
        await day.today.stop()
        day.store.close()


async def test_runs_are_counted_by_their_final_state(tmp_path: Path) -> None:
    async with day_at(tmp_path, NOON) as day:
        day.ends('early', NOON - HOUR)
        day.ends('yesterday', MIDNIGHT - timedelta(days=1, seconds=1))
        await day.today.start()
        assert await day.shown(succeeded=1)

        day.ends('bad', NOON, RunState.FAILED)
        day.ends('good', NOON)

        assert await day.shown(succeeded=2, failed=1)


async def test_missed_occurrences_are_counted_until_they_are_dismissed(tmp_path: Path) -> None:
    async with day_at(tmp_path, NOON) as day:
        await day.today.start()
        day.misses(MIDNIGHT - timedelta(days=1, seconds=1))
        row = day.misses(NOON - HOUR, count=40)
        day.misses(NOON)
        assert await day.shown(missed=41)

        skipped = row.changed(state=OccurrenceState.SKIPPED)
        day.ledger.save([skipped.as_json()])
        day.bus.publish(OccurrencesChanged((skipped,)))

        assert await day.shown(missed=1)


@pytest.mark.parametrize('late', [timedelta(0), 8 * HOUR])
async def test_at_midnight_the_counts_start_again(tmp_path: Path, late: timedelta) -> None:
    async with day_at(tmp_path, MIDNIGHT - timedelta(seconds=0.1)) as day:
        day.ends('late', MIDNIGHT - HOUR)
        day.misses(MIDNIGHT - HOUR)
        await day.today.start()
        assert await day.shown(succeeded=1, missed=1)

        day.now = MIDNIGHT + late

        assert await day.shown()
        day.ends('next', day.now)
        assert await day.shown(succeeded=1)


async def test_a_burst_of_endings_is_counted_at_its_begin_and_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(today, 'COUNT_SECONDS', 0.5)
    async with day_at(tmp_path, NOON) as day:
        await day.today.start()
        runs = [ended(f'r{number}', NOON) for number in range(20)]
        for run in runs:
            day.store.create(run.as_json())
        counts, counted = day.today._sums.between, []
        monkeypatch.setattr(day.today._sums, 'between', lambda *days: counted.append(days) or counts(*days))

        for run in runs:
            day.bus.publish(RunChanged(run))
            await asyncio.sleep(0)
        assert await day.shown(succeeded=20)
        await day.today._soon()

    assert 2 <= len(counted) <= 3
