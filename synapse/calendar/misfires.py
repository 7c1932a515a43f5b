"""What is done about occurrences: those in time fire, and the policy of their event decides about the late ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .events import Misfire

GRACE = timedelta(seconds=60)
"""How late an occurrence may be while Synapse runs, and still be in time."""
SINGLE_ROWS = 100
"""So many missed occurrences of one event get a row each; what is older shares one."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether an occurrence fires, and why not, or why it fires late. A span of missed ones begins at `since`."""

    due: datetime
    fires: bool
    reason: str = ''
    is_late: bool = False
    since: datetime | None = None
    count: int = 1


def decide(
    dues: Sequence[datetime], misfire: Misfire, now: datetime, *, grace: timedelta = GRACE, cause: str = ''
) -> list[Decision]:
    """A decision on every occurrence, oldest first.

    :param dues: what has fallen due and is not accounted for, oldest first
    :param grace: exactly so late is still in time
    :param cause: a sentence that says why some are late; may be empty
    """
    late = [due for due in dues if now - due > grace]
    in_time = [Decision(due, fires=True) for due in dues[len(late) :]]
    chosen = _chosen(late, misfire, now, has_newer=bool(in_time))
    why_not = f'{cause} {_why_not(misfire, late, now)}'.strip()
    missed = [due for due in late if due not in chosen]
    decisions = [Decision(due, fires=True, reason=_why_late(misfire, cause), is_late=True) for due in chosen]
    decisions += _missed(missed, why_not)
    return sorted(decisions, key=lambda decision: decision.due) + in_time


def _chosen(late: Sequence[datetime], misfire: Misfire, now: datetime, *, has_newer: bool) -> list[datetime]:
    if not late or misfire.policy == 'skip':
        return []
    if misfire.policy == 'all':
        return list(late[-misfire.limit :])
    is_in_limit = now - late[-1] <= timedelta(seconds=misfire.within_seconds)
    return [late[-1]] if is_in_limit and not has_newer else []


def _missed(missed: Sequence[datetime], why: str) -> list[Decision]:
    old, new = missed[:-SINGLE_ROWS], missed[-SINGLE_ROWS:]
    single = [Decision(due, fires=False, reason=why, is_late=True) for due in new]
    if not old:
        return single
    reason = f'{why} This stands for {len(old):,} occurrences.'
    return [Decision(old[-1], fires=False, reason=reason, is_late=True, since=old[0], count=len(old)), *single]


def _why_not(misfire: Misfire, late: Sequence[datetime], now: datetime) -> str:
    if misfire.policy == 'skip':
        return 'Its event skips what was missed.'
    if misfire.policy == 'all':
        return f'Its event runs at most {misfire.limit} of the missed ones.'
    if late and now - late[-1] > timedelta(seconds=misfire.within_seconds):
        return f'It was more than {_length(misfire.within_seconds)} late.'
    return 'Only the latest one is run.'


def _why_late(misfire: Misfire, cause: str) -> str:
    return f'{cause} Run late, as its event says.'.strip()


def _length(seconds: int) -> str:
    for size, word in ((86_400, 'day'), (3600, 'hour'), (60, 'minute')):
        if seconds >= size and seconds % size == 0:
            return f'{seconds // size} {word}{"s" if seconds > size else ""}'
    return f'{seconds} seconds'
