"""Lines of the time axis: never more than six stretches, and every moment of the run between its ends."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pages.runs.time_axis import MOST_TICKS, axis_of

START = datetime(2026, 10, 14, 10, 40, 2, tzinfo=UTC)


def in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


@given(start=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), seconds=st.floats(0.01, 30 * 86400))
def test_a_run_of_any_length_lies_on_its_axis(start: datetime, seconds: float) -> None:
    start = start.replace(tzinfo=UTC)
    end = start + timedelta(seconds=seconds)

    axis = axis_of(start, end)

    assert axis.start <= start
    assert end <= axis.end + timedelta(milliseconds=1)
    assert 1 <= axis.count <= MOST_TICKS
    assert len(axis.labels(in_utc)) == axis.count + 1


def test_minutes_are_marked_by_the_clock_and_seconds_from_the_start() -> None:
    assert [len(label) for label in axis_of(START, START + timedelta(minutes=4)).labels(in_utc)] == [5] * 6
    assert axis_of(START, START + timedelta(seconds=8)).labels(in_utc) == ['0:00', '0:02', '0:04', '0:06', '0:08']


def test_the_share_of_a_moment_stays_between_the_ends() -> None:
    axis = axis_of(START, START + timedelta(seconds=10))

    assert axis.percent(START) == 0
    assert axis.percent(START - timedelta(hours=1)) == 0
    assert axis.percent(START + timedelta(hours=1)) == 100
