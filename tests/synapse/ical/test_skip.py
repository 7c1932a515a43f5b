"""RSCALE and SKIP of RFC 7529: the moments are those of the RFC, written with rules that every program knows."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from synapse import recurrence
from synapse.ical.reading import read_calendar
from synapse.ical.series import Unreadable
from synapse.ical.skip import without_skip
from synapse.recurrence.words import in_words
from tests.parts.calendar_files import calendar_file

YEARS = 40


def moments(rules: list[str], start: datetime, *, until: datetime) -> list[datetime]:
    """All occurrences of these rules together, as wall times."""
    begin, end = (moment.replace(tzinfo=UTC) for moment in (start, until))
    plans = [recurrence.Plan(start, 'UTC', rule) for rule in rules]
    found = {instant.replace(tzinfo=None) for plan in plans for instant in recurrence.occurrences(plan, begin, end)}
    return sorted(found)


def expected(
    freq: str, interval: int, months: list[int], days: list[int], skip: str, start: datetime
) -> list[datetime]:
    """The text of RFC 7529, 4.1, taken literally: the days of each period that do not exist are moved."""
    found, year, month = set[datetime](), start.year, start.month
    while year < start.year + YEARS:
        for number in [month] if freq == 'MONTHLY' else range(1, 13):
            if not months or number in months:
                found |= {datetime.combine(moved(year, number, day, skip), start.time()) for day in days}
        year, month = (year + interval, month) if freq == 'YEARLY' else divmod12(year, month + interval)
    return sorted(moment for moment in found if moment >= start)


def divmod12(year: int, month: int) -> tuple[int, int]:
    return year + (month - 1) // 12, (month - 1) % 12 + 1


def moved(year: int, month: int, day: int, skip: str) -> date:
    last = monthrange(year, month)[1]
    if day <= last:
        return date(year, month, day)
    return date(year, month, last) + timedelta(days=skip == 'FORWARD')


@pytest.mark.parametrize(
    ('start', 'rule', 'first'),
    [
        # RFC 7529, 4.3: the leap day as it is kept in other years, and the last day of each month
        ('20120229', 'FREQ=YEARLY;SKIP=FORWARD', ['0229', '0301', '0301', '0301', '0229']),
        ('20120229', 'FREQ=YEARLY;SKIP=BACKWARD', ['0229', '0228', '0228', '0228', '0229']),
        ('20120229', 'FREQ=YEARLY;SKIP=OMIT', ['0229', '0229', '0229']),
        ('20140131', 'FREQ=MONTHLY;SKIP=OMIT;COUNT=4', ['0131', '0331', '0531', '0731']),
        ('20140131', 'FREQ=MONTHLY;SKIP=BACKWARD;COUNT=4', ['0131', '0228', '0331', '0430']),
        ('20140131', 'FREQ=MONTHLY;SKIP=FORWARD;COUNT=4', ['0131', '0301', '0331', '0501']),
        ('20140130', 'FREQ=MONTHLY;SKIP=BACKWARD', ['0130', '0228', '0330', '0430']),
        ('20140129', 'FREQ=MONTHLY;SKIP=FORWARD', ['0129', '0301', '0329', '0429']),
        ('20131231', 'FREQ=YEARLY;BYYEARDAY=366;SKIP=BACKWARD', ['1231', '1231', '1231']),
    ],
)
def test_the_examples_of_the_rfc(start: str, rule: str, first: list[str]) -> None:
    begin = datetime.strptime(start, '%Y%m%d').replace(hour=9)

    rules = without_skip(f'RSCALE=GREGORIAN;{rule}', begin, 'UTC')

    found = moments(rules, begin, until=begin.replace(year=begin.year + 9, day=1))
    assert [f'{moment:%m%d}' for moment in found][: len(first)] == first
    assert 'COUNT' not in rule or len(found) == len(first)


@given(
    freq=st.sampled_from(['MONTHLY', 'YEARLY']),
    interval=st.sampled_from([1, 1, 2, 3, 4, 5, 6, 12]),
    months=st.lists(st.integers(1, 12), max_size=6, unique=True),
    days=st.lists(st.sampled_from([5, 15, 28, 29, 30, 31]), min_size=1, max_size=3, unique=True),
    skip=st.sampled_from(['BACKWARD', 'FORWARD']),
    start=st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)),
)
def test_the_rules_have_exactly_the_moments_of_the_rfc(
    freq: str, interval: int, months: list[int], days: list[int], skip: str, start: datetime
) -> None:
    start = start.replace(second=0, microsecond=0)
    text = f'FREQ={freq};INTERVAL={interval};BYMONTHDAY={",".join(map(str, sorted(days)))}'
    text += f';BYMONTH={",".join(map(str, sorted(months)))}' if months else ''
    try:
        rules = without_skip(f'RSCALE=GREGORIAN;{text};SKIP={skip}', start, 'UTC')
    except Unreadable:
        assume(False)

    wanted = expected(freq, interval, months, days, skip, start)
    end = datetime(start.year + YEARS - 1, 12, 31)
    assert moments(rules, start, until=end) == [moment for moment in wanted if moment < end]


def test_an_event_that_needs_two_rules_is_two_series_and_says_so() -> None:
    event = 'UID:a@b\nDTSTART:20310131T090000Z\nSUMMARY:Rent\nRRULE:RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=FORWARD'

    found = read_calendar(calendar_file(event), zone='UTC')

    assert [(draft.uid, draft.values['rrule']) for draft in found.drafts] == [
        ('a@b', 'FREQ=MONTHLY;BYMONTHDAY=31'),
        ('a@b/rule/2', 'FREQ=YEARLY;BYMONTH=3,5,7,10,12;BYMONTHDAY=1'),
    ]
    assert found.notes == ("'Rent' repeats by 2 rules; each is an event of its own.",)


def test_a_replaced_occurrence_is_excluded_from_whichever_rule_has_it() -> None:
    series = 'UID:a@b\nDTSTART:20310131T090000Z\nSUMMARY:Rent\nRRULE:RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=FORWARD'
    moved_one = 'UID:a@b\nDTSTART:20310302T120000Z\nSUMMARY:Rent\nRECURRENCE-ID:20310301T090000Z'

    found = {draft.uid: draft for draft in read_calendar(calendar_file(series, moved_one), zone='UTC').drafts[::-1]}

    assert datetime(2031, 3, 1, 9) in found['a@b/rule/2'].values['exdates']


@pytest.mark.parametrize(
    ('rule', 'reason'),
    [
        ('RSCALE=CHINESE;FREQ=YEARLY', 'counts by the calendar CHINESE (RSCALE). Only the Gregorian one is supported.'),
        ('RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=SIDEWAYS', 'has a rule that cannot be read: SKIP=SIDEWAYS.'),
        (
            'RSCALE=GREGORIAN;FREQ=MONTHLY;INTERVAL=5;SKIP=FORWARD',
            'moves days that do not exist (SKIP=FORWARD) as no rule here can. Make a series for each of its days.',
        ),
    ],
)
def test_what_no_rule_can_say_is_refused_by_name_and_only_that_event(rule: str, reason: str) -> None:
    odd = f'UID:odd@b\nDTSTART:20310131T090000Z\nSUMMARY:Odd\nRRULE:{rule}'
    plain = 'UID:a@b\nDTSTART:20310131T090000Z\nSUMMARY:Plain\nRRULE:RSCALE=GREGORIAN;FREQ=DAILY'

    found = read_calendar(calendar_file(odd, plain), zone='UTC')

    assert [draft.values['rrule'] for draft in found.drafts] == ['FREQ=DAILY']
    assert [unread.reason for unread in found.unread] == [f"'Odd' {reason}"]


@pytest.mark.parametrize(
    ('rule', 'words'),
    [
        ('FREQ=MONTHLY;BYMONTHDAY=31;SKIP=BACKWARD', ['on the last day of each month']),
        ('FREQ=MONTHLY;BYMONTHDAY=30;SKIP=BACKWARD', ['on the 30th of each month, or its last day,']),
        ('FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=30;SKIP=BACKWARD', ['on the 30th every 2 months, or its last day,']),
        ('FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;SKIP=FORWARD', ['every year on 29 February, or else 1 March,']),
        ('FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;SKIP=BACKWARD', ['every year on the last day of February']),
        (
            'FREQ=MONTHLY;BYMONTHDAY=29;SKIP=FORWARD',
            [
                'on the 29th of each month, if there is one,',
                'every year on 1 March if there is no 29 February,',
            ],
        ),
    ],
)
def test_the_rules_are_said_in_words(rule: str, words: list[str]) -> None:
    start = datetime(2028, 2, 29, 9)

    said = [in_words(recurrence.Plan(start, 'UTC', text)) for text in without_skip(rule, start, 'UTC')]

    assert said == [f'Runs {each} at 09:00, UTC, with no end date.' for each in words]
