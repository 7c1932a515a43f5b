"""Which due occurrences fire: those in time do; for late ones the misfire policy of their event decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from synapse.language import _, _n, joined, own

from .events import Misfire

GRACE = timedelta(seconds=60)
"""How late an occurrence may be while Synapse runs and still count as in time."""
SINGLE_ROWS = 100
"""This many missed occurrences of an event get a row each; older ones share one."""


@dataclass(frozen=True, slots=True)
class FiringDecision:
    """Whether an occurrence fires, and why not, or why late. A row for several missed ones begins at `since`."""

    due: datetime
    fires: bool
    reason: str = ''
    is_late: bool = False
    since: datetime | None = None
    count: int = 1


def decide(
    dues: Sequence[datetime],
    misfire: Misfire | None,
    now: datetime,
    *,
    grace: timedelta = GRACE,
    cause: str = '',
) -> list[FiringDecision]:
    """Return a decision on every due occurrence, oldest first.

    An hourly event after three hours of sleep, checked at 12:10:

    >>> from datetime import UTC
    >>> def after_sleep(**policy: object) -> list[tuple[int, bool]]:
    ...     now = datetime(2026, 10, 14, 12, 10, tzinfo=UTC)
    ...     dues = [datetime(2026, 10, 14, hour, tzinfo=UTC) for hour in (10, 11, 12)]
    ...     return [(decision.due.hour, decision.fires) for decision in decide(dues, Misfire(**policy), now)]
    >>> after_sleep(policy='latest')
    [(10, False), (11, False), (12, True)]
    >>> after_sleep(policy='latest', within_seconds=300)  # 12:00 is ten minutes late
    [(10, False), (11, False), (12, False)]
    >>> after_sleep(policy='all', limit=2)
    [(10, False), (11, True), (12, True)]

    :param dues: what is due and not accounted for yet, oldest first
    :param misfire: None if nothing late may fire, whatever the event says
    :param grace: an occurrence that is late by exactly this much is still in time
    :param cause: a sentence that says why some are late, in our own language, as reasons are; may be empty
    """
    late = [due for due in dues if now - due > grace]
    in_time = [FiringDecision(due, fires=True) for due in dues[len(late) :]]
    if not late:
        return in_time
    if misfire is None:
        return _missed(late, cause) + in_time
    chosen = _chosen(late, misfire, now, has_newer=bool(in_time))
    reason = joined(cause, own(_missed_reason(misfire, late, now)))
    decisions = _missed([due for due in late if due not in chosen], reason)
    is_allowed = own(_('Run late, as its event says.'))
    late_reason = joined(cause, is_allowed)
    decisions += [FiringDecision(due, fires=True, reason=late_reason, is_late=True) for due in chosen]
    return sorted(decisions, key=lambda decision: decision.due) + in_time


def _chosen(late: Sequence[datetime], misfire: Misfire, now: datetime, *, has_newer: bool) -> Sequence[datetime]:
    """Return the late occurrences that still fire."""
    if misfire.policy == 'all':
        return late[-misfire.limit :]
    if not late or has_newer or misfire.policy == 'skip' or _is_too_late(late[-1], misfire, now):
        return []
    return late[-1:]


def _is_too_late(due: datetime, misfire: Misfire, now: datetime) -> bool:
    return now - due > timedelta(seconds=misfire.within_seconds)


def _missed(missed: Sequence[datetime], reason: str) -> list[FiringDecision]:
    old, new = missed[:-SINGLE_ROWS], missed[-SINGLE_ROWS:]
    decisions = [FiringDecision(due, fires=False, reason=reason, is_late=True) for due in new]
    if old:
        many = _n('This stands for {count} occurrence.', 'This stands for {count} occurrences.', len(old))
        reason = joined(reason, own(many))
        decisions.append(
            FiringDecision(old[-1], fires=False, reason=reason, is_late=True, since=old[0], count=len(old))
        )
    return sorted(decisions, key=lambda decision: decision.due)


def _missed_reason(misfire: Misfire, late: Sequence[datetime], now: datetime) -> str:
    if misfire.policy == 'skip':
        return _('Its event skips what was missed.')
    if misfire.policy == 'all':
        return _('Its event runs at most {count} of the missed ones.', count=misfire.limit)
    if late and _is_too_late(late[-1], misfire, now):
        return _('It was more than {length} late.', length=_length(misfire.within_seconds))
    return _('Only the latest one is run.')


def _length(seconds: int) -> str:
    if seconds >= 86_400 and seconds % 86_400 == 0:
        return _n('{count} day', '{count} days', seconds // 86_400)
    if seconds >= 3600 and seconds % 3600 == 0:
        return _n('{count} hour', '{count} hours', seconds // 3600)
    if seconds >= 60 and seconds % 60 == 0:
        return _n('{count} minute', '{count} minutes', seconds // 60)
    return _n('{count} second', '{count} seconds', seconds)
