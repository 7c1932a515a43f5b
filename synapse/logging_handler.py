"""Sends log records of a Python program to a running Synapse: `logging.getLogger().addHandler(SynapseHandler())`.

Needs only Python 3.9 and its standard library, so this one file can be copied anywhere. To try it:
`python -m synapse.logging_handler "It works"`, or pipe lines into it.
"""

from __future__ import annotations

import argparse
import encodings.idna  # noqa: F401 - needed to connect, and cannot be imported while the interpreter shuts down
import http.client
import json
import logging
import math
import os
import sys
import threading
import time
import uuid
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SUCCESS = 25
MOST_LINES = 10_000
MOST_BYTES = 16_000_000
"""The most that waits for Synapse; beyond that the oldest are dropped."""

_BATCH_LINES = 1_000
_BATCH_BYTES = 600_000
_GATHER_SECONDS = 0.05
_ANSWER_SECONDS = 10.0
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 5.0
_LONGEST_TEXT = 16_384
_LONGEST_FIELDS = 60_000
_DEEPEST = 6
_MOST_VALUES = 2_000
_LARGEST_NUMBER = 2**63 - 1
_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {'message', 'asctime', 'taskName'}
_LEVELS = ((50, 'critical'), (40, 'error'), (30, 'warning'), (20, 'info'))


class SynapseHandler(logging.Handler):
    """Passes records to a thread that sends them in batches; it never delays or breaks the program.

    While Synapse cannot be reached, 10,000 lines or 16 MB wait, then the oldest are dropped; once it works again, a
    warning in the log says how many. Extra attributes of a record and its traceback become fields of the entry, and
    the level 25 or the level name SUCCESS becomes `success`. Formatters are ignored: what they add to the message, the
    log shows in columns.

    In a program of a run it finds Synapse, and its lines belong to that run and step: see the defaults.

    :param url: the URL of Synapse; defaults to the file `url` in its data folder, else to `SYNAPSE_URL`
    :param token: its bearer token; defaults to `SYNAPSE_TOKEN` or the file `token` in the data folder
    :param data: the data folder of Synapse; defaults to `SYNAPSE_DATA` or the user data folder
    :param source: the source shown in the log; defaults to the name of each logger
    :param level: the minimum level to send
    :param run: the id of a run that the lines belong to, with `step` the name of one of its steps; they default to
        those of the run that this program belongs to, unless `url` or `data` lead to a Synapse of your choice
    :param exit_seconds: how long the program may wait at its end for unsent lines
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        data: str | os.PathLike[str] | None = None,
        source: str | None = None,
        level: int | str = logging.NOTSET,
        *,
        run: str | None = None,
        step: str | None = None,
        exit_seconds: float = 2.0,
    ) -> None:
        super().__init__(level)
        self.exit_seconds = exit_seconds
        self._source = source
        if url is None and data is None and run is None:
            run, step = os.environ.get('SYNAPSE_RUN_ID'), step or os.environ.get('SYNAPSE_STEP')
            step = step if run else None
        self._place = {name: value for name, value in (('run', run), ('step', step)) if value is not None}
        self._sender = _Sender(_Address(url, token, data))

    @property
    def trouble(self) -> str | None:
        """Why Synapse does not accept lines at present, or None."""
        return self._sender.trouble

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if not self._sender.is_own_thread():
                self._sender.add(json.dumps(self._entry(record), allow_nan=False))
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Wait until everything is sent: at most `exit_seconds`, and for only one attempt if Synapse is unreachable."""
        self._sender.flush(self.exit_seconds)

    def close(self) -> None:
        """Flush and stop; later records are ignored."""
        self._sender.close(self.exit_seconds)
        super().close()

    def _entry(self, record: logging.LogRecord) -> dict[str, Any]:
        message = _valid(record.getMessage())
        return {
            'level': _level_of(record),
            'message': message[:_LONGEST_TEXT] or ' ',
            'source': _valid(self._source or record.name or 'python')[:200],
            'timestamp': datetime.fromtimestamp(record.created, timezone.utc).isoformat(),  # noqa: UP017 - Python 3.9
            'fields': _bounded({**self._known_fields(record, len(message)), **_extras(record)}),
            **self._place,
        }

    def _known_fields(self, record: logging.LogRecord, length: int) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if length > _LONGEST_TEXT:
            fields['cut'] = length
        if self._source is not None and record.name != self._source:
            fields['logger'] = record.name
        if record.exc_info and record.exc_info[0] is not None:
            fields['traceback'] = logging.Formatter().formatException(record.exc_info)
        if record.stack_info:
            fields['stack'] = record.stack_info
        return fields


class _Address:
    """The URL of Synapse, read for every connection, since it may change with a restart."""

    def __init__(self, url: str | None, token: str | None, data: str | os.PathLike[str] | None) -> None:
        self._url = url
        self._token = token
        self._is_chosen = bool(url or data)
        """Whether it was said which Synapse is meant; otherwise it is that of the run, if there is one."""
        self._data = Path(data or os.environ.get('SYNAPSE_DATA') or _default_data_folder()).expanduser()

    def connection(self) -> _Connection:
        """:raises OSError: if Synapse is not running"""
        token = self._token or (None if self._is_chosen else os.environ.get('SYNAPSE_TOKEN'))
        return _Connection(self._url or self._found_url(), token or self._read('token'))

    def _found_url(self) -> str:
        try:
            return self._read('url')
        except OSError:
            url = None if self._is_chosen else os.environ.get('SYNAPSE_URL')
            if not url:
                raise
            return url

    def _read(self, name: str) -> str:
        try:
            return (self._data / name).read_text(encoding='utf-8').strip()
        except FileNotFoundError:
            raise OSError(f'Synapse is not running: {self._data / name} does not exist.') from None


class _Connection:
    """A connection to Synapse, kept open between batches."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ('http', 'https') or not parts.hostname:
            raise OSError(f'Not a URL of Synapse: {url}')
        kind = http.client.HTTPSConnection if parts.scheme == 'https' else http.client.HTTPConnection
        self._http = kind(parts.hostname, parts.port, timeout=_ANSWER_SECONDS)
        self._path = parts.path.rstrip('/') + '/api/v1/logs'
        self._headers = {'Authorization': f'Bearer {token}', 'Content-Type': 'application/json'}
        self.is_used = False

    def post(self, batch: _Batch) -> tuple[int, http.client.HTTPMessage, bytes]:
        headers = {**self._headers, 'Idempotency-Key': batch.key}
        self._http.request('POST', self._path, f'[{",".join(batch.lines)}]'.encode(), headers)
        answer = self._http.getresponse()
        body = answer.read()
        self.is_used = True
        return answer.status, answer.headers, body

    def close(self) -> None:
        self._http.close()


class _Batch:
    """Lines being sent, with the key by which Synapse recognizes them if they are sent again."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.key = uuid.uuid4().hex


class _Sender:
    """The queue and its thread, which starts with the first line, and again in a child process after a fork."""

    def __init__(self, address: _Address) -> None:
        self._address = address
        self._is_closed = False
        self.reset()
        _senders.add(self)

    def reset(self) -> None:
        """Start empty: in a child, the queue is its parent's to send, and thread and lock stayed behind."""
        self.trouble: str | None = None
        self._changed = threading.Condition(threading.Lock())
        self._lines: deque[str] = deque()
        self._bytes = 0
        self._batch: _Batch | None = None
        self._dropped = 0
        self._drop_reason = ''
        self._thread: threading.Thread | None = None
        self._connection: _Connection | None = None
        self._attempts = 0
        self._is_trying = False
        self._failures = 0
        self._is_away = False
        self._is_hurried = False
        self._has_given_up = False

    def is_own_thread(self) -> bool:
        """Whether the sending thread itself is logging."""
        return threading.current_thread() is self._thread

    def add(self, line: str) -> None:
        with self._changed:
            if self._is_closed:
                return
            self._lines.append(line)
            self._bytes += len(line)
            while len(self._lines) > MOST_LINES or self._bytes > MOST_BYTES:
                self._bytes -= len(self._lines.popleft())
                self._drop(1, 'more were logged than Synapse could take')
            self._has_given_up = False
            if self._thread is None:
                thread = threading.Thread(target=self._send_forever, name='synapse log', daemon=True)
                thread.start()
                self._thread = thread
                self._flush_at_end_of_child()
            if len(self._lines) == 1 or len(self._lines) >= _BATCH_LINES:
                self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until everything is sent; returns whether it is."""
        deadline = time.monotonic() + seconds
        with self._changed:
            attempts = self._attempts + self._is_trying  # one under way may have found nothing before this call
            self._is_hurried = True
            self._changed.notify_all()
            while self._is_busy() and time.monotonic() < deadline:
                if self._is_away and self._attempts > attempts:
                    break
                self._changed.wait(max(0.0, deadline - time.monotonic()))
            self._is_hurried = False
            self._has_given_up = self._is_busy()
            return not self._has_given_up

    def close(self, seconds: float) -> None:
        if self._is_closed:
            return
        if not self._has_given_up:  # `logging.shutdown` flushes first, so do not wait twice
            self.flush(seconds)
        with self._changed:
            self._is_closed = True
            unsent = len(self._lines) + self._dropped + (len(self._batch.lines) if self._batch else 0)
            self._changed.notify_all()
        if unsent and logging.raiseExceptions and sys.stderr:
            why = self.trouble or self._drop_reason or 'there was no time left.'
            print(f'{unsent:,} log lines did not reach Synapse: {why}', file=sys.stderr)

    def _flush_at_end_of_child(self) -> None:
        """Flush at the end of a `multiprocessing` process, which does not call `logging.shutdown`."""
        process, util = (sys.modules.get(f'multiprocessing.{name}') for name in ('process', 'util'))
        if process is not None and util is not None and process.parent_process() is not None:
            util.Finalize(self, self.flush, args=(2.0,), exitpriority=0)

    def _is_busy(self) -> bool:
        return self._thread is not None and bool(self._lines or self._batch or self._dropped)

    def _drop(self, count: int, reason: str) -> None:
        self._dropped += count
        self._drop_reason = reason

    # -- in the thread ----------------------------------------------------------------------------------------------

    def _send_forever(self) -> None:
        while (batch := self._next_batch()) is not None:
            with self._changed:
                self._is_trying = True
            wait = self._send(batch)
            with self._changed:
                self._is_trying = False
                self._attempts += 1
                self._changed.notify_all()
                if wait:
                    # A flush may hasten the next attempt to connect, but not the wait that Synapse asked for.
                    self._changed.wait_for(lambda: self._is_closed or (self._is_away and self._is_hurried), wait)
        self._disconnect()

    def _next_batch(self) -> _Batch | None:
        """Wait for the next batch; returns None at the end."""
        with self._changed:
            if self._batch is None:
                self._changed.wait_for(lambda: self._lines or self._dropped or self._is_closed)
                self._changed.wait_for(self._is_enough, _GATHER_SECONDS)
                self._batch = _Batch(self._take_lines())
            return None if self._is_closed else self._batch

    def _is_enough(self) -> bool:
        return self._is_closed or self._is_hurried or len(self._lines) >= _BATCH_LINES

    def _take_lines(self) -> list[str]:
        lines = []
        if self._dropped:
            # Marks where the oldest were dropped. Batches are only made while nothing is blocked, so it appears once.
            lines.append(_notice(self._dropped, self._drop_reason))
            self._dropped = 0
        size = 0
        while self._lines and len(lines) < _BATCH_LINES and size < _BATCH_BYTES:
            line = self._lines.popleft()
            lines.append(line)
            size += len(line)
        self._bytes -= size
        return lines

    def _send(self, batch: _Batch) -> float:
        """Send a batch once; returns 0 if it is done, else the seconds until the next attempt."""
        try:
            status, headers, body = self._post(batch)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._disconnect()
            return self._failed(str(error) or type(error).__name__, is_away=True)
        if status == 201:
            self._finish(None)
            return 0
        why = _sentence_of(body) or f'Synapse answered {status}.'
        if status in (400, 413, 415, 422):
            self._finish(batch, why, _refused_in(body))
            return 0
        if status != 429:
            self._disconnect()
        return self._failed(why, is_away=False, wait=_seconds_in(headers))

    def _post(self, batch: _Batch) -> tuple[int, http.client.HTTPMessage, bytes]:
        if self._connection is None:
            self._connection = self._address.connection()
        try:
            return self._connection.post(batch)
        except (OSError, http.client.HTTPException):
            if not self._connection.is_used:
                raise
        # Synapse closes idle connections, which only shows now.
        self._disconnect()
        self._connection = self._address.connection()
        return self._connection.post(batch)

    def _finish(self, refused: _Batch | None, why: str = '', indexes: frozenset[int] = frozenset()) -> None:
        """Finish this batch, except for its lines that Synapse did not name as invalid."""
        with self._changed:
            self.trouble, self._failures, self._is_away, self._batch = None, 0, False, None
            if refused is None:
                return
            left = [line for index, line in enumerate(refused.lines) if index not in indexes] if indexes else []
            self._drop(len(refused.lines) - len(left), f'they were refused: {why}')
            if left:
                self._batch = _Batch(left)

    def _failed(self, why: str, *, is_away: bool, wait: float | None = None) -> float:
        with self._changed:
            self.trouble, self._is_away = why, is_away
            self._failures += 1
        if wait is not None:
            return wait
        return min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2.0 ** min(self._failures - 1, 10))

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


_senders: weakref.WeakSet[_Sender] = weakref.WeakSet()


def _reset_in_child() -> None:
    for sender in tuple(_senders):
        sender.reset()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_reset_in_child)


def _default_data_folder() -> Path:
    """The default data folder of Synapse; the same as `platformdirs.user_data_dir('synapse')`."""
    base: str | Path
    if sys.platform == 'win32':
        base = os.environ.get('LOCALAPPDATA') or Path.home() / 'AppData' / 'Local'
    elif os.environ.get('XDG_DATA_HOME', '').strip():
        base = os.environ['XDG_DATA_HOME'].strip()
    elif sys.platform == 'darwin':
        base = Path.home() / 'Library' / 'Application Support'
    else:
        base = Path.home() / '.local' / 'share'
    return Path(base, 'synapse')


def _level_of(record: logging.LogRecord) -> str:
    if record.levelno == SUCCESS or str(record.levelname).upper() == 'SUCCESS':
        return 'success'
    return next((level for least, level in _LEVELS if record.levelno >= least), 'debug')


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _OF_EVERY_RECORD}


def _notice(count: int, reason: str) -> str:
    message = f'{count:,} log {"line is" if count == 1 else "lines are"} missing here: {reason}'
    entry = {'level': 'warning', 'message': message, 'source': 'logging_handler', 'fields': {'dropped': count}}
    return json.dumps(entry)


def _bounded(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields as JSON that Synapse accepts: surplus fields are dropped, long texts lose their middle."""
    left = [_MOST_VALUES]
    plain: dict[str, Any] = {_valid(str(name))[:200]: _plain(value, left, _DEEPEST) for name, value in fields.items()}
    if len(json.dumps(plain)) <= _LONGEST_FIELDS:
        return plain
    return {name: _shorter(value) for name, value in [*plain.items()][:8]} | {'is_cut': True}


def _plain(value: Any, left: list[int], depth: int) -> Any:
    left[0] -= 1
    if left[0] < 0:
        return '…'
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) <= _LARGEST_NUMBER):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Mapping) and depth:
        return {_valid(str(name))[:200]: _plain(item, left, depth - 1) for name, item in _first(value.items(), left)}
    if isinstance(value, (list, tuple, set, frozenset)) and depth:
        return [_plain(item, left, depth - 1) for item in _first(value, left)]
    try:
        return _short(_valid(str(value)), _LONGEST_TEXT)
    except Exception:  # a class whose `__str__` fails must not lose the line
        return f'<{type(value).__name__}>'


def _shorter(value: Any) -> Any:
    return _short(str(value), 1_000) if isinstance(value, (str, list, dict)) else value


def _first(items: Any, left: list[int]) -> Any:
    for item in items:
        if left[0] <= 0:
            return
        yield item


def _short(text: str, longest: int) -> str:
    """A long text without its middle: the end of a traceback says most."""
    if len(text) <= longest:
        return text
    return f'{text[: longest // 4]}\n…\n{text[-(longest // 4 * 3 - 3) :]}'


def _valid(text: str) -> str:
    """Escape halves of surrogate pairs, as in file names that are not UTF-8, which others cannot read."""
    return text.encode('utf-8', 'backslashreplace').decode()


def _error_in(body: bytes) -> dict[str, Any]:
    try:
        error = json.loads(body)['error']
    except (ValueError, TypeError, KeyError):
        return {}
    return error if isinstance(error, dict) else {}


def _sentence_of(body: bytes) -> str:
    error = _error_in(body)
    fields = error.get('fields')
    first = next(iter(fields.values()), '') if isinstance(fields, dict) else ''
    return ' '.join(str(part) for part in (error.get('message'), first or error.get('hint')) if part)


def _refused_in(body: bytes) -> frozenset[int]:
    fields = _error_in(body).get('fields')
    names = fields if isinstance(fields, dict) else ()
    return frozenset(int(index) for index in (name.split('.')[0] for name in names) if index.isdigit())


def _seconds_in(headers: http.client.HTTPMessage) -> float | None:
    try:
        return min(60.0, max(0.0, float(headers.get('Retry-After', ''))))
    except ValueError:
        return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Log one message, or each line that is piped in; returns 0 if everything reached Synapse."""
    parser = argparse.ArgumentParser(
        prog='python -m synapse.logging_handler', description='Log a message, or each line of standard input.'
    )
    parser.add_argument('message', nargs='*', help='the message; without it, lines are read from standard input')
    parser.add_argument('--level', default='info', choices=list(_NUMBERS))
    parser.add_argument('--source', default='command line')
    parser.add_argument('--data', help='the data folder of Synapse')
    parser.add_argument('--url', help='the URL of Synapse; default: as in its data folder')
    given = parser.parse_args(arguments)
    handler = SynapseHandler(given.url, data=given.data, source=given.source, exit_seconds=10)
    lines = [' '.join(given.message)] if given.message else (line.rstrip('\r\n') for line in sys.stdin)
    number = _NUMBERS[given.level]
    for count, line in enumerate(lines, 1):
        handler.handle(logging.LogRecord(given.source, number, '', 0, line, None, None))
        if count % _BATCH_LINES == 0 and not handler._sender.flush(60):
            break  # reading waits for Synapse, so that nothing is dropped
    is_sent = handler._sender.flush(10)
    handler.close()
    return 0 if is_sent else 1


_NUMBERS = {'debug': 10, 'info': 20, 'success': SUCCESS, 'warning': 30, 'error': 40, 'critical': 50}

if __name__ == '__main__':
    sys.exit(main())
