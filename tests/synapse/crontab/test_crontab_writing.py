"""Events as a crontab: exact or not at all, and read back without a change."""

import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synapse.control_room import ControlRoom
from synapse.crontab.importing import CrontabResult, import_crontab
from synapse.crontab.reading import read_crontab
from synapse.crontab.schedules import NoSchedule, schedule_of
from synapse.crontab.work import Work
from synapse.crontab.writing import write_crontab
from synapse.recurrence import Plan, next_after
from synapse.recurrence.cron import cron_plans

pytestmark = pytest.mark.asyncio(loop_scope='module')

NOW = datetime(2030, 9, 1, 10, tzinfo=UTC)
CRONTAB = """MAILTO=me
30 2 * * mon-fri cd /srv && ./x > log 2>&1
@daily date +\\%F
0 4 1 * mon either
*/10 9-17 * * * often
5 */6 * * * mail me%Hello%50\\%
A=b
PATH=/opt/bin:/bin
0 9 * * * with variables
CRON_TZ=America/Sao_Paulo
0 9 * * 7 elsewhere
"""


async def take(room: ControlRoom, text: str, **options: Any) -> CrontabResult:
    values = {'is_trusted': lambda _: True, 'now': NOW} | options
    return await import_crontab(room.calendar, room.editor, room.catalog, text, **values)


def printed(room: ControlRoom, **options: Any) -> str:
    return write_crontab(room.calendar.events(), room.calendar.zone, now=NOW, **options).text


def lines_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith('#')]


async def test_a_crontab_comes_out_as_it_went_in(room: ControlRoom) -> None:
    await take(room, CRONTAB)

    assert lines_of(printed(room)) == [
        '*/10 9-17 * * * often',
        '0 0 * * * date +\\%F',
        '0 4 1 * 1 either',
        '30 2 * * 1-5 cd /srv && ./x > log 2>&1',
        '5 */6 * * * mail me%Hello%50\\%',
        'A=b',
        'PATH=/opt/bin:/bin',
        '0 9 * * * with variables',
        'CRON_TZ=America/Sao_Paulo',
        '0 9 * * 0 elsewhere',
    ]


async def test_importing_what_was_printed_changes_nothing(room: ControlRoom) -> None:
    await take(room, CRONTAB)
    before = room.calendar.events()

    again = await take(room, printed(room), is_trusted=lambda _: False)

    assert (again.created, again.updated, again.disabled, again.problems) == ((), (), (), ())
    assert sorted(again.unchanged) == sorted(event.id for event in before)
    assert room.calendar.events() == before


async def test_another_machine_gets_the_same_moments_from_it(room: ControlRoom) -> None:
    await take(room, CRONTAB)
    before = {due for event in room.calendar.events() for due in next_after(event.plan, NOW, limit=50)}
    text = printed(room)
    await room.editor.change_many({}, [event.id for event in room.calendar.events()])

    await take(room, text)

    after = {due for event in room.calendar.events() for due in next_after(event.plan, NOW, limit=50)}
    assert after == before
    assert printed(room) == text


async def test_events_that_are_off_are_not_printed(room: ControlRoom) -> None:
    await take(room, '0 9 * * * x', is_trusted=lambda _: False)

    assert lines_of(printed(room)) == []


async def test_what_is_no_line_is_a_comment_with_its_reason_and_next_date(room: ControlRoom) -> None:
    values = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}, 'timezone': 'UTC', 'enabled': True}
    for title, rule, start in [
        ('Once', None, '2031-01-01T09:00'),
        ('Last\nFriday', 'FREQ=MONTHLY;BYDAY=-1FR', '2031-01-01T09:00'),
        ('Fortnight', 'FREQ=WEEKLY;INTERVAL=2', '2031-01-01T09:00'),
        ('Five', 'FREQ=DAILY;COUNT=5', '2031-01-01T09:00'),
        ('Later', 'FREQ=DAILY', '2031-01-01T09:00'),
    ]:
        await room.editor.create({**values, 'title': title, 'rrule': rule, 'start': start})
    script = {'command': ['a\nb'], 'shell': True}
    await room.editor.create(
        {**values, 'title': 'Script', 'parameters': script, 'rrule': 'FREQ=DAILY', 'start': '2027-01-01T09:00'}
    )

    text = printed(room)

    assert lines_of(text) == []
    comments = [line for line in text.splitlines() if 'Next: ' in line]
    assert comments == [
        '# Once: It runs once, and cron repeats. Next: Wed 1 Jan 2031, 09:00 (UTC).',
        '# Last Friday: Cron cannot count weekdays, weeks or days from the end of a month or year. '
        'Next: Fri 31 Jan 2031, 09:00 (UTC).',
        '# Fortnight: No line of cron has the moments of its rule, FREQ=WEEKLY;INTERVAL=2. '
        'Next: Wed 1 Jan 2031, 09:00 (UTC).',
        '# Five: It ends, and a line of cron does not. Next: Wed 1 Jan 2031, 09:00 (UTC).',
        '# Later: No line of cron has the moments of its rule, FREQ=DAILY. Next: Wed 1 Jan 2031, 09:00 (UTC).',
        '# Script: Its script has several lines, and a line of cron is one. Next: Mon 2 Sep 2030, 09:00 (UTC).',
    ]


async def test_other_pipelines_are_handed_to_the_control_room(room: ControlRoom, tmp_path: Path) -> None:
    values = {
        'pipeline': 'BackupFolder',
        'parameters': {'folder': str(tmp_path), 'keep': 3},
        'timezone': room.calendar.zone,
    }
    await room.editor.create({**values, 'rrule': 'FREQ=DAILY', 'start': '2027-01-01T03:00'})

    (line,) = lines_of(printed(room))

    words = shlex.split(line)
    assert words[:5] == ['0', '3', '*', '*', '*']
    assert words[6].endswith('main.py')
    assert words[7:] == ['run', 'BackupFolder', '--set', f'folder={tmp_path}', '--set', 'keep=3']
    assert (await take(room, printed(room))).unchanged == (room.calendar.events()[0].id,)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from('ab%\\ \'"$'), min_size=1), st.none() | st.text(st.sampled_from('ab%\n '), min_size=1))
async def test_a_command_and_its_input_survive(command: str, given: str | None) -> None:
    command = f'x{command.strip()}x'
    if '\\%' in command:
        return  # refused by `work_of`
    given = None if given is None else given if given.endswith('\n') else f'{given}\n'
    text = Work(command, given).crontab_text

    (job,) = read_crontab(f'0 3 * * * {text}', has_users=False).jobs

    # The blanks around a line are not its own.
    assert job.command == command
    assert (job.input or '').split() == (given or '').split()


def numbers(least: int, most: int) -> st.SearchStrategy[str]:
    one = st.integers(least, most)
    return st.one_of(
        st.just('*'),
        one.map(str),
        st.integers(2, most).map('*/{}'.format),
        st.lists(one, min_size=2, max_size=4).map(lambda found: ','.join(map(str, found))),
    )


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(numbers(0, 59), numbers(0, 23), st.sampled_from(['*', '1', '*/2', '1,15']), numbers(1, 12)),
    st.sampled_from(['UTC', 'Europe/Berlin']),
)
async def test_a_schedule_becomes_a_rule_and_a_schedule_again(parts: tuple[str, ...], zone: str) -> None:
    text = f'{" ".join(parts)} *'
    (plan,) = cron_plans(text, zone, after=datetime(2026, 1, 1))

    (again,) = cron_plans(schedule_of(plan, NOW), zone, after=datetime(2026, 1, 1))

    assert next_after(again, NOW, limit=300) == next_after(plan, NOW, limit=300)


@pytest.mark.parametrize(
    ('rule', 'schedule'),
    [
        ('FREQ=DAILY', '0 3 * * *'),
        ('FREQ=HOURLY;INTERVAL=6', ''),
        ('FREQ=HOURLY;BYHOUR=0,6,12,18;BYMINUTE=0', '0 */6 * * *'),
        ('FREQ=DAILY;BYHOUR=0,6,12,18;BYMINUTE=0', '0 0-18/6 * * *'),
        ('FREQ=MINUTELY;INTERVAL=5', '*/5 * * * *'),
        ('FREQ=MINUTELY;INTERVAL=7', ''),
        ('FREQ=MONTHLY;INTERVAL=3', '0 3 1 1-10/3 *'),
        ('FREQ=YEARLY', '0 3 1 1 *'),
        ('FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR', ''),
    ],
)
async def test_only_the_same_moments_are_a_line(rule: str, schedule: str) -> None:
    plan = Plan(datetime(2026, 1, 1, 3), 'Europe/Berlin', rule)
    try:
        found = schedule_of(plan, NOW)
    except NoSchedule:
        found = ''

    assert found == schedule


async def test_an_exception_to_come_is_no_line_and_one_of_the_past_is() -> None:
    def plan(excluded: datetime) -> Plan:
        return Plan(datetime(2026, 1, 1, 3), 'UTC', 'FREQ=DAILY', frozenset({excluded}))

    assert schedule_of(plan(datetime(2026, 2, 1, 3)), NOW) == '0 3 * * *'
    with pytest.raises(NoSchedule, match='exceptions'):
        schedule_of(plan((NOW + timedelta(days=300)).replace(hour=3, tzinfo=None)), NOW)
