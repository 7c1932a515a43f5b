"""Cuts a stream of bytes into lines, and keeps no more than a limit of each."""

import re
from collections.abc import Iterator

from synapse.language import _
from synapse.language.figures import number

# A terminal would ring, erase or move at these; a log line only shows that they were there. Tab is kept, and so is
# an escape that starts a colour (SGR), which the log view turns into a class.
_HARMFUL = re.compile(r'\x1b(?!\[[0-9;:]*m)|[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f]')


class LineCutter:
    """Bytes in, lines without line ends out; of a line longer than `limit` bytes only the start is kept.

    :param drops_redrawn: whether to drop what a carriage return within a line lets the program write over, so that a
        progress bar is one line
    """

    def __init__(self, limit: int, *, drops_redrawn: bool = False) -> None:
        self._limit = limit
        self._drops_redrawn = drops_redrawn
        self._kept = bytearray()
        self.length = 0
        """How many bytes the unfinished line has so far, kept or not."""

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes, int]]:
        """Yield the lines that this chunk completes, each with its length before it was cut."""
        first, *others = chunk.split(b'\n')
        self._add(first)
        for part in others:
            yield self._taken()
            self._add(part)

    def rest(self) -> Iterator[tuple[bytes, int]]:
        """Yield the last line, if the stream ended without a line end."""
        if self.length:
            yield self._taken()

    def _add(self, part: bytes) -> None:
        if self._drops_redrawn and (b'\r' in part or self._kept.endswith(b'\r')):
            part = self._last_drawn(part)
        self._kept += part[: max(0, self._limit - len(self._kept))]
        self.length += len(part)

    def _last_drawn(self, part: bytes) -> bytes:
        text = part.rstrip(b'\r')
        place = text.rfind(b'\r') + 1
        if text and (place or self._kept.endswith(b'\r')):
            self._kept.clear()
            self.length = 0
        return part[place:]

    def _taken(self) -> tuple[bytes, int]:
        line = bytes(self._kept), self.length
        self._kept.clear()
        self.length = 0
        return line


def readable(line: bytes, length: int) -> list[str]:
    """Return the line as harmless text: invalid UTF-8 replaced, control characters as symbols, a cut line marked.

    A carriage return starts a new line, since programs use it to draw progress over the same line.
    """
    text = line.decode('utf-8', errors='replace')
    if length > len(line):
        cut = _('cut, {size} bytes', size=number(length))
        text += f' … ({cut})'
    parts = text.rstrip('\r').split('\r')
    return [_HARMFUL.sub(_symbol, part) for part in parts if part or len(parts) == 1]


def _symbol(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else '␡' if code == 0x7F else '�'
