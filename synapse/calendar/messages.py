"""The messages that the calendar publishes on the bus."""

from collections.abc import Sequence
from dataclasses import dataclass

from synapse.bus import Message

from .events import Event, Occurrence


@dataclass(frozen=True, slots=True)
class EventsWritten(Message):
    """Events were saved or removed in one write; published before the `ScheduleChanged` of each."""

    ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class ScheduleChanged(Message):
    """An event was `created`, `updated` or `deleted`."""

    change: str
    event: Event


@dataclass(frozen=True, slots=True)
class OccurrencesChanged(Message):
    """Occurrences have a new state, a new run, or an answer in *While you were away*."""

    occurrences: tuple[Occurrence, ...]
