"""Group commit: writes that wait for the disk at the same time share one transaction, and so one sync of the disk."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from .files import DiskFull, StorageError
from .texts import _

P = ParamSpec('P')
T = TypeVar('T')

Call = Callable[[], Any]
Together = Callable[[Sequence[Call]], Sequence[Any]]

MOST_CALLS = 500
"""The most in one transaction: the first of them waits for the last."""


class GroupCommit:
    """Awaitable calls of a store. Use it on one event loop; the calls are made in a thread of its own, in order.

    :param together: makes calls in one transaction; returns the result of each, or the exception of one that failed
        by itself, and raises if nothing of them was saved
    """

    def __init__(self, together: Together) -> None:
        self._together = together
        self._waiting: deque[tuple[Call, asyncio.Future[Any]]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix='group-commit')
        self._is_busy = self._is_closed = False

    async def commit(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a method of the store, and return its result once that is on disk.

        The call may be repeated, if the transaction it shared with others failed. A caller that is cancelled no longer
        waits, but the call is made all the same.
        """
        return await self.submit(function, *arguments, **named)

    def submit(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> asyncio.Future[T]:
        """As `commit`, but return a future of the result; the call is made in the next turn of the loop or later."""
        loop = asyncio.get_running_loop()
        saved: asyncio.Future[T] = loop.create_future()
        self._waiting.append((partial(function, *arguments, **named), saved))
        if not self._is_busy:
            self._is_busy = True
            loop.call_soon(self._start)
        return saved

    def close(self) -> None:
        """Wait for the calls being made; those that still wait fail."""
        self._is_closed = True
        self._thread.shutdown()

    def _start(self) -> None:
        group = [self._waiting.popleft() for _each in range(min(len(self._waiting), MOST_CALLS))]
        calls, saved = [call for call, _future in group], [future for _call, future in group]
        if self._is_closed:
            self._settle(saved, [StorageError(_('The store is closed.'))] * len(saved))
            return
        made = asyncio.get_running_loop().run_in_executor(self._thread, self._made, calls)
        made.add_done_callback(lambda made: self._settle(saved, made.result()))

    def _made(self, calls: Sequence[Call]) -> Sequence[Any]:
        try:
            return self._together(calls)
        except Exception as error:
            is_about_all = isinstance(error, StorageError) and not isinstance(error, DiskFull)
            if is_about_all or len(calls) == 1:
                return [error] * len(calls)
        # On a disk that is nearly full some of them may still fit, and no call must fail because of another one.
        return [result for call in calls for result in self._made([call])]

    def _settle(self, saved: Sequence[asyncio.Future[Any]], results: Sequence[Any]) -> None:
        for future, result in zip(saved, results, strict=True):
            if future.done():  # its caller was cancelled
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
        self._is_busy = bool(self._waiting)
        if self._is_busy:
            # After the callers above: what they save next joins this transaction.
            asyncio.get_running_loop().call_soon(self._start)
