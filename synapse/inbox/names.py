"""Which characters of a file name are kept."""

import unicodedata

_JOINERS = '\u200c\u200d'


def without_controls(name: str) -> str:
    """Return a name without characters that nobody sees or that change the direction of others.

    Spaces of any width are kept, such as the narrow one before AM in the names that macOS gives to screenshots, and so
    are the joiners of emoji and of Persian and Indic letters.
    """
    return ''.join(
        char for char in name if char.isprintable() or char in _JOINERS or unicodedata.category(char) == 'Zs'
    )
