"""Recovers what can be read of a damaged SQLite file into a new one, table by table.

What SQLite itself still finds is taken by number, in ever smaller ranges around what it cannot read; the rest is looked
for page by page, since a row can be whole while the way to it is lost.
"""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .database import READ_ERRORS, transaction
from .pages import Pages, Values

_MOST_FAILURES = 10_000
"""Queries: after so many, all that is left is looked for page by page, as damaged numbers can be far apart."""
_SMALLEST = 16
"""Rows: where a range of so few cannot be read, they are looked for page by page."""
_EVERY = (-(1 << 63), (1 << 63) - 1)
_KINDS: dict[str, tuple[type, ...]] = {'INTEGER': (int,), 'TEXT': (str,), 'REAL': (float, int)}

Ranges = list[tuple[int, int]]
Put = Callable[[Iterable[Sequence[Any]]], None]


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    kind: str
    is_required: bool
    is_key: bool
    is_rowid: bool

    def fits(self, value: Any) -> bool:
        if value is None:
            return self.is_rowid or not self.is_required
        return not self.is_rowid and self.holds(value)

    def holds(self, value: Any) -> bool:
        return value is None or isinstance(value, _KINDS.get(self.kind, (object,)))


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    columns: tuple[_Column, ...]
    has_rowid: bool

    @property
    def names(self) -> str:
        return ', '.join(column.name for column in self.columns)

    @property
    def query(self) -> str:
        return f'SELECT {self.names} FROM {self.name}'  # noqa: S608 - our own names

    @property
    def can_be_told_apart(self) -> bool:
        """Whether rows of it can't be taken for those of another table or an index."""
        return len(self.columns) > 5 or any(column.name == 'document' for column in self.columns)

    def row_of(self, rowid: int, values: Values) -> Values | None:
        """Return a row of this table, if these values are one; what was added to the table later may be missing."""
        values = values + [None] * (len(self.columns) - len(values))
        if len(values) != len(self.columns) or not all(
            column.fits(value) for column, value in zip(self.columns, values, strict=True)
        ):
            return None
        row = [rowid if column.is_rowid else value for column, value in zip(self.columns, values, strict=True)]
        return row if self._has_own_document(row) else None

    def _has_own_document(self, row: Values) -> bool:
        named = {column.name: value for column, value in zip(self.columns, row, strict=True)}
        return 'document' not in named or is_document(named['document'], named.get('id'))


def salvage(damaged: Path, into: sqlite3.Connection) -> None:
    """Copy all rows that can be read of the tables that `into` has.

    :param into: a new database with its tables; no transaction
    """
    if not damaged.exists():
        return
    # Read-only, so that the journal is not put into the file: what is kept aside stays as it was found.
    old = sqlite3.connect(f'{damaged.absolute().as_uri()}?mode=ro', uri=True, isolation_level=None)
    old.text_factory = lambda data: data.decode(errors='replace')
    with contextlib.closing(old), Pages(damaged) as pages:
        for table in _tables_of(into):
            with transaction(into):
                _recover(old, into, table, pages)


def compile_all(connection: sqlite3.Connection, fresh: sqlite3.Connection) -> None:
    """Compile what reads and changes the tables that both have: if their schema is damaged, SQLite raises an error."""
    found = {table.name for table in _tables_of(connection)}
    for table in _tables_of(fresh):
        if table.name in found:
            first = table.columns[0].name
            for statement in (
                table.query,
                f'INSERT INTO {table.name} ({table.names}) {table.query}',
                f'UPDATE {table.name} SET ({table.names}) = ({table.query}) WHERE {first} = 0',  # noqa: S608
                f'DELETE FROM {table.name} WHERE {first} = 0',  # noqa: S608
            ):
                connection.execute(f'EXPLAIN {statement}').fetchall()


def is_document(text: Any, id: Any = None) -> bool:
    """Whether this is the JSON of a document, with this id if one is given."""
    try:
        document = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return False
    return isinstance(document, dict) and '\ufffd' not in ''.join(document) and (id is None or document.get('id') == id)


def _tables_of(connection: sqlite3.Connection) -> list[_Table]:
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
    return [
        _Table(name, _columns_of(connection, name), not sql.rstrip().upper().endswith('WITHOUT ROWID'))
        for name, sql in connection.execute(query).fetchall()
        if not name.startswith('sqlite_')
    ]


def _columns_of(connection: sqlite3.Connection, table: str) -> tuple[_Column, ...]:
    rows = connection.execute(f'PRAGMA table_info({table})').fetchall()
    keys = [(kind, name) for _, name, kind, _, _, key in rows if key]
    rowid = keys[0][1] if len(keys) == 1 and keys[0][0] == 'INTEGER' else None
    return tuple(
        _Column(name, kind, is_required=bool(required or key), is_key=bool(key), is_rowid=name == rowid)
        for _, name, kind, required, _, key in rows
    )


def _recover(old: sqlite3.Connection, into: sqlite3.Connection, table: _Table, pages: Pages) -> None:
    def put(rows: Iterable[Sequence[Any]]) -> None:
        places = ', '.join('?' * len(table.columns))
        query = f'INSERT OR IGNORE INTO {table.name} ({table.names}) VALUES ({places})'  # noqa: S608 - our own names
        # A damaged row can be whole for SQLite, with a number where there was a text.
        into.executemany(query, (row for row in rows if all(map(_Column.holds, table.columns, row))))

    copied = _copied_by_number if table.has_rowid else _copied_in_order
    left = copied(old, table, put)
    if left and table.can_be_told_apart:
        put(_found(pages, table, left))


def _copied_by_number(old: sqlite3.Connection, table: _Table, put: Put) -> Ranges:
    """Copy what SQLite finds, and return the numbers of rows that it cannot read."""
    try:
        # Not in one query, in which SQLite would look at every row.
        first, last = (
            old.execute(f'SELECT {edge}(rowid) FROM {table.name}').fetchone()[0]  # noqa: S608 - our own names
            for edge in ('MIN', 'MAX')
        )
    except READ_ERRORS:
        return [_EVERY]
    failures = 0
    left: Ranges = []
    ranges = [] if first is None else [(first, last)]
    while ranges:
        low, high = ranges.pop()
        try:
            put(old.execute(f'{table.query} WHERE rowid BETWEEN ? AND ?', [low, high]))
        except READ_ERRORS:
            failures += 1
            if high - low < _SMALLEST or failures > _MOST_FAILURES:
                left.append((low, high))
            else:
                middle = (low + high) // 2
                ranges += [(low, middle), (middle + 1, high)]
    return left


def _copied_in_order(old: sqlite3.Connection, table: _Table, put: Put) -> Ranges:
    """Copy what SQLite finds before the first damage and after the last one; return whether there is any."""
    try:
        put(old.execute(table.query))
    except READ_ERRORS:
        keys = ', '.join(f'{column.name} DESC' for column in table.columns if column.is_key)
        with contextlib.suppress(*READ_ERRORS):
            put(old.execute(f'{table.query} ORDER BY {keys}'))
        return [_EVERY]
    return []


def _found(pages: Pages, table: _Table, left: Ranges) -> Iterator[Values]:
    """Yield the rows of a table that are on any page, of those with these numbers."""
    rows = pages.rows(left) if table.has_rowid else ((0, values) for values in pages.entries())
    for rowid, values in rows:
        if row := table.row_of(rowid, values):
            yield row
