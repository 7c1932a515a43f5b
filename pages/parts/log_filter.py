"""Which lines a log view shows: the same question, asked of the store for history and of each new line."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from synapse.log import Entry, Level

GROUPS: Mapping[str, tuple[Level, ...]] = {
    'info': (Level.DEBUG, Level.INFO),
    'success': (Level.SUCCESS,),
    'warning': (Level.WARNING,),
    'error': (Level.ERROR, Level.CRITICAL),
}
"""Four groups of levels: what the counters count and the screen can hide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Empty fields let everything through. `groups` are keys of `GROUPS`; None means all of them."""

    groups: frozenset[str] | None = None
    source: str = ''
    run: str | None = None
    step: str = ''
    q: str = ''

    def as_query(self) -> dict[str, Any]:
        """The arguments of `Log.query`."""
        levels = None if self.groups is None else [level.value for group in self.groups for level in GROUPS[group]]
        return {
            'levels': levels,
            'source': self.source or None,
            'run': self.run,
            'step': self.step or None,
            'q': self.q.strip() or None,
        }

    def lets_through(self, entry: Entry) -> bool:
        """Whether the store would give this entry too, so that history and what comes next never disagree."""
        return (
            (self.groups is None or any(entry.level in GROUPS[group] for group in self.groups))
            and (not self.source or entry.source == self.source)
            and (self.run is None or entry.run == self.run)
            and (not self.step or entry.step == self.step)
            and (not self.q.strip() or _has_words(entry.message, self.q.strip(), is_part=self.run is not None))
        )


def groups_from(text: str) -> frozenset[str] | None:
    """The groups that a query parameter such as `info,error` names; `none` is none, nothing or nonsense is all."""
    if text == 'none':
        return frozenset()
    groups = frozenset(text.split(',')) & GROUPS.keys()
    return groups or None


def groups_text(groups: Collection[str]) -> str:
    """The query parameter again, always in the same order."""
    return ','.join(group for group in GROUPS if group in groups) or 'none'


def _has_words(message: str, q: str, *, is_part: bool) -> bool:
    """As the store searches: parts of the message within one run, else the beginnings of words."""
    if is_part:
        return re.search(re.escape(q), message, re.IGNORECASE | re.ASCII) is not None  # as LIKE: A is a, Ä is not ä
    there = _words(message)
    return all(_has_phrase(there, wanted) for wanted in map(_words, q.split()) if wanted)


def _has_phrase(there: list[str], wanted: list[str]) -> bool:
    *whole, begin = wanted
    return any(
        there[place : place + len(whole)] == whole and there[place + len(whole)].startswith(begin)
        for place in range(len(there) - len(whole))
    )


def _words(text: str) -> list[str]:
    """Words as SQLite's `unicode61` cuts them: letters and digits, without case and accents."""
    plain = ''.join(char for char in unicodedata.normalize('NFKD', text) if not unicodedata.combining(char))
    return re.findall(r'[^\W_]+', plain.lower())
