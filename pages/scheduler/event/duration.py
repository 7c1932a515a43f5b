"""Lengths of time as people write them: `30 min`, `1 h 30 min`, `45 s`; a bare number means minutes."""

import re

UNITS = {'d': 86_400, 'h': 3600, 'min': 60, 's': 1}
_NAMES = {
    's': ('s', 'sec', 'secs', 'second', 'seconds'),
    'min': ('', 'm', 'min', 'mins', 'minute', 'minutes'),
    'h': ('h', 'hr', 'hrs', 'hour', 'hours'),
    'd': ('d', 'day', 'days'),
}
_KNOWN = {name: UNITS[unit] for unit, names in _NAMES.items() for name in names}


def seconds_in(text: str) -> float | None:
    """How many seconds that is, None if nothing is written.

    :raises ValueError: if it cannot be read
    """
    rest = text.strip().lower().replace(',', '.')
    if not rest:
        return None
    parts = re.findall(r'(\d+(?:\.\d+)?)\s*([a-z]*)\s*', rest)
    if not re.fullmatch(r'(\d+(?:\.\d+)?\s*[a-z]*\s*)+', rest) or any(unit not in _KNOWN for _, unit in parts):
        raise ValueError(text)
    return sum(float(number) * _KNOWN[unit] for number, unit in parts)


def in_units(seconds: float | None) -> str:
    """`1 h 30 min`; empty for None. Reads back as the same length."""
    if seconds is None:
        return ''
    words, rest = [], seconds
    for unit, length in UNITS.items():
        count = rest if unit == 's' else rest // length
        rest -= count * length
        if count:
            words.append(f'{count:g} {unit}')
    return ' '.join(words) or '0 min'
