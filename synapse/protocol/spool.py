"""Files in which a flood of lines waits for the control room, so that a step prints at the pace of a file.

A file is a row of records: a line of JSON, and where that names a `size` as many bytes as it says. The control room
removes what it has taken in; `synapse.protocol.spool_reader` is its side.
"""

import os
from pathlib import Path

from .messages import Kind, Spooled

SPOOL = 'spool'
"""The folder of these files, in the folder of the run."""
FILE_BYTES = 4 * 1024**2
MOST_FILES = 12
SUFFIX = '.spool'


class Spool:
    """Appends records to numbered files, of which no more than about 48 MB wait at a time.

    That is what the log takes in within a few seconds, since a run that is stopped ends only then. Nothing is made
    before the first record. Not safe for threads by itself.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fd = -1
        self._number, self._size = 0, 0
        self._gone_to = 0
        self._told: tuple[int, int] = (0, 0)

    def append(self, header: str, data: bytes = b'') -> None:
        """Write one record; it survives this process.

        :param header: one line of JSON
        :raises OSError: if the disk refuses; then no part of it is left
        """
        if self._fd < 0 or (self._size >= FILE_BYTES and data.endswith(b'\n')) or self._size >= 2 * FILE_BYTES:
            self._open_next()
        record = memoryview(f'{header}\n'.encode('utf-8', 'replace') + data)
        written = 0
        try:
            while written < len(record):
                written += os.write(self._fd, record[written:])
        except OSError:
            os.ftruncate(self._fd, self._size)
            raise
        self._size += written

    @property
    def is_used(self) -> bool:
        return self._fd >= 0

    @property
    def is_full(self) -> bool:
        """Whether the control room is so far behind that the step has to wait for it."""
        # Files go in their order, so one look is enough; two threads may be here at once.
        number = self._number - MOST_FILES + 1
        if number <= self._gone_to:
            return False
        if self._path(number).exists():
            return True
        self._gone_to = number
        return False

    def news(self) -> Spooled | None:
        """The message that tells how far there is something to read, if that has not been told yet."""
        place = self._number, self._size
        if place == self._told or self._fd < 0:
            return None
        self._told = place
        return Spooled(t=Kind.SPOOL, file=self._number, size=self._size)

    def _open_next(self) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, 'O_BINARY', 0)
        fd = os.open(self._path(self._number + 1), flags, 0o600)
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._number, self._size = fd, self._number + 1, 0

    def _path(self, number: int) -> Path:
        return self._folder / f'{number:08}{SUFFIX}'
