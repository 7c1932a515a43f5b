"""Waits for an event of asyncio, for a while."""

import asyncio


async def is_set_within(event: asyncio.Event, seconds: float | None) -> bool:
    """Whether the event is set, now or within this time; None waits without end.

    Not `asyncio.wait_for`: before Python 3.12 it drops a cancellation that comes as the event is set, and a task that
    waits in a loop then never ends (python/cpython#86296).
    """
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
