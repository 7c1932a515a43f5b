"""A process that adds runs of the past and lets them go, until it is killed: `python -m … FOLDER`.

It says a line each time some have gone.
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from storage import folders
from storage.runs import RunStore
from synapse.control_room import ControlRoom
from synapse.runs.messages import RunsRemoved
from synapse.settings import Settings

BYTES = 3_000
"""The contents of a run's folder, unless more files are wanted."""
FILES = 30


def add_run(
    store: RunStore,
    folder: Path,
    id: str,
    ended: datetime,
    *,
    files: int = 0,
    idempotency_key: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Add a run that took a minute, with a folder: an output, its long lines, and whatever else a step left."""
    began = (ended - timedelta(minutes=1)).isoformat()
    run = {'id': id, 'state': 'succeeded', 'pipeline': 'RunCommand', 'profile': None, 'subject': 'true'}
    run |= {'parameters': {'command': ['true']}, 'steps': [], 'created_at': began, 'started_at': began}
    kept = store.create(run | {'finished_at': ended.isoformat()} | more, idempotency_key=idempotency_key)
    for part in ('artifacts', 'work'):
        (folder / id / part).mkdir(parents=True)
    (folder / id / 'long-lines.txt').write_bytes(b'x' * 1_000)
    (folder / id / 'artifacts' / 'out.txt').write_bytes(b'x' * 2_000)
    for number in range(files):
        (folder / id / 'work' / f'{number}.bin').write_bytes(b'x')
    return kept


async def live(data: Path) -> None:
    # Slowly, so that the kill finds some folder half removed.
    folders.PAUSE_EVERY = 1
    room = ControlRoom.build(Settings(data=data, workers=1, min_free_bytes=0))
    await room.log.start()
    await room.runs.start()
    now = datetime.now(UTC)
    for number in range(60):
        add_run(room.history, data / 'runs', f'r{number}', now - timedelta(days=number + 2), files=FILES)
    room.bus.subscribe(RunsRemoved, lambda _: print('gone', flush=True))
    await room.retention.set({'run_count': 1})
    await room.retention.clean_now()
    await asyncio.sleep(60)  # killed long before that


if __name__ == '__main__':
    asyncio.run(live(Path(sys.argv[1])))
