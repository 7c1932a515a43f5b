"""The output of a run host: JSON lines on a private descriptor, floods of log lines by files; nothing is dropped."""

import contextlib
import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from synapse.language import _
from synapse.protocol.long_lines import LONGEST, LongLines
from synapse.protocol.messages import REPORTS, HostMessage, Kind, Logs, Progress, Raw
from synapse.protocol.spool import Echo, Spool

FLUSH_SECONDS = 0.025
IDLE_SECONDS = 0.1
FLOOD_SECONDS = 0.05
FLOOD_BYTES = 2 * 1024**2
"""When more than this is held, it is sent more often, and a step that is faster than the disk waits for the disk."""
FLOOD_STARTS_SECONDS = 0.005
NEWS_SECONDS = 0.09
"""How often the control room is told during a flood how much is spooled."""
AT_ONCE = 20
"""This many messages within 25 ms are sent one by one; more than that are sent in batches."""
BATCH = 100
BATCH_CHARACTERS = 256 * 1024
SPOOL_BYTES = 4 * 1024
"""Larger pieces go by the spool: a pipe holds little, and would make the step wait."""
PIECE_BYTES = 256 * 1024
FULL_SPOOL_SECONDS = 0.01
ORPHAN_SECONDS = 5.0
LAST = ',"last":true'


class Channel:
    """Sends messages from any thread, in the order of the calls; a full pipe or spool makes the caller wait.

    A log entry is sent at once, or, when there are many, held for up to 25 ms, as progress is. Any other message first
    sends what is held.

    :param fd: where to write; None to keep everything until `open`, in a process from which run hosts are forked
    """

    def __init__(self, fd: int | None = None) -> None:
        self.step: str | None = None
        self.long_lines = LongLines(None)
        self.spool: Spool | None = None
        """Takes floods; without it everything goes through the pipe."""
        self.echo: Echo | None = None
        self.after_output: Callable[[], None] = lambda: None
        """Called by the step's thread after its output is sent; raises an interrupt that had to wait for that."""
        self.drain_streams: Callable[[], None] = lambda: None
        """Called before anything is sent: what was printed earlier and is still held goes first."""
        self.on_tick: Callable[[float], bool] = lambda seconds: False
        """Called 25 ms after `wake` to send what is held, and again after 50 ms or less while it returns True.

        Its argument is the seconds since the last call.
        """
        self.on_idle: Callable[[], None] = lambda: None
        """Called every 100 ms while nothing is sent, once `watch` was called."""
        self.has_said = False
        """Set by whatever a step says or does; the one who wants to know resets it."""
        self.reports: list[Mapping[str, Any]] = []
        """What was said of steps and artifacts, for a control room that did not live to save it."""
        self.is_fork = False
        self.is_open = False
        self._fd = -1
        self._entries: list[list[Any]] = []
        self._characters = 0
        self._progress: dict[str | None, Progress] = {}
        self._sent, self._sent_since, self._written_at = 0, 0.0, 0.0
        self._was_busy = False
        self._header_start: tuple[tuple[int, str, str | None], str] = (0, '', None), ''
        self._last_time = datetime.min.replace(tzinfo=UTC)
        self._lock = threading.RLock()
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._idle_seconds: float | None = None
        self._seconds, self._bytes = FLUSH_SECONDS, 0
        if hasattr(os, 'register_at_fork'):
            os.register_at_fork(after_in_child=self._become_fork)
        self._flusher: threading.Thread | None = None
        self._unwaiting: set[int] = set()
        if fd is not None:
            self.open(fd)

    def open(self, fd: int) -> None:
        """Write to this descriptor from now on. What was kept so far is sent next, with the present time."""
        self._fd, self.is_open = fd, True
        for entry in self._entries:
            entry[0] = self._now()

    def write_plain(self) -> None:
        """Send nothing: what this process prints and logs is written to standard error as it is."""
        self.is_open, self.is_fork = True, True

    def log(self, level: str, source: str, message: str, fields: dict[str, Any] | None = None) -> None:
        """Send one entry of the run's log, for the current step."""
        if self.is_fork:
            os.write(2, f'{message}\n'.encode('utf-8', 'replace'))
            return
        if not self.is_open:
            if len(self._entries) < BATCH:
                self._entries.append(['', level, source, message[:LONGEST], self.step, fields])
            return
        self.has_said = True
        self.drain_streams()
        if len(message) > LONGEST:
            message, fields = self.long_lines.cut(message, fields)
        with self._lock:
            self._entries.append([self._now(), level, source, message, self.step, fields])
            self._characters += len(message)
            if not self._is_busy() or len(self._entries) >= BATCH or self._characters > BATCH_CHARACTERS:
                self._write_held()
            else:
                self.wake()
        self._wait_for_spool()

    def raw(self, stream: int, source: str, data: bytes, *, is_last: bool = False) -> None:
        """Send what a stream printed, cut anywhere; the control room makes lines of it. Returns when it is sent.

        :param stream: a number that tells streams apart
        :param is_last: whether text without a line end is a line too
        """
        pieces = _pieces(data)
        try:
            while len(pieces) > 1:
                self._send_piece(stream, source, pieces.popleft())
                self._wait_for_spool()
        finally:
            # Even if an interrupt ended the wait, what was printed is sent.
            while pieces:
                self._send_piece(stream, source, pieces.popleft(), is_last=is_last and not pieces)
        self._wait_for_spool()

    def _send_piece(self, stream: int, source: str, piece: bytes, *, is_last: bool = False) -> None:
        self.has_said = True
        with self._lock:
            self._bytes += len(piece)
            if self._entries:
                self._write_held()
            self._put(self._header(stream, source, is_last), piece)

    def _header(self, stream: int, source: str, is_end: bool) -> str:
        """Return the header of a piece, JSON without its last brace. In a flood most differ only in their time."""
        key = stream, source, self.step
        if key != self._header_start[0]:
            message = _as_json(Raw(t=Kind.RAW, id=stream, source=source, step=self.step))
            self._header_start = key, message[:-1]
        return f'{self._header_start[1]}{LAST if is_end else ""},"at":"{self._now()}"'

    def progress(self, step: str | None, percent: float, note: str) -> None:
        """Send how far a step is; of several within 25 ms only the last one is sent."""
        self.has_said = True
        with self._lock:
            self._progress[step] = Progress(t=Kind.PROGRESS, step=step, percent=percent, note=note)
            if time.monotonic() - self._written_at < FLUSH_SECONDS:
                self.wake()
            else:
                self._write_held()

    def send(self, message: HostMessage) -> None:
        """Send a message at once, after everything before it."""
        if self.is_fork:
            return
        with self.without_waiting():
            self.drain_streams()
        with self._lock:
            if message['t'] in REPORTS:
                self.reports.append(message)
            self._write_held(_as_json(message))

    def answer(self) -> None:
        """Say that this process is alive, before anything that is held."""
        if not self.is_fork:
            with self._lock:
                self._write([_as_json(HostMessage(t=Kind.ALIVE))])

    def flush(self) -> None:
        """Send everything that is held; it is in the pipe or the spool when this returns."""
        self.drain_streams()
        with self._lock:
            self._write_held()

    @contextlib.contextmanager
    def without_waiting(self) -> Iterator[None]:
        """A context in which this thread doesn't wait for a full spool, for what is little and must not come late."""
        thread = threading.get_ident()
        is_outermost = thread not in self._unwaiting
        self._unwaiting.add(thread)
        try:
            yield
        finally:
            if is_outermost:
                self._unwaiting.discard(thread)

    @property
    def is_backed_up(self) -> bool:
        """Whether the control room is so far behind that the step has to wait."""
        return self.spool is not None and self.spool.is_full

    def wake(self) -> None:
        """Have `flush` called within 25 ms."""
        if not self._wake.is_set():
            self._wake_flusher()

    def start_flood(self) -> None:
        """From now on lines are held. Send the first of them soon, since it isn't known yet how many there are."""
        self._hurry.set()
        self._wake_flusher()

    def watch(self) -> None:
        """From now on, also send what has no line end yet."""
        if self._idle_seconds is None:
            self._idle_seconds = IDLE_SECONDS
            self._wake_flusher()

    def _wake_flusher(self) -> None:
        self._wake.set()
        if self._flusher is None:
            self._flusher = threading.Thread(target=self._flush_forever, name='synapse-flush', daemon=True)
            self._flusher.start()

    def _flush_forever(self) -> None:
        while True:
            if not self._wake.wait(self._idle_seconds):
                with contextlib.suppress(OSError):
                    self.on_idle()
                continue
            if self._hurry.wait(self._seconds):
                self._hurry.clear()
                self._seconds = FLOOD_STARTS_SECONDS
                time.sleep(self._seconds)
            self._wake.clear()
            try:
                self._seconds = self._tick()
            except OSError:
                return  # the control room is gone, and this process is about to end

    def _tick(self) -> float:
        """Send what is held, and return after how many seconds to do it again."""
        bytes_before = self._bytes
        if not self.on_tick(self._seconds):
            self.flush()
            return FLUSH_SECONDS
        self._wake.set()
        # Each write takes the interpreter from the step once more, and the control room has enough to read.
        if time.monotonic() - self._written_at > NEWS_SECONDS:
            with self._lock:
                self._write_held()
        # About as long as FLOOD_BYTES take to gather at this rate; at most four times as long as the last time.
        sent = max(1, self._bytes - bytes_before)
        return max(0.001, min(FLOOD_SECONDS, 4 * self._seconds, self._seconds * FLOOD_BYTES / sent))

    def _is_busy(self) -> bool:
        now = time.monotonic()
        if now - self._sent_since > FLUSH_SECONDS:
            self._was_busy = self._sent > AT_ONCE and now - self._sent_since < 2 * FLUSH_SECONDS
            self._sent, self._sent_since = 0, now
        self._sent += 1
        return self._was_busy or self._sent > AT_ONCE

    def _now(self) -> str:
        # Never earlier than the time before, so that after a crash it is known which lines the log has already.
        self._last_time = max(self._last_time, datetime.now(UTC))
        return self._last_time.isoformat(timespec='microseconds')

    def _put(self, header: str, piece: bytes) -> None:
        is_busy = self._is_busy()
        by_spool = is_busy or len(piece) > SPOOL_BYTES or self._has_spooled
        record = f'{header},"size":{len(piece)}}}'
        if not (by_spool and self._is_spooled(record, piece)):
            self._keep(record, piece)
            # Any byte is a character of Latin-1: JSON has no bytes, and a piece may end within a character of UTF-8.
            self._write_held(f'{header},"text":{json.dumps(piece.decode("latin-1"))}}}')
        elif is_busy:
            self.wake()
        else:
            self._write_held()

    @property
    def _has_spooled(self) -> bool:
        # Once used, everything goes by the spool: what is in the pipe when the control room is killed is lost, and must
        # not leave a gap between what was spooled before and after it.
        return self.spool is not None and self.spool.is_used

    def _is_spooled(self, header: str, data: bytes = b'') -> bool:
        if self.spool is None:
            return False
        try:
            self.spool.append(header, data)
        except OSError as error:
            self._write(self._spool_size())
            self.spool = None
            text = _(
                'The lines of this step cannot be spooled, so it waits for the log from now on: {error}', error=error
            )
            self._entries.append([self._now(), 'warning', 'synapse', text, self.step, None])
            return False
        return True

    def _keep(self, header: str, data: bytes = b'') -> None:
        """Put a record where it is found if the control room dies before it has saved it."""
        if self.echo is not None:
            try:
                self.echo.append(header, data)
            except OSError:  # a full disk, on which the log cannot be saved either
                self.echo = None

    def _wait_for_spool(self) -> None:
        """Wait while the spool is full. The flusher never does: it has to tell the control room how much to read."""
        spool = self.spool
        if spool is None or threading.get_ident() in self._unwaiting or not spool.is_full:
            return
        if threading.current_thread() is self._flusher:
            return
        self.flush()
        while spool.is_full:
            time.sleep(FULL_SPOOL_SECONDS)
            self.after_output()

    def _write_held(self, *more: str) -> None:
        self._written_at = time.monotonic()
        entries, self._entries, self._characters = self._entries, [], 0
        progress, self._progress = self._progress, {}
        is_much = len(entries) >= BATCH // 2 or sum(len(entry[3]) for entry in entries) > SPOOL_BYTES
        if entries and (is_much or self._has_spooled) and self._is_spooled(_as_json(Logs(t=Kind.LOGS, e=entries))):
            entries = []
        entries += self._entries  # a warning that the spool failed
        self._entries = []
        logs = [_as_json(Logs(t=Kind.LOGS, e=entries))] if entries else []
        for log in logs:
            self._keep(log)
        self._write([*self._spool_size(), *logs, *map(_as_json, progress.values()), *more])

    def _spool_size(self) -> list[str]:
        message = self.spool.size_message() if self.spool is not None else None
        return [_as_json(message)] if message else []

    def _write(self, messages: list[str]) -> None:
        data = ''.join(f'{message}\n' for message in messages).encode('utf-8', 'replace')
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except BrokenPipeError:
            # The control room is gone, and this process is killed in a moment. Until then the step must not be told of
            # an error, which it would take for its own failure.
            time.sleep(ORPHAN_SECONDS)
            raise

    def _become_fork(self) -> None:
        if not self.is_open:
            return  # this is a run host, forked before it has a job
        # A forked child of a step shares the descriptor, and two writers would mix their lines: it writes to stderr.
        self.is_fork = True
        self._lock = threading.RLock()
        self._entries, self._progress = [], {}


def _pieces(data: bytes) -> deque[bytes]:
    """Cut data into pieces of at most 256 KB, at line ends where possible, as a file of the spool needs."""
    pieces: deque[bytes] = deque()
    place = 0
    while place < len(data) or not pieces:
        end = place + PIECE_BYTES
        if end < len(data):
            end = data.rfind(b'\n', place, end) + 1 or end
        pieces.append(data[place:end])
        place = end
    return pieces


def _as_json(message: HostMessage) -> str:
    return json.dumps(message, ensure_ascii=False, separators=(',', ':'))
