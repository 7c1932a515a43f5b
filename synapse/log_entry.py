"""What a line of the log is: a level that says how much it matters, and a record that nobody changes any more."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How much an entry matters, from least to most; `rank` says which is more."""

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


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log; `seq` grows by one over all entries, `id` is unlike any other ever."""

    id: str
    seq: int
    timestamp: datetime
    level: Level
    message: str
    source: str
    run: str | None = None
    step: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values with the names of the API, as the store keeps them too."""
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
        """The entry that `as_json` came from."""
        changed = {'timestamp': datetime.fromisoformat(row['timestamp']), 'level': Level(row['level'])}
        return cls(**{**row, **changed})
