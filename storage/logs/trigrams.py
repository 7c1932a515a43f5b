"""Where in the log a text may be: a trigram index over blocks of entries, built behind the writes.

A block is 64 entries, so that the index is small and quick to build; the entries of a matching block are then searched.
Each 65,536 entries have a table of their own: clearing the oldest entries drops whole tables and touches no other.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from storage.files import StorageError

LENGTH = 3
"""The shortest text that the index can find."""
BLOCK = 64
SEGMENT = 65_536
_INDEX_ENTRIES = 4_096
PROBE = "CREATE VIRTUAL TABLE temp.probe USING fts5 (message, tokenize='trigram')"
_MAX_TRIGRAMS = 40
_TABLE = (
    'CREATE VIRTUAL TABLE IF NOT EXISTS words_{number} '
    "USING fts5 (message, content='', columnsize=0, detail=none, tokenize='trigram')"
)

Read = Callable[[str, Sequence[Any]], list[Any]]


def is_available(connection: sqlite3.Connection) -> bool:
    """Whether this SQLite has what the index needs: FTS5, and trigrams (since 3.34)."""
    try:
        connection.execute(PROBE)
    except sqlite3.OperationalError:
        return False
    connection.execute('DROP TABLE temp.probe')
    return True


def index_next(connection: sqlite3.Connection) -> bool:
    """Index the next whole blocks, within a transaction; returns whether there may be more."""
    start, last = (_value(connection, key) for key in ('words_to', 'last_seq'))
    oldest = connection.execute('SELECT MIN(seq) FROM entries').fetchone()[0]
    start = max(start, (last + 1 if oldest is None else oldest) // BLOCK * BLOCK)
    end = min((last + 1) // BLOCK * BLOCK, start + _INDEX_ENTRIES, (start // SEGMENT + 1) * SEGMENT)
    if start >= end:
        return False
    number = start // SEGMENT
    connection.execute(_TABLE.format(number=number))
    connection.execute(
        f'INSERT INTO words_{number} (rowid, message) '  # noqa: S608 - our own number
        'SELECT seq / ?, group_concat(COALESCE(shown, message), char(10)) FROM entries '
        'WHERE seq >= ? AND seq < ? GROUP BY 1',
        [BLOCK, start, end],
    )
    connection.execute("UPDATE meta SET value = ? WHERE key = 'words_to'", [end])
    return True


def drop_before(connection: sqlite3.Connection, seq: int) -> None:
    """Drop the tables whose entries all have a smaller `seq`."""
    for number in _segments(lambda sql, values: connection.execute(sql, values).fetchall()):
        if (number + 1) * SEGMENT <= seq:
            connection.execute(f'DROP TABLE words_{number}')


def rewind(connection: sqlite3.Connection, seq: int) -> None:
    """Drop the tables from that of this entry on, within a transaction; `index_next` builds them again."""
    first = seq // SEGMENT
    if _value(connection, 'words_to') <= first * SEGMENT:
        return
    for number in _segments(lambda sql, values: connection.execute(sql, values).fetchall()):
        if number >= first:
            connection.execute(f'DROP TABLE words_{number}')
    connection.execute("UPDATE meta SET value = ? WHERE key = 'words_to'", [first * SEGMENT])


def end_of(read: Read) -> int:
    """The first `seq` that is not indexed."""
    return int(read("SELECT value FROM meta WHERE key = 'words_to'", [])[0][0])


def blocks_with(read: Read, texts: Sequence[str], low: int, high: int, *, oldest_first: bool) -> Iterator[list[int]]:
    """The blocks between two `seq` that may hold all of these texts; in order, in batches.

    :param texts: case-folded, at least one of them of three characters or more
    """
    parts = dict.fromkeys(text[at : at + LENGTH] for text in texts for at in range(len(text) - LENGTH + 1))
    query = ' AND '.join('"{}"'.format(part.replace('"', '""')) for part in [*parts][:_MAX_TRIGRAMS])
    order = 'ASC' if oldest_first else 'DESC'
    for number in sorted(_segments(read), reverse=not oldest_first):
        if low < (number + 1) * SEGMENT and number * SEGMENT <= high:
            sql = (
                f'SELECT rowid FROM words_{number} WHERE words_{number} MATCH ? '  # noqa: S608 - our own number
                f'AND rowid BETWEEN ? AND ? ORDER BY rowid {order}'
            )
            try:
                found = read(sql, [query, low // BLOCK, high // BLOCK])
            except StorageError as error:
                if 'no such table' in str(error):  # just dropped, with all its entries
                    continue
                raise
            yield [row[0] for row in found]


def _segments(read: Read) -> list[int]:
    rows = read("SELECT name FROM sqlite_master WHERE name GLOB 'words_[0-9]*' AND sql LIKE 'CREATE VIRTUAL%'", [])
    return [int(name.removeprefix('words_')) for (name,) in rows]


def _value(connection: sqlite3.Connection, key: str) -> int:
    return int(connection.execute('SELECT value FROM meta WHERE key = ?', [key]).fetchone()[0])
