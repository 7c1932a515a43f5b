"""The alarm clock with a movable clock, the real APScheduler and the real event loop."""

import asyncio
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime, timedelta

import pytest

from synapse.calendar.alarm_clock import AlarmClock, Clocks, jump_between
from tests.parts.movable_clock import MovableClock

START = datetime(2026, 10, 14, 12, 0, tzinfo=UTC)


class Alarm:
    """An alarm clock under test, and its calls."""

    def __init__(self) -> None:
        self.clock = MovableClock(START)
        self.calls: list[set[str]] = []
        self.jumps: list[tuple[float, float]] = []
        self._news = asyncio.Condition()
        self.alarm = AlarmClock(self._on_due, self._on_jump, self.clock.clocks)

    async def _on_due(self, ids: Collection[str]) -> None:
        self.calls.append(set(ids))
        async with self._news:
            self._news.notify_all()

    def _on_jump(self, moved: float, slept: float, _: Clocks) -> None:
        self.jumps.append((moved, slept))

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(lambda: len(self.calls) >= count)


@pytest.fixture
async def it() -> AsyncIterator[Alarm]:
    it = Alarm()
    with it.clock.rules_apscheduler():
        it.alarm.start()
        it.alarm.resume()
        yield it
        await it.alarm.stop()


async def test_events_due_at_the_same_instant_share_one_call(it: Alarm) -> None:
    due = it.clock.now() + timedelta(seconds=0.3)
    for number in range(50):
        it.alarm.arm(f'e{number}', due)

    await it.until(1)

    assert it.calls == [{f'e{number}' for number in range(50)}]
    assert it.alarm.armed() == {}


async def test_events_due_at_the_same_instant_share_one_job_of_apscheduler(it: Alarm) -> None:
    hour = timedelta(hours=1)
    for number in range(50):
        it.alarm.arm(f'e{number}', START + hour)
    it.alarm.arm('later', START + 2 * hour)
    jobs = it.alarm._scheduler.get_jobs
    assert len(jobs()) == 2
    assert it.alarm.next() == (START + hour, 'e0')

    for number in range(49):
        it.alarm.disarm(f'e{number}')
    assert len(jobs()) == 2
    it.alarm.arm('e49', START + 2 * hour)

    assert [job.next_run_time for job in jobs()] == [START + 2 * hour]
    assert it.alarm.armed() == {'e49': START + 2 * hour, 'later': START + 2 * hour}


async def test_an_event_may_be_armed_again_during_its_call(it: Alarm) -> None:
    for count in range(1, 6):
        it.alarm.arm('e', it.clock.now() + timedelta(seconds=0.05))
        await it.until(count)

    assert it.calls == [{'e'}] * 5


async def test_arming_again_replaces_the_moment_and_none_disarms(it: Alarm) -> None:
    it.alarm.arm('e', START + timedelta(hours=1))
    it.alarm.arm('e', START + timedelta(hours=2))
    it.alarm.arm('gone', START + timedelta(hours=1))
    it.alarm.arm('gone', None)
    it.alarm.arm('last', START + timedelta(hours=3))

    assert it.alarm.next() == (START + timedelta(hours=2), 'e')
    it.clock.set_to(START + timedelta(hours=3, seconds=1))
    await it.until(1)

    assert set().union(*it.calls) == {'e', 'last'}


async def test_a_clock_set_forward_is_noticed_within_a_heartbeat(it: Alarm) -> None:
    it.alarm.arm('e', START + timedelta(hours=5))

    it.clock.advance(timedelta(hours=6))
    await it.until(1)

    assert it.calls == [{'e'}]
    [(moved, slept)] = it.jumps
    assert moved == pytest.approx(6 * 3600, abs=1)
    assert slept == pytest.approx(0, abs=0.1)


async def test_a_machine_that_slept_calls_when_it_wakes_up(it: Alarm) -> None:
    it.alarm.arm('e', START + timedelta(hours=2))

    it.clock.sleep(timedelta(hours=8))
    await it.until(1)

    [(moved, slept)] = it.jumps
    assert slept == pytest.approx(8 * 3600, abs=1)
    assert moved == pytest.approx(0, abs=1)


async def test_a_clock_set_back_is_noticed_and_calls_nothing(it: Alarm) -> None:
    it.alarm.arm('later', START + timedelta(minutes=10))
    it.clock.advance(timedelta(hours=-3))

    it.alarm.check_clocks()
    it.alarm.arm('soon', it.clock.now() + timedelta(seconds=0.2))
    await it.until(1)

    assert it.calls == [{'soon'}]
    assert it.jumps[0][0] == pytest.approx(-3 * 3600, abs=1)


def test_the_passing_of_time_is_not_a_jump() -> None:
    before = Clocks(START, 100.0, 500.0)
    after = Clocks(START + timedelta(seconds=30), 130.0, 530.0)

    assert jump_between(before, after) == (0.0, 0.0)
