"""When garbage is collected: young objects at once and in small pieces, old ones while the program is calm.

A full collection holds the event loop, in a flood of log lines several times a second. Never running one is worse: old
garbage piles up until a single collection takes many seconds.
"""

import asyncio
import gc
from collections.abc import Callable, Mapping
from typing import Any

YOUNG = 20_000
"""With the usual 700, a flood would be collected every 250 lines, which takes a tenth of its time."""
MIDDLE = 2
"""After this many young collections the middle generation is collected: at most 60,000 objects, some 10 ms."""
OLD = 1_000_000
"""Never reached: `GarbageCollector` chooses the moment."""
CALM_SECONDS = 2.0
MAX_WAIT_SECONDS = 300.0


class GarbageCollector:
    """Runs full collections when old objects may be garbage, once none have been made for two seconds and all is calm.

    :param is_calm: called on the event loop; ignored after waiting for five minutes
    """

    def __init__(self, is_calm: Callable[[], bool]) -> None:
        self._is_calm = is_calm
        self._loop: asyncio.AbstractEventLoop | None = None
        self._requested_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._before = gc.get_threshold()

    def start(self) -> None:
        """Take over, on the running loop. Objects that exist now are never collected."""
        self._loop = asyncio.get_running_loop()
        gc.freeze()  # without a collection, which takes a tenth of a second and finds next to nothing
        gc.enable()
        gc.set_threshold(YOUNG, MIDDLE, OLD)
        gc.callbacks.append(self._collected)

    def stop(self) -> None:
        """Return to Python's own thresholds."""
        gc.callbacks.remove(self._collected)
        if self._timer is not None:
            self._timer.cancel()
        gc.set_threshold(*self._before)
        gc.unfreeze()

    def _collected(self, phase: str, info: Mapping[str, Any]) -> None:
        # Called in whichever thread allocated the object over the threshold, in the middle of anything.
        if phase == 'stop' and info['generation'] == 1 and self._loop is not None:
            self._loop.call_soon_threadsafe(self._request)

    def _request(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._timer is None:
            self._requested_at = now
            self._wait()
        elif now - self._requested_at <= MAX_WAIT_SECONDS:
            self._timer.cancel()  # a thread that makes many objects, as an import does, still has them all
            self._wait()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(CALM_SECONDS, self._collect)

    def _collect(self) -> None:
        waited = asyncio.get_running_loop().time() - self._requested_at
        if self._is_calm() or waited > MAX_WAIT_SECONDS:
            self._timer = None
            gc.collect()
        else:
            self._wait()
