"""When events occur: plans, rules and wall time, for everyone who asks.

`expansion` counts occurrences; `moves` ends, continues and moves a series; `wall_time` converts between instants and
local time.
"""

from dataclasses import replace

from synapse.language import _

from .expansion import Plan, first, is_in_series, last, last_before, next_after, occurrences, series_of
from .moves import moved_series, rule_continuing_from, rule_ending_before
from .rules import RuleError
from .wall_time import TICK, instant_of, wall_of

__all__ = [
    'TICK',
    'Plan',
    'RuleError',
    'check',
    'first',
    'instant_of',
    'is_in_series',
    'last',
    'last_before',
    'moved_series',
    'next_after',
    'occurrences',
    'rule_continuing_from',
    'rule_ending_before',
    'series_of',
    'wall_of',
]


def check(plan: Plan) -> None:
    """Check that the plan has at least one occurrence; it may be in the past.

    :raises RuleError: for an unknown zone, a rule that cannot be read, and a rule that never matches
    """
    series = series_of(plan)
    if series.ends < series.begins and series.rule.until is not None:
        raise RuleError('rrule', _('The rule ends before it starts. Let it end later.'))
    if first(replace(plan, exdates=frozenset())) is None:
        raise RuleError('rrule', _('No day matches. Pick another day.'))
    if plan.exdates and first(plan) is None:
        raise RuleError('exdates', _('Every occurrence is excluded. Keep at least one.'))
