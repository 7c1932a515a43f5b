"""Files in which a flood of lines waits for the control room, so that a step prints as fast as to a file.

A file is a sequence of records: a line of JSON, followed by as many bytes as its `size` says, if it has one. The
control room reads the files with `synapse.protocol.spool_reader` and removes them.
"""

import os
from pathlib import Path

from .messages import Kind, Spooled

SPOOL = 'spool'
"""The folder of these files, in the folder of the run."""
ECHO = 'echo'
"""The folder of the last calm lines, in the folder of the run; see `Echo`."""
ECHO_BYTES = 1024**2
FILE_BYTES = 4 * 1024**2
MAX_FILES = 12
SUFFIX = '.spool'


class Spool:
    """Appends records to numbered files; it is full when about 48 MB wait to be read.

    The log takes that in within a few seconds, and a run that is stopped ends only then. Nothing is created before the
    first record. Not thread-safe.
    """

    def __init__(self, folder: Path, *, file_bytes: int | None = None) -> None:
        self._folder, self._file_bytes = folder, file_bytes or FILE_BYTES
        self._fd = -1
        self._number, self._size = 0, 0
        self._removed_to = 0
        self._announced: tuple[int, int] = (0, 0)

    def append(self, header: str, data: bytes = b'') -> None:
        """Write one record; it survives this process.

        :param header: one line of JSON
        :raises OSError: if the disk refuses; no part of the record is left
        """
        if (
            self._fd < 0
            or (self._size >= self._file_bytes and data.endswith(b'\n'))
            or self._size >= 2 * self._file_bytes
        ):
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
        # Files are removed in order, so one check is enough; two threads may be here at once.
        number = self._number - MAX_FILES + 1
        if number <= self._removed_to:
            return False
        if self._path(number).exists():
            return True
        self._removed_to = number
        return False

    def size_message(self) -> Spooled | None:
        """Return the message that says how far the spool can be read, None if that was returned before."""
        place = self._number, self._size
        if place == self._announced or self._fd < 0:
            return None
        self._announced = place
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


class Echo(Spool):
    """Keeps the last megabytes of what goes through the pipe: what a dying control room has not saved is found here.

    Only calm lines go through the pipe, so that is much more than the tenth of a second which may be unsaved.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, file_bytes=ECHO_BYTES)

    def _open_next(self) -> None:
        super()._open_next()
        self._path(self._number - 2).unlink(missing_ok=True)
