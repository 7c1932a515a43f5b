"""What runs and their queue tell on the bus."""

from dataclasses import dataclass

from synapse.bus import Message

from .records import RunRecord


@dataclass(frozen=True, slots=True)
class RunChanged(Message):
    """A run was created, moved, or made progress. `moved` is false for mere progress of its running step."""

    run: RunRecord
    moved: bool = True


@dataclass(frozen=True, slots=True)
class RunsRemoved(Message):
    """Ended runs were let go, with their folders, as the Settings page says."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QueueChanged(Message):
    """Runs joined, left or changed places in the queue, or it was paused or resumed."""


@dataclass(frozen=True, slots=True)
class EverythingStopped(Message):
    """The emergency stop: `live` runs end, and nothing starts, `waiting` stay in the queue until it is resumed."""

    live: int
    waiting: int
