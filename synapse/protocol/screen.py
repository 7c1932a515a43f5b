"""What a program draws, as a terminal of endless length would show it: lines that scroll, and rows that are redrawn.

A line is complete at its line end. A row that was drawn over with `\\r`, `\\b` or moves of the cursor is complete when
the program leaves it alone, so that a progress bar is one line, in its last state.

pyte 0.8.2 was measured beside it: 9,500 lines or 7,300 redraws per second, where this takes 11 million or 56,000. It
also would have to be told which rows are complete, which is most of what is here.
"""

import re
import unicodedata
from collections.abc import Callable

from synapse.language import N_, translated

from .drawing import (
    BACK_TO_LINES,
    DOTS,
    DOTS_BEGIN,
    RETURNS,
    SOME_DOTS,
    TOKEN,
    UNFINISHED,
    before_moves,
    moves,
    without_data,
)
from .screen_row import LONGEST_UNSEEN, LiveRow, Row, cells_of
from .sgr import Style

HEIGHT = 50
"""Rows that can still be redrawn, as on a terminal of this height."""
WIDTH = 4096
"""Columns that can be redrawn; what is behind them can only be added to."""
MAX_LINE_CHARACTERS = 8 * 1024 * 1024
DRAWN_SECONDS = 0.2
"""How long a redrawn row is kept after its line end, in case the cursor returns to it, as with nested bars."""
DRAWING_SECONDS = 1.0
"""The same for all rows while a program moves the cursor between rows, or hides it, as it does before it draws."""
REACHED_SECONDS = 2.0
"""The same for rows that the cursor has returned to. While it is hidden, they are kept as long as it returns."""
LONGEST_SHOWN = 4096
"""Characters of an unfinished row that are shown."""

FULL_SCREEN = N_('(draws a full screen, which a log cannot show)')


class Screen:
    """Text in, lines out; `rows` has what is not complete yet. Memory is bounded by the longest line.

    Times are seconds by a clock of the caller's choice that never goes back.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0
        self._number = 0
        self._rest = ''
        self._style = Style()
        self._rows: list[Row] = []
        """Empty while lines only scroll; then `_parts` has the unfinished one."""
        self._y = self._x = 0
        self._saved: tuple[int, int] | None = None
        self._away: Row | None = None
        """A row at a place of its own on the screen, such as the bottom, drawn until the cursor is back."""
        self._is_hidden = self._is_full = self._has_said_full = False
        self._unseen = ''
        """What takes no place on the screen, and is kept with the next character."""
        self._drawn_at = self._up_at = float('-inf')
        self._now = 0.0
        self._tail_size = 0

    @property
    def size(self) -> int:
        """Characters of the unfinished line."""
        return self._size + self._tail_size

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left over that a further text could depend on."""
        return not (self._parts or self._rest or self._rows or self._style.text)

    def feed(self, text: str, now: float) -> list[str]:
        """Return the lines that this text completes."""
        has_signs = '\x1b' in text or '\r' in text or '\b' in text or SOME_DOTS in text
        if not (has_signs or self._rows or self._rest):
            return self._scrolled(text)
        self._now = max(self._now, now)
        return self._drawn(without_data(self._rest + text))

    def settle(self, now: float) -> list[str]:
        """Return the lines of rows that have been left alone for long enough; see `due`."""
        self._now = max(self._now, now)
        if not self._rows:
            return []
        lines = self._released()
        self._return_to_lines()
        return lines

    def finish(self) -> list[str]:
        """Return all that is left, as lines. This screen takes no more text."""
        if self._rows:
            rows = [*self._rows[: self._y], *(row for row in self._rows[self._y :] if row.chars or row.tail)]
            return [line for row in rows for line in row.lines]
        text = ''.join(self._parts) + self._rest.strip('\r')
        return [self._line(text)] if text else []

    @property
    def due(self) -> float | None:
        """When `settle` will return the next line if nothing more is printed; None if it depends on what is."""
        if not self._rows or not self._y:
            return None
        seconds = self._kept_seconds(self._rows[0])
        return None if seconds is None else self._rows[0].touched_at + seconds

    @property
    def rows(self) -> list[LiveRow]:
        """The rows that are not complete, from top to bottom, without blank ones."""
        if self._rows:
            rows = [*self._rows, *filter(None, [self._away])]
            live = [LiveRow(row.number, (row.counted or row.text)[:LONGEST_SHOWN], row.is_drawn) for row in rows]
            return [row for row in live if row.text.strip()]
        if not self._parts:
            return []
        if len(self._parts) > 1:
            self._parts = [''.join(self._parts)]
        return [LiveRow(self._number, self._line(self._parts[0][:LONGEST_SHOWN]), False)]

    # Lines that scroll

    def _scrolled(self, text: str) -> list[str]:
        if '\n' not in text:
            if not text:
                return []
            self._parts.append(text)
            self._size += len(text)
            return self._cut_endless() if self._size >= MAX_LINE_CHARACTERS else []
        if self._parts:
            text = ''.join(self._parts) + text
        lines = text.split('\n')
        rest = lines.pop()
        self._parts, self._size = [rest] if rest else [], len(rest)
        self._number += len(lines)
        if self._style.text or '\x1b' in text:
            lines = [self._line(line, is_whole=True) for line in lines]
        return lines + self._cut_endless() if self._size >= MAX_LINE_CHARACTERS else lines

    def _line(self, text: str, *, is_whole: bool = False) -> str:
        """Return a line with the style it starts with; the next one starts with what this one leaves on."""
        start = self._style.text
        if is_whole and '\x1b' in text:
            self._style.take(text)
        return start + text if start and text else text

    def _cut_endless(self) -> list[str]:
        text, self._parts, self._size = ''.join(self._parts), [], 0
        self._number += 1
        return [self._line(text, is_whole=True)]

    # Rows that are drawn

    def _drawn(self, text: str) -> list[str]:
        self._rest = ''
        if found := UNFINISHED.search(text, max(0, len(text) - 120)):
            self._rest, text = found[0], text[: found.start()]
        if '\r' in text:
            text = RETURNS.sub('\n', text)
        if not self._rows and not moves(text):
            return self._scrolled(text)
        lines: list[str] = []
        if not self._rows:
            # Complete lines before the first move are sooner cut than drawn.
            scrolled, text = before_moves(text)
            lines = self._scrolled(scrolled)
            if self._size > WIDTH:
                lines += self._cut_endless()
            text, self._parts, self._size = ''.join(self._parts) + text, [], 0
            self._rows, self._y, self._x = [self._new_row()], 0, 0
        place = 0
        while place < len(text):
            if self._is_full:
                back = BACK_TO_LINES.search(text, place)
                if (back.start() if back else len(text)) > place:
                    lines += self._say_full_screen()
                if back is None:
                    break
                place = back.end()
                self._leave_full_screen(is_reset=back[0] == '\x1bc')
                continue
            if found := TOKEN.match(text, place):
                self._apply(found, lines)
            place = found.end() if found else place + 1
        lines += self._released()
        self._return_to_lines()
        return lines

    def _apply(self, found: 're.Match[str]', lines: list[str]) -> None:
        kind = found.lastgroup
        if kind == 'text':
            self._write(found[0], lines)
        elif kind == 'control':
            self._control(found[0], lines)
        elif kind == 'act':
            self._act(found['act'], found['codes'], lines)
        elif kind == 'escape':
            self._escape(found['escape'])
        elif kind:
            self._add_unseen(found[0])

    def _write(self, text: str, lines: list[str]) -> None:
        row = self._away or self._rows[self._y]
        if row.is_counted:
            row.is_counted = False
            if DOTS_BEGIN.match(text):
                row.cut(0)
            else:
                self._line_feed(lines)
                row = self._rows[self._y]
        if row.tail and self._x < WIDTH:  # too long to be drawn over
            self._line_feed(lines)
            row = self._rows[self._y]
        while text and unicodedata.combining(text[0]) and row.chars:
            row.add(self._x, text[0])
            text = text[1:]
        if row.chars and self._x < len(row.chars) and text:
            row.is_drawn = True
        room = WIDTH - self._x
        cells = cells_of(text[:room])
        if self._unseen and cells:
            cells[0], self._unseen = self._unseen + cells[0], ''
        if room > 0:
            row.write(self._x, cells[:room], self._style.text)
        if len(text) > room:
            row.tail.append(text[max(0, room) :])
            self._tail_size += len(text) - max(0, room)
            if self._tail_size >= MAX_LINE_CHARACTERS:
                self._line_feed(lines)
                return
        self._x = min(self._x + len(cells), WIDTH)
        row.touched_at = self._now

    def _add_unseen(self, text: str) -> None:
        if len(self._unseen) + len(text) <= LONGEST_UNSEEN:
            self._unseen += text

    def _control(self, char: str, lines: list[str]) -> None:
        if char == '\n':
            self._away = None
            row = self._rows[self._y]
            if SOME_DOTS in ''.join(row.chars) and not row.is_counted and DOTS.fullmatch(row.text):
                row.is_counted = row.is_drawn = True
                row.counted = row.text
                self._x = 0
            else:
                row.counted = ''
                if row.is_counted:  # then its own line end is still to come
                    row.is_counted = False
                    self._line_feed(lines)
                self._line_feed(lines)
        elif char == '\r':
            self._x = 0
            # Text that follows is drawn here, even if there is none yet: so begin most bars.
            (self._away or self._rows[self._y]).is_drawn = True
        elif char == '\b':
            self._x = max(0, self._x - 1)
        elif char == '\t':
            self._write(char, lines)

    def _line_feed(self, lines: list[str]) -> None:
        row = self._rows[self._y]
        row.touched_at = self._now
        if self._unseen:
            row.add(len(row.chars), self._unseen)
            self._unseen = ''
        self._tail_size = 0
        self._y, self._x = self._y + 1, 0
        if self._y == len(self._rows):
            self._rows.append(self._new_row())
        if self._y >= HEIGHT or self._y == 1:
            lines += self._released()

    def _act(self, act: str, codes: str, lines: list[str]) -> None:
        if act == 'm':
            self._style.apply(codes)
        elif act in 'hl':
            self._set_mode(codes, is_on=act == 'h')
        elif act in _MOVES:
            _MOVES[act](self, _numbers(codes))
        elif act in _ERASES:
            _ERASES[act](self, _numbers(codes))
        elif act == 's':
            self._save()
        elif act == 'u':
            self._restore()

    def _escape(self, name: str) -> None:
        if name == 'M':
            self._up([1])
        elif name == '7':
            self._save()
        elif name == '8':
            self._restore()
        elif name == 'c':
            self._leave_full_screen(is_reset=True)

    def _set_mode(self, codes: str, *, is_on: bool) -> None:
        for mode in codes.lstrip('?').split(';') if codes.startswith('?') else ():
            if mode == '25':
                self._is_hidden = not is_on
                self._drawn_at = self._now
            elif mode in ('47', '1047', '1049'):
                self._is_full = is_on

    def _leave_full_screen(self, *, is_reset: bool) -> None:
        self._is_full = False
        if is_reset:
            self._style = Style()
            self._is_hidden = False
            self._erase_screen([2])

    def _say_full_screen(self) -> list[str]:
        if self._has_said_full:
            return []
        self._has_said_full = True
        return [translated(FULL_SCREEN)]

    # The cursor

    def _up(self, numbers: list[int]) -> None:
        self._reach(self._y - (numbers[0] or 1))

    def _reach(self, y: int) -> None:
        self._away = None
        self._y = min(max(0, y), len(self._rows) - 1)
        self._drawn_at = self._up_at = self._now
        for row in self._rows[self._y :]:
            row.reached_at = self._now
            row.is_drawn = True

    def _down(self, numbers: list[int]) -> None:
        self._y = min(self._y + (numbers[0] or 1), len(self._rows) - 1)

    def _up_to_start(self, numbers: list[int]) -> None:
        self._up(numbers)
        self._x = 0

    def _down_to_start(self, numbers: list[int]) -> None:
        self._down(numbers)
        self._x = 0

    def _right(self, numbers: list[int]) -> None:
        self._x = min(WIDTH - 1, self._x + (numbers[0] or 1))

    def _left(self, numbers: list[int]) -> None:
        self._x = max(0, self._x - (numbers[0] or 1))

    def _to_column(self, numbers: list[int]) -> None:
        self._x = min(WIDTH, max(1, numbers[0])) - 1
        (self._away or self._rows[self._y]).is_drawn = True
        self._drawn_at = self._now

    def _to_place(self, numbers: list[int]) -> None:
        row, column = max(1, numbers[0]), max(1, numbers[1] if len(numbers) > 1 else 1)
        self._to_row([row])
        self._x = min(WIDTH, column) - 1

    def _to_row(self, numbers: list[int]) -> None:
        row = max(1, numbers[0])
        if row <= len(self._rows):
            self._reach(row - 1)
        else:
            self._away = self._away or self._new_row()
            self._away.is_drawn = True

    def _save(self) -> None:
        self._saved = self._rows[0].number + self._y, self._x

    def _restore(self) -> None:
        self._away = None
        if self._saved is None:  # a terminal would go to its first row, which a log does not have
            return
        number, self._x = self._saved
        self._y = min(max(0, number - self._rows[0].number), len(self._rows) - 1)

    def _erase_line(self, numbers: list[int]) -> None:
        row = self._away or self._rows[self._y]
        if numbers[0] == 1:
            row.erase(0, self._x + 1)
        else:
            if numbers[0] == 2:
                self._drawn_at = self._now
                row.is_drawn = True
            row.is_drawn = row.is_drawn or self._x < len(row.chars)
            row.cut(0 if numbers[0] == 2 else self._x)
        row.touched_at = self._now

    def _erase_screen(self, numbers: list[int]) -> None:
        self._drawn_at = self._now
        if numbers[0] == 0:
            self._rows[self._y].cut(self._x)
            del self._rows[self._y + 1 :]
        elif numbers[0] in (2, 3):
            del self._rows[1:]
            self._rows[0].cut(0)
            self._rows[0].is_drawn = True
            self._y = self._x = 0

    def _delete(self, numbers: list[int]) -> None:
        row, end = self._rows[self._y], self._x + min(WIDTH, numbers[0] or 1)
        row.is_drawn = True
        del row.chars[self._x : end], row.styles[self._x : end]

    def _blank(self, numbers: list[int]) -> None:
        row = self._rows[self._y]
        row.is_drawn = True
        row.erase(self._x, self._x + min(WIDTH, numbers[0] or 1))

    # Which rows are complete

    def _new_row(self) -> Row:
        row = Row(self._number, self._now)
        self._number += 1
        return row

    def _released(self) -> list[str]:
        """Remove the complete rows at the top, and return their lines."""
        count = 0
        while count < self._y and self._is_complete(self._rows[count], self._y - count):
            count += 1
        if not count:
            return []
        rows = self._rows[:count]
        del self._rows[:count]
        self._y -= count
        return [line for row in rows for line in row.lines]

    def _is_complete(self, row: Row, below: int) -> bool:
        seconds = self._kept_seconds(row)
        return below >= HEIGHT or (seconds is not None and self._now >= row.touched_at + seconds)

    def _kept_seconds(self, row: Row) -> float | None:
        """How long a row is kept after it was left alone; None for as long as the cursor is hidden."""
        if row.reached_at is not None:
            if not self._is_hidden:
                return REACHED_SECONDS
            return None if self._up_at - row.reached_at < DRAWING_SECONDS else DRAWING_SECONDS
        if self._is_hidden or row.touched_at - self._drawn_at < DRAWING_SECONDS:
            return DRAWING_SECONDS
        return DRAWN_SECONDS if row.is_drawn else 0.0

    def _return_to_lines(self) -> None:
        row = self._rows[0]
        if len(self._rows) == 1 and not row.chars and not row.tail and not self._is_busy:
            self._rows, self._number = [], row.number
            self._saved = self._away = None

    @property
    def _is_busy(self) -> bool:
        is_drawing = self._is_hidden or self._is_full or self._away is not None
        return is_drawing or self._now - self._drawn_at < DRAWING_SECONDS


_Act = Callable[[Screen, list[int]], None]
_MOVES: dict[str, _Act] = {
    'A': Screen._up,
    'B': Screen._down,
    'e': Screen._down,
    'C': Screen._right,
    'a': Screen._right,
    'D': Screen._left,
    'E': Screen._down_to_start,
    'F': Screen._up_to_start,
    'G': Screen._to_column,
    '`': Screen._to_column,
    'H': Screen._to_place,
    'f': Screen._to_place,
    'd': Screen._to_row,
}
_ERASES: dict[str, _Act] = {
    'K': Screen._erase_line,
    'J': Screen._erase_screen,
    'P': Screen._delete,
    'X': Screen._blank,
}


def _numbers(codes: str) -> list[int]:
    return [int(code[:6]) if code.isdecimal() else 0 for code in codes.split(';')] or [0]
