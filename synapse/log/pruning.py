"""How the log forgets: lines that somebody clears, and the oldest beyond an age or a size."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import timedelta

from synapse.bus import Bus
from synapse.records import now_utc

from .entry import Entry, Level
from .messages import LogCleared
from .queries import user_errors
from .writer import LogWriter

FORGET_AT_ONCE = 4_000


class LogPruner:
    """Takes entries from the store, from what waits to be saved and from memory. Used on the event loop only.

    :param ring: the entries in memory
    :param take_off: told of each level how many are gone
    """

    def __init__(
        self, writer: LogWriter, bus: Bus, ring: deque[Entry], take_off: Callable[[Mapping[Level, int]], None]
    ) -> None:
        self._writer, self._store, self._bus = writer, writer.store, bus
        self._ring, self._take_off = ring, take_off
        self._lock = asyncio.Lock()

    async def clear(self, limit: int) -> int:
        """Forget the entries with a smaller `seq`; gives how many."""
        with user_errors():
            async with self._lock:
                gone = await self._forget(limit)
                await self._give_space_back()
        self._bus.publish(LogCleared(seq=limit - 1))
        return gone

    async def retain(self, max_age: timedelta | None, max_bytes: int | None) -> int:
        """Forget those that are older, and the oldest of those that take more; gives how many."""
        gone = 0
        with user_errors():
            async with self._lock:
                if max_age is not None:
                    since = (now_utc() - max_age).isoformat()
                    first = await asyncio.to_thread(self._store.first_since, since)
                    gone += await self._forget(await self._saved_end() if first is None else first)
                if max_bytes is not None:
                    gone += await self._forget_bytes(max_bytes)
                if gone:
                    await self._give_space_back()
        if gone:
            oldest = await asyncio.to_thread(self._store.oldest)
            self._bus.publish(LogCleared(seq=(await self._saved_end() if oldest is None else oldest) - 1))
        return gone

    async def _saved_end(self) -> int:
        """The first `seq` that is not on disk."""
        return await asyncio.to_thread(self._store.last_seq) + 1

    async def _forget(self, limit: int) -> int:
        """Forget what is older, a few thousand at a time; where the disk refuses, also what it never got."""
        gone = 0
        async with self._writer.lock:
            self._take_off(Counter(entry.level for entry in self._writer.forget(limit)))
        while some := dict(zip(Level, await self._writer.in_thread(self._store.clear_some, limit), strict=True)):
            if not any(some.values()):
                break
            self._take_off(some)
            gone += sum(some.values())
        while self._ring and self._ring[0].seq < limit:
            self._ring.popleft()
        return gone

    async def _forget_bytes(self, most: int) -> int:
        gone = 0
        while (size := await self._writer.in_thread(self._store.size)) > most:
            oldest = await asyncio.to_thread(self._store.oldest)
            if oldest is None:
                break
            share = (await self._saved_end() - oldest) * (size - most) / size
            gone += await self._forget(oldest + min(FORGET_AT_ONCE, int(share) + 1))
        return gone

    async def _give_space_back(self) -> None:
        while await self._writer.in_thread(self._store.give_space_back):
            pass
