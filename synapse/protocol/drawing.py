"""What programs print to draw: which texts move the cursor, and the control functions in them (ECMA-48)."""

import re

RETURNS = re.compile('\r+\n')
UNFINISHED = re.compile(r'(?:\r+|\x1b(?:\[[0-?]{0,100}[ -/]*)?)\Z')
_INERT = re.compile(
    r'\x1b(?:'
    r'\[[0-9;:]*m'
    r'|\[0?K'  # erases to the end of the line, where there is nothing
    r'|\[[?>=]?[0-9;]*[cnqt]'  # questions to the terminal
    r'|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?'  # titles, links
    r'|[PX^_][^\x1b\n]*(?:\x1b\\)?'
    r'|[()*+][0-9A-Z]'
    r'|[=>\\]'
    r')'
)
"""Escapes that move nothing, so that a line with them comes out unchanged."""
TOKEN = re.compile(
    r'(?P<text>[^\x00\x07\x08\t\n\r\x1b]+)'
    r'|(?P<control>[\x08\t\n\r])'
    r'|\x1b\[(?P<codes>[0-?]*)[ -/]*(?P<act>[@-~])'
    r'|(?P<unseen>\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b\n]*(?:\x1b\\)?|\x1b\\|[\x00\x07])'
    r'|\x1b[ -/]*(?P<escape>[0-~])'
    r'|(?P<lone>\x1b)'
)
BACK_TO_LINES = re.compile(r'\x1b\[\?(?:47|1047|1049)l|\x1bc')
# wget without a terminal: `  150K .......... .......... .......... .......... ..........  0% 12.3M 24s`
DOTS = re.compile(r'\s*\d+[KM] [. ,]{10,}(?:\s*\d+%.*)?')
DOTS_BEGIN = re.compile(r'\s*\d+[KM]')
SOME_DOTS = '..........'
_DATA = re.compile('[\x03-\x06\x10\x12\x14-\x1a]')
"""Control characters that neither texts nor drawings have, but nearly every line of a binary file."""
_SHOWN = {ord(sign): 0x2400 + ord(sign) for sign in '\b\r\x1b'}


def without_data(text: str) -> str:
    """Return the text with symbols for the signs in its binary lines that would move the cursor.

    A file that somebody prints draws nothing: a terminal that obeys it puts what follows anywhere.
    """
    if not _DATA.search(text):
        return text
    return '\n'.join(line.translate(_SHOWN) if _DATA.search(line) else line for line in text.split('\n'))


def moves(text: str) -> bool:
    """Whether a text does more than add to lines."""
    if '\r' in text or '\b' in text or (SOME_DOTS in text and _has_dots(text)):
        return True
    return '\x1b' in text and '\x1b' in _INERT.sub('', text)


def _has_dots(text: str) -> bool:
    return any(DOTS_BEGIN.match(line) for line in text.split('\n') if SOME_DOTS in line)


def before_moves(text: str) -> tuple[str, str]:
    """Split a text after the last line end before its first move."""
    place = 0
    while (end := text.find('\n', place)) >= 0 and not moves(text[place : end + 1]):
        place = end + 1
    return text[:place], text[place:]
