"""Sends what a step prints and warns to the control room, in order."""

import contextlib
import io
import itertools
import os
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from synapse.protocol.lines import ByteLines, leaves_rows

from .channel import FLOOD_BYTES, FLOOD_SECONDS, Channel

FLOOD_LINES = 20
"""This many lines within 25 ms are a flood, which ends when fewer come within 50 ms."""

REDRAW_SECONDS = 0.1
AGAIN = '\r\x1b[K'
"""To the start of a row, which is then drawn again."""

_numbers = itertools.count(1)


class Stream(io.TextIOWrapper):
    """Replaces `sys.stdout` or `sys.stderr`; programs started with it as their output write to the real one.

    Each line is sent at once. In a flood lines are held in memory, in C and without a call of ours, as in a program
    that prints to a file; they are sent every 50 ms and before anything else is sent.

    :param before: called before this stream sends anything, so that what the other stream holds goes first
    :param can_hold: whether it may hold lines in a flood; only one of two streams may, or their order would be lost
    """

    closed = False
    """Read by each write; as a computed attribute it would cost a third of a print."""

    def __init__(
        self,
        channel: Channel,
        source: str,
        fd: int,
        *,
        before: Callable[[], None] = lambda: None,
        can_hold: bool = False,
    ) -> None:
        self._channel = channel
        self._can_hold = can_hold
        self._captures: dict[int, list[str]] = {}
        self._captures_lock = threading.Lock()
        self._sink = _Sink(channel, source, fd, before, self._line_sent)
        # Line ends are not translated, even where files have other ones: the control room cuts the lines.
        sink: Any = self._sink
        super().__init__(sink, encoding='utf-8', errors='replace', newline='\n', line_buffering=True)
        self.mode = 'w'  # type: ignore[misc]
        self._bytes = _Bytes(self, self._sink)
        if hasattr(os, 'register_at_fork'):
            os.register_at_fork(before=self.drain, after_in_child=self._become_fork)

    @property
    def buffer(self) -> '_Bytes':  # type: ignore[override]
        """For bytes, which keep their order with the text."""
        return self._bytes

    def reconfigure(self, **options: Any) -> None:
        """Do nothing: programs ask for UTF-8 or line buffering, and have both."""

    def close(self) -> None:
        """Send what is held. It is not closed: a step that closes it may still print."""
        self.drain()

    def drain(self) -> None:
        """Send what is held; does nothing if this stream was detached."""
        self.collect()
        self._sink.drain()

    def collect(self) -> None:
        """Move what this object holds to the sink, which does not send it yet."""
        self._sink.is_holding = True
        try:
            with contextlib.suppress(ValueError):
                super().flush()
        finally:
            self._sink.is_holding = False

    def finish(self) -> None:
        """Send what is held; text without a line end becomes a line."""
        self.drain()
        self._sink.finish()

    def tick(self, seconds: float) -> bool:
        """Send what is held, and check how much came in the seconds since the last call.

        :return: whether to call again soon
        """
        lines, self._sink.lines = self._sink.lines, 0
        is_holding = not self.line_buffering
        chunks, size = self._sink.held
        # Then the next print sends it, as fast as the disk and the control room allow: this thread must not wait.
        is_much = self._channel.is_backed_up or (is_holding and size > FLOOD_BYTES)
        if is_holding and (is_much or lines < FLOOD_LINES * seconds / FLOOD_SECONDS):
            self._hold(False)
        if not is_much:
            self.collect()
            # No more than was counted: on a busy machine much more is printed before this thread gets its turn.
            self._sink.drain(chunks + 1)
        return is_much or not self.line_buffering

    @property
    def is_captured(self) -> bool:
        """Whether what this thread prints is being captured."""
        return threading.get_ident() in self._captures

    def begin_capture(self, printed: list[str]) -> None:
        """Append what this thread prints to a list, instead of sending it, until `end_capture`."""
        with self._captures_lock:
            self._captures[threading.get_ident()] = printed
            # An attribute, found before the method, which costs nothing while there is no capture.
            self.write = self._write_captured  # type: ignore[method-assign]

    def end_capture(self) -> None:
        with self._captures_lock:
            self._captures.pop(threading.get_ident(), None)
            if not self._captures:
                vars(self).pop('write', None)

    def _write_captured(self, text: str, /) -> int:
        printed = self._captures.get(threading.get_ident())
        if printed is None:
            return super().write(text)
        printed.append(text)
        return len(text)

    def _line_sent(self) -> None:
        self._channel.wake()
        if self._can_hold and self._sink.lines >= FLOOD_LINES and not self._channel.is_backed_up:
            self._hold(True)
            self._channel.start_flood()

    def _hold(self, hold: bool) -> None:
        if self.line_buffering == hold:
            # `reconfigure` flushes first: if that wrote to the disk, other threads would add more lines meanwhile.
            self._sink.is_holding = True
            try:
                with contextlib.suppress(ValueError):
                    super().reconfigure(line_buffering=not hold)
            finally:
                self._sink.is_holding = False

    def _become_fork(self) -> None:
        self._captures_lock = threading.Lock()
        if not self._channel.is_open:
            return
        self._sink.renew_lock()
        self._can_hold = False
        self._hold(False)


class _Sink:
    """Where a `Stream` writes its bytes. Its `write` is `deque.append`, so no Python code can be interrupted there.

    Up to 3.12.3 a `TextIOWrapper` loses what another thread writes while it waits in `write` of its buffer
    (python/cpython#119506); here it never waits.
    """

    def __init__(
        self,
        channel: Channel,
        source: str,
        fd: int,
        before: Callable[[], None],
        on_line: Callable[[], None],
    ) -> None:
        self.name = f'<{source}>'
        self.lines = 0
        self.is_holding = False
        self._channel, self._source, self._fd = channel, source, fd
        self._before, self._on_line = before, on_line
        self._number = next(_numbers)
        self._chunks: deque[bytes] = deque()
        self.write = self._chunks.append
        self._is_unfinished = self._is_draining = self._must_repeat = False
        self._lock = threading.RLock()

    def flush(self) -> None:
        """Send what is held; called at each line end."""
        if self.is_holding or not self._channel.is_open:
            return
        # Raises an interrupt that came while an earlier line was sent and whose print has returned since.
        self._channel.after_output()
        self._before()
        if self.drain():
            self._on_line()

    def drain(self, most: int = sys.maxsize) -> bool:
        """Send what is held; whether there was any. In a recursive call the outer one does it.

        What arrives meanwhile is left for the next call: other threads may print faster than this can send.

        :param most: chunks to send; the rest is left as well
        """
        if not self._channel.is_open:
            return False
        has_sent = False
        with self._lock:
            self._must_repeat = True
            if self._is_draining:
                return False
            self._is_draining = True
            try:
                while self._must_repeat:
                    self._must_repeat = False
                    if data := b''.join(_taken(self._chunks, min(most, len(self._chunks)))):
                        self._send(data)
                        has_sent = True
            finally:
                self._is_draining = False
        return has_sent

    def finish(self) -> None:
        # Even after a line end: the row before may have been redrawn, or a colour still be on.
        if self._is_unfinished:
            self._is_unfinished = False
            self._channel.raw(self._number, self._source, b'', is_last=True)

    @property
    def held(self) -> tuple[int, int]:
        """How many chunks are held, and how many bytes these have."""
        chunks = tuple(self._chunks)
        return len(chunks), sum(map(len, chunks))

    def _send(self, data: bytes) -> None:
        if self._channel.is_fork:
            os.write(self._fd, data)
            return
        self.lines += data.count(b'\n')
        self._is_unfinished = self._is_unfinished or leaves_rows(data)
        self._channel.raw(self._number, self._source, data)

    def renew_lock(self) -> None:
        """Replace the lock after a fork: the thread that held it is not in this process."""
        self._lock, self._is_draining = threading.RLock(), False

    # What a `TextIOWrapper` needs of its buffer

    closed = False

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        """Do nothing, since others may still print."""


def _taken(chunks: deque[bytes], count: int) -> Iterator[bytes]:
    with contextlib.suppress(IndexError):
        for _ in range(count):
            yield chunks.popleft()


class _Bytes(io.RawIOBase):
    """`sys.stdout.buffer`."""

    def __init__(self, text: Stream, sink: _Sink) -> None:
        super().__init__()
        self._text, self._sink = text, sink

    def write(self, data: Any, /) -> int:
        taken = bytes(data)
        if self._text.is_captured:
            self._text.write(taken.decode('utf-8', 'replace'))
            return len(taken)
        self._text.collect()
        self._sink.write(taken)
        if self._text.line_buffering:
            self._sink.flush()
        return len(taken)

    def flush(self) -> None:
        self._text.drain()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._sink.fileno()


class ProgramOutput:
    """The output of one program that a step runs, sent as it arrives.

    It never waits for a full spool: the caller, which has a timeout to watch, does so while `is_backed_up`.
    """

    def __init__(self, channel: Channel, source: str) -> None:
        self._channel, self._source = channel, source
        self._number = next(_numbers)
        self._is_unfinished = False

    @property
    def is_backed_up(self) -> bool:
        return self._channel.is_backed_up

    def feed(self, data: bytes) -> None:
        with self._channel.without_waiting():
            self._channel.drain_streams()
            self._is_unfinished = self._is_unfinished or leaves_rows(data)
            self._channel.raw(self._number, self._source, data)
        self._channel.after_output()

    def finish(self) -> None:
        if self._is_unfinished:
            self._is_unfinished = False
            with self._channel.without_waiting():
                self._channel.raw(self._number, self._source, b'', is_last=True)


class FilteredOutput:
    """Passes lines on to a `ProgramOutput`, without those for which `on_line` returns True.

    A redrawn row is passed on too, as it is then, at most every 100 ms, and is drawn again.
    """

    def __init__(self, on_line: Callable[[str], bool | None], output: ProgramOutput) -> None:
        self._on_line, self._output = on_line, output
        self._lines = ByteLines()
        self._row = ''
        self._drawn_at = float('-inf')

    @property
    def is_backed_up(self) -> bool:
        return self._output.is_backed_up

    def feed(self, data: bytes) -> None:
        now = time.monotonic()
        self._pass_on([*self._lines.settle(now), *self._lines.feed(data, now)])
        if now - self._drawn_at >= REDRAW_SECONDS:
            self._draw(now)

    def finish(self) -> None:
        self._pass_on(self._lines.finish())

    def _pass_on(self, lines: list[str]) -> None:
        for line in lines:
            if not self._on_line(line):
                self._output.feed(f'{AGAIN if self._row else ""}{line}\n'.encode('utf-8', 'replace'))
                self._row = ''

    def _draw(self, now: float) -> None:
        row = next((row.text for row in self._lines.rows if row.is_drawn), '')
        if row and row != self._row:
            self._drawn_at = now
            if not self._on_line(row):
                self._row = row
                self._output.feed(f'{AGAIN}{row}'.encode('utf-8', 'replace'))


def capture_streams(channel: Channel) -> tuple[Stream, Stream]:
    """Send everything that this process prints and warns to the channel from now on."""
    out = Stream(channel, 'stdout', 1, can_hold=True)
    err = Stream(channel, 'stderr', 2, before=out.drain)

    def drain_both() -> None:
        out.drain()
        err.drain()

    channel.drain_streams, channel.on_tick, channel.on_idle = out.drain, out.tick, drain_both
    sys.stdout = sys.__stdout__ = out  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = err  # type: ignore[misc]

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = f'{category.__name__}: {message}'
        channel.log('warning', 'warnings', text, {'file': filename, 'line': lineno})

    warnings.showwarning = show
    return out, err
