"""The bars that the browser shows: what they count, and which changes it does not have yet. No elements here."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from synapse.log.log import Entry

from .buckets import MOST_BUCKETS, Buckets, last_words, marks_of
from .line_counts import NOTHING, Counts, added, counted
from .window import USUAL, Window

SMALL = 1 / 3
"""A selection that takes less of the plot than this can be zoomed into."""


class Bars:
    """Counts of lines by level group in equal buckets over a window; the last bucket moves on with the clock.

    :param counts: of each bucket, in order
    """

    def __init__(self, window: Window, buckets: Buckets, counts: Sequence[Counts], zone: str) -> None:
        self.window, self.buckets = window, buckets
        self._zone = zone
        self._counts = {number: found for number, found in enumerate(counts, start=buckets.first) if any(found)}
        self._changed: set[int] = set()
        self._has_moved = False

    @property
    def is_live(self) -> bool:
        """Whether the window ends now."""
        return self.window.end is None

    @property
    def shown(self) -> Window:
        """What is shown at this moment, as a window that does not slide."""
        return Window(start=self.buckets.start, end=self.window.end)

    def hold(self) -> None:
        """Keep the first bucket: the window no longer slides."""
        self.window = self.shown

    def add(self, entries: Sequence[Entry]) -> None:
        """Count new lines; those outside the window are ignored."""
        for number, counts in counted(entries, self.buckets).items():
            if self.buckets.first <= number <= self.buckets.last:
                self._counts[number] = added(self._counts.get(number), counts)
                self._changed.add(number)

    def correct(self, counts: Sequence[Counts], first: int) -> None:
        """Take counts that were read again, from bucket `first` on; buckets that are gone are ignored."""
        for number, found in enumerate(counts, start=first):
            if number >= self.buckets.first and found != self._counts.get(number, NOTHING):
                self._counts[number] = found
                self._changed.add(number)

    def move_to(self, now: datetime) -> bool:
        """Slide or grow with the clock; whether another window should be chosen now."""
        if not self.is_live or self.buckets.number_of(now) <= self.buckets.last:
            return False
        self.buckets = self.buckets.slid_to(now) if self.window.slides else self.buckets.grown_to(now)
        self._has_moved = True
        gone = [number for number in self._counts if number < self.buckets.first]
        had_lines = any(any(self._counts[number]) for number in gone)
        for number in gone:
            del self._counts[number]
        self._changed.difference_update(gone)
        return self.buckets.count > MOST_BUCKETS + 1 or (had_lines and self._is_outgrown())

    def _is_outgrown(self) -> bool:
        """Whether all lines slid out of the window, or some out of a window that was short for a young log."""
        length = self.buckets.count * self.buckets.seconds
        return length < USUAL.total_seconds() - self.buckets.seconds or not any(map(any, self._counts.values()))

    def picture(self) -> dict[str, Any]:
        """Everything, for a browser that has nothing of these bars."""
        self._changed.clear()
        self._has_moved = False
        bars = [[number, *counts] for number, counts in self._counts.items()]
        return {'seconds': self.buckets.seconds, 'offset': self.buckets.offset, 'bars': bars, **self._frame()}

    def take_change(self) -> dict[str, Any] | None:
        """What the browser does not have yet; None if it has everything. Bars are whole, so that none counts twice."""
        if not (self._changed or self._has_moved):
            return None
        change: dict[str, Any] = {'bars': [[number, *self._counts[number]] for number in sorted(self._changed)]}
        if self._has_moved:
            change |= self._frame()
        self._changed.clear()
        self._has_moved = False
        return change

    def _frame(self) -> dict[str, Any]:
        """Where the bars are; changes as the window slides or grows."""
        marks = [[int(moment.timestamp() * 1000), words] for moment, words in marks_of(self.buckets, self._zone)]
        return {'first': self.buckets.first, 'count': self.buckets.count, 'isLive': self.is_live, 'marks': marks}

    def extent_words(self) -> str:
        """`The last 15 min.` for a window that shows less than the whole log, else empty."""
        if not self.window.slides:
            return ''
        seconds = (self.buckets.last - self.buckets.first) * self.buckets.seconds
        return last_words(max(1, round(seconds / 30)) * 30)

    def is_small(self, start: datetime | None, end: datetime | None) -> bool:
        """Whether a selection takes so little of the plot that zooming in would show more."""
        buckets = self.buckets
        if start is None or buckets.seconds == 1 or start < buckets.start:
            return False
        length = (min(end or buckets.end, buckets.end) - start).total_seconds()
        return 0 < length < SMALL * buckets.count * buckets.seconds
