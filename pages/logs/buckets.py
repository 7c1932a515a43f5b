"""Equal buckets of time for a chart, with marks at even moments of the wall clock. No elements here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from synapse.language import _n, formats
from synapse.recurrence.wall_time import instant_of, offset_at, wall_of

DAY = 86_400
LENGTHS = (
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10_800, 21_600, 43_200),
    *(DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 56 * DAY, 364 * DAY, 3640 * DAY),
)
"""Possible lengths of a bucket, and distances of two marks, in seconds."""
MOST_BUCKETS = 100
MOST_MARKS = 10

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """Adjacent buckets, numbered by how many of the same length fit between 1970 and their start.

    `offset` is how many seconds the wall clock is ahead of UTC, so that buckets of hours start at whole hours there.
    """

    seconds: int
    offset: int
    first: int
    count: int

    def number_of(self, moment: datetime) -> int:
        """The number of the bucket that holds this moment, whether or not it is one of these."""
        # In whole numbers: rounding a float could move a moment across a border.
        seconds = (moment - _EPOCH) // timedelta(seconds=1) + self.offset
        return seconds // self.seconds

    def start_of(self, number: int) -> datetime:
        """When this bucket starts, in UTC."""
        return _EPOCH + timedelta(seconds=number * self.seconds - self.offset)

    @property
    def last(self) -> int:
        return self.first + self.count - 1

    @property
    def start(self) -> datetime:
        return self.start_of(self.first)

    @property
    def end(self) -> datetime:
        """Not included."""
        return self.start_of(self.first + self.count)

    def slid_to(self, moment: datetime) -> 'Buckets':
        """As many buckets, the last of which holds this moment."""
        return replace(self, first=self.number_of(moment) - self.count + 1)

    def grown_to(self, moment: datetime) -> 'Buckets':
        """Buckets from the same start up to the one that holds this moment."""
        return replace(self, count=max(1, self.number_of(moment) - self.first + 1))


def buckets_over(start: datetime, end: datetime, zone: str) -> Buckets:
    """About a hundred buckets that cover this range; one more if it starts inside one."""
    wanted = (end - start).total_seconds() / MOST_BUCKETS
    seconds = next((length for length in LENGTHS if length >= wanted), LENGTHS[-1])
    offset = int(offset_at(end, zone).total_seconds())
    empty = Buckets(seconds=seconds, offset=offset, first=0, count=1)
    last_moment = max(start, end - timedelta(microseconds=1))
    return replace(empty, first=empty.number_of(start)).grown_to(last_moment)


def marks_of(buckets: Buckets, zone: str) -> list[tuple[datetime, str]]:
    """At most ten moments that are even on the wall clock, with their labels."""
    first, last = wall_of(buckets.start, zone), wall_of(buckets.end, zone)
    wanted = (last - first).total_seconds() / MOST_MARKS
    seconds = next((length for length in LENGTHS if length >= wanted), LENGTHS[-1])
    step, origin = timedelta(seconds=seconds), datetime(1970, 1, 1)
    wall = origin + -((origin - first) // step) * step
    marks = []
    while wall < last:
        moment = instant_of(wall, zone)
        # When the clocks are set back, wall times before the start occur a second time.
        if buckets.start <= moment < buckets.end:
            marks.append((moment, _mark(wall, seconds)))
        wall += step
    return marks[:MOST_MARKS]


def length_words(seconds: int) -> str:
    """`second`, `5 s`, `minute`, `15 min`, `hour`, `6 h`, `day`, `2 days`: the words after "per"."""
    return _LENGTHS[_unit_of(seconds)](seconds // _unit_of(seconds))


def last_words(seconds: int) -> str:
    """`The last minute.`, `The last 15 min.`"""
    return _LAST[_unit_of(seconds)](seconds // _unit_of(seconds))


def _unit_of(seconds: int) -> int:
    return next(unit for unit in _LENGTHS if seconds % unit == 0)


_LENGTHS: Mapping[int, Callable[[int], str]] = {
    DAY: lambda count: _n('day', '{count} days', count),
    3600: lambda count: _n('hour', '{count} h', count),
    60: lambda count: _n('minute', '{count} min', count),
    1: lambda count: _n('second', '{count} s', count),
}
_LAST: Mapping[int, Callable[[int], str]] = {
    DAY: lambda count: _n('The last day.', 'The last {count} days.', count),
    3600: lambda count: _n('The last hour.', 'The last {count} h.', count),
    60: lambda count: _n('The last minute.', 'The last {count} min.', count),
    1: lambda count: _n('The last second.', 'The last {count} s.', count),
}


def _mark(wall: datetime, seconds: int) -> str:
    if seconds >= DAY or (wall.hour, wall.minute, wall.second) == (0, 0, 0):
        return formats.moment('MMMd', wall)
    return f'{wall:%H:%M:%S}' if seconds < 60 else f'{wall:%H:%M}'
