"""Reads the files that `synapse.protocol.spool` writes. It blocks; call it from a thread."""

import json
import shutil
from pathlib import Path
from typing import Any

from .spool import SPOOL, SUFFIX

READ_BYTES = 256 * 1024
MAX_RECORD_BYTES = 16 * 1024**2

Record = tuple[dict[str, Any], bytes]


class SpoolReader:
    """Returns the records of a run's spool in order, a few at a time.

    :param folder: of the run; it needs no spool
    :param name: of the folder in it
    """

    def __init__(self, folder: Path, name: str = SPOOL) -> None:
        self._folder = folder / name
        self._number = 0
        self._at = 0
        self._rest = b''
        self.finished: list[Path] = []
        """Files that are read to their end, for the caller to remove."""

    @property
    def exists(self) -> bool:
        return self._folder.is_dir()

    def has_read(self, until: tuple[int, int] | None) -> bool:
        """Whether everything up to this place is read; False without a place."""
        return until is not None and (self._number, self._at) >= until

    def read(self, until: tuple[int, int] | None = None) -> list[Record]:
        """Return the next records, about 256 KB, empty when all is read.

        :param until: the number of a file and a size within it; None for all there is, with the torn record of a crash
        """
        while True:
            chunk = self._chunk(until)
            records = self._cut(chunk)
            if records or not chunk:
                return records or ([] if until else self._torn())

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _chunk(self, until: tuple[int, int] | None) -> bytes:
        # Opened each time, so that a cancelled intake leaves nothing open.
        while self._number or self._open_next():
            is_last = until is not None and until[0] <= self._number
            most = min(READ_BYTES, until[1] - self._at) if until and is_last else READ_BYTES
            chunk = self._read(max(0, most))
            if chunk or is_last or not self._open_next():
                return chunk
        return b''

    def _read(self, most: int) -> bytes:
        with self._path(self._number).open('rb', buffering=0) as file:
            file.seek(self._at)
            chunk = file.read(most) or b''
        self._at += len(chunk)
        return chunk

    def _open_next(self) -> bool:
        """Move to the next file; whether there is one."""
        number = self._number + 1 if self._number else min(self._numbers(), default=0)
        if not number or not self._path(number).exists():
            return False
        if self._number:
            self.finished.append(self._path(self._number))
        self._number, self._at = number, 0
        return True

    def _numbers(self) -> list[int]:
        return [int(path.stem) for path in self._folder.glob(f'*{SUFFIX}') if path.stem.isdecimal()]

    def _cut(self, chunk: bytes) -> list[Record]:
        data, place = self._rest + chunk, 0
        records = []
        while (end := data.find(b'\n', place)) >= 0:
            header = _header(data[place:end])
            size = header.get('size', 0)
            if end + 1 + size > len(data):
                break
            place = end + 1 + size
            if header:
                records.append((header, data[place - size : place]))
        self._rest = data[place:] if len(data) - place <= MAX_RECORD_BYTES else b''
        return records

    def _torn(self) -> list[Record]:
        head, line_end, data = self._rest.partition(b'\n')
        self._rest = b''
        header = _header(head) if line_end else {}
        return [(header, data)] if header and data else []

    def _path(self, number: int) -> Path:
        return self._folder / f'{number:08}{SUFFIX}'


def _header(line: bytes) -> dict[str, Any]:
    """Return the header in a line, empty if it isn't one of ours but was written there by a step."""
    try:
        header = json.loads(line)
    except ValueError:
        return {}
    is_ours = isinstance(header, dict) and isinstance(header.get('size', 0), int)
    return header if is_ours and 0 <= header.get('size', 0) <= MAX_RECORD_BYTES else {}
