"""Makes one entry of each traceback that a program of a run prints."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from synapse.log.log import Level
from synapse.protocol.long_lines import LONGEST, LongLines
from synapse.protocol.tracebacks import Folded, TracebackFolder


@dataclass(frozen=True, slots=True)
class Printed:
    """Lines of one source, each with the ISO timestamp of when it was printed.

    `fields` and `level` belong to all of them; `stream` tells streams apart that have the same source.
    """

    source: str
    step: str | None
    lines: list[tuple[str, str]]
    fields: Mapping[str, Any] | None = None
    stream: Any = None
    level: Level = Level.INFO


class Tracebacks:
    """Folds the lines of several streams. Use it on the event loop.

    :param long_lines: keeps tracebacks that are too long for the log
    """

    def __init__(self, long_lines: LongLines) -> None:
        self._long_lines = long_lines
        self._folders: dict[Any, TracebackFolder] = {}
        self._last: dict[Any, Printed] = {}

    @property
    def is_holding(self) -> bool:
        return any(folder.is_holding for folder in self._folders.values())

    def fold(self, printed: Printed) -> list[Printed]:
        """Return what can be logged of these lines and of those kept back."""
        # In one go: more lines of the stream may be folded while the caller still logs these.
        return list(self._folded(printed))

    def _folded(self, printed: Printed) -> Iterator[Printed]:
        key = printed.source, printed.stream
        folder = self._folders.get(key) or TracebackFolder()
        if printed.fields or printed.level is not Level.INFO:  # a line that was cut is none of a traceback
            yield from self._unfolded(key, folder.release())
            yield printed
            return
        before = self._last.get(key, printed)
        if folder.is_holding and before.step != printed.step:
            yield from self._unfolded(key, folder.release())
        self._folders[key], self._last[key] = folder, printed
        yield from self._unfolded(key, folder.feed(printed.lines))
        if folder.is_idle:
            del self._folders[key], self._last[key]

    def release(self) -> list[Printed]:
        """Return all lines that are kept back."""
        return [item for key, folder in self._folders.items() for item in self._unfolded(key, folder.release())]

    def _unfolded(self, key: Any, parts: list[Folded]) -> Iterator[Printed]:
        for part in parts:
            about = self._last[key]
            yield self._entry(about, part.lines) if part.is_traceback else replace(about, lines=part.lines)

    def _entry(self, about: Printed, lines: list[tuple[str, str]]) -> Printed:
        text = '\n'.join(line for _, line in lines)
        fields: Mapping[str, Any] | None = None
        if len(text) > LONGEST:
            fields = self._long_lines.cut(text)[1]
            half = LONGEST // 2 - 2
            text = f'{text[:half]}\n…\n{text[-half:]}'
        # With the time of its last line: the times of a source never go back.
        return replace(about, lines=[(lines[-1][0], text)], fields=fields, level=Level.ERROR)
