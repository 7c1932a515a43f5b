"""Lines of a crontab, as crontab(5) of cronie describes them."""

from getpass import getuser

import pytest

from synapse.crontab.reading import CronJob, Crontab, read_crontab


def jobs(text: str) -> list[CronJob]:
    crontab = read_crontab(text)
    assert crontab.problems == []
    return crontab.jobs


def test_a_line_is_a_schedule_and_a_command_with_the_comment_above_it() -> None:
    first, second, third = jobs('# Back up the photos\n0 3 * * *   rsync -a /a /b\n\n@daily  b\n-*/5 * * * * c\n')

    assert (first.line, first.schedule, first.command, first.title) == (
        2,
        '0 3 * * *',
        'rsync -a /a /b',
        'Back up the photos',
    )
    assert (second.schedule, second.command, second.title) == ('@daily', 'b', '')
    assert (third.schedule, third.command) == ('*/5 * * * *', 'c')


def test_variables_count_for_the_lines_below_them() -> None:
    first, second = jobs("PATH=/bin:/usr/bin\n0 3 * * * a\nMAILTO = \"me\"\n'X'=' y '\nPATH=\n0 4 * * * b X=1")

    assert first.environment == {'PATH': '/bin:/usr/bin'}
    assert second.environment == {'PATH': '', 'MAILTO': 'me', 'X': ' y '}
    assert second.command == 'b X=1'


def test_what_follows_a_percent_sign_is_the_input() -> None:
    mail, date = jobs('0 3 * * * mail me%Hello%how are you?\n0 4 * * * date +\\%F')

    assert (mail.command, mail.input) == ('mail me', 'Hello\nhow are you?\n')
    assert (date.command, date.input) == ('date +%F', None)


def test_a_job_that_was_switched_off_is_no_title() -> None:
    (job,) = jobs('#0 3 * * * old\n0 4 * * * new')

    assert (job.command, job.title) == ('new', '')


def test_the_crontab_of_the_system_names_users() -> None:
    me, other = getuser(), 'nobody'
    system = f'17 * * * * {me} cd / && run-parts /etc/cron.hourly\n25 6 * * * {other} ls'

    found = read_crontab(system)

    assert [job.command for job in found.jobs] == ['cd / && run-parts /etc/cron.hourly']
    assert [problem.line for problem in found.problems] == [2]
    assert f"It runs as 'nobody', and Synapse runs as {me!r}." in found.problems[0].reason
    assert [job.command for job in read_crontab('0 3 * * * nobody', has_users=False).jobs] == ['nobody']
    assert [job.command for job in read_crontab(f'0 3 * * * {me} ls', has_users=True).jobs] == ['ls']


@pytest.mark.parametrize(
    ('line', 'reason'),
    [
        ('@reboot a', 'It runs when the machine starts, which no event does.'),
        ('0 3 * * *', 'No command follows the schedule.'),
        ('0 3 * *', 'A schedule has five fields'),
        ('99 3 * * * a', "The minute '99' cannot be read."),
        ('hello', 'A schedule has five fields'),
        ('@often a', '@often is not a time.'),
        ('0~30 3 * * * a', "'0~30' is a random minute"),
    ],
)
def test_a_line_that_is_no_event_is_a_problem_and_the_others_are_read(line: str, reason: str) -> None:
    found = read_crontab(f'0 3 * * * a\n{line}\n0 4 * * * b')

    assert [job.command for job in found.jobs] == ['a', 'b']
    (problem,) = found.problems
    assert (problem.line, problem.text) == (2, line)
    assert problem.reason.startswith(reason)


def test_an_empty_crontab_has_nothing() -> None:
    assert read_crontab('# only a comment\n\n') == Crontab(notes=['The crontab has no jobs.'])


def test_a_crontab_without_end_is_cut() -> None:
    found = read_crontab('0 3 * * * a\n' * 6000)

    assert (len(found.jobs), found.problems[0].reason) == (5000, 'Only the first 5,000 lines are read.')


def test_a_line_that_seems_to_name_a_user_is_told() -> None:
    found = read_crontab('0 3 * * * root rsync x\n0 4 * * * plain')

    assert [job.command for job in found.jobs] == ['root rsync x', 'plain']
    assert [note[:38] for note in found.notes] == ["Line 1 begins with the user 'root'. In"]
    assert [job.seeming_user for job in found.jobs] == ['root', '']


@pytest.mark.parametrize(
    ('text', 'what'),
    [
        ('\x7fELF\0\0\n- \0x\n', 'it is no text.'),
        ('#!/bin/sh\nset -e\nrsync \\\n  --archive \\\n  a b\n', 'it is a script.'),
        ('<?xml version="1.0"?>\n<Task>\n</Task>\n', 'it is XML. Tasks of Windows are imported on the Settings page'),
        ('[Timer]\nOnCalendar=daily\n', 'these are units of systemd.'),
        ('dear all\nplease find attached\n', 'none of its lines begins with a time.'),
    ],
)
def test_a_text_of_another_kind_is_one_problem_in_a_sentence(text: str, what: str) -> None:
    found = read_crontab(text)

    (only,) = found.problems
    assert only.reason.startswith(f'This is not a crontab: {what}')
    assert (found.jobs, only.text) == ([], '')


def test_a_crontab_with_a_shebang_and_a_typing_error_is_a_crontab() -> None:
    found = read_crontab('#!/usr/bin/crontab\n0 3 * * * a\n3 * b\n')

    assert [job.line for job in found.jobs] == [2]
    assert [problem.line for problem in found.problems] == [3]
