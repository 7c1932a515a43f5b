"""What a person does to the histogram, and which views that may lead to."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.logs.filter import LogFilter
from pages.logs.window import NO_SELECTION, USUAL, View, Window
from synapse.log.search import Search

NOW = datetime(2026, 11, 23, 13, 8, 31, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SHOWN = Window(start=NOW - 15 * MINUTE)
SELECTION = (NOW - 10 * MINUTE, NOW - 5 * MINUTE)
LINES = (NOW - timedelta(days=2), NOW)


def held() -> View:
    return View().selected(SELECTION, SHOWN)


def test_a_free_view_shows_the_last_minutes() -> None:
    assert View().window(LINES, NOW) == Window(start=NOW - USUAL, slides=True)


def test_a_view_of_the_whole_log_starts_with_its_first_line() -> None:
    assert View(is_whole=True).window(LINES, NOW) == Window(start=LINES[0])


def test_a_run_is_always_shown_as_a_whole() -> None:
    assert View(run='r1').window(LINES, NOW) == Window(start=LINES[0])


def test_selecting_in_the_bars_holds_the_window() -> None:
    view = held()

    assert (view.selection, view.held, view.is_zoomed) == (SELECTION, SHOWN, False)
    assert view.window(LINES, NOW + 5 * MINUTE) == SHOWN


def test_selecting_nothing_frees_the_window() -> None:
    view = held().zoomed_in(SHOWN).selected(NO_SELECTION, SHOWN)

    assert view == View()


def test_a_selection_made_before_anything_is_shown_holds_nothing() -> None:
    view = View().selected(SELECTION, None)

    assert (view.has_selection, view.held) == (True, None)


def test_zooming_in_shows_the_selection_and_zooming_out_what_was_shown_before() -> None:
    zoomed = held().zoomed_in(SHOWN)

    assert (zoomed.held, zoomed.is_zoomed) == (Window(start=SELECTION[0], end=SELECTION[1]), True)
    assert zoomed.zoomed_out() == held()


def test_zooming_in_twice_still_returns_to_the_first_window() -> None:
    once = held().zoomed_in(SHOWN)
    closer = (NOW - 8 * MINUTE, NOW - 7 * MINUTE)

    twice = once.selected(closer, once.held).zoomed_in(Window(start=SELECTION[0], end=SELECTION[1]))

    assert (twice.held, twice.unzoomed) == (Window(start=closer[0], end=closer[1]), SHOWN)


def test_zooming_into_an_open_selection_ends_now() -> None:
    view = View().selected((SELECTION[0], None), SHOWN).zoomed_in(SHOWN)

    assert view.held == Window(start=SELECTION[0])


def test_zooming_into_a_selection_without_start_starts_where_the_window_does() -> None:
    view = View().selected((None, SELECTION[1]), SHOWN).zoomed_in(SHOWN)

    assert view.held == Window(start=SHOWN.start, end=SELECTION[1])


def test_a_filter_that_selects_what_is_in_sight_holds_the_window() -> None:
    only = LogFilter(start=SELECTION[0], end=SELECTION[1])

    assert View().filtered(only, SHOWN, NOW) == held()


def test_a_filter_that_selects_what_is_out_of_sight_lets_the_window_move_there() -> None:
    only = LogFilter(start=NOW - timedelta(days=1), end=NOW - timedelta(hours=23))

    view = View().filtered(only, SHOWN, NOW)

    assert view.held is None
    assert view.window(LINES, NOW).covers(view.selection, NOW)


def test_another_run_frees_the_window_and_keeps_the_selection() -> None:
    view = held().filtered(LogFilter(run='r1', start=SELECTION[0], end=SELECTION[1]), SHOWN, NOW)

    assert (view.run, view.selection, view.held) == ('r1', SELECTION, None)


def test_a_filter_by_level_or_text_changes_nothing_about_the_view() -> None:
    view = held().zoomed_in(SHOWN)
    only = LogFilter(groups=frozenset({'error'}), search=Search(text='disk'), start=SELECTION[0], end=SELECTION[1])

    assert view.filtered(only, SHOWN, NOW) is view


@pytest.mark.parametrize(
    'impossible',
    [
        {'held': SHOWN},
        {'selection': SELECTION, 'unzoomed': SHOWN},
        {'held': SHOWN, 'unzoomed': SHOWN},
    ],
)
def test_a_view_that_cannot_exist_is_refused(impossible: dict[str, object]) -> None:
    with pytest.raises(ValueError, match='held'):
        View(**impossible)  # type: ignore[arg-type]


ENDS = st.none() | st.datetimes(datetime(2026, 11, 20), datetime(2026, 11, 24)).map(lambda at: at.replace(tzinfo=UTC))
ACTS = st.lists(st.tuples(st.sampled_from(['select', 'zoom', 'unzoom', 'filter', 'run']), ENDS, ENDS), max_size=8)


@given(acts=ACTS)
def test_no_series_of_acts_leads_to_a_view_that_cannot_exist(
    acts: list[tuple[str, datetime | None, datetime | None]],
) -> None:
    view = View()
    for act, start, end in acts:
        shown = view.window(LINES, NOW)
        if act == 'select':
            view = view.selected((start, end), shown)
        elif act == 'zoom' and view.has_selection:
            view = view.zoomed_in(shown)
        elif act == 'unzoom' and view.is_zoomed:
            view = view.zoomed_out()
        elif act == 'filter':
            view = view.filtered(LogFilter(run=view.run, start=start, end=end), shown, NOW)
        elif act == 'run':
            view = view.filtered(LogFilter(run='r1', start=start, end=end), shown, NOW)

    assert not view.is_zoomed or view.held is not None
