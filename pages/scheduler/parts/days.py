"""Days, times and lengths of the calendar, as values and in words. Knows no screen."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from synapse.language import _, _n
from synapse.language.formats import moment

DAY = timedelta(days=1)
MORNING = time(9)
SOON = timedelta(minutes=10)
"""How long a person may take to plan an event before the moment that is proposed has passed."""
"""When a new event starts on a day that is still to come, unless an hour was chosen."""


def first_of_week(day: date, week_start: int) -> date:
    """Return the first day of its week.

    :param week_start: the day a week begins with, 0 for Monday
    """
    return day - timedelta(days=(day.weekday() - week_start) % 7)


def in_week(week_start: int) -> list[int]:
    """Return the numbers of the weekdays, 0 for Monday, in the order of a week that begins with this one."""
    return [(week_start + place) % 7 for place in range(7)]


def week_of(first: date) -> tuple[int, int]:
    """Return the year and the number of a week, by its Thursday (ISO 8601), whichever day it begins with.

    :param first: its first day
    """
    year, week, _ = (first + timedelta(days=(3 - first.weekday()) % 7)).isocalendar()
    return year, week


def turned(day: date, months: int) -> date:
    """Return the same day `months` later, or the last day of a shorter month."""
    place = day.year * 12 + day.month - 1 + months
    first = date(place // 12, place % 12 + 1, 1)
    after = date((place + 1) // 12, (place + 1) % 12 + 1, 1)
    return first + DAY * (min(day.day, (after - first).days) - 1)


def day_in(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the UTC moment at which a day begins; where the clocks skip midnight, the moment they change."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def wall_now(now: datetime, zone: ZoneInfo) -> datetime:
    """Return the naive wall time in this zone."""
    return now.astimezone(zone).replace(tzinfo=None)


def next_hour(now: datetime, zone: ZoneInfo) -> datetime:
    """Return the next full hour of the wall clock that is not too `SOON`, naive."""
    return (wall_now(now, zone) + SOON).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def next_hour_on(day: date, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the time of the next full hour on a later day; for today and earlier days, the next full hour itself."""
    hour = next_hour(now, zone)
    return datetime.combine(day, hour.time()) if day > day_in(now, zone) else hour


def morning_of(day: date, now: datetime, zone: ZoneInfo) -> datetime:
    """Return 09:00 of a later day; for today and earlier days, the next full hour."""
    return datetime.combine(day, MORNING) if day > day_in(now, zone) else next_hour(now, zone)


# In words


def clock_in(instant: datetime, zone: ZoneInfo) -> str:
    """`16:00` in this zone."""
    return f'{instant.astimezone(zone):%H:%M}'


def moment_words(local: datetime) -> str:
    """`Wed 14 Oct, 16:00`."""
    return _('{day}, {time}', day=moment('MMMEd', local), time=f'{local:%H:%M}')


def day_words(day: date) -> str:
    """`Fri 16 Oct 2026`."""
    return moment('yMMMEd', day)


def weekday_of(day: date) -> str:
    """`Wednesday 14 October`."""
    return moment('MMMMEEEEd', day)


def length_words(seconds: float) -> str:
    """`40 s`, `12 min`, `6 h 21 min`, `3 days`: rounded, and at least one second."""
    minutes = round(seconds / 60)
    if seconds < 59.5:
        return _('{seconds} s', seconds=max(1, round(seconds)))
    if minutes < 60:
        return _('{minutes} min', minutes=minutes)
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return _('{hours} h {minutes} min', hours=hours, minutes=rest) if rest else _('{hours} h', hours=hours)
    return _n('{count} day', '{count} days', round(seconds / 86_400))


def clock_change_words(change: timedelta) -> str:
    """`-1 h` or `+30 min`; empty if the clocks do not change."""
    minutes = round(change.total_seconds() / 60)
    if not minutes:
        return ''
    if minutes % 60 == 0:
        return _('{hours} h', hours=f'{minutes // 60:+d}')
    return _('{minutes} min', minutes=f'{minutes:+d}')
