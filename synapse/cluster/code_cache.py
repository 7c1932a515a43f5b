"""The code of pipelines that has arrived on a machine, each state of it once: runs of the same code share a folder."""

import contextlib
import hashlib
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from storage.files import make_private_folder

KEPT_BYTES = 200 * 1000**2
KEPT_SECONDS = 30 * 24 * 3600.0
"""How much of what no run uses is kept, and for how long after its last run; the least recently used goes first."""
_GOING = '.going-'
"""How a folder is called while it is deleted: one that is left half deleted by a crash is never taken for whole."""


class CodeCache:
    """Folders by the content they came with. Its methods use the disk, and may be called in several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._users: Counter[Path] = Counter()
        self._lock = threading.Lock()

    def take(self, arrived: Path) -> Path:
        """Return the folder that has what is in `arrived`, which is gone then; call `release` once for each call.

        :raises StorageError: if the disk refuses
        """
        kept = self._folder / _digest(arrived)
        make_private_folder(self._folder)
        with self._lock:
            with contextlib.suppress(OSError):  # it is there already
                arrived.rename(kept)
            self._users[kept] += 1
            _note_use(kept)
        shutil.rmtree(arrived, ignore_errors=True)
        return kept

    def release(self, kept: Path) -> None:
        """A run of this code is over; what is more than may be kept is deleted."""
        with self._lock:
            self._users[kept] -= 1
            _note_use(kept)
            self._prune()

    def _prune(self) -> None:
        total, oldest = 0, time.time() - KEPT_SECONDS
        for used_at, folder in sorted(self._unused(), reverse=True):
            total += _bytes_in(folder)
            if total > KEPT_BYTES or used_at < oldest or folder.name.startswith(_GOING):
                going = folder.with_name(f'{_GOING}{folder.name.removeprefix(_GOING)}')
                with contextlib.suppress(OSError):
                    folder.rename(going)
                shutil.rmtree(going, ignore_errors=True)

    def _unused(self) -> Iterator[tuple[float, Path]]:
        with contextlib.suppress(OSError):
            for folder in self._folder.iterdir():
                if self._users[folder] < 1:
                    yield folder.stat().st_atime, folder


def _note_use(folder: Path) -> None:
    """Keep when it was used as the time of its last access.

    That of its last change stays: a process that has imported a file there takes it for stale after a change.
    """
    with contextlib.suppress(OSError):
        os.utime(folder, ns=(time.time_ns(), folder.stat().st_mtime_ns))


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob('*') if path.is_file()):
        digest.update(os.fsencode(path.relative_to(folder)) + f'\0{path.stat().st_size}\0'.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _bytes_in(folder: Path) -> int:
    total = 0
    for place, _folders, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(place) / name).lstat().st_size
    return total
