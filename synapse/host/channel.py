"""The way out of a run host: JSON lines on a private descriptor, log entries in batches, nothing ever dropped."""

import json
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FLUSH_SECONDS = 0.05
BATCH = 100
BATCH_CHARACTERS = 256 * 1024
LONGEST = 16 * 1024
"""Characters of one log message; what is longer is shown cut and kept whole in `long-lines.txt`."""


class Channel:
    """Sends messages from any thread, in the order of the calls; a full pipe makes the caller wait.

    Log entries and progress are gathered for up to 50 ms; any other message first sends what was gathered.
    """

    def __init__(self, fd: int) -> None:
        self.step: str | None = None
        self.long_lines: Path | None = None
        self.when_said: Callable[[], None] = lambda: None
        """Called by those who speak for a step when they have spoken: here an interrupt that had to wait comes in."""
        self._fd = fd
        self._entries: list[list[Any]] = []
        self._characters = 0
        self._progress: dict[str | None, dict[str, Any]] = {}
        self._flushed_at = 0.0
        self._is_fork = False
        self._lock = threading.RLock()
        self._wake = threading.Event()
        if hasattr(os, 'register_at_fork'):
            os.register_at_fork(after_in_child=self._leave_to_parent)
        threading.Thread(target=self._flush_forever, name='synapse-flush', daemon=True).start()

    def log(self, level: str, source: str, message: str, fields: dict[str, Any] | None = None) -> None:
        """One entry of the run's log, belonging to the present step."""
        if self._is_fork:
            os.write(2, f'{message}\n'.encode('utf-8', 'replace'))
            return
        if len(message) > LONGEST:
            message, fields = self._cut(message, fields)
        time_iso = datetime.now(UTC).isoformat(timespec='milliseconds')
        with self._lock:
            self._entries.append([time_iso, level, source, message, self.step, fields])
            self._characters += len(message)
            self._flush_or_wake()

    def progress(self, step: str | None, percent: float, note: str) -> None:
        """Where a step is; within 50 ms only the last one is sent."""
        with self._lock:
            self._progress[step] = {'t': 'progress', 'step': step, 'percent': percent, 'note': note}
            self._flush_or_wake()

    def send(self, message: dict[str, Any]) -> None:
        """A message at once, after everything said before it."""
        if self._is_fork:
            return
        with self._lock:
            self._write_gathered(message)

    def flush(self) -> None:
        """Everything said so far is in the pipe when this returns."""
        with self._lock:
            self._write_gathered()

    def _flush_or_wake(self) -> None:
        # The first word after a silence goes at once: a line printed just before a crash should not wait for others.
        is_full = len(self._entries) >= BATCH or self._characters > BATCH_CHARACTERS
        if is_full or time.monotonic() - self._flushed_at > FLUSH_SECONDS:
            self._write_gathered()
        elif not self._wake.is_set():
            self._wake.set()

    def _flush_forever(self) -> None:
        while True:
            self._wake.wait()
            time.sleep(FLUSH_SECONDS)
            self._wake.clear()
            try:
                self.flush()
            except OSError:
                return  # the control room is gone, and this process about to be

    def _write_gathered(self, *more: dict[str, Any]) -> None:
        messages: list[dict[str, Any]] = [{'t': 'logs', 'e': self._entries}] if self._entries else []
        messages += [*self._progress.values(), *more]
        self._entries, self._progress, self._characters = [], {}, 0
        self._flushed_at = time.monotonic()
        data = ''.join(f'{_as_json(message)}\n' for message in messages).encode('utf-8', 'replace')
        while data:
            data = data[os.write(self._fd, data) :]

    def _cut(self, message: str, fields: dict[str, Any] | None) -> tuple[str, dict[str, Any]]:
        if self.long_lines is not None:
            try:
                with self.long_lines.open('a', encoding='utf-8', errors='replace') as file:
                    file.write(f'{message}\n')
            except OSError as error:
                fields = {**(fields or {}), 'not_kept': str(error)}
        return message[:LONGEST], {**(fields or {}), 'cut': len(message)}

    def _leave_to_parent(self) -> None:
        # A forked child of a step shares the descriptor; two writers would mix their lines. It speaks on stderr.
        self._is_fork = True
        self._lock = threading.RLock()
        self._entries, self._progress = [], {}


def _as_json(message: dict[str, Any]) -> str:
    return json.dumps(message, ensure_ascii=False, separators=(',', ':'))


def plain(fields: dict[str, Any]) -> dict[str, Any] | None:
    """Fields of a log entry as JSON can hold them, long ones cut; anything else as its `repr`, None for no fields."""
    return {str(name): _plain(value) for name, value in fields.items()} or None


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str | os.PathLike):
        return str(value)[:LONGEST]
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return repr(value)[:LONGEST]
    return json.loads(text) if len(text) <= LONGEST else text[:LONGEST]
