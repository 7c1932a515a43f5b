"""What the log answers to questions about more than single entries, and how questions reach the store."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from storage.files import DiskFull, StorageError
from synapse.errors import DiskIsFull, Invalid, NotReady, SynapseError

from .search import Search


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """The newest entries in which something was found, as their `seq`, ascending.

    Where there are more than were asked for, or time ran out, it is not complete: then all from `searched_to` on are
    known, and older ones are not.
    """

    seqs: list[int]
    is_complete: bool
    searched_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How many entries of each level, least first, came in each part of a span; parts last `seconds`, without gaps."""

    start: datetime
    seconds: float
    counts: list[tuple[int, ...]]


def parts_of(start: datetime, end: datetime, most: int) -> tuple[int, int, int]:
    """The first second since 1970, the length in seconds, and the number of at most so many parts of a span.

    Parts begin with whole seconds; longer than a minute they are whole minutes.
    """
    length = max(1, ceil((end - start).total_seconds() / most))
    if length > 60:
        length = ceil(length / 60) * 60
    unit = 60 if length % 60 == 0 else 1
    first = int(start.timestamp() // unit) * unit
    return first, length, max(1, ceil((end.timestamp() - first) / length))


def as_asked(filters: Mapping[str, Any]) -> dict[str, Any]:
    """The filters as the store takes them: times as texts, a search as what its index can find and what checks it."""
    asked: dict[str, Any] = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in filters.items()
        if value is not None
    }
    search: Search | None = asked.pop('search', None)
    if search is not None:
        asked['texts'] = search.parts
        asked['fits'] = search.which if search.is_more_than_parts else None
    return asked


def refuse_slow(search: Search | None) -> None:
    """:raises Invalid: if a regular expression was given up, since then lines are missing"""
    if search is not None and search.is_too_slow:
        sentence = 'This regular expression takes too long.'
        raise Invalid(sentence, {'q': sentence}, 'Make it simpler, or look for plain text.', code='slow_pattern')


@contextlib.contextmanager
def named_errors() -> Iterator[None]:
    """Turn what the cellar says into what a person may meet."""
    try:
        yield
    except StorageError as error:
        raise _for_person(error) from error


def _for_person(error: StorageError) -> SynapseError:
    if isinstance(error, DiskFull):
        return DiskIsFull(str(error))
    return NotReady('log_not_readable', f'The log cannot be read: {error}', 'Look at the disk of the data folder.')
