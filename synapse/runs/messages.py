"""What runs and their queue publish on the bus."""

from dataclasses import dataclass

from synapse.bus import Message
from synapse.engine.leftovers import Leftover

from .records import RunRecord


@dataclass(frozen=True, slots=True)
class RunChanged(Message):
    """A run was created, changed state, or made progress; `moved` is false for mere progress of its running step."""

    run: RunRecord
    moved: bool = True


@dataclass(frozen=True, slots=True)
class RunLost(Message):
    """A run has ended because its machine is gone."""

    run: RunRecord


@dataclass(frozen=True, slots=True)
class RunDispatched(Message):
    """A run has left the queue for a worker; its process starts next."""

    run: RunRecord


@dataclass(frozen=True, slots=True)
class RunsRemoved(Message):
    """Ended runs were removed, with their folders, as the retention settings say."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QueueChanged(Message):
    """Runs joined, left or changed places in the queue, a worker came free, or the queue was paused or resumed."""


@dataclass(frozen=True, slots=True)
class EverythingStopped(Message):
    """The emergency stop: `live` runs are ending; `waiting` runs are kept in the queue until it is resumed."""

    live: int
    waiting: int


@dataclass(frozen=True, slots=True)
class LeftoversFound(Message):
    """Programs of an earlier start still live and could not be ended; `run` is theirs, None if it isn't known."""

    run: RunRecord | None
    leftovers: tuple[Leftover, ...]
