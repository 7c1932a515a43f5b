"""When events fall due: the one door to plans, rules and wall time.

`expansion` counts; `moves` ends, continues and shifts a series; `wall_time` knows the clocks on the walls.
"""

from .expansion import Plan, first, is_in_series, last, last_before, next_after, occurrences, series_of
from .moves import moved_series, rule_continuing_from, rule_ending_before
from .rules import RuleError
from .wall_time import instant_of, wall_of

__all__ = [
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
    'wall_of',
]


def check(plan: Plan) -> None:
    """Whether the plan can be kept at all; a series that is over is no mistake.

    :raises RuleError: for an unknown zone, a rule that cannot be read, and one that never falls due
    """
    series = series_of(plan)
    if series.ends < series.begins and plan.rule is not None and series.rule.until is not None:
        raise RuleError('rrule', 'The rule ends before it starts. Let it end later.')
    bare = Plan(start=plan.start, zone=plan.zone, rule=plan.rule)
    if first(bare) is None:
        raise RuleError('rrule', 'No day matches. Pick another day.')
    if plan.exdates and first(plan) is None:
        raise RuleError('exdates', 'Every moment is left out. Keep at least one.')
