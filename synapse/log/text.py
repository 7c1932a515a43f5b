"""How a message is shown: its text without terminal escapes, colours as class names, and nothing invisible."""

import re
from collections.abc import Iterator
from functools import lru_cache

from storage.logs.text import ESCAPE
from storage.logs.text import plain as plain

Spans = list[tuple[int, int, str]]

_COLOURS = re.compile(r'\x1b\[([0-9;:]*)m')
_LONGEST_CODES = 200
_REPLACEMENT = '\ufffd'
_ODD = re.compile(
    '[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]'
)
_SYSTEM = (
    (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229),
    (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255),
    (255, 255, 255),
)  # fmt: skip
_CUBE = (0, 95, 135, 175, 215, 255)
_ON = {1: 'a-bold', 2: 'a-dim', 3: 'a-italic', 4: 'a-underline', 9: 'a-strike', 21: 'a-underline'}
_OFF = {22: ('a-bold', 'a-dim'), 23: ('a-italic',), 24: ('a-underline',), 29: ('a-strike',)}


def styled(message: str) -> tuple[str, Spans]:
    """The text without escapes, and `(start, end, classes)` of its styled parts in order, in code points.

    Classes are words of `a-bold a-dim a-italic a-underline a-strike a-fg-0 … a-fg-15 a-bg-0 … a-bg-15`, separated by
    spaces; 256 and 16 million colours become the nearest of these 16. Hidden text is shown.
    """
    if '\x1b' not in message:
        return message, []
    parts: list[str] = []
    spans: Spans = []
    style, length, place = _Style(), 0, 0
    for found in [*ESCAPE.finditer(message), None]:
        part = message[place : len(message) if found is None else found.start()]
        if part:
            _join(spans, length, length + len(part), style.classes)
            parts.append(part)
            length += len(part)
        if found is not None:
            place = found.end()
            if codes := _COLOURS.fullmatch(found[0]):
                style.apply(codes[1])
    return ''.join(parts), spans


def visible(text: str) -> str:
    """The text at the same length without invisible characters or ones that change its direction.

    Control characters except tab and line feed become their symbols; C1 controls, direction marks, byte order marks,
    unusual separators and halves of surrogate pairs become U+FFFD.
    """
    return _ODD.sub(_picture, text)


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return '\u2421' if code == 0x7F else _REPLACEMENT


def _join(spans: Spans, start: int, end: int, classes: str) -> None:
    if not classes:
        return
    if spans and spans[-1][1:] == (start, classes):
        start = spans.pop()[0]
    spans.append((start, end, classes))


class _Style:
    """The state set by SGR sequences so far (ECMA-48, 8.3.117)."""

    def __init__(self) -> None:
        self.classes = ''
        self._reset()

    def apply(self, codes: str) -> None:
        # A part is a number, with its arguments after colons: `38:2::255:0:0` as well as `38;2;255;0;0`.
        parts = iter([_numbers(part) for part in codes[:_LONGEST_CODES].split(';')])
        for numbers in parts:
            self._set(numbers, parts)
        self.classes = ' '.join(self._words())

    def _reset(self) -> None:
        self._flags: dict[str, None] = {}
        self._front: int | None = None
        self._back: int | None = None
        self._is_reversed = False

    def _set(self, numbers: list[int], more: Iterator[list[int]]) -> None:
        code = numbers[0]
        if code == 0:
            self._reset()
        elif code == 4 and numbers[1:2] == [0]:
            self._flags.pop('a-underline', None)
        elif code in _ON:
            self._flags[_ON[code]] = None
        elif code in _OFF:
            for flag in _OFF[code]:
                self._flags.pop(flag, None)
        elif code in (7, 27):
            self._is_reversed = code == 7
        elif code == 38 or 30 <= code <= 39 or 90 <= code <= 97:
            self._front = _colour(numbers, more)
        elif code == 48 or 40 <= code <= 49 or 100 <= code <= 107:
            self._back = _colour(numbers, more)
        elif code == 58:
            _colour(numbers, more)  # underline colour, which is not shown: skips its arguments

    def _words(self) -> Iterator[str]:
        yield from self._flags
        front, back = self._front, self._back
        if self._is_reversed:
            front, back = 0 if back is None else back, 7 if front is None else front
        if front is not None:
            yield f'a-fg-{front}'
        if back is not None:
            yield f'a-bg-{back}'


def _numbers(part: str) -> list[int]:
    return [int(number[:6]) if number else 0 for number in part.split(':')]


def _colour(numbers: list[int], more: Iterator[list[int]]) -> int | None:
    code = numbers[0]
    if code >= 90:
        return code % 10 + 8
    if code % 10 < 8:
        return code % 10
    if code % 10 == 9:
        return None
    if len(numbers) > 1:
        return _chosen(numbers[1], iter(numbers[2:] if len(numbers) < 6 else numbers[3:]))
    rest = (following[0] for following in more)
    return _chosen(next(rest, 0), rest)


def _chosen(kind: int, rest: Iterator[int]) -> int | None:
    if kind == 5:
        return _of_256(min(next(rest, 0), 255))
    if kind == 2:
        return _nearest(*(min(next(rest, 0), 255) for _ in range(3)))
    return None


def _of_256(number: int) -> int:
    if number < 16:
        return number
    if number >= 232:
        grey = 8 + 10 * (number - 232)
        return _nearest(grey, grey, grey)
    red, rest = divmod(number - 16, 36)
    return _nearest(_CUBE[red], _CUBE[rest // 6], _CUBE[rest % 6])


@lru_cache(maxsize=4096)
def _nearest(red: int, green: int, blue: int) -> int:
    def distance(number: int) -> int:
        r, g, b = _SYSTEM[number]
        return (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2

    return min(range(16), key=distance)
