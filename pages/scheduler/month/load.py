"""How busy a day is: each run on a strip of 24 hours, and where too many of them overlap."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pages.parts.html import look_of
from pages.scheduler.parts.entries import RANKS
from synapse.calendar.events import CalendarEntry

MAX_MARKS = 96
"""As many as the strip of a cell can tell apart; with more, each mark stands for a quarter of an hour."""
AHEAD = frozenset({'planned', 'queued', 'running', 'paused'})
UNKNOWN_SECONDS = 1.0
"""How long a run of unknown length is taken to be."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A span of the strip, in percent of the day; dim if the filter hides its run."""

    left: float
    width: float
    look: str
    is_dim: bool = False


@dataclass(frozen=True, slots=True)
class Crowd:
    """The most runs that overlap where there are too many (else 0), and where that is, in percent of the day."""

    most: int = 0
    spans: tuple[tuple[float, float], ...] = ()


Passes = Callable[[CalendarEntry], bool]


def marks_of(entries: Sequence[CalendarEntry], start: datetime, end: datetime, passes: Passes) -> tuple[Mark, ...]:
    """Return the marks of a day.

    :param end: 23 or 25 hours after `start` if the clocks change
    :param passes: whether the filter shows an entry
    """
    if len(entries) > MAX_MARKS:
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
    """Return one mark for each quarter of an hour, in the color of what matters most in it."""
    best: dict[int, tuple[bool, int, str]] = {}
    stretch = (end - start) / MAX_MARKS
    for entry in entries:
        place = (entry.at - start) // stretch
        here = (not passes(entry), RANKS[entry.state], entry.state)
        if place not in best or here < best[place]:
            best[place] = here
    width = round(100 / MAX_MARKS, 2)
    return tuple(
        Mark(round(100 * place / MAX_MARKS, 2), width, look_of(state), is_dim)
        for place, (is_dim, _, state) in sorted(best.items())
    )


def crowd_of(
    entries: Iterable[CalendarEntry], start: datetime, end: datetime, *, workers: int, limits: Mapping[str, int]
) -> Crowd:
    """Return where coming runs exceed the workers, or the limit of their pipeline.

    :param limits: how many runs of a pipeline may run at once, for pipelines with a limit
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
    joined = _joined(shares)
    if len(joined) > MAX_MARKS:
        joined = _joined(_rounded(joined))
    return Crowd(most, tuple((round(left, 2), round(right - left, 2)) for left, right in joined))


def _rounded(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the spans from quarter to quarter of an hour."""
    step = 100 / MAX_MARKS
    return [(begin // step * step, min(100.0, -(-finish // step) * step)) for begin, finish in spans]


def _crowded(entries: Iterable[CalendarEntry], limit: int) -> tuple[int, list[tuple[float, float]]]:
    """Return the largest number above the limit (else 0), and the spans in which the limit is exceeded."""
    turns = [
        turn
        for entry in entries
        for begin in (entry.at.timestamp(),)
        for turn in ((begin, 1), (begin + (entry.seconds or UNKNOWN_SECONDS), -1))
    ]
    most, count, since, spans = 0, 0, 0.0, []
    for moment, change in sorted(turns):  # a run that ends as another begins does not overlap it
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
