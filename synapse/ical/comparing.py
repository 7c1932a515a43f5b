"""How an event of a file differs from the same event in the calendar, and how much of that an untrusted file may do."""

from collections.abc import Callable, Mapping
from typing import Any

from synapse.calendar.events import Event
from synapse.records import Record
from synapse.recurrence.rules import Rule, read_rule

from .series import Draft
from .writing import OPTIONS, canonical_rule

INHERITED = ('title', 'pipeline', 'parameters', 'profile', *OPTIONS)
"""What the replacement of an occurrence inherits from its series, unless the file says otherwise."""
PLAN = ('start', 'timezone', 'rrule')
APPROVED_FIELDS = frozenset({*INHERITED, *PLAN} - {'title', 'enabled'})
"""What a person approved by switching an event on. Occurrences may be excluded, but not included again."""


def hold(event: Event, changes: dict[str, Any]) -> bool:
    """Reduce the changes to what an untrusted file may do; return whether that leaves an event off that would be on."""
    wanted = changes.pop('enabled', event.enabled)
    includes_more = not set(event.exdates) <= set(changes.get('exdates', event.exdates))
    needs_approval = includes_more or not APPROVED_FIELDS.isdisjoint(changes)
    if event.enabled and (needs_approval or wanted is not True):
        changes['enabled'] = False
    return wanted is True and bool(changes) and (needs_approval or not event.enabled)


def is_same(event: Event, key: str, values: Mapping[str, Any]) -> bool:
    """Whether an event means the same by a field as values of a draft do."""
    mine, wanted = getattr(event, key), values[key]
    if key == 'rrule' and mine and wanted:
        return _meaning(mine, event.timezone) == _meaning(wanted, values['timezone'])
    if key == 'exdates':
        return set(mine) == set(wanted)
    if isinstance(mine, Record) and isinstance(wanted, Mapping):
        return mine.model_dump() == {**mine.model_dump(), **wanted}
    return bool(mine == wanted)


def is_older(draft: Draft, event: Event, is_own: Callable[[Draft], bool]) -> bool:
    """Whether an event of a file is an older version of the one in the calendar.

    :param is_own: whether it was exported here
    """
    if draft.sequence != event.sequence or draft.last_modified is None:
        return draft.sequence < event.sequence
    known = event.updated_at.replace(microsecond=0)
    # A change made here has a new version, so one of the same version came from a file, after this was exported.
    return draft.last_modified < known or (draft.last_modified == known and is_own(draft))


def _meaning(rule: str, zone: str) -> Rule | str:
    try:
        return read_rule(canonical_rule(rule, zone))
    except ValueError:
        return rule
