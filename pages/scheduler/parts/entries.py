"""Entries of the calendar: which ones matter most, how many are in each state, what one opens. Knows no screen."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from heapq import nsmallest
from typing import Literal

from synapse.calendar.events import CalendarEntry

MOST_APART = 4
"""How many entries of one event and state a list of a day shows one by one."""
MOST_BY_THE_HOUR = 25
"""How many entries of one event a day by the hour has room for: an hourly one, even if the clocks go back."""
AHEAD = ('planned', 'broken', 'off')
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
    'broken': 2,
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


def gathered(
    entries: Sequence[CalendarEntry],
    *,
    most: int = MOST_APART,
    apart: Callable[[CalendarEntry], bool] = lambda _: False,
) -> Sequence[CalendarEntry]:
    """Return the entries of a day, with one entry for each state of an event that is frequent.

    It stands where the first of them does, with their number as its count; `MOST_APART` or fewer of a state stay apart.

    :param entries: by time
    :param most: an event with more entries than this is frequent
    :param apart: which entries stay apart in any case, besides those that are live
    """
    of_event = Counter(entry.event_id for entry in entries)
    alike: dict[tuple[str | None, str], list[CalendarEntry]] = defaultdict(list)
    for entry in entries:
        is_frequent = entry.event_id is not None and of_event[entry.event_id] > most
        if is_frequent and entry.state not in ('running', 'paused') and not apart(entry):
            alike[kind_of(entry)].append(entry)
    folded = {kind: found for kind, found in alike.items() if len(found) > MOST_APART}
    kept = []
    for entry in entries:
        found = folded.get(kind_of(entry))
        if found is None:
            kept.append(entry)
        elif entry is found[0]:
            kept.append(_together(found))
    return kept


def kind_of(entry: CalendarEntry) -> tuple[str | None, str]:
    """What entries have in common that may be gathered: their event and their state."""
    return entry.event_id, entry.state


def _together(entries: Sequence[CalendarEntry]) -> CalendarEntry:
    """Return one entry for these; it keeps its moment only if it is ahead, and then is the next one."""
    first, count = entries[0], sum(entry.count for entry in entries)
    if _is_ahead(first):
        return replace(first, count=count)
    reason = first.reason if all(entry.reason == first.reason for entry in entries) else ''
    return replace(first, count=count, due=None, run=None, seconds=None, late_seconds=None, reason=reason)


def is_gathered(entry: CalendarEntry) -> bool:
    """Whether it stands for several entries; a row of the ledger that counts several missed moments is only one."""
    return entry.count > 1 and (_is_ahead(entry) or entry.due is None)


def _is_ahead(entry: CalendarEntry) -> bool:
    return entry.state in AHEAD and entry.event_id is not None


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
    return 'event' if entry.state in AHEAD and entry.event_id is not None else 'day'


def occurrence_of(key: str) -> tuple[str, datetime] | None:
    """Return the event id and the due moment that a key names, None for the key of a run without an event."""
    event_id, sign, micros = key.rpartition('@')
    if not sign or not micros.lstrip('-').isdigit():
        return None
    return event_id, EPOCH + timedelta(microseconds=int(micros))
