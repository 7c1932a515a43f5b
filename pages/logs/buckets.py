"""Time cut into equal buckets for a chart, with marks at even moments of the wall clock. Knows no screen."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from synapse.recurrence.wall_time import instant_of, offset_at, wall_of

DAY = 86_400
LENGTHS = (
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10_800, 21_600, 43_200),
    *(DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 56 * DAY, 364 * DAY, 3640 * DAY),
)
"""Seconds that a bucket or the distance of two marks may have."""
MOST_BUCKETS = 100
MOST_MARKS = 10

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """Buckets side by side, each named by how many of its length lie between 1970 and its begin.

    `offset` is how many seconds the wall clock is ahead of UTC, so that buckets of hours begin at whole hours there.
    """

    seconds: int
    offset: int
    first: int
    count: int

    def number_of(self, moment: datetime) -> int:
        """Of the bucket in which it lies, whether or not it is one of these."""
        # Whole numbers: as a float, a moment can fall on the other side of a border.
        seconds = (moment - _EPOCH) // timedelta(seconds=1) + self.offset
        return seconds // self.seconds

    def begin_of(self, number: int) -> datetime:
        """Aware UTC."""
        return _EPOCH + timedelta(seconds=number * self.seconds - self.offset)

    @property
    def last(self) -> int:
        return self.first + self.count - 1

    @property
    def start(self) -> datetime:
        return self.begin_of(self.first)

    @property
    def end(self) -> datetime:
        """Not included."""
        return self.begin_of(self.first + self.count)

    def slid_to(self, moment: datetime) -> 'Buckets':
        """As many, the last of which has this moment in it."""
        return replace(self, first=self.number_of(moment) - self.count + 1)

    def grown_to(self, moment: datetime) -> 'Buckets':
        """From the same begin up to the one with this moment in it."""
        return replace(self, count=max(1, self.number_of(moment) - self.first + 1))


def buckets_over(start: datetime, end: datetime, zone: str) -> Buckets:
    """The finest buckets that cover this with about a hundred of them: one more where it begins within one."""
    wanted = (end - start).total_seconds() / MOST_BUCKETS
    seconds = next((length for length in LENGTHS if length >= wanted), LENGTHS[-1])
    offset = int(offset_at(end, zone).total_seconds())
    empty = Buckets(seconds=seconds, offset=offset, first=0, count=1)
    last_moment = max(start, end - timedelta(microseconds=1))
    return replace(empty, first=empty.number_of(start)).grown_to(last_moment)


def marks_of(buckets: Buckets, zone: str) -> list[tuple[datetime, str]]:
    """At most ten moments that are even on the wall clock there, with what to write at them."""
    first, last = wall_of(buckets.start, zone), wall_of(buckets.end, zone)
    wanted = (last - first).total_seconds() / MOST_MARKS
    seconds = next((length for length in LENGTHS if length >= wanted), LENGTHS[-1])
    step, origin = timedelta(seconds=seconds), datetime(1970, 1, 1)
    wall = origin + -((origin - first) // step) * step
    marks = []
    while wall < last:
        moment = instant_of(wall, zone)
        # When the clocks are set back, the wall clock comes by moments before the begin again.
        if buckets.start <= moment < buckets.end:
            marks.append((moment, _mark(wall, seconds)))
        wall += step
    return marks[:MOST_MARKS]


def length_words(seconds: int) -> str:
    """`second`, `5 s`, `minute`, `15 min`, `hour`, `6 h`, `day`, `2 days`: what stands behind "per"."""
    for unit, one, many in ((DAY, 'day', 'days'), (3600, 'hour', 'h'), (60, 'minute', 'min'), (1, 'second', 's')):
        if seconds % unit == 0:
            return one if seconds == unit else f'{seconds // unit} {many}'
    raise AssertionError(seconds)


def _mark(wall: datetime, seconds: int) -> str:
    if seconds >= DAY or (wall.hour, wall.minute, wall.second) == (0, 0, 0):
        return f'{wall.day} {wall:%b}'
    return f'{wall:%H:%M:%S}' if seconds < 60 else f'{wall:%H:%M}'
