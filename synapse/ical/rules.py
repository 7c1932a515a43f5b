"""The rules of an event in a calendar file: those by which it repeats, and those that exclude occurrences."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from synapse import recurrence
from synapse.language import _

from .lines import Component
from .own_zone import OwnZone
from .series import Unreadable, rules_as_one
from .skip import without_skip
from .writing import canonical_rule


def rules_of(
    component: Component, start: datetime, zone: str, own: OwnZone | None, *, name: str = 'RRULE'
) -> list[str]:
    """Return the rules of an event, as few as describe the same occurrences.

    :param own: the file's own zone of the event, if it has one: then an UNTIL is a wall time, written as if in UTC
    """
    texts = [item.raw for item in component.all(name) if item.raw.strip()]
    if own is not None:
        texts, zone = [own.naive_rule(text) for text in texts], 'UTC'
    rules = [rule for text in texts for rule in without_skip(rule_from(text, zone), start, zone)]
    return rules if len(rules) < 2 else rules_as_one(rules, start, zone)


def excluded_plans(component: Component, values: Mapping[str, Any], own: OwnZone | None) -> list[recurrence.Plan]:
    """Return the occurrences that rules exclude: EXRULE of RFC 2445, 4.8.5.2."""
    start, zone = values['start'], values['timezone']
    rules = rules_of(component, start, zone, own, name='EXRULE')
    if rules and own is not None:
        raise Unreadable(_('has a rule for exceptions (EXRULE) in a time zone that only the file knows.'))
    return [recurrence.Plan(start, zone, rule) for rule in rules]


def rule_from(text: str, zone: str) -> str:
    """Return a rule as it is written here.

    :raises Unreadable: if it cannot be read, or repeats every second
    """
    try:
        rule = canonical_rule(text, zone)
    except (ValueError, OverflowError) as error:
        raise Unreadable(_('has a rule that cannot be read: {text}', text=text[:80])) from error
    if 'FREQ=SECONDLY' in rule.split(';'):
        raise Unreadable(_('repeats every second. Let it repeat once a minute at most.'))
    return rule
