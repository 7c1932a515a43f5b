"""The values of an event as its form holds them, and what a change of them means for a series. Knows no screen."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from synapse import recurrence
from synapse.calendar.events import Event, Misfire, Retry
from synapse.calendar.series import EditScope, shifted_exdates
from synapse.catalog.info import PipelineInfo


def fresh(start: datetime, zone: str, pipeline: str, profile: str | None) -> dict[str, Any]:
    """Return what the form of a new event holds at first."""
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
        'stop_signal': None,
        'grace_seconds': None,
        'silence_after_seconds': None,
    }


def shown(event: Event, due: datetime | None) -> dict[str, Any]:
    """Return what the form of an event holds at first.

    :param due: the occurrence at which it is opened, whose start takes the place of that of the series
    """
    names = fresh(event.start, event.timezone, event.pipeline, event.profile)
    values = {name: value for name, value in event.model_dump().items() if name in names}
    if due is not None:
        values['start'] = recurrence.wall_of(due, event.timezone)
    return values


def usual(
    infos: Sequence[PipelineInfo], profiles: Collection[str], last: Event | None, wanted: str = ''
) -> tuple[str, str | None]:
    """Return the pipeline and the profile of a new event: those of the last event, as far as they still exist.

    :param infos: pipelines that can run; one that takes files is preferred to others
    :param wanted: the pipeline to take if it can run
    :return: an empty name if no pipeline can run
    """
    names = [info.name for info in sorted(infos, key=lambda info: not info.accepts)]
    preferred = [wanted, last.pipeline if last is not None else '', *names]
    name = next((name for name in preferred if name in names), '')
    is_known = last is not None and last.profile in profiles
    return name, last.profile if last is not None and is_known else next(iter(profiles), None)


def named(values: Mapping[str, Any], *, is_new: bool) -> dict[str, Any]:
    """Return the values without an empty title if the event is new: it is then named after its pipeline."""
    is_nameless = is_new and not str(values['title']).strip()
    return {name: value for name, value in values.items() if name != 'title' or not is_nameless}


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of `after` that differ."""
    return {name: value for name, value in after.items() if before.get(name) != value}


def scopes_of(changes: Mapping[str, Any]) -> tuple[EditScope, ...]:
    """Return how much of a series such changes can apply to: a single occurrence cannot repeat differently."""
    return ('following', 'all') if 'rrule' in changes else ('one', 'following', 'all')


def changes_in(event: Event, due: datetime | None, changes: Mapping[str, Any], scope: EditScope) -> dict[str, Any]:
    """Return the changes to save for a form that was opened at `due`.

    For all of a series, its start moves by as much as the start that was shown.
    """
    values = dict(changes)
    if scope == 'all' and due is not None and 'start' in values:
        values['start'] = event.start + (values['start'] - recurrence.wall_of(due, event.timezone))
    return values


def previewed(
    event: Event | None, due: datetime | None, values: Mapping[str, Any], changes: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the values to preview: those of the series as it continues from the changed occurrence.

    While nothing changes when it runs, that is the series itself, whose end counts from its own start.
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
