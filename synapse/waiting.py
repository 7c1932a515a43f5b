"""Waits: for an event for a while, for a thread to its end, and between calls that would come too often."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

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
    return await finished(asyncio.to_thread(function, *arguments, **named))


async def finished(work: Coroutine[Any, Any, T]) -> T:
    """Await work that must not be left half done: a cancelled task waits for its end first."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


class Timer:
    """A call that is still to come, at most one at a time."""

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None

    def start(self, seconds: float, callback: Callable[..., object], *arguments: Any) -> None:
        """Call back after this time, instead of any call that is still to come."""
        self.cancel()
        self._handle = asyncio.get_running_loop().call_later(seconds, self._call, callback, *arguments)

    def _call(self, callback: Callable[..., object], *arguments: Any) -> None:
        self._handle = None
        callback(*arguments)

    @property
    def is_running(self) -> bool:
        """Whether a call is still to come."""
        return self._handle is not None

    def cancel(self) -> None:
        """Drop the call that is still to come."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class Throttle:
    """Calls back at most once every `seconds`; what is asked for too early shares the next call.

    :param at_once: call back without a delay if the last call is at least `seconds` ago
    """

    def __init__(self, seconds: float, callback: Callable[[], object], *, at_once: bool = True) -> None:
        self._seconds, self._callback, self._is_at_once = seconds, callback, at_once
        self._timer: asyncio.TimerHandle | None = None
        self._called_at = float('-inf')

    def __call__(self) -> None:
        if self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        wait = self._called_at + self._seconds - loop.time() if self._is_at_once else self._seconds
        if wait > 0:
            self._timer = loop.call_later(wait, self._call)
        else:
            self._call()

    def cancel(self) -> None:
        """Drop the call that is still to come."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _call(self) -> None:
        self._timer = None
        self._called_at = asyncio.get_running_loop().time()
        self._callback()


class Latest:
    """Work on the newest request, one piece at a time: what is requested meanwhile shares the next piece.

    So however fast requests come, no work queues up, and no older answer arrives after a newer one.

    :param work: reads what is wanted at the moment it is called
    :param create: starts a task
    """

    def __init__(
        self, work: Callable[[], Awaitable[None]], create: Callable[[Coroutine[Any, Any, None]], 'asyncio.Task[None]']
    ) -> None:
        self._work, self._create = work, create
        self._task: asyncio.Task[None] | None = None
        self._is_wanted = False

    def __call__(self) -> 'asyncio.Task[None]':
        """Request it; the task that is returned ends once this request is worked on."""
        self._is_wanted = True
        if self._task is None or self._task.done():
            self._task = self._create(self._run())
        return self._task

    async def _run(self) -> None:
        while self._is_wanted:
            self._is_wanted = False
            await self._work()
