"""Days of the calendar, and what of a day matters most. Knows no screen."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# Exceptions first: what stays visible where there is no room for all.
RANKS = {
    'running': 0,
    'paused': 0,
    'failed': 1,
    'interrupted': 1,
    'missed': 2,
    'skipped': 3,
    'cancelled': 3,
    'queued': 4,
    'planned': 4,
    'succeeded': 5,
    'off': 6,
}


def monday_of(day: date) -> date:
    """The day with which its week begins."""
    return day - timedelta(days=day.weekday())


def day_in(moment: datetime, zone: ZoneInfo) -> date:
    """Which day it is there."""
    return moment.astimezone(zone).date()


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins there, in UTC: where the clocks skip midnight, at the moment they do."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def next_hour(now: datetime, zone: ZoneInfo) -> datetime:
    """The next full hour of the wall clock there, naive."""
    wall = now.astimezone(zone).replace(tzinfo=None)
    return wall.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def weekday_of(day: date) -> str:
    """`Wednesday 14 October`."""
    return f'{day:%A} {day.day} {day:%B}'


def hours_of(change: timedelta) -> str:
    """`-1 h` or `+30 min`; empty where the clocks do nothing."""
    minutes = round(change.total_seconds() / 60)
    if not minutes:
        return ''
    return f'{minutes // 60:+d} h' if minutes % 60 == 0 else f'{minutes:+d} min'
