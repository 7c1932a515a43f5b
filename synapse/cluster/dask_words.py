"""What Dask says of itself, as people may read it: our words for what we know, nothing for what we tell ourselves."""

import asyncio
import logging
import ssl
import time
from typing import Any, Final

from distributed.comm import CommClosedError

from synapse.language import _

AGAIN_SECONDS = 600.0
"""A machine that is refused tries every few seconds; it is told once in this time."""
MOST_TOLD = 1000

_LEFT_TO_US: Final = (
    'Failed to reconnect to scheduler',
    'Scheduler was unaware of this worker',
    'Unable to connect to scheduler',
    'Failed to communicate with scheduler',
    'Worker stream died during communication',
    'Received heartbeat from unregistered worker',
    'Task %s marked as failed because',
    'Removing worker ',
    'Closed comm ',
    'Closing dangling stream',
    "Couldn't gather ",
    'Async instruction for ',
)
"""How texts begin about a scheduler or a worker that is gone: whoever has lost it says so."""


class DaskWords(logging.Handler):
    """Takes the records of Dask, and hands on to all handlers what is worth reading."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a record on, perhaps with another text."""
        try:
            if self._is_worth_reading(record):
                logging.getLogger().handle(record)
        except Exception:
            self.handleError(record)

    def _is_worth_reading(self, record: logging.LogRecord) -> bool:
        said = str(record.msg)
        error = record.exc_info[1] if record.exc_info else None
        if 'TLS handshake failed' in said:
            return self._is_refusal(record)
        if said.startswith('Worker tried to connect with a duplicate name'):
            return self._is_news(record, _('A second machine called {name} was refused.', name=_last(record)))
        if said.startswith(_LEFT_TO_US) or isinstance(error, CommClosedError | ConnectionError | TimeoutError):
            return False
        if not record.getMessage().strip():
            if error is None or isinstance(error, asyncio.CancelledError):
                return False
            record.msg, record.args = repr(error).replace('%', '%%'), ()
        return True

    def _is_refusal(self, record: logging.LogRecord) -> bool:
        """Whether somebody with another code was refused; one who hangs up before has said nothing."""
        _listener, remote, error = _arguments(record, 3)
        if not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return False
        host = str(remote).partition('://')[2].rpartition(':')[0]
        text = _('A connection from {host} was refused: it does not have the code of this cluster.', host=host)
        return self._is_news(record, text)

    def _is_news(self, record: logging.LogRecord, text: str) -> bool:
        now = time.monotonic()
        if now - self._told.get(text, -AGAIN_SECONDS) < AGAIN_SECONDS:
            return False
        self._told = dict([*self._told.items()][1 - MOST_TOLD :])
        self._told[text] = now
        record.msg, record.args = text, ()
        return True


def _arguments(record: logging.LogRecord, count: int) -> tuple[Any, ...]:
    values = record.args if isinstance(record.args, tuple) else ()
    return (*values, *[None] * count)[:count]


def _last(record: logging.LogRecord) -> Any:
    return _arguments(record, 1)[0]
