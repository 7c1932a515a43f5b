"""Raises an exception in the step that the main thread runs, wherever it is."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from time import sleep
from types import FrameType

from synapse.protocol import spool as spool_module

from . import channel as channel_module
from . import streams as streams_module

_FIRST_REPEAT_SECONDS = 0.01
_LAST_REPEAT_SECONDS = 1.0
_ASKED = b'\0'
_UNINTERRUPTIBLE = {channel_module.__file__, spool_module.__file__, streams_module.__file__}


class Interrupts:
    """Raises an exception in the step that the main thread runs, from another thread or a signal.

    Never inside the channel or the streams, where half a line would spoil all that follows: these call
    `raise_pending` when they are done.

    A signal that comes in the instant before the main thread begins to wait in a system call does not end that wait,
    nor does one that another thread receives: its handler would run only afterwards, after a `time.sleep(60)` for
    instance. So another thread hears of each through `signal.set_wakeup_fd`, and sends `SIGUSR2` until a handler runs.
    """

    def __init__(self) -> None:
        self._armed = False
        self._pending: BaseException | None = None
        self._was_handled = False
        if sys.platform == 'win32':
            return
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        signal.signal(signal.SIGUSR2, self._on_signal)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        os.register_at_fork(after_in_child=self._become_fork)
        threading.Thread(target=self._repeat, name='synapse-interrupt', daemon=True).start()

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
        """Raise it in the step as soon as possible; for any thread and for signal handlers."""
        self._pending = error
        if sys.platform != 'win32':
            with contextlib.suppress(BlockingIOError):  # full of what says the same
                os.write(self._wake, _ASKED)

    def raise_pending(self) -> None:
        """Raise the pending interrupt, if there is one and this is the main thread and it runs a step."""
        if self._armed and self._pending is not None and threading.current_thread() is threading.main_thread():
            error, self._pending = self._pending, None
            raise error

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._was_handled = True
        if not _is_in_output_code(frame):
            self.raise_pending()

    def _repeat(self) -> None:
        main = threading.main_thread().ident
        while sys.platform != 'win32' and main is not None:
            if not {*_ASKED, signal.SIGTERM} & {*os.read(self._woken, 512)}:
                continue
            self._was_handled, seconds = False, _FIRST_REPEAT_SECONDS
            while not self._was_handled or (self._armed and self._pending is not None):
                signal.pthread_kill(main, signal.SIGUSR2)
                sleep(seconds)
                seconds = min(2 * seconds, _LAST_REPEAT_SECONDS)

    def _become_fork(self) -> None:
        # Its signals are its own: they must not be repeated here.
        signal.set_wakeup_fd(-1)


def _is_in_output_code(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename in _UNINTERRUPTIBLE:
            return True
        frame = frame.f_back
    return False
