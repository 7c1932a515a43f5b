"""Which events an import removes because the file no longer has them; those that it cancels are not among them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from synapse import recurrence
from synapse.calendar.events import Event

from .assignment import Assignment
from .plans import is_past
from .series import RULE_MARK, SPLIT_MARK, Draft, series_among

Group = Mapping[datetime | None, Event]
"""The events of a UID: the series by None, each override by the instant of the occurrence that it replaces."""
RECENTLY = timedelta(days=30)


def other_overrides(
    existing: Group, overrides: Collection[datetime], *, assignment: Assignment, now: datetime
) -> Iterator[str]:
    """Yield the overrides that the file, which has the whole series, no longer has.

    :param overrides: the instants of the occurrences that are replaced in the file
    """
    others = (event for moment, event in existing.items() if moment is not None and moment not in overrides)
    return _upcoming(others, assignment, now)


def other_parts(
    existing: Mapping[str, Group],
    groups: Mapping[str, Sequence[Draft]],
    unread: Collection[str],
    *,
    assignment: Assignment,
    now: datetime,
) -> Iterator[str]:
    """Yield the parts of an event that it no longer has: it had several rules, or was split, and now is not.

    :param groups: what the file has, by UID
    :param unread: the UIDs of what cannot be read in it
    """
    for uid, group in existing.items():
        whole = _series_uid(uid)
        drafts = groups.get(whole, ()) if whole != uid and uid not in groups and whole not in unread else ()
        series, known = series_among(drafts), group.get(None)
        if series is not None and known is not None and series.sequence >= known.sequence:
            yield from _upcoming(group.values(), assignment, now)


def missing(
    existing: Mapping[str, Group], there: Collection[str], unread: Collection[str], *, source: str, now: datetime
) -> Iterator[str]:
    """Yield what a subscribed calendar no longer has; what was due lately stays, with the question about it."""
    for uid, group in existing.items():
        is_its = any(event.source == source for event in group.values())
        if is_its and uid not in there and _series_uid(uid) not in unread:
            yield from (event.id for event in group.values() if not _was_due_lately(event, now))


def _upcoming(events: Iterable[Event], assignment: Assignment, now: datetime) -> Iterator[str]:
    mine = (event for event in events if assignment.owns(event))
    return (event.id for event in mine if not is_past(event.model_dump(), now))


def _was_due_lately(event: Event, now: datetime) -> bool:
    if recurrence.next_after(event.plan, now):
        return False
    return bool(recurrence.next_after(event.plan, now - RECENTLY))


def _series_uid(uid: str) -> str:
    """Return the UID that the file has for an event of which this is a part."""
    return uid.partition(RULE_MARK)[0].partition(SPLIT_MARK)[0]
