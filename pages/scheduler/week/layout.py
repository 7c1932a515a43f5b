"""Where the blocks of a week are: days by the wall clock, lanes where blocks overlap. Knows no screen."""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from operator import attrgetter
from zoneinfo import ZoneInfo

from pages.scheduler.parts.days import DAY, midnight
from pages.scheduler.parts.entries import MOST_BY_THE_HOUR, RANKS, gathered
from synapse.calendar.events import CalendarEntry

DAY_MINUTES = 24 * 60.0
MIN_MINUTES = 35.0
"""The height of a block with one line of text, however short its run was."""
MAX_LANES = 4
FOLDED_MINUTES = 60.0
"""How far apart pieces may begin that are counted in one block."""
SLOT = timedelta(minutes=30)
LIVE = ('running', 'paused')


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of an entry that one day shows, in minutes of the wall clock since midnight."""

    entry: CalendarEntry
    day: date
    top: float
    bottom: float
    begins: datetime
    """Aware: when this piece begins, which may be at midnight."""
    is_first: bool = True
    is_last: bool = True


@dataclass(frozen=True, slots=True)
class Block:
    """A piece in its lane, or several that found no lane, counted together."""

    pieces: tuple[Piece, ...]
    top: float
    bottom: float
    lane: int
    span: int
    lanes: int

    @property
    def key(self) -> str:
        """The same while states change and blocks move aside."""
        return self.pieces[0].entry.key if not self.is_folded else f'more:{self.top:.0f}'

    @property
    def is_folded(self) -> bool:
        """Whether it stands for several pieces."""
        return len(self.pieces) > 1


class WeekLayout:
    """Remembers what it laid out: if one run changes, only its day is laid out again."""

    def __init__(self, first: date, zone: ZoneInfo) -> None:
        self._zone = zone
        self._days = [first + DAY * number for number in range(7)]
        self._edges = [midnight(day, zone) for day in [*self._days, first + DAY * 7]]
        self._pieces: dict[str, tuple[CalendarEntry, Sequence[Piece]]] = {}
        self._laid_out: dict[date, tuple[list[Piece], Sequence[Block]]] = {}

    def blocks(self, entries: Iterable[CalendarEntry], now: datetime) -> dict[date, Sequence[Block]]:
        """Return the blocks of each of the seven days, by time."""
        by_day: dict[date, list[Piece]] = {day: [] for day in self._days}
        known, self._pieces = self._pieces, {}
        for entry in self._gathered(entries):
            was = known.get(entry.key)
            if was is None or was[0] is not entry or entry.state in LIVE:
                was = entry, pieces_of(entry, self._days, self._edges, self._zone, now)
            self._pieces[entry.key] = was
            for piece in was[1]:
                by_day[piece.day].append(piece)
        return {day: self._of_day(day, pieces) for day, pieces in by_day.items()}

    def _gathered(self, entries: Iterable[CalendarEntry]) -> Iterator[CalendarEntry]:
        """Yield what is shown: an event that is due more than once an hour would leave no room for any other."""
        by_day: dict[int, list[CalendarEntry]] = defaultdict(list)
        for entry in entries:
            by_day[bisect_right(self._edges, entry.at)].append(entry)
        for found in by_day.values():
            yield from gathered(sorted(found, key=attrgetter('at')), most=MOST_BY_THE_HOUR)

    def _of_day(self, day: date, pieces: list[Piece]) -> Sequence[Block]:
        pieces.sort(key=_by_time)
        known = self._laid_out.get(day)
        if known is None or known[0] != pieces:
            known = self._laid_out[day] = pieces, side_by_side(pieces)
        return known[1]


def begun_in(blocks: Iterable[Block]) -> list[CalendarEntry]:
    """Return the entries that begin on the day of these blocks."""
    return [piece.entry for block in blocks for piece in block.pieces if piece.is_first]


def pieces_of(
    entry: CalendarEntry, days: Sequence[date], edges: Sequence[datetime], zone: ZoneInfo, now: datetime
) -> Sequence[Piece]:
    """Return what each day shows of an entry: one piece, or more if it continues past midnight.

    A piece follows the wall clock, so it includes the hour that a night in spring skips; if the clocks go back, it is
    as high as it was long.

    :param edges: when each of these days begins, and when the last one ends
    """
    begin, end = entry.at, max(entry.at, _end_of(entry, now))
    pieces: list[Piece] = []
    for place in range(max(0, bisect_right(edges, begin) - 1), len(days)):
        day, opens, closes = days[place], edges[place], edges[place + 1]
        if end <= opens and begin < opens:
            break
        start, stop = max(begin, opens), min(end, closes)
        top = 0.0 if start == opens else _minutes(start, zone)
        bottom = DAY_MINUTES if stop == closes else max(_minutes(stop, zone), top + (stop - start).total_seconds() / 60)
        top = min(top, DAY_MINUTES - MIN_MINUTES)
        bottom = min(DAY_MINUTES, max(bottom, top + MIN_MINUTES))
        pieces.append(Piece(entry, day, top, bottom, start, is_first=start == begin, is_last=stop == end))
    return pieces


def _end_of(entry: CalendarEntry, now: datetime) -> datetime:
    if entry.state in LIVE:
        return now
    return entry.at + timedelta(seconds=entry.seconds or 0)


def _minutes(moment: datetime, zone: ZoneInfo) -> float:
    wall = moment.astimezone(zone)
    return wall.hour * 60 + wall.minute + wall.second / 60


def side_by_side(pieces: Sequence[Piece]) -> Sequence[Block]:
    """Return the pieces of one day in lanes, so that none covers another.

    :param pieces: by time, then by what matters most
    """
    blocks: list[Block] = []
    together: list[Piece] = []
    end = 0.0
    for piece in pieces:
        if together and piece.top >= end:
            blocks += _in_lanes(together)
            together, end = [], 0.0
        together.append(piece)
        end = max(end, piece.bottom)
    return blocks + _in_lanes(together)


def _by_time(piece: Piece) -> tuple[float, int, float, str, str]:
    return piece.top, RANKS[piece.entry.state], -piece.bottom, piece.entry.title, piece.entry.key


def _in_lanes(pieces: list[Piece]) -> list[Block]:
    lanes: list[list[Piece]] = []
    placed = []
    for piece in pieces:
        number = next((n for n, lane in enumerate(lanes) if lane[-1].bottom <= piece.top), len(lanes))
        if number == MAX_LANES:
            return _in_lanes_and_folded(pieces)
        if number == len(lanes):
            lanes.append([])
        lanes[number].append(piece)
        placed.append((piece, number))
    return [
        Block((piece,), piece.top, piece.bottom, number, _room_beside(piece, lanes[number + 1 :]), len(lanes))
        for piece, number in placed
    ]


def _room_beside(piece: Piece, lanes: Sequence[Sequence[Piece]]) -> int:
    """Return how many lanes wide a piece may be: its own, and the empty ones to its right."""
    wide = 1
    for lane in lanes:
        if any(other.top < piece.bottom and piece.top < other.bottom for other in lane):
            break
        wide += 1
    return wide


def _in_lanes_and_folded(pieces: list[Piece]) -> list[Block]:
    """Give all lanes but the last to what matters most, and the last one to a count of the others."""
    lanes: list[list[tuple[float, float]]] = [[] for _ in range(MAX_LANES - 1)]
    blocks, left = [], []
    for piece in sorted(pieces, key=lambda piece: (RANKS[piece.entry.state], _by_time(piece))):
        number = next((n for n, lane in enumerate(lanes) if _is_free(lane, piece)), None)
        if number is None:
            left.append(piece)
        else:
            insort(lanes[number], (piece.top, piece.bottom))
            blocks.append(Block((piece,), piece.top, piece.bottom, number, 1, MAX_LANES))
    blocks += _folded(sorted(left, key=_by_time))
    return sorted(blocks, key=lambda block: (block.top, block.lane))


def _is_free(lane: list[tuple[float, float]], piece: Piece) -> bool:
    place = bisect_left(lane, (piece.top, piece.bottom))
    is_free_above = place == 0 or lane[place - 1][1] <= piece.top
    return is_free_above and (place == len(lane) or piece.bottom <= lane[place][0])


def _folded(pieces: list[Piece]) -> list[Block]:
    groups: list[list[Piece]] = []
    for piece in pieces:
        if not groups or piece.top >= groups[-1][0].top + FOLDED_MINUTES:
            groups.append([])
        groups[-1].append(piece)
    return [
        Block(tuple(group), group[0].top, group[0].top + MIN_MINUTES, MAX_LANES - 1, 1, MAX_LANES) for group in groups
    ]


def slot_at(day: date, minutes: float, now: datetime) -> datetime:
    """Return the half hour that a click means, as naive wall time; the next one if this one has begun.

    :param minutes: since midnight, as the column shows it
    :param now: the naive wall time
    """
    slot = datetime.combine(day, time()) + timedelta(minutes=min(minutes, DAY_MINUTES - 1)) // SLOT * SLOT
    return slot + SLOT if slot <= now < slot + SLOT else slot
