"""How late occurrences fire, beside bare APScheduler in the same run: `python benchmarks/lateness.py`.

Bare APScheduler only calls a coroutine. Synapse also decides by policy, keeps the claim and the run on disk in one
transaction that outlives a power loss, and puts the run into the queue; its lateness is what the ledger says.
"""

import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

from synapse.control_room import ControlRoom
from synapse.settings import Settings

EVENTS = 1000


async def bare(moments: Sequence[datetime]) -> list[float]:
    """Milliseconds of lateness of coroutine jobs."""
    late: list[float] = []
    done = asyncio.Event()

    async def job(due: datetime) -> None:
        late.append((datetime.now(UTC) - due).total_seconds() * 1000)
        if len(late) == len(moments):
            done.set()

    scheduler = AsyncIOScheduler(timezone=UTC)
    scheduler.start(paused=True)
    for due in moments:
        scheduler.add_job(job, DateTrigger(due), args=[due], misfire_grace_time=None)
    scheduler.resume()
    await done.wait()
    scheduler.shutdown(wait=False)
    return late


async def ours(room: ControlRoom, moments: Sequence[datetime]) -> list[float]:
    """Milliseconds of lateness of occurrences, by the ledger."""
    made = {}
    for number, due in enumerate(moments):
        event = await room.calendar.create(
            {
                'pipeline': 'RunCommand',
                'parameters': {'command': ['true']},
                'title': f'event {number}',
                'start': due.replace(tzinfo=None).isoformat(),
                'timezone': 'UTC',
            }
        )
        made[event.id] = event
    if datetime.now(UTC) > min(moments):
        raise SystemExit('creating the events took too long on this machine: allow more time')
    await asyncio.sleep((max(moments) - datetime.now(UTC)).total_seconds() + 3)
    _, occurrences = await room.calendar.list(min(moments), max(moments) + timedelta(seconds=1))
    late = [row.late_seconds * 1000 for row in occurrences if row.event_id in made and row.late_seconds is not None]
    if len(late) != len(moments):
        raise SystemExit(f'{len(late)} of {len(moments)} occurrences fired')
    return late


def shown(name: str, late: Sequence[float]) -> tuple[float, float]:
    """Print p50 and p99 in milliseconds, and give them."""
    p50, p99 = statistics.median(late), statistics.quantiles(late, n=100)[98]
    print(f'  {name:<22} p50 {p50:8.1f} ms   p99 {p99:8.1f} ms')
    return p50, p99


def after(seconds: float) -> datetime:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0)


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        room = ControlRoom.build(Settings(data=Path(folder), workers=2, min_free_bytes=0))
        await room.start()
        await room.runs.pause_queue()  # what is measured is the firing, not a thousand processes
        try:
            for title, spread in ((f'{EVENTS} at one second', 1), (f'{EVENTS} over 10 seconds', 10)):
                print(title)
                base = after(60)
                moments = [base + timedelta(seconds=number % spread) for number in range(EVENTS)]
                synapse = await ours(room, moments)
                base = after(3)
                moments = [base + timedelta(seconds=number % spread) for number in range(EVENTS)]
                apscheduler = await bare(moments)
                reference = shown('bare APScheduler', apscheduler)
                measured = shown('Synapse', synapse)
                ratios = [mine / theirs for mine, theirs in zip(measured, reference, strict=True)]
                print(f'  {"ratio":<22} p50 {ratios[0]:8.1f}      p99 {ratios[1]:8.1f}')
        finally:
            await room.stop(grace=0)


if __name__ == '__main__':
    asyncio.run(main())
