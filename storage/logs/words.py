"""Where in the log a text may be: an index of three-letter parts over blocks of entries, made behind the writing.

A block is 64 entries, so that the index is small and quick to make; what a block holds is then looked through. Blocks
are kept in tables of 65,536 entries each: forgetting the oldest entries drops whole tables, and touches no other.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from storage.files import StorageError

BLOCK = 64
SEGMENT = 65_536
INDEX_AT_ONCE = 4_096
PROBE = "CREATE VIRTUAL TABLE temp.probe USING fts5 (message, tokenize='trigram')"
_MOST_PARTS = 40
_TABLE = (
    'CREATE VIRTUAL TABLE IF NOT EXISTS words_{number} '
    "USING fts5 (message, content='', columnsize=0, detail=none, tokenize='trigram')"
)

Read = Callable[[str, Sequence[Any]], list[Any]]


def is_available(connection: sqlite3.Connection) -> bool:
    """Whether this SQLite has what the index needs: FTS5, and since 3.34 trigrams."""
    try:
        connection.execute(PROBE)
    except sqlite3.OperationalError:
        return False
    connection.execute('DROP TABLE temp.probe')
    return True


def index_some(connection: sqlite3.Connection) -> bool:
    """Take the next whole blocks into the index, within a transaction; gives whether there may be more."""
    start, last = (_value(connection, key) for key in ('words_to', 'last_seq'))
    oldest = connection.execute('SELECT MIN(seq) FROM entries').fetchone()[0]
    start = max(start, (last + 1 if oldest is None else oldest) // BLOCK * BLOCK)
    end = min((last + 1) // BLOCK * BLOCK, start + INDEX_AT_ONCE, (start // SEGMENT + 1) * SEGMENT)
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


def forget(connection: sqlite3.Connection, before: int) -> None:
    """Drop what holds only entries with a smaller `seq`."""
    for number in _segments(lambda sql, values: connection.execute(sql, values).fetchall()):
        if (number + 1) * SEGMENT <= before:
            connection.execute(f'DROP TABLE words_{number}')


def end_of(read: Read) -> int:
    """All entries with a smaller `seq` are in the index."""
    return int(read("SELECT value FROM meta WHERE key = 'words_to'", [])[0][0])


def blocks_with(read: Read, texts: Sequence[str], low: int, high: int, *, oldest_first: bool) -> Iterator[list[int]]:
    """Blocks between two `seq` in whose entries all of these texts may be; in order, some at a time.

    :param texts: folded, at least one of them of three letters or more
    """
    parts = dict.fromkeys(text[at : at + 3] for text in texts for at in range(len(text) - 2))
    query = ' AND '.join('"{}"'.format(part.replace('"', '""')) for part in [*parts][:_MOST_PARTS])
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
                if 'no such table' in str(error):  # dropped a moment ago, with all its entries
                    continue
                raise
            yield [row[0] for row in found]


def _segments(read: Read) -> list[int]:
    rows = read("SELECT name FROM sqlite_master WHERE name GLOB 'words_[0-9]*' AND sql LIKE 'CREATE VIRTUAL%'", [])
    return [int(name.removeprefix('words_')) for (name,) in rows]


def _value(connection: sqlite3.Connection, key: str) -> int:
    return int(connection.execute('SELECT value FROM meta WHERE key = ?', [key]).fetchone()[0])
