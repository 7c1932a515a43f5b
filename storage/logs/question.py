"""One question to the log in SQL: which entries fit, and which index leads to them."""

from collections.abc import Sequence
from typing import Any

from storage.database import micros

LEVELS = ('debug', 'info', 'success', 'warning', 'error', 'critical')
RANK = {level: rank for rank, level in enumerate(LEVELS)}


class Question:
    """The conditions of a SELECT as they come together. `indexes` are those that hold all that fits."""

    def __init__(self) -> None:
        self.is_about_nothing = False
        self.terms: list[str] = []
        self.values: list[Any] = []
        self.indexes: list[tuple[str, str, list[Any]]] = []
        self.low, self.high = 0, (1 << 63) - 1

    def equal(self, column: str, value: str | None) -> None:
        if value is not None:
            self.add(f'e.{column} = ?', value)
            if column in ('run', 'source'):
                self.indexes.append((f'entries_of_{column}', f'e.{column} = ?', [value]))

    def levels(self, level_min: str | None, levels: Sequence[str] | None) -> None:
        # Written out, not bound: only so does SQLite see that one of the partial indexes holds all it needs.
        ranks = [rank for rank in range(len(LEVELS)) if level_min is None or rank >= RANK[level_min]]
        if levels is not None:
            ranks = [rank for rank in ranks if LEVELS[rank] in levels]
        if len(ranks) == len(LEVELS):
            return
        self.is_about_nothing = not ranks
        self.terms.append(f'e.level IN ({", ".join(map(str, ranks))})')
        for index, condition, held in _LEVEL_INDEXES:
            if held.issuperset(ranks):
                self.terms.append(condition)
                self.indexes.append((index, condition, []))
                return

    def between(self, start: str | None, end: str | None) -> None:
        """Moments in ISO 8601 with offset; the second not included."""
        if start is not None:
            self.add('e.at >= ?', micros(start))
        if end is not None:
            self.add('e.at < ?', micros(end))

    def within(self, low: int, high: int) -> None:
        """Only these `seq`, both included."""
        self.low, self.high = max(self.low, low), min(self.high, high)

    def contains(self, text: str) -> None:
        """Only entries whose searched text has this one, which is folded."""
        escaped = text.replace('\\', '\\\\').replace('%', r'\%').replace('_', r'\_')
        self.add(r"COALESCE(e.shown, e.message) LIKE ? ESCAPE '\'", f'%{escaped}%')

    def add(self, term: str, value: Any) -> None:
        self.terms.append(term)
        self.values.append(value)

    def where(self, *more: str) -> str:
        return ' AND '.join([*self.terms, *more]) or '1'


_LEVEL_INDEXES = (
    ('entries_errors', 'e.level >= 4', {4, 5}),
    ('entries_loud', 'e.level >= 3', {3, 4, 5}),
    ('entries_success', 'e.level = 2', {2}),
)
