"""Days and times of the calendar: in zones whose clocks change, and as people write them."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.scheduler.parts.days import (
    DAY,
    clock_change_words,
    clock_in,
    day_in,
    day_words,
    first_of_week,
    in_week,
    length_words,
    midnight,
    moment_words,
    morning_of,
    next_hour,
    next_hour_on,
    turned,
    wall_now,
    week_of,
    weekday_of,
)

BERLIN, HAVANA, LORD_HOWE = ZoneInfo('Europe/Berlin'), ZoneInfo('America/Havana'), ZoneInfo('Australia/Lord_Howe')
ZONES = st.sampled_from([BERLIN, HAVANA, LORD_HOWE, ZoneInfo('America/New_York'), ZoneInfo('UTC')])
DAYS = st.dates(date(1980, 1, 1), date(2150, 12, 31))
MOMENTS = st.datetimes(datetime(1980, 1, 1), datetime(2150, 1, 1), timezones=st.just(UTC))
NOW = datetime(2026, 10, 14, 12, 8, 31, tzinfo=UTC)
"""14:08 in Berlin."""


@given(day=DAYS, zone=ZONES)
def test_a_day_begins_at_its_midnight_and_not_a_moment_earlier(day: date, zone: ZoneInfo) -> None:
    start = midnight(day, zone)

    assert day_in(start, zone) == day
    assert day_in(start - timedelta(microseconds=1), zone) < day


@given(day=DAYS, zone=ZONES)
def test_days_follow_one_another_without_a_gap(day: date, zone: ZoneInfo) -> None:
    length = midnight(day + DAY, zone) - midnight(day, zone)

    assert timedelta(hours=23) <= length <= timedelta(hours=25)


def test_where_midnight_is_skipped_the_day_begins_when_the_clocks_change() -> None:
    start = midnight(date(2026, 3, 8), HAVANA)

    assert start.astimezone(HAVANA).hour == 1
    assert midnight(date(2026, 3, 9), HAVANA) - start == timedelta(hours=23)


@given(DAYS, st.integers(0, 6))
def test_a_week_begins_at_most_six_days_earlier_and_has_the_number_of_its_thursday(day: date, begins: int) -> None:
    first = first_of_week(day, begins)

    assert first.weekday() == begins
    assert timedelta() <= day - first <= timedelta(days=6)
    thursday = next(first + DAY * number for number in range(7) if (first + DAY * number).weekday() == 3)
    assert week_of(first) == thursday.isocalendar()[:2]
    assert [(first + DAY * place).weekday() for place in range(7)] == in_week(begins)


@given(DAYS, st.integers(-30, 30))
def test_turning_by_months_and_back_returns_to_the_same_month(day: date, months: int) -> None:
    back = turned(turned(day, months), -months)

    assert (back.year, back.month) == (day.year, day.month)
    assert back.day <= day.day


def test_the_last_day_of_a_long_month_becomes_the_last_of_a_short_one() -> None:
    assert turned(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert turned(date(2028, 1, 31), 1) == date(2028, 2, 29)
    assert turned(date(2026, 3, 31), -12) == date(2025, 3, 31)


# When a new event starts


@given(now=MOMENTS, zone=ZONES)
def test_the_next_hour_is_full_and_leaves_time_to_plan(now: datetime, zone: ZoneInfo) -> None:
    hour, wall = next_hour(now, zone), wall_now(now, zone)

    assert (hour.minute, hour.second, hour.microsecond) == (0, 0, 0)
    assert timedelta(minutes=10) < hour - wall <= timedelta(hours=1, minutes=10)


def test_on_a_later_day_the_month_plans_at_the_clock_of_the_next_hour() -> None:
    assert next_hour_on(date(2026, 10, 20), NOW, BERLIN) == datetime(2026, 10, 20, 15)


@pytest.mark.parametrize('day', [date(2026, 10, 14), date(2026, 10, 2)])
def test_today_and_on_days_that_are_over_the_next_hour_itself_is_planned(day: date) -> None:
    assert next_hour_on(day, NOW, BERLIN) == datetime(2026, 10, 14, 15)
    assert morning_of(day, NOW, BERLIN) == datetime(2026, 10, 14, 15)


def test_in_the_last_hour_of_a_day_the_next_day_is_planned() -> None:
    late = datetime(2026, 10, 14, 23, 30, tzinfo=BERLIN)

    assert next_hour_on(date(2026, 10, 14), late, BERLIN) == datetime(2026, 10, 15)


def test_week_and_agenda_plan_in_the_morning_of_a_later_day() -> None:
    assert morning_of(date(2026, 10, 20), NOW, BERLIN) == datetime(2026, 10, 20, 9)


@given(day=DAYS, now=MOMENTS, zone=ZONES)
def test_what_is_planned_on_a_day_is_never_in_the_past(day: date, now: datetime, zone: ZoneInfo) -> None:
    wall = wall_now(now, zone)

    assert next_hour_on(day, now, zone) > wall
    assert morning_of(day, now, zone) > wall


# In words


def test_a_moment_is_written_with_its_weekday_and_without_zeros_before_the_day() -> None:
    assert moment_words(datetime(2026, 10, 4, 7, 5)) == 'Sun 4 Oct, 07:05'
    assert day_words(date(2026, 10, 4)) == 'Sun 4 Oct 2026'
    assert weekday_of(date(2026, 10, 4)) == 'Sunday 4 October'


def test_a_clock_is_that_of_the_zone() -> None:
    assert clock_in(NOW, BERLIN) == '14:08'
    assert clock_in(NOW, HAVANA) == '08:08'


@pytest.mark.parametrize(
    ('seconds', 'words'),
    [
        (0, '1 s'),
        (59.4, '59 s'),
        (59.6, '1 min'),
        (3570, '1 h'),
        (7199, '2 h'),
        (6 * 3600 + 21 * 60, '6 h 21 min'),
        (47 * 3600 + 59 * 60, '47 h 59 min'),
        (48 * 3600, '2 days'),
        (3.4 * 86_400, '3 days'),
    ],
)
def test_a_length_is_rounded_to_what_people_say(seconds: float, words: str) -> None:
    assert length_words(seconds) == words


@given(st.floats(0, 48 * 3600 - 31))
def test_no_length_has_sixty_minutes_or_sixty_seconds(seconds: float) -> None:
    words = length_words(seconds)

    assert '60' not in words
    assert not words.startswith('0')


@given(st.lists(st.floats(30, 47 * 3600), min_size=2, max_size=9))
def test_a_longer_time_is_never_written_as_a_shorter_one(lengths: list[float]) -> None:
    units = {'s': 1, 'min': 60, 'h': 3600}

    def meant(words: str) -> int:
        parts = words.split()
        return sum(int(count) * units[unit] for count, unit in zip(parts[::2], parts[1::2], strict=True))

    read = [meant(length_words(seconds)) for seconds in sorted(lengths)]
    assert all(before <= after for before, after in pairwise(read))


@pytest.mark.parametrize(
    ('minutes', 'words'), [(-60, '-1 h'), (60, '+1 h'), (30, '+30 min'), (-30, '-30 min'), (0, ''), (1440, '+24 h')]
)
def test_a_change_of_the_clocks_is_written_with_its_sign(minutes: int, words: str) -> None:
    assert clock_change_words(timedelta(minutes=minutes)) == words
