"""The folders of runs, `DATA/runs/ID/`: working files, artifacts, and the checkpoint for a retry.

Everything here reads or writes the disk; call it from a thread.
"""

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from storage.copies import Watch, copy
from storage.files import DiskFull, StorageError, make_private_folder, write_atomically
from synapse.errors import Conflict, DiskIsFull, NotFound, NotReady, SynapseError
from synapse.inbox.inputs import RECORD, with_folder
from synapse.language import _
from synapse.protocol.messages import RESULT
from synapse.protocol.spool import ECHO, SPOOL

from .records import RunRecord
from .transitions import label_of

MOST_COUNTED = 10_000


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
                'artifact_not_found',
                _('Run #{number} has no file {name!r}.', number=run.number, name=name),
                _('It may have been deleted.'),
            )
        return path

    def checkpoint(self, run_id: str) -> dict[str, Any] | None:
        """Return what the host saved after the last step that succeeded, None if it is missing or unreadable."""
        saved = _read_json(self.of(run_id) / 'checkpoint.json')
        return saved if isinstance(saved.get('state'), dict) else None

    def checkpoint_of(self, run: RunRecord, done: Sequence[str]) -> dict[str, Any]:
        """Return the checkpoint of a run that a retry needs which keeps the steps `done`.

        :raises Conflict: `run_not_retryable`, with the reason why there is none
        """
        checkpoint = self.checkpoint(run.id)
        problem = ''
        if checkpoint is None:
            problem = _('Run #{number} left no checkpoint.', number=run.number)
            if not self.of(run.id).exists():
                problem = _('The folder of run #{number} is gone, with what its steps had made.', number=run.number)
        elif missing := [name for name in done if name not in checkpoint.get('done', done)]:
            problem = _(
                'What {step} of run #{number} had made could not be saved.',
                step=label_of(missing[0], run.pipeline),
                number=run.number,
            )
        if checkpoint is None or problem:
            raise Conflict('run_not_retryable', problem, _('Retry it from its start.'))
        return checkpoint

    def size_of(self, run_id: str) -> tuple[int, int]:
        """Return how many files a retry takes over from a run, and their bytes; of very many, the first."""
        count = size = 0
        for part in ('work', 'artifacts'):
            for place, __, names in os.walk(self.of(run_id) / part):
                for name in names[: MOST_COUNTED - count]:
                    with contextlib.suppress(OSError):
                        size += (Path(place) / name).lstat().st_size
                    count += 1
        return count, size

    def result(self, run_id: str) -> dict[str, Any]:
        """Return what the host left on disk for a control room that was gone: `reports`, and `end` if it came to that.

        With `done`, the names of the steps that had succeeded by its last checkpoint, and `saved_at`, when that was.
        """
        folder = self.of(run_id)
        left = _read_json(folder / RESULT)
        checkpoint = _read_json(folder / 'checkpoint.json')
        with contextlib.suppress(OSError):
            moment = datetime.fromtimestamp((folder / 'checkpoint.json').stat().st_mtime, UTC)
            return {'reports': [], **left, 'done': checkpoint.get('done') or [], 'saved_at': moment}
        return {'reports': [], 'done': [], **left}

    def forget_result(self, run_id: str) -> None:
        """Remove the result and the last lines, once the end of the run and its log are saved."""
        with contextlib.suppress(OSError):
            (self.of(run_id) / RESULT).unlink(missing_ok=True)
        shutil.rmtree(self.of(run_id) / ECHO, ignore_errors=True)

    def has_last_lines(self, run_id: str) -> bool:
        """Whether the last lines of a run that has ended may not be in the log."""
        return (self.of(run_id) / ECHO).is_dir()

    def last_change(self, run_id: str) -> datetime | None:
        """Return when anything directly in this folder or in its parts was changed last, None if it is gone."""
        folder = self.of(run_id)
        places = [
            folder,
            *(path for part in ('', 'work', 'artifacts', SPOOL, ECHO) for path in _files_in(folder / part)),
        ]
        times = [moment for moment in map(_changed_at, places) if moment]
        return datetime.fromtimestamp(max(times), UTC) if times else None

    def copy(
        self, old: RunRecord, new_id: str, *, done: Sequence[str], parameters: Mapping[str, Any], watch: Watch
    ) -> None:
        """Create the folder of a retry: the files of the old run, and its checkpoint with changed parameters.

        :param done: the names of the steps that are kept
        :raises Conflict: if the old run left no checkpoint
        :raises StorageError: if the disk refuses; nothing is left of the new folder
        :raises CopyStopped: if `watch` returns False; nothing is left of the new folder
        """
        checkpoint = self.checkpoint_of(old, done)
        source, target = self.of(old.id), self.of(new_id)
        try:
            make_private_folder(self._unsaved)
            (self._unsaved / new_id).touch(mode=0o600)
            make_private_folder(target)
            for part in ('work', 'artifacts', RECORD):
                if (source / part).exists():
                    copy(source / part, target / part, watch=watch, links=(source, target))
            self.make(new_id)
            state = with_folder(checkpoint['state'], source, target) | dict(parameters)
            saved = json.dumps(checkpoint | {'state': state, 'done': list(done)}).encode()
            write_atomically(target / 'checkpoint.json', saved)
        except BaseException:
            self.remove(new_id)
            raise

    def keep(self, run_id: str) -> None:
        """Note that the run of a copied folder is saved; does nothing for others."""
        (self._unsaved / run_id).unlink(missing_ok=True)

    def unsaved(self) -> list[str]:
        """Return the ids of runs whose folders were copied, and that a crash may have kept from being saved."""
        return [path.name for path in _files_in(self._unsaved)]

    def remove(self, run_id: str) -> None:
        shutil.rmtree(self.of(run_id), ignore_errors=True)
        with contextlib.suppress(OSError):
            self.keep(run_id)

    @property
    def _unsaved(self) -> Path:
        """Has an empty file for each copied folder, until its run starts."""
        return self.root.with_name('retries')


def _read_json(path: Path) -> dict[str, Any]:
    """Return the object in a file, empty if there is none that can be read."""
    try:
        saved = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return saved if isinstance(saved, dict) else {}


def _files_in(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from folder.iterdir()


def _changed_at(path: Path) -> float:
    with contextlib.suppress(OSError):
        return path.lstat().st_mtime
    return 0.0


def not_saved(what: str, error: OSError | StorageError) -> SynapseError:
    """Return the error to show when the disk refused: `what` that means, and why it did."""
    is_full = isinstance(error, DiskFull) or getattr(error, 'errno', None) == errno.ENOSPC
    if is_full:
        return DiskIsFull(_('{what}: no room is left on the disk.', what=what))
    return NotReady('not_kept', _('{what}: {reason}', what=what, reason=error), _('Check the disk of the data folder.'))
