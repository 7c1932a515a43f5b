"""Wall time and instants: what a clock on the wall of a zone shows, and the moment that is meant by it.

A wall time that a clock change leaves out means the moment that follows it by as much as it would have without the
change (02:30 becomes 03:30: the offset before the gap counts); one that comes twice means the first: RFC 5545, 3.3.5.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

from .zones import zone

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def wall_of(instant: datetime, zone_name: str) -> datetime:
    """The naive wall time of an aware instant.

    :raises RuleError: field `timezone`
    """
    if instant.tzinfo is None:
        raise ValueError('a naive time is no instant')
    return instant.astimezone(zone(zone_name)).replace(tzinfo=None, fold=0)


def instant_of(wall: datetime, zone_name: str) -> datetime:
    """The aware UTC instant that a naive wall time means.

    :raises RuleError: field `timezone`
    """
    if wall.tzinfo is not None:
        raise ValueError('a wall time is naive')
    # With fold=0, zoneinfo takes the offset before a gap and the first of two.
    return wall.replace(tzinfo=zone(zone_name), fold=0).astimezone(UTC)


def offset_at(instant: datetime, zone_name: str) -> timedelta:
    """How much later than UTC the clocks of a zone are at an aware instant."""
    return instant.astimezone(zone(zone_name)).utcoffset() or timedelta()


def changes_between(start: datetime, end: datetime, there: tzinfo) -> Iterator[datetime]:
    """The moments from which on the clocks have another offset, from `start` on and before about `end`.

    One that is taken back within a week is not seen.
    """
    while start < end:
        following = start + 7 * DAY
        if start.astimezone(there).utcoffset() != following.astimezone(there).utcoffset():
            yield _change_between(start, following, there)
        start = following


def _change_between(low: datetime, high: datetime, there: tzinfo) -> datetime:
    """The second from which on the offset is no more that of `low`."""
    first = low.astimezone(there).utcoffset()
    while high - low > SECOND:
        middle = low + timedelta(seconds=(high - low) // SECOND // 2)
        low, high = (middle, high) if middle.astimezone(there).utcoffset() == first else (low, middle)
    return high


@lru_cache(maxsize=16)
def offsets_of(zone_name: str) -> tuple[tuple[int, int], ...]:
    """From which moment on (milliseconds since 1970) a zone is how many seconds ahead of UTC, from the year 2000 on
    and for the next ten years: by this a browser shows its wall time."""
    start = datetime(2000, 1, 1, tzinfo=UTC)
    end = datetime.now(UTC) + timedelta(days=3653)
    moments = [start, *changes_between(start, end, zone(zone_name))]
    return tuple((int(at.timestamp()) * 1000, int(offset_at(at, zone_name).total_seconds())) for at in moments)


class Stretch(NamedTuple):
    """A part of a day in which the clocks do nothing."""

    begins: datetime
    """Aware UTC."""
    ends: datetime
    offset: timedelta


@lru_cache(maxsize=16_384)
def day_begin(ordinal: int, zone_name: str) -> datetime:
    """The aware UTC instant at which a day begins; days are counted as by `date.toordinal`."""
    return instant_of(datetime.combine(date.fromordinal(ordinal), time()), zone_name)


@lru_cache(maxsize=16_384)
def plain_day_begin(ordinal: int, zone_name: str) -> datetime | None:
    """The same, or None if the clocks change on that day: then a wall time is not just so long after its begin."""
    here = zone(zone_name)
    midnight = datetime.combine(date.fromordinal(ordinal), time(), here)
    return None if midnight.utcoffset() != (midnight + DAY).utcoffset() else day_begin(ordinal, zone_name)


@lru_cache(maxsize=16_384)
def stretches_of(ordinal: int, zone_name: str) -> tuple[Stretch, ...]:
    """The day cut where the clocks change."""
    begins, ends = day_begin(ordinal, zone_name), day_begin(ordinal + 1, zone_name)
    if begins >= ends:  # a day that a zone left out by crossing the date line
        return ()
    first, last = (offset_at(moment, zone_name) for moment in (begins, ends - SECOND))
    if first == last:
        return (Stretch(begins, ends, first),)
    change = _change_between(begins, ends, zone(zone_name))
    return (Stretch(begins, change, first), Stretch(change, ends, last))
