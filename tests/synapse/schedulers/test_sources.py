"""What a machine has of cron and systemd, found as these programs find it."""

import os
import shutil
from getpass import getuser
from pathlib import Path

import pytest

from synapse.control_room import ControlRoom
from synapse.foreign_jobs.importing import import_jobs
from synapse.foreign_jobs.jobs import together
from synapse.schedulers.sources import Kind, Source, as_one, given, jobs_in, kind_of, sources_of_machine, text_of

pytestmark = pytest.mark.asyncio(loop_scope='module')


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root of files, and a `crontab` that prints a crontab."""
    program = write(tmp_path / 'bin/crontab', '#!/bin/sh\n[ "$1" = -l ] && echo "0 3 * * * mine"\n')
    program.chmod(0o755)
    monkeypatch.setenv('PATH', f'{program.parent}:{os.environ["PATH"]}')
    return tmp_path


def found(machine: Path) -> dict[str, Source]:
    home = machine / 'home'
    return {source.name.removeprefix(str(machine)): source for source in sources_of_machine(machine, home)}


async def test_crontabs_are_found_where_cron_looks(machine: Path) -> None:
    write(machine / 'etc/crontab', '17 * * * * root a\n')
    for name in ('e2scrub_all', 'with.dot', 'backup~', '.placeholder', 'php5'):
        write(machine / 'etc/cron.d' / name, '0 3 * * * root b\n')
    write(machine / 'etc/cron.d/empty', '# nothing\nSHELL=/bin/sh\n')

    sources = found(machine)

    assert list(sources) == [f'Crontab of {getuser()}', '/etc/crontab', '/etc/cron.d/e2scrub_all', '/etc/cron.d/php5']
    assert sources[f'Crontab of {getuser()}'].text == '0 3 * * * mine\n'
    assert sources['/etc/crontab'].kind is Kind.SYSTEM_CRONTAB


async def test_who_has_no_crontab_is_not_told_about_one(machine: Path) -> None:
    write(machine / 'bin/crontab', '#!/bin/sh\necho "no crontab for me" >&2; exit 1\n')

    assert found(machine) == {}


async def test_a_crontab_that_cannot_be_listed_is_told(machine: Path) -> None:
    write(machine / 'bin/crontab', '#!/bin/sh\necho "you are not allowed to use this program" >&2; exit 1\n')

    (only,) = found(machine).values()

    assert only.problem == 'crontab -l says: you are not allowed to use this program'


@pytest.mark.skipif(os.getuid() == 0, reason='root can read everything')
async def test_a_file_that_cannot_be_read_is_told(machine: Path) -> None:
    write(machine / 'etc/crontab', 'x').chmod(0)

    assert found(machine)['/etc/crontab'].problem.endswith(f'is not readable for {getuser()}.')


async def test_a_file_that_is_too_large_is_told(machine: Path) -> None:
    write(machine / 'etc/crontab', '#' * 600_000)

    assert found(machine)['/etc/crontab'].problem.endswith('is larger than 500 kB.')


async def test_timers_come_with_the_services_they_start(machine: Path, room: ControlRoom) -> None:
    units = machine / 'home/.config/systemd/user'
    write(units / 'a.timer', '[Timer]\nOnCalendar=daily\n')
    write(units / 'a.service', '[Service]\nExecStart=/bin/a x\n')
    write(units / 'b@one.timer', '[Timer]\nOnCalendar=weekly\n')
    write(units / 'b@.service', '[Service]\nExecStart=/bin/b %i\n')
    write(units / 'a.service.d/more.conf', '[Service]\nExecStart=\nExecStart=/bin/a y\n')
    write(units / 'c.timer', '[Timer]\nOnCalendar=hourly\nUnit=a.service\n')

    (source,) = (source for source in found(machine).values() if source.kind is Kind.TIMERS)
    jobs = {
        job.name: job.parameters['command'] for job in jobs_in(source, room.calendar.zone, room.calendar.events()).jobs
    }

    assert jobs == {'a.timer': ['/bin/a', 'y'], 'b@one.timer': ['/bin/b', 'one'], 'c.timer': ['/bin/a', 'y']}


async def test_a_timer_and_its_service_may_be_two_files(room: ControlRoom) -> None:
    files = [given('a.timer', '[Timer]\nOnCalendar=daily\n'), given('a.service', '[Service]\nExecStart=/bin/a x\n')]

    (source,) = as_one(files)

    assert [job.name for job in jobs_in(source, room.calendar.zone, room.calendar.events()).jobs] == ['a.timer']


@pytest.mark.parametrize(
    ('name', 'text', 'kind'),
    [
        ('x', '0 3 * * * a', Kind.CRONTAB),
        ('/etc/cron.d/x', '0 3 * * * root a', Kind.SYSTEM_CRONTAB),
        ('x', '# c\n[Unit]\n[Timer]\n', Kind.TIMERS),
        ('x.xml', '\ufeff<?xml version="1.0"?><Task/>', Kind.TASKS),
    ],
)
async def test_a_text_says_which_scheduler_it_is_of(name: str, text: str, kind: Kind) -> None:
    assert kind_of(name, text) is kind


async def test_a_file_of_windows_may_be_in_its_encoding() -> None:
    text = '<?xml version="1.0" encoding="UTF-16"?><Task>é</Task>'

    for data in (b'\xff\xfe' + text.encode('utf-16-le'), b'\xfe\xff' + text.encode('utf-16-be'), text.encode()):
        assert text_of(data) == text


async def test_several_sources_are_one_import_that_is_undone_at_once(room: ControlRoom) -> None:
    texts = {
        'cron': '0 3 * * * a\n0 99 * * * b',
        'unit': '[Timer]\nOnCalendar=Mon 04:00\n[Service]\nExecStart=/bin/b c',
    }
    sources = [given(name, text) for name, text in texts.items()]
    jobs = together([(source.name, jobs_in(source, room.calendar.zone, room.calendar.events())) for source in sources])

    result = await import_jobs(room.calendar, room.editor, room.catalog, jobs, is_trusted=lambda _: False)

    assert [(event.source, event.line, event.enabled) for event in result.events] == [
        ('cron', 1, False),
        ('unit', 2, False),
    ]
    assert [(problem.source, problem.line) for problem in result.problems] == [('cron', 2)]
    for event in result.events:
        has_second = event.source == 'cron' or shutil.which('systemd-analyze') is not None
        assert event.theirs == (event.upcoming if has_second else ())
    again = await import_jobs(room.calendar, room.editor, room.catalog, jobs, is_trusted=lambda _: False)
    assert (again.created, len(again.unchanged)) == ((), 2)
    await room.editor.undo(result.change)
    assert room.calendar.events() == []


async def test_a_problem_of_a_unit_is_at_its_line_in_its_file() -> None:
    timer = given('backup.timer', '[Unit]\nDescription=x\n[Timer]\nOnCalendar=Mon..Fri 03:30\n')
    service = given('backup.service', '[Service]\nExecStart=/bin/true "open\n')

    alone, both = (
        together([(one.name, jobs_in(one, 'UTC', [])) for one in as_one(given)])
        for given in ([timer], [timer, service])
    )

    assert [(one.source, one.line, one.reason[:56]) for one in (*alone.problems, *both.problems)] == [
        ('backup.timer', 4, 'Its service backup.service is not among these files. Tak'),
        ('backup.timer', 4, 'It has a quote " without an end.'),
    ]


async def test_pasted_units_without_names_are_not_called_by_one() -> None:
    found = jobs_in(given('Pasted text', '[Timer]\nOnCalendar=daily\n'), 'UTC', [])

    assert [(one.line, one.reason.split(' Take')[0]) for one in found.problems] == [
        (2, 'Its service is not among these files.')
    ]
