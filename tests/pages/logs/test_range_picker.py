"""Ranges of time in the address and in words: what is written is read as the same, also when the clocks change."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.logs.range_picker import own_range, range_from, range_text, range_words, span_words

BERLIN = 'Europe/Berlin'
NOW = datetime(2026, 11, 23, 13, 8, 31, tzinfo=UTC)  # 14:08:31 there
ZONES = st.sampled_from(['UTC', BERLIN, 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'])
MOMENTS = st.datetimes(datetime(1975, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@given(start=st.none() | MOMENTS, length=st.none() | st.timedeltas(timedelta(seconds=1), timedelta(400)), zone=ZONES)
def test_what_is_written_is_read_as_the_same(start: datetime | None, length: timedelta | None, zone: str) -> None:
    end = None if length is None else (start or NOW) + length

    assert range_from(range_text(start, end, zone), zone, NOW) == (start, end)


@given(st.text(max_size=60) | st.from_regex(r'[0-9mhd~T:Z+ -]{0,40}'), ZONES)
def test_any_text_can_be_read(text: str, zone: str) -> None:
    start, end = range_from(text, zone, NOW)

    assert start is None or end is None or start < end


def test_the_address_says_what_a_person_can_read() -> None:
    start, end = utc('2026-11-23T13:03:10'), utc('2026-11-23T13:08:31')

    assert range_text(start, end, BERLIN) == '2026-11-23T14:03:10~2026-11-23T14:08:31'
    assert range_text(start, None, BERLIN) == '2026-11-23T14:03:10~'
    assert range_text(None, None, BERLIN) == ''


def test_the_second_of_two_equal_hours_is_told_apart() -> None:
    first, second = utc('2026-10-25T00:30:00'), utc('2026-10-25T01:30:00')  # 02:30 both

    text = range_text(first, second, BERLIN)

    assert text == '2026-10-25T02:30:00~2026-10-25T02:30:00+01:00'
    assert range_from(text, BERLIN, NOW) == (first, second)
    assert range_from(text.replace('+', ' '), BERLIN, NOW) == (first, second)


def test_what_counts_from_now_moves_with_the_clock() -> None:
    later = NOW + timedelta(hours=1)

    assert range_from('15m', BERLIN, NOW) == (NOW - timedelta(minutes=15), None)
    assert range_from('15m', BERLIN, later) == (later - timedelta(minutes=15), None)
    assert range_from('7d', BERLIN, NOW) == (NOW - timedelta(days=7), None)


def test_today_begins_at_midnight_of_the_zone_also_when_the_day_has_25_hours() -> None:
    evening = utc('2026-10-25T22:59:00')  # 23:59, after the clocks were set back

    assert range_from('today', BERLIN, evening) == (utc('2026-10-24T22:00:00'), None)
    assert range_from('today', BERLIN, evening + timedelta(minutes=2)) == (utc('2026-10-25T23:00:00'), None)


@pytest.mark.parametrize(
    'text',
    ['yesterday', '0m', '15', '-5m', '2026-11-23', '2026-13-01T00:00~', '2026-11-23T15:00~2026-11-23T14:00', '~', '٣m'],
)
def test_nonsense_means_all(text: str) -> None:
    assert range_from(text, BERLIN, NOW) == (None, None)


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('', 'All time'),
        ('15m', 'Last 15 min'),
        ('90m', 'Last 90 min'),
        ('today', 'Today'),
        ('2026-11-23T14:03:10~', '14:03 to now'),
        ('2026-11-23T14:03:10~2026-11-23T14:08:31', '14:03 to 14:08'),
        ('2026-11-23T14:03:10~2026-11-23T14:03:15', '14:03:10 to 14:03:15'),
        ('2026-11-21T14:03~2026-11-21T15:00', '21 Nov 14:03 to 15:00'),
        ('2026-11-21T14:03~2026-11-23T15:00', '21 Nov 14:03 to 23 Nov 15:00'),
        ('2025-11-21T14:03~2025-11-22T15:00', '21 Nov 2025 14:03 to 22 Nov 15:00'),
        ('~2026-11-21T15:00', 'Until 21 Nov 15:00'),
    ],
)
def test_a_button_calls_it_shortly(text: str, words: str) -> None:
    assert range_words(text, BERLIN, NOW) == words


def test_the_exact_words_have_seconds() -> None:
    span = range_from('2026-11-23T14:03:10~2026-11-23T14:08:31', BERLIN, NOW)

    assert span_words(*span, BERLIN, NOW, is_exact=True) == '14:03:10 to 14:08:31'


def test_a_range_may_be_typed_in_part() -> None:
    day = ('2026-11-20', '')

    assert own_range(day, day, BERLIN, NOW) == (utc('2026-11-19T23:00:00'), utc('2026-11-20T23:00:00'))
    assert own_range(('', '14:00'), ('', ''), BERLIN, NOW) == (utc('2026-11-23T13:00:00'), None)
    assert own_range(('', ''), ('', '14:00:30'), BERLIN, NOW) == (None, utc('2026-11-23T13:00:30'))


@pytest.mark.parametrize(
    ('begin', 'end', 'sentence'),
    [
        (('', ''), ('', ''), 'Enter a start or an end.'),
        (('2026-11-23', '14:00'), ('2026-11-23', '13:00'), 'The end must be after the start.'),
        (('2026-11-23', '14:09'), ('', ''), 'The start is in the future; nothing has been logged there yet.'),
        (('2026-02-31', ''), ('', ''), 'The start is not a valid date and time.'),
        (('', ''), ('2026-11-23', '25:00'), 'The end is not a valid date and time.'),
        (('0001-01-01', ''), ('', ''), 'The start is not a valid date and time.'),
    ],
)
def test_nonsense_that_is_typed_is_named(begin: tuple[str, str], end: tuple[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        own_range(begin, end, BERLIN, NOW)
