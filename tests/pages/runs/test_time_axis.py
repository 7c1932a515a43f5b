"""Lines of the time axis: never more than six stretches, and every moment of the run between its ends."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pages.runs.time_axis import MOST_TICKS, axis_for, axis_of
from synapse.runs.records import RunRecord, RunState, StepRun
from tests.parts.run_records import a_run, a_step

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


def live(*steps: StepRun) -> RunRecord:
    return a_run(RunState.RUNNING, *steps, started_at=START)


def test_a_run_that_has_not_started_has_no_axis() -> None:
    assert axis_for(a_run(RunState.QUEUED), {}, None, START) is None


def test_the_axis_of_a_live_run_reaches_its_expected_end_or_a_quarter_further_than_now() -> None:
    now = START + timedelta(seconds=40)

    known, unknown = axis_for(live(), {}, 55, now), axis_for(live(), {}, None, now)

    assert known is not None
    assert unknown is not None
    assert known.end >= now + timedelta(seconds=55)
    assert now + timedelta(seconds=10) <= unknown.end < known.end


def test_the_usual_time_of_a_step_has_room_unless_the_step_was_kept_from_an_earlier_run() -> None:
    now, hour = START + timedelta(seconds=4), timedelta(hours=1)
    own, kept = (a_step('render', started_at=START + by, finished_at=now) for by in (timedelta(0), -hour))

    long, short = (axis_for(live(step), {'render': 600.0}, 1, now) for step in (own, kept))

    assert long is not None
    assert short is not None
    assert long.end >= START + timedelta(seconds=600)
    assert short.end < START + timedelta(seconds=60)
