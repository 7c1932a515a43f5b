"""What the form of an event says about repeating is the rule that is kept, both ways."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.scheduler.event.rule_form import Custom, Ends, Repeats, RuleForm, blank, followed, form_of, rule_of
from synapse.recurrence import Plan, instant_of, next_after

ZONE = 'Europe/Berlin'
START = datetime(2026, 10, 16, 16)
"""The third Friday of October."""

SAID = (
    (None, {'repeats': Repeats.NEVER}),
    ('FREQ=DAILY', {'repeats': Repeats.DAILY}),
    ('FREQ=DAILY;INTERVAL=3', {'repeats': Repeats.DAILY, 'every': 3}),
    ('FREQ=WEEKLY;BYDAY=MO,WE,FR', {'repeats': Repeats.WEEKLY, 'weekdays': frozenset({0, 2, 4})}),
    ('FREQ=WEEKLY;INTERVAL=2;BYDAY=FR', {'repeats': Repeats.WEEKLY, 'every': 2}),
    ('FREQ=MONTHLY;BYMONTHDAY=16', {'repeats': Repeats.MONTHLY}),
    ('FREQ=MONTHLY;BYMONTHDAY=31', {'repeats': Repeats.MONTHLY, 'day': 31}),
    ('FREQ=MONTHLY;BYMONTHDAY=-1', {'repeats': Repeats.MONTHLY, 'day': -1}),
    ('FREQ=MONTHLY;BYDAY=3FR', {'repeats': Repeats.MONTHLY, 'place': 3}),
    ('FREQ=MONTHLY;BYDAY=-1MO', {'repeats': Repeats.MONTHLY, 'place': -1, 'weekday': 0}),
    ('FREQ=YEARLY;BYMONTH=10;BYMONTHDAY=16', {'repeats': Repeats.CUSTOM}),
    ('FREQ=YEARLY;BYMONTH=2;BYDAY=-1FR', {'repeats': Repeats.CUSTOM, 'month': 2, 'place': -1}),
    ('FREQ=HOURLY;INTERVAL=6', {'repeats': Repeats.CUSTOM, 'custom': Custom.HOURLY, 'every': 6}),
    ('FREQ=MINUTELY;INTERVAL=15', {'repeats': Repeats.CUSTOM, 'custom': Custom.MINUTELY, 'every': 15}),
    ('FREQ=DAILY;COUNT=5', {'repeats': Repeats.DAILY, 'ends': Ends.AFTER, 'count': 5}),
    (
        'FREQ=DAILY;UNTIL=20261101T235959',
        {'repeats': Repeats.DAILY, 'ends': Ends.ON, 'until': date(2026, 11, 1)},
    ),
)


@pytest.mark.parametrize(('rule', 'changes'), SAID)
def test_the_form_says_each_rule_and_the_rule_each_form(rule: str | None, changes: dict[str, object]) -> None:
    form = replace(blank(START), **changes)  # type: ignore[arg-type]

    assert form_of(rule, START, ZONE) == form
    assert rule_of(form) == rule


UNSAID = (
    'FREQ=MONTHLY;BYMONTHDAY=1,15',
    'FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1',
    'FREQ=MONTHLY;BYDAY=-2FR',
    'FREQ=MONTHLY;BYMONTHDAY=-2',
    'FREQ=MONTHLY;BYMONTH=1,7;BYMONTHDAY=1',
    'FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR',
    'FREQ=YEARLY;BYMONTHDAY=15',
    'FREQ=YEARLY;BYDAY=20MO',
    'FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO',
    'FREQ=YEARLY;BYYEARDAY=100',
    'FREQ=WEEKLY;BYDAY=MO;BYHOUR=9,17',
    'FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR',
    'FREQ=HOURLY;BYHOUR=9,10,11',
    'FREQ=HOURLY;UNTIL=20261101T120000',
    'FREQ=SECONDLY',
    'every other Tuesday',
)


@pytest.mark.parametrize('rule', UNSAID)
def test_a_rule_without_words_in_the_form_stands_there_as_it_is(rule: str) -> None:
    form = form_of(rule, START, ZONE)

    assert form.is_raw
    assert rule_of(form) == rule


def forms() -> st.SearchStrategy[RuleForm]:
    """Every form that a person can bring about, with what does not matter left as it was."""

    def ended(form: RuleForm) -> st.SearchStrategy[RuleForm]:
        if form.repeats is Repeats.NEVER:
            return st.just(form)
        until = st.dates(date(2026, 10, 16), date(2030, 1, 1))
        return st.one_of(
            st.just(form),
            until.map(lambda day: replace(form, ends=Ends.ON, until=day)),
            st.integers(1, 999).map(lambda count: replace(form, ends=Ends.AFTER, count=count)),
        )

    first, every = blank(START), st.integers(1, 99)
    places = st.one_of(
        st.sampled_from([-1, *range(1, 32)]).map(lambda day: {'day': day}),
        st.tuples(st.sampled_from([-1, 1, 2, 3, 4, 5]), st.integers(0, 6)).map(
            lambda pair: {'place': pair[0], 'weekday': pair[1]}
        ),
    )
    days = st.frozensets(st.integers(0, 6), min_size=1)
    plain = st.builds(
        lambda kind, n: replace(first, every=n, **kind),
        st.sampled_from(
            [
                {'repeats': Repeats.DAILY},
                {'repeats': Repeats.CUSTOM, 'custom': Custom.HOURLY},
                {'repeats': Repeats.CUSTOM, 'custom': Custom.MINUTELY},
            ]
        ),
        every,
    )
    weekly = st.builds(lambda n, on: replace(first, repeats=Repeats.WEEKLY, every=n, weekdays=on), every, days)
    monthly = st.builds(lambda n, on: replace(first, repeats=Repeats.MONTHLY, every=n, **on), every, places)
    yearly = st.builds(
        lambda n, on, month: replace(first, repeats=Repeats.CUSTOM, every=n, month=month, **on),
        every,
        places,
        st.integers(1, 12),
    )
    return st.one_of(st.just(first), plain, weekly, monthly, yearly).flatmap(ended)


@given(form=forms())
def test_every_form_comes_back_from_its_rule(form: RuleForm) -> None:
    assert form_of(rule_of(form), START, ZONE) == form


SAME = (
    'FREQ=WEEKLY',
    'FREQ=WEEKLY;BYDAY=FR,MO;UNTIL=20261120T145959Z',
    'FREQ=WEEKLY;UNTIL=20261120T150000Z',
    'FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU',
    'FREQ=DAILY;UNTIL=20261101',
    'FREQ=DAILY;UNTIL=20261101T120000',
    'FREQ=MONTHLY',
    'FREQ=YEARLY',
    'FREQ=YEARLY;BYMONTH=12',
    'RRULE:FREQ=HOURLY;INTERVAL=5;COUNT=9',
)


@pytest.mark.parametrize('rule', SAME)
def test_a_rule_written_another_way_falls_due_at_the_same_moments(rule: str) -> None:
    form = form_of(rule, START, ZONE)
    before = instant_of(START, ZONE) - timedelta(days=1)

    given, said = (next_after(Plan(START, ZONE, text), before, limit=40) for text in (rule, rule_of(form)))

    assert not form.is_raw
    assert given == said


def test_what_only_repeats_the_first_day_follows_it() -> None:
    monday = datetime(2026, 10, 5, 16)
    form = replace(blank(START), repeats=Repeats.MONTHLY, place=3)

    moved = followed(form, START, monday)

    assert (moved.place, moved.weekday, moved.weekdays, moved.day) == (1, 0, {0}, 5)


def test_what_a_person_chose_stays_when_the_first_day_moves() -> None:
    chosen = replace(blank(START), repeats=Repeats.WEEKLY, weekdays=frozenset({0, 2, 4}), day=1, place=-1, weekday=3)

    assert followed(chosen, START, datetime(2026, 11, 17, 16)) == replace(chosen, month=11)
