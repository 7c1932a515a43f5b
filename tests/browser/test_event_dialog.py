"""The dialog of an event in a real browser: its proof follows the form, and no more is changed than a person said."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.parts.harness import SynapseUnderTest, wait_until

SignIn = Callable[[SynapseUnderTest], Page]

PIPELINE = '''
from pathlib import Path
from synapse import Pipeline, Run, step


class Clips(Pipeline):
    """Cut clips out of a video."""

    source: Path
    length: int = 30

    @step
    def cut(self, run: Run) -> None:
        run.log.success(f'cut {self.source.name} to {self.length}')
'''


def in_days(days: int) -> datetime:
    """Noon, in so many days: far from midnight in every zone that a machine is likely to be in."""
    return (datetime.now(UTC) + timedelta(days=days)).replace(hour=12, minute=0, second=0, microsecond=0, tzinfo=None)


def plan(program: SynapseUnderTest, folder: Path, **values: Any) -> dict[str, Any]:
    """Put an event of a small pipeline on the calendar."""
    program.write_pipeline('clips.py', PIPELINE)
    program.wait_for_pipeline('Clips')
    source = folder / 'talk.mp4'
    source.write_text('12345')
    fixed = {'title': 'Weekly clips', 'pipeline': 'Clips', 'parameters': {'source': str(source)}, 'timezone': 'UTC'}
    with program.api as api:
        response = api.post('/scheduler/create', json=fixed | {'start': in_days(2).isoformat()} | values)
    assert response.status_code == 201, response.text
    return dict(response.json())


def event_of(program: SynapseUnderTest, id: str) -> dict[str, Any]:
    with program.api as api:
        return dict(api.get(f'/scheduler/{id}').raise_for_status().json())


def events_of(program: SynapseUnderTest) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    window = {'start': now.isoformat(), 'end': (now + timedelta(days=90)).isoformat()}
    with program.api as api:
        return list(api.get('/scheduler/list', params=window).json()['events'])


def open_event(page: Page, program: SynapseUnderTest, title: str) -> Locator:
    """The dialog of the first planned occurrence with this title."""
    page.goto(f'{program.url}scheduler?view=agenda')
    page.get_by_role('button', name=re.compile(f'{title}.*planned')).first.click()
    dialog = page.get_by_role('dialog', name='Edit event')
    expect(dialog.get_by_label('Name', exact=True)).to_be_focused()
    return dialog


def test_an_event_is_planned_in_plain_words_and_taken_back(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str], user_folder: Path
) -> None:
    program.write_pipeline('clips.py', PIPELINE)
    program.wait_for_pipeline('Clips')
    (user_folder / 'talk.mp4').write_text('12345')
    page = open_tab(program)
    page.goto(f'{program.url}scheduler')
    page.get_by_role('button', name='New event').click()
    dialog = page.get_by_role('dialog', name='New event')
    dialog.get_by_label('Pipeline').select_option('Clips')
    expect(dialog.get_by_text('Source', exact=True)).to_be_visible()  # else the form of the other pipeline is filled in
    dialog.get_by_role('radio', name='Newest in a folder').check()
    dialog.get_by_label('Folder', exact=True).fill(str(user_folder))
    dialog.get_by_label('Files', exact=True).fill('*.mp4')
    expect(dialog.get_by_role('status').filter(has_text='Right now: talk.mp4, 5 B')).to_be_visible()

    dialog.get_by_label('Starts').fill('2030-01-04')
    dialog.get_by_label('Time', exact=True).fill('16:00')
    dialog.get_by_label('Time zone').fill('Europe/Berlin')
    dialog.get_by_role('radio', name='Weekly').check()
    dialog.get_by_role('checkbox', name='Monday').check()
    expect(dialog.get_by_text('every Monday and Friday at 16:00')).to_be_visible()
    expect(dialog.get_by_role('listitem').filter(has_text='Mon 7 Jan 2030')).to_contain_text('16:00')
    page.keyboard.press('Control+Enter')

    expect(page.get_by_text('Planned Clips for 4 Jan, 16:00.')).to_be_visible()
    with program.api as api:
        window = {'start': '2030-01-01T00:00:00Z', 'end': '2030-01-31T00:00:00Z'}
        events = api.get('/scheduler/list', params=window).json()['events']
    assert [(item['start'], item['timezone'], item['rrule']) for item in events] == [
        ('2030-01-04T16:00:00', 'Europe/Berlin', 'FREQ=WEEKLY;BYDAY=MO,FR')
    ]
    assert events[0]['parameters'] == {'source': f'newest:{user_folder}/*.mp4'}
    page.get_by_role('button', name='Undo').click()
    expect(page.get_by_text('Planned Clips')).to_be_hidden()
    with program.api as api:
        wait_until(lambda: api.get(f'/scheduler/{events[0]["id"]}').status_code == 404, timeout=20)
    assert problems == []


def test_a_year_nobody_plans_for_and_a_schedule_of_cron_leave_the_dialog_at_work(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    page = open_tab(program)
    page.goto(f'{program.url}scheduler')
    page.get_by_role('button', name='New event').click()
    dialog = page.get_by_role('dialog', name='New event')
    dialog.get_by_label('Pipeline').select_option('RunCommand')
    dialog.get_by_role('textbox', name='Command').fill('true')
    save = dialog.get_by_role('button', name='Save event')

    for year in ('0002', '9999'):  # the first is what a browser sends while the year is being typed
        dialog.get_by_label('Starts').fill(f'{year}-12-31')
        expect(dialog.get_by_role('complementary')).to_contain_text('Pick a year between')
        expect(save).to_be_disabled()
    dialog.get_by_label('Starts').fill('2030-01-04')
    dialog.get_by_label('Time', exact=True).fill('16:00')  # after the rule's 09:30: the first one is the next day
    expect(dialog.get_by_role('complementary')).to_contain_text('4 January 2030')
    dialog.get_by_role('radio', name='Custom').check()
    dialog.get_by_label('Unit').select_option('a custom rule')
    dialog.get_by_label('Rule').fill('30 9 * * *')
    dialog.get_by_label('Rule').press('Tab')
    expect(dialog.get_by_role('radio', name='Daily')).to_be_checked()
    expect(dialog.get_by_role('complementary')).to_contain_text('every day at 09:30')
    save.click()

    expect(page.get_by_text('Planned Run command for 5 Jan, 09:30.')).to_be_visible()
    with program.api as api:
        assert api.get('/logs', params={'level': 'error'}).json()['entries'] == []
    assert problems == []


def test_what_a_pipeline_is_about_is_in_sight_and_a_refused_save_leads_to_it(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    page = open_tab(program)
    page.goto(f'{program.url}scheduler')
    page.get_by_role('button', name='New event').click()
    dialog = page.get_by_role('dialog', name='New event')
    dialog.get_by_label('Pipeline').select_option('RunCommand')
    command = dialog.get_by_role('textbox', name='Command')
    expect(command).to_be_visible()
    expect(dialog.get_by_role('textbox', name='Environment')).to_be_hidden()

    dialog.get_by_label('Name', exact=True).fill('Über <b>fett</b>')
    page.keyboard.press('Control+Enter')
    expect(dialog.get_by_text('Give a command, or a script.')).to_be_visible()
    expect(command).to_be_focused()
    command.fill('true')
    dialog.get_by_label('Starts').fill(f'{in_days(1):%Y-%m-%d}')
    dialog.get_by_role('heading', name='When').click()  # beside all fields the keys are still the dialog's
    page.keyboard.press('Control+Enter')

    expect(dialog).to_be_hidden()
    page.goto(f'{program.url}scheduler?day={in_days(1):%Y-%m-%d}')
    expect(page.get_by_role('button', name='Über <b>fett</b>, planned')).to_be_visible()
    assert problems == []


def test_a_change_at_one_occurrence_asks_which_ones_are_meant(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path
) -> None:
    series = plan(program, user_folder, rrule='FREQ=WEEKLY')
    dialog = open_event(open_tab(program), program, 'Weekly clips')
    dialog.get_by_label('Name', exact=True).fill('Clips for once')
    dialog.get_by_role('button', name='Save event').click()
    expect(dialog.page.get_by_role('button', name='Save only this one')).to_be_focused()
    dialog.page.keyboard.press('Enter')
    expect(dialog).to_be_hidden()

    titles = {item['title']: item for item in events_of(program)}

    assert set(titles) == {'Weekly clips', 'Clips for once'}
    assert event_of(program, series['id'])['exdates'] == [in_days(2).isoformat()]
    dialog.page.get_by_role('button', name='Undo').click()
    expect(dialog.page.get_by_text('Clips for once').first).to_be_hidden()
    assert event_of(program, series['id'])['exdates'] == []


def test_a_rule_without_words_in_the_form_is_kept_as_it_is(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path
) -> None:
    rule = 'FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSETPOS=1,2,3,4,5,6,7,8,9,10,-1,-2,-3,-4,-5,-6,-7,-8,-9,-10'
    series = plan(program, user_folder, rrule=rule, exdates=[], retry={'attempts': 4, 'delay_seconds': 61})
    dialog = open_event(open_tab(program), program, 'Weekly clips')

    expect(dialog.get_by_label('Rule')).to_have_value(rule)
    dialog.get_by_label('Stop it after').fill('1 h 30 min')
    dialog.get_by_role('button', name='Save event').click()
    dialog.page.get_by_role('button', name='Save all').click()
    expect(dialog).to_be_hidden()

    saved = event_of(program, series['id'])
    assert saved['timeout_seconds'] == 5400
    ours = ('next', 'timeout_seconds', 'sequence', 'updated_at', 'armed_from')
    assert {name: value for name, value in saved.items() if name not in ours} == {
        name: value for name, value in series.items() if name not in ours
    }


def test_what_never_matches_cannot_be_saved_and_says_why(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path
) -> None:
    plan(program, user_folder, rrule='FREQ=YEARLY;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12')
    dialog = open_event(open_tab(program), program, 'Weekly clips')
    save = dialog.get_by_role('button', name='Save event')

    dialog.get_by_label('Rule').fill('FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31')
    expect(dialog.get_by_text('No day matches. Pick another day.').first).to_be_visible()
    expect(save).to_be_disabled()
    expect(save).to_have_accessible_description('No day matches. Pick another day.')
    dialog.get_by_label('Unit').select_option('yearly')
    dialog.get_by_label('Every', exact=True).fill('many')
    expect(dialog.get_by_text('Enter a number from 1 to', exact=False).first).to_be_visible()
    dialog.get_by_label('Every', exact=True).fill('2')

    expect(dialog.get_by_text('every 2 years', exact=False).first).to_be_visible()
    expect(save).to_be_enabled()


def test_a_schedule_of_cron_becomes_the_rule_and_the_start_that_it_means(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path
) -> None:
    series = plan(program, user_folder, rrule='FREQ=YEARLY;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12')
    dialog = open_event(open_tab(program), program, 'Weekly clips')

    rule = dialog.get_by_label('Rule')
    rule.fill('0 24 * * *')
    expect(dialog.get_by_text("The hour '24' cannot be read. Use 0 to 23.").first).to_be_visible()
    rule.fill('15 3 * * mon-fri')
    rule.press('Tab')
    expect(dialog.get_by_role('radio', name='Weekly')).to_be_checked()
    expect(dialog.get_by_label('Time', exact=True)).to_have_value('03:15')
    expect(dialog.get_by_role('checkbox', name='Friday')).to_be_checked()
    dialog.get_by_role('button', name='Save event').click()
    dialog.page.get_by_role('button', name='Save all').click()
    expect(dialog).to_be_hidden()

    saved = event_of(program, series['id'])
    assert (saved['rrule'], saved['start'][11:]) == ('FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR', '03:15:00')


def test_the_time_follows_a_schedule_of_cron_while_it_is_typed_and_can_be_changed_after_it(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path
) -> None:
    plan(program, user_folder, rrule='FREQ=YEARLY;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12')
    dialog = open_event(open_tab(program), program, 'Weekly clips')
    time = dialog.get_by_label('Time', exact=True)
    rule = dialog.get_by_label('Rule')

    time.fill('12:30')  # what was typed gives way, too
    rule.fill('30 4 * * *')
    expect(time).to_have_value('04:30')
    rule.fill('FREQ=DAILY')
    expect(time).to_have_value('12:30')  # as it was before
    rule.fill('45 5 * * *')
    time.click()

    expect(dialog.get_by_text('From the schedule 45 5 * * *')).to_be_visible()
    expect(dialog.get_by_role('radio', name='Daily')).to_be_checked()
    expect(time).to_have_value('05:45')
    expect(time).to_be_focused()
    time.fill('10:00')
    expect(dialog.get_by_text('every day at 10:00')).to_be_visible()


def test_leaving_asks_once_and_only_if_something_would_be_lost(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path
) -> None:
    series = plan(program, user_folder, rrule='FREQ=DAILY')
    page = open_tab(program)
    dialog = open_event(page, program, 'Weekly clips')
    page.keyboard.press('Escape')
    expect(dialog).to_be_hidden()

    dialog = open_event(page, program, 'Weekly clips')
    dialog.get_by_label('Name', exact=True).fill('Daily clips')
    page.keyboard.press('Escape')
    question = page.get_by_role('alertdialog', name='Leave without saving?')
    expect(question.get_by_role('button', name='Keep editing')).to_be_focused()
    page.keyboard.press('Escape')
    expect(question).to_be_hidden()
    expect(dialog.get_by_label('Name', exact=True)).to_have_value('Daily clips')
    dialog.get_by_role('button', name='Cancel').click()
    question.get_by_role('button', name='Leave').click()

    expect(dialog).to_be_hidden()
    assert event_of(program, series['id'])['title'] == 'Weekly clips'


def test_one_occurrence_is_deleted_with_undo_and_a_series_after_a_question(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path
) -> None:
    series = plan(program, user_folder, rrule='FREQ=WEEKLY')
    page = open_tab(program)
    dialog = open_event(page, program, 'Weekly clips')
    dialog.get_by_role('button', name='Delete').click()
    page.get_by_role('button', name='Delete only this one').click()
    expect(dialog).to_be_hidden()
    assert len(event_of(program, series['id'])['exdates']) == 1
    page.get_by_role('button', name='Undo').click()
    expect(page.get_by_text('Deleted Weekly clips')).to_be_hidden()
    assert event_of(program, series['id'])['exdates'] == []

    dialog = open_event(page, program, 'Weekly clips')
    dialog.get_by_role('button', name='Delete').click()
    page.get_by_role('button', name='Delete all').click()

    expect(dialog).to_be_hidden()
    assert events_of(program) == []


def test_what_the_pipeline_has_lost_is_shown_and_can_be_removed(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path
) -> None:
    series = plan(program, user_folder)
    source = series['parameters']['source']
    with program.api as api:
        api.patch(f'/scheduler/{series["id"]}', json={'parameters': {'source': source, 'length': 45}})
    program.write_pipeline('clips.py', PIPELINE.replace('    length: int = 30\n', '').replace('{self.length}', 'x'))
    page = open_tab(program)
    page.goto(f'{program.url}pipelines')
    expect(page.get_by_role('button', name='Run Clips')).to_be_visible()
    dialog = open_event(page, program, 'Weekly clips')

    expect(dialog.get_by_text('length = 45')).to_be_visible()
    expect(dialog.get_by_role('button', name='Save event')).to_be_disabled()
    dialog.get_by_role('button', name='Remove length').click()
    expect(dialog.get_by_role('button', name='Save event')).to_be_enabled()
    dialog.get_by_role('button', name='Save event').click()

    expect(dialog).to_be_hidden()
    assert event_of(program, series['id'])['parameters'] == {'source': source}


def test_run_once_now_asks_for_the_file_where_somebody_has_to_choose_it(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path
) -> None:
    event = plan(program, user_folder)
    page = open_tab(program)
    dialog = open_event(page, program, 'Weekly clips')
    dialog.get_by_role('button', name='Run once now').click()
    page.get_by_role('button', name='Open run').click()
    expect(page.get_by_text('cut talk.mp4 to 30')).to_be_visible()

    with program.api as api:
        parameters = {'source': 'ask:', 'length': 7}
        api.patch(f'/scheduler/{event["id"]}', json={'parameters': parameters}).raise_for_status()
    dialog = open_event(page, program, 'Weekly clips')
    expect(dialog.get_by_text('Ask me each time')).to_be_visible()
    dialog.get_by_role('button', name='Run once now').click()
    form = page.get_by_role('dialog', name='New run')
    expect(form.get_by_label('Length')).to_have_value('7')
    form.get_by_role('textbox', name='Source').fill(str(user_folder / 'talk.mp4'))
    form.get_by_role('button', name='Run').click()

    expect(page.get_by_text('cut talk.mp4 to 7')).to_be_visible()


def test_on_a_phone_the_proof_is_folded_to_its_sentence(
    program: SynapseUnderTest, open_tab: SignIn, context: BrowserContext, user_folder: Path
) -> None:
    plan(program, user_folder, rrule='FREQ=DAILY')
    page = open_tab(program)
    page.set_viewport_size({'width': 375, 'height': 812})
    dialog = open_event(page, program, 'Weekly clips')

    expect(dialog.get_by_text('Next 5')).to_be_hidden()
    dialog.get_by_role('button', name='Show the preview').click()
    expect(dialog.get_by_role('listitem')).to_have_count(5)
    box = dialog.bounding_box()
    assert box is not None
    assert (box['x'], box['width'], box['height']) == (0, 375, 812)


def test_the_preview_keeps_up_with_fast_typing_and_a_wrong_rule_is_said_beside_its_field(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str], user_folder: Path
) -> None:
    plan(program, user_folder, rrule='FREQ=DAILY')
    page = open_tab(program)
    dialog = open_event(page, program, 'Weekly clips')
    dialog.get_by_role('radio', name='Custom').check()
    dialog.get_by_label('Unit').select_option('rule')
    rule = dialog.get_by_label('Rule')
    offsets = "() => [...document.querySelectorAll('.ev-sentence, .ev-next, .ev-misfire')].map((box) => box.offsetTop)"
    before = page.evaluate(offsets)

    rule.fill('FREQ=DAILY;INTERVAL=')
    for interval in ('2', '3', '4', '5', '6', '7', '8', '9'):
        page.keyboard.type(interval)
        page.keyboard.press('Backspace')
    page.keyboard.type('14')

    expect(dialog.get_by_text('every 14 days at 12:00')).to_be_visible()
    assert page.evaluate(offsets) == before  # nothing jumps
    rule.fill('03***')
    expect(dialog.get_by_role('alert').filter(has_text="'03***' cannot be read.").first).to_be_visible()
    expect(dialog.get_by_role('button', name='Save event')).to_be_disabled()
    assert problems == []


def test_why_it_did_not_run_is_asked_by_keys_alone(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str], user_folder: Path
) -> None:
    event = plan(program, user_folder, rrule='FREQ=DAILY')
    start = datetime.fromisoformat(event['start'])
    page = open_tab(program)
    dialog = open_event(page, program, 'Weekly clips')
    dialog.locator('.why-fold summary').focus()
    page.keyboard.press('Enter')
    answer = dialog.locator('.why-answer')
    expect(answer).to_contain_text('It is planned and runs')

    page.keyboard.press('Tab')
    field = dialog.get_by_label('Day and time')
    expect(field).to_be_focused()
    page.keyboard.press('Tab')  # from the month to the day
    page.keyboard.press('ArrowUp')
    expect(answer).to_contain_text(f'{(start + timedelta(days=1)).day} ')
    field.fill(f'{start + timedelta(days=3, hours=2):%Y-%m-%dT%H:%M}')
    expect(answer).to_contain_text('The rule has no moment at 14:00 on')
    field.fill(f'{start - timedelta(days=9):%Y-%m-%dT%H:%M}')

    expect(answer).to_contain_text('The event did not exist yet: it was created')
    page.keyboard.press('Escape')
    expect(dialog).to_be_hidden()  # asking is no change
    assert problems == []


def test_why_it_did_not_run_is_in_sight_as_soon_as_it_is_asked(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path
) -> None:
    event = plan(program, user_folder, rrule='FREQ=DAILY')
    start = datetime.fromisoformat(event['start'])
    page = open_tab(program)
    page.set_viewport_size({'width': 1440, 'height': 600})
    dialog = open_event(page, program, 'Weekly clips')

    dialog.locator('.why-fold summary').click()

    expect(dialog.locator('.why-answer')).to_contain_text('It is planned and runs')
    expect(dialog.locator('.why-answer')).to_be_in_viewport(ratio=1)
    expect(dialog.locator('.why-view .words')).to_have_text(f'{start:%a} {start.day} {start:%b} {start.year}, 12:00')
