"""How many log lines of each group there are: counted from new lines, and asked of the log for exactly a range."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter

from synapse.log.log import Entry, Level

from .buckets import Buckets
from .filter import GROUPS

Counts = list[int]
"""Of the four groups, in their order."""

MINUTE, SECONDS = timedelta(minutes=1), 60
PLACES = {level: place for place, levels in enumerate(GROUPS.values()) for level in levels}


def counted(entries: Sequence[Entry], buckets: Buckets) -> dict[int, Counts]:
    """How many lines of each group lie in which bucket, by its number."""
    moments = list(map(attrgetter('timestamp'), entries))
    first, last = buckets.number_of(min(moments)), buckets.number_of(max(moments))
    if first == last:  # as in every flood, where a look at each line would be felt
        return {first: grouped(Counter(map(attrgetter('level'), entries)))}
    found: dict[int, Counter[Level]] = {}
    for entry in entries:
        found.setdefault(buckets.number_of(entry.timestamp), Counter())[entry.level] += 1
    return {number: grouped(levels) for number, levels in found.items()}


def counted_within(entries: Sequence[Entry], start: datetime | None, end: datetime | None) -> Counts:
    """How many lines of each group lie in a range, the end not included; None is without a limit."""
    levels = [
        entry.level
        for entry in entries
        if (start is None or entry.timestamp >= start) and (end is None or entry.timestamp < end)
    ]
    return grouped(Counter(levels))


def exact_parts(start: datetime, end: datetime) -> list[tuple[datetime, datetime, int]]:
    """A range cut where minutes begin, each part with the number of buckets for which the log counts just that.

    It counts whole minutes, or whole seconds: longer buckets of others would take in what is beside the range.
    """
    low = start - timedelta(seconds=start.second, microseconds=start.microsecond)
    high = end - timedelta(seconds=end.second, microseconds=end.microsecond)
    low = low if low == start else min(low + MINUTE, end)
    cut = [(start, low, SECONDS), (low, high, 1), (max(low, high), end, SECONDS)]
    return [(first, last, buckets) for first, last, buckets in cut if first < last]


def grouped(levels: Mapping[Level, int]) -> Counts:
    """The counts of the groups."""
    counts = [0] * len(GROUPS)
    for level, count in levels.items():
        counts[PLACES[level]] += count
    return counts


def added(one: Counts | None, other: Counts) -> Counts:
    """Both together."""
    return other if one is None else [a + b for a, b in zip(one, other, strict=True)]
