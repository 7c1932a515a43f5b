"""Searches in log messages: a text or a regular expression, and where it matches."""

import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypeVar

import regex

from storage.logs.text import folded
from synapse.errors import Invalid
from synapse.language import _

T = TypeVar('T')

MAX_SPANS = 50
MAX_PATTERN = 500
LINE_SECONDS = 0.01
MAX_TIMEOUTS = 3
SLOW_SECONDS, MOST_SLOW_SECONDS = 0.001, 1.0
"""A line that takes longer than the first is slow: others take microseconds. So much may be spent on slow lines."""
BATCH_LINES = 256
BATCH_SECONDS = 0.05
MAX_REPEATS = 10_000

# Lookarounds, anchors of the whole text, \K, and possessive or atomic groups: there a line feed may end a match.
_UNJOINABLE = regex.compile(r'\(\?(?!:)|\(\*|\\[AZzGK]|[*+?}]\+')
_BRACES, _NUMBER = regex.compile(r'\{[^}]*'), regex.compile(r'\d+')


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A text or a regular expression to find in messages; an empty one matches everything.

    In a regular expression `^` and `$` match at each line of a message. If it needs more than 10 ms for a line it does
    not match there. After the third such line, or a second spent on lines of more than 1 ms, it matches nothing
    (`is_too_slow`), so that it cannot freeze Synapse.

    :raises Invalid: with the code `bad_pattern` if the regular expression is invalid
    """

    text: str
    is_case_sensitive: bool = False
    is_regex: bool = False
    _pattern: '_Pattern | None' = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self.is_regex:
            object.__setattr__(self, '_pattern', _Pattern(self.text, is_case_sensitive=self.is_case_sensitive))

    @property
    def is_too_slow(self) -> bool:
        """Whether the regular expression took too long for too many lines, and was abandoned."""
        return self._pattern is not None and self._pattern.is_given_up

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where it matches: `(start, end)` in code points, in order, neither overlapping nor empty, at most 50."""
        if self._pattern is not None:
            return self._pattern.spans(text)
        if not self.text:
            return []
        if not self.is_case_sensitive:
            return _places(folded(text), folded(self.text))
        return _places(text, self.text)

    @property
    def parts(self) -> tuple[str, ...]:
        """Texts that every matching line contains, ignoring case: what an index can look up."""
        if self._pattern is not None:
            return self._pattern.literals
        return (self.text,) if self.text else ()

    @property
    def is_more_than_parts(self) -> bool:
        """Whether a line may contain the `parts` without matching."""
        return self.is_regex or self.is_case_sensitive

    def which(self, texts: Sequence[str]) -> list[int]:
        """The positions of the texts that match: faster than one by one."""
        if self._pattern is not None and self._pattern.is_joinable:
            return [place for place in self._pattern.candidates(texts) if self.is_in(texts[place])]
        return [place for place, text in enumerate(texts) if self.is_in(text)]

    def is_in(self, text: str) -> bool:
        """Whether it matches `text`, which must be without terminal escapes (`text.plain`)."""
        if self._pattern is not None:
            return self._pattern.is_in(text)
        if self.is_case_sensitive:
            return self.text in text
        return folded(self.text) in folded(text)


class _Pattern:
    """A regular expression with a timeout, which `regex` has and `re` of the standard library does not."""

    def __init__(self, text: str, *, is_case_sensitive: bool) -> None:
        self._timeouts, self._slow_seconds = 0, 0.0
        if len(text) > MAX_PATTERN:
            raise _bad(_('it is longer than {max_pattern} characters', max_pattern=MAX_PATTERN))
        if _repeats(text) > MAX_REPEATS:
            raise _bad(_('it repeats something too often'))
        flags = regex.VERSION0 | regex.MULTILINE | (0 if is_case_sensitive else regex.IGNORECASE)
        try:
            self._compiled = regex.compile(text, flags)
        except (regex.error, RecursionError, OverflowError, MemoryError, ValueError, IndexError) as error:
            raise _bad(str(error) or _('it is too deep')) from error
        self.is_joinable = _UNJOINABLE.search(text) is None
        self.literals = tuple(literal for literal in literals_of(text) if literal.isascii())

    @property
    def is_given_up(self) -> bool:
        return self._timeouts >= MAX_TIMEOUTS or self._slow_seconds >= MOST_SLOW_SECONDS

    def spans(self, text: str) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []

        def find() -> None:
            for match in self._compiled.finditer(text, timeout=LINE_SECONDS):
                if match.end() > match.start():
                    found.append(match.span())
                if len(found) == MAX_SPANS:
                    break

        self._measured(find)
        return found

    def candidates(self, texts: Sequence[str]) -> Iterator[int]:
        """The positions of texts that may match, found in a whole batch at a time.

        A match in one line also matches in many joined by line feeds, unless it looks beyond itself (`is_joinable`).
        The interpreter lock is released meanwhile.
        """
        for start in range(0, len(texts), BATCH_LINES):
            if self.is_given_up:
                return
            try:
                yield from [start + place for place in self._among(texts[start : start + BATCH_LINES])]
            except TimeoutError:
                yield from range(start, min(start + BATCH_LINES, len(texts)))

    def _among(self, texts: Sequence[str]) -> Iterator[int]:
        joined = '\n'.join(texts)
        starts = [*accumulate((len(text) + 1 for text in texts), initial=0)]
        at = place = 0
        while place < len(texts) and (
            found := self._compiled.search(joined, at, timeout=BATCH_SECONDS, concurrent=True)
        ):
            place = bisect_right(starts, found.start()) - 1
            if place < len(texts):
                yield place
            place += 1
            at = starts[min(place, len(texts))]

    def is_in(self, text: str) -> bool:
        return self._measured(lambda: self._compiled.search(text, timeout=LINE_SECONDS)) is not None

    def _measured(self, search: Callable[[], T]) -> T | None:
        """Search one line, unless that was given up; None if it takes too long."""
        if self.is_given_up:
            return None
        since = time.thread_time()  # others may be using the processor
        try:
            return search()
        except TimeoutError:
            self._timeouts += 1
            return None
        finally:
            took = time.thread_time() - since
            self._slow_seconds += took if took > SLOW_SECONDS else 0.0


def literals_of(pattern: str) -> list[str]:
    """Texts that every match of the regular expression contains; not all of them, and none if that is hard to tell."""
    if _HARD.search(pattern):
        return []
    found, run, depth = [], '', 0
    for part in _PARTS.findall(pattern):
        if part == '|' and depth == 0:
            return []
        depth += {'(': 1, ')': -1}.get(part, 0)
        if part[0] in '*?{':
            run = run[:-1]
        if depth == 0 and _LITERAL.fullmatch(part):
            run += part[-1]
        else:
            found.append(run)
            run = ''
    return [text for text in [*found, run] if text]


# Flags, which may change the meaning of the rest, and nested sets.
_HARD = regex.compile(r'\(\?(?![:=!<>|]|P<)|\[\^?\[|\[:')
_LITERAL = regex.compile(r'(?s)[^()[\]{}.^$*+?|\\]|\\[^a-zA-Z0-9]')
_PARTS = regex.compile(
    r'(?s)\\[a-zA-Z]\{[^}]*\}|\\x..|\\u....|\\U........|\\\d+|\\.?|\[\^?\]?(?:\\.|[^\]\\])*\]|\{[^}]*\}|.'
)


def _repeats(pattern: str) -> int:
    """An upper bound on the copies of a part in the compiled pattern: {1000} inside {1000} would take all memory."""
    product = 1
    for braces in _BRACES.findall(pattern):
        product *= max([1, *(int(number[:9]) for number in _NUMBER.findall(braces))])
    return product


def _bad(why: str) -> Invalid:
    sentence = _('This is not a regular expression: {why}.', why=why)
    return Invalid(sentence, {'q': sentence}, _('Fix the pattern, or search for it as plain text.'), code='bad_pattern')


def _places(text: str, wanted: str) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    place = text.find(wanted)
    while place >= 0 and len(found) < MAX_SPANS:
        found.append((place, place + len(wanted)))
        place = text.find(wanted, place + len(wanted))
    return found
