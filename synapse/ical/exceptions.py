"""Rules that exclude occurrences (EXRULE of RFC 2445, which RFC 5545 dropped) as single excluded moments."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from synapse import recurrence
from synapse.language import _

from .series import Unreadable

MAX_EXCLUDED = 1_000
"""How many moments a rule may exclude."""
_MAX_DAYS = 100 * 366
_MAX_SUB_DAILY_DAYS = 400


def excluded_by_rules(plans: Sequence[recurrence.Plan], excluding: Sequence[recurrence.Plan]) -> set[datetime]:
    """Return the wall times at which a series and the rule of its exceptions both fall due.

    :param plans: the rules of an event, all with the same start and zone
    :raises Unreadable: if neither has an end, since an exception that is forgotten would run, or there are too many
    """
    found: set[datetime] = set()
    for plan in plans:
        for other in excluding:
            found |= _common(plan, other)
            if len(found) > MAX_EXCLUDED:
                raise Unreadable(
                    _(
                        'has a rule for exceptions (EXRULE) that excludes more than {max_excluded:,} moments. '
                        'Leave them out of its own rule.',
                        max_excluded=MAX_EXCLUDED,
                    )
                )
    return found


def _common(plan: recurrence.Plan, other: recurrence.Plan) -> set[datetime]:
    try:
        ending = [each for each in (plan, other) if not _is_endless(each)]
        if not ending:
            raise Unreadable(
                _(
                    'has a rule for exceptions (EXRULE) without an end. Leave these days out of its own rule, '
                    'or give one of the two an end.'
                )
            )
        lasts = [last for each in ending if (last := recurrence.last(each)) is not None]
        if len(lasts) < len(ending):  # one of them has no occurrence at all
            return set()
        begin, end = recurrence.instant_of(plan.start, plan.zone), min(lasts) + recurrence.TICK
        is_sub_daily = any(recurrence.series_of(each).rule.freq.is_sub_daily for each in (plan, other))
        if end - begin > timedelta(days=_MAX_SUB_DAILY_DAYS if is_sub_daily else _MAX_DAYS):
            raise Unreadable(
                _('has a rule for exceptions (EXRULE) that ends too late. Leave these days out of its own rule.')
            )
        common = {*recurrence.occurrences(plan, begin, end)} & {*recurrence.occurrences(other, begin, end)}
    except recurrence.RuleError as error:
        raise Unreadable(_('has a rule that cannot be read: {error}', error=error.sentence)) from error
    return {recurrence.wall_of(instant, plan.zone) for instant in common}


def _is_endless(plan: recurrence.Plan) -> bool:
    rule = recurrence.series_of(plan).rule
    return rule.count is None and rule.until is None
