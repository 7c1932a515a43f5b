"""Entries of the calendar: which ones matter most, how many are in each state, what one opens. Knows no screen."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from heapq import nsmallest
from typing import Literal

from synapse.calendar.events import CalendarEntry

MOST_APART = 4
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Exceptions first: what stays visible if there is no room for all.
RANKS = {
    'running': 0,
    'paused': 0,
    'failed': 1,
    'interrupted': 1,
    'missed': 2,
    'skipped': 3,
    'cancelled': 3,
    'queued': 4,
    'planned': 4,
    'succeeded': 5,
    'off': 6,
}


def survivors(entries: Sequence[CalendarEntry], most: int) -> Sequence[CalendarEntry]:
    """Return at most this many entries, those that matter most, in their given order."""
    if len(entries) <= most:
        return entries
    chosen = nsmallest(most, range(len(entries)), key=lambda place: (RANKS[entries[place].state], place))
    return [entries[place] for place in sorted(chosen)]


def gathered(entries: Sequence[CalendarEntry]) -> Sequence[CalendarEntry]:
    """Return the entries of a day, with one entry for an event that has more than `MOST_APART` occurrences ahead.

    It is the first of them, with their number as its count. Occurrences that have become a run stay apart.
    """
    alike = Counter((entry.event_id, entry.state) for entry in entries if _is_ahead(entry))
    kept, seen = [], set()
    for entry in entries:
        kind = entry.event_id, entry.state
        if alike[kind] <= MOST_APART:
            kept.append(entry)
        elif kind not in seen:
            seen.add(kind)
            kept.append(replace(entry, count=alike[kind]))
    return kept


def _is_ahead(entry: CalendarEntry) -> bool:
    return entry.state in ('planned', 'off') and entry.event_id is not None


def counts_of(entries: Iterable[CalendarEntry]) -> Counter[str]:
    """Return how many occurrences are in each state; an entry may stand for several."""
    counts = Counter[str]()
    for entry in entries:
        counts[entry.state] += entry.count
    return counts


def target_of(entry: CalendarEntry) -> Literal['run', 'event', 'day']:
    """What pressing an entry opens: its run, the event it is planned by, or else all of its day."""
    if entry.run is not None:
        return 'run'
    return 'event' if entry.state in ('planned', 'off') and entry.event_id is not None else 'day'


def occurrence_of(key: str) -> tuple[str, datetime] | None:
    """Return the event id and the due moment that a key names, None for the key of a run without an event."""
    event_id, sign, micros = key.rpartition('@')
    if not sign or not micros.lstrip('-').isdigit():
        return None
    return event_id, EPOCH + timedelta(microseconds=int(micros))
