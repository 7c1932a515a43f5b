"""The histogram shows something wherever the log has lines, and always what was selected."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pages.logs.window import USUAL, Window, usual_window, whole_window, window_for

NOW = datetime(2026, 11, 23, 13, 8, 31, tzinfo=UTC)
AGES = st.timedeltas(timedelta(), timedelta(400))
MINUTE = timedelta(minutes=1)


def ago(minutes: float) -> datetime:
    return NOW - minutes * MINUTE


def holds(window: Window, moment: datetime) -> bool:
    return window.start <= moment and (window.end is None or moment < window.end)


@given(one=AGES, other=AGES)
def test_the_newest_line_is_always_in_sight(one: timedelta, other: timedelta) -> None:
    lines = (NOW - max(one, other), NOW - min(one, other))

    assert holds(usual_window(lines, NOW), lines[1])
    assert all(holds(whole_window(lines, NOW), line) for line in lines)


def test_a_log_that_grows_shows_its_last_minutes_and_slides() -> None:
    assert usual_window((ago(600), ago(1)), NOW) == Window(start=NOW - USUAL, slides=True)
    assert usual_window(None, NOW) == Window(start=NOW - USUAL, slides=True)


def test_a_young_log_fills_its_window() -> None:
    assert usual_window((ago(0.5), NOW), NOW) == Window(start=ago(1), slides=True)
    assert usual_window((ago(3), NOW), NOW) == Window(start=ago(5), slides=True)
    assert usual_window((ago(6), NOW), NOW) == Window(start=ago(15), slides=True)


def test_an_old_log_shows_when_it_was_written() -> None:
    window = usual_window((ago(600), ago(300)), NOW)

    assert window == Window(start=ago(315), end=ago(300) + timedelta(seconds=1))


def test_a_run_is_shown_as_a_whole_and_to_now_while_it_is_live() -> None:
    assert whole_window((ago(90), ago(0.1)), NOW) == Window(start=ago(90))
    assert whole_window((ago(90), ago(30)), NOW) == Window(start=ago(90), end=ago(30) + timedelta(seconds=1))


@given(start=AGES, length=st.timedeltas(timedelta(seconds=1), timedelta(30)), is_open=st.booleans())
def test_what_is_selected_is_in_sight(start: timedelta, length: timedelta, is_open: bool) -> None:
    chosen = (NOW - start, None if is_open else NOW - start + length)
    lines = (NOW - timedelta(500), NOW)

    window = window_for(chosen, usual_window(lines, NOW), lines, NOW)

    assert window.start <= chosen[0]
    assert window.end is None or (chosen[1] is not None and chosen[1] <= window.end)


def test_a_selection_within_the_usual_minutes_changes_nothing() -> None:
    usual = usual_window((ago(600), NOW), NOW)

    assert window_for((ago(10), ago(5)), usual, None, NOW) == usual
    assert window_for((ago(10), None), usual, None, NOW) == usual
    assert window_for((None, None), usual, None, NOW) == usual


def test_an_old_selection_is_shown_with_what_is_around_it() -> None:
    usual = usual_window((ago(600), NOW), NOW)

    assert window_for((ago(300), ago(280)), usual, None, NOW) == Window(start=ago(310), end=ago(270))
    assert window_for((ago(300), None), usual, None, NOW) == Window(start=ago(300))
    assert window_for((None, ago(300)), usual, (ago(320), NOW), NOW) == Window(start=ago(330), end=ago(290))
