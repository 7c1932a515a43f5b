"""Parses and formats durations."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from synapse.language import _

Duration = str | float | timedelta

_UNITS = {'ms': 0.001, 's': 1.0, 'm': 60.0, 'h': 3600.0, 'd': 86400.0}
_WORDS = {
    '': 1.0,
    **dict.fromkeys(('ms',), 0.001),
    # In each language, whichever the reader's is: the words of one are none of another.
    **dict.fromkeys(('s', 'sec', 'secs', 'second', 'seconds', 'seg', 'segundo', 'segundos'), 1.0),
    **dict.fromkeys(('m', 'min', 'mins', 'minute', 'minutes', 'minuto', 'minutos'), 60.0),
    **dict.fromkeys(('h', 'hr', 'hrs', 'hour', 'hours', 'hora', 'horas'), 3600.0),
    **dict.fromkeys(('d', 'day', 'days', 'dia', 'dias'), 86400.0),
    **dict.fromkeys(('w', 'week', 'weeks', 'semana', 'semanas'), 604800.0),
}
_DECIMAL_COMMA = re.compile(r'(?<=\d),(?=\d{1,2}(?!\d))')
"""A comma before three digits may be one of thousands."""
_CLOCK = re.compile(r'(\d+):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?')
_PART = re.compile(r'(\d+(?:\.\d+)?) *([a-z]*) *')


def parse_duration(value: Duration) -> float:
    """Return the seconds of a number, a timedelta, or text like `"500ms"`, `"2s"`, `"30m"`, `"1h30m"` or `"1d"`.

    :param value: a number, or text with only a number, is in seconds
    :raises ValueError: if it is none of these, negative or infinite
    """
    seconds = _seconds(value)
    if seconds is None or not 0 <= seconds < float('inf'):
        raise ValueError(
            _('{value!r} is not a duration; write seconds, or text like "90s", "30m" or "1h30m"', value=value)
        )
    return seconds


def read_duration(text: str) -> timedelta | None:
    """Return a length of time as people write it: `90` seconds, `1h 30m`, `2 hours`, `00:05` for five minutes.

    :return: None if it is none of these; with two colons the last part is seconds
    """
    if found := _CLOCK.fullmatch(text.strip()):
        hours, minutes, seconds = (float(part or 0) for part in found.groups())
        return timedelta(hours=hours, minutes=minutes, seconds=seconds)
    seconds_ = seconds_of(_DECIMAL_COMMA.sub('.', text.replace(' ', '').lower()), _WORDS)
    try:
        return None if seconds_ is None else timedelta(seconds=seconds_)
    except OverflowError:
        return None


def words_of(length: timedelta) -> str:
    """Return a length of time as `read_duration` reads it: `1h 30m`, `0s`."""
    if length < timedelta(0):
        return f'-PT{-length.total_seconds():g}S'
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    exact = f'{seconds + length.microseconds / 1e6:.6f}'.rstrip('0').rstrip('.')
    parts = [(f'{length.days}', 'd'), (f'{hours}', 'h'), (f'{minutes}', 'm'), (exact, 's')]
    return ' '.join(f'{number}{unit}' for number, unit in parts if number != '0') or '0s'


def clock(seconds: float) -> str:
    """Return a duration like `0:12` or `1:02:03`, rounded to seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02}:{rest:02}' if hours else f'{minutes}:{rest:02}'


def spoken(seconds: float) -> str:
    """Return a length of time as a sentence has it: `40 s`, `42 min`, `2 h 5 min`."""
    if seconds < 90:
        return _('{seconds} s', seconds=f'{seconds:.0f}')
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours:
        return _('{hours} h {minutes} min', hours=hours, minutes=minutes)
    return _('{minutes} min', minutes=minutes)


def _seconds(value: Any) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        return None
    text = value.replace(' ', '').lower()
    seconds = seconds_of(text, {'': 1.0})
    return seconds_of(text, _UNITS) if seconds is None else seconds


def seconds_of(text: str, units: Mapping[str, float]) -> float | None:
    """Return the seconds of a text like `1 h 30 min`, None if it isn't a duration.

    :param units: the known units with their seconds; `''` is a number without a unit
    """
    parts = _PART.findall(text)
    if not parts or _PART.sub('', text) or any(unit not in units for _, unit in parts):
        return None
    return sum(float(number) * units[unit] for number, unit in parts)
