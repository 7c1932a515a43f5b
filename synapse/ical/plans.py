"""The plan of an event that is given by its values, and whether that is over."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from synapse import recurrence
from synapse.language import _
from synapse.language.formats import moment
from synapse.recurrence import words as rule_words


def is_past(values: Mapping[str, Any], now: datetime) -> bool:
    """Whether an event has occurrences but no upcoming one; an invalid rule isn't past, so that its error is reported.

    :param now: aware
    """
    try:
        plan = plan_of(values)
        if recurrence.next_after(plan, now):
            return False
        return recurrence.first(replace(plan, exdates=frozenset())) is not None
    except recurrence.RuleError:
        return False


def past_reason(values: Mapping[str, Any]) -> str:
    """Return what continues a sentence that starts with the name of an event that is over."""
    last = recurrence.last(plan_of(values))
    if last is None:
        return _('has no occurrences left')
    wall = recurrence.wall_of(last, values['timezone'])
    return _('was last due on {day} at {time}', day=moment('yMMMd', wall), time=f'{wall:%H:%M}')


def when(values: Mapping[str, Any], now: datetime) -> tuple[str, datetime | None]:
    """Return when an event runs in words, and its next occurrence; an empty sentence if its rule is invalid."""
    try:
        plan = plan_of(values)
        following = recurrence.next_after(plan, now)
        return rule_words.in_words(plan), following[0] if following else None
    except recurrence.RuleError:
        return '', None


def plan_of(values: Mapping[str, Any]) -> recurrence.Plan:
    """Return the plan of an event with these values, as `EventEditor.create` takes them."""
    exdates = frozenset(values.get('exdates') or ())
    return recurrence.Plan(start=values['start'], zone=values['timezone'], rule=values.get('rrule'), exdates=exdates)
