"""Limits what one run may put into the log, so that a program that prints without end leaves the lines of others."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from synapse.language import _, _n
from synapse.language.figures import number
from synapse.log.log import Level
from synapse.runs.records import Cut
from synapse.sizes import limit_size

from .tracebacks import Printed

RUN_BYTES = 250_000_000
LINE_BYTES = 100
"""About what a line takes on the disk besides its text."""
LAST_LINES = 1_000
"""How many of the lines that are left out are logged in the end: they say why a step failed."""
LAST_BYTES = 1024**2
"""Of long lines fewer are logged."""

Entries = list[Any]
"""Log entries as a host sends them: the `e` of a `Logs`."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Output that is not cut into lines, since most of it is only counted; `message` is the `Raw` it came with."""

    message: Mapping[str, Any]
    data: bytes
    lines: int

    @classmethod
    def of(cls, message: Mapping[str, Any], data: bytes) -> 'Piece':
        return cls(message, data, data.count(b'\n'))

    @property
    def step(self) -> Any:
        return self.message.get('step')

    def without_first(self, lines: int) -> 'Piece':
        data = self.data.split(b'\n', lines)[-1] if lines <= self.lines else b''
        return Piece(self.message, data, max(0, self.lines - lines))


class RunLimit:
    """Counts what a run has logged, and the lines that are left out beyond the limit; keeps the last of those.

    What a step logs itself, and errors and warnings, are logged up to twice the limit.

    :param most_bytes: an estimate of the space on the disk
    """

    def __init__(self, most_bytes: int) -> None:
        self._most, self._used = most_bytes, 0
        self.is_lifted = False
        self._left_out = 0
        self.cut = Cut()
        """What was left out, without the last lines, of which it isn't known yet."""
        self._is_torn = False
        """Whether what was dropped last ended within a line."""
        self._last: deque[tuple[Printed | Piece, int, int]] = deque()
        """What was left out last, each with its lines and bytes."""
        self._last_lines = self._last_bytes = 0

    @property
    def is_reached(self) -> bool:
        return self._used >= self._most

    @property
    def has_left_out(self) -> bool:
        return bool(self._left_out or self._last)

    def admits(self, part: Printed | Entries) -> bool:
        """Whether to log this part."""
        is_printed = isinstance(part, Printed) and part.level is Level.INFO
        return self.is_lifted or self._used < (self._most if is_printed else 2 * self._most)

    def count(self, part: Printed | Entries) -> bool:
        """Count what is logged, unless the limit is lifted; whether the limit is reached by that."""
        if self.is_lifted:
            return False
        was_reached = self.is_reached
        texts = [text for _, text in part.lines] if isinstance(part, Printed) else [str(entry) for entry in part]
        self._used += LINE_BYTES * len(texts) + sum(map(_size, texts))
        return self.is_reached and not was_reached

    def leave_out(self, part: Printed | Entries | Piece) -> None:
        if isinstance(part, list):
            self._left_out += len(part)
            self._count_cut(len(part), sum(_size(str(entry)) for entry in part))
            return
        lines = part.lines if isinstance(part, Piece) else len(part.lines)
        size = _text_size(part)
        self._last.append((part, lines, size))
        self._last_lines, self._last_bytes = self._last_lines + lines, self._last_bytes + size
        while len(self._last) > 1 and self._has_enough_without_first():
            dropped, lines, size = self._last.popleft()
            self._is_torn = isinstance(dropped, Piece) and not dropped.data.endswith(b'\n')
            self._left_out += lines
            self._count_cut(lines, size)
            self._last_lines, self._last_bytes = self._last_lines - lines, self._last_bytes - size

    def _count_cut(self, lines: int, size: int) -> None:
        self.cut = self.cut.plus(Cut(lines=lines, bytes=size))

    def _has_enough_without_first(self) -> bool:
        return self._last_lines - self._last[0][1] >= LAST_LINES or self._last_bytes > LAST_BYTES

    def take_last(self) -> tuple[str, list[Printed | Piece]]:
        """Return the last lines that were left out, after a sentence about those that are not among them.

        The sentence is empty if there are none. The next call is about the lines after these.
        """
        last, surplus = [part for part, _, _ in self._last], max(0, self._last_lines - LAST_LINES)
        before = sum(map(_text_size, last))
        if last and isinstance(last[0], Piece):
            surplus = surplus or int(self._is_torn)
            last[0] = last[0].without_first(surplus)
        elif last and isinstance(last[0], Printed):
            last[0] = replace(last[0], lines=last[0].lines[surplus:])
        self._count_cut(surplus, before - sum(map(_text_size, last)))
        summary = self._summary(self._left_out + surplus, self._last_lines - surplus)
        self._last.clear()
        self._left_out = self._last_lines = self._last_bytes = 0
        self._is_torn = False
        return summary, last

    def warning(self) -> str:
        return _(
            'The log of this run has reached {size}, which is the limit. From here on lines are '
            'left out, except errors, warnings and the last {count}.',
            size=limit_size(self._most),
            count=number(LAST_LINES),
        )

    def _summary(self, left_out: int, following: int) -> str:
        if not left_out:
            return ''
        text = _n(
            '{count} line was left out: the log of one run is limited to {size}.',
            '{count} lines were left out: the log of one run is limited to {size}.',
            left_out,
            size=limit_size(self._most),
        )
        if following <= 0:
            return text
        return ' '.join((text, _n('Its last {count} line follow.', 'Its last {count} lines follow.', following)))


def _text_size(part: Printed | Piece) -> int:
    return len(part.data) if isinstance(part, Piece) else sum(len(text) for _, text in part.lines)


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode('utf-8', 'replace'))
