"""How a step ends that does not end by itself: interrupted where it is, and given up if it ignores that."""

import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Literal

from synapse.pipelines.pipeline import Step
from synapse.pipelines.problems import StepTimeout
from synapse.protocol import spool as spool_module

from . import channel as channel_module
from . import streams as streams_module
from .control import Control

GIVE_UP_SECONDS = 2.0
"""How long a step that was told its time is over may take to end by itself."""

_KICK_SECONDS = 0.01
_MAY_NOT_BREAK = {channel_module.__file__, spool_module.__file__, streams_module.__file__}


class Interrupts:
    """Raises an exception in the step that the main thread runs, from another thread or a signal.

    Never inside the channel or the streams, since half a line there would spoil all that follows: these call `let_in`
    when they are done.
    """

    def __init__(self) -> None:
        self._armed = False
        self._wanted: BaseException | None = None
        if sys.platform != 'win32':
            signal.signal(signal.SIGUSR2, self._on_signal)

    def armed(self) -> '_Armed':
        """A context in which interrupts are let in."""
        return _Armed(self)

    def interrupt(self, error: BaseException) -> None:
        self._wanted = error
        self._kick()

    def set_armed(self, armed: Literal['yes', 'no']) -> None:
        self._armed = armed == 'yes'
        if not self._armed:
            self._wanted = None

    def let_in(self) -> None:
        """Raise here what is wanted, if this is the main thread and it runs a step."""
        if self._armed and self._wanted is not None and threading.current_thread() is threading.main_thread():
            error, self._wanted = self._wanted, None
            raise error

    def _kick(self) -> None:
        if self._wanted is not None and sys.platform != 'win32':
            ident = threading.main_thread().ident
            if ident is not None:
                signal.pthread_kill(ident, signal.SIGUSR2)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self._armed or self._wanted is None:
            return
        if _is_in_our_hands(frame):
            timer = threading.Timer(_KICK_SECONDS, self._kick)
            timer.daemon = True
            timer.start()
            return
        self.let_in()


class _Armed:
    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts

    def __enter__(self) -> None:
        self._interrupts.set_armed('yes')

    def __exit__(self, *_: object) -> None:
        self._interrupts.set_armed('no')


def _is_in_our_hands(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename in _MAY_NOT_BREAK:
            return True
        frame = frame.f_back
    return False


class Deadline:
    """Watches over one try of a step: interrupts it when its time is over, and gives up 2 s later.

    The time a run is paused does not count.
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
        self._thread: threading.Thread | None = None

    def timeout(self) -> StepTimeout:
        return StepTimeout(self._step.name, self._step.timeout or 0.0)

    def __enter__(self) -> 'Deadline':
        if self._step.timeout is not None:
            self._thread = threading.Thread(target=self._watch, args=(self._step.timeout,), daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _watch(self, seconds: float) -> None:
        begun, held = time.monotonic(), self._control.held_seconds()
        while (left := seconds - (time.monotonic() - begun) + self._control.held_seconds() - held) > 0:
            if self._over.wait(left):
                return
        self.has_passed = True
        if self.cancel_task is not None:
            self.cancel_task()
        else:
            self._interrupts.interrupt(self.timeout())
        if not self._over.wait(GIVE_UP_SECONDS) and not self._control.cancelled:
            self._give_up(self._step, self.timeout())
