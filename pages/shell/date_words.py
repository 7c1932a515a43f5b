"""Days as people type them: `9 Oct`, `2026-10-09`, `tomorrow`, `next monday`. No elements here."""

import re
from datetime import date, timedelta

MONTHS = (
    'january', 'february', 'march', 'april', 'may', 'june',
    'july', 'august', 'september', 'october', 'november', 'december',
)  # fmt: skip
WEEKDAYS = ('monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday')
SHORTEST = 3
"""Letters that distinguish a month or weekday from the others."""

_NEAR = {'today': 0, 'tomorrow': 1, 'yesterday': -1}
_FIRST_WORDS = re.compile(r'^(?:go\s*to|show|open)\s+')


def day_meant(text: str, today: date) -> date | None:
    """The day that these words mean, None if they mean none.

    A day without a year is the nearest one. A weekday is the next one, today included; with `next` the first after
    today, with `last` the last before today.
    """
    words = _FIRST_WORDS.sub('', ' '.join(text.lower().replace(',', ' ').split()))
    for read in (_iso, _near, _weekday, _distance, _named):
        day = read(words, today)
        if day is not None:
            return day
    return None


def _iso(words: str, today: date) -> date | None:
    return _date(words[:4], words[5:7], words[8:]) if re.fullmatch(r'\d{4}-\d\d-\d\d', words) else None


def _near(words: str, today: date) -> date | None:
    return today + timedelta(days=_NEAR[words]) if words in _NEAR else None


def _weekday(words: str, today: date) -> date | None:
    which, _, name = words.rpartition(' ')
    number = _index(name, WEEKDAYS)
    if number is None or which not in ('', 'this', 'on', 'next', 'last'):
        return None
    if which == 'last':
        return today - timedelta(days=(today.weekday() - number - 1) % 7 + 1)
    first = today + timedelta(days=1) if which == 'next' else today
    return first + timedelta(days=(number - first.weekday()) % 7)


def _distance(words: str, today: date) -> date | None:
    if words in ('next week', 'last week'):
        return today + timedelta(days=7 if words == 'next week' else -7)
    found = re.fullmatch(r'in (\d{1,4}) (day|week)s?', words)
    return None if found is None else today + int(found[1]) * timedelta(days=7 if found[2] == 'week' else 1)


def _named(words: str, today: date) -> date | None:
    """`9 Oct`, `9th of October 2026`, `Oct 9 2026`, with or without a weekday in front."""
    weekday, _, rest = words.partition(' ')
    if _index(weekday, WEEKDAYS) is not None:
        words = rest
    day = r'(?P<day>\d{1,2})(?:st|nd|rd|th|\.)?'
    month = r'(?P<month>[a-z]+)\.?'
    year = r'(?: (?P<year>\d{4}))?'
    found = re.fullmatch(f'{day}(?: of)? {month}{year}', words) or re.fullmatch(f'{month} {day}{year}', words)
    number = _index(found['month'], MONTHS) if found is not None else None
    if found is None or number is None:
        return None
    if found['year'] is not None:
        return _date(found['year'], number + 1, found['day'])
    near = (_date(today.year + by, number + 1, found['day']) for by in range(-8, 9))
    return min((day for day in near if day is not None), key=lambda day: abs(day - today), default=None)


def _index(name: str, names: tuple[str, ...]) -> int | None:
    if len(name) < SHORTEST:
        return None
    return next((number for number, known in enumerate(names) if known.startswith(name)), None)


def _date(year: int | str, month: int | str, day: int | str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
