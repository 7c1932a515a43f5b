"""One owner of a folder at a time."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import filelock

from .files import StorageError, named_errors, write_atomically
from .texts import _


class LockHeld(StorageError):
    """Another process owns the folder; `info` is what it published about itself."""

    def __init__(self, folder: Path, info: dict[str, Any]) -> None:
        super().__init__(_('{folder} is in use', folder=folder))
        self.info = info


class FolderLock:
    """One owner of a folder at a time; the system releases the lock when its process ends, however it ends.

    The owner publishes information about itself in `lock.json`, for a second process to read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = filelock.FileLock(folder / 'lock', mode=0o600, thread_local=False)

    def acquire(self, info: Mapping[str, Any]) -> None:
        """Take ownership of the folder.

        :raises LockHeld: if another process owns it, with its `info`
        """
        with named_errors(self._folder):
            try:
                self._lock.acquire(timeout=0)
            except filelock.Timeout as error:
                raise LockHeld(self._folder, self.info()) from error
        self.update(info)

    def update(self, info: Mapping[str, Any]) -> None:
        """Update the published information, for instance once the address is known."""
        write_atomically(self._info_path, json.dumps(dict(info)).encode())

    def release(self) -> None:
        """Release the folder; harmless if it is not owned."""
        if self._lock.is_locked:
            self._info_path.unlink(missing_ok=True)
            self._lock.release()

    def info(self) -> dict[str, Any]:
        """What the owner of the folder has published about itself; empty if that cannot be read."""
        try:
            info = json.loads(self._info_path.read_bytes())
        except (OSError, ValueError):
            return {}
        return info if isinstance(info, dict) else {}

    @property
    def _info_path(self) -> Path:
        return self._folder / 'lock.json'
