"""Ends a step that does not end by itself: interrupts it, and gives up on it if it ignores that."""

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from synapse.pipelines.pipeline import Step
from synapse.pipelines.problems import StepTimeout
from synapse.protocol import spool as spool_module

from . import channel as channel_module
from . import streams as streams_module
from .control import Control

GIVE_UP_SECONDS = 2.0
"""How long a step may take to end after its timeout has interrupted it."""

_KICK_SECONDS = 0.01
_UNINTERRUPTIBLE = {channel_module.__file__, spool_module.__file__, streams_module.__file__}


class Interrupts:
    """Raises an exception in the step that the main thread runs, from another thread or a signal.

    Never inside the channel or the streams, where half a line would spoil all that follows: these call
    `raise_pending` when they are done.
    """

    def __init__(self) -> None:
        self._armed = False
        self._pending: BaseException | None = None
        if sys.platform != 'win32':
            signal.signal(signal.SIGUSR2, self._on_signal)

    @contextlib.contextmanager
    def armed(self) -> Iterator[None]:
        """A context in which interrupts are raised."""
        self._armed = True
        try:
            yield
        finally:
            self._armed = False
            self._pending = None

    def interrupt(self, error: BaseException) -> None:
        self._pending = error
        self._kick()

    def raise_pending(self) -> None:
        """Raise the pending interrupt, if there is one and this is the main thread and it runs a step."""
        if self._armed and self._pending is not None and threading.current_thread() is threading.main_thread():
            error, self._pending = self._pending, None
            raise error

    def _kick(self) -> None:
        if self._pending is not None and sys.platform != 'win32':
            ident = threading.main_thread().ident
            if ident is not None:
                signal.pthread_kill(ident, signal.SIGUSR2)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self._armed or self._pending is None:
            return
        if _is_in_output_code(frame):
            timer = threading.Timer(_KICK_SECONDS, self._kick)
            timer.daemon = True
            timer.start()
            return
        self.raise_pending()


def _is_in_output_code(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename in _UNINTERRUPTIBLE:
            return True
        frame = frame.f_back
    return False


class Deadline:
    """Watches one attempt of a step: interrupts it after its timeout, and gives up on it 2 s later.

    If it is ending a program then, it is given up when the time for that is over.

    Time for which the run is paused does not count.

    :param give_up: called from another thread if the step ignores the interrupt
    """

    def __init__(
        self,
        step: Step,
        control: Control,
        interrupts: Interrupts,
        give_up: Callable[[Step, StepTimeout], None],
    ) -> None:
        self.has_passed = False
        self.cancel_task: Callable[[], None] | None = None
        self._step = step
        self._control = control
        self._interrupts = interrupts
        self._give_up = give_up
        self._over = threading.Event()

    def timeout(self) -> StepTimeout:
        return StepTimeout(self._step.name, self._step.timeout or 0.0)

    def __enter__(self) -> 'Deadline':
        if self._step.timeout is not None:
            threading.Thread(target=self._watch, args=(self._step.timeout,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _watch(self, seconds: float) -> None:
        until = self._control.clock() + seconds
        while (left := until - self._control.clock()) > 0:
            if self._over.wait(left):
                return
        self.has_passed = True
        if self.cancel_task is not None:
            self.cancel_task()
        else:
            self._interrupts.interrupt(self.timeout())
        wait = GIVE_UP_SECONDS
        while not self._over.wait(wait):
            if allowed := self._control.allowed:
                wait = allowed + GIVE_UP_SECONDS
                continue
            if not self._control.cancelled:
                self._give_up(self._step, self.timeout())
            return
