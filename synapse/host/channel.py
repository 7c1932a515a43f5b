"""The way out of a run host: JSON lines on a private descriptor, floods of log lines by files, nothing ever dropped."""

import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from synapse.protocol.long_lines import LONGEST, LongLines
from synapse.protocol.messages import HostMessage, Kind, Logs, Progress, Raw
from synapse.protocol.spool import Spool

FLUSH_SECONDS = 0.025
FLOOD_SECONDS = 0.05
FLOOD_BYTES = 2 * 1024**2
"""When more than this gathers, it is taken out more often, and a step that is faster than the disk waits for it."""
FLOOD_STARTS_SECONDS = 0.005
NEWS_SECONDS = 0.09
"""How often the control room is told of what is spooled while a flood goes on."""
AT_ONCE = 20
"""So many things said within 25 ms go out one by one; a step that goes on to say more is heard in batches."""
BATCH = 100
BATCH_CHARACTERS = 256 * 1024
FROM_BYTES = 4 * 1024
"""What is larger than this goes by the spool: a pipe holds little, and would make the step wait."""
PIECE_BYTES = 256 * 1024
ROOM_SECONDS = 0.01
LAST = ',"last":true'
MOST_FIELD_CHARACTERS = 65_536


class Channel:
    """Sends messages from any thread, in the order of the calls; a full pipe or spool makes the caller wait.

    A log entry goes at once unless many come; then, like progress, they are gathered for up to 25 ms. Any other message
    first sends what was gathered.
    """

    def __init__(self, fd: int) -> None:
        self.step: str | None = None
        self.long_lines = LongLines(None)
        self.spool: Spool | None = None
        """Takes floods; without it all goes through the pipe."""
        self.when_said: Callable[[], None] = lambda: None
        """Called by those who speak for a step when they have spoken: here an interrupt that had to wait comes in."""
        self.bring_out: Callable[[], None] = lambda: None
        """Called before anything is said: what was printed earlier and is still held goes first."""
        self.on_tick: Callable[[float], bool] = lambda seconds: False
        """Called 25 ms after `wake` to bring out what is held, then every 50 ms or sooner while it says so.

        It is given the seconds since the last time.
        """
        self.is_fork = False
        self._fd = fd
        self._entries: list[list[Any]] = []
        self._characters = 0
        self._progress: dict[str | None, Progress] = {}
        self._said, self._said_since, self._written_at = 0, 0.0, 0.0
        self._was_busy = False
        self._about: tuple[tuple[int, str, str | None], str] = (0, '', None), ''
        self._last_time = datetime.min.replace(tzinfo=UTC)
        self._lock = threading.RLock()
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._seconds, self._bytes = FLUSH_SECONDS, 0
        if hasattr(os, 'register_at_fork'):
            os.register_at_fork(after_in_child=self._leave_to_parent)
        self._flusher = threading.Thread(target=self._flush_forever, name='synapse-flush', daemon=True)
        self._flusher.start()

    def log(self, level: str, source: str, message: str, fields: dict[str, Any] | None = None) -> None:
        """One entry of the run's log, belonging to the present step."""
        if self.is_fork:
            os.write(2, f'{message}\n'.encode('utf-8', 'replace'))
            return
        self.bring_out()
        if len(message) > LONGEST:
            message, fields = self.long_lines.cut(message, fields)
        with self._lock:
            self._entries.append([self._now(), level, source, message, self.step, fields])
            self._characters += len(message)
            if not self._is_busy() or len(self._entries) >= BATCH or self._characters > BATCH_CHARACTERS:
                self._write_gathered()
            else:
                self.wake()
        self._wait_for_room()

    def raw(self, stream: int, source: str, data: bytes, *, is_last: bool = False) -> None:
        """What a stream printed, however it is cut; the control room makes lines of it. Out of this process on return.

        :param stream: a number for what belongs together
        :param is_last: what has no line end by now is a line too
        """
        pieces = _pieces(data)
        try:
            while len(pieces) > 1:
                self._say_piece(stream, source, pieces.popleft())
                self._wait_for_room()
        finally:
            # Also where an interrupt broke off the wait: what was printed is said.
            while pieces:
                self._say_piece(stream, source, pieces.popleft(), is_last=is_last and not pieces)
        self._wait_for_room()

    def _say_piece(self, stream: int, source: str, piece: bytes, *, is_last: bool = False) -> None:
        with self._lock:
            self._bytes += len(piece)
            if self._entries:
                self._write_gathered()
            self._put(self._header(stream, source, is_last), piece)

    def _header(self, stream: int, source: str, is_end: bool) -> str:
        """What a piece is, as JSON without its last brace. Most lines of a flood differ in their moment alone."""
        about = stream, source, self.step
        if about != self._about[0]:
            said = _as_json(Raw(t=Kind.RAW, id=stream, source=source, step=self.step))
            self._about = about, said[:-1]
        return f'{self._about[1]}{LAST if is_end else ""},"at":"{self._now()}"'

    def progress(self, step: str | None, percent: float, note: str) -> None:
        """Where a step is; within 25 ms only the last one is sent."""
        with self._lock:
            self._progress[step] = Progress(t=Kind.PROGRESS, step=step, percent=percent, note=note)
            if time.monotonic() - self._written_at < FLUSH_SECONDS:
                self.wake()
            else:
                self._write_gathered()

    def send(self, message: HostMessage) -> None:
        """A message at once, after everything said before it."""
        if self.is_fork:
            return
        self.bring_out()
        with self._lock:
            self._write_gathered(_as_json(message))

    def flush(self) -> None:
        """Everything said so far is in the pipe or the spool when this returns."""
        self.bring_out()
        with self._lock:
            self._write_gathered()

    @property
    def is_backed_up(self) -> bool:
        """Whether the control room is so far behind that whoever speaks has to wait."""
        return self.spool is not None and self.spool.is_full

    def wake(self) -> None:
        """Have `flush` called within 25 ms."""
        if not self._wake.is_set():
            self._wake.set()

    def flood_starts(self) -> None:
        """From now on lines gather, nobody knows yet how fast: the first of them are taken out soon."""
        self._hurry.set()
        self._wake.set()

    def _flush_forever(self) -> None:
        while True:
            self._wake.wait()
            if self._hurry.wait(self._seconds):
                self._hurry.clear()
                self._seconds = FLOOD_STARTS_SECONDS
                time.sleep(self._seconds)
            self._wake.clear()
            try:
                self._seconds = self._tick()
            except OSError:
                return  # the control room is gone, and this process about to be

    def _tick(self) -> float:
        """Let out what has gathered; gives how many seconds to wait for the next time."""
        bytes_before = self._bytes
        if not self.on_tick(self._seconds):
            self.flush()
            return FLUSH_SECONDS
        self._wake.set()
        # Each write makes a step that prints lose the interpreter once more; the control room has enough to read.
        if time.monotonic() - self._written_at > NEWS_SECONDS:
            with self._lock:
                self._write_gathered()
        came = max(1, self._bytes - bytes_before)
        return max(0.001, min(FLOOD_SECONDS, 4 * self._seconds, self._seconds * FLOOD_BYTES / came))

    def _is_busy(self) -> bool:
        now = time.monotonic()
        if now - self._said_since > FLUSH_SECONDS:
            self._was_busy = self._said > AT_ONCE and now - self._said_since < 2 * FLUSH_SECONDS
            self._said, self._said_since = 0, now
        self._said += 1
        return self._was_busy or self._said > AT_ONCE

    def _now(self) -> str:
        # Never earlier than what was said before, so that after a crash it is known which lines the log has already.
        self._last_time = max(self._last_time, datetime.now(UTC))
        return self._last_time.isoformat(timespec='microseconds')

    def _put(self, header: str, piece: bytes) -> None:
        is_busy = self._is_busy()
        by_spool = is_busy or len(piece) > FROM_BYTES or self._has_spooled
        if not (by_spool and self._is_spooled(f'{header},"size":{len(piece)}}}', piece)):
            # Any byte is a character of Latin-1: JSON has no bytes, and a piece may end within a character of UTF-8.
            self._write_gathered(f'{header},"text":{json.dumps(piece.decode("latin-1"))}}}')
        elif is_busy:
            self.wake()
        else:
            self._write_gathered()

    @property
    def _has_spooled(self) -> bool:
        # From then on everything goes that way: what is in the pipe when the control room is killed is lost, and must
        # not be the middle of what the spool keeps.
        return self.spool is not None and self.spool.is_used

    def _is_spooled(self, header: str, data: bytes = b'') -> bool:
        if self.spool is None:
            return False
        try:
            self.spool.append(header, data)
        except OSError as error:
            self._write(self._news())
            self.spool = None
            text = f'The lines of this step cannot be spooled, so it waits for the log from now on: {error}'
            self._entries.append([self._now(), 'warning', 'synapse', text, self.step, None])
            return False
        return True

    def _wait_for_room(self) -> None:
        """Wait while too much is spooled. The flusher never does: it has to tell the control room what to read."""
        spool = self.spool
        if spool is None or not spool.is_full or threading.current_thread() is self._flusher:
            return
        self.flush()
        while spool.is_full:
            time.sleep(ROOM_SECONDS)
            self.when_said()

    def _write_gathered(self, *more: str) -> None:
        self._written_at = time.monotonic()
        entries, self._entries, self._characters = self._entries, [], 0
        progress, self._progress = self._progress, {}
        is_much = len(entries) >= BATCH // 2 or sum(len(entry[3]) for entry in entries) > FROM_BYTES
        if entries and (is_much or self._has_spooled) and self._is_spooled(_as_json(Logs(t=Kind.LOGS, e=entries))):
            entries = []
        entries += self._entries  # what the spool had to say about itself
        self._entries = []
        logs = [_as_json(Logs(t=Kind.LOGS, e=entries))] if entries else []
        self._write([*self._news(), *logs, *map(_as_json, progress.values()), *more])

    def _news(self) -> list[str]:
        news = self.spool.news() if self.spool is not None else None
        return [_as_json(news)] if news else []

    def _write(self, messages: list[str]) -> None:
        data = ''.join(f'{message}\n' for message in messages).encode('utf-8', 'replace')
        while data:
            data = data[os.write(self._fd, data) :]

    def _leave_to_parent(self) -> None:
        # A forked child of a step shares the descriptor; two writers would mix their lines. It speaks on stderr.
        self.is_fork = True
        self._lock = threading.RLock()
        self._entries, self._progress = [], {}


def _pieces(data: bytes) -> deque[bytes]:
    """The data in pieces of at most 256 KB that end with a line where they can, as a file of the spool has to."""
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


def plain(fields: dict[str, Any]) -> dict[str, Any] | None:
    """Fields of a log entry as JSON can hold them, long ones cut; anything else as its `repr`, None for no fields.

    Of more than 65,536 characters together the first are kept; `left_out` counts the others.
    """
    kept: dict[str, Any] = {}
    room = MOST_FIELD_CHARACTERS
    for name, value in fields.items():
        item = _plain(value)
        room -= len(name) + (len(item) if isinstance(item, str) else len(json.dumps(item)))
        if room < 0:
            return kept | {'left_out': len(fields) - len(kept)}
        kept[name] = item
    return kept or None


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str | os.PathLike):
        return str(value)[:LONGEST]
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return _shown(value)[:LONGEST]
    return json.loads(text) if len(text) <= LONGEST else text[:LONGEST]


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except Exception:  # nested without end, a huge number, somebody's own class: no step fails for what it logs
        return f'<{type(value).__name__}>'
