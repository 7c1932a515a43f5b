"""A line of the log: an immutable record with a level."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple


class Level(StrEnum):
    """How much an entry matters, lowest first; `rank` compares them."""

    DEBUG = 'debug'
    INFO = 'info'
    SUCCESS = 'success'
    WARNING = 'warning'
    ERROR = 'error'
    CRITICAL = 'critical'

    @property
    def rank(self) -> int:
        return RANKS[self]


RANKS = {level: rank for rank, level in enumerate(Level)}
LEVELS = {level.value: level for level in Level}


class Entry(NamedTuple):
    """One line of the log; `seq` grows by one over all entries, `id` is unique forever.

    A tuple, since a frozen dataclass takes five times as long to create, and there are 100,000s of them.
    """

    id: str
    seq: int
    timestamp: datetime
    level: Level
    message: str
    source: str
    run: str | None = None
    step: str | None = None
    fields: dict[str, Any] = {}  # noqa: RUF012 - never changed

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values with the names of the API, which the store uses too."""
        return {
            'id': self.id,
            'seq': self.seq,
            'timestamp': self.timestamp.isoformat(),
            'level': self.level.value,
            'message': self.message,
            'source': self.source,
            'run': self.run,
            'step': self.step,
            'fields': self.fields,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> 'Entry':
        changed = {'timestamp': datetime.fromisoformat(row['timestamp']), 'level': Level(row['level'])}
        return cls(**{**row, **changed})


def size_of(entries: Sequence[Entry]) -> int:
    """Roughly how many characters these keep in memory."""
    fields = [entry.fields for entry in entries if entry.fields]
    return sum([len(entry.message) for entry in entries]) + sum(map(_characters_in, fields))


def _characters_in(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(name) + _characters_in(item) for name, item in value.items())
    return 10 + sum(map(_characters_in, value)) if isinstance(value, list) else 10
