"""Deletes log entries: those that someone clears, and the oldest beyond an age or a size."""

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

BATCH_ENTRIES = 4_000


class LogPruner:
    """Deletes entries from the store, from the queue of unsaved ones and from memory. Use it on the event loop only.

    :param ring: the entries in memory
    :param on_removed: called with the number of deleted entries of each level
    """

    def __init__(
        self, writer: LogWriter, bus: Bus, ring: deque[Entry], on_removed: Callable[[Mapping[Level, int]], None]
    ) -> None:
        self._writer, self._store, self._bus = writer, writer.store, bus
        self._ring, self._on_removed = ring, on_removed
        self._lock = asyncio.Lock()

    async def clear(self, limit: int) -> int:
        """Delete the entries with a `seq` below `limit`; returns how many."""
        with user_errors():
            async with self._lock:
                removed = await self._delete(limit)
                await self._give_space_back()
        self._bus.publish(LogCleared(seq=limit - 1))
        return removed

    async def retain(self, max_age: timedelta | None, max_bytes: int | None) -> int:
        """Delete entries older than `max_age`, and the oldest beyond `max_bytes`; returns how many."""
        removed = 0
        with user_errors():
            async with self._lock:
                if max_age is not None:
                    since = (now_utc() - max_age).isoformat()
                    end = await self._saved_end()  # before looking: what is saved meanwhile is new
                    first = await asyncio.to_thread(self._store.first_since, since)
                    removed += await self._delete(end if first is None else first)
                if max_bytes is not None:
                    removed += await self._delete_beyond(max_bytes)
                if removed:
                    await self._give_space_back()
        if removed:
            end = await self._saved_end()
            oldest = await asyncio.to_thread(self._store.oldest)
            self._bus.publish(LogCleared(seq=(end if oldest is None else oldest) - 1))
        return removed

    async def _saved_end(self) -> int:
        return await asyncio.to_thread(self._store.last_seq) + 1

    async def _delete(self, limit: int) -> int:
        """Delete entries below `limit`, a few thousand at a time, including unsaved ones if the disk refuses."""
        removed = 0
        async with self._writer.lock:
            self._on_removed(Counter(entry.level for entry in self._writer.drop(limit)))
        while some := dict(zip(Level, await self._writer.in_thread(self._store.clear_some, limit), strict=True)):
            if not any(some.values()):
                break
            self._on_removed(some)
            removed += sum(some.values())
        while self._ring and self._ring[0].seq < limit:
            self._ring.popleft()
        return removed

    async def _delete_beyond(self, most: int) -> int:
        removed = 0
        while (size := await self._writer.in_thread(self._store.size)) > most:
            oldest = await asyncio.to_thread(self._store.oldest)
            if oldest is None:
                break
            share = (await self._saved_end() - oldest) * (size - most) / size
            removed += await self._delete(oldest + min(BATCH_ENTRIES, int(share) + 1))
        return removed

    async def _give_space_back(self) -> None:
        while await self._writer.in_thread(self._store.give_space_back):
            pass
