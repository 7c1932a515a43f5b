"""What the calendar tells on the bus."""

from collections.abc import Sequence
from dataclasses import dataclass

from synapse.bus import Message

from .events import Event, Occurrence


@dataclass(frozen=True, slots=True)
class EventsWritten(Message):
    """Events were kept or removed in one write. Comes before the `ScheduleChanged` of each of them."""

    ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class ScheduleChanged(Message):
    """An event was `created`, `updated` or `deleted`: what is planned is different now."""

    change: str
    event: Event


@dataclass(frozen=True, slots=True)
class OccurrencesChanged(Message):
    """Occurrences have a new state, a new run, or were answered for in *While you were away*."""

    occurrences: tuple[Occurrence, ...]
