"""What the log tells on the bus."""

from dataclasses import dataclass

from synapse.bus import Message

from .entry import Entry


@dataclass(frozen=True, slots=True)
class LinesLogged(Message):
    """Entries joined the log, in order of `seq`."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class LogCleared(Message):
    """Entries up to and including `seq` are gone."""

    seq: int
