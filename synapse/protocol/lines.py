"""Cuts the output of programs into the lines of the log, in run hosts and in the control room."""

import codecs

REDRAW_SECONDS = 0.1
MAX_LINE_CHARACTERS = 8 * 1024 * 1024


class TextLines:
    """Text in, lines out. A carriage return ends a line too; of lines redrawn that way one per 100 ms is kept."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.size = 0
        self._held: str | None = None
        self._redrawn_at = 0.0
        self._was_redrawn = False

    def feed(self, text: str, now: float) -> list[str]:
        """Return the lines that this text completes.

        :param now: when it was printed, in seconds by a clock of the caller's choice
        """
        self._parts.append(text)
        self.size += len(text)
        if '\n' not in text and '\r' not in text and self.size < MAX_LINE_CHARACTERS:
            return []
        joined = ''.join(self._parts)
        *lines, rest = joined.split('\n')
        if self._was_redrawn or '\r' in joined:
            lines, rest = self._drawn(lines, rest, now)
        if len(rest) >= MAX_LINE_CHARACTERS:
            lines += self._ended(rest)
            rest = ''
        self._parts, self.size = [rest] if rest else [], len(rest)
        return lines

    def finish(self) -> list[str]:
        """Return what is left without a line end, as a line."""
        rest, held = _last_drawn(''.join(self._parts)), self._held
        self._parts, self.size, self._held, self._was_redrawn = [], 0, None, False
        return [rest or held or ''] if rest or held else []

    def _drawn(self, whole: list[str], rest: str, now: float) -> tuple[list[str], str]:
        lines = [kept for line in whole for kept in self._ended(line)]
        if '\r' in rest[:-1]:
            # A return at the very end has to wait: it may be the first half of a CRLF.
            place = rest.rindex('\r', 0, len(rest) - 1)
            lines += self._redrawn(_last_drawn(rest[:place]), now)
            rest = rest[place + 1 :]
        return lines, rest

    def _ended(self, line: str) -> list[str]:
        text, held, was_redrawn = _last_drawn(line), self._held, self._was_redrawn
        self._held, self._was_redrawn = None, False
        return [text or held or ''] if text or held or not was_redrawn else []

    def _redrawn(self, text: str, now: float) -> list[str]:
        if not text:
            return []
        self._was_redrawn = True
        if now - self._redrawn_at < REDRAW_SECONDS:
            self._held = text
            return []
        self._redrawn_at, self._held = now, None
        return [text]


def _last_drawn(line: str) -> str:
    return next((part for part in reversed(line.split('\r')) if part), '')


class ByteLines:
    """`TextLines` for bytes, decoded as UTF-8; invalid bytes become replacement characters."""

    def __init__(self) -> None:
        self._lines = TextLines()
        self._decode = codecs.getincrementaldecoder('utf-8')('replace').decode

    @property
    def size(self) -> int:
        """Characters of the unfinished line."""
        return self._lines.size

    def feed(self, data: bytes, now: float) -> list[str]:
        return self._lines.feed(self._decode(data), now)

    def finish(self) -> list[str]:
        return [*self._lines.feed(self._decode(b'', True), 0.0), *self._lines.finish()]
