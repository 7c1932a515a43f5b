"""Shows progress often enough for a person, and seldom enough for a loop over many small files."""

import time
from collections.abc import Callable

from synapse.host.run import Run
from synapse.language import _
from synapse.sizes import size_of

_SECONDS = 0.1


class Pace:
    """Calls `Run.progress` at most ten times a second, which also holds a paused run and stops a cancelled one."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._next = 0.0

    def show(self, percent: float, note: str) -> None:
        """Show how far a step is, unless something was shown a moment ago.

        :raises Cancelled: if the run was asked to stop
        """
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _SECONDS
            self._run.progress(percent, note)

    def of(self, total: int) -> Callable[[int], None]:
        """Return a function that shows how many of so many bytes are done."""

        def show(done: int) -> None:
            if time.monotonic() >= self._next:
                self.show(
                    min(99.9, 100 * done / total) if total else 0,
                    _('{done} of {total}', done=size_of(done), total=size_of(total)),
                )

        return show

    def finish(self, total: int) -> None:
        """Show that all bytes are done."""
        self._run.progress(100, _('{done} of {total}', done=size_of(total), total=size_of(total)))
