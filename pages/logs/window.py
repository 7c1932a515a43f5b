"""Which stretch of time the histogram of the log shows, where nobody asked for one. Knows no screen."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from .range_picker import Span

USUAL = timedelta(minutes=15)
SHORTER = (timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=5))
"""For a log that is younger than that."""
SHORTEST = timedelta(seconds=30)
FRESH = timedelta(minutes=1)
"""Lines of a run may come this much later and still count as live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From a moment to another, or to now.

    `slides` says that it keeps its length as time goes on; otherwise one that ends now grows.
    """

    start: datetime
    end: datetime | None = None
    slides: bool = False

    def covers(self, span: Span, now: datetime) -> bool:
        """Whether all of a range that has a beginning lies in it."""
        start, end = span
        return start is not None and self.start <= start and (end or now) <= (self.end or now)


def usual_window(lines: tuple[datetime, datetime] | None, now: datetime) -> Window:
    """The last minutes if anything was said in them, else the last minutes in which something was.

    :param lines: when the oldest and the newest line was said, None without any
    """
    if lines is None:
        return Window(start=now - USUAL, slides=True)
    oldest, newest = lines
    if newest < now - USUAL:
        return Window(start=max(oldest, newest - USUAL), end=_longer(max(oldest, newest - USUAL), newest))
    length = next((length for length in SHORTER if oldest >= now - length), USUAL)
    return Window(start=now - length, slides=True)


def whole_window(lines: tuple[datetime, datetime] | None, now: datetime) -> Window:
    """All that was said, such as by one run."""
    if lines is None:
        return usual_window(None, now)
    oldest, newest = lines
    return Window(start=oldest, end=None if newest > now - FRESH else _longer(oldest, newest))


def window_for(chosen: Span, usual: Window, lines: tuple[datetime, datetime] | None, now: datetime) -> Window:
    """One that shows what was chosen: `usual` if that does, else one with some of what is around it."""
    start, end = chosen
    if (start is None and end is None) or usual.covers(chosen, now):
        return usual
    if start is None:
        start = min(lines[0] if lines else now, end or now)
    if end is None or end >= now:
        return Window(start=min(start, now - SHORTEST))
    around = max(end - start, SHORTEST) / 2
    return Window(start=start - around, end=end + around if end + around < now else None)


def _longer(start: datetime, newest: datetime) -> datetime:
    """An end behind the newest line, never too near the beginning for a chart."""
    return max(newest + timedelta(seconds=1), start + SHORTEST)
