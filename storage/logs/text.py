"""The form of a message that searches look at: as it is shown, without terminal escapes, and without case."""

import re

ESCAPE = re.compile(
    r'\x1b(?:'
    r'\[[0-?]*[ -/]*[@-~]?'  # CSI, as colours are; cut off at the end of the text as well
    r'|\][^\x07\x1b]*(?:\x07|\x1b\\)'  # OSC, as hyperlinks and titles are
    r'|[PX^_][^\x1b]*\x1b\\'  # DCS, SOS, PM, APC
    r'|[ -/]*[0-~]'  # all others, and the beginning of one of those above that never ends
    r')'
)
"""Control functions of a terminal (ECMA-48, 5.3 to 5.6). No part can begin again inside itself: linear in any text."""

# Letters whose small form is longer than they are, depends on their place in a word, or is that of ASCII letters to a
# regular expression that ignores case.
_ALIKE = str.maketrans('İıΣςſ', 'iiσσs')
_NUL, _NUL_PICTURE = '\0', '\u2400'


def plain(message: str) -> str:
    """The message without terminal escapes. An escape character that begins none is left where it is."""
    return ESCAPE.sub('', message) if '\x1b' in message else message


def folded(text: str) -> str:
    """The same number of characters without case: equal for texts that differ in case only.

    NUL becomes its picture, since SQLite takes it for the end of a text.
    """
    if text.isascii():
        return text.lower().replace(_NUL, _NUL_PICTURE)
    return text.translate(_ALIKE).lower().replace(_NUL, _NUL_PICTURE)


def searched(message: str) -> str | None:
    """What a search looks at, where that is more than the ASCII letters of `message` without case; else None.

    None spares the room on disk: SQLite itself sees no difference between `A` and `a`.
    """
    if message.isascii() and '\x1b' not in message and _NUL not in message:
        return None
    return folded(plain(message))
