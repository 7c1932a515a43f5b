"""When garbage is collected: what is young at once and in small pieces, what is old while it is calm.

To look through everything that lives holds the event loop, in a flood of log lines several times a second. To never do
it is worse: what dies old piles up, and is found at last in one look of many seconds.
"""

import asyncio
import gc
from collections.abc import Callable, Mapping
from typing import Any

YOUNG = 20_000
"""Of the usual 700 objects each 250 lines of a flood are looked through, which takes a tenth of its time."""
MIDDLE = 2
"""After so many looks at the young, those that survived are looked through: at most 60,000 objects, some 10 ms."""
OLD = 1_000_000
"""Never by itself: `GarbageCollector` chooses the moment."""
CALM_SECONDS = 2.0
AT_LATEST_SECONDS = 300.0


class GarbageCollector:
    """Looks through all objects when some may have died old, as soon as it is calm, in the calm every two seconds.

    :param is_calm: asked on the event loop; after five minutes it counts as calm
    """

    def __init__(self, is_calm: Callable[[], bool]) -> None:
        self._is_calm = is_calm
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wanted_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._before = gc.get_threshold()

    def start(self) -> None:
        """Take over, on the running loop. What is there now stays, and is never looked at again."""
        self._loop = asyncio.get_running_loop()
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG, MIDDLE, OLD)
        gc.callbacks.append(self._looked)

    def stop(self) -> None:
        """Leave it to Python again."""
        gc.callbacks.remove(self._looked)
        if self._timer is not None:
            self._timer.cancel()
        gc.set_threshold(*self._before)
        gc.unfreeze()

    def _looked(self, phase: str, info: Mapping[str, Any]) -> None:
        # In whichever thread made the object that was one too many, and in the middle of anything.
        if phase == 'stop' and info['generation'] == 1 and self._loop is not None:
            self._loop.call_soon_threadsafe(self._want)

    def _want(self) -> None:
        if self._timer is None:
            self._wanted_at = asyncio.get_running_loop().time()
            self._wait()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(CALM_SECONDS, self._look)

    def _look(self) -> None:
        waited = asyncio.get_running_loop().time() - self._wanted_at
        if self._is_calm() or waited > AT_LATEST_SECONDS:
            self._timer = None
            gc.collect()
        else:
            self._wait()
