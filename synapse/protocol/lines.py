"""Cuts the output of programs into the lines of the log, in run hosts and in the control room."""

import codecs

from .screen import Screen
from .screen_row import LiveRow


def leaves_rows(data: bytes) -> bool:
    """Whether a screen may keep something of these bytes, so that it must learn of the end of the output."""
    return not data.endswith(b'\n') or any(sign in data for sign in (b'\r', b'\x1b', b'\b', b'..........'))


class ByteLines:
    """`Screen` for bytes, decoded as UTF-8; invalid bytes become replacement characters."""

    def __init__(self) -> None:
        self._screen = Screen()
        self._decoder = codecs.getincrementaldecoder('utf-8')('replace')

    @property
    def size(self) -> int:
        """Characters of the unfinished line."""
        return self._screen.size

    @property
    def is_idle(self) -> bool:
        """Whether a new object would do the same with whatever comes next."""
        return self._screen.is_idle and not self._decoder.getstate()[0]

    @property
    def rows(self) -> list[LiveRow]:
        """The rows that are not complete."""
        return self._screen.rows

    @property
    def due(self) -> float | None:
        """When `settle` will return the next line, if nothing more is printed."""
        return self._screen.due

    def feed(self, data: bytes, now: float) -> list[str]:
        """Return the lines that these bytes complete.

        :param now: when they were printed, in seconds by a clock of the caller's choice
        """
        return self._screen.feed(self._decoder.decode(data), now)

    def settle(self, now: float) -> list[str]:
        """Return the lines of redrawn rows that have been left alone for long enough."""
        return self._screen.settle(now)

    def finish(self) -> list[str]:
        """Return what is left, as lines."""
        lines = self._screen.feed(self._decoder.decode(b'', True), 0.0) + self._screen.finish()
        self._screen = Screen()
        return lines
