"""A whole series follows when one of its occurrences is dragged."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synapse.recurrence import (
    Plan,
    RuleError,
    first,
    instant_of,
    is_in_series,
    last,
    moved_series,
    next_after,
    occurrences,
    wall_of,
)
from tests.parts.plans import BERLIN, ZONES

FRIDAY = datetime(2026, 10, 16, 16)


def dragged(rule: str | None, start: datetime, here: datetime, to: datetime, *exdates: datetime) -> Plan:
    plan = Plan(start, BERLIN, rule, frozenset(exdates))
    due = instant_of(here, BERLIN)
    assert is_in_series(plan, due)
    return moved_series(plan, due, to)


@pytest.mark.parametrize(
    ('rule', 'to', 'start', 'expected'),
    [
        (None, datetime(2026, 10, 21, 19), datetime(2026, 10, 21, 19), None),
        ('FREQ=DAILY', datetime(2026, 10, 16, 19, 30), datetime(2026, 10, 16, 19, 30), 'FREQ=DAILY'),
        ('FREQ=DAILY;INTERVAL=3', datetime(2026, 10, 17, 9), datetime(2026, 10, 17, 9), 'FREQ=DAILY;INTERVAL=3'),
        ('FREQ=WEEKLY', datetime(2026, 10, 14, 16), datetime(2026, 10, 14, 16), 'FREQ=WEEKLY'),
        (
            'FREQ=WEEKLY;BYDAY=MO,WE,FR',
            datetime(2026, 10, 17, 16),
            datetime(2026, 10, 17, 16),
            'FREQ=WEEKLY;BYDAY=TU,TH,SA',
        ),
        (
            'FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR',
            datetime(2026, 10, 19, 16),
            datetime(2026, 10, 19, 16),
            'FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;WKST=TH',
        ),
        ('FREQ=MONTHLY', datetime(2026, 10, 20, 16), datetime(2026, 10, 20, 16), 'FREQ=MONTHLY'),
        (
            'FREQ=MONTHLY;BYMONTHDAY=2,16',
            datetime(2026, 10, 18, 16),
            datetime(2026, 10, 18, 16),
            'FREQ=MONTHLY;BYMONTHDAY=4,18',
        ),
        ('FREQ=MONTHLY;BYDAY=3FR', datetime(2026, 10, 13, 16), datetime(2026, 10, 13, 16), 'FREQ=MONTHLY;BYDAY=2TU'),
        ('FREQ=MONTHLY;BYDAY=3FR', datetime(2026, 10, 30, 16), datetime(2026, 10, 30, 16), 'FREQ=MONTHLY;BYDAY=-1FR'),
        ('FREQ=YEARLY', datetime(2026, 11, 1, 16), datetime(2026, 11, 1, 16), 'FREQ=YEARLY'),
        (
            'FREQ=YEARLY;BYMONTH=10;BYMONTHDAY=16',
            datetime(2026, 11, 1, 16),
            datetime(2026, 11, 1, 16),
            'FREQ=YEARLY;BYMONTH=11;BYMONTHDAY=1',
        ),
        (
            'FREQ=DAILY;BYHOUR=16,22',
            datetime(2026, 10, 16, 18),
            datetime(2026, 10, 16, 18),
            'FREQ=DAILY;BYHOUR=0,18',
        ),
        ('FREQ=HOURLY;INTERVAL=6', datetime(2026, 10, 16, 17), datetime(2026, 10, 16, 17), 'FREQ=HOURLY;INTERVAL=6'),
        (
            'FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR',
            datetime(2026, 10, 17, 16),
            datetime(2026, 10, 17, 16),
            'FREQ=DAILY;BYDAY=TU,WE,TH,FR,SA',
        ),
    ],
)
def test_days_and_times_follow(rule: str | None, to: datetime, start: datetime, expected: str | None) -> None:
    plan = dragged(rule, FRIDAY, FRIDAY, to)

    assert (plan.start, plan.rule) == (start, expected)


@pytest.mark.parametrize(
    ('rule', 'here', 'to', 'expected'),
    [
        ('FREQ=MONTHLY;BYMONTHDAY=-1', date(2026, 10, 31), date(2026, 10, 30), 'FREQ=MONTHLY;BYMONTHDAY=-2'),
        ('FREQ=MONTHLY;BYMONTHDAY=-1', date(2026, 10, 31), date(2026, 10, 5), 'FREQ=MONTHLY;BYMONTHDAY=5'),
        ('FREQ=MONTHLY;BYDAY=-1FR', date(2026, 10, 30), date(2026, 10, 29), 'FREQ=MONTHLY;BYDAY=-1TH'),
        ('FREQ=MONTHLY;BYDAY=-1FR', date(2026, 10, 30), date(2026, 10, 1), 'FREQ=MONTHLY;BYDAY=1TH'),
        (
            'FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1',
            date(2026, 10, 30),
            date(2026, 10, 21),
            'FREQ=MONTHLY',
        ),
        ('FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13', date(2026, 11, 13), date(2026, 11, 14), None),
        ('FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29', date(2028, 2, 29), date(2028, 3, 1), None),
        ('FREQ=YEARLY;BYYEARDAY=-1', date(2026, 12, 31), date(2026, 12, 30), 'FREQ=YEARLY;BYYEARDAY=-2'),
        ('FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO', date(2026, 5, 11), date(2026, 5, 19), 'FREQ=YEARLY;BYWEEKNO=21;BYDAY=TU'),
        ('FREQ=DAILY;BYMONTH=7', date(2026, 7, 31), date(2026, 8, 1), 'FREQ=DAILY;BYMONTH=8'),
    ],
)
def test_positions_in_a_month_or_year_follow(rule: str, here: date, to: date, expected: str | None) -> None:
    start = datetime(2026, 1, 1, 16)
    plan = dragged(rule, start, datetime(here.year, here.month, here.day, 16), datetime(to.year, to.month, to.day, 16))

    assert is_in_series(plan, instant_of(datetime(to.year, to.month, to.day, 16), BERLIN))
    assert first(plan) == instant_of(plan.start, BERLIN)
    if expected is not None:
        assert plan.rule == expected


def test_excluded_occurrences_are_still_excluded() -> None:
    out = (datetime(2026, 10, 12, 16), datetime(2026, 10, 19, 16))

    plan = dragged('FREQ=WEEKLY;BYDAY=MO,FR', datetime(2026, 10, 2, 16), FRIDAY, datetime(2026, 10, 17, 9), *out)

    assert plan.exdates == {datetime(2026, 10, 13, 9), datetime(2026, 10, 20, 9)}


def test_a_series_keeps_its_number_of_occurrences_before_and_after() -> None:
    start = datetime(2026, 10, 1, 16)

    times = dragged('FREQ=DAILY;COUNT=20', start, FRIDAY, datetime(2026, 10, 18, 9))
    same_end = dragged('FREQ=WEEKLY;UNTIL=20261231', datetime(2026, 10, 2, 16), FRIDAY, datetime(2026, 10, 17, 9))
    later_end = dragged('FREQ=WEEKLY;UNTIL=20261225', datetime(2026, 10, 2, 16), FRIDAY, datetime(2026, 10, 17, 9))

    assert (times.start, times.rule) == (datetime(2026, 10, 3, 9), 'FREQ=DAILY;COUNT=20')
    assert same_end.rule == 'FREQ=WEEKLY;UNTIL=20261231'
    assert last(later_end) == instant_of(datetime(2026, 12, 26, 9), BERLIN)


def test_an_occurrence_shifted_by_a_clock_change_is_dragged_from_where_its_rule_puts_it() -> None:
    gap, to = instant_of(datetime(2026, 3, 29, 2, 30), BERLIN), datetime(2026, 3, 30, 4)

    plan = moved_series(Plan(datetime(2026, 3, 1, 2, 30), BERLIN, 'FREQ=DAILY'), gap, to)

    assert (plan.start, plan.rule) == (datetime(2026, 3, 2, 4), 'FREQ=DAILY')


def test_dragging_into_a_skipped_hour_keeps_the_time_as_given() -> None:
    plan = dragged('FREQ=DAILY', datetime(2026, 3, 1, 9), datetime(2026, 3, 29, 9), datetime(2026, 3, 29, 2, 30))

    assert (plan.start, plan.rule) == (datetime(2026, 3, 1, 2, 30), 'FREQ=DAILY')


def test_a_move_that_no_rule_describes_is_refused() -> None:
    with pytest.raises(RuleError, match='Change the rule instead'):
        dragged(
            'FREQ=YEARLY;BYMONTH=10;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1,-1',
            datetime(2026, 1, 1, 16),
            datetime(2026, 10, 30, 16),
            datetime(2026, 10, 14, 16),
        )


RULES = [
    'FREQ=DAILY',
    'FREQ=DAILY;INTERVAL=5',
    'FREQ=DAILY;BYDAY=MO,TU,WE',
    'FREQ=WEEKLY',
    'FREQ=WEEKLY;BYDAY=MO,WE,FR',
    'FREQ=WEEKLY;INTERVAL=3;BYDAY=SU,MO',
    'FREQ=MONTHLY',
    'FREQ=MONTHLY;BYMONTHDAY=1,15',
    'FREQ=MONTHLY;BYMONTHDAY=-1',
    'FREQ=MONTHLY;INTERVAL=2;BYDAY=2MO',
    'FREQ=MONTHLY;BYDAY=-1FR',
    'FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1',
    'FREQ=YEARLY',
    'FREQ=YEARLY;BYMONTH=3,9;BYMONTHDAY=10',
    'FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU',
    'FREQ=HOURLY;INTERVAL=5',
    'FREQ=HOURLY;BYHOUR=8,9,10',
]


@given(
    rule=st.sampled_from(RULES),
    zone=st.sampled_from(ZONES),
    place=st.integers(0, 12),
    days=st.integers(-40, 40),
    minutes=st.integers(0, 24 * 60 - 1),
    count=st.sampled_from([None, 30]),
)
@settings(deadline=None, max_examples=150)
def test_the_moved_series_contains_the_target_and_keeps_its_number_of_occurrences(
    rule: str, zone: str, place: int, days: int, minutes: int, count: int | None
) -> None:
    plan = Plan(datetime(2026, 1, 10, 12, 15), zone, rule if count is None else f'{rule};COUNT={count}')
    due = next_after(plan, datetime(2026, 1, 1, tzinfo=UTC), limit=place + 1)[-1]
    day = wall_of(due, zone).replace(hour=0, minute=0) + timedelta(days=days)
    to = day + timedelta(minutes=minutes)

    after = moved_series(plan, due, to)

    target = instant_of(to, zone)
    assert is_in_series(after, target)
    if 'HOURLY' not in rule:
        assert first(after) == instant_of(after.start, zone)
    if count is not None:
        dues = occurrences(after, instant_of(after.start, zone), datetime(2090, 1, 1, tzinfo=UTC))
        assert len(dues) == count
    if 'WEEKLY' in rule or 'DAILY' in rule:
        span = timedelta(days=140)
        here, there = (len(occurrences(one, at, at + span)) for one, at in ((plan, due), (after, target)))
        assert abs(here - there) <= (1 if count is None or here < count else 0)
        before = (len(occurrences(one, at - timedelta(days=9000), at)) for one, at in ((plan, due), (after, target)))
        assert len(set(before)) == 1
