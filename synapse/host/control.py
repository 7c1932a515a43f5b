"""What the control room asks of a live run: pause, resume, stop."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Cancelled(BaseException):
    """The run was asked to stop. Not an `Exception`, so that `except Exception` in a step does not swallow it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a question as a JSON value, or that no one answered in time."""

    answer: Any
    is_expired: bool = False


class Control:
    """Shared by the thread that listens to the control room and those that run steps.

    :param on_hold: called with True when the first thread holds, and with False when the last one resumes
    """

    def __init__(self, on_hold: Callable[[bool], None]) -> None:
        self.cancelled = False
        self._allowed_until = 0.0
        self._on_hold = on_hold
        self._changed = threading.Condition()
        self._pausing = False
        self._holding = 0
        self._held_since = 0.0
        self._held_seconds = 0.0
        self._on_cancel: list[Callable[[], None]] = []
        self._replies: dict[str, Reply] = {}

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

    def allow(self, seconds: float) -> None:
        """Give what is being ended this many seconds from now, before anything else is done about it."""
        self._allowed_until = max(self._allowed_until, time.monotonic() + seconds)

    @property
    def allowed(self) -> float:
        """The seconds that are left of what was allowed, 0 if nothing is being ended."""
        return max(0.0, self._allowed_until - time.monotonic())

    def gate(self) -> None:
        """Hold here while the run is paused.

        :raises Cancelled: if the run was asked to stop
        """
        if self._pausing and not self.cancelled:
            self._hold(lambda: True)
        if self.cancelled:
            raise Cancelled

    def reply(self, question: str, reply: Reply) -> None:
        """Let the thread that waits for this question continue."""
        with self._changed:
            self._replies[question] = reply
            self._changed.notify_all()

    def wait_for_reply(self, question: str) -> Reply:
        """Hold here until `reply` is called for this question, and longer while the run is paused.

        :raises Cancelled: if the run was asked to stop
        """
        self._hold(lambda: question in self._replies)
        if self.cancelled:
            raise Cancelled
        return self._replies.pop(question)

    def wait_for_answer(self, id: str) -> Any:
        """Wait until `reply` is called for this, also while the run is paused or stopping: it takes a moment only."""
        with self._changed:
            self._changed.wait_for(lambda: id in self._replies)
            return self._replies.pop(id).answer

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

    def _hold(self, is_over: Callable[[], bool]) -> None:
        with self._changed:
            self._holding += 1
            if self._holding == 1:
                self._held_since = time.monotonic()
                self._on_hold(True)
            try:
                self._changed.wait_for(lambda: self.cancelled or (is_over() and not self._pausing))
            finally:
                self._holding -= 1
                if not self._holding:
                    self._held_seconds += time.monotonic() - self._held_since
                    self._on_hold(False)
