"""How many log lines of each level group there are: counted from new lines, or read for a time range."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter

from synapse.language.formats import number
from synapse.log.log import Entry, Level, Log

from .buckets import Buckets
from .filter import GROUPS
from .range_picker import Span

Counts = list[int]
"""One number for each of the four groups, in their order."""

NOTHING = [0] * len(GROUPS)
MINUTE, SECONDS = timedelta(minutes=1), 60
PLACES = {level: place for place, levels in enumerate(GROUPS.values()) for level in levels}


class LineCounts:
    """Reads from a log how many lines of a run or source there are; without either, of all."""

    def __init__(self, log: Log, run: str | None, source: str) -> None:
        self._log, self._run, self._source = log, run, source or None

    @property
    def _is_filtered(self) -> bool:
        return self._run is not None or self._source is not None

    def matching(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        if not self._is_filtered:
            return entries
        return [
            entry
            for entry in entries
            if (self._run is None or entry.run == self._run) and (self._source is None or entry.source == self._source)
        ]

    async def span(self) -> tuple[datetime, datetime] | None:
        """When the first and the last line was logged, None without any.

        The first line of a source is not searched for: for that, the first line of the log is returned.
        """
        lines = await self._log.span()
        if lines is None or not self._is_filtered:
            return lines
        newest = await self._log.query(run=self._run, source=self._source, limit=1)
        if not newest:
            return None
        if self._run is None:
            return lines[0], newest[0].timestamp
        oldest = await self._log.query(run=self._run, source=self._source, limit=1, oldest_first=True)
        return oldest[0].timestamp, newest[0].timestamp

    async def by_bucket(self, start: datetime, end: datetime, buckets: int) -> list[Counts]:
        """The counts in equal parts of a range; see `Log.histogram` for where these begin."""
        found = await self._log.histogram(start, end, buckets=buckets, run=self._run, source=self._source)
        return [grouped(dict(zip(Level, levels, strict=True))) for levels in found.counts]

    async def within(self, selection: Span, now: datetime) -> Counts | None:
        """The counts in exactly this range; None without a selection."""
        start, end = selection
        if start is None and end is None:
            return None
        if not self._is_filtered:
            stats = await self._log.stats(start, end)
            return grouped({level: stats[level] for level in Level})
        lines = await self._log.span()
        counts = NOTHING
        if lines is not None:
            # Lines of other programs may be ahead of our clock.
            for part in exact_parts(start or lines[0], end or max(lines[1], now) + MINUTE):
                for found in await self.by_bucket(*part):
                    counts = added(counts, found)
        return counts


def counted(entries: Sequence[Entry], buckets: Buckets) -> dict[int, Counts]:
    """The counts by the number of the bucket, whether or not that is one of `buckets`."""
    moments = list(map(attrgetter('timestamp'), entries))
    first, last = buckets.number_of(min(moments)), buckets.number_of(max(moments))
    if first == last:  # as in every flood, where looking at each line would cost too much
        return {first: grouped(Counter(map(attrgetter('level'), entries)))}
    found: dict[int, Counter[Level]] = {}
    for entry in entries:
        found.setdefault(buckets.number_of(entry.timestamp), Counter())[entry.level] += 1
    return {number: grouped(levels) for number, levels in found.items()}


def counted_within(entries: Sequence[Entry], start: datetime | None, end: datetime | None) -> Counts:
    """The counts in a range, `end` not included; None means no limit."""
    levels = [
        entry.level
        for entry in entries
        if (start is None or entry.timestamp >= start) and (end is None or entry.timestamp < end)
    ]
    return grouped(Counter(levels))


def exact_parts(start: datetime, end: datetime) -> list[tuple[datetime, datetime, int]]:
    """A range cut at whole minutes, each part with the number of buckets for which `Log.histogram` counts exactly it.

    That counts whole minutes or whole seconds: longer buckets at other moments would reach beyond the range.
    """
    low = start - timedelta(seconds=start.second, microseconds=start.microsecond)
    high = end - timedelta(seconds=end.second, microseconds=end.microsecond)
    low = low if low == start else min(low + MINUTE, end)
    cut = [(start, low, SECONDS), (low, high, 1), (max(low, high), end, SECONDS)]
    return [(first, last, buckets) for first, last, buckets in cut if first < last]


def grouped(levels: Mapping[Level, int]) -> Counts:
    counts = [0] * len(GROUPS)
    for level, count in levels.items():
        counts[PLACES[level]] += count
    return counts


def spaced(count: int) -> str:
    """`4 000` or `4.000`; no comma, but a narrow no-break space."""
    return number(count).replace(',', '\u202f')


def added(one: Counts | None, other: Counts) -> Counts:
    return other if one is None else [a + b for a, b in zip(one, other, strict=True)]
