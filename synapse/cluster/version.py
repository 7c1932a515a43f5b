"""One version of a file, read in pieces: it says when the file has become another one meanwhile."""

import os
import threading
from pathlib import Path

from storage.files import named_errors

PIECE_BYTES = 256 * 1024


class Version:
    """A file as it was when it was opened. Its methods read the disk.

    It stays open, so that one that is replaced or removed meanwhile is read to its end as it was.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path, self._descriptor = path, descriptor
        self._lock = threading.Lock()
        found = os.fstat(descriptor)
        self._stamp = found.st_size, found.st_mtime_ns
        self.mode, self.mtime_ns = found.st_mode & 0o777, found.st_mtime_ns
        self.piece = b''
        """What was read last."""
        self.place = 0
        """Where the next piece starts."""
        self.is_over = self.is_changed = False

    @classmethod
    def opened(cls, path: Path) -> 'Version | None':
        """Return a file with its first piece, None if it is gone.

        :raises StorageError: if it cannot be read
        """
        with named_errors(path):
            try:
                descriptor = os.open(path, os.O_RDONLY | getattr(os, 'O_BINARY', 0))
            except FileNotFoundError:
                return None
            version = cls(path, descriptor)
        version.advance()
        return version

    def advance(self) -> None:
        """Read the next piece; nothing beyond the size that the file had.

        :raises StorageError: if it cannot be read
        """
        size = self._stamp[0]
        most = min(PIECE_BYTES, size - self.place) if size else PIECE_BYTES  # files in /proc say that they are empty
        with self._lock, named_errors(self._path):
            if self._descriptor < 0:
                return
            try:
                self.piece = os.read(self._descriptor, most)
                now = os.fstat(self._descriptor)
            except OSError:
                self._close()
                raise
            self.place += len(self.piece)
            self.is_over = not self.piece or self.place == size
            self.is_changed = self._stamp != (now.st_size, now.st_mtime_ns) or (self.is_over and self.place < size)
            if self.is_over:
                self._close()

    def close(self) -> None:
        """Close it; waits for a piece that is being read."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1
