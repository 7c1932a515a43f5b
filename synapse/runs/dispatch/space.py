"""Which waiting runs do not start because their disk has less free space than their pipeline needs."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from storage.files import StorageError, free_bytes
from synapse.destinations.address import located
from synapse.destinations.errors import DestinationError
from synapse.language import _
from synapse.runs.context import RunContext
from synapse.runs.records import RunRecord
from synapse.sizes import limit_size, size_beside


class Space:
    """Looks at the disk with the data folder, and at that of the run's destination if it is a folder of this machine.

    What live runs are going to write is not counted.
    """

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self.missing: Mapping[str, str] = {}
        """By the id of each run that has to wait: why, as it was when it was looked at last."""

    async def look(self, waiting: Sequence[RunRecord]) -> None:
        """Look which of these runs have to wait."""
        needs = {name: self._needed_by(name) for name in {run.pipeline for run in waiting}}
        concerned = [run for run in waiting if needs[run.pipeline] and run.started_at is None]
        if not concerned:
            self.missing = {}
            return
        folders = {run.id: self._folders_of(run) for run in concerned}
        free = await asyncio.to_thread(_free_in, {folder for each in folders.values() for folder in each})
        least = {run.id: min(folders[run.id], key=free.__getitem__) for run in concerned}
        self.missing = {
            run.id: _(
                '{needed} of free space: only {free} are free on the disk with {folder}',
                needed=limit_size(needs[run.pipeline]),
                free=size_beside(free[least[run.id]], needs[run.pipeline]),
                folder=least[run.id],
            )
            for run in concerned
            if free[least[run.id]] < needs[run.pipeline]
        }

    def _needed_by(self, pipeline: str) -> int:
        return int(self._context.limits_of(pipeline).get('needs_free', 0))

    def _folders_of(self, run: RunRecord) -> list[Path]:
        profile = self._context.profiles.find(run.profile) if run.profile is not None else None
        folders = [self._context.folders.root]
        try:
            place = located(profile.destination) if profile is not None and profile.destination else None
        except DestinationError:  # the run will say what is wrong with it
            return folders
        return [*folders, Path(place.path)] if place is not None and place.is_local else folders


def _free_in(folders: Iterable[Path]) -> dict[Path, float]:
    return {folder: _free(folder) for folder in folders}


def _free(folder: Path) -> float:
    """Return the free bytes where a folder is, or will be; without end if that cannot be known."""
    existing = next((path for path in (folder, *folder.parents) if path.exists()), None)
    try:
        return free_bytes(existing) if existing is not None else float('inf')
    except StorageError:
        return float('inf')
