"""Turns what a step prints, logs and warns into log entries, line by line and in order."""

import contextlib
import io
import itertools
import logging
import os
import sys
import threading
import time
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from synapse.protocol.lines import ByteLines

from .channel import FLOOD_BYTES, FLOOD_SECONDS, Channel

FLOOD_LINES = 20
"""So many lines within 25 ms are a flood, until no more than that come in 50 ms."""

_numbers = itertools.count(1)


class Stream(io.TextIOWrapper):
    """Stands for `sys.stdout` or `sys.stderr`; programs started with it as their output write to the real one.

    Each line goes out at once. In a flood lines gather in memory, all in C and without a call of ours, as they do in a
    program that prints to a file; they are taken out every 50 ms and before anything else is said.

    :param before: called before this stream says something, so that what the other one holds goes first
    :param can_gather: whether it may do so in a flood; only one of two streams can, or their order would be lost
    """

    closed = False
    """Looked at by each write, and the slow way where it has to be computed: that cost a third of a print."""

    def __init__(
        self,
        channel: Channel,
        source: str,
        fd: int,
        *,
        before: Callable[[], None] = lambda: None,
        can_gather: bool = False,
    ) -> None:
        self._channel = channel
        self._can_gather = can_gather
        self._sink = _Sink(channel, source, fd, before, self._line_is_out)
        # No line end is translated, also where files have other ones: the control room cuts the lines.
        sink: Any = self._sink
        super().__init__(sink, encoding='utf-8', errors='replace', newline='\n', line_buffering=True)
        self.mode = 'w'  # type: ignore[misc]
        self._bytes = _Bytes(self, self._sink)
        if hasattr(os, 'register_at_fork'):
            os.register_at_fork(before=self.bring_out, after_in_child=self._speak_for_child)

    @property
    def buffer(self) -> '_Bytes':  # type: ignore[override]
        """For bytes, in their order with the text."""
        return self._bytes

    def reconfigure(self, **options: Any) -> None:
        """Asked for by programs that want UTF-8 or line buffering: both are so already."""

    def close(self) -> None:
        """Let out what is held. It stays open: a step that closes it may still have something to say."""
        self.bring_out()

    def bring_out(self) -> None:
        """Let out what is held; nothing if somebody detached this stream."""
        self.collect()
        self._sink.drain()

    def collect(self) -> None:
        """Hand what this object itself holds to the sink, which keeps it for now."""
        self._sink.is_keeping = True
        try:
            with contextlib.suppress(ValueError):
                super().flush()
        finally:
            self._sink.is_keeping = False

    def finish(self) -> None:
        """What has no line end by now is a line too."""
        self.bring_out()
        self._sink.finish()

    def tick(self, seconds: float) -> bool:
        """Say what has gathered, and look how much came in the seconds since the last time.

        :return: whether to come again soon
        """
        lines, self._sink.lines = self._sink.lines, 0
        is_gathering = not self.line_buffering
        chunks, size = self._sink.kept
        # The next print says it then, at the pace of the disk and of the control room: here nobody can wait.
        is_much = self._channel.is_backed_up or (is_gathering and size > FLOOD_BYTES)
        if is_gathering and (is_much or lines < FLOOD_LINES * seconds / FLOOD_SECONDS):
            self._gather(False)
        if not is_much:
            self.collect()
            # No more than was looked at: on a busy machine many times as much is printed before this gets its turn.
            self._sink.drain(chunks + 1)
        return is_much or not self.line_buffering

    def _line_is_out(self) -> None:
        self._channel.wake()
        if self._can_gather and self._sink.lines >= FLOOD_LINES and not self._channel.is_backed_up:
            self._gather(True)
            self._channel.flood_starts()

    def _gather(self, gather: bool) -> None:
        if self.line_buffering == gather:
            # It flushes first: if that wrote to the disk, who prints would go on to gather as long as it takes.
            self._sink.is_keeping = True
            try:
                with contextlib.suppress(ValueError):
                    super().reconfigure(line_buffering=not gather)
            finally:
                self._sink.is_keeping = False

    def _speak_for_child(self) -> None:
        self._sink.renew_lock()
        self._can_gather = False
        self._gather(False)


class _Sink:
    """Where a `Stream` puts bytes. Its `write` is that of a deque: no Python code can be broken off or left there.

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
        self.is_keeping = False
        self._channel, self._source, self._fd = channel, source, fd
        self._before, self._on_line = before, on_line
        self._number = next(_numbers)
        self._chunks: deque[bytes] = deque()
        self.write = self._chunks.append
        self._has_open_line = self._is_draining = self._is_asked_again = False
        self._lock = threading.RLock()

    def flush(self) -> None:
        """Called at each line end, or by who wants all to be out."""
        if self.is_keeping:
            return
        # An interrupt that came while an earlier line was said comes in here: whoever printed that one got past it.
        self._channel.when_said()
        self._before()
        if self.drain():
            self._on_line()

    def drain(self, most: int = sys.maxsize) -> bool:
        """Say what has come, and give whether there was any. In a call from within itself the outer one goes on.

        What comes meanwhile is left: others may print faster than this can say it, and it has to end.

        :param most: chunks to say; the others are left as well
        """
        has_said = False
        with self._lock:
            self._is_asked_again = True
            if self._is_draining:
                return False
            self._is_draining = True
            try:
                while self._is_asked_again:
                    self._is_asked_again = False
                    if data := b''.join(_taken(self._chunks, min(most, len(self._chunks)))):
                        self._say(data)
                        has_said = True
            finally:
                self._is_draining = False
        return has_said

    def finish(self) -> None:
        if self._has_open_line:
            self._has_open_line = False
            self._channel.raw(self._number, self._source, b'', is_last=True)

    @property
    def kept(self) -> tuple[int, int]:
        """How many chunks are kept, and how many bytes these have."""
        chunks = tuple(self._chunks)
        return len(chunks), sum(map(len, chunks))

    def _say(self, data: bytes) -> None:
        if self._channel.is_fork:
            os.write(self._fd, data)
            return
        self.lines += data.count(b'\n')
        self._has_open_line = not data.endswith(b'\n')
        self._channel.raw(self._number, self._source, data)

    def renew_lock(self) -> None:
        """After a fork: whoever held it is no thread of this process."""
        self._lock, self._is_draining = threading.RLock(), False

    # What a `TextIOWrapper` asks of its buffer

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
        """It is never closed, since others may have something to say."""


def _taken(chunks: deque[bytes], count: int) -> Iterator[bytes]:
    with contextlib.suppress(IndexError):
        for _ in range(count):
            yield chunks.popleft()


class _Bytes(io.RawIOBase):
    """What `sys.stdout.buffer` writes."""

    def __init__(self, text: Stream, sink: _Sink) -> None:
        super().__init__()
        self._text, self._sink = text, sink

    def write(self, data: Any, /) -> int:
        self._text.collect()
        taken = bytes(data)
        self._sink.write(taken)
        if self._text.line_buffering:
            self._sink.flush()
        return len(taken)

    def flush(self) -> None:
        self._text.bring_out()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._sink.fileno()


class ProgramOutput:
    """The output of one program that a step runs, said as it comes."""

    def __init__(self, channel: Channel, source: str) -> None:
        self._channel, self._source = channel, source
        self._number = next(_numbers)
        self._has_open_line = False

    def feed(self, data: bytes) -> None:
        self._channel.bring_out()
        self._has_open_line = not data.endswith(b'\n')
        self._channel.raw(self._number, self._source, data)
        self._channel.when_said()

    def finish(self) -> None:
        if self._has_open_line:
            self._has_open_line = False
            self._channel.raw(self._number, self._source, b'', is_last=True)


class SeenLines:
    """The same, line by line, without those for which `on_line` returns True."""

    def __init__(self, on_line: Callable[[str], bool | None], output: ProgramOutput) -> None:
        self._on_line, self._output = on_line, output
        self._lines = ByteLines()

    def feed(self, data: bytes) -> None:
        self._hand_on(self._lines.feed(data, time.monotonic()))

    def finish(self) -> None:
        self._hand_on(self._lines.finish())

    def _hand_on(self, lines: list[str]) -> None:
        for line in lines:
            if not self._on_line(line):
                self._output.feed(f'{line}\n'.encode('utf-8', 'replace'))


class RecordHandler(logging.Handler):
    """Brings `logging` records of a step into the run's log; the source is the logger's name."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
            if record.exc_info and record.exc_info[1] is not None:
                message = f'{message}\n{"".join(traceback.format_exception(record.exc_info[1])).rstrip()}'
            self._channel.log(_level_name(record.levelno), record.name, message)
        except Exception:
            self.handleError(record)
        self._channel.when_said()


def _level_name(number: int) -> str:
    for floor, name in ((50, 'critical'), (40, 'error'), (30, 'warning'), (20, 'info')):
        if number >= floor:
            return name
    return 'debug'


def capture(channel: Channel) -> Callable[[], None]:
    """From now on all that this process prints, logs and warns goes to the channel.

    :return: a function that brings out lines still without an end
    """
    out = Stream(channel, 'stdout', 1, can_gather=True)
    err = Stream(channel, 'stderr', 2, before=out.bring_out)
    channel.bring_out, channel.on_tick = out.bring_out, out.tick
    sys.stdout = sys.__stdout__ = out  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = err  # type: ignore[misc]
    root = logging.getLogger()
    root.addHandler(RecordHandler(channel))
    root.setLevel(logging.INFO)

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

    def finish() -> None:
        out.finish()
        err.finish()

    return finish
