"""What is typed into the form of an event becomes values, or sentences about what to fix."""

from datetime import datetime
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.scheduler.event.duration import in_units
from pages.scheduler.event.form import attempts_offered
from pages.scheduler.event.reading import (
    LONGEST_DELAY,
    LONGEST_RUN,
    WHEN,
    delay_in,
    misfire_in,
    misfire_texts,
    start_in,
    timeout_in,
    visible_problems,
    why_unsaved,
)
from synapse.calendar.events import Misfire

# When it starts


@pytest.mark.parametrize(
    ('day', 'clock', 'start'),
    [
        ('2026-10-14', '16:00', datetime(2026, 10, 14, 16)),
        ('2026-10-14', '16:00:30', datetime(2026, 10, 14, 16, 0, 30)),
        ('', '16:00', None),
        ('2026-10-14', '', None),
        ('2026-02-30', '16:00', None),
        ('2026-10-14', '25:00', None),
    ],
)
def test_a_start_needs_a_day_and_a_time(day: str, clock: str, start: datetime | None) -> None:
    assert start_in(day, clock) == start


@given(st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1)))
def test_every_start_is_read_as_the_browser_writes_it(start: datetime) -> None:
    assert start_in(start.date().isoformat(), start.time().isoformat('auto')) == start


# Durations


@given(st.integers(0, LONGEST_DELAY))
def test_a_delay_is_read_as_it_is_shown(seconds: int) -> None:
    assert delay_in(in_units(seconds)) == seconds


@given(st.integers(1, LONGEST_RUN))
def test_a_timeout_is_read_as_it_is_shown(seconds: int) -> None:
    assert timeout_in(in_units(seconds)) == seconds


def test_no_delay_means_at_once_and_no_timeout_means_never() -> None:
    assert delay_in('') == 0
    assert timeout_in(' ') is None


@pytest.mark.parametrize(
    ('text', 'sentence'),
    [('soon', 'Enter a duration such as 30 min or 1 h.'), ('25 h', 'Enter at most 1 day.')],
)
def test_a_delay_that_does_not_fit_says_what_would(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        delay_in(text)


@pytest.mark.parametrize(
    ('text', 'sentence'),
    [
        ('soon', 'Enter a duration such as 30 min, or leave this empty.'),
        ('0', 'Enter a duration such as 30 min, or leave this empty.'),
        ('31 days', 'Enter at most 30 days.'),
    ],
)
def test_a_timeout_that_does_not_fit_says_what_would(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        timeout_in(text)


# If a run fails


def test_the_choices_for_a_failed_run_are_in_order() -> None:
    assert list(attempts_offered(1)) == ['0', '1', '2', '3', '5']


def test_a_number_of_retries_that_is_not_offered_usually_has_a_choice_too() -> None:
    offered = attempts_offered(7)

    assert list(offered) == ['0', '1', '2', '3', '5', '7']
    assert offered['7'] == '7 more times'


# If nothing could fire


@given(st.builds(Misfire, within_seconds=st.integers(0, 366 * 86_400), limit=st.integers(1, 100)))
def test_a_misfire_policy_that_is_not_touched_keeps_every_second(misfire: Misfire) -> None:
    values, problems = misfire_in(misfire, misfire.policy, misfire_texts(misfire))

    assert values == misfire.model_dump()
    assert problems == {}


def test_hours_may_be_typed_with_a_comma_or_a_point() -> None:
    texts = misfire_texts(Misfire())

    assert misfire_in(Misfire(), 'latest', texts | {'within_seconds': '1,5'})[0]['within_seconds'] == 5400
    assert misfire_in(Misfire(), 'latest', texts | {'within_seconds': ' 0.25 '})[0]['within_seconds'] == 900


@pytest.mark.parametrize('text', ['', 'many', '-1', '8785', 'nan', 'inf'])
def test_hours_that_do_not_fit_are_refused(text: str) -> None:
    values, problems = misfire_in(Misfire(), 'latest', misfire_texts(Misfire()) | {'within_seconds': text})

    assert problems == {'misfire.within_seconds': 'Enter a number of hours from 0 to 8,784.'}
    assert values['within_seconds'] == Misfire().within_seconds


@pytest.mark.parametrize('text', ['', '0', '2.5', '101', 'three'])
def test_a_limit_that_is_not_a_count_is_refused(text: str) -> None:
    _, problems = misfire_in(Misfire(), 'all', misfire_texts(Misfire()) | {'limit': text})

    assert problems == {'misfire.limit': 'Enter a whole number from 1 to 100.'}


def test_another_policy_keeps_the_numbers_of_the_others() -> None:
    values, _ = misfire_in(Misfire(within_seconds=120, limit=7), 'skip', {'within_seconds': '0.03333', 'limit': '7'})

    assert values == {'policy': 'skip', 'within_seconds': 120, 'limit': 7}


# Which problems are shown

PROBLEMS = {'title': 'Name it.', 'start': 'Over.', 'rrule': 'Never.', 'retry.delay_seconds': 'Too long.'}


def test_a_field_that_was_not_touched_is_not_wrong_yet() -> None:
    assert visible_problems(PROBLEMS, set(), is_all=False) == {}
    assert visible_problems(PROBLEMS, {'title'}, is_all=False) == {'title': 'Name it.'}


def test_a_part_of_a_touched_field_is_shown() -> None:
    assert visible_problems(PROBLEMS, {'retry'}, is_all=False) == {'retry.delay_seconds': 'Too long.'}


@pytest.mark.parametrize('touched', sorted(WHEN))
def test_touching_one_part_of_the_time_shows_what_is_wrong_with_any(touched: str) -> None:
    assert set(visible_problems(PROBLEMS, {touched}, is_all=False)) == {'start', 'rrule'}


@pytest.mark.parametrize('name', ['pipeline', 'profile'])
def test_a_pipeline_or_profile_that_does_not_fit_is_shown_at_once(name: str) -> None:
    assert visible_problems({name: 'It is gone.'}, set(), is_all=False) == {name: 'It is gone.'}


def test_once_it_was_to_be_saved_everything_is_shown() -> None:
    assert visible_problems(PROBLEMS, set(), is_all=True) == PROBLEMS


@given(st.sets(st.sampled_from([*PROBLEMS, 'timezone'])))
def test_touching_more_never_hides_a_problem(touched: set[str]) -> None:
    shown = {fields: visible_problems(PROBLEMS, fields, is_all=False) for fields in (frozenset(), frozenset(touched))}

    assert set(shown[frozenset()]) <= set(shown[frozenset(touched)])


@pytest.mark.parametrize(
    ('names', 'reason'),
    [
        ((), ''),
        (('start',), 'Over.'),
        (('title',), 'Fix 1 field.'),
        (('start', 'rrule'), 'Fix 2 fields.'),
    ],
)
def test_an_event_that_cannot_be_saved_says_why(names: tuple[str, ...], reason: str) -> None:
    assert why_unsaved({name: PROBLEMS[name] for name in names}) == reason


def test_whatever_is_wrong_there_is_a_reason() -> None:
    assert all(why_unsaved({name: PROBLEMS[name] for name in pair}) for pair in combinations(PROBLEMS, 2))
