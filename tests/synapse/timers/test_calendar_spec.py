"""Calendar events of systemd.time(7), with systemd-analyze as a second opinion where it is installed."""

import shutil
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synapse.recurrence import next_after
from synapse.timers.calendar_spec import SpecError, read_spec
from synapse.timers.reading import next_of_systemd

NOW = datetime(2026, 11, 30, tzinfo=UTC)
ANCHOR = datetime(2026, 1, 1)
needs_systemd = pytest.mark.skipif(shutil.which('systemd-analyze') is None, reason='asks systemd-analyze')


def ours(text: str, zone: str = 'UTC', *, now: datetime = NOW) -> list[datetime]:
    plans = read_spec(text).plans(zone, after=ANCHOR)
    return sorted({due for plan in plans for due in next_after(plan, now, limit=5)})[:5]


# The examples of the manual, and those forms of its grammar that they leave out.
DOCUMENTED = [
    ('Sat,Thu,Mon..Wed,Sat..Sun', '2026-12-01 00:00:00'),
    ('Mon,Sun 12-*-* 2,1:23', ''),
    ('Wed *-1', '2027-09-01 00:00:00'),
    ('Wed..Wed,Wed *-1', '2027-09-01 00:00:00'),
    ('Wed, 17:48', '2026-12-02 17:48:00'),
    ('Wed..Sat,Tue 12-10-15 1:2:3', ''),
    ('*-*-7 0:0:0', '2026-12-07 00:00:00'),
    ('10-15', '2027-10-15 00:00:00'),
    ('monday *-12-* 17:00', '2026-12-07 17:00:00'),
    ('Mon,Fri *-*-3,1,2 *:30:45', '2027-01-01 00:30:45'),
    ('12,14,13,12:20,10,30', '2026-11-30 12:10:00'),
    ('12..14:10,20,30', '2026-11-30 12:10:00'),
    ('mon,fri *-1/2-1,3 *:30:45', '2027-01-01 00:30:45'),
    ('03-05 08:05:40', '2027-03-05 08:05:40'),
    ('08:05:40', '2026-11-30 08:05:40'),
    ('05:40', '2026-11-30 05:40:00'),
    ('Sat,Sun 12-05 08:05:40', '2026-12-05 08:05:40'),
    ('Sat,Sun 08:05:40', '2026-12-05 08:05:40'),
    ('2003-03-05 05:40', ''),
    ('2003-02..04-05', ''),
    ('2003-03-05 05:40 UTC', ''),
    ('hourly', '2026-11-30 01:00:00'),
    ('daily', '2026-12-01 00:00:00'),
    ('daily UTC', '2026-12-01 00:00:00'),
    ('monthly', '2026-12-01 00:00:00'),
    ('weekly', '2026-12-07 00:00:00'),
    ('weekly Pacific/Auckland', '2026-12-06 11:00:00'),
    ('yearly', '2027-01-01 00:00:00'),
    ('annually', '2027-01-01 00:00:00'),
    ('quarterly', '2027-01-01 00:00:00'),
    ('semiannually', '2027-01-01 00:00:00'),
    ('minutely', '2026-11-30 00:01:00'),
    ('*:2/3', '2026-11-30 00:02:00'),
    ('*-02~03', '2027-02-26 00:00:00'),
    ('Mon *-05~07/1', '2027-05-31 00:00:00'),
    ('Mon..Fri *-*~1 9:00', '2026-11-30 09:00:00'),
    ('*-*~1..3 1:00', '2026-11-30 01:00:00'),
    ('*-*~9/3 1:00', '2026-12-23 01:00:00'),
    ('*-*-1..9/3,20 3:00', '2026-12-01 03:00:00'),
    ('1/2:00', '2026-11-30 01:00:00'),
    ('2027,2029-*-1 4:00', '2027-01-01 04:00:00'),
    ('26..27-12-31 3:00', '2026-12-31 03:00:00'),
    ('Mon-Fri 3:00', '2026-11-30 03:00:00'),
    ('2:*', '2026-11-30 02:00:00'),
    ('00..23:0/30', '2026-11-30 00:30:00'),
    ('*-2-30', ''),
]


@pytest.mark.parametrize(('text', 'first'), DOCUMENTED)
def test_an_expression_of_the_manual_comes_when_the_manual_says(text: str, first: str) -> None:
    found = ours(text)

    assert (f'{found[0]:%Y-%m-%d %H:%M:%S}' if found else '') == first


@needs_systemd
@pytest.mark.parametrize('zone', ['UTC', 'America/Sao_Paulo'])
def test_expressions_come_when_systemd_says(zone: str) -> None:
    for text, _ in DOCUMENTED:
        assert ours(text, zone) == next_of_systemd(text, zone, NOW), text


def components(least: int, most: int) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    span = st.tuples(number, number).map(sorted).map('{0[0]}..{0[1]}'.format)
    stepped = st.tuples(st.one_of(number.map(str), span), st.integers(1, 9)).map('{0[0]}/{0[1]}'.format)
    # A step that leads out of the range at once is an error for systemd.
    safe = stepped.filter(lambda text: '..' in text or int(text.split('/')[0]) + int(text.split('/')[1]) <= most)
    lists = st.lists(st.one_of(number.map(str), span), min_size=1, max_size=3).map(','.join)
    return st.one_of(st.just('*'), lists, safe)


@needs_systemd
@settings(max_examples=60, deadline=None)
@given(st.tuples(components(1, 12), components(1, 28), components(0, 23), components(0, 59)))
def test_random_expressions_come_when_systemd_says(parts: tuple[str, str, str, str]) -> None:
    month, day, hour, minute = parts
    text = f'*-{month}-{day} {hour}:{minute}'

    assert ours(text) == next_of_systemd(text, 'UTC', NOW)


@pytest.mark.parametrize(
    ('text', 'sentence'),
    [
        ('', "'' cannot be read. An expression is like Mon..Fri"),
        ('3', "'3' cannot be read."),
        ('3:00 Mon', "'3:00 Mon' cannot be read."),
        ('Fri..Mon 2:00', "'Fri..Mon' ends before it starts."),
        ('Foo 2:00', "'Foo' is no day of the week."),
        ('24:00', "The hour '24' is not within 0 and 23"),
        ('*:*/5', "The minute '*/5' cannot be read."),
        ('22..2:00', "The hour '22..2' is not within"),
        ('4/0:00', "The hour '4/0' has a step of 0."),
        ('3:00:00/30', "'3:00:00/30' is more often than once a minute"),
        ('3:00:*', "'3:00:*' is more often than once a minute"),
        ('3:00:00.5', "'3:00:00.5' has parts of a second"),
        ('1-2-3-4 3:00', "The date '1-2-3-4' cannot be read."),
        ('@1735689600', "'@1735689600' cannot be read."),
    ],
)
def test_what_cannot_be_read_is_said(text: str, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_spec(text)

    assert f'{caught.value}'.startswith(sentence)


def test_the_hour_that_comes_twice_is_the_one_difference() -> None:
    """systemd pauses for it; an hourly rule goes on. What is left out and what is moved is said with each import."""
    berlin, night = 'Europe/Berlin', datetime(2026, 10, 24, 23, 45, tzinfo=UTC)

    assert [f'{due:%H:%M}' for due in ours('*:0/30', berlin, now=night)] == [
        '00:00',
        '00:30',
        '01:00',
        '01:30',
        '02:00',
    ]
