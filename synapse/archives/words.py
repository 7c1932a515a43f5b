"""Names of files as people read them."""

import os
from collections.abc import Sequence

_SHOWN = 5


def shown(name: str) -> str:
    """Return a file name on one line that any program can save: odd bytes and control characters are escaped."""
    text = os.fsencode(name).decode('utf-8', 'backslashreplace')
    return ''.join(letter if letter.isprintable() else letter.encode('unicode_escape').decode() for letter in text)


def some_of(names: Sequence[str]) -> str:
    """Return the first few of many names."""
    return ', '.join(map(shown, names[:_SHOWN])) + (', ...' if len(names) > _SHOWN else '')
