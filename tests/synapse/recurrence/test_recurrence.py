"""When plans occur: in nights with a clock change, at the ends of months, and compared with a plain count."""

import time as clock
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synapse.recurrence import (
    TICK,
    Plan,
    RuleError,
    check,
    first,
    instant_of,
    is_in_series,
    last,
    last_before,
    next_after,
    occurrences,
    rule_continuing_from,
    rule_ending_before,
    wall_of,
)
from tests.parts.plans import BERLIN, LORD_HOWE, NEW_YORK, counted, plans, stepped_rules, wall_rules, windows


def fires(
    rule: str | None, start: datetime, since: datetime, until: datetime, *, zone: str = BERLIN, exdates: object = ()
) -> list[str]:
    """Return what the wall clock shows at each occurrence between two wall times: `29 03:30`."""
    plan = Plan(start, zone, rule, frozenset(exdates))  # type: ignore[call-overload]
    dues = occurrences(plan, instant_of(since, zone), instant_of(until, zone))
    return [f'{wall_of(due, zone):%d %H:%M}' for due in dues]


@pytest.mark.parametrize(
    ('zone', 'night', 'shown'),
    [
        (BERLIN, date(2026, 3, 29), '03:30'),
        (NEW_YORK, date(2026, 3, 8), '03:30'),
        (LORD_HOWE, date(2026, 10, 4), '02:45'),
    ],
)
@pytest.mark.parametrize('rule', ['FREQ=DAILY', 'FREQ=WEEKLY;BYDAY=SU', 'FREQ=MONTHLY', 'FREQ=YEARLY', None])
def test_a_time_that_the_clocks_skip_runs_later_by_as_much(
    zone: str, night: date, shown: str, rule: str | None
) -> None:
    wanted = datetime(night.year, night.month, night.day, 2, 15 if zone == LORD_HOWE else 30)
    start = wanted if rule in (None, 'FREQ=YEARLY') else wanted.replace(month=1)
    plan = Plan(start, zone, rule)

    dues = occurrences(plan, instant_of(wanted.replace(hour=0), zone), instant_of(wanted.replace(hour=12), zone))

    assert [f'{wall_of(due, zone):%H:%M}' for due in dues] == [shown]


@pytest.mark.parametrize(
    ('zone', 'night', 'first_one'),
    [
        (BERLIN, date(2026, 10, 25), datetime(2026, 10, 25, 0, 45, tzinfo=UTC)),
        (NEW_YORK, date(2026, 11, 1), datetime(2026, 11, 1, 5, 45, tzinfo=UTC)),
        (LORD_HOWE, date(2026, 4, 5), datetime(2026, 4, 4, 14, 45, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize('rule', ['FREQ=DAILY', 'FREQ=WEEKLY;BYDAY=SU', 'FREQ=MONTHLY', 'FREQ=YEARLY', None])
def test_a_time_that_happens_twice_runs_only_the_first_time(
    zone: str, night: date, first_one: datetime, rule: str | None
) -> None:
    wall = wall_of(first_one, zone)
    start = wall if rule in (None, 'FREQ=YEARLY') else wall.replace(month=1)

    dues = occurrences(Plan(start, zone, rule), first_one - timedelta(hours=3), first_one + timedelta(hours=5))

    assert wall.date() == night
    assert dues == [first_one]


@pytest.mark.parametrize('zone', [BERLIN, NEW_YORK, LORD_HOWE])
@pytest.mark.parametrize('rule', ['FREQ=HOURLY', 'FREQ=MINUTELY;INTERVAL=60'])
def test_hourly_rules_run_every_real_hour_of_the_year(zone: str, rule: str) -> None:
    plan = Plan(datetime(2026, 1, 1, 0, 30), zone, rule)
    begin = instant_of(plan.start, zone)

    dues = occurrences(plan, begin, begin + timedelta(days=365))

    assert dues == [begin + timedelta(hours=hour) for hour in range(365 * 24)]


def test_an_hourly_rule_runs_in_both_of_the_repeated_hours() -> None:
    shown = fires('FREQ=HOURLY', datetime(2026, 10, 1, 0, 30), datetime(2026, 10, 25, 1), datetime(2026, 10, 25, 4))

    assert shown == ['25 01:30', '25 02:30', '25 02:30', '25 03:30']


def test_the_half_hour_of_lord_howe_shifts_steps_but_not_named_minutes() -> None:
    night = (datetime(2026, 10, 4, 0), datetime(2026, 10, 4, 4))
    start = datetime(2026, 9, 1, 0, 0)

    steps = fires('FREQ=HOURLY', start, *night, zone=LORD_HOWE)
    named = fires('FREQ=HOURLY;BYMINUTE=0,45', start, *night, zone=LORD_HOWE)

    assert steps == ['04 00:00', '04 01:00', '04 02:30', '04 03:30']
    assert named == ['04 00:00', '04 00:45', '04 01:00', '04 01:45', '04 02:45', '04 03:00', '04 03:45']


def test_skipped_hours_that_coincide_with_others_run_once_and_in_order() -> None:
    rule = 'FREQ=DAILY;BYHOUR=2,3;BYMINUTE=0,15,45'

    shown = fires(rule, datetime(2026, 3, 1), datetime(2026, 3, 29), datetime(2026, 3, 30))

    assert shown == ['29 03:00', '29 03:15', '29 03:45']


def test_an_occurrence_on_a_day_that_a_zone_skipped_is_on_the_next() -> None:
    plan = Plan(datetime(2011, 12, 28, 23, 30), 'Pacific/Apia', 'FREQ=DAILY;COUNT=4')

    shown = [
        f'{wall_of(due, plan.zone):%d %H:%M}' for due in next_after(plan, instant_of(plan.start, plan.zone), limit=9)
    ]

    assert shown == ['29 23:30', '31 23:30', '01 23:30']


def test_a_midnight_that_does_not_exist_belongs_to_its_day() -> None:
    shown = fires(
        'FREQ=DAILY', datetime(2026, 9, 1), datetime(2026, 9, 5), datetime(2026, 9, 8), zone='America/Santiago'
    )

    assert shown == ['05 00:00', '06 01:00', '07 00:00']


def test_the_31st_occurs_seven_times_a_year() -> None:
    plan = Plan(datetime(2026, 1, 31, 9), BERLIN, 'FREQ=MONTHLY')

    months = [wall_of(due, BERLIN).month for due in next_after(plan, datetime(2026, 1, 1, tzinfo=UTC), limit=7)]

    assert months == [1, 3, 5, 7, 8, 10, 12]


def test_29_february_occurs_in_leap_years_and_not_in_2100() -> None:
    plan = Plan(datetime(2024, 2, 29, 9), BERLIN, 'FREQ=YEARLY')

    years = [wall_of(due, BERLIN).year for due in next_after(plan, datetime(2090, 1, 1, tzinfo=UTC), limit=3)]

    assert years == [2092, 2096, 2104]


@pytest.mark.parametrize(
    ('rule', 'expected'),
    [
        ('FREQ=MONTHLY;BYDAY=-1FR', ['27', '24', '29']),
        ('FREQ=MONTHLY;BYMONTHDAY=-1', ['31', '30', '31']),
        ('FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1', ['31', '30', '29']),
        ('FREQ=MONTHLY;BYDAY=2MO', ['09', '13', '11']),
        ('FREQ=MONTHLY;BYDAY=MO,1FR;BYMONTH=3', ['02', '06', '09']),
        ('FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,TU;WKST=SU', ['01', '03', '15']),
        ('FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,TU;WKST=MO', ['03', '08', '17']),
        ('FREQ=HOURLY;BYMINUTE=0,30;BYHOUR=9;BYSETPOS=-1', ['01', '02', '03']),
        ('FREQ=DAILY;BYHOUR=9,12,15;BYSETPOS=2', ['01', '02', '03']),
        ('FREQ=YEARLY;BYMONTH=3;BYDAY=SU;BYHOUR=9,21;BYSETPOS=-3,-1', ['22', '29', '21']),
        ('FREQ=YEARLY;BYWEEKNO=11', ['15', '21', '19']),
        ('rrule:freq=daily;rscale=gregorian;skip=omit', ['01', '02', '03']),
        ('RRULE:FREQ=MONTHLY;BYDAY=\r\n +1MO', ['02', '06', '04']),
    ],
)
def test_rules_match_the_days_that_they_name(rule: str, expected: list[str]) -> None:
    start = datetime(2026, 3, 1, 9) if 'INTERVAL' not in rule else datetime(2026, 2, 17, 9)

    dues = next_after(Plan(start, BERLIN, rule), datetime(2026, 3, 1, tzinfo=UTC), limit=3)

    assert [f'{wall_of(due, BERLIN):%d}' for due in dues] == expected


@pytest.mark.parametrize(
    ('until', 'days'),
    [
        ('20260303', 3),
        ('20260303T090000', 3),
        ('20260303T085959', 2),
        ('20260303T080000Z', 3),
        ('20260303T075959Z', 2),
    ],
)
def test_until_is_inclusive_as_a_day_a_wall_time_or_in_utc(until: str, days: int) -> None:
    plan = Plan(datetime(2026, 3, 1, 9), BERLIN, f'FREQ=DAILY;UNTIL={until}')

    assert last(plan) == instant_of(datetime(2026, 3, days, 9), BERLIN)


def test_an_excluded_date_counts_towards_count_and_may_be_written_as_the_clock_shows_it() -> None:
    plan = Plan(datetime(2026, 3, 27, 2, 30), BERLIN, 'FREQ=DAILY;COUNT=4', frozenset({datetime(2026, 3, 29, 3, 30)}))
    as_written = Plan(plan.start, BERLIN, plan.rule, frozenset({datetime(2026, 3, 29, 2, 30)}))

    days = [wall_of(due, BERLIN).day for due in next_after(plan, datetime(2026, 1, 1, tzinfo=UTC), limit=9)]

    assert days == [27, 28, 30]
    assert next_after(as_written, datetime(2026, 1, 1, tzinfo=UTC), limit=9) == next_after(
        plan, datetime(2026, 1, 1, tzinfo=UTC), limit=9
    )


def test_a_date_excluded_from_an_hourly_rule_excludes_both_repeated_hours() -> None:
    shown = fires(
        'FREQ=HOURLY',
        datetime(2026, 10, 1, 0, 30),
        datetime(2026, 10, 25, 1),
        datetime(2026, 10, 25, 4),
        exdates=[datetime(2026, 10, 25, 2, 30)],
    )

    assert shown == ['25 01:30', '25 03:30']


@pytest.mark.parametrize('wall', [datetime(2026, 3, 1, 9), datetime(2026, 3, 29, 2, 30), datetime(2026, 10, 25, 2, 30)])
def test_a_single_occurrence_is_that_of_a_rule_that_counts_one(wall: datetime) -> None:
    once, counted = Plan(wall, BERLIN), Plan(wall, BERLIN, 'FREQ=DAILY;COUNT=1')
    [due] = next_after(counted, instant_of(datetime(2026, 1, 1), BERLIN))

    for start, end in ((due, due + TICK), (due - TICK, due), (due + TICK, due + 2 * TICK), (due - TICK, due + TICK)):
        assert occurrences(once, start, end) == occurrences(counted, start, end)
    assert occurrences(once, due, due + TICK) == [due]
    assert occurrences(replace(once, exdates=frozenset({wall})), due, due + TICK) == []


def test_first_and_last_are_the_two_ends_of_a_series() -> None:
    endless = Plan(datetime(2026, 3, 1, 9), BERLIN, 'FREQ=WEEKLY;BYDAY=WE')
    once = Plan(datetime(2026, 3, 1, 9), BERLIN)

    assert first(endless) == instant_of(datetime(2026, 3, 4, 9), BERLIN)
    assert last(endless) is None
    assert first(once) == last(once) == instant_of(once.start, BERLIN)
    assert last_before(endless, datetime(2026, 3, 4, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    'rule',
    [
        'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31',
        'FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30',
        'FREQ=DAILY;INTERVAL=7;BYDAY=MO',
        'FREQ=WEEKLY;BYMONTHDAY=31;BYMONTH=4',
        'FREQ=MONTHLY;INTERVAL=12;BYMONTH=3',
        'FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30',
        'FREQ=MINUTELY;INTERVAL=60;BYMINUTE=31',
        'FREQ=MINUTELY;INTERVAL=1440;BYHOUR=5',
        'FREQ=MINUTELY;INTERVAL=999;BYHOUR=5;BYMINUTE=1',
        'FREQ=HOURLY;INTERVAL=24;BYHOUR=11,12',
        'FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6',
        f'FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=30;BYMINUTE={",".join(map(str, range(60)))};BYSETPOS=-1',
    ],
)
def test_a_rule_that_never_matches_is_detected_fast(rule: str) -> None:
    plan = Plan(datetime(2026, 1, 6, 2, 30), BERLIN, rule)
    since = clock.process_time()

    assert next_after(plan, datetime(2026, 6, 1, tzinfo=UTC)) == []
    assert last_before(plan, datetime(2026, 6, 1, tzinfo=UTC)) is None
    with pytest.raises(RuleError, match=r'No day matches\. Pick another day\.'):
        check(plan)

    assert clock.process_time() - since < 1.5  # takes a tenth of this; dateutil alone takes seven seconds


@pytest.mark.parametrize(
    ('rule', 'words'),
    [
        ('FREQ=SECONDLY', 'at most once a minute'),
        ('FREQ=DAILY;BYSECOND=0,30', 'at most once a minute'),
        ('FREQ=FORTNIGHTLY', 'Say how often'),
        ('', 'Write a single rule'),
        ('INTERVAL=2', 'Say how often'),
        ('FREQ=DAILY;INTERVAL=0', 'Give a number from 1'),
        ('FREQ=DAILY;COUNT=0', 'Give a number from 1'),
        ('FREQ=DAILY;COUNT=99999', 'Give a number from 1'),
        ('FREQ=DAILY;COUNT=3;UNTIL=20270101', 'not both'),
        ('FREQ=DAILY;UNTIL=20260230', 'Write a date'),
        ('FREQ=DAILY;UNTIL=soon', 'Write a date'),
        ('FREQ=DAILY;UNTIL=20250101', 'Let it end later'),
        ('FREQ=WEEKLY;BYDAY=XX', 'Write weekdays like'),
        ('FREQ=WEEKLY;BYDAY=1MO', 'need FREQ=MONTHLY'),
        ('FREQ=YEARLY;BYWEEKNO=3;BYDAY=1MO', 'BYWEEKNO'),
        ('FREQ=MONTHLY;BYWEEKNO=3', 'FREQ=YEARLY'),
        ('FREQ=MONTHLY;BYDAY=0MO', 'Write weekdays like'),
        ('FREQ=MONTHLY;BYMONTHDAY=32', 'Give days'),
        ('FREQ=MONTHLY;BYMONTHDAY=0', 'Give days'),
        ('FREQ=DAILY;BYHOUR=24', 'Give hours'),
        ('FREQ=DAILY;BYHOUR=²', 'Give hours'),
        ('FREQ=DAILY;FREQ=WEEKLY', 'given twice'),
        ('FREQ=DAILY;RSCALE=HEBREW', 'Gregorian'),
        ('FREQ=DAILY;X-MOON=FULL', 'X-MOON is not supported'),
        ('FREQ=DAILY;BYDAY', 'cannot be read'),
        ('FREQ=YEARLY;BYYEARDAY=' + ','.join(['100'] * 600), 'too long'),
        ('RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY', 'Write a single rule'),
        ('DTSTART:20260101T000000\nRRULE:FREQ=DAILY', 'Write a single rule'),
    ],
)
def test_a_rule_that_is_not_supported_says_the_fix(rule: str, words: str) -> None:
    with pytest.raises(RuleError) as error:
        check(Plan(datetime(2026, 1, 1, 9), BERLIN, rule))

    assert error.value.field == 'rrule'
    assert words in error.value.sentence


@pytest.mark.parametrize(
    ('plan', 'field'),
    [
        (Plan(datetime(2026, 1, 1), 'Europe/Berln'), 'timezone'),
        (Plan(datetime(2026, 1, 1, tzinfo=UTC), BERLIN), 'start'),
        (Plan(datetime(1, 1, 1), BERLIN), 'start'),
        (Plan(datetime(9999, 12, 31), BERLIN), 'start'),
        (Plan(datetime(2026, 1, 1), BERLIN, 'FREQ=DAILY;COUNT=1', frozenset({datetime(2026, 1, 1)})), 'exdates'),
    ],
)
def test_other_mistakes_name_their_field(plan: Plan, field: str) -> None:
    with pytest.raises(RuleError) as error:
        check(plan)

    assert error.value.field == field


def test_a_series_in_the_past_is_not_an_error() -> None:
    check(Plan(datetime(2020, 1, 1, 9), BERLIN, 'FREQ=DAILY;UNTIL=20200105'))


def test_windows_as_wide_as_time_itself_are_expanded() -> None:
    plan = Plan(datetime(2026, 1, 1, 9), BERLIN, 'FREQ=DAILY;COUNT=3')
    ends = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

    assert len(occurrences(plan, *ends)) == 3
    assert len(next_after(plan, ends[0], limit=5)) == 3
    assert last_before(plan, ends[1]) == last(plan)
    assert next_after(plan, ends[1] - timedelta(days=1)) == []


@given(plan=plans(wall_rules()), window=windows())
@settings(deadline=None, max_examples=150)
def test_a_window_of_a_wall_time_rule_equals_counting_from_the_start(
    plan: Plan, window: tuple[datetime, datetime, datetime]
) -> None:
    start, _, end = window

    assert occurrences(plan, start, end) == [due for due in counted(plan, end) if due >= start]


@given(plan=plans(stepped_rules()), window=windows())
@settings(deadline=None, max_examples=100)
def test_a_window_of_a_real_time_rule_equals_counting_from_the_start(
    plan: Plan, window: tuple[datetime, datetime, datetime]
) -> None:
    start, _, end = window

    assert occurrences(plan, start, end) == [due for due in counted(plan, end) if due >= start]


@given(plan=plans(), window=windows())
@settings(deadline=None, max_examples=100)
def test_adjacent_windows_join_without_gap_or_double(plan: Plan, window: tuple[datetime, datetime, datetime]) -> None:
    start, middle, end = window

    whole = occurrences(plan, start, end)

    assert whole == occurrences(plan, start, middle) + occurrences(plan, middle, end)
    assert whole == sorted(set(whole))
    assert all(is_in_series(plan, due) for due in whole[:20])


@given(plan=plans(), window=windows())
@settings(deadline=None, max_examples=100)
def test_next_after_agrees_with_occurrences(plan: Plan, window: tuple[datetime, datetime, datetime]) -> None:
    start, _, end = window
    shown = occurrences(plan, start, end)

    coming = next_after(plan, start - timedelta(microseconds=1), limit=len(shown) + 1)

    assert coming[: len(shown)] == shown
    assert all(due >= end for due in coming[len(shown) :])
    if shown:
        assert last_before(plan, end) == shown[-1]
        assert next_after(plan, shown[0], limit=len(coming) - 1) == coming[1:]


@given(plan=plans(), place=st.integers(1, 20))
@settings(deadline=None, max_examples=100)
def test_a_series_cut_in_two_is_the_same_series(plan: Plan, place: int) -> None:
    horizon = datetime(2027, 6, 1, tzinfo=UTC)
    whole = list(islice(occurrences(plan, datetime(2025, 1, 1, tzinfo=UTC), horizon), 400))
    if place >= len(whole):
        return
    cut = whole[place]
    wall = wall_of(cut, plan.zone)
    if instant_of(wall, plan.zone) != cut:
        return  # the second of two repeated hours cannot be the start of a series

    ended = Plan(plan.start, plan.zone, rule_ending_before(plan, cut), plan.exdates)
    rest = Plan(wall, plan.zone, rule_continuing_from(plan, cut), plan.exdates)

    until = whole[-1] + timedelta(microseconds=1)
    parts = [occurrences(part, whole[0], until) for part in (ended, rest)]
    assert parts == [whole[:place], whole[place:]]
    assert last(ended) == whole[place - 1]
    assert last(rest) == last(plan)
