"""Wall time and instants: what a clock on the wall of a zone shows, and the moment that it means.

A wall time that a clock change skips is read with the offset before the change, so 02:30 means 03:30; one that the
clocks show twice means the first: RFC 5545, 3.3.5.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

from .zones import zone

DAY, SECOND, TICK = timedelta(days=1), timedelta(seconds=1), datetime.resolution


def wall_of(instant: datetime, zone_name: str) -> datetime:
    """Return the naive wall time of an aware instant.

    :raises ValueError: if the instant is naive
    :raises RuleError: field `timezone`
    """
    if instant.tzinfo is None:
        raise ValueError('a naive time is not an instant')
    return instant.astimezone(zone(zone_name)).replace(tzinfo=None, fold=0)


def instant_of(wall: datetime, zone_name: str) -> datetime:
    """Return the aware UTC instant that a naive wall time means.

    In Berlin, 02:30 is skipped on 29 March 2026 and shown twice on 25 October:

    >>> str(instant_of(datetime(2026, 3, 29, 2, 30), 'Europe/Berlin'))  # 03:30 in summer time
    '2026-03-29 01:30:00+00:00'
    >>> str(instant_of(datetime(2026, 10, 25, 2, 30), 'Europe/Berlin'))  # the first, still in summer time
    '2026-10-25 00:30:00+00:00'

    :raises ValueError: if the wall time is aware
    :raises RuleError: field `timezone`
    """
    if wall.tzinfo is not None:
        raise ValueError('a wall time must be naive')
    # With fold=0, zoneinfo uses the offset before a gap and the first of two.
    return wall.replace(tzinfo=zone(zone_name), fold=0).astimezone(UTC)


def second_instant_of(wall: datetime, zone_name: str) -> datetime | None:
    """Return the second instant at which the clocks of a zone show a wall time; None if they show it only once."""
    second = wall.replace(tzinfo=zone(zone_name), fold=1).astimezone(UTC)
    return second if second > instant_of(wall, zone_name) else None


def offset_at(instant: datetime, zone_name: str) -> timedelta:
    """Return how far the clocks of a zone are ahead of UTC at an aware instant."""
    return instant.astimezone(zone(zone_name)).utcoffset() or timedelta()


def changes_between(
    start: datetime, end: datetime, there: tzinfo, shows: Callable[[datetime], object] = datetime.utcoffset
) -> Iterator[datetime]:
    """Yield the instants from `start` to about `end` at which the clocks change.

    A change that is reversed within a week goes unnoticed.

    :param shows: what to compare of a local time; the offset by default
    """
    while start < end:
        following = start + 7 * DAY
        if shows(start.astimezone(there)) != shows(following.astimezone(there)):
            yield _change_between(start, following, there, shows)
        start = following


def _change_between(
    low: datetime, high: datetime, there: tzinfo, shows: Callable[[datetime], object] = datetime.utcoffset
) -> datetime:
    """Return the first second that shows something else than `low`."""
    first = shows(low.astimezone(there))
    while high - low > SECOND:
        middle = low + timedelta(seconds=(high - low) // SECOND // 2)
        low, high = (middle, high) if shows(middle.astimezone(there)) == first else (low, middle)
    return high


@lru_cache(maxsize=16)
def offsets_of(zone_name: str) -> tuple[tuple[int, int], ...]:
    """Return each offset of a zone since the year 2000 and for the next ten years, for a browser to show wall time.

    Pairs of the instant from which it holds, in milliseconds since 1970, and the seconds ahead of UTC.
    """
    start = datetime(2000, 1, 1, tzinfo=UTC)
    end = datetime.now(UTC) + timedelta(days=3653)
    moments = [start, *changes_between(start, end, zone(zone_name))]
    return tuple((int(at.timestamp()) * 1000, int(offset_at(at, zone_name).total_seconds())) for at in moments)


class Stretch(NamedTuple):
    """A part of a day without a clock change."""

    begins: datetime
    """Aware UTC."""
    ends: datetime
    offset: timedelta


@lru_cache(maxsize=16_384)
def day_start(ordinal: int, zone_name: str) -> datetime:
    """Return the aware UTC instant at which a day starts; days are numbered by `date.toordinal`."""
    return instant_of(datetime.combine(date.fromordinal(ordinal), time()), zone_name)


@lru_cache(maxsize=16_384)
def unchanged_day_start(ordinal: int, zone_name: str) -> datetime | None:
    """Return the same, or None if the clocks change that day, so that start plus time of day isn't the wall time."""
    here = zone(zone_name)
    midnight = datetime.combine(date.fromordinal(ordinal), time(), here)
    return None if midnight.utcoffset() != (midnight + DAY).utcoffset() else day_start(ordinal, zone_name)


@lru_cache(maxsize=16_384)
def stretches_of(ordinal: int, zone_name: str) -> tuple[Stretch, ...]:
    """Return the day, split where the clocks change.

    >>> [stretch.ends - stretch.begins for stretch in stretches_of(date(2026, 10, 25).toordinal(), 'Europe/Berlin')]
    [datetime.timedelta(seconds=10800), datetime.timedelta(seconds=79200)]
    """
    begins, ends = day_start(ordinal, zone_name), day_start(ordinal + 1, zone_name)
    if begins >= ends:  # a day that a zone skipped by crossing the date line
        return ()
    first, last = (offset_at(moment, zone_name) for moment in (begins, ends - SECOND))
    if first == last:
        return (Stretch(begins, ends, first),)
    change = _change_between(begins, ends, zone(zone_name))
    return (Stretch(begins, change, first), Stretch(change, ends, last))
