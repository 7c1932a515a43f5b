"""What the control room asks of a live run: pause, resume, stop."""

import threading
import time
from collections.abc import Callable


class Cancelled(BaseException):
    """The run was asked to stop. Not an `Exception`, so that `except Exception` in a step does not swallow it."""


class Control:
    """Shared by the thread that listens to the control room and those that run steps.

    :param on_hold: called with True when the first thread holds, and with False when the last one resumes
    """

    def __init__(self, on_hold: Callable[[bool], None]) -> None:
        self.cancelled = False
        self._on_hold = on_hold
        self._changed = threading.Condition()
        self._pausing = False
        self._holding = 0
        self._held_since = 0.0
        self._held_seconds = 0.0
        self._on_cancel: list[Callable[[], None]] = []

    @property
    def is_pausing(self) -> bool:
        """Whether the run was asked to pause and not yet to resume."""
        return self._pausing

    def pause(self) -> None:
        with self._changed:
            self._pausing = True

    def resume(self) -> None:
        with self._changed:
            self._pausing = False
            self._changed.notify_all()

    def cancel(self) -> None:
        with self._changed:
            self.cancelled = True
            self._changed.notify_all()
            callbacks = tuple(self._on_cancel)
        for callback in callbacks:
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back from the thread that calls `cancel`, or at once if that has happened already.

        :return: a function that removes the callback
        """
        with self._changed:
            self._on_cancel.append(callback)
            is_cancelled = self.cancelled
        if is_cancelled:
            callback()
        return lambda: self._on_cancel.remove(callback)

    def gate(self) -> None:
        """Hold here while the run is paused.

        :raises Cancelled: if the run was asked to stop
        """
        if self._pausing and not self.cancelled:
            self._hold()
        if self.cancelled:
            raise Cancelled

    def sleep(self, seconds: float) -> None:
        """Wait, then hold while the run is paused.

        :raises Cancelled: as soon as the run is asked to stop
        """
        with self._changed:
            self._changed.wait_for(lambda: self.cancelled, timeout=seconds)
        self.gate()

    def clock(self) -> float:
        """Seconds since some moment, without those for which the run has held: what timeouts are measured with."""
        with self._changed:
            return (self._held_since if self._holding else time.monotonic()) - self._held_seconds

    def _hold(self) -> None:
        with self._changed:
            self._holding += 1
            if self._holding == 1:
                self._held_since = time.monotonic()
                self._on_hold(True)
            try:
                self._changed.wait_for(lambda: self.cancelled or not self._pausing)
            finally:
                self._holding -= 1
                if not self._holding:
                    self._held_seconds += time.monotonic() - self._held_since
                    self._on_hold(False)
