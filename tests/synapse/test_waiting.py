"""Waiting for an event, and being cancelled while it is set."""

import asyncio

import pytest

from synapse.waiting import Latest, Throttle, is_set_within


async def test_it_returns_once_the_event_is_set_or_the_time_is_over() -> None:
    event = asyncio.Event()
    assert await is_set_within(event, 0.001) is False

    waiting = asyncio.create_task(is_set_within(event, None))
    await asyncio.sleep(0)
    event.set()

    assert await waiting is True
    assert await is_set_within(event, 0) is True


@pytest.mark.parametrize('turns', range(4))
async def test_a_cancellation_is_never_dropped_however_close_to_the_event_it_comes(turns: int) -> None:
    event = asyncio.Event()
    waiting = asyncio.create_task(is_set_within(event, 60))
    for _ in range(3):
        await asyncio.sleep(0)
    event.set()
    for _ in range(turns):
        await asyncio.sleep(0)

    if waiting.cancel():
        with pytest.raises(asyncio.CancelledError):
            await waiting
    else:
        assert waiting.result() is True


async def test_a_throttle_calls_at_once_then_waits_and_merges_what_comes_too_early() -> None:
    calls: list[float] = []
    loop = asyncio.get_running_loop()
    was_called = asyncio.Event()

    def call() -> None:
        calls.append(loop.time())
        was_called.set()

    throttle = Throttle(0.02, call)
    throttle()
    assert len(calls) == 1

    was_called.clear()
    throttle()
    throttle()
    await was_called.wait()

    assert len(calls) == 2
    assert calls[1] - calls[0] >= 0.019  # a timer may fire a tick early


async def test_a_cancelled_throttle_drops_its_call_and_works_again() -> None:
    calls: list[int] = []
    was_called = asyncio.Event()
    throttle = Throttle(0.02, lambda: (calls.append(1), was_called.set()), at_once=False)

    throttle()
    throttle.cancel()
    throttle()
    await was_called.wait()

    assert calls == [1]


async def test_what_is_requested_while_work_goes_on_shares_the_next_piece() -> None:
    gate, requests, done = asyncio.Event(), list[int](), list[int]()

    async def work() -> None:
        newest = requests[-1]
        await gate.wait()
        done.append(newest)

    latest = Latest(work, asyncio.create_task)
    tasks = set()
    for number in range(5):
        requests.append(number)
        tasks.add(latest())
        await asyncio.sleep(0)

    gate.set()
    await asyncio.gather(*tasks)

    assert done == [0, 4]
    await latest()
    assert done == [0, 4, 4]


async def test_work_that_failed_does_not_keep_the_next_from_being_done() -> None:
    done = list[int]()

    async def work() -> None:
        done.append(len(done))
        if len(done) == 1:
            raise ValueError('not this time')

    latest = Latest(work, asyncio.create_task)
    with pytest.raises(ValueError, match='not this time'):
        await latest()

    await latest()

    assert done == [0, 1]
