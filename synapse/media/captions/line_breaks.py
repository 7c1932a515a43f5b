"""Breaks text of any script into lines that a player has room for."""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

COLUMNS = 42
"""How wide a line of a caption may be: what fits a player and what broadcasters use. A CJK character has two."""


def wrapped(text: str, columns: int = COLUMNS) -> list[str]:
    """Return the text as the fewest lines of at most `columns`, about equally long.

    Lines break at spaces, after hyphens and dashes, and between Chinese or Japanese characters where their
    punctuation allows it. Anything longer is broken between two characters as a reader sees them. So are Thai, Lao,
    Khmer and Burmese, whose words only a dictionary could tell apart, but never inside a syllable's spelling: not after
    a vowel that is written first, not before one that is written last, and not in a stack of consonants.

    :param text: one line; a tab counts as a space, other control characters are dropped
    """
    pieces = list(_pieces(_printable(text)))
    lines = _filled(pieces, columns)
    if len(lines) < 2:
        return lines
    total = sum(piece.size for piece in pieces)
    widest = max(piece.size for piece in pieces)
    least = max(-(-total // len(lines)), min(widest, columns))
    for narrower in range(least, columns):
        found = _filled(pieces, narrower)
        if len(found) == len(lines):
            return found
    return lines


def width(text: str) -> int:
    """Return how many columns a text takes."""
    return sum(map(_width, graphemes(text)))


def graphemes(text: str) -> list[str]:
    """Return the characters as a reader sees them: letters with their marks, emoji with their parts."""
    import regex  # 15 ms that each host of a run would spend

    return regex.findall(r'\X', text)


_SPACES = ' \u3000'
_DASHES = '-\u2010\u2013\u2014'
# Those that may not begin or end a line, of JIS X 4051 and GB/T 15834.
_NEVER_FIRST = frozenset(
    '、。，．,.・：；:;？！?!）)］]｝}」』】〕〉》’”…‥ー々ゝゞぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ％%〜'
)
_NEVER_LAST = frozenset('（(［[｛{「『【〔〈《‘“￥＄$')


_WRITTEN_FIRST = frozenset('เแโใไເແໂໃໄ')
"""Vowels of Thai and Lao that are written before their consonant."""
_STACKING = frozenset('\u17d2\u1039')
"""Signs of Khmer and Burmese that put the next consonant below the one before."""
_WRITTEN_LAST = frozenset('ะาำๅๆฯະາຳໆຯៗ។៕៖៘')
"""Vowels, repetition and ends of sentences after the consonant; marks above and below are part of the character."""


def _printable(text: str) -> str:
    kept = (' ' if letter == '\t' else letter for letter in text)
    return ''.join(letter for letter in kept if unicodedata.category(letter) != 'Cc').strip()


class _Piece(NamedTuple):
    """What a line may not be broken in, with the spaces after it."""

    text: str
    size: int
    """Columns, without the spaces."""
    spaces: int


def _pieces(text: str) -> Iterator[_Piece]:
    piece: list[str] = []
    for letter in graphemes(text):
        if piece and _may_break(piece, letter):
            yield _measured(piece)
            piece = []
        piece.append(letter)
    if piece:
        yield _measured(piece)


def _may_break(piece: Sequence[str], letter: str) -> bool:
    last = piece[-1]
    if letter in _SPACES or last in _SPACES:
        return letter not in _SPACES
    if last in _DASHES:
        return letter.isalpha() and any(before.isalpha() for before in piece[:-1])
    return (_is_ideographic(last) or _is_ideographic(letter)) and letter not in _NEVER_FIRST and last not in _NEVER_LAST


def _is_ideographic(letter: str) -> bool:
    # Hangul is as wide, but is written in words.
    return unicodedata.east_asian_width(letter[0]) in 'WF' and not unicodedata.name(letter[0], '').startswith('HANGUL')


def _measured(piece: Sequence[str]) -> _Piece:
    text = ''.join(piece)
    word = text.rstrip(_SPACES)
    return _Piece(text, width(word), width(text[len(word) :]))


def _filled(pieces: Sequence[_Piece], columns: int) -> list[str]:
    """Put as many pieces as fit into each line; a piece wider than a line is broken."""
    lines, used = [''], 0
    for piece in pieces:
        if used and used + piece.size > columns:
            lines.append('')
            used = 0
        if piece.size > columns:
            broken = _broken(piece.text, columns)
            lines[-1:] = broken
            used = width(broken[-1])
        else:
            lines[-1] += piece.text
            used += piece.size + piece.spaces
    return [line.rstrip(_SPACES) for line in lines if line.strip(_SPACES)]


def _broken(piece: str, columns: int) -> list[str]:
    lines, used = [''], 0
    for cluster in _clusters(piece, columns):
        size = width(cluster)
        if used + size > columns and cluster not in _SPACES:
            lines.append('')
            used = 0
        lines[-1] += cluster
        used += size
    return lines


def _clusters(text: str, columns: int) -> list[str]:
    """Return the characters, those together that belong to one syllable of Thai, Lao, Khmer or Burmese.

    :param columns: how much may be together: people hold a key down
    """
    clusters: list[str] = []
    for letter in graphemes(text):
        last = clusters[-1] if clusters else ''
        is_together = last[-1:] in _WRITTEN_FIRST | _STACKING or letter[0] in _WRITTEN_LAST
        if last and is_together and width(last) + _width(letter) <= columns:
            clusters[-1] += letter
        else:
            clusters.append(letter)
    return clusters


def _width(letter: str) -> int:
    """Return the columns of one grapheme: 2 for CJK and emoji, 0 for what is invisible."""
    if '\ufe0f' in letter or any(unicodedata.east_asian_width(part) in 'WF' for part in letter):
        return 2
    return int(any(unicodedata.category(part)[0] not in 'MC' for part in letter))
