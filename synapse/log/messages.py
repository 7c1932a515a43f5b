"""Messages that the log publishes on the bus."""

from dataclasses import dataclass

from synapse.bus import Message

from .entry import Entry


@dataclass(frozen=True, slots=True)
class LinesLogged(Message):
    """Entries were added to the log, in order of `seq`."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class RowsRedrawn(Message):
    """Rows that are still being written have changed; `rows` are all there are. What others became was published."""

    rows: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class LogCleared(Message):
    """Entries up to and including `seq` were deleted."""

    seq: int
