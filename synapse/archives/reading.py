"""Reads an archive back as fast as it is unpacked, for the checksums of its files.

It understands what Synapse has written, now and before; to unpack archives of any origin is left to `tarfile`.
"""

import hashlib
from collections.abc import Iterator, Mapping

from synapse.language import _

from .headers import BLOCK, FILE, LINK, block_sum
from .packing import DamagedArchive, Unpacker
from .sparse import hash_hole
from .words import shown

_ZEROS = bytes(BLOCK)
_EXTENDED = b'x'
_TIME_ONLY = b'30 mtime='
"""How the records of most files begin, and end."""
_SMALL = 64 * 1024


def problem_in(archive: Unpacker, sums: Mapping[str, str]) -> str:
    """Return what differs between the files in an archive and their SHA-256, empty if nothing does; reads to its end.

    :raises DamagedArchive: if it cannot be read
    """
    missing = dict(sums)
    try:
        for name, digest in _sums_in(archive, sums):
            if missing.pop(name, None) != digest:
                return _('{name} differs', name=shown(name))
    except (ValueError, KeyError) as error:
        raise DamagedArchive(_('it has a broken header')) from error
    archive.drain()
    return _('{name} is missing', name=shown(next(iter(missing)))) if missing else ''


def _sums_in(archive: Unpacker, known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    records: dict[bytes, bytes] = {}
    checked = b''
    """An extended header of the same length as the one before is the same block."""
    while (block := archive.read(BLOCK)) != _ZEROS:
        if block != checked:
            _check(block)
        kind, size = block[156:157], int(block[124:135], 8)
        if kind == _EXTENDED:
            # Read together with the header that follows.
            checked = block
            both = archive.read(size + -size % BLOCK + BLOCK)
            records, block = _records_in(both[:size]), both[-BLOCK:]
            _check(block)
            kind, size = block[156:157], int(block[124:135], 8)
        name = _as_text(block[:100].partition(b'\0')[0])
        if records:
            size = int(records.get(b'size', size))
            name = _as_text(records[b'path']) if b'path' in records else name
        if b'GNU.sparse.realsize' in records:
            yield (
                _as_text(records[b'GNU.sparse.name']),
                _sparse_sum(archive, size, int(records[b'GNU.sparse.realsize'])),
            )
        elif kind == FILE:
            yield name, _content_sum(archive, size)
        elif kind == LINK:
            target = records.get(b'linkpath') or block[157:257].partition(b'\0')[0]
            yield name, known.get(_as_text(target), '')
        records = {}


def _check(block: bytes) -> None:
    if len(block) < BLOCK:
        raise DamagedArchive(_('it is cut short'))
    if int(block[148:154], 8) != block_sum(block):
        raise ValueError(_('its checksum is wrong'))


def _records_in(data: bytes) -> dict[bytes, bytes]:
    """Return the records of an extended header, each of the form `LENGTH KEY=VALUE` and a line end."""
    if len(data) == 30 and data.startswith(_TIME_ONLY):
        return {}
    records: dict[bytes, bytes] = {}
    while data:
        digits, __, __ = data.partition(b' ')
        length = int(digits)
        if length <= len(digits):
            raise ValueError(_('a record has no length'))
        key, __, value = data[len(digits) + 1 : length - 1].partition(b'=')
        records[key] = value
        data = data[length:]
    return records


def _content_sum(archive: Unpacker, size: int) -> str:
    if size <= _SMALL:
        return hashlib.sha256(archive.read(size + -size % BLOCK)[:size]).hexdigest()
    digest = hashlib.sha256()
    for piece in archive.pieces(size):
        digest.update(piece)
    archive.read(-size % BLOCK)
    return digest.hexdigest()


def _sparse_sum(archive: Unpacker, size: int, real_size: int) -> str:
    """Return the sum of a whole sparse file: its map says where between the holes the data belongs."""
    digest = hashlib.sha256()
    at = 0
    for start, length in _extents(archive):
        hash_hole(digest, start - at)
        for piece in archive.pieces(length):
            digest.update(piece)
        at = start + length
    hash_hole(digest, real_size - at)
    archive.read(-size % BLOCK)
    return digest.hexdigest()


def _extents(archive: Unpacker) -> list[tuple[int, int]]:
    text = archive.read(BLOCK)
    count = int(text.partition(b'\n')[0])
    while text.count(b'\n') < 2 * count + 1:
        more = archive.read(BLOCK)
        if not more:
            raise DamagedArchive(_('it is cut short'))
        text += more
    numbers = [int(number) for number in text.split(b'\n')[1 : 2 * count + 1]]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _as_text(name: bytes) -> str:
    return name.decode('utf-8', 'surrogateescape')
