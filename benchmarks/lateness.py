"""How late occurrences fire, beside bare APScheduler in the same run: `python -m benchmarks.lateness`.

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

from storage.documents import Documents
from synapse.calendar.events import Event
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


async def ours(moments: Sequence[datetime]) -> list[float]:
    """Milliseconds of lateness of occurrences, by the ledger."""
    with tempfile.TemporaryDirectory() as folder:
        _plan(Path(folder), moments)
        room = ControlRoom.build(Settings(data=Path(folder), workers=2, min_free_bytes=0))
        await room.runs.pause_queue()  # what is measured is the firing, not a thousand processes
        await room.start()
        try:
            if datetime.now(UTC) > min(moments):
                raise SystemExit('Synapse was not up in time on this machine: allow more')
            await asyncio.sleep((max(moments) - datetime.now(UTC)).total_seconds() + 3)
            _, rows = await room.calendar.between(min(moments), max(moments) + timedelta(seconds=1))
        finally:
            await room.stop(grace=0)
    late = [row.late_seconds * 1000 for row in rows if row.late_seconds is not None]
    if len(late) != len(moments):
        raise SystemExit(f'{len(late)} of {len(moments)} occurrences fired')
    return late


def _plan(folder: Path, moments: Sequence[datetime]) -> None:
    now = datetime.now(UTC)
    documents = Documents(folder / 'events.json')
    events = [
        Event(
            id=f'e{number}',
            title=f'event {number}',
            pipeline='RunCommand',
            parameters={'command': ['true']},
            start=due.replace(tzinfo=None),
            timezone='UTC',
            created_at=now,
            updated_at=now,
            armed_from=now,
        )
        for number, due in enumerate(moments)
    ]
    documents.change({event.id: event.as_json() for event in events})
    documents.close()


def shown(name: str, late: Sequence[float]) -> tuple[float, float]:
    """Print p50 and p99 in milliseconds, and give them."""
    p50, p99 = statistics.median(late), statistics.quantiles(late, n=100)[98]
    print(f'  {name:<22} p50 {p50:8.1f} ms   p99 {p99:8.1f} ms')
    return p50, p99


def after(seconds: float) -> datetime:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0)


async def main() -> None:
    for title, spread in ((f'{EVENTS} at one second', 1), (f'{EVENTS} over 10 seconds', 10)):
        print(title)
        synapse = await ours([after(8) + timedelta(seconds=number % spread) for number in range(EVENTS)])
        apscheduler = await bare([after(3) + timedelta(seconds=number % spread) for number in range(EVENTS)])
        reference, measured = shown('bare APScheduler', apscheduler), shown('Synapse', synapse)
        ratios = [mine / theirs for mine, theirs in zip(measured, reference, strict=True)]
        print(f'  {"ratio":<22} p50 {ratios[0]:8.1f}      p99 {ratios[1]:8.1f}')


if __name__ == '__main__':
    asyncio.run(main())
