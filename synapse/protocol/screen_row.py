"""One row of a screen: characters by column, each with its style."""

import unicodedata
from typing import NamedTuple

from .sgr import RESET

LONGEST_UNSEEN = 200
"""Characters that one column may have: with combining ones, and escapes that take no place."""


class LiveRow(NamedTuple):
    """A row that is not complete yet; `number` counts the rows of this output, `is_drawn` says that it is redrawn."""

    number: int
    text: str
    is_drawn: bool


class Row:
    """Characters by column, each with its style; the second column of a wide character is empty."""

    __slots__ = ('chars', 'counted', 'is_counted', 'is_drawn', 'number', 'reached_at', 'styles', 'tail', 'touched_at')

    def __init__(self, number: int, now: float) -> None:
        self.number = number
        self.chars: list[str] = []
        self.styles: list[str] = []
        self.tail: list[str] = []
        self.is_drawn = self.is_counted = False
        self.counted = ''
        """The last complete row of dots, shown while the next one is written over it."""
        self.touched_at = now
        self.reached_at: float | None = None

    @property
    def text(self) -> str:
        chars, styles = self.chars, self.styles
        if self.is_drawn and not self.tail:
            end = len(chars)
            while end and chars[end - 1] in ('', ' '):
                end -= 1
            chars, styles = chars[:end], styles[:end]
        return (_painted(chars, styles) if any(styles) else ''.join(chars)) + ''.join(self.tail)

    @property
    def lines(self) -> list[str]:
        """The line to store, none for a row that was drawn and is blank."""
        return [] if self.is_drawn and self.is_blank else [self.text]

    @property
    def is_blank(self) -> bool:
        return not self.tail and not ''.join(self.chars).strip()

    def write(self, column: int, cells: list[str], style: str) -> None:
        missing = column - len(self.chars)
        if missing > 0:
            self.chars += [' '] * missing
            self.styles += [''] * missing
        self.chars[column : column + len(cells)] = cells
        self.styles[column : column + len(cells)] = [style] * len(cells)

    def add(self, column: int, text: str) -> None:
        """Add what takes no place of its own to the character before this column."""
        place = min(column, len(self.chars)) - 1
        while place > 0 and not self.chars[place]:
            place -= 1
        if place < 0:
            self.write(0, [text], '')
        elif len(self.chars[place]) + len(text) <= LONGEST_UNSEEN:
            self.chars[place] += text

    def erase(self, start: int, end: int) -> None:
        end = min(end, len(self.chars))
        if start < end:
            self.chars[start:end] = [' '] * (end - start)
            self.styles[start:end] = [''] * (end - start)

    def cut(self, column: int) -> None:
        del self.chars[column:], self.styles[column:]
        self.tail.clear()


def cells_of(text: str) -> list[str]:
    """One string a column; a wide character has an empty one after it, a combining one adds to the one before."""
    if text.isascii():
        return list(text)
    cells: list[str] = []
    for char in text:
        if cells and unicodedata.combining(char):
            place = -1 if cells[-1] else -2
            if len(cells[place]) < LONGEST_UNSEEN:
                cells[place] += char
        elif unicodedata.east_asian_width(char) in 'WF':
            cells += [char, '']
        else:
            cells.append(char)
    return cells


def _painted(chars: list[str], styles: list[str]) -> str:
    parts, on = [], ''
    for char, style in zip(chars, styles, strict=True):
        if style != on:
            parts.append((RESET if on else '') + style)
            on = style
        parts.append(char)
    return ''.join(parts)
