"""Which time range the histogram shows, and what a person asked it to show. No elements here."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .filter import LogFilter
from .range_picker import Span

USUAL = timedelta(minutes=15)
SHORTER = (timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=5))
"""For a log that is younger than `USUAL`."""
SHORTEST = timedelta(seconds=30)
FRESH = timedelta(minutes=1)
"""A run counts as live for this long after its last line."""
NO_SELECTION: Span = (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A time range; without an `end` it ends now: then it keeps its length if it `slides`, and grows otherwise."""

    start: datetime
    end: datetime | None = None
    slides: bool = False

    def covers(self, span: Span, now: datetime) -> bool:
        """Whether all of a range that has a start lies in this window."""
        start, end = span
        return start is not None and self.start <= start and (end or now) <= (self.end or now)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the histogram is asked to show. Each method returns the view after one act of a person.

    There are three kinds, and `__post_init__` refuses any other combination:

    - free: `held` is None. The window follows the log, or surrounds the selection.
    - held: something was selected in a window, which is kept so that the selection does not slide away.
    - zoomed: held, and `unzoomed` is the window to return to.
    """

    run: str | None = None
    source: str = ''
    selection: Span = NO_SELECTION
    is_whole: bool = False
    """Whether a free window shows the whole log; for a run it always does."""
    held: Window | None = None
    unzoomed: Window | None = None

    def __post_init__(self) -> None:
        if self.held is not None and not self.has_selection:
            raise ValueError('a window is held for a selection only')
        if self.unzoomed is not None and self.held is None:
            raise ValueError('a zoomed window is held')

    @property
    def has_selection(self) -> bool:
        return self.selection != NO_SELECTION

    @property
    def is_zoomed(self) -> bool:
        return self.unzoomed is not None

    def filtered(self, only: LogFilter, shown: Window | None, now: datetime) -> 'View':
        """Count and select what this filter lets through.

        :param shown: the window that is shown; held if the selection lies in it
        """
        selection = (only.start, only.end)
        is_same = (only.run, only.source) == (self.run, self.source)
        if is_same and selection == self.selection:
            return self
        held = shown if is_same and shown is not None and shown.covers(selection, now) else None
        return replace(self, run=only.run, source=only.source, selection=selection, held=held, unzoomed=None)

    def selected(self, selection: Span, shown: Window | None) -> 'View':
        """Select this range in the window that is shown, and keep that; or select nothing."""
        if shown is None or selection == NO_SELECTION:
            return replace(self, selection=selection, held=None, unzoomed=None)
        return replace(self, selection=selection, held=shown)

    def zoomed_in(self, shown: Window) -> 'View':
        """Show only the selection."""
        start, end = self.selection
        return replace(self, held=Window(start=start or shown.start, end=end), unzoomed=self.unzoomed or shown)

    def zoomed_out(self) -> 'View':
        """Show what was shown before zooming in."""
        return replace(self, held=self.unzoomed, unzoomed=None)

    def window(self, lines: tuple[datetime, datetime] | None, now: datetime) -> Window:
        """The window to show.

        :param lines: when the oldest and the newest line was logged, None without any
        """
        if self.held is not None:
            return self.held
        usual = (whole_window if self.run or self.is_whole else usual_window)(lines, now)
        return window_for(self.selection, usual, lines, now)


def usual_window(lines: tuple[datetime, datetime] | None, now: datetime) -> Window:
    """The last minutes if anything was logged in them, else the last minutes before the newest line."""
    if lines is None:
        return Window(start=now - USUAL, slides=True)
    oldest, newest = lines
    if newest < now - USUAL:
        start = max(oldest, newest - USUAL)
        return Window(start=start, end=_end_after(newest, start))
    length = next((length for length in SHORTER if oldest >= now - length), USUAL)
    return Window(start=now - length, slides=True)


def whole_window(lines: tuple[datetime, datetime] | None, now: datetime) -> Window:
    """From the first line to the last, or to now if that is fresh."""
    if lines is None:
        return usual_window(None, now)
    oldest, newest = lines
    return Window(start=oldest, end=None if newest > now - FRESH else _end_after(newest, oldest))


def window_for(selection: Span, usual: Window, lines: tuple[datetime, datetime] | None, now: datetime) -> Window:
    """A window that shows the selection: `usual` if that does, else one with some time around it."""
    start, end = selection
    if selection == NO_SELECTION or usual.covers(selection, now):
        return usual
    if start is None:
        start = min(lines[0] if lines else now, end or now)
    if end is None or end >= now:
        return Window(start=min(start, now - SHORTEST))
    around = max(end - start, SHORTEST) / 2
    return Window(start=start - around, end=end + around if end + around < now else None)


def _end_after(newest: datetime, start: datetime) -> datetime:
    """An end after the newest line, and far enough from the start for a chart."""
    return max(newest + timedelta(seconds=1), start + SHORTEST)
