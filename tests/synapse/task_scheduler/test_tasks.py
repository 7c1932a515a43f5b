"""Tasks of Windows, after Microsoft's schema."""

from datetime import UTC, datetime

import pytest

from synapse.foreign_jobs.jobs import ForeignJob, Found
from synapse.recurrence import next_after, wall_of
from synapse.task_scheduler.reading import arguments_of, jobs_of_tasks

NOW = datetime(2026, 11, 30, tzinfo=UTC)
EXEC = '<Exec><Command>backup.exe</Command><Arguments>-a "my files" b</Arguments></Exec>'
START = '<StartBoundary>2026-01-05T03:00:00</StartBoundary>'


def task(triggers: str, actions: str = EXEC, settings: str = '', more: str = '') -> str:
    return f"""<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><URI>\\Mine\\Backup</URI></RegistrationInfo>{more}
  <Triggers>{triggers}</Triggers>
  <Settings>{settings}</Settings>
  <Actions Context="Author">{actions}</Actions>
</Task>"""


def read(text: str) -> Found:
    return jobs_of_tasks(text, 'Europe/Berlin', now=NOW)


def job(text: str) -> ForeignJob:
    found = read(text)
    assert found.problems == []
    return found.jobs[0]


def calendar(schedule: str, more: str = '') -> str:
    return task(f'<CalendarTrigger>{more}{START}<Enabled>true</Enabled>{schedule}</CalendarTrigger>')


MONTHS = '<Months><January/><July/></Months>'


@pytest.mark.parametrize(
    ('schedule', 'rule', 'first'),
    [
        ('<ScheduleByDay><DaysInterval>1</DaysInterval></ScheduleByDay>', 'FREQ=DAILY', '2026-11-30 03:00'),
        ('<ScheduleByDay><DaysInterval>3</DaysInterval></ScheduleByDay>', 'FREQ=DAILY;INTERVAL=3', '2026-12-01 03:00'),
        (
            '<ScheduleByWeek><WeeksInterval>1</WeeksInterval><DaysOfWeek><Friday/><Monday/></DaysOfWeek></ScheduleByWeek>',
            'FREQ=WEEKLY;BYDAY=MO,FR',
            '2026-11-30 03:00',
        ),
        (
            '<ScheduleByWeek><WeeksInterval>2</WeeksInterval><DaysOfWeek><Sunday/></DaysOfWeek></ScheduleByWeek>',
            'FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=SU',
            '2026-12-06 03:00',
        ),
        (
            f'<ScheduleByMonth><DaysOfMonth><Day>1</Day><Day>Last</Day></DaysOfMonth>{MONTHS}</ScheduleByMonth>',
            'FREQ=MONTHLY;BYMONTH=1,7;BYMONTHDAY=-1,1',
            '2027-01-01 03:00',
        ),
        (
            f'<ScheduleByMonthDayOfWeek><Weeks><Week>2</Week><Week>Last</Week></Weeks><DaysOfWeek><Tuesday/></DaysOfWeek>'
            f'{MONTHS}</ScheduleByMonthDayOfWeek>',
            'FREQ=MONTHLY;BYMONTH=1,7;BYDAY=-1TU,2TU',
            '2027-01-12 03:00',
        ),
    ],
)
def test_a_calendar_trigger_is_a_rule(schedule: str, rule: str, first: str) -> None:
    found = job(calendar(schedule))

    (plan,) = found.plans
    assert plan.rule == rule
    assert f'{wall_of(next_after(plan, NOW)[0], plan.zone):%Y-%m-%d %H:%M}' == first


def test_an_action_is_a_command_with_its_words() -> None:
    text = task(
        '<TimeTrigger><StartBoundary>2027-01-05T03:00:00</StartBoundary></TimeTrigger>',
        '<Exec><Command>"C:\\Program Files\\b.exe"</Command><Arguments>a "b c"</Arguments>'
        '<WorkingDirectory>C:\\x</WorkingDirectory></Exec>',
        '<ExecutionTimeLimit>PT2H</ExecutionTimeLimit><StartWhenAvailable>true</StartWhenAvailable>'
        '<MultipleInstancesPolicy>Queue</MultipleInstancesPolicy><Enabled>false</Enabled>',
    )
    found = read(text)

    (only,) = found.jobs
    assert only.parameters == {
        'command': ['C:\\Program Files\\b.exe', 'a', 'b c'],
        'env': {},
        'cwd': 'C:\\x',
        'timeout': '7200s',
    }
    assert (only.title, only.misfire['policy'], only.overlap, only.enabled) == ('Backup', 'latest', 'queue', False)
    assert found.notes == [
        'Backup starts C:\\Program Files\\b.exe, a path of Windows. Change it before you switch it on here.'
    ]


@pytest.mark.parametrize(
    ('trigger', 'rules'),
    [
        (
            f'<TimeTrigger>{START}<Repetition><Interval>PT90M</Interval></Repetition></TimeTrigger>',
            ['FREQ=MINUTELY;INTERVAL=90'],
        ),
        (
            f'<TimeTrigger>{START}<Repetition><Interval>PT1H</Interval><Duration>P1D</Duration></Repetition></TimeTrigger>',
            ['FREQ=HOURLY;COUNT=24'],
        ),
        (
            f'<CalendarTrigger><Repetition><Interval>PT6H</Interval><Duration>P1D</Duration></Repetition>{START}'
            '<ScheduleByDay/></CalendarTrigger>',
            ['FREQ=DAILY;BYHOUR=3,9,15,21;BYMINUTE=0'],
        ),
        (
            f'<CalendarTrigger><Repetition><Interval>PT40M</Interval><Duration>PT2H</Duration></Repetition>{START}'
            '<ScheduleByDay/></CalendarTrigger>',
            ['FREQ=DAILY;BYHOUR=3;BYMINUTE=0,40', 'FREQ=DAILY;BYHOUR=4;BYMINUTE=20'],
        ),
    ],
)
def test_repetitions_are_times_of_a_rule(trigger: str, rules: list[str]) -> None:
    assert [plan.rule for plan in job(task(trigger)).plans] == rules


def test_an_end_and_an_offset_of_a_trigger_hold() -> None:
    text = task(
        '<CalendarTrigger><StartBoundary>2026-01-05T03:00:00-08:00</StartBoundary>'
        '<EndBoundary>2027-01-05T03:00:00-08:00</EndBoundary><ScheduleByDay/></CalendarTrigger>'
    )

    (plan,) = job(text).plans
    assert (plan.zone, plan.rule) == ('Etc/GMT+8', 'FREQ=DAILY;UNTIL=20270105T105959Z')
    assert f'{next_after(plan, NOW)[0]:%H:%M}' == '11:00'


@pytest.mark.parametrize(
    ('triggers', 'actions', 'sentence'),
    [
        ('<LogonTrigger/>', EXEC, 'It starts when somebody signs in, which is no time of the clock.'),
        ('<BootTrigger/>', EXEC, 'It starts when the machine starts'),
        ('', EXEC, 'It has no trigger'),
        (f'<CalendarTrigger>{START}</CalendarTrigger>', EXEC, 'Its calendar trigger has no schedule.'),
        ('<TimeTrigger><StartBoundary>soon</StartBoundary></TimeTrigger>', EXEC, 'Its date soon cannot be read.'),
        (f'<TimeTrigger>{START}</TimeTrigger>', '<ComHandler/>', 'It has no program to start.'),
        (f'<TimeTrigger>{START}</TimeTrigger>', EXEC + EXEC, 'It has several actions.'),
        (
            f'<TimeTrigger>{START}</TimeTrigger>',
            '<Exec><Command>%windir%\\x.exe</Command></Exec>',
            'It has the variable %windir%',
        ),
    ],
)
def test_what_is_no_event_is_said(triggers: str, actions: str, sentence: str) -> None:
    found = read(task(triggers, actions))

    assert found.jobs == []
    assert found.problems[0].reason.startswith(sentence)


@pytest.mark.parametrize(
    ('program', 'command'), [('a.exe', 'a.exe'), ('"C:\\My files\\a.exe"', "'C:\\My files\\a.exe'")]
)
def test_a_program_without_arguments_is_one_word(program: str, command: str) -> None:
    found = job(task(f'<TimeTrigger>{START}</TimeTrigger>', f'<Exec><Command>{program}</Command></Exec>'))

    assert found.parameters['command'] == [command]


def test_several_tasks_of_a_query_are_several_jobs() -> None:
    one = task(f'<TimeTrigger>{START}</TimeTrigger>').partition('?>')[2]

    found = read(f'<?xml version="1.0" encoding="UTF-16"?><Tasks><!-- \\A -->{one}{one}</Tasks>')

    assert len({job.identity for job in found.jobs}) == 2


@pytest.mark.parametrize(
    ('text', 'sentence'),
    [
        ('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Task>&b;</Task>', 'The XML has a DTD'),
        ('<!DOCTYPE Task SYSTEM "file:///etc/passwd"><Task/>', 'The XML has a DTD'),
        ('<Task>' * 100, 'The XML is nested too deeply'),
        ('<Task>', 'The XML cannot be read: no element found'),
        ('<a/>', 'It has no task of Task Scheduler.'),
    ],
)
def test_a_text_that_is_no_task_is_refused(text: str, sentence: str) -> None:
    assert read(text).problems[0].reason.startswith(sentence)


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('a b', ['a', 'b']),
        ('"a b" c', ['a b', 'c']),
        (r'C:\x\ "C:\y z\\" d', ['C:\\x\\', 'C:\\y z\\', 'd']),
        (r'a\"b c', ['a"b', 'c']),
        (r'a\\"b c"', [r'a\b c']),
        ('""', ['']),
        ('', []),
        ('a="b c"d', ['a=b cd']),
    ],
)
def test_arguments_are_words_as_windows_reads_them(text: str, words: list[str]) -> None:
    assert arguments_of(text) == words
