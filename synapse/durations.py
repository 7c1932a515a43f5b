"""Parses and formats durations."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

Duration = str | float | timedelta

_UNITS = {'ms': 0.001, 's': 1.0, 'm': 60.0, 'h': 3600.0, 'd': 86400.0}
_PART = re.compile(r'(\d+(?:\.\d+)?) *([a-z]*) *')


def parse_duration(value: Duration) -> float:
    """Return the seconds of a number, a timedelta, or text like `"500ms"`, `"2s"`, `"30m"`, `"1h30m"` or `"1d"`.

    :param value: a number, or text with only a number, is in seconds
    :raises ValueError: if it is none of these, negative or infinite
    """
    seconds = _seconds(value)
    if seconds is None or not 0 <= seconds < float('inf'):
        raise ValueError(f'{value!r} is not a duration; write seconds, or text like "90s", "30m" or "1h30m"')
    return seconds


def clock(seconds: float) -> str:
    """Return a duration like `0:12` or `1:02:03`, rounded to seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02}:{rest:02}' if hours else f'{minutes}:{rest:02}'


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
