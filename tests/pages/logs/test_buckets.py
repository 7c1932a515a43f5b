"""Buckets of a chart of any stretch of time: about a hundred, of an even length, and nothing is left out."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.logs.buckets import LENGTHS, MOST_BUCKETS, MOST_MARKS, buckets_over, length_words, marks_of
from synapse.recurrence.wall_time import wall_of

BERLIN = 'Europe/Berlin'
ZONES = st.sampled_from(['UTC', BERLIN, 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'])
MOMENTS = st.datetimes(datetime(1995, 1, 1), datetime(2045, 1, 1), timezones=st.just(UTC))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@given(start=MOMENTS, length=st.timedeltas(timedelta(), timedelta(20_000)), zone=ZONES)
def test_every_moment_lies_in_one_of_about_a_hundred(start: datetime, length: timedelta, zone: str) -> None:
    end = start + length

    buckets = buckets_over(start, end, zone)

    assert buckets.seconds in LENGTHS
    assert 1 <= buckets.count <= MOST_BUCKETS + 1
    assert buckets.start <= start
    assert end <= buckets.end
    assert buckets.number_of(start) == buckets.first
    assert buckets.start_of(buckets.number_of(end)) <= end < buckets.start_of(buckets.number_of(end) + 1)


@given(start=MOMENTS, length=st.timedeltas(timedelta(seconds=1), timedelta(9_000)), zone=ZONES)
def test_marks_stand_in_order_and_between_the_ends(start: datetime, length: timedelta, zone: str) -> None:
    buckets = buckets_over(start, start + length, zone)

    moments = [moment for moment, _ in marks_of(buckets, zone)]

    assert moments == sorted(moments)
    assert len(moments) <= MOST_MARKS
    assert all(buckets.start <= moment < buckets.end for moment in moments)


def test_fifteen_minutes_are_cut_into_ten_seconds_each() -> None:
    buckets = buckets_over(utc('2026-11-23T13:00:07'), utc('2026-11-23T13:15:07'), BERLIN)

    assert (buckets.seconds, buckets.count) == (10, 91)
    assert buckets.start == utc('2026-11-23T13:00:00')
    assert [words for _, words in marks_of(buckets, BERLIN)] == [
        *('14:00', '14:02', '14:04', '14:06', '14:08', '14:10', '14:12', '14:14')
    ]


def test_hours_begin_at_whole_hours_of_the_wall_clock() -> None:
    buckets = buckets_over(utc('2026-11-20T00:00:00'), utc('2026-11-24T00:00:00'), 'Asia/Kathmandu')

    assert buckets.seconds == 3600
    assert wall_of(buckets.start, 'Asia/Kathmandu') == datetime(2026, 11, 20, 5)


def test_marks_are_even_on_the_wall_clock_of_a_day_with_25_hours() -> None:
    buckets = buckets_over(utc('2026-10-24T22:00:00'), utc('2026-10-25T23:00:00'), BERLIN)

    marks = marks_of(buckets, BERLIN)

    assert [words for _, words in marks] == ['25 Oct', '03:00', '06:00', '09:00', '12:00', '15:00', '18:00', '21:00']
    assert marks[1][0] - marks[0][0] == timedelta(hours=4)


def test_the_window_slides_and_grows_with_the_clock() -> None:
    buckets = buckets_over(utc('2026-11-23T13:00:00'), utc('2026-11-23T13:15:00'), BERLIN)
    later = utc('2026-11-23T13:15:30')

    assert (buckets.count, buckets.slid_to(later).count, buckets.grown_to(later).count) == (90, 90, 94)
    assert buckets.slid_to(later).start_of(buckets.slid_to(later).last) == later
    assert buckets.grown_to(later).start == buckets.start


@pytest.mark.parametrize(
    ('seconds', 'words'),
    [(1, 'second'), (5, '5 s'), (60, 'minute'), (900, '15 min'), (3600, 'hour'), (21600, '6 h'), (172800, '2 days')],
)
def test_a_length_is_said_in_its_largest_unit(seconds: int, words: str) -> None:
    assert length_words(seconds) == words
