"""Turns what a step prints, logs and warns into log entries, line by line and in order."""

import codecs
import io
import logging
import os
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from typing import Any, TextIO

from .channel import Channel

REDRAW_SECONDS = 0.1
LONGEST_LINE = 8 * 1024 * 1024


class Lines:
    """Cuts text into lines. A carriage return ends a line too; of lines redrawn so, one in 100 ms is kept."""

    def __init__(self, emit: Callable[[str], None]) -> None:
        self._emit = emit
        self._parts: list[str] = []
        self._size = 0
        self._held: str | None = None
        self._redrawn_at = 0.0
        self._was_redrawn = False

    def feed(self, text: str) -> None:
        self._parts.append(text)
        self._size += len(text)
        if '\n' not in text and '\r' not in text and self._size < LONGEST_LINE:
            return
        *whole, rest = ''.join(self._parts).split('\n')
        for line in whole:
            self._end(line)
        if '\r' in rest[:-1]:
            # A return at the very end waits: it may be the first half of a CRLF.
            place = rest.rindex('\r', 0, len(rest) - 1)
            self._redraw(_last_drawn(rest[:place]))
            rest = rest[place + 1 :]
        if len(rest) >= LONGEST_LINE:
            self._end(rest)
            rest = ''
        self._parts, self._size = [rest] if rest else [], len(rest)

    def finish(self) -> None:
        """What is left without a line end is a line too."""
        rest, held = _last_drawn(''.join(self._parts)), self._held
        self._parts, self._size, self._held, self._was_redrawn = [], 0, None, False
        if rest or held:
            self._emit(rest or held or '')

    def _end(self, line: str) -> None:
        text, held, was_redrawn = _last_drawn(line), self._held, self._was_redrawn
        self._held, self._was_redrawn = None, False
        if text or held or not was_redrawn:
            self._emit(text or held or '')

    def _redraw(self, text: str) -> None:
        if not text:
            return
        self._was_redrawn = True
        now = time.monotonic()
        if now - self._redrawn_at < REDRAW_SECONDS:
            self._held = text
            return
        self._redrawn_at, self._held = now, None
        self._emit(text)


def _last_drawn(line: str) -> str:
    return next((part for part in reversed(line.split('\r')) if part), '')


class ByteLines:
    """`Lines` for bytes, read as UTF-8; what is no UTF-8 becomes a replacement character."""

    def __init__(self, emit: Callable[[str], None]) -> None:
        self._lines = Lines(emit)
        self._decode = codecs.getincrementaldecoder('utf-8')('replace').decode

    def feed(self, data: bytes) -> None:
        self._lines.feed(self._decode(data))

    def finish(self) -> None:
        self._lines.feed(self._decode(b'', True))
        self._lines.finish()


class LineWriter(io.TextIOBase):
    """Stands for `sys.stdout` or `sys.stderr`; programs started with it as their output write to the real one."""

    encoding = 'utf-8'
    errors = 'replace'

    def __init__(self, channel: Channel, source: str, fd: int) -> None:
        super().__init__()
        self._channel = channel
        self._fd = fd
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._lines = Lines(lambda line: channel.log('info', source, line))
        self.buffer = _Bytes(self)

    def write(self, text: str, /) -> int:
        if not isinstance(text, str):
            raise TypeError(f'write() argument must be str, not {type(text).__name__}')
        if os.getpid() != self._pid:
            os.write(self._fd, text.encode('utf-8', 'replace'))
        else:
            with self._lock:
                self._lines.feed(text)
            self._channel.when_said()
        return len(text)

    def flush(self) -> None:
        """What was printed with `flush=True` has left this process, whatever happens to it next."""
        if os.getpid() == self._pid:
            self._channel.flush()

    def finish(self) -> None:
        with self._lock:
            self._lines.finish()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def reconfigure(self, **options: Any) -> None:
        """Asked for by programs that want UTF-8 or line buffering: both are so already."""


class _Bytes(io.RawIOBase):
    """What `sys.stdout.buffer` writes."""

    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer
        self._decode = codecs.getincrementaldecoder('utf-8')('replace').decode

    def write(self, data: Any, /) -> int:
        self._writer.write(self._decode(bytes(data)))
        return len(data)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._writer.fileno()


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
    out, err = LineWriter(channel, 'stdout', 1), LineWriter(channel, 'stderr', 2)
    sys.stdout = sys.__stdout__ = out  # type: ignore[assignment,misc]
    sys.stderr = sys.__stderr__ = err  # type: ignore[assignment,misc]
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
