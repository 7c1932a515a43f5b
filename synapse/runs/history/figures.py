"""The figures of the dashboard cards: today, the last seven days, and small series to draw."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from storage.daily_sums import DailySums, DaySum
from storage.runs import RunStore

DAYS = 7


class Figures:
    """What the four cards show, see `figures`. The days are added up again only if something was saved meanwhile.

    It waits for the disk; safe to use from several threads.
    """

    def __init__(self, store: RunStore, sums: DailySums) -> None:
        self._store, self._sums = store, sums
        self._known: tuple[tuple[int, date, str], dict[str, Any]] | None = None

    def read(self, now: datetime) -> dict[str, Any]:
        """Return the figures; days are those of the zone of `now`."""
        if now.tzinfo is None:
            raise ValueError(f'{now} has no time zone')
        today, week_ago = now.date(), now - timedelta(days=7)
        key, known = (self._store.changes, today, str(now.tzinfo)), self._known
        if known is None or known[0] != key:
            counted = self._sums.between(today - timedelta(days=DAYS - 1), today, now.tzinfo)
            # With the count of changes from before: whatever is saved meanwhile is read the next time.
            self._known = known = key, figures(counted, today, 0)
        before = self._store.count_ended(midnight(week_ago.date(), now), week_ago)
        return known[1] | {'runs_delta': known[1]['runs_today'] - before}


def figures(counted: Iterable[DaySum], today: date, before: int) -> dict[str, Any]:
    """Return what the four cards show; success leaves out stopped runs.

    Each series has one value a day, the last being today; a day on which nothing ended has None where there is no
    percentage or median.

    :param counted: how the runs of the last seven days ended
    :param before: how many ended on this weekday of last week, up to the same time of day; `runs_delta` compares
    """
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    by_day: dict[date, list[Ended]] = {day: [] for day in days}
    for day, state, seconds, count in counted:
        by_day[day].append((state, seconds, count))
    week = [item for day in days for item in by_day[day]]
    ok, total = _success(week)
    return {
        'runs_today': _count(by_day[today]),
        'runs_delta': _count(by_day[today]) - before,
        'failed_today': _failed(by_day[today]),
        'success_ok': ok,
        'success_total': total,
        'success_percent': _percent(ok, total),
        'median_seconds': _median(week),
        'series': {
            'days': [day.isoformat() for day in days],
            'runs': [_count(by_day[day]) for day in days],
            'success_percent': [_percent(*_success(by_day[day])) for day in days],
            'median_seconds': [_median(by_day[day]) for day in days],
            'failed': [_failed(by_day[day]) for day in days],
        },
    }


def midnight(day: date, like: datetime) -> datetime:
    """Return the start of a day in the time zone of `like`."""
    return datetime.combine(day, time(), tzinfo=like.tzinfo)


Ended = tuple[str, float, int]
"""`state, seconds, count` of runs that ended on the same day."""


def _count(items: Sequence[Ended], *states: str) -> int:
    """Return how many ended in one of these states, or in any if none is named."""
    return sum(count for state, _, count in items if not states or state in states)


def _success(items: Sequence[Ended]) -> tuple[int, int]:
    return _count(items, 'succeeded'), _count(items, 'succeeded', 'failed', 'interrupted')


def _failed(items: Sequence[Ended]) -> int:
    return _count(items, 'failed', 'interrupted')


def _median(items: Sequence[Ended]) -> float | None:
    took = Counter[float]()
    for state, seconds, count in items:
        if state == 'succeeded':
            took[seconds] += count
    total = took.total()
    if not total:
        return None
    return (_at(took, (total - 1) // 2) + _at(took, total // 2)) / 2


def _at(took: Counter[float], place: int) -> float:
    """Return the value at this place, from 0, of all of them in order."""
    for seconds in sorted(took):
        place -= took[seconds]
        if place < 0:
            return seconds
    raise IndexError(place)


def _percent(ok: int, total: int) -> float | None:
    return round(100 * ok / total, 1) if total else None
