"""The alarm clock on a clock that is moved: real APScheduler, real loop."""

import asyncio
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime, timedelta

import pytest

from synapse.calendar.alarm_clock import AlarmClock, Clocks, jump_between
from tests.parts.movable_clock import MovableClock

START = datetime(2026, 10, 14, 12, 0, tzinfo=UTC)


class Ringing:
    """An alarm clock under test, and what it has said."""

    def __init__(self) -> None:
        self.clock = MovableClock(START)
        self.rung: list[set[str]] = []
        self.jumps: list[tuple[float, float]] = []
        self._news = asyncio.Condition()
        self.alarm = AlarmClock(self._ring, self._jumped, self.clock.clocks)

    async def _ring(self, ids: Collection[str]) -> None:
        self.rung.append(set(ids))
        async with self._news:
            self._news.notify_all()

    def _jumped(self, moved: float, slept: float, _: Clocks) -> None:
        self.jumps.append((moved, slept))

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(lambda: len(self.rung) >= count)


@pytest.fixture
async def ringing() -> AsyncIterator[Ringing]:
    ringing = Ringing()
    with ringing.clock.rules_apscheduler():
        ringing.alarm.start()
        ringing.alarm.resume()
        yield ringing
        await ringing.alarm.stop()


async def test_everything_due_at_one_instant_rings_as_one(ringing: Ringing) -> None:
    due = ringing.clock.now() + timedelta(seconds=0.3)
    for number in range(50):
        ringing.alarm.arm(f'e{number}', due)

    await ringing.until(1)

    assert ringing.rung == [{f'e{number}' for number in range(50)}]
    assert ringing.alarm.armed() == {}


async def test_an_event_may_be_armed_again_while_it_rings(ringing: Ringing) -> None:
    for count in range(1, 6):
        ringing.alarm.arm('e', ringing.clock.now() + timedelta(seconds=0.05))
        await ringing.until(count)

    assert ringing.rung == [{'e'}] * 5


async def test_arming_again_moves_the_moment_and_none_disarms(ringing: Ringing) -> None:
    ringing.alarm.arm('e', START + timedelta(hours=1))
    ringing.alarm.arm('e', START + timedelta(hours=2))
    ringing.alarm.arm('gone', START + timedelta(hours=1))
    ringing.alarm.arm('gone', None)
    ringing.alarm.arm('last', START + timedelta(hours=3))

    assert ringing.alarm.next() == (START + timedelta(hours=2), 'e')
    ringing.clock.set_to(START + timedelta(hours=3, seconds=1))
    await ringing.until(1)

    assert set().union(*ringing.rung) == {'e', 'last'}


async def test_a_clock_set_forward_rings_within_a_heartbeat_and_says_so(ringing: Ringing) -> None:
    ringing.alarm.arm('e', START + timedelta(hours=5))

    ringing.clock.advance(timedelta(hours=6))
    await ringing.until(1)

    assert ringing.rung == [{'e'}]
    [(moved, slept)] = ringing.jumps
    assert moved == pytest.approx(6 * 3600, abs=1)
    assert slept == pytest.approx(0, abs=0.1)


async def test_a_machine_that_slept_rings_when_it_wakes(ringing: Ringing) -> None:
    ringing.alarm.arm('e', START + timedelta(hours=2))

    ringing.clock.sleep(timedelta(hours=8))
    await ringing.until(1)

    [(moved, slept)] = ringing.jumps
    assert slept == pytest.approx(8 * 3600, abs=1)
    assert moved == pytest.approx(0, abs=1)


async def test_a_clock_set_back_rings_nothing_and_says_so(ringing: Ringing) -> None:
    ringing.alarm.arm('later', START + timedelta(minutes=10))
    ringing.clock.advance(timedelta(hours=-3))

    ringing.alarm.check_clocks()
    ringing.alarm.arm('soon', ringing.clock.now() + timedelta(seconds=0.2))
    await ringing.until(1)

    assert ringing.rung == [{'soon'}]
    assert ringing.jumps[0][0] == pytest.approx(-3 * 3600, abs=1)


def test_the_passing_of_time_alone_is_no_jump() -> None:
    before = Clocks(START, 100.0, 500.0)
    after = Clocks(START + timedelta(seconds=30), 130.0, 530.0)

    assert jump_between(before, after) == (0.0, 0.0)
