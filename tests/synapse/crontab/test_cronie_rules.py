"""What crontab(5) and cron(8) of cronie and Debian document, line by line, with cronsim and croniter beside ours.

Where a second opinion differs from the manual, its answer is not asked for, and the reason stands there.
"""

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from cronsim import CronSim

from synapse.crontab.reading import read_crontab
from synapse.recurrence import instant_of, next_after
from synapse.recurrence.cron import NAMED, CronError, cron_plans, read_cron

SINCE = datetime(2026, 11, 30, 12, 34)
"""A Monday."""


def ours(schedule: str, zone: str = 'UTC', *, since: datetime = SINCE, count: int = 6) -> list[str]:
    at = instant_of(since, zone)
    plans = cron_plans(schedule, zone, after=since)
    dues = sorted({due for plan in plans for due in next_after(plan, at, limit=count)})[:count]
    return [f'{due.astimezone(ZoneInfo(zone)):%a %d %b %H:%M}' for due in dues]


def cronsims(schedule: str, count: int = 6) -> list[str]:
    found = CronSim(NAMED.get(schedule, schedule).upper(), SINCE.replace(tzinfo=UTC))
    return [f'{due:%a %d %b %H:%M}' for due in islice(found, count)]


def croniters(schedule: str, count: int = 6) -> list[str]:
    # Days as Vixie's cron has them: by default it takes */2 for a restricted field.
    found = croniter(schedule, SINCE.replace(tzinfo=UTC), implement_cron_bug=True)
    return [f'{found.get_next(datetime):%a %d %b %H:%M}' for _ in range(count)]


@pytest.mark.parametrize(
    ('sentence', 'schedule', 'first'),
    [
        ('run five minutes after midnight, every day', '5 0 * * *', ['Tue 01 Dec 00:05', 'Wed 02 Dec 00:05']),
        ('run at 2:15pm on the first of every month', '15 14 1 * *', ['Tue 01 Dec 14:15', 'Fri 01 Jan 14:15']),
        ('run at 10 pm on weekdays', '0 22 * * 1-5', ['Mon 30 Nov 22:00', 'Tue 01 Dec 22:00']),
        (
            '23 minutes after midnight, 2am, 4am ..., everyday',
            '23 0-23/2 * * *',
            ['Mon 30 Nov 14:23', 'Mon 30 Nov 16:23'],
        ),
        ('at 5 after 4 every Sunday', '5 4 * * sun', ['Sun 06 Dec 04:05', 'Sun 13 Dec 04:05']),
        ('ranges are inclusive: 8-11 is 8, 9, 10 and 11', '0 8-11 * * *', ['Tue 01 Dec 08:00', 'Tue 01 Dec 09:00']),
        ('lists of numbers and ranges', '0 1,2,5,9 * * *', ['Tue 01 Dec 01:00', 'Tue 01 Dec 02:00']),
        ('lists of ranges', '0 0-4,8-12 * * *', ['Tue 01 Dec 00:00', 'Tue 01 Dec 01:00']),
        ('steps after an asterisk: every two hours', '0 */2 * * *', ['Mon 30 Nov 14:00', 'Mon 30 Nov 16:00']),
        ('day of week: 0 or 7 is Sunday', '0 6 * * 7', ['Sun 06 Dec 06:00', 'Sun 13 Dec 06:00']),
        ('0 is Sunday too', '0 6 * * 0', ['Sun 06 Dec 06:00', 'Sun 13 Dec 06:00']),
        ('names may be used, case does not matter', '0 6 * FEB Mon', ['Mon 01 Feb 06:00', 'Mon 08 Feb 06:00']),
        (
            'the 1st and 15th of each month, plus every Friday',
            '30 4 1,15 * 5',
            ['Tue 01 Dec 04:30', 'Fri 04 Dec 04:30'],
        ),
        (
            'a day field that begins with * is unrestricted: both',
            '0 4 */2 * 1',
            ['Mon 07 Dec 04:00', 'Mon 21 Dec 04:00'],
        ),
        ('the same for the day of the week', '0 4 1-7 * */2', ['Tue 01 Dec 04:00', 'Thu 03 Dec 04:00']),
        ('a range of all days is restricted: either', '0 4 1-31 * 1', ['Tue 01 Dec 04:00', 'Wed 02 Dec 04:00']),
        ('@yearly is 0 0 1 1 *', '@yearly', ['Fri 01 Jan 00:00', 'Sat 01 Jan 00:00']),
        ('@annually is @yearly', '@annually', ['Fri 01 Jan 00:00', 'Sat 01 Jan 00:00']),
        ('@monthly is 0 0 1 * *', '@monthly', ['Tue 01 Dec 00:00', 'Fri 01 Jan 00:00']),
        ('@weekly is 0 0 * * 0', '@weekly', ['Sun 06 Dec 00:00', 'Sun 13 Dec 00:00']),
        ('@daily is 0 0 * * *', '@daily', ['Tue 01 Dec 00:00', 'Wed 02 Dec 00:00']),
        ('@midnight is @daily', '@midnight', ['Tue 01 Dec 00:00', 'Wed 02 Dec 00:00']),
        ('@hourly is 0 * * * *', '@hourly', ['Mon 30 Nov 13:00', 'Mon 30 Nov 14:00']),
        ('a leap day', '0 0 29 2 *', ['Tue 29 Feb 00:00', 'Sun 29 Feb 00:00']),
    ],
)
def test_a_documented_schedule(sentence: str, schedule: str, first: list[str]) -> None:
    found = ours(schedule)

    assert found[:2] == first, sentence
    assert found == cronsims(schedule) == croniters(schedule), sentence


STAR_STEP = '0 4 1-7 * */2'


def test_which_of_the_two_day_rules_holds_is_decided_by_the_first_character() -> None:
    """`load_entry` of cronie sets DOM_STAR and DOW_STAR by the first character of a field alone."""
    assert [
        read_cron(f'0 4 {fields}').either_day for fields in ('1 * 1', '*/2 * 1', '1 * */2', '*,5 * 1', '1 * *')
    ] == [
        True,
        False,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ('line', 'name', 'value'),
    [
        ('A=b', 'A', 'b'),
        ('A = b c  ', 'A', 'b c'),
        ('A="b c "', 'A', 'b c '),
        ("A=' b'", 'A', ' b'),
        ('"A B"=c', 'A B', 'c'),
        ("'A' = 'b'  ", 'A', 'b'),
        ('A=$HOME/x', 'A', '$HOME/x'),
        ('A=b#c', 'A', 'b#c'),
        ('A="it\'s"', 'A', "it's"),
        ('A=b"c', 'A', 'b"c'),
    ],
)
def test_a_line_of_environment(line: str, name: str, value: str) -> None:
    """Blanks around = are optional, quotes keep blanks, and nothing is expanded: crontab(5)."""
    (job,) = read_crontab(f'{line}\n0 3 * * * x', has_users=False).jobs

    assert job.environment == {name: value}


@pytest.mark.parametrize('line', ['A="b" # comment', 'A="b', 'A b=c', '"A"b=c'])
def test_what_load_env_of_cronie_does_not_read_is_no_variable(line: str) -> None:
    found = read_crontab(f'{line}\n0 3 * * * x', has_users=False)

    assert (found.jobs[0].environment, [problem.line for problem in found.problems]) == ({}, [1])


@pytest.mark.parametrize(
    ('text', 'command', 'given'),
    [
        ('date +\\%F', 'date +%F', None),
        ('mail me%Hi%there', 'mail me', 'Hi\nthere\n'),
        ('cat%', 'cat', None),
        ('cat%a%', 'cat', 'a\n'),
        ('cat%a%%', 'cat', 'a\n\n'),
        ('cat%50\\%', 'cat', '50%\n'),
        ('cat%a\\b', 'cat', 'a\\b\n'),
        ('echo \\\\%x', 'echo \\\\', 'x\n'),
        ('echo \\\\\\%x', 'echo \\\\%x', None),
        ("printf '\\n'", "printf '\\n'", None),
        ('echo 100', 'echo 100', None),
    ],
)
def test_percent_signs_are_read_as_do_command_reads_them(text: str, command: str, given: str | None) -> None:
    (job,) = read_crontab(f'0 3 * * * {text}', has_users=False).jobs

    assert (job.command, job.input) == (command, given)


def test_a_minus_sign_is_for_the_log_of_cron_only() -> None:
    """cronie: "this option will disable writing a syslog message about command getting executed"."""
    (job,) = read_crontab('-0 3 * * * x', has_users=False).jobs

    assert (job.schedule, job.command) == ('0 3 * * *', 'x')


def test_the_crontab_of_debian_has_tabs_between_its_fields() -> None:
    text = 'SHELL=/bin/sh\n17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly\n'

    found = read_crontab(text, has_users=True)

    words = [job.command for job in found.jobs] + [problem.reason for problem in found.problems]
    assert words[0] == 'cd / && run-parts --report /etc/cron.hourly' or words[0].startswith("It runs as 'root', and")


@pytest.mark.parametrize(
    ('schedule', 'words'),
    [
        ('@reboot', 'is not a time'),
        ('0~30 3 * * *', 'random minute'),
        ('~ 3 * * *', 'random minute'),
        ('5/15 * * * *', 'means different things'),
        ('* * 0 * *', 'Use 1 to 31'),
        ('* * * 13 *', 'Use 1 to 12'),
        ('* 24 * * *', 'Use 0 to 23'),
        ('* * * * 8', 'Use 0 to 7'),
        ('*/0 * * * *', 'has a step'),
        ('30-10 * * * *', 'ends before it starts'),
        ('* * * * sat-sun', 'ends before it starts'),
        ('1,,2 * * * *', 'cannot be read'),
        ('jan * * * *', 'cannot be read'),
        ('0 0 31 2,4 *', 'never comes'),
    ],
)
def test_what_cron_refuses_or_draws_by_lot_is_said(schedule: str, words: str) -> None:
    with pytest.raises(CronError, match=words):
        read_cron(schedule)


def test_a_random_line_and_a_line_for_the_start_of_the_machine_are_problems_in_words() -> None:
    found = read_crontab('@reboot /opt/agent\n0~59 3 * * * x', has_users=False)

    assert [problem.reason.partition('.')[0] for problem in found.problems] == [
        'It runs when the machine starts, which no event does',
        "'0~59' is a random minute, chosen anew by cron; choose a fixed one",
    ]


def test_lines_end_at_newlines_only() -> None:
    (job,) = read_crontab('0 3 * * * echo a\u2028b\x0cc', has_users=False).jobs

    assert job.command == 'echo a\u2028b\x0cc'
