"""A journal beside a file: what was changed since the file was written, so that a change need not rewrite all of it.

A line is the CRC-32 of its JSON in hexadecimal, a space, and the JSON. `{"file": DIGEST}` says that the lines after it
apply to the file with this content; `{"was": {ID: DOCUMENT}, "is": {ID: DOCUMENT}}` is a change, with null for what did
not exist before or does not afterwards.
"""

import contextlib
import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .files import named_errors, sync_folder

Document = dict[str, Any]
Versions = Mapping[str, Document | None]
"""Documents by id, None for one that does not exist."""


@dataclass(frozen=True, slots=True)
class Change:
    """Documents that were changed together."""

    was: Versions
    now: Versions

    def as_json(self) -> Document:
        return {'was': self.was, 'is': self.now}


@dataclass(frozen=True, slots=True)
class Mark:
    """The changes after it apply to the file with this digest."""

    digest: str


Lines = Sequence[Change | Mark]


class JournalLost(Exception):
    """The journal is shorter than it was: somebody else has cut or removed it."""


class Journal:
    """Appends lines, each on disk when it returns. Not safe to use from several threads at once.

    :param path: of the journal
    :param owner: the file it belongs to, which is named in errors
    """

    def __init__(self, path: Path, owner: Path) -> None:
        self.path = path
        self.retired = path.with_name(f'{path.name}.1')
        """The journal before: the changes that led from the last generation of the file to the present one."""
        self.size = 0
        """The bytes of complete lines."""
        self._owner = owner

    def read(self) -> tuple[Lines, int]:
        """Return what is in the journal, and how many complete lines cannot be read.

        What follows the last complete line was never acknowledged; it is cut off by the next `append`.
        """
        data = _bytes_of(self.path)
        self.size = data.rfind(b'\n') + 1
        return _parsed(data[: self.size])

    def read_retired(self) -> Lines:
        return _parsed(_bytes_of(self.retired))[0]

    def append(self, *lines: Document, sync: bool = True) -> None:
        """Add these lines.

        :param sync: False to leave it to the system when they are on disk
        :raises DiskFull: if there is no room; then none of them is there
        :raises JournalLost: see there; then nothing was written
        """
        data = b''.join(_line(line) for line in lines)
        with named_errors(self._owner):
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                found = os.fstat(descriptor).st_size
                if found < self.size:
                    raise JournalLost
                if found > self.size:
                    os.ftruncate(descriptor, self.size)
                if not self.size and sync:
                    sync_folder(self.path.parent)
                self._append(descriptor, data, sync=sync)
            finally:
                os.close(descriptor)
        self.size += len(data)

    def _append(self, descriptor: int, data: bytes, *, sync: bool) -> None:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            if sync:
                os.fsync(descriptor)
        except BaseException:
            with contextlib.suppress(OSError):  # else the next one cuts it off
                os.ftruncate(descriptor, self.size)
            raise

    def cut(self, size: int) -> None:
        """Take back what was added after the first `size` bytes."""
        if self.size > size:
            with contextlib.suppress(OSError):
                os.truncate(self.path, size)
            self.size = size

    def retire(self) -> None:
        """Start anew: what the journal has is in the file by now. It is kept for the case that the file is damaged."""
        if self.size:
            self.path.replace(self.retired)
        else:
            self.forget()
        self.size = 0

    def forget(self) -> None:
        """Remove the journal and the one before."""
        for path in (self.path, self.retired):
            path.unlink(missing_ok=True)
        self.size = 0


def mark(digest: str) -> Document:
    """Return the line for a `Mark`."""
    return {'file': digest}


def digest_of(data: bytes) -> str:
    """Return what identifies the content of a file."""
    return hashlib.sha256(data).hexdigest()


def changes_after(digest: str, lines: Lines) -> list[Change] | None:
    """Return the changes to make to the file with this digest, None if these lines know no such file."""
    marks = [place for place, line in enumerate(lines) if line == Mark(digest)]
    return changes_in(lines[marks[-1] :]) if marks else None


def changes_in(lines: Lines) -> list[Change]:
    return [line for line in lines if isinstance(line, Change)]


def _line(content: Document) -> bytes:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(',', ':')).encode(
        errors='surrogatepass'
    )
    return b'%08x %s\n' % (zlib.crc32(text), text)


def _bytes_of(path: Path) -> bytes:
    with named_errors(path), contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    return b''


def _parsed(data: bytes) -> tuple[Lines, int]:
    found = [*_each(data)]
    return [line for line in found if line is not None], found.count(None)


def _each(data: bytes) -> Iterator[Change | Mark | None]:
    for line in data.splitlines():
        sum, _, text = line.partition(b' ')
        yield _content_of(text) if sum == b'%08x' % zlib.crc32(text) else None


def _content_of(text: bytes) -> Change | Mark | None:
    match json.loads(text):
        case {'file': str(digest)}:
            return Mark(digest)
        case {'was': dict(was), 'is': dict(now)}:
            return Change(was, now)
    return None
