"""The form of a message that searches read: as it is shown, without terminal escapes and without case."""

import re

ESCAPE = re.compile(
    r'\x1b(?:'
    r'\[[0-?]*[ -/]*[@-~]?'  # CSI, such as colours; also when cut off at the end of the text
    r'|\][^\x07\x1b]*(?:\x07|\x1b\\)'  # OSC, such as hyperlinks and titles
    r'|[PX^_][^\x1b]*\x1b\\'  # DCS, SOS, PM, APC
    r'|[ -/]*[0-~]'  # all others, and the start of one of the above that never ends
    r')'
)
"""Terminal control functions (ECMA-48, 5.3 to 5.6). None can start inside another, so matching takes linear time."""

# Letters whose lower case is longer, depends on the position in a word, or equals that of an ASCII letter for a
# case-insensitive regular expression.
_ALIKE = str.maketrans('İıΣςſ', 'iiσσs')
_NUL, _NUL_PICTURE = '\0', '\u2400'


def plain(message: str) -> str:
    """The message without terminal escapes. An escape character that starts none is kept."""
    return ESCAPE.sub('', message) if '\x1b' in message else message


def folded(text: str) -> str:
    """The text without case, at the same length: equal for texts that differ only in case.

    NUL becomes its visible symbol, since SQLite takes it for the end of a text.
    """
    if text.isascii():
        return text.lower().replace(_NUL, _NUL_PICTURE)
    return text.translate(_ALIKE).lower().replace(_NUL, _NUL_PICTURE)


def searched(message: str) -> str | None:
    """What a search reads if that is more than the ASCII letters of `message` without case; else None.

    None saves disk space: SQLite itself ignores the case of ASCII letters.
    """
    if message.isascii() and '\x1b' not in message and _NUL not in message:
        return None
    return folded(plain(message))
