"""The values of an event as its form holds them, and what of them changes which part of a series. Knows no screen."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from synapse import recurrence
from synapse.calendar.events import Event, Misfire, Retry
from synapse.calendar.series import EditScope, shifted_exdates

__all__ = ['EditScope', 'changed', 'changes_in', 'fresh', 'previewed', 'scopes_of', 'shown']

SHOWN = (
    'title',
    'pipeline',
    'parameters',
    'profile',
    'start',
    'timezone',
    'rrule',
    'enabled',
    'misfire',
    'overlap',
    'retry',
    'timeout_seconds',
)


def shown(event: Event, due: datetime | None) -> dict[str, Any]:
    """What the form of an event begins with.

    :param due: the occurrence at which it is opened; its start is shown instead of that of the series
    """
    values = {name: value for name, value in event.model_dump().items() if name in SHOWN}
    if due is not None:
        values['start'] = recurrence.wall_of(due, event.timezone)
    return values


def fresh(start: datetime, zone: str, pipeline: str, profile: str | None) -> dict[str, Any]:
    """What the form of a new event begins with."""
    return {
        'title': '',
        'pipeline': pipeline,
        'parameters': {},
        'profile': profile,
        'start': start,
        'timezone': zone,
        'rrule': None,
        'enabled': True,
        'misfire': Misfire().model_dump(),
        'overlap': 'skip',
        'retry': Retry().model_dump(),
        'timeout_seconds': None,
    }


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What is different."""
    return {name: value for name, value in after.items() if before.get(name) != value}


def scopes_of(changes: Mapping[str, Any]) -> tuple[EditScope, ...]:
    """How much of a series such changes can be about: one occurrence alone does not repeat."""
    return ('following', 'all') if 'rrule' in changes else ('one', 'following', 'all')


def changes_in(event: Event, due: datetime | None, changes: Mapping[str, Any], scope: EditScope) -> dict[str, Any]:
    """What is to be asked of the calendar for changes made in a form that was opened at `due`.

    The whole series is shifted by as much as the shown start was.
    """
    values = dict(changes)
    if 'start' not in values or due is None:
        return values
    if scope == 'all':
        values['start'] = event.start + (values['start'] - recurrence.wall_of(due, event.timezone))
    return values


def previewed(
    event: Event | None, due: datetime | None, values: Mapping[str, Any], changes: Mapping[str, Any]
) -> dict[str, Any]:
    """The values whose proof is shown: those of the series as it goes on from what was changed.

    As long as nobody touches when it runs, that is the series itself: its end counts from its own start.
    """
    values = dict(values)
    if event is None or due is None:
        return values
    if not {'start', 'rrule', 'timezone'} & set(changes):
        return values | {'start': event.start, 'rrule': event.rrule}
    if 'rrule' not in changes and event.rrule is not None:
        values['rrule'] = recurrence.rule_continuing_from(event.plan, due)
    values['exdates'] = shifted_exdates(event, values['start'])
    return values
