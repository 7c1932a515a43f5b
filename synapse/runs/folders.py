"""The folders of runs, `DATA/runs/ID/`: working files, artifacts, and the checkpoint for a retry.

Everything here reads or writes the disk; call it from a thread.
"""

import errno
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from storage.copies import Watch, copy
from storage.files import DiskFull, StorageError, make_private_folder, write_atomically
from synapse.errors import Conflict, DiskIsFull, NotFound, NotReady, SynapseError
from synapse.inbox.inputs import RECORD, with_folder

from .records import RunRecord


class RunFolders:
    """Finds, makes and copies run folders below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def of(self, run_id: str) -> Path:
        return self.root / run_id

    def inputs(self, run_id: str) -> Path:
        """Return the folder of the files that a run has taken over."""
        return self.of(run_id) / 'work' / 'inputs'

    def make(self, run_id: str) -> Path:
        """Create the folder of a run with its parts, where they are missing, and return it."""
        for folder in (self.of(run_id), self.of(run_id) / 'work', self.of(run_id) / 'artifacts'):
            make_private_folder(folder)
        return self.of(run_id)

    def artifact(self, run: RunRecord, name: str) -> Path:
        """Return the path of an artifact of this run, which is always inside the folder of the run.

        :raises NotFound: if the run has none of this name, or the file is gone
        """
        folder = (self.of(run.id) / 'artifacts').resolve()
        path = (folder / name).resolve()
        is_known = any(artifact.name == name for artifact in run.artifacts)
        if not is_known or not path.is_relative_to(folder) or not path.is_file():
            raise NotFound(
                'artifact_not_found', f'Run #{run.number} has no file {name!r}.', 'It may have been deleted.'
            )
        return path

    def checkpoint(self, run_id: str) -> dict[str, Any] | None:
        """Return what the host saved after the last step that succeeded, None if it is missing or unreadable."""
        try:
            saved = json.loads((self.of(run_id) / 'checkpoint.json').read_bytes())
        except (OSError, ValueError):
            return None
        return saved if isinstance(saved, dict) and isinstance(saved.get('state'), dict) else None

    def copy(
        self, old: RunRecord, new_id: str, *, done: Sequence[str], parameters: Mapping[str, Any], watch: Watch
    ) -> None:
        """Create the folder of a retry: the files of the old run, and its checkpoint with changed parameters.

        :param done: the names of the steps that are kept
        :raises Conflict: if the old run left no checkpoint
        :raises StorageError: if the disk refuses; nothing is left of the new folder
        :raises CopyStopped: if `watch` returns False; nothing is left of the new folder
        """
        checkpoint = self.checkpoint(old.id)
        if checkpoint is None:
            raise Conflict('run_not_retryable', f'Run #{old.number} left no checkpoint.', 'Retry it from its start.')
        source, target = self.of(old.id), self.of(new_id)
        try:
            make_private_folder(target)
            for part in ('work', 'artifacts', RECORD):
                if (source / part).exists():
                    copy(source / part, target / part, watch=watch, links=(source, target))
            self.make(new_id)
            state = with_folder(checkpoint['state'], source, target) | dict(parameters)
            saved = json.dumps(checkpoint | {'state': state, 'done': list(done)}).encode()
            write_atomically(target / 'checkpoint.json', saved)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise

    def remove(self, run_id: str) -> None:
        shutil.rmtree(self.of(run_id), ignore_errors=True)


def not_saved(what: str, error: OSError | StorageError) -> SynapseError:
    """Return the error to show when the disk refused: `what` that means, and why it did."""
    is_full = isinstance(error, DiskFull) or getattr(error, 'errno', None) == errno.ENOSPC
    if is_full:
        return DiskIsFull(f'{what}: no room is left on the disk.')
    return NotReady('not_kept', f'{what}: {error}', 'Check the disk of the data folder.')
