"""Files and folders that survive a crash: whole or absent writes, one owner of a folder, no leftovers."""

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock


class StorageError(Exception):
    """What should be kept could not be kept or read; the old state is still there."""


class DiskFull(StorageError):
    """No room left; nothing was saved."""


class LockHeld(StorageError):
    """Somebody else owns the folder; `info` is what they said about themselves."""

    def __init__(self, folder: Path, info: dict[str, Any]) -> None:
        super().__init__(f'{folder} is in use')
        self.info = info


# EFBIG is what a limit on file sizes gives: for whoever writes it means the same.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextlib.contextmanager
def named_errors(what: Path) -> Iterator[None]:
    """Turn any `OSError` inside into a `StorageError` that names the file, `DiskFull` where there is no room."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(f'No room is left on the disk for {what}; nothing was saved.') from error
        raise StorageError(f'{what} cannot be read or written: {error.strerror or error}') from error


def write_atomically(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replace a file as a whole: after a crash at any moment it holds either the old bytes or the new ones.

    When it returns, the bytes are on the disk, not merely in a cache.

    :raises DiskFull: if there is no room; the old file is untouched
    :raises StorageError: if the disk refuses otherwise
    """
    beside = path.with_name(f'{path.name}.{os.getpid()}.tmp')
    with named_errors(path):
        try:
            _write_synced(beside, data, mode)
            beside.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def _write_synced(path: Path, data: bytes, mode: int) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, 'wb') as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


class IncomingFile:
    """A file that arrives in pieces: `NAME.part` beside its place until `commit`, then all of it at once.

    :raises DiskFull: in any call, if there is no room; `discard` leaves nothing behind
    """

    def __init__(self, path: Path, *, mode: int = 0o600) -> None:
        self.size = 0
        self._path, self._part = path, path.with_name(f'{path.name}.part')
        with named_errors(path):
            self._file = os.fdopen(os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), 'wb', buffering=0)

    def write(self, data: bytes) -> None:
        """Add these bytes."""
        with named_errors(self._path):
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
        self.size += len(data)

    def commit(self) -> None:
        """The file is whole: from now on it is in its place, on the disk."""
        with named_errors(self._path):
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self._path)
            sync_folder(self._path.parent)

    def discard(self) -> None:
        """Forget what came so far; harmless after `commit`."""
        with contextlib.suppress(OSError):
            self._file.close()
            self._part.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make renames in this folder last through a power loss."""
    if os.name == 'nt':  # a folder cannot be opened there; NTFS journals its renames itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private_folder(path: Path) -> None:
    """Have this folder, and those of its parents that are missing, readable by its owner only.

    :raises StorageError: if it cannot be made or written to
    """
    with named_errors(path):
        # mkdir(parents=True) would give the parents the mode of any folder.
        for folder in [*(parent for parent in reversed(path.parents) if not parent.exists()), path]:
            folder.mkdir(mode=0o700, exist_ok=True)
        path.chmod(0o700)


def free_bytes(path: Path) -> int:
    """Bytes that this user may still write where `path` is."""
    with named_errors(path):
        return shutil.disk_usage(path).free


def remove_leftovers(folder: Path, suffixes: tuple[str, ...] = ('.part', '.tmp')) -> list[Path]:
    """Delete what interrupted writes left directly in this folder; gives the paths that are gone."""
    if not folder.is_dir():
        return []
    found = [path for path in sorted(folder.iterdir()) if path.name.endswith(suffixes) and path.is_file()]
    for path in found:
        with named_errors(path):
            path.unlink(missing_ok=True)
    return found


class FolderLock:
    """One owner of a folder at a time; the system gives the lock back when its process ends, however it ends.

    What the owner says about itself is in `lock.json` beside the lock, for whoever comes second.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = filelock.FileLock(folder / 'lock', mode=0o600, thread_local=False)

    def acquire(self, info: Mapping[str, Any]) -> None:
        """Own the folder from now on.

        :raises LockHeld: if somebody else does, with their `info`
        """
        with named_errors(self._folder):
            try:
                self._lock.acquire(timeout=0)
            except filelock.Timeout as error:
                raise LockHeld(self._folder, self._read_info()) from error
        self.update(info)

    def update(self, info: Mapping[str, Any]) -> None:
        """Say something new about oneself, for instance the address once it is known."""
        write_atomically(self._info_path, json.dumps(dict(info)).encode())

    def release(self) -> None:
        """Give the folder back; harmless if it was not owned."""
        if self._lock.is_locked:
            self._info_path.unlink(missing_ok=True)
            self._lock.release()

    @property
    def _info_path(self) -> Path:
        return self._folder / 'lock.json'

    def _read_info(self) -> dict[str, Any]:
        try:
            info = json.loads(self._info_path.read_bytes())
        except (OSError, ValueError):
            return {}
        return info if isinstance(info, dict) else {}
