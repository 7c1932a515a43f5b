"""Takes what loguru and structlog print to the run's log, with its level. Neither goes through `logging`."""

import importlib.abc
import importlib.util
import re
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from storage.logs.text import plain

from .channel import Channel
from .log_records import level_name
from .streams import Stream

_SUCCESS = 'SUCCESS'
_LEVELS_OF_METHODS = {
    **dict.fromkeys(('msg', 'log', 'info'), 'info'),
    'debug': 'debug',
    **dict.fromkeys(('warn', 'warning'), 'warning'),
    **dict.fromkeys(('failure', 'err', 'error', 'exception'), 'error'),
    **dict.fromkeys(('fatal', 'critical'), 'critical'),
}
_TIME_AND_LEVEL = re.compile(r'^(?:\d{4}-\d\d-\d\d[ T][\d:.]+(?:Z|[+-]\d\d:?\d\d)? +)?\[[a-z]+ *\] ')


def take_loggers(channel: Channel, streams: tuple[Stream, ...]) -> None:
    """Have these packages patched as soon as a pipeline imports them.

    :param streams: the standard streams; what goes elsewhere is left alone
    """
    taken = _Taken(channel, streams)
    sys.meta_path.insert(0, _AfterImport({'loguru._simple_sinks': taken.loguru, 'structlog._output': taken.structlog}))


class _Taken:
    def __init__(self, channel: Channel, streams: tuple[Stream, ...]) -> None:
        self._channel = channel
        self._streams = streams

    def loguru(self, module: Any) -> None:
        original = module.StreamSink.write

        def write(sink: Any, message: Any) -> None:
            record = getattr(message, 'record', None)
            if record is None or not self._is_ours(sink._stream):
                original(sink, message)
                return
            level = record['level']
            name = 'success' if level.name == _SUCCESS else level_name(level.no)
            self._channel.log(name, record['name'] or 'loguru', _said(record, plain(str(message)).rstrip()))
            self._channel.after_output()

        module.StreamSink.write = write

    def structlog(self, module: Any) -> None:
        for kind in (module.PrintLogger, module.WriteLogger, module.BytesLogger):
            for name, level in _LEVELS_OF_METHODS.items():
                if (original := getattr(kind, name, None)) is not None:
                    setattr(kind, name, self._method(original, level))

    def _method(self, original: Callable[[Any, Any], None], level: str) -> Callable[[Any, Any], None]:
        def method(logger: Any, message: Any) -> None:
            if not self._is_ours(getattr(logger, '_file', None)):
                original(logger, message)
                return
            text = message.decode('utf-8', 'replace') if isinstance(message, bytes) else str(message)
            self._channel.log(level, 'structlog', _TIME_AND_LEVEL.sub('', plain(text), count=1).rstrip())
            self._channel.after_output()

        return method

    def _is_ours(self, file: object) -> bool:
        """Whether a file is a standard stream, and not what a handler of `logging` prints to at the moment."""
        return any(file is stream or file is stream.buffer for stream in self._streams) and not any(
            stream.is_captured for stream in self._streams
        )


def _said(record: Any, printed: str) -> str:
    """Return the message without the time, level and place before it, unless a format adds what was bound to it."""
    place = printed.find(record['message'])
    if place < 0 or any(str(value) in printed[:place] for value in record['extra'].values()):
        return printed
    return printed[place:]


class _AfterImport(importlib.abc.MetaPathFinder):
    """Calls a function with a module of a name once that is imported."""

    def __init__(self, patches: dict[str, Callable[[Any], None]]) -> None:
        self._patches = patches

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        patch = self._patches.pop(fullname, None)
        spec = importlib.util.find_spec(fullname) if patch is not None else None
        if spec is None or spec.loader is None or patch is None:
            return None
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            patch(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
