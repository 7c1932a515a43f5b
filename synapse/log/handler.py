"""Brings records of `logging` into the log that people see, from any thread."""

import asyncio
import logging
import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any

from synapse.language import Text, own, own_language, said_in, translated

from .log import Log


class LogHandler(logging.Handler):
    """A bounded, thread-safe queue into the log that never feeds itself. Create it on the event loop."""

    _MAX_QUEUE = 10_000
    _ECHO_SECONDS = 1.0

    def __init__(self, log: Log, level: int = logging.INFO) -> None:
        super().__init__(level)
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._rows: deque[dict[str, Any]] = deque(maxlen=self._MAX_QUEUE)
        self._is_due = False
        self._echoed_at = -self._ECHO_SECONDS

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record; extra attributes `run` and `step` become those of the entry."""
        try:
            if self._is_echo():
                return
            self._rows.append(_row_of(record))
            if not self._is_due:
                self._is_due = True
                self._loop.call_soon_threadsafe(self._drain)
        except RuntimeError:  # the loop has ended, so no one could read this
            self._is_due = False
        except Exception:
            self.handleError(record)

    def _is_echo(self) -> bool:
        """Whether publishing entries caused this record: a subscriber that always fails would otherwise never end."""
        if not self._log.is_publishing or threading.get_ident() != self._loop_thread:
            return False
        is_too_soon = time.monotonic() - self._echoed_at < self._ECHO_SECONDS
        self._echoed_at = self._echoed_at if is_too_soon else time.monotonic()
        return is_too_soon

    def _drain(self) -> None:
        self._is_due = False
        rows = []
        while self._rows:
            rows.append(self._rows.popleft())
        self._log.extend(rows)


_OURS = ('synapse.', 'pages.', 'storage.')
_TRACEBACK = logging.Formatter()


def _row_of(record: logging.LogRecord) -> dict[str, Any]:
    exception = record.exc_info
    is_raised = exception is not None and exception[0] is not None
    extra = {'traceback': _TRACEBACK.formatException(exception)} if exception and is_raised else None
    return {
        'level': _level_of(record.levelno),
        'message': message_of(record),
        'source': _source_of(record.name),
        'run': getattr(record, 'run', None),
        'step': getattr(record, 'step', None),
        'fields': extra,
        'timestamp': datetime.fromtimestamp(record.created, UTC),
    }


def message_of(record: logging.LogRecord) -> str:
    """Return what a record says, in our own language: the template of one of ours is a `Text`, or marked by `N_`."""
    if isinstance(record.msg, Text):
        template = own(record.msg)
    elif isinstance(record.msg, str) and record.name.startswith(_OURS):
        template = translated(record.msg, own_language())
    else:
        return record.getMessage()
    values = record.args
    if isinstance(values, tuple):
        values = tuple(said_in(own_language(), value) for value in values)
    return template % values if values else template


def _source_of(name: str) -> str:
    """The name of a logger; of ours only the package, which stays the same when its modules are renamed."""
    return '.'.join(name.split('.')[:2]) if name.startswith(_OURS) else name


def _level_of(number: int) -> str:
    steps = ((50, 'critical'), (40, 'error'), (30, 'warning'), (20, 'info'))
    return next((level for least, level in steps if number >= least), 'debug')
