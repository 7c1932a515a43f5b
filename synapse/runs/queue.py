"""The runs that wait, their order, and whether the queue is paused; order and pause survive a restart."""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from storage.damage import Damage
from storage.twins import TwinFile
from synapse.language import _
from synapse.records import now_utc

from .pauses import Pause
from .records import RunRecord


class Queue:
    """Waiting runs, the next to start first. Only their order is saved here; the runs themselves are in the store."""

    def __init__(self, file: Path) -> None:
        self._file = TwinFile(
            file,
            _is_saved_queue,
            missing=_(
                'Its order is lost, and whether it was paused: so it is paused now, and nothing starts by itself.'
            ),
            hint=_('Look at what waits, then resume the queue.'),
        )
        self._runs: dict[str, RunRecord] = {}
        self._saving = asyncio.Lock()
        self.pause: Pause | None = None
        """Why nothing new starts; None while runs start."""

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[RunRecord]:
        return iter(self._runs.values())

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._runs

    @property
    def is_paused(self) -> bool:
        return self.pause is not None

    def get(self, run_id: str) -> RunRecord | None:
        return self._runs.get(run_id)

    def add(self, run: RunRecord, *, index: int | None = None) -> None:
        """Insert a run at `index`, by default at the end."""
        self._runs[run.id] = run
        if index is not None:
            self.move(run.id, index)

    def replace(self, run: RunRecord) -> None:
        """Put a run in the place of its earlier record."""
        if run.id in self._runs:
            self._runs[run.id] = run

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

    @property
    def damage(self) -> Damage | None:
        """What `restore` found damaged."""
        return self._file.damage

    async def restore(self, runs: Iterable[RunRecord]) -> None:
        """Add the runs that the store has as queued, oldest first, in the saved order.

        If it isn't known whether the queue was paused, it is paused.
        """
        content = await asyncio.to_thread(self._file.read)
        saved = {} if content is None else json.loads(content)
        self.pause = _pause_in(saved)
        if content is None and self._file.damage is not None:
            self.pause = Pause(since=now_utc(), because=_('its file was damaged'))
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
            pause = {'pause': self.pause.as_json()} if self.pause is not None else {}
            text = json.dumps({'paused': self.is_paused, **pause, 'order': list(self._runs)}, indent=1)
            await asyncio.to_thread(self._file.write, text.encode())


def _is_saved_queue(content: bytes) -> bool:
    try:
        saved = json.loads(content)
    except ValueError:
        return False
    return isinstance(saved, dict) and isinstance(saved.get('paused'), bool)


def _pause_in(saved: Mapping[str, object]) -> Pause | None:
    """Return the saved pause: one without its cause if only that can't be read, as in files of earlier builds."""
    if saved.get('paused') is not True:
        return None
    try:
        return Pause.model_validate(saved.get('pause'))
    except ValidationError:
        return Pause(since=now_utc())
