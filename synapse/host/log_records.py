"""Takes what `logging` says to the run's log: once, with its level, however a pipeline file sets logging up.

Ours is above the root logger, as if that had a parent, so `basicConfig` finds no handler, and neither `force=True` nor
`dictConfig` removes it. A handler that prints decides by its level and filters what is logged; what it prints of a
record isn't a line of its own.
"""

import logging
import re
import string
import threading
import traceback
import weakref
from collections.abc import Iterator
from typing import Any

from .channel import Channel
from .streams import Stream

_HANDLER_FAILED = '--- Logging error ---'
_FIELD = re.compile(r'%\((\w+)\)|\$\{?(\w+)')
_SHOWN_ANYWAY = frozenset(
    {'asctime', 'name', 'levelname', 'levelno', 'message', 'created', 'msecs', 'relativeCreated'}
    | {'module', 'funcName', 'lineno', 'filename', 'pathname'}
    | {'process', 'processName', 'thread', 'threadName', 'taskName'}
)
"""Fields of a format that says nothing more than the log shows, or than anyone would miss there."""


class _Record(logging.LogRecord):
    """A record that knows whether it was logged, as do its copies, such as those that a `QueueHandler` makes.

    In a slot, since formatters that write JSON take everything in `__dict__` for a field.
    """

    __slots__ = ('left',)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.left = [True]


class RecordHandler(logging.Handler):
    """Sends `logging` records of a step to the run's log; the source is the logger's name.

    :param streams: the standard streams, which handlers of the person print to
    """

    def __init__(self, channel: Channel, streams: tuple[Stream, ...] = ()) -> None:
        super().__init__()
        self._channel = channel
        self._streams = streams
        self._printing: weakref.WeakSet[logging.Handler] = weakref.WeakSet()
        self._handle = logging.Handler.handle

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if not any(map(self._prints, _handlers_of(record.name))):
                self.send(record, _plain(record))
        except Exception:
            self.handleError(record)
        self._channel.after_output()

    def send(self, record: logging.LogRecord, message: str) -> None:
        """Log a record, unless that has happened."""
        if _is_first(record):
            self._channel.log(level_name(record.levelno), record.name, message)

    def watch(self, handler: logging.Handler, record: logging.LogRecord) -> Any:
        """Have another handler handle a record; if that prints, log the record instead of the printed text."""
        if handler is self or any(stream.is_captured for stream in self._streams):
            return self._handle(handler, record)
        with _Captures(self._streams) as printed:
            result = self._handle(handler, record)
        if text := ''.join(printed):
            self._log_printed(handler, record, text)
        return result

    def _log_printed(self, handler: logging.Handler, record: logging.LogRecord, printed: str) -> None:
        if _HANDLER_FAILED in printed:  # not the record but what went wrong with it
            self._streams[-1].write(printed)
            return
        self._printing.add(handler)
        is_plain = isinstance(record.msg, str) and _adds_nothing(handler.formatter)
        self.send(record, _plain(record) if is_plain else printed.rstrip())

    def _prints(self, handler: logging.Handler) -> bool:
        # Rich's handler has a console, which has a file.
        stream = getattr(handler, 'stream', None) or getattr(getattr(handler, 'console', None), 'file', None)
        return handler in self._printing or any(stream is ours for ours in self._streams)


def take_records(channel: Channel, streams: tuple[Stream, ...]) -> RecordHandler:
    """Send what this process logs to the channel from now on."""
    ours = RecordHandler(channel, streams)
    top = logging.Logger('synapse')
    top.addHandler(ours)
    root = logging.getLogger()
    root.parent = top
    root.setLevel(logging.INFO)
    logging.setLogRecordFactory(_Record)
    logging.Handler.handle = lambda handler, record: ours.watch(handler, record)  # type: ignore[method-assign, assignment]
    return ours


def level_name(number: int) -> str:
    """Return the level of the log for one of `logging`."""
    for floor, name in ((50, 'critical'), (40, 'error'), (30, 'warning'), (20, 'info')):
        if number >= floor:
            return name
    return 'debug'


class _Captures:
    """A context in which what this thread prints is collected."""

    def __init__(self, streams: tuple[Stream, ...]) -> None:
        self._streams = streams
        self._printed: list[str] = []

    def __enter__(self) -> list[str]:
        for stream in self._streams:
            stream.begin_capture(self._printed)
        return self._printed

    def __exit__(self, *_: object) -> None:
        for stream in self._streams:
            stream.end_capture()


_first_lock = threading.Lock()


def _is_first(record: logging.LogRecord) -> bool:
    """Whether this is the first call for a record or a copy of it."""
    left = getattr(record, 'left', None)
    if not isinstance(left, list):  # made by a factory of the person
        left = record.__dict__.setdefault('_synapse_left', [True])
    with _first_lock:
        return bool(left and left.pop())


def _handlers_of(name: str) -> Iterator[logging.Handler]:
    """Yield the handlers that a record of this logger passes before ours."""
    known = logging.Logger.manager.loggerDict.get(name)
    logger: logging.Logger | None = known if isinstance(known, logging.Logger) else logging.getLogger()
    while logger is not None and logger.parent is not None:
        yield from logger.handlers
        logger = logger.parent


def _plain(record: logging.LogRecord) -> str:
    message = record.getMessage()
    if record.exc_info and record.exc_info[1] is not None:
        message = f'{message}\n{"".join(traceback.format_exception(record.exc_info[1])).rstrip()}'
    if record.stack_info:
        message = f'{message}\n{record.stack_info}'
    return message


def _adds_nothing(formatter: logging.Formatter | None) -> bool:
    """Whether what a formatter makes of a record is no more than its message, level, logger, time and place."""
    if formatter is None:
        return True
    if type(formatter) is not logging.Formatter:
        return False
    text = formatter._fmt or ''
    names = {name for pair in _FIELD.findall(text) for name in pair if name}
    if formatter._style.__class__ is logging.StrFormatStyle:
        names |= {name.partition('.')[0] for _, name, _, _ in string.Formatter().parse(text) if name}
    return names <= _SHOWN_ANYWAY
