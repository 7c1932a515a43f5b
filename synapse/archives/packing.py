"""Compresses an archive as it is written, and unpacks it as it is read.

All of it in the thread that calls: ISA-L packs several hundred megabytes a second, so a second thread gains little, and
handing over Python's lock after each call of the system costs more than that with many small files.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Protocol

from synapse.language import _

GZIP = 31
"""For zlib's `wbits`: with the header and checksum of gzip (RFC 1952)."""
_MAGIC = b'\x1f\x8b'
_LEVEL = 2
"""Of ISA-L: a sixth of the time of its next level, for archives that are 2 to 5 % larger."""
_BLOCK = 64 * 1024
"""Small enough for the cache of a processor: four times as much is a tenth slower."""

_WRITE = 256 * 1024

fast: ModuleType
try:
    from isal import isal_zlib

    fast = isal_zlib
except ImportError:  # a machine that it is not made for
    fast = zlib


class Output(Protocol):
    def write(self, data: bytes, /) -> int: ...


class DamagedArchive(Exception):
    """An archive that cannot be read to its end; the text says why."""


class NotAnArchive(DamagedArchive):
    """A file that has nothing of a .tar.gz archive, not even its start."""

    def __init__(self) -> None:
        super().__init__(_('it does not begin like a .tar.gz archive'))


class InputFailed(Exception):
    """A packed file cannot be read, which says nothing about what is in it."""


class OutputFailed(Exception):
    """What was packed cannot be written; not an `OSError`, so that it isn't taken for one of the files read."""


class Packer:
    """Compresses what it is given into `output`, and hashes what comes out."""

    def __init__(self, output: Output) -> None:
        self.digest = hashlib.sha256()
        self._output = output
        self._held: list[bytes] = []
        self._size = 0
        self._packed: list[bytes] = []
        self._packed_size = 0
        self._compressor = fast.compressobj(_LEVEL, zlib.DEFLATED, GZIP)

    def add(self, *pieces: bytes) -> None:
        """Take the next bytes.

        :raises OutputFailed: if the output raises an `OSError`
        """
        self._held += pieces
        self._size += sum(map(len, pieces))
        if self._size >= _BLOCK:
            self._pack(self._compressor.compress(b''.join(self._held)))
            self._held, self._size = [], 0

    def finish(self) -> None:
        """Write the rest.

        :raises OutputFailed: if the output raises an `OSError`
        """
        self._pack(self._compressor.compress(b''.join(self._held)))
        self._pack(self._compressor.flush())
        self._write()

    def _pack(self, data: bytes) -> None:
        # Much becomes little here, and a server is better given much at a time.
        self._packed.append(data)
        self._packed_size += len(data)
        if self._packed_size >= _WRITE:
            self._write()

    def _write(self) -> None:
        data = b''.join(self._packed)
        self._packed, self._packed_size = [], 0
        self.digest.update(data)
        try:
            self._output.write(data)
        except OSError as error:
            raise OutputFailed(str(error)) from error


class Unpacker:
    """Reads a compressed archive, hashes it and hands out what is in it.

    :param show: called now and then with how many bytes of the file were read; may raise to stop
    """

    def __init__(self, file: Any, show: Callable[[int], None] = lambda done: None) -> None:
        self.digest = hashlib.sha256()
        self._file = file
        self._show = show
        self._done = 0
        self._block = b''
        self._at = 0
        self._blocks = self._inflated()

    def read(self, size: int) -> bytes:
        """Return that many bytes, fewer at the end.

        :raises DamagedArchive: if it isn't a whole gzip file
        :raises InputFailed: if the file cannot be read
        """
        end = self._at + size
        if end <= len(self._block):
            piece = self._block[self._at : end]
            self._at = end
            return piece
        return b''.join(self.pieces(size))

    def pieces(self, size: int) -> Iterator[bytes]:
        """Yield that many bytes, fewer at the end, in pieces as they come."""
        while size > 0 and (self._at < len(self._block) or self._next()):
            piece = self._block[self._at : self._at + size]
            self._at += len(piece)
            size -= len(piece)
            yield piece

    def drain(self) -> None:
        """Read to the end."""
        while self._next():
            pass

    def _next(self) -> bool:
        self._show(self._done)
        self._block, self._at = next(self._blocks, b''), 0
        return bool(self._block)

    def _inflated(self) -> Iterator[bytes]:
        inflator: Any = None
        is_start = True
        while data := self._read_file():
            if is_start and not data.startswith(_MAGIC[: len(data)]):
                raise NotAnArchive
            is_start = False
            while data:
                if inflator is None:
                    # Zeros may fill up the file, or the space between its members.
                    data = data.lstrip(b'\0')
                    inflator = fast.decompressobj(GZIP) if data else None
                else:
                    yield from _member(inflator, data)
                    data = bytes(inflator.unused_data)
                    inflator = None if inflator.eof else inflator
        if inflator is not None:
            raise DamagedArchive(_('it is cut short'))

    def _read_file(self) -> bytes:
        try:
            data = bytes(self._file.read(_BLOCK))
        except Exception as error:  # each file system raises its own kinds
            raise InputFailed(str(error) or type(error).__name__) from error
        self.digest.update(data)
        self._done += len(data)
        return data


_ERRORS: tuple[type[Exception], ...] = (zlib.error, fast.error)


def _member(inflator: Any, data: bytes) -> Iterator[bytes]:
    """Yield what a part of a gzip file holds in blocks; a little may hold gigabytes."""
    is_full = True
    while (data or is_full) and not inflator.eof:
        try:
            block: bytes = inflator.decompress(data, _BLOCK)
        except _ERRORS as error:
            raise DamagedArchive(_('its compressed data is broken')) from error
        data, is_full = inflator.unconsumed_tail, len(block) == _BLOCK
        if block:
            yield block
