"""Stands in for `Log.retain`, `Log.size` and `Log.span` until the log has them itself."""

import asyncio
from datetime import datetime, timedelta

from .bus import LogCleared
from .log import Log
from .records import now_utc


async def size(log: Log) -> int:
    path = log._store._path
    parts = [path.with_name(path.name + suffix) for suffix in ('', '-wal')]
    return await asyncio.to_thread(lambda: sum(part.stat().st_size for part in parts if part.exists()))


async def span(log: Log) -> tuple[datetime, datetime] | None:
    first = await log.query(limit=1, oldest_first=True)
    return (first[0].timestamp, log.ring[-1].timestamp) if first and log.ring else None


async def retain(log: Log, *, max_age: timedelta | None, max_bytes: int | None) -> int:
    gone = 0
    if max_age is not None:
        younger = await log.query(start=now_utc() - max_age, limit=1, oldest_first=True)
        gone += await _clear(log, younger[0].seq if younger else log.last_seq + 1)
    while max_bytes is not None and log.counters.total and (now := await size(log)) > max_bytes:
        oldest = await log.query(limit=1, oldest_first=True)
        gone += await _clear(log, oldest[0].seq + max(1, int(log.counters.total * (1 - max_bytes / now))))
    return gone


async def _clear(log: Log, limit: int) -> int:
    await log.saved(limit - 1)
    async with log._writer.lock:
        gone = await log._writer.in_thread(log._store.clear, limit)
        if gone:
            await log._recount()
    if gone:
        log._bus.publish(LogCleared(seq=limit - 1))
    return gone
