"""Days, times and lengths of the calendar, as values and in words. Knows no screen."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
WEEKDAYS = ('Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday')
MORNING = time(9)
"""When a new event starts on a day that is still to come, unless an hour was chosen."""


def monday_of(day: date) -> date:
    """Return the first day of its week."""
    return day - timedelta(days=day.weekday())


def turned(day: date, months: int) -> date:
    """Return the same day `months` later, or the last day of a shorter month."""
    place = day.year * 12 + day.month - 1 + months
    first = date(place // 12, place % 12 + 1, 1)
    after = date((place + 1) // 12, (place + 1) % 12 + 1, 1)
    return first + DAY * (min(day.day, (after - first).days) - 1)


def day_in(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the UTC moment at which a day begins; where the clocks skip midnight, the moment they change."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def wall_now(now: datetime, zone: ZoneInfo) -> datetime:
    """Return the naive wall time in this zone."""
    return now.astimezone(zone).replace(tzinfo=None)


def next_hour(now: datetime, zone: ZoneInfo) -> datetime:
    """Return the next full hour of the wall clock, naive."""
    return wall_now(now, zone).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def next_hour_on(day: date, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the time of the next full hour on a later day; for today and earlier days, the next full hour itself."""
    hour = next_hour(now, zone)
    return datetime.combine(day, hour.time()) if day > day_in(now, zone) else hour


def morning_of(day: date, now: datetime, zone: ZoneInfo) -> datetime:
    """Return 09:00 of a later day; for today and earlier days, the next full hour."""
    return datetime.combine(day, MORNING) if day > day_in(now, zone) else next_hour(now, zone)


# In words


def clock_in(moment: datetime, zone: ZoneInfo) -> str:
    """`16:00` in this zone."""
    return f'{moment.astimezone(zone):%H:%M}'


def moment_words(local: datetime) -> str:
    """`Wed 14 Oct, 16:00`."""
    return f'{local:%a} {local.day} {local:%b}, {local:%H:%M}'


def day_words(day: date) -> str:
    """`Fri 16 Oct 2026`."""
    return f'{day:%a} {day.day} {day:%b} {day.year}'


def weekday_of(day: date) -> str:
    """`Wednesday 14 October`."""
    return f'{day:%A} {day.day} {day:%B}'


def length_words(seconds: float) -> str:
    """`40 s`, `12 min`, `6 h 21 min`, `3 days`: rounded, and at least one second."""
    minutes = round(seconds / 60)
    if seconds < 59.5:
        return f'{max(1, round(seconds))} s'
    if minutes < 60:
        return f'{minutes} min'
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f'{hours} h {rest} min' if rest else f'{hours} h'
    return f'{round(seconds / 86_400)} days'


def clock_change_words(change: timedelta) -> str:
    """`-1 h` or `+30 min`; empty if the clocks do not change."""
    minutes = round(change.total_seconds() / 60)
    if not minutes:
        return ''
    return f'{minutes // 60:+d} h' if minutes % 60 == 0 else f'{minutes:+d} min'
