"""Group commit: writes that wait for the disk at the same time share one transaction, and so one sync of the disk."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

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
        self._is_busy = False

    async def commit(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a method of the store, and return its result once that is on disk.

        The call may be repeated, if the transaction it shared with others failed. A caller that is cancelled no longer
        waits, but the call is made all the same.
        """
        loop = asyncio.get_running_loop()
        saved: asyncio.Future[T] = loop.create_future()
        self._waiting.append((partial(function, *arguments, **named), saved))
        if not self._is_busy:
            self._is_busy = True
            loop.call_soon(self._start)
        return await saved

    def close(self) -> None:
        """Wait for the calls being made."""
        self._thread.shutdown()

    def _start(self) -> None:
        group = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_CALLS))]
        made = asyncio.get_running_loop().run_in_executor(self._thread, self._made, [call for call, _ in group])
        made.add_done_callback(partial(self._finish, [saved for _, saved in group]))

    def _made(self, calls: Sequence[Call]) -> Sequence[Any]:
        try:
            return self._together(calls)
        except Exception as error:
            if len(calls) == 1:
                return [error]
        # On a disk that is nearly full some of them may still fit, and no call must fail because of another one.
        return [result for call in calls for result in self._made([call])]

    def _finish(self, saved: Sequence[asyncio.Future[Any]], made: asyncio.Future[Sequence[Any]]) -> None:
        for future, result in zip(saved, made.result(), strict=True):
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
