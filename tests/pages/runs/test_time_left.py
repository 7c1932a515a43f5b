"""The largest number of a run: what is left where that is known, what it has taken where it is not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pages.runs.time_left import Figure, TimeLeft, figure_of, is_steady
from synapse.runs.records import RunRecord, RunState, StepRun, StepState
from tests.parts.screen import opened_screen

NOW = datetime(2026, 10, 14, 12, 8, 31, tzinfo=UTC)
STARTED = NOW - timedelta(minutes=6)


def on_the_wall(moment: datetime) -> datetime:
    return moment + timedelta(hours=2)


def a_run(state: RunState, *, ended: bool = False, is_stopping: bool = False) -> RunRecord:
    return RunRecord(
        id='a',
        number=7,
        pipeline='Work',
        parameters={},
        state=state,
        created_at=STARTED,
        started_at=STARTED if state is not RunState.QUEUED else None,
        finished_at=NOW if ended else None,
        is_stopping=is_stopping,
    )


def shown(run: RunRecord, left: float | None = None) -> Figure:
    return figure_of(run, left, NOW, on_the_wall)


def test_a_run_with_an_estimate_counts_down_to_its_end() -> None:
    figure = shown(a_run(RunState.RUNNING), 186)

    assert figure.until == NOW + timedelta(seconds=186)
    assert figure.note == 'left, done about 14:11'


def test_a_run_without_an_estimate_counts_up_from_its_start() -> None:
    figure = shown(a_run(RunState.RUNNING))

    assert (figure.since, figure.until) == (STARTED, None)
    assert figure.note == 'so far, no estimate yet'


def test_a_run_elsewhere_has_no_estimate_until_its_first_step_begins() -> None:
    waiting = a_run(RunState.RUNNING).changed(machine='annex', steps=(StepRun(name='look'), StepRun(name='work')))
    begun = StepRun(name='look', state=StepState.RUNNING, started_at=NOW)

    assert shown(waiting, 0.2) == Figure(since=STARTED, note='so far, no estimate yet')
    assert shown(waiting.changed(steps=(begun, *waiting.steps[1:])), 186).until == NOW + timedelta(seconds=186)


def test_a_paused_run_stands_still_at_what_is_left() -> None:
    assert shown(a_run(RunState.PAUSED), 186) == Figure(text='3:06', note='left, paused until you resume it')


def test_a_run_that_is_being_stopped_counts_nothing() -> None:
    figure = shown(a_run(RunState.RUNNING, is_stopping=True), 186)

    assert (figure.since, figure.until, figure.note) == (None, None, 'stopping')


def test_a_run_that_has_ended_shows_what_it_took_and_when_it_ended() -> None:
    assert shown(a_run(RunState.FAILED, ended=True)) == Figure(text='6:00', note='total, ended 14:08')


def test_a_run_whose_end_is_unknown_says_only_that_it_ended() -> None:
    assert shown(a_run(RunState.INTERRUPTED)) == Figure(text='', note='ended')


@pytest.mark.parametrize(
    ('moves', 'left', 'steady'), [(1.4, 30, True), (2, 30, False), (11, 600, True), (13, 600, False)]
)
def test_an_estimate_is_steady_within_a_second_and_a_half_or_two_percent(
    moves: float, left: float, steady: bool
) -> None:
    before, after = (Figure(until=NOW + timedelta(seconds=by), note='') for by in (0, moves))

    assert is_steady(before, after, left) is steady


def test_another_kind_of_number_is_never_steady() -> None:
    counting, still = Figure(until=NOW, note='left'), Figure(text='3:06', note='paused until you resume it')

    assert not is_steady(counting, still, 186)
    assert not is_steady(None, counting, 186)
    assert is_steady(still, still, 186)


async def test_a_step_that_takes_longer_than_usual_does_not_stand_at_nothing_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lefts = iter([0.3, None])
    async with opened_screen(tmp_path / 'data') as screen:
        monkeypatch.setattr(screen.room.runs.estimates, 'seconds_left', lambda run: next(lefts))
        with screen.container:
            TimeLeft(screen.room).show(a_run(RunState.RUNNING))
        assert not screen.has('so far, no estimate yet')

        await screen.until(lambda: screen.has('so far, no estimate yet'))


async def test_a_page_that_is_left_is_not_kept_until_the_run_may_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened_screen(tmp_path / 'data') as screen:
        monkeypatch.setattr(screen.room.runs.estimates, 'seconds_left', lambda run: 3600.0)
        with screen.container:
            left = TimeLeft(screen.room)
            left.show(a_run(RunState.RUNNING))
        again = left._again
        assert again is not None
        assert not again.cancelled()

        screen.container.clear()

        assert again.cancelled()
