"""When an event has not succeeded for longer than usual, also where none of its runs has failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

from storage.ledger import Outcome
from synapse.calendar.events import OccurrenceState
from synapse.runs.records import RunState

TIMES = 3
"""An event must have been due as often without a success: what fails once or twice has an alert of its own."""
LONGER = 2.25
"""It must have been without a success for this many times as long as usual: a while after it was due the third time."""
LEAST = timedelta(minutes=30)
LOOKED_AT = 60
"""How many of its last occurrences say what is usual."""
KNOWN_GAPS = 3
"""With fewer successes than this behind each other, its rule says what is usual."""
_WORKING = (RunState.RUNNING, RunState.PAUSED)
_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Quiet:
    """An event without a success; `outcomes` are its occurrences since the last one, newest first."""

    outcomes: tuple[Outcome, ...]
    succeeded_at: datetime | None


def quiet_of(
    outcomes: Sequence[Outcome],
    *,
    now: datetime,
    since: datetime,
    after: timedelta | None = None,
    is_choosy: bool = False,
) -> Quiet | None:
    """Return what is known of an event that has not succeeded for longer than usual, None for any other.

    Usual is the median of the times between its successes or, if there are few, between the moments it was due. Not
    counted are occurrences that were missed because nothing ran, those that a person cancelled and, of an event that
    chooses its files, those without a new file. While a run works, its event is not quiet.

    :param outcomes: newest first
    :param since: when it was planned, enabled or last known to be well
    :param after: a person's own limit, which alone decides then
    """
    good = [item for item in outcomes if item.run is not None and item.run['state'] == RunState.SUCCEEDED]
    succeeded_at = _ended(good[0]) if good else None
    recent = outcomes[: outcomes.index(good[0])] if good else outcomes
    bad = tuple(item for item in recent if _counts(item, is_choosy=is_choosy))
    working = [_began(item) for item in recent if item.run is not None and item.run['state'] in _WORKING]
    quiet = Quiet(bad, succeeded_at)
    if after is not None:
        return quiet if not working and now - max(since, succeeded_at or since) > after else None
    if len(bad) < TIMES or (working and not good):
        return None
    usual = _usual_gap(good if len(good) > KNOWN_GAPS else bad)
    return quiet if now - max(_began(bad[-1]), *working, _EVER) >= max(LONGER * usual, LEAST) else None


def _counts(item: Outcome, *, is_choosy: bool) -> bool:
    if item.run is not None:
        return str(item.run['state']) != RunState.CANCELLED
    return item.row['state'] == OccurrenceState.SKIPPED and not is_choosy


def _began(item: Outcome) -> datetime:
    """When an occurrence would have been expected to bring something: a late one when it fired, not when it was due."""
    started_at = item.run['started_at'] if item.run is not None else None
    return datetime.fromisoformat(started_at or item.row.get('fired_at') or item.row['due'])


def _ended(item: Outcome) -> datetime:
    ended_at = item.run['finished_at'] if item.run is not None else None
    return datetime.fromisoformat(ended_at or item.row['due'])


def _usual_gap(outcomes: Sequence[Outcome]) -> timedelta:
    """The median time between these occurrences."""
    dues = [datetime.fromisoformat(item.row['due']) for item in outcomes]
    return timedelta(seconds=median((later - earlier).total_seconds() for later, earlier in pairwise(dues)))
