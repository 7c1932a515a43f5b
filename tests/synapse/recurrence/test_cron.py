"""Schedules of cron as rules, with cronsim (which follows Debian's cron) as a second opinion."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from synapse.recurrence import Plan, instant_of, next_after, occurrences
from synapse.recurrence.cron import NAMED, CronError, cron_plans, read_cron, rule_text

AFTER = datetime(2026, 10, 3, 12)


def ours(text: str, zone: str = 'UTC', *, after: datetime = AFTER, count: int = 20) -> list[datetime]:
    """Return the next moments, as cron does: those of all plans together."""
    found = [
        due
        for plan in cron_plans(text, zone, after=after)
        for due in next_after(plan, instant_of(after, zone), limit=count)
    ]
    assert len(set(found)) == len(found), 'an occurrence is doubled'
    return sorted(found)[:count]


def theirs(text: str, zone: str = 'UTC', *, after: datetime = AFTER, count: int = 20) -> list[datetime]:
    start = after.replace(tzinfo=ZoneInfo(zone))
    return [due.astimezone(UTC) for due in islice(CronSim(NAMED.get(text, text), start), count)]


def fields(least: int, most: int) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    step = st.integers(1, most)
    # Of equal ends and a step cronsim 2.8 makes a range to the end.
    pairs = st.tuples(number, number).filter(lambda pair: pair[0] != pair[1])
    span = pairs.map(lambda pair: f'{min(pair)}-{max(pair)}')
    part = st.one_of(number.map(str), span, st.tuples(span, step).map('{0[0]}/{0[1]}'.format))
    lists = st.lists(part, min_size=1, max_size=3).map(','.join)
    return st.one_of(st.just('*'), step.map('*/{}'.format), lists)


@given(text=st.tuples(fields(0, 59), fields(0, 23), fields(1, 31), fields(1, 12), fields(0, 7)).map(' '.join))
def test_a_schedule_has_the_moments_of_cron(text: str) -> None:
    try:
        read_cron(text)
    except CronError:
        assert theirs(text) == []  # the 30th of February
        return
    assert ours(text) == theirs(text)


@pytest.mark.parametrize(
    ('text', 'rules'),
    [
        ('0 3 * * *', ['FREQ=DAILY']),
        ('30 2 * * mon-fri', ['FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR']),
        ('0 3,15 * * 7', ['FREQ=WEEKLY;BYDAY=SU;BYHOUR=3,15;BYMINUTE=0']),
        ('0 4 1 jan,jul *', ['FREQ=MONTHLY;BYMONTH=1,7;BYMONTHDAY=1']),
        ('* * * * *', ['FREQ=MINUTELY']),
        ('*/15 * * * *', ['FREQ=HOURLY;BYMINUTE=0,15,30,45']),
        ('5 */6 * * 1', ['FREQ=HOURLY;BYDAY=MO;BYHOUR=0,6,12,18;BYMINUTE=5']),
        ('0 4 */2 * 1', ['FREQ=DAILY;BYMONTHDAY=1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31;BYDAY=MO']),
        ('0 4 1-31 * 1', ['FREQ=DAILY']),
        ('@weekly', ['FREQ=WEEKLY;BYDAY=SU']),
        ('@hourly', ['FREQ=HOURLY;BYMINUTE=0']),
    ],
)
def test_a_schedule_becomes_the_rule_a_person_would_write(text: str, rules: list[str]) -> None:
    plans = cron_plans(text, 'UTC', after=AFTER)

    assert [plan.rule for plan in plans] == rules
    for plan in plans:
        start = plan.start.replace(tzinfo=UTC)
        assert next_after(plan, start - timedelta(seconds=1)) == [start]


def test_either_of_two_day_fields_suffices() -> None:
    first, second = cron_plans('0 4 1,15 * mon', 'UTC', after=AFTER)

    assert (first.rule, (second.rule or '').endswith(';BYDAY=MO')) == ('FREQ=MONTHLY;BYMONTHDAY=1,15', True)
    assert [due.day for due in ours('0 4 1,15 * mon', count=5)] == [5, 12, 15, 19, 26]


@pytest.mark.parametrize('text', ['*/20 * * * *', '0 */2 * * *', '30 * * * *', '* 2 * * *'])
@pytest.mark.parametrize('after', [datetime(2026, 3, 28, 22), datetime(2026, 10, 24, 22)])
def test_a_wildcard_follows_the_clock_through_its_changes(text: str, after: datetime) -> None:
    """As crontab(5) has it, which cronsim follows."""
    assert ours(text, 'Europe/Berlin', after=after) == theirs(text, 'Europe/Berlin', after=after)


def test_a_time_of_the_day_runs_once_on_nights_with_a_clock_change() -> None:
    """In the spring cron runs what was skipped at 03:00, at the change; RFC 5545, 3.3.5, moves it to 03:30."""
    plans = cron_plans('30 2 * * *', 'Europe/Berlin', after=AFTER)

    for day, hour in [(datetime(2027, 3, 28, tzinfo=UTC), 1), (datetime(2026, 10, 25, tzinfo=UTC), 0)]:
        dues = [due for plan in plans for due in occurrences(plan, day, day + timedelta(hours=12))]
        assert dues == [day.replace(hour=hour, minute=30)]


@pytest.mark.parametrize(
    ('text', 'sentence'),
    [
        ('0 3 * *', 'A schedule has five fields'),
        ('03***', 'A schedule has five fields'),
        ('@reboot', '@reboot is not a time.'),
        ('60 * * * *', "The minute '60' cannot be read. Use 0 to 59."),
        ('0~59 3 * * *', "'0~59' is a random minute"),
        ('5/15 * * * *', "'5/15' means different things to different crons. Write 5-59/15."),
        ('0 5-2 * * *', "The hour '5-2' ends before it starts."),
        ('0 3 * * */0', "The day of the week '*/0' has a step"),
        ('0 3 ? * *', "The day of the month '?' cannot be read."),
        ('0 3 30 2 *', "'0 3 30 2 *' never comes"),
        ('0 3 L * *', "The day of the month 'L' cannot be read."),
        ('0 3 * foo *', "The month 'foo' cannot be read."),
        ('', 'A schedule has five fields'),
    ],
)
def test_what_cannot_be_read_is_said(text: str, sentence: str) -> None:
    with pytest.raises(CronError) as caught:
        cron_plans(text, 'UTC', after=AFTER)

    assert f'{caught.value}'.startswith(sentence)


def test_a_plan_starts_at_its_first_moment() -> None:
    (plan,) = cron_plans('0 9 * * fri', 'America/Sao_Paulo', after=AFTER)

    assert plan == Plan(datetime(2026, 10, 9, 9), 'America/Sao_Paulo', 'FREQ=WEEKLY;BYDAY=FR')


@pytest.mark.parametrize(
    ('text', 'rule'),
    [
        ('0 3 * * *', 'FREQ=DAILY;BYHOUR=3;BYMINUTE=0'),
        ('  */10 * * * 1-5 ', 'FREQ=HOURLY;BYDAY=MO,TU,WE,TH,FR;BYMINUTE=0,10,20,30,40,50'),
        ('@monthly', 'FREQ=MONTHLY;BYMONTHDAY=1;BYHOUR=0;BYMINUTE=0'),
        ('FREQ=DAILY', 'FREQ=DAILY'),
        ('03***', '03***'),
        ('', ''),
    ],
)
def test_a_schedule_is_a_rule_where_one_describes_it(text: str, rule: str) -> None:
    assert rule_text(text) == rule


@pytest.mark.parametrize(
    ('text', 'sentence'),
    [
        ('0 4 1 * mon', "'0 4 1 * mon' runs on either of two sorts of days. Plan an event for each."),
        ('0 24 * * *', "The hour '24' cannot be read. Use 0 to 23."),
        ('@reboot', '@reboot is not a time.'),
    ],
)
def test_a_schedule_that_is_no_rule_says_why(text: str, sentence: str) -> None:
    with pytest.raises(CronError) as caught:
        rule_text(text)

    assert f'{caught.value}'.startswith(sentence)


def test_seconds_of_the_moment_after_which_it_is_asked_are_none_of_the_schedule() -> None:
    (plan,) = cron_plans('15 3 * * *', 'UTC', after=datetime(2026, 10, 3, 3, 14, 59))

    assert (plan.start, plan.rule) == (datetime(2026, 10, 3, 3, 15), 'FREQ=DAILY')
