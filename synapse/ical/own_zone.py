"""A time zone that a file describes and the database doesn't have: its clocks are kept as fixed offsets.

The wall times of an event are then in `Etc/GMT+6` or the like, and a series is split where the file's clocks change.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from synapse import recurrence
from synapse.language import _
from synapse.recurrence.rules import read_rule, write_rule

LAST_YEAR = 2100
"""Clock changes are read up to this year."""
AHEAD_YEARS = 5
"""How far a series without end is kept."""
MAX_PIECES = 60
_HOUR = timedelta(hours=1)
_EARLIEST, _LATEST = datetime(1, 1, 2), datetime(9998, 12, 31)

Change = tuple[datetime, timedelta, timedelta]
"""A clock change: naive wall time before it, the offset before it, and the offset after it."""


class NoFixedZone(ValueError):
    """What the file describes can't be kept; the message continues a sentence that starts with the event's name."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Wall times from `begins` up to but not including `ends`, all with the same offset."""

    begins: datetime
    ends: datetime
    offset: timedelta


class OwnZone:
    """The clocks of a file's own zone.

    :param changes: in order, at least one
    """

    def __init__(self, tzid: str, changes: Sequence[Change]) -> None:
        self.tzid = tzid
        self._offsets = [changes[0][1]]
        self._walls: list[datetime] = []
        for wall, before, after in changes:
            if after != self._offsets[-1]:
                # A skipped time has the offset before the change, a repeated one means the first: RFC 5545, 3.3.5.
                self._walls.append(wall + max(timedelta(), after - before))
                self._offsets.append(after)

    def fixed(self, wall: datetime) -> tuple[datetime, str]:
        """Return a naive wall time and a zone with a fixed offset that mean the same instant."""
        offset = self.offset_at(wall)
        zone = fixed_zone(offset)
        return (wall - offset, 'UTC') if zone is None else (wall, zone)

    def note(self, name: str, how: str) -> str:
        """Return the sentence that tells how an event is kept."""
        return _(
            "'{name}' is in the time zone {tzid!r}, which no known zone matches; it is kept {how}.",
            name=name,
            tzid=self.tzid,
            how=how,
        )

    def offset_at(self, wall: datetime) -> timedelta:
        return self._offsets[bisect_right(self._walls, wall)]

    def wall_of(self, instant: datetime) -> datetime:
        """Return the naive wall time of an aware instant."""
        utc = instant.astimezone(UTC).replace(tzinfo=None)
        walls = (utc + offset for offset in self._offsets)
        return next((wall for wall in walls if wall - self.offset_at(wall) == utc), utc + self._offsets[-1])

    def stretches(self, start: datetime) -> list[Stretch]:
        """Return all stretches from the one with `start` on."""
        edges = [_EARLIEST, *self._walls, _LATEST]
        found = [Stretch(*pair) for pair in zip(edges, edges[1:], self._offsets, strict=False)]
        return [stretch for stretch in found if stretch.ends > start]

    def naive_rule(self, rule: str) -> str:
        """Return a rule whose UNTIL in UTC, if it has one, is the naive wall time instead."""
        parts = rule.split(';')
        return ';'.join(self._naive_until(part) for part in parts)

    def _naive_until(self, part: str) -> str:
        name, __, text = part.partition('=')
        if name.strip().upper() != 'UNTIL' or not text.strip().upper().endswith('Z'):
            return part
        instant = datetime.strptime(text.strip().upper(), '%Y%m%dT%H%M%SZ').replace(tzinfo=UTC)
        return f'UNTIL={self.wall_of(instant):%Y%m%dT%H%M%S}'


def fixed_zone(offset: timedelta) -> str | None:
    """Return the zone that always has this offset: `Etc/GMT+6` for six hours behind UTC; None for parts of hours."""
    hours, rest = divmod(offset, _HOUR)
    if rest or not -12 <= hours <= 14:
        return None
    return f'Etc/GMT{-hours:+d}' if hours else 'UTC'


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a series with a fixed offset; its plan has instants of the file."""

    plan: recurrence.Plan
    begins: datetime
    """Aware; the instants of the piece are from it up to but not including `ends`."""
    ends: datetime
    is_first: bool


def pieces_of(own: OwnZone, start: datetime, rule: str, now: datetime) -> list[Piece]:
    """Return a series in pieces that are not over; the last one if all are. One without end goes on for five years.

    :param start: naive wall time in that zone
    :param rule: with an UNTIL that is such a wall time too, although it is written as if it were in UTC
    :raises NoFixedZone: if it can't be kept
    :raises RuleError: if the rule cannot be read
    """
    found: list[Piece] = []
    for piece in _all_pieces(own, start, rule, now):
        if found and found[-1].ends <= now:
            found.pop()
        found.append(piece)
        if len(found) > MAX_PIECES:
            raise NoFixedZone(
                _('is in the time zone {tzid!r}, which no known zone matches, for too many years.', tzid=own.tzid)
            )
    return found


def _all_pieces(own: OwnZone, start: datetime, rule: str, now: datetime) -> Iterator[Piece]:
    read = read_rule(rule)
    if read.freq.is_sub_daily:
        raise NoFixedZone(
            _('repeats within a day in the time zone {tzid!r}, which no known zone matches.', tzid=own.tzid)
        )
    stretches = own.stretches(start)
    if any(fixed_zone(stretch.offset) is None for stretch in stretches):
        raise NoFixedZone(
            _('repeats in the time zone {tzid!r}, whose offset from UTC no known zone has.', tzid=own.tzid)
        )
    walls = recurrence.Plan(start, 'UTC', rule)  # as if wall times were instants
    is_endless = read.count is None and read.until is None
    horizon = datetime(now.year + AHEAD_YEARS, 12, 31) if is_endless else _LATEST
    for number, stretch in enumerate(stretches):
        found = recurrence.next_after(walls, stretch.begins.replace(tzinfo=UTC) - recurrence.TICK)
        is_last = stretch is stretches[-1]
        if not found or (stretch.begins > horizon and not is_last):
            return
        if is_last or found[0] < stretch.ends.replace(tzinfo=UTC):
            yield Piece(
                _plan_of(walls, found[0], stretch),
                (stretch.begins - stretch.offset).replace(tzinfo=UTC),
                (stretch.ends - stretch.offset).replace(tzinfo=UTC),
                is_first=number == 0,
            )


def _plan_of(walls: recurrence.Plan, first: datetime, stretch: Stretch) -> recurrence.Plan:
    """Return the series from `first` to the end of the stretch, with its UNTIL as an instant."""
    start = first.replace(tzinfo=None)
    rest = recurrence.Plan(start, 'UTC', recurrence.rule_continuing_from(walls, first))
    if stretch.ends != _LATEST:
        rest = replace(rest, rule=recurrence.rule_ending_before(rest, stretch.ends.replace(tzinfo=UTC)))
    rule = read_rule(rest.rule or '')
    until = rule.until
    if isinstance(until, datetime):
        rule = replace(rule, until=until.replace(tzinfo=UTC) - stretch.offset)
    return recurrence.Plan(start, fixed_zone(stretch.offset) or 'UTC', write_rule(rule))
