"""Which runs wait, in which order, and whether the queue is paused; the order and the pause survive a restart."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from storage.files import write_atomically

from .records import RunRecord


class Queue:
    """Waiting runs, first to start first. Kept in a small JSON file; the runs themselves are in the store."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._runs: dict[str, RunRecord] = {}
        self._saving = asyncio.Lock()
        self.is_paused = False

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[RunRecord]:
        return iter(tuple(self._runs.values()))

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._runs

    def get(self, run_id: str) -> RunRecord | None:
        return self._runs.get(run_id)

    def add(self, run: RunRecord, *, index: int | None = None) -> None:
        """Put a run at its place, by default behind all others."""
        self._runs[run.id] = run
        if index is not None:
            self.move(run.id, index)

    def take(self, run_id: str) -> tuple[RunRecord, int] | None:
        """Take a run out, with the place it had; None if it does not wait here."""
        if run_id not in self._runs:
            return None
        index = list(self._runs).index(run_id)
        return self._runs.pop(run_id), index

    def move(self, run_id: str, index: int) -> None:
        """Bring a waiting run to a place, 0 being next; too large an index means last."""
        ids = [known for known in self._runs if known != run_id]
        ids.insert(max(0, index), run_id)
        self._runs = {known: self._runs[known] for known in ids}

    async def restore(self, runs: Iterable[RunRecord]) -> None:
        """Take in the runs found queued in the store, oldest first, in the order a person gave them."""
        saved = await asyncio.to_thread(_read, self._file)
        self.is_paused = saved.get('paused') is True
        order = saved.get('order')
        ranks = {run_id: rank for rank, run_id in enumerate(order if isinstance(order, list) else [])}
        # Runs created after the last save are unknown to it: they come last, in the order of creation.
        for run in sorted(runs, key=lambda run: ranks.get(run.id, len(ranks))):
            self.add(run)

    async def save(self) -> None:
        """Write order and pause to disk.

        :raises storage.files.StorageError: if that fails; in memory the change holds
        """
        async with self._saving:
            text = json.dumps({'paused': self.is_paused, 'order': list(self._runs)}, indent=1)
            await asyncio.to_thread(write_atomically, self._file, text.encode())


def _read(file: Path) -> dict[str, object]:
    # Losing the order is no reason not to start: the runs come back in the order they were created.
    try:
        saved = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return saved if isinstance(saved, dict) else {}
