"""Files and folders that survive a crash: atomic writes, no leftovers."""

import contextlib
import errno
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from . import descriptors
from .foreign_words import system_words
from .texts import _


class StorageError(Exception):
    """Something could not be saved or read; the old state is still there."""


class DiskFull(StorageError):
    """There is no room left; nothing was saved."""


# EFBIG is the error of a limit on file sizes, which means the same to the writer.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextlib.contextmanager
def named_errors(what: Path) -> Iterator[None]:
    """Turn an `OSError` into a `StorageError` that names the file, `DiskFull` if there is no room."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(_('No room is left on the disk for {what}; nothing was saved.', what=what)) from error
        if error.errno in descriptors.USED_UP:
            raise StorageError(
                _('{what} cannot be opened. {reason}', what=what, reason=descriptors.sentence())
            ) from error
        raise StorageError(
            _('{what} cannot be read or written: {reason}', what=what, reason=system_words(error))
        ) from error


def write_atomically(path: Path, data: bytes, *, mode: int = 0o600, sync: bool = True) -> None:
    """Replace a file as a whole: after a crash at any moment it holds either the old or the new bytes.

    When this returns, the bytes are on disk, not merely in a cache.

    :param sync: False to leave that to the system, for what may be lost if the whole machine fails
    :raises DiskFull: if there is no room; the old file is unchanged
    :raises StorageError: if the disk refuses otherwise
    """
    # Of this thread: two that write the same file at once must not take the other's away.
    beside = path.with_name(f'{path.name}.{os.getpid()}-{threading.get_ident()}.tmp')
    with named_errors(path):
        try:
            _write_new(beside, data, mode, sync=sync)
            beside.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            raise
        if sync:
            sync_folder(path.parent)


def _write_new(path: Path, data: bytes, mode: int, *, sync: bool) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, 'wb') as file:
        file.write(data)
        file.flush()
        if sync:
            os.fsync(file.fileno())


class IncomingFile:
    """A file that arrives in pieces: `NAME.part` until `commit`, which puts all of it in place at once.

    :raises DiskFull: by any method, if there is no room; `discard` leaves nothing behind
    """

    def __init__(self, path: Path, *, mode: int = 0o600) -> None:
        self.size = 0
        self._path, self._part = path, path.with_name(f'{path.name}.part')
        with named_errors(path):
            self._file = os.fdopen(os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), 'wb', buffering=0)

    def write(self, data: bytes) -> None:
        with named_errors(self._path):
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
        self.size += len(data)

    def commit(self) -> None:
        """Put the complete file in its place, on disk."""
        with named_errors(self._path):
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self._path)
            sync_folder(self._path.parent)

    def discard(self) -> None:
        """Delete what has arrived; harmless after `commit`."""
        with contextlib.suppress(OSError):
            self._file.close()
            self._part.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make renames in this folder survive a power loss."""
    if os.name == 'nt':  # folders cannot be opened there; NTFS journals renames itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private_folder(path: Path) -> None:
    """Create this folder and its missing parents, readable by their owner only.

    :raises StorageError: if it cannot be created or written to
    """
    with named_errors(path):
        try:
            path.mkdir(mode=0o700, exist_ok=True)
        except FileNotFoundError:
            make_private_folder(path.parent)  # mkdir(parents=True) would give it the mode of any folder
            path.mkdir(mode=0o700, exist_ok=True)
        path.chmod(0o700)


def free_bytes(path: Path) -> int:
    """The bytes that this user can still write on the disk of `path`."""
    with named_errors(path):
        return shutil.disk_usage(path).free


def remove_leftovers(folder: Path) -> list[Path]:
    """Delete what interrupted writes left directly in this folder; returns the removed paths."""
    if not folder.is_dir():
        return []
    found = [path for path in sorted(folder.iterdir()) if path.name.endswith(('.part', '.tmp')) and path.is_file()]
    for path in found:
        with named_errors(path):
            path.unlink(missing_ok=True)
    return found
