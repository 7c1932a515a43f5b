"""Waiting for an event, and being cancelled while it is set."""

import asyncio

import pytest

from synapse.waiting import is_set_within


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
