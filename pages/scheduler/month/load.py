"""How busy a day is: each run at its time and length on a strip of 24 hours, and where there are too many at once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pages.parts.html import look_of
from pages.scheduler.parts.days import RANKS
from synapse.calendar.events import CalendarEntry

MOST_MARKS = 96
"""More than a strip of a cell can tell apart; beyond it a mark stands for a quarter of an hour."""
AHEAD = frozenset({'planned', 'queued', 'running', 'paused'})
SHORTEST = 1.0
"""Seconds that a run takes up of which nobody knows how long it will take."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of the strip in per cent; dim where the filter hides its run."""

    left: float
    width: float
    look: str
    is_dim: bool = False


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many runs go at the same time at most, and when more than may, in per cent of the day."""

    most: int = 0
    spans: tuple[tuple[float, float], ...] = ()


Passes = Callable[[CalendarEntry], bool]


def marks_of(entries: Sequence[CalendarEntry], start: datetime, end: datetime, passes: Passes) -> tuple[Mark, ...]:
    """The marks of a day, by time.

    :param start: when the day begins, and `end` when it ends: 23 or 25 hours apart where the clocks change
    :param passes: whether the filter shows an entry
    """
    if len(entries) > MOST_MARKS:
        return _gathered(entries, start, end, passes)
    day = (end - start).total_seconds()
    marks = []
    for entry in entries:
        left = max(0.0, (entry.at - start).total_seconds())
        right = min(day, left + (entry.seconds or 0.0))
        width = round(100 * (right - left) / day, 2)
        marks.append(Mark(round(100 * left / day, 2), width, look_of(entry.state), not passes(entry)))
    return tuple(marks)


def _gathered(entries: Sequence[CalendarEntry], start: datetime, end: datetime, passes: Passes) -> tuple[Mark, ...]:
    """One mark a quarter of an hour, in the colour of what matters most then."""
    best: dict[int, tuple[bool, int, str]] = {}
    stretch = (end - start) / MOST_MARKS
    for entry in entries:
        place = (entry.at - start) // stretch
        here = (not passes(entry), RANKS[entry.state], entry.state)
        if place not in best or here < best[place]:
            best[place] = here
    width = round(100 / MOST_MARKS, 2)
    return tuple(
        Mark(round(100 * place / MOST_MARKS, 2), width, look_of(state), is_dim)
        for place, (is_dim, _, state) in sorted(best.items())
    )


def crowd_of(
    entries: Iterable[CalendarEntry], start: datetime, end: datetime, *, workers: int, limits: Mapping[str, int]
) -> Crowd:
    """Where what is to come asks for more runs at once than there are workers, or than a pipeline allows of its own.

    :param limits: how many runs of a pipeline may go at the same time, for those that say so
    """
    ahead = [entry for entry in entries if entry.state in AHEAD]
    most, spans = _crowded(ahead, workers)
    for name, limit in limits.items():
        own, more = _crowded([entry for entry in ahead if entry.pipeline == name], limit)
        most, spans = max(most, own), [*spans, *more]
    if not spans:
        return Crowd()
    first, day = start.timestamp(), (end - start).total_seconds()
    shares = [(100 * max(0.0, begin - first) / day, 100 * min(day, finish - first) / day) for begin, finish in spans]
    return Crowd(most, tuple((round(left, 2), round(right - left, 2)) for left, right in _joined(shares)))


def _crowded(entries: Iterable[CalendarEntry], limit: int) -> tuple[int, list[tuple[float, float]]]:
    """The largest crowd above the limit (else 0), and from when to when it is exceeded."""
    turns = [
        turn
        for entry in entries
        for begin in (entry.at.timestamp(),)
        for turn in ((begin, 1), (begin + (entry.seconds or SHORTEST), -1))
    ]
    most, count, since, spans = 0, 0, 0.0, []
    for moment, change in sorted(turns):  # where one ends as another begins, the end comes first
        if change > 0 and count == limit:
            since = moment
        if change < 0 and count == limit + 1:
            spans.append((since, moment))
        count += change
        if count > limit:
            most = max(most, count)
    return most, spans


def _joined(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for begin, finish in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], finish)
        else:
            joined.append((begin, finish))
    return joined
