"""Reads the rows in a SQLite file page by page, also in one that SQLite itself refuses.

The format is that of https://sqlite.org/fileformat2.html; chapters are named where they matter. Pages in the journal
(`-wal`) come before those of the file, as far as their transactions were committed.
"""

import contextlib
import mmap
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

TABLE_LEAF, INDEX_LEAF, INDEX_INTERIOR = 0x0D, 0x0A, 0x02
PAGE_SIZE = 4096
"""Of our own files: used where the first page cannot be read."""
_MOST_PAYLOAD = 1 << 28
_SIZES = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8, 8: 0, 9: 0}

Values = list[Any]
Ranges = Sequence[tuple[int, int]]


class Unreadable(ValueError):
    """This is not a row."""


_DAMAGED = (Unreadable, IndexError, struct.error, UnicodeDecodeError)


class Pages:
    """The pages of a database as its last commit left them. A context manager."""

    def __init__(self, path: Path) -> None:
        self._file = _mapped(path)
        self._journal = _mapped(path.with_name(f'{path.name}-wal'))
        self.size = _page_size(self._file)
        self._newer = _committed(self._journal, self.size)
        self.count = max(len(self._file) // self.size, *self._newer, 0)
        self._free = self._free_pages()

    def __enter__(self) -> 'Pages':
        return self

    def __exit__(self, *_: object) -> None:
        for data in (self._file, self._journal):
            if isinstance(data, mmap.mmap):
                data.close()

    def rows(self, among: Ranges) -> Iterator[tuple[int, Values]]:
        """Yield every row of any table that can be read and has a number in these ranges, ends included."""
        for page, cell in self._cells(TABLE_LEAF):
            with contextlib.suppress(*_DAMAGED):
                size, place = _varint(page, cell)
                rowid, place = _varint(page, place)
                if any(low <= rowid <= high for low, high in among):
                    yield rowid, _values(self._payload(page, place, size, is_table=True))

    def entries(self) -> Iterator[Values]:
        """Yield every row of an index or of a `WITHOUT ROWID` table that can be read."""
        for page, cell in self._cells(INDEX_LEAF, INDEX_INTERIOR):
            with contextlib.suppress(*_DAMAGED):
                size, place = _varint(page, cell)
                yield _values(self._payload(page, place, size, is_table=False))

    def _cells(self, *kinds: int) -> Iterator[tuple[bytes, int]]:
        """Yield the places of all cells on pages of these kinds (chapter 1.6)."""
        for number in range(1, self.count + 1):
            page = self._page(number)
            start = 100 if number == 1 else 0
            if len(page) < self.size or page[start] not in kinds or number in self._free:
                continue
            is_interior = page[start] == INDEX_INTERIOR
            count = min(struct.unpack_from('>H', page, start + 3)[0], self.size // 4)
            for cell in struct.unpack_from(f'>{count}H', page, start + (12 if is_interior else 8)):
                yield page, cell + (4 if is_interior else 0)  # after the number of the page below it

    def _payload(self, page: bytes, place: int, size: int, *, is_table: bool) -> bytes:
        """Return the bytes of a cell, and those on its overflow pages (chapter 1.6)."""
        if size > _MOST_PAYLOAD:
            raise Unreadable
        most = self.size - 35 if is_table else (self.size - 12) * 64 // 255 - 23
        least = (self.size - 12) * 32 // 255 - 23
        local = size
        if size > most:
            fitting = least + (size - least) % (self.size - 4)
            local = fitting if fitting <= most else least
        parts = [page[place : place + local]]
        left, number = size - local, 0
        if left:
            (number,) = struct.unpack_from('>I', page, place + local)
        while left > 0:
            over = self._page(number)
            if not 0 < number <= self.count or len(over) < self.size:
                raise Unreadable
            parts.append(over[4 : 4 + left])
            left -= len(parts[-1])
            (number,) = struct.unpack_from('>I', over)
        return b''.join(parts)

    def _page(self, number: int) -> bytes:
        if (place := self._newer.get(number)) is not None:
            return self._journal[place : place + self.size]
        return self._file[(number - 1) * self.size : number * self.size]

    def _free_pages(self) -> set[int]:
        """Return the pages that are in no use, which may still have rows that were deleted (chapter 1.5)."""
        free: set[int] = set()
        with contextlib.suppress(struct.error):
            (trunk,) = struct.unpack_from('>I', self._page(1), 32)
            while 0 < trunk <= self.count and trunk not in free:
                free.add(trunk)
                page = self._page(trunk)
                trunk, count = struct.unpack_from('>II', page)
                free.update(struct.unpack_from(f'>{min(count, self.size // 4 - 2)}I', page, 8))
        return free


def _mapped(path: Path) -> mmap.mmap | bytes:
    with contextlib.suppress(OSError, ValueError), path.open('rb') as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return b''


def _page_size(data: mmap.mmap | bytes) -> int:
    if bytes(data[:16]) != b'SQLite format 3\x00':
        return PAGE_SIZE
    (size,) = struct.unpack_from('>H', data, 16)
    size = 65_536 if size == 1 else size
    return size if size >= 512 and size & (size - 1) == 0 else PAGE_SIZE


def _committed(journal: mmap.mmap | bytes, size: int) -> dict[int, int]:
    """Return where in the journal the newest committed content of each page is (chapter 4)."""
    found: dict[int, int] = {}
    pending: dict[int, int] = {}
    if len(journal) < 32 or struct.unpack_from('>I', journal, 8)[0] != size:
        return found
    order = '>' if journal[3] & 1 else '<'
    salts = journal[16:24]
    sums = _checksum(journal[:24], (0, 0), order)
    if sums != struct.unpack_from('>II', journal, 24):
        return found
    for place in range(32, len(journal) - size - 23, size + 24):
        head = journal[place : place + 24]
        sums = _checksum(head[:8] + journal[place + 24 : place + 24 + size], sums, order)
        if head[8:16] != salts or sums != struct.unpack('>II', head[16:24]):
            break
        number, commits = struct.unpack_from('>II', head)
        pending[number] = place + 24
        if commits:
            found |= pending
            pending = {}
    return found


def _checksum(data: bytes, sums: Sequence[int], order: str) -> tuple[int, int]:
    """Chapter 4.2."""
    first, second = sums
    words = struct.unpack(f'{order}{len(data) // 4}I', data)
    for place in range(0, len(words), 2):
        first = (first + words[place] + second) & 0xFFFFFFFF
        second = (second + words[place + 1] + first) & 0xFFFFFFFF
    return first, second


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """Chapter 1.6: a number of up to 64 bits, and where it ends."""
    value = 0
    for end in range(place, place + 8):
        value = value << 7 | data[end] & 0x7F
        if data[end] < 0x80:
            return value, end + 1
    value = value << 8 | data[place + 8]
    return value - (1 << 64) if value >= 1 << 63 else value, place + 9


def _values(data: bytes) -> Values:
    """Return the values of a record (chapter 2.1)."""
    end, place = _varint(data, 0)
    body = end
    values: Values = []
    while place < end:
        kind, place = _varint(data, place)
        size = _SIZES[kind] if kind in _SIZES else (kind - 12) // 2
        if kind in (10, 11) or kind < 0 or body + size > len(data):
            raise Unreadable
        values.append(_value(kind, data[body : body + size]))
        body += size
    return values


def _value(kind: int, data: bytes) -> Any:
    if kind >= 12:
        return data.decode() if kind & 1 else data
    if kind in (0, 8, 9):
        return None if kind == 0 else kind - 8
    return struct.unpack('>d', data)[0] if kind == 7 else int.from_bytes(data, 'big', signed=True)
