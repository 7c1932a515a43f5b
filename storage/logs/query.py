"""A query for log entries, as SQL: its conditions, the indexes that cover it, and the statements built from them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from storage.database import micros

LEVELS = ('debug', 'info', 'success', 'warning', 'error', 'critical')
RANK = {level: rank for rank, level in enumerate(LEVELS)}
Statement = tuple[str, list[Any]]


class Index(NamedTuple):
    """An index that holds every matching entry, with the condition its entries fulfil."""

    name: str
    condition: str
    values: list[Any]


class Part(NamedTuple):
    """A part of the log to search: what to select from and where, and the last `seq` it reaches."""

    source: str
    condition: str
    values: list[Any]
    reaches: int


class LogQuery:
    """Collects the conditions of a SELECT. `low` and `high` bound `seq`, both inclusive."""

    def __init__(self) -> None:
        self.matches_nothing = False
        self.indexes: list[Index] = []
        self.low, self.high = 0, (1 << 63) - 1
        self._terms: list[str] = []
        self._values: list[Any] = []

    def equal(self, column: str, value: str | None) -> None:
        if value is not None:
            self._add(f'e.{column} = ?', value)
            if column in ('run', 'source'):
                self.indexes.append(Index(f'entries_of_{column}', f'e.{column} = ?', [value]))

    def levels(self, level_min: str | None, levels: Sequence[str] | None) -> None:
        # Written out rather than bound: otherwise SQLite cannot tell that a partial index covers them.
        ranks = [rank for rank in range(len(LEVELS)) if level_min is None or rank >= RANK[level_min]]
        if levels is not None:
            ranks = [rank for rank in ranks if LEVELS[rank] in levels]
        if len(ranks) == len(LEVELS):
            return
        self.matches_nothing = not ranks
        self._add(f'e.level IN ({", ".join(map(str, ranks))})')
        for name, condition, covered in _LEVEL_INDEXES:
            if covered.issuperset(ranks):
                self._add(condition)
                self.indexes.append(Index(name, condition, []))
                return

    def between(self, start: str | None, end: str | None) -> None:
        """Only entries from `start` up to but excluding `end`, ISO 8601 with offset."""
        if start is not None:
            self._add('e.at >= ?', micros(start))
        if end is not None:
            self._add('e.at < ?', micros(end))

    def within(self, low: int, high: int) -> None:
        self.low, self.high = max(self.low, low), min(self.high, high)

    def contains(self, folded: str) -> None:
        """Only entries whose searched text contains this case-folded text."""
        escaped = folded.replace('\\', '\\\\').replace('%', r'\%').replace('_', r'\_')
        self._add(r"COALESCE(e.shown, e.message) LIKE ? ESCAPE '\'", f'%{escaped}%')

    def select(self, columns: str, part: Part, *, limit: int, oldest_first: bool) -> Statement:
        """Select the matching entries of a part of the log, at most `limit`; -1 is no limit."""
        where = ' AND '.join([part.condition, *self._terms])
        order = 'ASC' if oldest_first else 'DESC'
        sql = f'SELECT {columns} FROM {part.source} WHERE {where} ORDER BY e.seq {order} LIMIT ?'  # noqa: S608 - our own names
        return sql, [*part.values, *self._values, limit]

    def whole(self, index: str = '', *, oldest_first: bool) -> Part:
        """All of the log between `low` and `high`, read by `index` if one is given."""
        source = f'entries e INDEXED BY {index}' if index else 'entries e'
        return Part(source, 'e.seq BETWEEN ? AND ?', [self.low, self.high], self.high if oldest_first else self.low)

    def count(self, index: Index, most: int) -> Statement:
        """Count what an index holds between `low` and `high`, up to `most`."""
        sql = (
            f'SELECT COUNT(*) FROM (SELECT 1 FROM entries e INDEXED BY {index.name} '  # noqa: S608 - our own names
            f'WHERE {index.condition} AND e.seq BETWEEN ? AND ? LIMIT ?)'
        )
        return sql, [*index.values, self.low, self.high, most]

    def _add(self, term: str, *values: Any) -> None:
        self._terms.append(term)
        self._values.extend(values)


_LEVEL_INDEXES = (
    ('entries_errors', 'e.level >= 4', {4, 5}),
    ('entries_loud', 'e.level >= 3', {3, 4, 5}),
    ('entries_success', 'e.level = 2', {2}),
)
