"""Wall time and instants: what a clock on the wall of a zone shows, and the moment that is meant by it.

A wall time that a clock change leaves out means the moment that follows it by as much as it would have without the
change (02:30 becomes 03:30: the offset before the gap counts); one that comes twice means the first: RFC 5545, 3.3.5.
"""

from datetime import UTC, date, datetime, time, timedelta
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
    low, high = begins, ends
    while high - low > SECOND:
        middle = low + timedelta(seconds=(high - low).total_seconds() // 2)
        low, high = (middle, high) if offset_at(middle, zone_name) == first else (low, middle)
    return (Stretch(begins, high, first), Stretch(high, ends, last))
