"""What the log returns besides entries, and how queries and errors cross over to the store and back."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from storage.files import DiskFull, StorageError
from synapse.errors import DiskIsFull, Invalid, NotReady
from synapse.language import _, spoken

from .search import Search


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """The newest matching entries as their `seq`, ascending.

    Incomplete if there are more than the limit or time ran out: then only entries from `searched_to` on were searched.
    """

    seqs: list[int]
    is_complete: bool
    searched_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Entries per level, lowest level first, in consecutive buckets of `seconds`."""

    start: datetime
    seconds: float
    counts: list[tuple[int, ...]]


def bucket_grid(start: datetime, end: datetime, most: int) -> tuple[int, int, int]:
    """The start in seconds since 1970, the width in seconds and the number of at most `most` buckets over a span.

    Buckets start at whole seconds; those longer than a minute are whole minutes.
    """
    width = max(1, ceil((end - start).total_seconds() / most))
    if width > 60:
        width = ceil(width / 60) * 60
    unit = 60 if width % 60 == 0 else 1
    first = int(start.timestamp() // unit) * unit
    return first, width, max(1, ceil((end.timestamp() - first) / width))


def store_filters(filters: Mapping[str, Any]) -> dict[str, Any]:
    """The filters as the store takes them: times as ISO 8601, a search as texts for its index and a matcher."""
    stored: dict[str, Any] = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in filters.items()
        if value is not None
    }
    search: Search | None = stored.pop('search', None)
    if search is not None:
        stored['texts'] = search.parts
        stored['matcher'] = search.which if search.is_more_than_parts else None
    return stored


def raise_if_slow(search: Search | None) -> None:
    """:raises Invalid: if a regular expression was abandoned, since then entries are missing"""
    if search is not None and search.is_too_slow:
        sentence = _('This regular expression takes too long.')
        raise Invalid(sentence, {'q': sentence}, _('Simplify it, or search for plain text.'), code='slow_pattern')


@contextlib.contextmanager
def user_errors() -> Iterator[None]:
    """Turn errors of the store into errors with a message for a person."""
    try:
        yield
    except DiskFull as error:
        raise DiskIsFull(spoken(error)) from error
    except StorageError as error:
        hint = _('Check the disk that holds the data folder.')
        raise NotReady('log_not_readable', _('The log cannot be read: {error}', error=error), hint) from error
