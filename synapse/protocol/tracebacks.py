"""Finds the tracebacks of Python programs among the lines that they print, so that each becomes one entry."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

Lines = list[tuple[str, str]]
"""Lines, each with when it was printed."""

MOST_CHARACTERS = 256 * 1024
"""Of one traceback; what comes after that starts another entry."""
MOST_ODD = 20
"""Lines of others among those of a traceback, before it counts as cut off."""

_ESCAPE = re.compile(r'\x1b\[[0-9;:]*m')
_HEAD = re.compile(r'Traceback \(most recent call last\):$')
_GROUP_HEAD = re.compile(r' *\+ Exception Group Traceback \(most recent call last\):$')
_GROUP = re.compile(r' *(?:\||\+(?:-|$))')
_BEFORE = re.compile(
    r'Exception in thread .+:$|Process \S+:$|Exception ignored in: |Task exception was never retrieved$'
    r'|future: <|--- Logging error ---$|[\w.]+RemoteTraceback: ?$|"""$'
)
_CHAINED = (
    'During handling of the above exception, another exception occurred:',
    'The above exception was the direct cause of the following exception:',
)
_SYNTAX = re.compile(r'  File ".+", line \d+$')
_SAYS = re.compile(r'(?P<name>[A-Za-z_][\w.<>]*)(?::(?: |$)|$)')
_LEVELS = frozenset({'DEBUG', 'INFO', 'NOTICE', 'WARN', 'WARNING', 'ERROR', 'CRITICAL', 'FATAL', 'TRACE', 'SUCCESS'})
_PLACE = re.compile(r'[\w.\[\]-]+$')
_FIRST = frozenset('TEPfmcj -+\x1b')


@dataclass
class Folded:
    """Lines of one traceback, or lines that are none."""

    lines: Lines
    is_traceback: bool = False


class _State(Enum):
    NONE = auto()
    BEFORE = auto()
    FRAMES = auto()
    GROUP = auto()
    SAID = auto()
    """The exception has been named; a message of several lines or another traceback may follow."""
    DOUBTFUL = auto()
    """The next line says whether the last one belongs to it."""
    CHAINED = auto()


@dataclass
class TracebackFolder:
    """Takes the lines of one stream, and keeps back those that belong to a traceback until it ends."""

    _state: _State = _State.NONE
    _held: Lines = field(default_factory=list)
    _doubtful: Lines = field(default_factory=list)
    _size: int = 0
    _odd: int = 0
    _is_traceback: bool = False

    @property
    def is_holding(self) -> bool:
        return bool(self._held or self._doubtful)

    @property
    def is_idle(self) -> bool:
        return self._state is _State.NONE and not self.is_holding

    def feed(self, lines: Lines) -> list[Folded]:
        """Return what can be shown of these lines and those kept back before, in order."""
        if self._state is _State.NONE and not any(_may_start(text) for _, text in lines):
            return [Folded(lines)]
        found: list[Folded] = []
        for line in lines:
            for part in self._take(line):
                _add(found, part)
        return found

    def release(self) -> list[Folded]:
        """Return what is kept back: no more of it has come for a while. What comes later continues it."""
        state, found = self._state, self._end()
        if state in (_State.FRAMES, _State.GROUP) and found and found[0].is_traceback:
            self._state, self._is_traceback = state, True
        return found

    def _take(self, line: tuple[str, str]) -> Iterator[Folded]:
        text = _ESCAPE.sub('', line[1]) if '\x1b' in line[1] else line[1]
        state = self._next(text)
        if state is None:
            is_cut = self._state is _State.FRAMES and len(self._held) > 1
            if is_cut and text and self._odd < MOST_ODD and _start(text) is _State.NONE:
                self._odd += 1
                yield Folded([line])  # of a thread or process that prints at the same time
                return
            yield from self._end()
            state = _start(text)
            if state is _State.NONE:
                yield Folded([line])
                return
        self._state = state
        self._is_traceback |= state in (_State.FRAMES, _State.GROUP)
        if state is _State.DOUBTFUL:
            self._doubtful.append(line)
            return
        self._held += [*self._doubtful, line]
        self._doubtful = []
        self._size += len(line[1])
        if self._size > MOST_CHARACTERS:
            yield from self.release()

    def _next(self, text: str) -> _State | None:
        """Return the state after this line; None if it does not belong to what is held."""
        match self._state:
            case _State.BEFORE | _State.CHAINED:
                if (state := _start(text)) in (_State.FRAMES, _State.GROUP):
                    return state
                is_more = _BEFORE.match(text) if self._state is _State.BEFORE else not text
                return self._state if is_more else None
            case _State.FRAMES:
                return _State.FRAMES if text.startswith('  ') else _State.SAID if _names_error(text) else None
            case _State.GROUP:
                return _State.GROUP if _GROUP.match(text) else None if text else _State.DOUBTFUL
            case _State.SAID:
                return self._after_error(text)
            case _State.DOUBTFUL:
                if text in _CHAINED:
                    return _State.CHAINED
                return _State.SAID if self._doubtful[-1][1] and text.startswith('  ') else None
        return None

    def _after_error(self, text: str) -> _State | None:
        if text in _CHAINED:
            return _State.CHAINED
        if text.startswith(('  ', '\t', '"""')):
            return _State.SAID
        if self._held and self._held[-1][1] == '"""' and _HEAD.match(text):  # quoted, of another process
            return _State.FRAMES
        # Pydantic names each field in a line of its own, before what is wrong with it.
        return _State.DOUBTFUL if not text or _PLACE.match(text) else None

    def _end(self) -> list[Folded]:
        held, doubtful = self._held, self._doubtful
        parts = [Folded(held, self._is_traceback and len(held) > 1), Folded(doubtful)]
        self._state, self._held, self._doubtful = _State.NONE, [], []
        self._size, self._odd, self._is_traceback = 0, 0, False
        return [part for part in parts if part.lines]


def summary_of(text: str) -> tuple[int, int] | None:
    """Return start and end of the line of a traceback that says what happened; None if the text isn't one."""
    lines = text.rstrip('\n').split('\n')
    if _start(lines[0]) is _State.NONE:
        return None
    found = None
    place, is_group = 0, False
    for line in lines:
        start = 4 if is_group and line.startswith('  | ') else 0
        if _names_error(line[start:]):
            found = place + start, place + len(line)
            is_group = False
        is_group = is_group or bool(_GROUP_HEAD.match(line))
        place += len(line) + 1
    return found


def _names_error(text: str) -> bool:
    """Whether a line may be the one that names the exception: `ValueError: text`, `mine.Odd`."""
    found = _SAYS.match(text)
    if found is None or found['name'] in _LEVELS:
        return False
    return '.' in found['name'] or found['name'][0].isupper() or found['name'][0] == '_'


def _may_start(text: str) -> bool:
    return text[:1] in _FIRST and _start(_ESCAPE.sub('', text)) is not _State.NONE


def _start(text: str) -> _State:
    if _HEAD.match(text) or _SYNTAX.match(text):
        return _State.FRAMES
    if _GROUP_HEAD.match(text):
        return _State.GROUP
    return _State.BEFORE if _BEFORE.match(text) else _State.NONE


def _add(found: list[Folded], part: Folded) -> None:
    if found and not found[-1].is_traceback and not part.is_traceback:
        found[-1].lines += part.lines
    else:
        found.append(part)
