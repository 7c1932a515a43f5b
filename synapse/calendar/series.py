"""Editing one occurrence of a series, this and all later ones, or all: pure functions that return values and changes.

Editing one excludes it from the series and puts an event of its own in its place. Editing it and later ones ends the
series before it and begins another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from synapse import recurrence

from .events import Event
from .left import LeftEvent

EditScope = Literal['one', 'following', 'all']


@dataclass(frozen=True, kw_only=True)
class Edit:
    """What is written together: events to save, ids to remove, and the edited event, None if it is removed.

    :param left: what to remember of those that are removed
    """

    saved: Sequence[Event] = ()
    removed: Sequence[str] = ()
    result: Event | None = None
    left: Sequence[LeftEvent] = ()


def effective_scope(event: Event, scope: EditScope, due: datetime) -> EditScope:
    """Return `all` for an event that doesn't repeat, and for `following` from its first occurrence on."""
    if not event.is_repeating:
        return 'all'
    return 'all' if scope == 'following' and recurrence.first(event.plan) == due else scope


def changes_to_exclude(event: Event, due: datetime) -> dict[str, Any]:
    wall = recurrence.wall_of(due, event.timezone)
    return {'exdates': tuple(sorted({*event.exdates, wall}))}


def changes_to_end_before(event: Event, due: datetime) -> dict[str, Any]:
    wall = recurrence.wall_of(due, event.timezone)
    return {
        'rrule': recurrence.rule_ending_before(event.plan, due),
        'exdates': tuple(exdate for exdate in event.exdates if exdate < wall),
    }


def changes_to_move(event: Event, due: datetime, to: datetime) -> dict[str, Any]:
    """Return the changes that move a series as one of its occurrences is moved to the naive wall time `to`."""
    plan = recurrence.moved_series(event.plan, due, to)
    return {'start': plan.start, 'rrule': plan.rule, 'exdates': tuple(sorted(plan.exdates))}


def override_values(event: Event, due: datetime, id: str) -> dict[str, Any]:
    """Return the values of the event that replaces one occurrence."""
    wall = recurrence.wall_of(due, event.timezone)
    return _copied(event) | {
        'id': id,
        'uid': event.uid or f'{event.id}@synapse',
        'start': wall,
        'rrule': None,
        'exdates': (),
        'override_of': event.id,
        'override_at': wall,
    }


def remainder_values(event: Event, due: datetime, id: str) -> dict[str, Any]:
    """Return the values of the series that continues from one occurrence on."""
    wall = recurrence.wall_of(due, event.timezone)
    return _copied(event) | {
        'id': id,
        'uid': '',
        'start': wall,
        'rrule': recurrence.rule_continuing_from(event.plan, due),
        'exdates': tuple(exdate for exdate in event.exdates if exdate >= wall),
    }


def overrides_of(events: Mapping[str, Event], id: str, *, since: datetime | None = None) -> list[Event]:
    """Return the events that replace single occurrences of a series, from a naive wall time on."""
    return [
        event
        for event in events.values()
        if event.override_of == id and (since is None or (event.override_at is not None and event.override_at >= since))
    ]


def shifted_exdates(event: Event, start: datetime) -> tuple[datetime, ...]:
    """Return the exceptions for a series that gets another time of day: the same days, at that time.

    >>> event = Event.model_construct(start=datetime(2026, 5, 1, 16), exdates=(datetime(2026, 5, 4, 16),))
    >>> print(*shifted_exdates(event, datetime(2026, 5, 1, 17, 30)))
    2026-05-04 17:30:00
    """
    old, new = event.start.time(), start.time()
    return tuple(datetime.combine(exdate, new) if exdate.time() == old else exdate for exdate in event.exdates)


def _copied(event: Event) -> dict[str, Any]:
    ours = {'override_of', 'override_at', 'sequence', 'created_at', 'updated_at', 'source', 'imported'}
    return event.model_dump(exclude=ours)
