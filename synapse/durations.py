"""Lengths of time as people write them, in seconds."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

Duration = str | float | timedelta

_UNITS = {'ms': 0.001, 's': 1.0, 'm': 60.0, 'h': 3600.0, 'd': 86400.0}
_PART = re.compile(r'(\d+(?:\.\d+)?) *([a-z]*) *')


def parse_duration(value: Duration) -> float:
    """Seconds of a number of seconds, a timedelta, or text like `"500ms"`, `"2s"`, `"30m"`, `"1h30m"`, `"1d"`.

    :raises ValueError: if it is none of these, or negative
    """
    seconds = _seconds(value)
    if seconds is None or not 0 <= seconds < float('inf'):
        raise ValueError(f'{value!r} is not a duration; write seconds, or text like "90s", "30m" or "1h30m"')
    return seconds


def _seconds(value: Any) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        return None
    text = value.replace(' ', '').lower()
    bare = seconds_of(text, {'': 1.0})
    return seconds_of(text, _UNITS) if bare is None else bare


def seconds_of(text: str, units: Mapping[str, float]) -> float | None:
    """The sum of the numbers in a text like `1 h 30 min`, None if it is none.

    :param units: how many seconds each is that may stand behind a number; `''` for a number without one
    """
    parts = _PART.findall(text)
    if not parts or _PART.sub('', text) or any(unit not in units for _, unit in parts):
        return None
    return sum(float(number) * units[unit] for number, unit in parts)
