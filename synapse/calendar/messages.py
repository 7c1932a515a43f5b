"""The messages that the calendar publishes on the bus."""

from collections.abc import Sequence
from dataclasses import dataclass

from synapse.bus import Message

from .alarm_clock import Absence
from .events import Event, Occurrence


@dataclass(frozen=True, slots=True)
class EventsWritten(Message):
    """Events were saved or removed; published before the `ScheduleChanged` of each, in batches if there are many."""

    ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class ScheduleChanged(Message):
    """An event was `created`, `updated` or `deleted`."""

    change: str
    event: Event
    before: Event | None = None
    """As it was before it was updated."""


@dataclass(frozen=True, slots=True)
class OccurrencesChanged(Message):
    """Occurrences have a new state, a new run, or an answer in *While you were away*."""

    occurrences: tuple[Occurrence, ...]


@dataclass(frozen=True, slots=True)
class ZonesChanged(Message):
    """The list of events that moved with the rules of their zones has changed.

    `found` is what was found now: a sentence, then the titles of events; empty if something was read or dismissed.
    `is_open` says whether any change is not dismissed yet.
    """

    found: tuple[str, ...]
    is_open: bool


@dataclass(frozen=True, slots=True)
class Absent(Message):
    """There was a stretch of time in which nothing could fire, whether or not anything was due; may come twice."""

    absence: Absence
