"""The figures of the dashboard cards: today, the last seven days, and small series to draw."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from statistics import median
from typing import Any

DAYS = 7

EndedRun = tuple[str, str, str, float]
"""`created_at, finished_at, state, seconds` of a run that has ended, as the store returns it."""


def figures(endings: Iterable[EndedRun], now: datetime) -> dict[str, Any]:
    """Return what the four cards show; days are those of the zone of `now`, success leaves out stopped runs.

    `runs_delta` compares today with the same weekday last week up to the same time of day. Each series has one value
    a day, the last being today; a day on which nothing ended has None where there is no percentage or median.
    """
    ended = [(datetime.fromisoformat(at).astimezone(now.tzinfo), state, seconds) for _, at, state, seconds in endings]
    today = now.date()
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    by_day = {day: [(state, seconds) for at, state, seconds in ended if at.date() == day] for day in days}
    week = [item for day in days for item in by_day[day]]
    ok, total = _success(week)
    return {
        'runs_today': len(by_day[today]),
        'runs_delta': len(by_day[today]) - _until(ended, now - timedelta(days=7)),
        'failed_today': _failed(by_day[today]),
        'success_ok': ok,
        'success_total': total,
        'success_percent': _percent(ok, total),
        'median_seconds': _median(week),
        'series': {
            'days': [day.isoformat() for day in days],
            'runs': [len(by_day[day]) for day in days],
            'success_percent': [_percent(*_success(by_day[day])) for day in days],
            'median_seconds': [_median(by_day[day]) for day in days],
            'failed': [_failed(by_day[day]) for day in days],
        },
    }


def begin_of(now: datetime) -> datetime:
    """Return the moment from which endings are needed: midnight seven days before `now`."""
    return midnight(now.date() - timedelta(days=DAYS), now)


def midnight(day: date, like: datetime) -> datetime:
    """Return the start of a day in the time zone of `like`."""
    return datetime.combine(day, time(), tzinfo=like.tzinfo)


def _until(ended: Iterable[tuple[datetime, str, float]], moment: datetime) -> int:
    return sum(at.date() == moment.date() and at <= moment for at, _, _ in ended)


def _success(items: Sequence[tuple[str, float]]) -> tuple[int, int]:
    counted = [state for state, _ in items if state in ('succeeded', 'failed', 'interrupted')]
    return counted.count('succeeded'), len(counted)


def _failed(items: Sequence[tuple[str, float]]) -> int:
    return sum(state in ('failed', 'interrupted') for state, _ in items)


def _median(items: Sequence[tuple[str, float]]) -> float | None:
    seconds = [seconds for state, seconds in items if state == 'succeeded']
    return median(seconds) if seconds else None


def _percent(ok: int, total: int) -> float | None:
    return round(100 * ok / total, 1) if total else None
