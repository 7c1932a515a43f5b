"""The runs that wait, their order, and whether the queue is paused; order and pause survive a restart."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from storage.files import write_atomically

from .records import RunRecord


class Queue:
    """Waiting runs, the next to start first. Only their order is saved here; the runs themselves are in the store."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._runs: dict[str, RunRecord] = {}
        self._saving = asyncio.Lock()
        self.is_paused = False

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[RunRecord]:
        return iter(self._runs.values())

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._runs

    def get(self, run_id: str) -> RunRecord | None:
        return self._runs.get(run_id)

    def add(self, run: RunRecord, *, index: int | None = None) -> None:
        """Insert a run at `index`, by default at the end."""
        self._runs[run.id] = run
        if index is not None:
            self.move(run.id, index)

    def take(self, run_id: str) -> tuple[RunRecord, int] | None:
        """Remove a run and return it with the index it had, None if it is not in the queue."""
        if run_id not in self._runs:
            return None
        index = next(index for index, known in enumerate(self._runs) if known == run_id)
        return self._runs.pop(run_id), index

    def move(self, run_id: str, index: int) -> None:
        """Move a waiting run to `index`, 0 being next; an index past the end means last."""
        ids = [known for known in self._runs if known != run_id]
        ids.insert(max(0, index), run_id)
        self._runs = {known: self._runs[known] for known in ids}

    async def restore(self, runs: Iterable[RunRecord]) -> None:
        """Add the runs that the store has as queued, oldest first, in the saved order."""
        saved = await asyncio.to_thread(_read, self._file)
        self.is_paused = saved.get('paused') is True
        order = saved.get('order')
        ranks = {run_id: rank for rank, run_id in enumerate(order if isinstance(order, list) else [])}
        # Runs created after the last save come last, in the order of creation.
        for run in sorted(runs, key=lambda run: ranks.get(run.id, len(ranks))):
            self.add(run)

    async def save(self) -> None:
        """Save order and pause.

        :raises storage.files.StorageError: if that fails; the change still applies in memory
        """
        async with self._saving:
            text = json.dumps({'paused': self.is_paused, 'order': list(self._runs)}, indent=1)
            await asyncio.to_thread(write_atomically, self._file, text.encode())


def _read(file: Path) -> dict[str, object]:
    # Losing the order must not prevent a start: the runs are restored in the order of their creation.
    try:
        saved = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return saved if isinstance(saved, dict) else {}
