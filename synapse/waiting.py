"""Waits for an event of asyncio for a while, and for a thread to its end."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec('P')
T = TypeVar('T')


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


async def to_the_end(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Call a function in a thread; a cancelled task waits for the call to end, so that it may close what it used."""
    call = asyncio.ensure_future(asyncio.to_thread(function, *arguments, **named))
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        await asyncio.wait({call})
        raise
