"""File names: which characters of one are kept, and whether it has one of the suffixes that are taken."""

import unicodedata
from collections.abc import Collection
from pathlib import PurePath

from synapse.language import _, _n

MOST_NAMED = 6
"""Suffixes in a refusal; the schema of the parameter has all."""

_JOINERS = '\u200c\u200d'


def without_controls(name: str) -> str:
    """Return a name without characters that nobody sees or that change the direction of others.

    Spaces of any width are kept, such as the narrow one before AM in the names that macOS gives to screenshots, and so
    are the joiners of emoji and of Persian and Indic letters.
    """
    return ''.join(
        char for char in name if char.isprintable() or char in _JOINERS or unicodedata.category(char) == 'Zs'
    )


def is_accepted(name: str, suffixes: Collection[str]) -> bool:
    """Whether a file of this name is taken where only these suffixes are, in any case; without any, every file is.

    :param suffixes: in lower case, such as `.mp4` or `.tar.gz`
    """
    return not suffixes or name.lower().endswith(tuple(suffixes))


def unacceptable(pattern: str, suffixes: Collection[str]) -> str:
    """Return the first of the patterns with commas between that matches no accepted name; empty if there is none."""
    parts = [part.strip() for part in pattern.split(',')]
    return next((part for part in parts if _is_plain(PurePath(part).suffix) and not is_accepted(part, suffixes)), '')


def _is_plain(end: str) -> bool:
    return bool(end) and not any(char in end for char in '*?[')


def refusal(name: str, suffixes: Collection[str]) -> str:
    """Return the sentence about a name or pattern that is not accepted."""
    named = [*suffixes][:MOST_NAMED]
    words = {'name': name, 'suffixes': ', '.join(named)}
    if more := len(suffixes) - len(named):
        return _n(
            '{name} is not accepted here. Choose files that end in {suffixes} or {count} other suffix.',
            '{name} is not accepted here. Choose files that end in {suffixes} or {count} other suffixes.',
            more,
            **words,
        )
    return _('{name} is not accepted here. Choose files that end in {suffixes}.', **words)
