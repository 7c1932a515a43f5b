"""What a person does to a rule form, step by step: it always says a rule, or what is missing."""

from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pages.scheduler.event.rule_form import (
    LAST,
    Custom,
    Ends,
    Repeats,
    RuleForm,
    blank,
    followed,
    form_of,
    number_in,
    rule_of,
)
from synapse.recurrence.rules import read_rule

ZONE = 'Europe/Berlin'
START = datetime(2026, 10, 16, 16)
"""The third Friday of October."""
STEPS = st.one_of(
    st.sampled_from([*Repeats]).map(lambda repeats: lambda form: form.repeating(repeats)),
    st.sampled_from([*Custom]).map(lambda custom: lambda form: form.custom_by(custom)),
    st.sampled_from([0, 1, 2, 3, 4, 5, LAST]).map(lambda place: lambda form: form.on_place(place, START)),
    st.sampled_from([None, *range(7)]).map(lambda weekday: lambda form: form.on_weekday(weekday)),
    st.tuples(st.integers(0, 6), st.booleans()).map(lambda day: lambda form: form.on_days(day[0], is_on=day[1])),
    st.sampled_from([*Ends]).map(lambda ends: lambda form: form.ending(ends, START.date())),
)


def chosen(**values: object) -> RuleForm:
    return replace(blank(START), **values)  # type: ignore[arg-type]


@settings(max_examples=50, deadline=None)
@given(st.lists(STEPS, max_size=8))
def test_after_any_steps_the_form_says_a_rule_that_can_be_read_or_what_is_missing(steps: list[object]) -> None:
    form = blank(START)
    for step in steps:
        form = step(form)  # type: ignore[operator]

    rule = rule_of(form)

    assert (rule is None) == (form.repeats is Repeats.NEVER) or form.problems
    assert rule is None or form.problems or read_rule(rule)


@settings(max_examples=50, deadline=None)
@given(st.lists(STEPS, max_size=8))
def test_after_any_steps_the_rule_is_shown_as_the_same_rule_again(steps: list[object]) -> None:
    form = blank(START)
    for step in steps:
        form = step(form)  # type: ignore[operator]

    rule = rule_of(form)

    assert form.problems or rule_of(form_of(rule, START, ZONE)) == rule


# Choices


def test_another_way_to_repeat_begins_with_what_fits_the_first_day() -> None:
    assert rule_of(blank(START).repeating(Repeats.WEEKLY)) == 'FREQ=WEEKLY;BYDAY=FR'
    assert rule_of(blank(START).repeating(Repeats.MONTHLY)) == 'FREQ=MONTHLY;BYMONTHDAY=16'


def test_a_rule_as_text_begins_as_what_the_form_said() -> None:
    weekly = blank(START).repeating(Repeats.WEEKLY).on_days(0, is_on=True)

    text = weekly.repeating(Repeats.CUSTOM).custom_by(Custom.RULE)

    assert text.is_raw
    assert rule_of(text) == 'FREQ=WEEKLY;BYDAY=MO,FR'


def test_a_rule_as_text_is_at_first_one_a_year_on_the_first_day() -> None:
    text = blank(START).repeating(Repeats.CUSTOM).custom_by(Custom.RULE)

    assert text.raw == 'FREQ=YEARLY;BYMONTH=10;BYMONTHDAY=16'


def test_text_that_was_typed_is_kept_while_other_units_are_tried() -> None:
    typed = chosen(repeats=Repeats.CUSTOM, custom=Custom.RULE, raw='FREQ=SECONDLY')

    back = typed.custom_by(Custom.HOURLY).custom_by(Custom.RULE)

    assert rule_of(back) == 'FREQ=SECONDLY'


def test_a_weekday_that_is_turned_off_leaves_the_others() -> None:
    form = chosen(weekdays=frozenset({0, 2}))

    assert form.on_days(0, is_on=False).weekdays == {2}
    assert form.on_days(2, is_on=True).weekdays == {0, 2}


def test_the_last_day_of_the_month_is_a_choice_among_the_last_weekdays() -> None:
    last = chosen(repeats=Repeats.MONTHLY).on_place(LAST, START).on_weekday(None)

    assert last.is_last_day
    assert rule_of(last) == 'FREQ=MONTHLY;BYMONTHDAY=-1'
    assert rule_of(last.on_weekday(4)) == 'FREQ=MONTHLY;BYDAY=-1FR'


def test_a_day_of_the_month_after_the_last_day_is_that_of_the_start() -> None:
    last = chosen(repeats=Repeats.MONTHLY, day=LAST)

    assert rule_of(last.on_place(0, START)) == 'FREQ=MONTHLY;BYMONTHDAY=16'


def test_an_end_is_at_first_ninety_days_away_and_then_the_one_that_was_chosen() -> None:
    form = chosen(repeats=Repeats.DAILY)

    assert form.ending(Ends.ON, START.date()).until == date(2027, 1, 14)
    assert replace(form, until=date(2030, 1, 1)).ending(Ends.ON, START.date()).until == date(2030, 1, 1)


def test_a_form_without_a_last_day_has_none_in_its_rule() -> None:
    ending = chosen(repeats=Repeats.DAILY).ending(Ends.ON, START.date())

    assert rule_of(ending.ending(Ends.NEVER, START.date())) == 'FREQ=DAILY'
    assert rule_of(ending.ending(Ends.AFTER, START.date())) == 'FREQ=DAILY;COUNT=10'


def test_a_last_day_includes_all_of_it_in_wall_time() -> None:
    ending = chosen(repeats=Repeats.DAILY, ends=Ends.ON, until=date(2026, 11, 1))

    assert rule_of(ending) == 'FREQ=DAILY;UNTIL=20261101T235959'


# What is missing


def test_weekly_without_a_day_says_so_and_other_ways_do_not_care() -> None:
    form = chosen(repeats=Repeats.WEEKLY, weekdays=frozenset())

    assert form.problems == {'weekdays': 'Pick at least one day.'}
    assert form.repeating(Repeats.DAILY).problems == {}


@pytest.mark.parametrize('raw', ['', '  '])
def test_an_empty_rule_says_how_one_looks(raw: str) -> None:
    form = chosen(repeats=Repeats.CUSTOM, custom=Custom.RULE, raw=raw)

    assert list(form.problems) == ['raw']
    assert rule_of(form) is None


@pytest.mark.parametrize(
    ('values', 'skips'),
    [
        ({'day': 28}, False),
        ({'day': 29}, True),
        ({'day': LAST}, False),
        ({'place': 4}, False),
        ({'place': 5}, True),
        ({'place': LAST, 'day': 31}, False),
    ],
)
def test_a_day_that_some_months_lack_is_noticed(values: dict[str, int], skips: bool) -> None:
    assert chosen(repeats=Repeats.MONTHLY, **values).skips_months is skips


@pytest.mark.parametrize('text', ['', '0', '100', 'many', '1.5', '-1', '²', '9' * 5000])
def test_what_is_not_a_number_in_range_is_not_read(text: str) -> None:
    assert number_in(text, 99) is None


@given(st.integers(1, 99))
def test_every_number_in_range_is_read(number: int) -> None:
    assert number_in(f' {number} ', 99) == number


# The first day moves


@given(st.dates(date(2026, 1, 1), date(2030, 1, 1)), st.dates(date(2026, 1, 1), date(2030, 1, 1)))
def test_an_untouched_form_always_fits_its_first_day(old: date, new: date) -> None:
    assert followed(blank(old), old, new) == blank(new)


def test_the_last_weekday_of_a_month_stays_the_last_one() -> None:
    form = chosen(repeats=Repeats.MONTHLY, place=LAST)

    moved = followed(form, START, datetime(2026, 11, 3, 16))

    assert (moved.place, moved.weekday) == (LAST, 1)
