"""Pauses of the queue and of a run: their cause and end, drain, and what outlives a restart or a set clock."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from synapse.errors import Invalid
from synapse.records import now_utc
from synapse.runs import pauses
from synapse.runs.messages import QueueChanged, RunChanged
from synapse.runs.pauses import Pause, PauseTimer, pause_of
from synapse.runs.records import RunRecord, RunState
from synapse.status import StatusChanged
from tests.parts.hosts import eventually
from tests.parts.scripted import House, ScriptedHost, opened

NOW = datetime(2026, 10, 14, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path / 'data') as house:
        yield house


async def resumed(house: House) -> None:
    """Return once the queue is not paused."""
    while house.runs.is_queue_paused:
        await house.bus.next(QueueChanged, timeout=20)


async def until(house: House, id: str, state: RunState) -> RunRecord:
    waiting = asyncio.ensure_future(
        house.bus.next(RunChanged, timeout=20, where=lambda news: news.run.id == id and news.run.state is state)
    )
    await asyncio.sleep(0)
    run = await house.runs.get(id)
    if run.state is state:
        waiting.cancel()
        return run
    return (await waiting).run


async def shown(house: House) -> dict[str, Any]:
    """Return what the status says of the queue, once it is written."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    queue: dict[str, Any] = house.status.snapshot()['queue']
    return queue


async def messages(house: House) -> list[str]:
    return [entry.message for entry in await house.log.query(limit=50, oldest_first=True)]


# The queue


async def test_the_status_says_who_paused_the_queue_why_and_until_when(house: House) -> None:
    end = now_utc() + HOUR

    await house.runs.pause_queue('a new disk', by='the dashboard', until=end)

    said = await shown(house)
    assert said['paused'] is True
    assert (said['by'], said['because'], said['drain'], said['drained']) == (
        'the dashboard',
        'a new disk',
        False,
        False,
    )
    assert datetime.fromisoformat(said['until']) == end
    assert 'by the dashboard: a new disk' in (await messages(house))[-1]
    await house.runs.resume_queue()
    assert await shown(house) == {'waiting': 0, 'running': 0, 'paused': False}


async def test_a_timed_pause_ends_by_itself_and_what_waited_starts(house: House) -> None:
    await house.runs.pause_queue(seconds=0.2)
    run = await house.runs.create('Work', {})
    assert [waiting.id for waiting in house.runs.waiting()] == [run.id]

    host = await house.engine.next_host()

    assert host.job['id'] == run.id
    assert not house.runs.is_queue_paused
    assert 'The queue is resumed: its time is over' in await messages(house)


async def test_a_pause_for_good_takes_the_place_of_a_timed_one_and_keeps_its_beginning(house: House) -> None:
    await house.runs.pause_queue(seconds=3600)
    first = house.runs.queue_pause

    await house.runs.pause_queue('not before Monday')

    second = house.runs.queue_pause
    assert first is not None
    assert second is not None
    assert (second.since, second.until, second.because) == (first.since, None, 'not before Monday')


@pytest.mark.parametrize(
    ('values', 'field'),
    [
        ({'until': NOW}, 'until'),
        ({'until': NOW + timedelta(days=400)}, 'until'),
        ({'until': datetime(2026, 10, 15)}, 'until'),
        ({'seconds': 0.0}, 'seconds'),
        ({'seconds': 1e12}, 'seconds'),
        ({'until': NOW + HOUR, 'seconds': 3600.0}, 'seconds'),
    ],
)
def test_an_end_that_makes_no_sense_is_refused(values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        pause_of(NOW, **values)

    assert [*caught.value.fields] == [field]


async def test_a_pause_outlives_a_restart_with_its_cause_and_its_end(tmp_path: Path) -> None:
    async with opened(tmp_path / 'data') as house:
        await house.runs.pause_queue('a new disk', by='Ada', seconds=3600)
        before = house.runs.queue_pause

    async with opened(tmp_path / 'data') as house:
        assert house.runs.queue_pause == before


async def test_a_pause_whose_time_came_while_nothing_ran_ends_at_the_start(tmp_path: Path) -> None:
    async with opened(tmp_path / 'data') as house:
        await house.runs.pause_queue(seconds=3600)
        run = await house.runs.create('Work', {})
    file = tmp_path / 'data' / 'queue.json'
    saved = json.loads(file.read_text())
    saved['pause']['until'] = (now_utc() - HOUR).isoformat()
    file.write_text(json.dumps(saved))

    async with opened(tmp_path / 'data') as house:
        assert (await house.engine.next_host()).job['id'] == run.id
        await resumed(house)


@pytest.mark.parametrize('saved', [{'paused': True, 'order': []}, {'paused': True, 'pause': {'until': 'soon'}}])
async def test_a_queue_that_was_paused_stays_paused_without_a_readable_cause(
    tmp_path: Path, saved: dict[str, Any]
) -> None:
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'queue.json').write_text(json.dumps(saved))

    async with opened(tmp_path / 'data') as house:
        assert house.runs.is_queue_paused


# Drain


async def begun(house: House) -> tuple[RunRecord, ScriptedHost]:
    run = await house.runs.create('Work', {})
    host = await house.engine.next_host()
    await until(house, run.id, RunState.RUNNING)
    return run, host


async def ended(house: House, run: RunRecord, host: ScriptedHost) -> None:
    host.say(t='end', state='succeeded')
    host.exit(0)
    await until(house, run.id, RunState.SUCCEEDED)


async def drained(house: House) -> None:
    while not (house.status.queue_pause or {}).get('drained'):
        await house.bus.next(StatusChanged, timeout=20)


async def test_a_drain_finishes_what_runs_and_says_when_nothing_is_left(house: House) -> None:
    run, host = await begun(house)

    await house.runs.pause_queue(drain=True)
    waiting = await house.runs.create('Work', {})
    said = await shown(house)
    assert (said['drain'], said['drained'], said['running'], said['waiting']) == (True, False, 1, 1)
    await ended(house, run, host)
    await drained(house)

    assert [item.id for item in house.runs.waiting()] == [waiting.id]
    assert 'The queue is drained: nothing runs any more, and nothing new starts' in await messages(house)


async def test_what_waits_for_an_answer_has_not_ended_in_a_drain(house: House) -> None:
    run, host = await begun(house)
    host.say(t='question', id='q1', step='one', number=1, text='Go on?', choices=['yes', 'no'], model='')
    await until(house, run.id, RunState.PAUSED)

    await house.runs.pause_queue(drain=True)
    assert (await shown(house))['drained'] is False
    await house.runs.answer(run.id, 'q1', 'yes', by='Ada')
    host.say(t='resumed')
    await until(house, run.id, RunState.RUNNING)
    await ended(house, run, host)

    await drained(house)


async def test_a_retry_is_a_run_of_its_own_and_waits_in_a_drain(house: House) -> None:
    run, host = await begun(house)
    await ended(house, run, host)
    await house.runs.pause_queue(drain=True)

    again = await house.runs.retry(run.id)

    await drained(house)
    assert [item.id for item in house.runs.waiting()] == [again.id]


# A run


async def test_a_paused_run_says_why_since_when_and_until_when_and_counts_as_held(house: House) -> None:
    run, host = await begun(house)

    await house.runs.pause(run.id, because='lunch', by='Ada', seconds=3600)
    host.say(t='paused')
    paused = await until(house, run.id, RunState.PAUSED)

    assert paused.pause is not None
    assert (paused.pause.cause, paused.pause.until is not None) == ('by Ada: lunch', True)
    said = await shown(house)
    assert (said['running'], said['held'], house.status.busy_workers) == (0, 1, 0)
    assert paused.as_json()['pause']['because'] == 'lunch'
    await house.runs.resume(run.id)
    host.say(t='resumed')
    assert (await until(house, run.id, RunState.RUNNING)).pause is None


async def test_a_run_that_is_paused_for_a_time_is_resumed_by_itself(house: House) -> None:
    run, host = await begun(house)

    await house.runs.pause(run.id, seconds=0.2)
    host.say(t='paused')
    await until(house, run.id, RunState.PAUSED)
    await eventually(lambda: host.sent == ['pause', 'resume'], 20)
    host.say(t='resumed')

    assert (await until(house, run.id, RunState.RUNNING)).pause is None


async def test_the_cause_of_a_pause_can_be_added_and_a_stop_ends_it(house: House) -> None:
    run, host = await begun(house)
    await house.runs.pause(run.id)
    host.say(t='paused')
    await until(house, run.id, RunState.PAUSED)

    again = await house.runs.pause(run.id, because='the printer is empty')
    assert again.pause is not None
    assert again.pause.because == 'the printer is empty'
    assert host.sent == ['pause']
    await house.runs.cancel(run.id)

    assert (await until(house, run.id, RunState.CANCELLED)).pause is None


# The timer


class Clocks:
    """A wall clock and one that counts sleep, both moved by the test."""

    def __init__(self) -> None:
        self.wall, self.seconds = NOW, 100.0

    def __call__(self) -> tuple[datetime, float]:
        return self.wall, self.seconds

    def passes(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds


class Ring:
    def __init__(self, pause: Pause, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pauses, 'LOOK_SECONDS', 0.001)
        self.clocks, self.ends, self.rings = Clocks(), list[datetime](), asyncio.Event()
        self.timer = PauseTimer(self.rings.set, self.ends.append, self.clocks)
        self.timer.start(pause)

    async def rang(self) -> None:
        await asyncio.wait_for(self.rings.wait(), 10)

    async def told(self) -> None:
        await eventually(lambda: bool(self.ends), 20)


async def test_a_pause_ends_at_once_when_a_machine_wakes_after_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Ring(pause_of(NOW, seconds=900), monkeypatch)

    ring.clocks.passes(5 * 3600)

    await ring.rang()
    assert ring.ends == []


async def test_a_pause_until_eight_follows_a_clock_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Ring(pause_of(NOW, until=NOW + 8 * HOUR), monkeypatch)

    ring.clocks.wall += 8 * HOUR

    await ring.rang()


@pytest.mark.parametrize('by', [-3 * HOUR, HOUR])
async def test_a_quarter_of_an_hour_stays_one_when_the_clock_is_set(
    by: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = Ring(pause_of(NOW, seconds=900), monkeypatch)

    ring.clocks.passes(300)
    ring.clocks.wall += by
    await ring.told()

    assert not ring.rings.is_set()
    assert ring.ends[0] - ring.clocks.wall == timedelta(seconds=600)
    ring.clocks.passes(600)
    await ring.rang()
