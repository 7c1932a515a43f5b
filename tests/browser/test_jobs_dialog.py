"""Jobs of other schedulers are seen beside what becomes of them, kept off, and switched on at once or later."""

import os
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.parts.harness import SynapseUnderTest

SignIn = Callable[[SynapseUnderTest], Page]
CRONTAB = '# Nightly\n0 3 * * * /bin/true a\n30 4 1 * mon /bin/true b\n@reboot c\n'
TIMER = '[Unit]\nDescription=Photos\n[Timer]\nOnCalendar=Mon..Fri 03:30\n'
SERVICE = '[Service]\nExecStart=/bin/true photos\n'


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[SynapseUnderTest]:
    """A program on a machine with a crontab."""
    crontab = tmp_path / 'bin/crontab'
    crontab.parent.mkdir()
    crontab.write_text(f"#!/bin/sh\ncat <<'END'\n{CRONTAB}END\n")
    crontab.chmod(0o755)
    program = SynapseUnderTest(tmp_path / 'data', PATH=f'{crontab.parent}:{os.environ["PATH"]}').start()
    yield program
    program.stop()


def events(program: SynapseUnderTest) -> dict[str, bool]:
    with program.api as api:
        return {event['title']: event['enabled'] for event in api.get('/scheduler/list').json()['events']}


def test_the_crontab_of_the_machine_becomes_events_that_are_switched_on_at_once(
    machine: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    page = open_tab(machine)
    page.goto(f'{machine.url}settings')
    page.get_by_role('button', name='Bring your crontab').click()

    asked = page.get_by_role('dialog', name='Bring your crontab')
    expect(asked.get_by_role('checkbox', name='Crontab of')).to_be_checked()
    for tick in asked.get_by_role('checkbox', name='/etc/').all():
        expect(tick).not_to_be_checked()
    asked.get_by_role('button', name='Show the events').click()

    preview = page.get_by_role('dialog', name='Jobs', exact=True)
    expect(preview.get_by_text('It runs when the machine starts, which no event does.')).to_be_visible()
    times = preview.get_by_role('table', name='Next times of Nightly')
    expect(times.get_by_role('row')).to_have_count(6)
    expect(times.locator('.is-different')).to_have_count(0)
    assert events(machine) == {}
    preview.get_by_label('Switch on Nightly').check()
    preview.get_by_role('button', name='Import, switch 1 on').click()

    done = page.get_by_role('dialog', name='Imported jobs')
    expect(done.get_by_text('put a # before lines 2, 3.')).to_be_visible()
    expect(done.get_by_text('Some are switched on here.')).to_be_visible()
    assert events(machine) == {'Nightly': True, '/bin/true b': False}
    done.get_by_role('button', name='Switch 2 on').click()
    page.get_by_role('alertdialog').get_by_role('button', name='Switch on').click()
    expect(done.get_by_text('2 switched on.')).to_be_visible()
    assert set(events(machine).values()) == {True}

    # The same import again: all is listed, and it is said again what still runs elsewhere.
    done.get_by_role('button', name='Done').click()
    page.get_by_role('button', name='Bring your crontab').click()
    asked.get_by_role('button', name='Show the events').click()
    expect(preview.get_by_text('as before, switched on')).to_have_count(3)
    preview.get_by_role('button', name='Continue').click()
    expect(done.get_by_text('put a # before lines 2, 3.')).to_be_visible()
    assert problems == []


def test_all_of_a_long_crontab_are_seen_switched_on_and_undone(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    page = open_tab(program)
    page.goto(f'{program.url}settings')
    page.get_by_role('button', name='Bring your crontab').click()
    asked = page.get_by_role('dialog', name='Bring your crontab')
    lines = [f'# Job {number}\n{number % 60} 3 * * * /bin/true {number}\n' for number in range(50)]
    asked.get_by_label('Text with jobs').fill(''.join(lines) + '15 2 * * * root /bin/true user\n')
    asked.get_by_role('button', name='Show the events').click()

    preview = page.get_by_role('dialog', name='Jobs', exact=True)
    rows = preview.get_by_role('list', name='Lines and their events').get_by_role('listitem')
    expect(rows).to_have_count(51)
    # The buttons are there without scrolling.
    expect(preview.get_by_role('button', name='Import, switched off')).to_be_in_viewport()
    expect(rows.last.get_by_text("It would run a command called 'root'")).to_be_attached()
    preview.get_by_label('Switch on Job 49').check()
    page.keyboard.press('Escape')

    # Back where it came from, with text and ticks.
    expect(asked.get_by_label('Text with jobs')).to_have_value(re.compile('Job 49'))
    asked.get_by_role('button', name='Show the events').click()
    expect(preview.get_by_role('button', name='Import, switch 1 on')).to_be_visible()
    expect(preview.get_by_label('Switch on Job 49')).to_be_checked()
    preview.get_by_label('The lines of Pasted text name a user').check()
    expect(preview.get_by_text('50 left out')).to_be_visible()
    expect(rows).to_have_count(1)
    preview.get_by_label('The lines of Pasted text name a user').uncheck()
    expect(rows).to_have_count(51)
    preview.get_by_label('Switch on all').check()
    expect(preview.get_by_label('Switch on Job 7', exact=True)).to_be_checked()
    preview.get_by_label('Switch on Job 7', exact=True).uncheck()
    preview.get_by_role('button', name='Import, switch 50 on').click()

    done = page.get_by_role('dialog', name='Imported jobs')
    expect(done.get_by_text('put a # before its 51 jobs in lines 2–101.')).to_be_visible()
    assert [title for title, is_on in events(program).items() if not is_on] == ['Job 7']
    done.get_by_role('button', name='Switch 1 on').click()
    page.get_by_role('alertdialog').get_by_role('button', name='Switch on').click()
    expect(done.get_by_text('1 switched on.')).to_be_visible()
    done.get_by_role('button', name='Undo the import').click()
    expect(page.get_by_text('The import was undone.')).to_be_visible()
    assert events(program) == {}
    assert problems == []


def test_files_and_pasted_text_are_read_and_an_import_is_undone(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path
) -> None:
    page = open_tab(program)
    files = [user_folder / 'photos.timer', user_folder / 'photos.service']
    for path, text in zip(files, (TIMER, SERVICE), strict=True):
        path.write_text(text)
    page.goto(f'{program.url}scheduler?view=agenda')
    page.get_by_role('button', name='Bring your crontab').click()

    asked = page.get_by_role('dialog', name='Bring your crontab')
    asked.get_by_label('Choose files with jobs').set_input_files(files)
    expect(asked.get_by_text('photos.service')).to_be_visible()
    hour = (datetime.now().astimezone() + timedelta(hours=6)).hour  # the first of them is at ten past for both
    asked.get_by_label('Text with jobs').fill(f'10-10/5 {hour} * * * /bin/true pasted')
    asked.get_by_role('button', name='Show the events').click()
    preview = page.get_by_role('dialog', name='Jobs', exact=True)
    # cronsim reads such a step in its own way: what differs is marked.
    expect(preview.get_by_role('table', name='Next times of /bin/true pasted').locator('.is-different')).to_have_count(
        4
    )
    preview.get_by_role('button', name='Import, switched off').click()

    done = page.get_by_role('dialog', name='Imported jobs')
    expect(done.get_by_text('systemctl --user disable --now photos.timer')).to_be_visible()
    assert events(program) == {'Photos': False, '/bin/true pasted': False}
    done.get_by_role('button', name='Undo the import').click()
    expect(page.get_by_text('The import was undone.')).to_be_visible()
    assert events(program) == {}
