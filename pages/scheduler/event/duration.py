"""Durations as people write them: `30 min`, `1 h 30 min`, `45 s`; a number alone means minutes."""

from synapse.durations import seconds_of
from synapse.language.formats import pointed

UNITS = {'d': 86_400, 'h': 3600, 'min': 60, 's': 1}
_NAMES = {  # in each language, whichever the reader's is: the words of one are none of another
    's': ('s', 'sec', 'secs', 'second', 'seconds', 'seg', 'segundo', 'segundos'),
    'min': ('', 'm', 'min', 'mins', 'minute', 'minutes', 'minuto', 'minutos'),
    'h': ('h', 'hr', 'hrs', 'hour', 'hours', 'hora', 'horas'),
    'd': ('d', 'day', 'days', 'dia', 'dias'),
}
_KNOWN = {name: UNITS[unit] for unit, names in _NAMES.items() for name in names}


def seconds_in(text: str) -> float | None:
    """Return how many seconds the text means, None if it is empty.

    :raises ValueError: if it cannot be read
    """
    words = ' '.join(text.lower().replace(',', '.').split())
    seconds = seconds_of(words, _KNOWN)
    if words and seconds is None:
        raise ValueError(text)
    return seconds


def in_units(seconds: float | None) -> str:
    """`1 h 30 min`; empty for None. `seconds_in` reads it back as the same duration."""
    if seconds is None:
        return ''
    words, rest = [], seconds
    for unit, length in UNITS.items():
        count = rest if unit == 's' else rest // length
        rest -= count * length
        if count:
            words.append(f'{pointed(f"{count:g}")} {unit}')
    return ' '.join(words) or '0 min'
