"""How far a backup is: told by the thread that makes it, and stopped from outside."""

import threading
import time
from collections.abc import Callable

TELL_SECONDS = 0.2


class Cancelled(Exception):
    """A person has stopped it; nothing of it is left."""


class Progress:
    """Safe to use from any thread.

    :param told: called in the thread that works, at most five times a second, with stage, bytes done and bytes in all
    """

    def __init__(self, told: Callable[[str, int, int], object] = lambda stage, done, total: None) -> None:
        self._told = told
        self._stage, self._done, self._total = '', 0, 0
        self._last = 0.0
        self._is_cancelled = threading.Event()

    def enter(self, stage: str, total: int) -> None:
        """Begin a stage, in which so many bytes are worked through.

        :raises Cancelled: if it was stopped
        """
        self._stage, self._done, self._total = stage, 0, total
        self._last = 0.0
        self.add(0)

    def add(self, size: int) -> None:
        """Note that so many more bytes are done.

        :raises Cancelled: if it was stopped
        """
        self.at(self._done + size)

    def at(self, done: int) -> None:
        """Note how many bytes of this stage are done.

        :raises Cancelled: if it was stopped
        """
        if self._is_cancelled.is_set():
            raise Cancelled
        self._done = done
        now = time.monotonic()
        if now - self._last >= TELL_SECONDS:
            self._last = now
            self._told(self._stage, done, self._total)

    def cancel(self) -> None:
        """Have the work stop at its next bytes."""
        self._is_cancelled.set()
