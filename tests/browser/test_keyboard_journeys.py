"""Whole journeys with the keyboard alone, typed at 40 ms a key and never waiting for what a key opens."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.parts.forked import forked
from tests.parts.hands import LATE, PRESSES, Hands
from tests.parts.harness import SynapseUnderTest, wait_until

LATE_MS = 300
PIPELINES = """
import time
from synapse import Pipeline, Run, StepFailed, step

class Asks(Pipeline):
    @step
    def publish(self, run: Run):
        run.log.info(f"answered {run.ask('Which title?')}")

class Bakes(Pipeline):
    minutes: int = 30

    @step
    def knead(self, run: Run):
        pass

    @step
    def bake(self, run: Run):
        if self.minutes < 40:
            raise StepFailed('It is raw.')

class Long(Pipeline):
    @step
    def only(self, run: Run):
        for number in range(1, 301):
            run.log.info(f'needle {number}' if number % 100 == 0 else f'line {number}')
        time.sleep(600)
"""


@pytest.fixture(scope='module')
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    program = forked(tmp_path_factory.mktemp('journeys') / 'data', '--no-login', '--workers', '3')
    program.write_pipeline('samples.py', PIPELINES)
    program.start()
    program.wait_for_run(program.create_run('RunCommand', command=['true'])['id'])
    program.wait_for_pipeline('Long')
    yield program
    program.stop()


@pytest.fixture(scope='module', params=[0, LATE_MS], ids=['soon', 'late'])
def tab(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(viewport={'width': 1440, 'height': 800}, reduced_motion='reduce')
    context.set_default_timeout(20_000)
    context.add_init_script(PRESSES + (LATE.format(ms=request.param) if request.param else ''))
    yield context.new_page()
    context.close()


@pytest.fixture
def page(program: SynapseUnderTest, tab: Page) -> Page:
    tab.goto(program.url)
    tab.get_by_role('navigation', name='Main').wait_for()
    return tab


@pytest.fixture
def hands(page: Page) -> Hands:
    return Hands(page)


def dialog(page: Page, name: str) -> Locator:
    return page.get_by_role('dialog', name=name)


def closed(page: Page) -> None:
    expect(page.locator('.q-dialog')).to_have_count(0)


def test_an_event_is_planned(page: Page, program: SynapseUnderTest, hands: Hands) -> None:
    hands.press('g', '4')
    expect(page.locator('.mo-cell.is-today')).to_be_visible()
    page.locator('.mo-cell.is-today').focus()

    hands.press('n')
    hands.type('Tjky 1 run')
    form = dialog(page, 'New event')
    expect(form.get_by_label('Name', exact=True)).to_have_value('Tjky 1 run')
    hands.to(form.get_by_label('Pipeline', exact=True))
    hands.type('run')
    hands.to(form.get_by_label('Command').first)
    hands.type('echo rn')
    hands.to(form.locator('input[type=time]'))
    hands.type('0930A')
    hands.to(form.get_by_role('radio', name='Never'))
    hands.press('ArrowRight')
    expect(form.get_by_role('radio', name='Daily')).to_be_checked()
    hands.press('Control+Enter')

    closed(page)
    with program.api as api:
        (event,) = api.get('/scheduler/list').json()['events']
        api.delete(f'/scheduler/{event["id"]}').raise_for_status()
    assert (event['title'], event['parameters']['command'], event['start'][11:]) == (
        'Tjky 1 run',
        ['echo', 'rn'],
        '09:30:00',
    )
    assert event['rrule'].startswith('FREQ=DAILY')
    expect(page.locator('.mo-cell.is-today')).to_be_focused()
    assert hands.shortcuts == ['g 4']  # the grid itself takes N, for its day
    assert page.evaluate('navigation.canGoForward') is False


def test_a_run_is_started_behind_a_change_of_the_page(page: Page, program: SynapseUnderTest, hands: Hands) -> None:
    hands.press('g', '2', 'r')
    hands.type('run')
    form = dialog(page, 'New run')
    expect(form.get_by_label('Pipeline')).to_have_value('RunCommand')
    hands.to(form.get_by_label('Command').first)
    hands.type('echo trn')
    expect(form.get_by_label('Command').first).to_have_value('echo trn')
    page.go_back()
    expect(page.get_by_role('alertdialog')).to_be_visible()
    hands.press('Escape')
    hands.press('Control+Enter')

    closed(page)
    expect(page.get_by_role('region', name='Run summary').get_by_text('Succeeded', exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(r'/runs/\d+$'))
    number = int(page.url.rpartition('/')[2])
    with program.api as api:
        (run,) = [run for run in api.get('/runs').json()['runs'] if run['number'] == number]
    assert run['parameters']['command'] == ['echo', 'trn']
    assert hands.shortcuts == ['g 2', 'new-run']


def test_the_palette_leads_to_each_kind_of_result(page: Page, program: SynapseUnderTest, hands: Hands) -> None:
    with program.api as api:
        event = {'title': 'Nightly', 'pipeline': 'Bakes', 'start': '2040-01-01T03:00:00', 'timezone': 'UTC'}
        made = api.post('/scheduler/create', json=event).raise_for_status().json()

    def ask(words: str) -> None:
        hands.press('Control+k')
        hands.type(f'{words}\n')

    ask('logs')
    expect(page).to_have_url(f'{program.url}logs')
    ask('keyboard')
    expect(dialog(page, 'Shortcuts')).to_be_visible()
    hands.press('Escape')
    closed(page)
    other = datetime.now(UTC) + timedelta(days=70)  # the month of today has no name in the address
    ask(f'24 {other:%b}'.lower())
    expect(page).to_have_url(re.compile(f'scheduler.*-{other:%m}'))
    ask('#1')
    expect(page).to_have_url(f'{program.url}runs/1')
    ask('pipelines bakes')
    expect(page).to_have_url(f'{program.url}pipelines/Bakes')
    ask('nightly')
    expect(dialog(page, 'Edit event').get_by_label('Name', exact=True)).to_have_value('Nightly')
    page.go_back()
    closed(page)
    expect(page).to_have_url(f'{program.url}pipelines/Bakes')
    with program.api as api:
        api.delete(f'/scheduler/{made["id"]}').raise_for_status()


def test_the_log_is_searched_and_its_matches_walked(page: Page, program: SynapseUnderTest, hands: Hands) -> None:
    run = program.create_run('Long')
    program.wait_for_run(run['id'], 'running')
    with program.api as api:
        wait_until(
            lambda: len(api.get(f'/runs/{run["id"]}/logs', params={'q': 'needle'}).json()['entries']) == 3, timeout=20
        )
    hands.press('g', '3')
    field = page.get_by_role('searchbox', name='Search all lines')
    expect(field).to_be_visible()
    hands.press('/')
    hands.type('needle')
    expect(field).to_have_value('needle')
    hands.press('Enter')
    count = page.locator('.log-search')
    expect(count).to_contain_text(re.compile(r'\d+ of \d+'))
    first = count.inner_text()
    hands.press('Shift+Enter')
    expect(count).not_to_have_text(first)
    expect(page.locator('.log-port').get_by_text('needle').first).to_be_in_viewport()

    assert hands.shortcuts == ['g 3']
    with program.api as api:
        api.post(f'/runs/{run["id"]}/cancel', json={'now': True}).raise_for_status()


def test_a_profile_is_made_changed_and_deleted(page: Page, program: SynapseUnderTest, hands: Hands) -> None:
    hands.press('g', '6')
    hands.to(page.get_by_role('button', name='New profile'))
    hands.press('Enter')
    hands.type('Studio rn 1')
    expect(dialog(page, 'New profile').locator('#parameter-label')).to_have_value('Studio rn 1')
    hands.press('Control+Enter')
    closed(page)
    expect(page.get_by_role('button', name='New profile')).to_be_focused()

    hands.to(page.get_by_role('button', name='Edit Studio rn 1'))
    hands.press('Enter', 'Control+a')
    hands.type('Loft')
    expect(dialog(page, 'Edit Studio').locator('#parameter-label')).to_have_value('Loft')
    hands.press('Control+Enter')
    closed(page)
    expect(page.get_by_role('button', name='Edit Loft')).to_be_focused()

    hands.press('Tab', 'Enter')
    hands.type('rn')
    expect(page.get_by_role('alertdialog').get_by_role('button', name='Keep it')).to_be_focused()
    hands.press('Escape')
    closed(page)
    expect(page.get_by_role('button', name='Delete Loft')).to_be_focused()
    hands.press('Enter', 'Tab', 'Enter')
    expect(page.get_by_role('region', name='Loft')).to_have_count(0)
    expect(page.locator(':focus')).to_have_count(1)
    assert hands.shortcuts == ['g 6']


def test_a_folder_is_watched(page: Page, program: SynapseUnderTest, hands: Hands, tmp_path: Path) -> None:
    hands.press('g', '5')
    opener = page.get_by_role('button', name='Watch a folder')
    hands.to(opener)
    hands.press('Enter')
    hands.type(str(tmp_path))
    expect(dialog(page, 'Watch a folder').locator('#watch-folder')).to_have_value(str(tmp_path))
    hands.press('Control+Enter')
    closed(page)
    expect(opener).to_be_focused()

    hands.to(page.get_by_role('button', name=f'Stop watching {tmp_path}'))
    hands.press('Enter', 'Tab', 'Enter')
    expect(page.get_by_role('button', name=f'Stop watching {tmp_path}')).to_have_count(0)
    assert hands.shortcuts == ['g 5']


def test_a_channel_and_a_token_are_made_and_removed(page: Page, program: SynapseUnderTest, hands: Hands) -> None:
    hands.press('g', '7')
    opener = page.get_by_role('button', name='New token')
    expect(opener).to_be_visible()
    hands.to(opener)
    hands.press('Enter')
    hands.type('robot rn\n')
    done = page.get_by_role('button', name='Done')
    hands.to(done)
    hands.press('Enter')
    closed(page)
    expect(opener).to_be_focused()
    hands.to(page.get_by_role('button', name='Delete: robot rn'))
    hands.press('Enter', 'Tab', 'Enter')
    expect(page.get_by_role('button', name='Delete: robot rn')).to_have_count(0)

    opener = page.get_by_role('button', name='Add a channel')
    hands.to(opener, 'Shift+Tab')
    hands.press('Enter')
    form = dialog(page, 'Add a channel')
    hands.to(form.get_by_role('radio', name='An address'), 'Shift+Tab')
    hands.press('ArrowRight')
    hands.to(form.locator('#channel-command'))
    hands.type('true rn')
    expect(form.locator('#channel-command')).to_have_value('true rn')
    hands.press('Enter')
    closed(page)
    expect(opener).to_be_focused()
    remove = page.get_by_role('button', name=re.compile('^Remove.*true'))
    hands.to(remove)
    hands.press('Enter', 'Tab', 'Enter')
    expect(remove).to_have_count(0)
    assert hands.shortcuts == ['g 7']


def test_a_question_is_answered(page: Page, program: SynapseUnderTest, hands: Hands) -> None:
    run = program.create_run('Asks')
    page.evaluate('(path) => synapse.go(path)', f'/runs/{run["number"]}')
    box = page.get_by_label('Your answer')
    hands.to(box)
    hands.type('Spring rn /\n')

    program.wait_for_run(run['id'], 'succeeded')
    with program.api as api:
        entries = api.get(f'/runs/{run["id"]}/logs', params={'q': 'answered'}).json()['entries']
    assert 'answered Spring rn /' in [entry['message'] for entry in entries]
    assert hands.shortcuts == []


def test_a_run_is_retried_from_a_step(page: Page, program: SynapseUnderTest, hands: Hands) -> None:
    run = program.create_run('Bakes')
    program.wait_for_run(run['id'], 'failed')
    page.evaluate('(path) => synapse.go(path)', f'/runs/{run["number"]}')
    opener = page.get_by_role('button', name='Retry options')
    hands.to(opener)
    hands.press('Enter')
    form = dialog(page, f'Retry #{run["number"]}')
    hands.press('ArrowUp')
    expect(form.get_by_role('radio', name='The start')).to_be_checked()
    hands.press('ArrowDown')
    hands.to(form.locator('summary'))
    hands.press('Enter')
    hands.to(form.get_by_label('Minutes'))
    hands.press('Control+a')
    hands.type('60')
    hands.press('Control+Enter')

    closed(page)
    page.wait_for_url(f'**/runs/{run["number"] + 1}')
    expect(page.get_by_role('region', name='Run summary').get_by_text('Succeeded', exact=True)).to_be_visible()
    assert hands.shortcuts == []


def test_a_run_is_stopped_after_a_question(page: Page, program: SynapseUnderTest, hands: Hands) -> None:
    run = program.create_run('Long')
    program.wait_for_run(run['id'], 'running')
    page.set_viewport_size({'width': 1280, 'height': 420})
    page.goto(f'{program.url}runs/{run["number"]}')
    stop = page.get_by_role('button', name='Stop now')
    question = page.get_by_role('alertdialog')
    expect(stop).to_be_visible()
    hands.press(' ')
    page.wait_for_function("document.querySelector('.sy-page').scrollTop > 50")
    page.set_viewport_size({'width': 1440, 'height': 800})
    hands.to(stop)
    page.keyboard.press('Shift+Escape')
    hands.type('prn')
    expect(question.get_by_role('button', name='Keep running')).to_be_focused()
    hands.press('Escape')
    closed(page)
    expect(stop).to_be_focused()
    assert program.run(run['id'])['state'] == 'running'
    hands.press('Enter', 'Tab', 'Enter')

    program.wait_for_run(run['id'], 'cancelled')
    closed(page)
    assert hands.shortcuts == ['stop']


def test_a_setting_is_changed_and_a_backup_made(page: Page, program: SynapseUnderTest, hands: Hands) -> None:
    hands.press('g', '7')
    more = page.get_by_role('button', name='One worker more')
    expect(more).to_be_visible()
    hands.to(more)
    hands.press('Enter')
    expect(page.get_by_text('of 4 busy').first).to_be_visible()
    hands.to(page.get_by_role('button', name='One worker fewer'), 'Shift+Tab')
    hands.press('Enter')
    expect(page.get_by_text('of 3 busy').first).to_be_visible()
    hands.to(page.get_by_role('button', name='Back up now'))
    hands.press('Enter')
    restore = page.get_by_role('button', name=re.compile('^Restore the backup'))
    expect(restore).to_be_visible()
    hands.to(restore)
    hands.press('Enter')
    expect(dialog(page, 'Restore a backup')).to_be_visible()
    page.go_back()
    closed(page)
    expect(restore).to_be_focused()
    hands.press('Tab', 'Enter', 'Tab', 'Enter')
    expect(restore).to_have_count(0)
    assert hands.shortcuts == ['g 7']


def test_an_event_is_moved_in_the_month(page: Page, program: SynapseUnderTest, hands: Hands) -> None:
    with program.api as api:
        event = {'title': 'Moves', 'pipeline': 'Bakes', 'start': '2040-05-15T12:00:00', 'timezone': 'UTC'}
        made = api.post('/scheduler/create', json=event).raise_for_status().json()
    page.evaluate('synapse.go("/scheduler?day=2040-05-14")')
    cell = page.locator('.mo-cell[data-day="2040-05-14"]')
    expect(cell).to_be_visible()
    cell.focus()
    hands.press('ArrowRight', 'Tab', 'm', 'ArrowRight', 'ArrowDown', 'Enter')

    with program.api as api:
        wait_until(lambda: api.get(f'/scheduler/{made["id"]}').json()['start'].startswith('2040-05-23'), timeout=20)
        api.delete(f'/scheduler/{made["id"]}').raise_for_status()
    assert hands.shortcuts == []


def test_menus_are_walked_and_give_the_focus_back(page: Page, program: SynapseUnderTest, hands: Hands) -> None:
    hands.press('g', '4')
    expect(page.locator('.mo-cell.is-today')).to_be_visible()
    pill = page.get_by_role('button', name='Open the menu')
    hands.to(pill, 'Shift+Tab')
    hands.press('Enter', 'ArrowDown')
    expect(page.locator('.q-menu').get_by_role('menuitem').first).to_be_focused()
    hands.press('ArrowDown', 'Escape')
    expect(page.locator('.q-menu')).to_have_count(0)
    expect(pill).to_be_focused()
    hands.press('y')
    hands.press('Escape')
    expect(page.locator('.q-menu')).to_have_count(0)
    expect(pill).to_be_focused()
    hands.press('b')
    expect(dialog(page, 'Alerts')).to_be_focused()
    hands.press('Escape')
    expect(pill).to_be_focused()
    assert hands.shortcuts == ['g 4', 'pick-month', 'bell']
