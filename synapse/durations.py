"""A length of time as people write it, in seconds."""

import re
from datetime import timedelta
from typing import Any

Duration = str | float | timedelta


_UNITS = {'ms': 0.001, 's': 1.0, 'm': 60.0, 'h': 3600.0, 'd': 86400.0}


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
    if re.fullmatch(r'\d+(\.\d+)?', text):
        return float(text)
    if not re.fullmatch(r'(\d+(\.\d+)?(ms|[smhd]))+', text):
        return None
    return sum(float(number) * _UNITS[unit] for number, _, unit in re.findall(r'(\d+(\.\d+)?)(ms|[smhd])', text))
