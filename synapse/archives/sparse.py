"""Sparse files: where their data is, and how a tar archive says so (GNU tar manual, "PAX Format, Version 1.0")."""

import errno
import hashlib
import os

from .headers import BLOCK, padding

Extent = tuple[int, int]
"""Where a piece of data begins, and how many bytes it has; all else in the file is zeros."""

_ZEROS = memoryview(bytes(1024 * 1024))
_UNIT = 512
"""Bytes that `st_blocks` counts in, whatever the file system's own blocks are."""
_CAN_SEEK_DATA = hasattr(os, 'SEEK_DATA')


def may_have_holes(found: os.stat_result) -> bool:
    """Whether a file has less on disk than its size says; it may also be compressed."""
    return _CAN_SEEK_DATA and found.st_blocks * _UNIT < found.st_size


def extents_of(file: int, found: os.stat_result) -> list[Extent] | None:
    """Return where an open file has data, None if everywhere, or if the file system does not say."""
    if not may_have_holes(found):
        return None
    try:
        extents = _data_in(file, found.st_size)
        os.lseek(file, 0, os.SEEK_SET)
    except OSError:
        return None
    return None if extents == [(0, found.st_size)] else extents


def _data_in(file: int, size: int) -> list[Extent]:
    extents: list[Extent] = []
    at = 0
    while at < size:
        try:
            start = os.lseek(file, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                break
            raise
        at = min(os.lseek(file, start, os.SEEK_HOLE), size)
        if at > start:
            extents.append((start, at - start))
    return extents


def sparse_map(extents: list[Extent], size: int) -> bytes:
    """Return the map that comes before the data, filled up to whole blocks; its last entry is the end."""
    entries = [*extents, (size, 0)]
    text = b'%d\n' % len(entries) + b''.join(b'%d\n%d\n' % entry for entry in entries)
    return text + padding(len(text))


def sparse_records(name: bytes, size: int) -> list[tuple[bytes, bytes]]:
    return [
        (b'GNU.sparse.major', b'1'),
        (b'GNU.sparse.minor', b'0'),
        (b'GNU.sparse.name', name),
        (b'GNU.sparse.realsize', b'%d' % size),
    ]


def sparse_name(name: bytes) -> bytes:
    """Return the name in the plain header, for readers that know nothing of sparse files."""
    return b'GNUSparseFile.0/' + name.rpartition(b'/')[2][: BLOCK // 8]


def hash_hole(digest: 'hashlib._Hash', size: int) -> None:
    """Add the zeros that a hole stands for."""
    while size > 0:
        digest.update(_ZEROS[:size])
        size -= len(_ZEROS)
