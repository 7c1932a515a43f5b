"""Unit files of timers and services become jobs that run what the service runs."""

import os
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path

import pytest

from synapse.foreign_jobs.jobs import ForeignJob, Found
from synapse.timers.reading import jobs_of_units

NOW = datetime(2026, 11, 30, tzinfo=UTC)
HOME = str(Path.home())


def read(timer: str, service: str, **options: bool) -> Found:
    text = f'# /etc/systemd/user/b.timer\n[Timer]\n{timer}\n# /etc/systemd/user/b.service\n[Service]\n{service}\n'
    return jobs_of_units(text, 'Europe/Berlin', now=NOW, **options)


def job(timer: str, service: str) -> ForeignJob:
    found = read(timer, service)
    assert found.problems == []
    return found.jobs[0]


def test_a_timer_and_its_service_are_a_job() -> None:
    text = """[Unit]
Description=Back up the photos

[Timer]
OnCalendar=Mon..Fri 03:30
OnCalendar=Sat 05:00
Persistent=true

[Install]
WantedBy=timers.target
[Unit]
Description=The backup itself
[Service]
Type=oneshot
Environment=A=1 "B=two words" \\
    C=3
WorkingDirectory=%h/photos
ExecStart=/usr/bin/rsync -a "my photos/" /mnt/photos
"""
    found = jobs_of_units(text, 'Europe/Berlin', now=NOW)

    assert found.problems == []
    (only,) = found.jobs
    assert (only.title, only.text, [plan.rule for plan in only.plans]) == (
        'Back up the photos',
        'Mon..Fri 03:30; Sat 05:00',
        ['FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR', 'FREQ=WEEKLY;BYDAY=SA'],
    )
    assert only.parameters == {
        'command': ['/usr/bin/rsync', '-a', 'my photos/', '/mnt/photos'],
        'cwd': f'{HOME}/photos',
        'env': {'A': '1', 'B': 'two words', 'C': '3'},
    }
    assert only.misfire['policy'] == 'latest'
    assert only.overlap == 'skip'


def test_without_persistent_nothing_is_made_up_for() -> None:
    assert job('OnCalendar=daily', 'ExecStart=/bin/true a').misfire == {'policy': 'skip'}


@pytest.mark.parametrize(
    ('exec_start', 'values'),
    [
        ('/bin/echo "a b" \'c d\' e\\x20f', {'command': ['/bin/echo', 'a b', 'c d', 'e f']}),
        ('/bin/echo 100%% %n %u', {'command': ['/bin/echo', '100%', 'b.service', getuser()]}),
        ('/bin/echo $$HOME', {'command': ['/bin/echo', '$HOME']}),
        (':/bin/echo $HOME', {'command': ['/bin/echo', '$HOME']}),
        ('/bin/echo "${HOME}/x" $ARGS', {'command': ['/bin/echo "${HOME}"/x $ARGS'], 'shell': True}),
        ('-/bin/false a', {'command': ['/bin/false a || true'], 'shell': True}),
        ('/bin/a b\nExecStart=/bin/c "d e"', {'command': ["set -e\n/bin/a b\n/bin/c 'd e'"], 'shell': True}),
        ('/bin/a b\nExecStart=\nExecStart=/bin/c d', {'command': ['/bin/c', 'd']}),
        ('/bin/a b \\\n# a comment\n  c', {'command': ['/bin/a', 'b', 'c']}),
    ],
)
def test_a_command_line_is_read_as_systemd_reads_it(exec_start: str, values: dict[str, object]) -> None:
    parameters = job('OnCalendar=daily', f'ExecStart={exec_start}').parameters

    assert parameters == {**values, 'cwd': HOME, 'env': {}}


@pytest.mark.parametrize(
    ('exec_start', 'sentence'),
    [
        ('+/bin/a', "Its command begins with '+', which runs it with other rights."),
        ('!!/bin/a', "Its command begins with '!'"),
        ('@/bin/a b', 'Its command begins with "@", which gives the program another name.'),
        ('/bin/a %t', 'It has the specifier %t, which only systemd can expand.'),
        ('/bin/a "b', 'It has a quote " without an end.'),
        ('/bin/a ; /bin/b', 'It has several commands in one line.'),
        ('/bin/a "$B"', '$B stands in quotes, where systemd and a shell differ.'),
        ('', 'Its service has no ExecStart=.'),
    ],
)
def test_what_has_no_exact_counterpart_is_said(exec_start: str, sentence: str) -> None:
    found = read('OnCalendar=daily', f'ExecStart={exec_start}')

    assert found.jobs == []
    assert found.problems[0].reason.startswith(sentence)


def test_what_is_left_out_is_told() -> None:
    found = read(
        'OnCalendar=daily\nRandomizedDelaySec=1h\nOnBootSec=15min',
        'ExecStart=/bin/a b\nEnvironmentFile=/etc/default/a\nExecStartPre=/bin/mkdir /x',
    )

    assert found.notes == [
        'b.timer starts 15min after the machine has started, which is no time of the clock; '
        'only its OnCalendar= is taken.',
        'b.timer starts at a random moment within 1h after its time; this is left out.',
        'b.service runs /bin/mkdir /x before it; this is left out.',
        'b.service reads variables from /etc/default/a; this is left out.',
    ]


@pytest.mark.parametrize(
    ('timer', 'sentence'),
    [
        ('OnUnitActiveSec=5min', 'b.timer starts 5min after its last start, which is no time of the clock.'),
        ('Persistent=yes', 'It has no OnCalendar=.'),
        ('OnCalendar=2003-03-05', 'It never comes again.'),
        ('OnCalendar=nonsense', "'nonsense' is no day of the week."),
        ('OnCalendar=daily\nUnit=other.service', 'Its service other.service is not among these files.'),
    ],
)
def test_a_timer_that_is_no_event_is_a_problem(timer: str, sentence: str) -> None:
    found = read(timer, 'ExecStart=/bin/a b')

    assert found.jobs == []
    assert found.problems[0].reason.startswith(sentence)


def test_a_service_of_another_user_is_a_problem() -> None:
    found = read('OnCalendar=daily', 'ExecStart=/bin/a b\nUser=nobody')

    assert found.problems[0].reason.startswith("It runs as 'nobody', and Synapse runs as")
    root = read('OnCalendar=daily', 'ExecStart=/bin/a b', is_of_system=True)
    assert bool(root.problems) == (os.getuid() != 0)


def test_clock_changes_are_told() -> None:
    skipped = read('OnCalendar=02:30', 'ExecStart=/bin/a b')
    hourly = read('OnCalendar=hourly', 'ExecStart=/bin/a b')

    assert skipped.notes == [
        'Line 2 is planned for 02:30, which the clocks of Europe/Berlin skip on 28 Mar 2027: '
        'systemd leaves that day out, Synapse runs it at 03:30.'
    ]
    assert hourly.notes[0].startswith('In the night when the clocks are put back, systemd pauses')


def test_a_line_within_another_is_no_second_event() -> None:
    found = read('OnCalendar=Mon 04:00\nOnCalendar=*-*-* 04:00\nOnCalendar=daily', 'ExecStart=/bin/a b')

    assert sorted(plan.rule or '' for plan in found.jobs[0].plans) == ['FREQ=DAILY', 'FREQ=DAILY']
    assert found.notes == []


def test_times_that_two_lines_share_are_told() -> None:
    found = read('OnCalendar=Mon,Tue 04:00\nOnCalendar=Tue,Wed 04:00', 'ExecStart=/bin/a b')

    assert found.notes == ['b.timer has two lines for some of its times: systemd starts it once, Synapse twice.']


def test_a_template_serves_its_instances() -> None:
    text = (
        '# /etc/systemd/user/b@home.timer\n[Timer]\nOnCalendar=daily\n'
        '# /etc/systemd/user/b@.service\n[Service]\nExecStart=/bin/backup %i %p\n'
    )

    (only,) = jobs_of_units(text, 'UTC', now=NOW).jobs

    assert only.parameters['command'] == ['/bin/backup', 'home', 'b']
