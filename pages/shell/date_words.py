"""Days as people type them: `9 Oct`, `2026-10-09`, `tomorrow`, `next monday`, `9 de outubro`, `segunda que vem`.

The words of all languages are understood, whichever the reader's is, with accents or without. No elements here.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache

from synapse.language import LANGUAGES
from synapse.language.formats import months, weekdays

SHORTEST = 3
"""Letters that distinguish a month or weekday from the others."""

_NEAR = {
    'today': 0, 'tomorrow': 1, 'yesterday': -1,
    'hoje': 0, 'amanha': 1, 'ontem': -1, 'depois de amanha': 2, 'anteontem': -2,
}  # fmt: skip
_FIRST_WORDS = re.compile(r'^(?:go\s*to|show|open|ir\s+para|va\s+para|mostrar|abrir)\s+')
_NEAREST = re.compile(r'(?:(?:this|on|n?est[ae]|n[ao]) )?(?P<name>\S+)')
_NEXT = re.compile(r'(?:next|(?:n?[ao] )?proxim[ao]) (?P<name>\S+)|(?P<that>\S+) que vem')
_LAST = re.compile(r'(?:last|(?:n?[ao] )?ultim[ao]) (?P<name>\S+)|(?P<that>\S+) passad[ao]')
_WEEK = ('week', 'semana')
_DISTANCE = re.compile(r'(?:in|em|daqui a) (?P<count>\d{1,4}) (?P<unit>day|week|dia|semana)s?')


def day_meant(text: str, today: date) -> date | None:
    """The day that these words mean, None if they mean none.

    A day without a year is the nearest one. A weekday is the next one, today included; with `next` the first after
    today, with `last` the last before today.
    """
    words = _FIRST_WORDS.sub('', ' '.join(_plain(text).replace(',', ' ').split()))
    words = words.replace(' feira', '-feira')
    for read in (_iso, _near, _weekday, _distance, _named):
        day = read(words, today)
        if day is not None:
            return day
    return None


def _plain(text: str) -> str:
    """Return a text in small letters without accents."""
    apart = unicodedata.normalize('NFKD', text.lower())
    return ''.join(letter for letter in apart if not unicodedata.combining(letter))


def _iso(words: str, today: date) -> date | None:
    return _date(words[:4], words[5:7], words[8:]) if re.fullmatch(r'\d{4}-\d\d-\d\d', words) else None


def _near(words: str, today: date) -> date | None:
    return today + timedelta(days=_NEAR[words]) if words in _NEAR else None


def _weekday(words: str, today: date) -> date | None:
    for pattern, first in ((_NEAREST, today), (_NEXT, today + timedelta(days=1)), (_LAST, today - timedelta(days=7))):
        found = pattern.fullmatch(words)
        number = _index(_name_in(found), _weekdays()) if found is not None else None
        if number is not None:
            return first + timedelta(days=(number - first.weekday()) % 7)
    return None


def _distance(words: str, today: date) -> date | None:
    for pattern, days in ((_NEXT, 7), (_LAST, -7)):
        found = pattern.fullmatch(words)
        if found is not None and _name_in(found) in _WEEK:
            return today + timedelta(days=days)
    found = _DISTANCE.fullmatch(words)
    return None if found is None else today + int(found['count']) * timedelta(days=7 if found['unit'] in _WEEK else 1)


def _name_in(found: re.Match[str]) -> str:
    return next(name for name in found.groupdict().values() if name)


def _named(words: str, today: date) -> date | None:
    """`9 Oct`, `9th of October 2026`, `Oct 9 2026`, `9 de out. de 2026`, with or without a weekday in front."""
    weekday, _space, rest = words.partition(' ')
    if _index(weekday.rstrip('.'), _weekdays()) is not None:
        words = rest
    day = r'(?:dia )?(?P<day>\d{1,2})(?:st|nd|rd|th|o|\.)?'
    month = r'(?P<month>[a-z]+)\.?'
    year = r'(?:(?: de)? (?P<year>\d{4}))?'
    found = re.fullmatch(f'{day}(?: of| de)? {month}{year}', words) or re.fullmatch(f'{month} {day}{year}', words)
    number = _index(found['month'], _months()) if found is not None else None
    if found is None or number is None:
        return None
    if found['year'] is not None:
        return _date(found['year'], number + 1, found['day'])
    near = (_date(today.year + by, number + 1, found['day']) for by in range(-8, 9))
    return min((day for day in near if day is not None), key=lambda day: abs(day - today), default=None)


@cache
def _weekdays() -> Sequence[set[str]]:
    """Return what each day is called in all languages, from Monday on."""
    return [set(map(_plain, names)) for names in zip(*(weekdays('wide', known) for known in LANGUAGES), strict=True)]


@cache
def _months() -> Sequence[set[str]]:
    return [set(map(_plain, names)) for names in zip(*(months('wide', known) for known in LANGUAGES), strict=True)]


def _index(name: str, known: Sequence[set[str]]) -> int | None:
    if len(name) < SHORTEST:
        return None
    return next((place for place, names in enumerate(known) if any(full.startswith(name) for full in names)), None)


def _date(year: int | str, month: int | str, day: int | str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
