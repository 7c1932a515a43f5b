"""Changing one occurrence, this one and later, or all of a series: pure functions from events to events.

"This one" leaves an exception in the series and an event of its own in its place; "this and later" ends the series
before it and begins another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from synapse import recurrence

from .events import Event

EditScope = Literal['one', 'following', 'all']


@dataclass(frozen=True, kw_only=True)
class Edit:
    """What is to be written together: events as they shall be, ids that go, and the one that stands for the change."""

    puts: Sequence[Event] = ()
    removed: Sequence[str] = ()
    event: Event | None = None


def effective_scope(event: Event, scope: EditScope, due: datetime) -> EditScope:
    """`all` for an event that does not repeat, and for "this and later" from the first occurrence on."""
    if not event.is_repeating:
        return 'all'
    return 'all' if scope == 'following' and recurrence.first(event.plan) == due else scope


def without_occurrence(event: Event, due: datetime) -> dict[str, Any]:
    """The changes that take one occurrence out of a series."""
    wall = recurrence.wall_of(due, event.timezone)
    return {'exdates': tuple(sorted({*event.exdates, wall}))}


def rule_ending_before(event: Event, due: datetime) -> dict[str, Any]:
    """The changes that end a series before one of its occurrences."""
    wall = recurrence.wall_of(due, event.timezone)
    return {
        'rrule': recurrence.rule_ending_before(event.plan, due),
        'exdates': tuple(moment for moment in event.exdates if moment < wall),
    }


def one_of(event: Event, due: datetime, id: str) -> dict[str, Any]:
    """The values of the event that stands in the place of one occurrence."""
    wall = recurrence.wall_of(due, event.timezone)
    return _values(event) | {
        'id': id,
        'uid': event.uid or f'{event.id}@synapse',
        'start': wall,
        'rrule': None,
        'exdates': (),
        'override_of': event.id,
        'override_at': wall,
    }


def rest_of(event: Event, due: datetime, id: str) -> dict[str, Any]:
    """The values of the series that goes on from one occurrence."""
    wall = recurrence.wall_of(due, event.timezone)
    return _values(event) | {
        'id': id,
        'uid': '',
        'start': wall,
        'rrule': recurrence.rule_continuing_from(event.plan, due),
        'exdates': tuple(moment for moment in event.exdates if moment >= wall),
    }


def overrides_of(events: Mapping[str, Event], id: str, *, since: datetime | None = None) -> list[Event]:
    """The events that replace single occurrences of a series, from a naive wall time on."""
    return [
        event
        for event in events.values()
        if event.override_of == id and (since is None or (event.override_at is not None and event.override_at >= since))
    ]


def moved_values(event: Event, due: datetime, to: datetime) -> dict[str, Any]:
    """The changes that shift a whole series as one of its occurrences is shifted to the naive wall time `to`."""
    plan = recurrence.moved_series(event.plan, due, to)
    return {'start': plan.start, 'rrule': plan.rule, 'exdates': tuple(sorted(plan.exdates))}


def shifted_exdates(event: Event, start: datetime) -> tuple[datetime, ...]:
    """What is left out of a series that gets another time of the day: the same days, at that time."""
    day = datetime.min.date()
    later = datetime.combine(day, start.time()) - datetime.combine(day, event.start.time())
    return tuple(moment + later if moment.time() == event.start.time() else moment for moment in event.exdates)


def _values(event: Event) -> dict[str, Any]:
    return event.model_dump(exclude={'override_of', 'override_at', 'sequence', 'created_at', 'updated_at'})
