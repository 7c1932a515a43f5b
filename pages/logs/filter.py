"""Which lines a log view shows: one filter for the history in the store and for new lines."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from synapse.log.log import Entry, Level
from synapse.log.search import Search
from synapse.log.text import plain

GROUPS: Mapping[str, tuple[Level, ...]] = {
    'info': (Level.DEBUG, Level.INFO),
    'success': (Level.SUCCESS,),
    'warning': (Level.WARNING,),
    'error': (Level.ERROR, Level.CRITICAL),
}
"""Four groups of levels, each with a counter that can hide it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Empty fields match everything. `groups` are keys of `GROUPS`; None means all of them.

    `start` is included, `end` is not; both are aware.
    """

    groups: frozenset[str] | None = None
    source: str = ''
    run: str | None = None
    step: str = ''
    start: datetime | None = None
    end: datetime | None = None
    search: Search | None = None

    def as_query(self) -> dict[str, Any]:
        """The arguments of `Log.query`."""
        levels = None if self.groups is None else [level.value for group in self.groups for level in GROUPS[group]]
        return {
            'levels': levels,
            'source': self.source or None,
            'run': self.run,
            'step': self.step or None,
            'start': self.start,
            'end': self.end,
            'search': self.search,
        }

    def lets_through(self, entry: Entry) -> bool:
        """Whether the entry matches, exactly as in the store."""
        return bool(self.chosen((entry,)))

    def chosen(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """The entries that match, in order. One pass per condition is the fastest way through a flood."""
        if self.groups is not None:
            levels = {level for group in self.groups for level in GROUPS[group]}
            entries = [entry for entry in entries if entry.level in levels]
        for name in ('source', 'run', 'step'):
            if wanted := getattr(self, name):
                entries = [entry for entry in entries if getattr(entry, name) == wanted]
        if self.start is not None:
            entries = [entry for entry in entries if entry.timestamp >= self.start]
        if self.end is not None:
            entries = [entry for entry in entries if entry.timestamp < self.end]
        if self.search is not None:
            entries = [entry for entry in entries if self.search.is_in(plain(entry.message))]
        return entries


def groups_from(text: str) -> frozenset[str] | None:
    """The groups named by a query parameter such as `info,error`; none for `none`, all (None) for anything unknown."""
    if text == 'none':
        return frozenset()
    groups = frozenset(text.split(',')) & GROUPS.keys()
    return groups or None


def groups_text(groups: Collection[str]) -> str:
    """The query parameter that `groups_from` reads, always in the same order."""
    return ','.join(group for group in GROUPS if group in groups) or 'none'
