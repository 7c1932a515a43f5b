"""What was missed while nobody was there, what comes next, and the ways to the calendar, in a real browser."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from synapse.auth import Auth
from synapse.calendar.events import Misfire
from tests.parts.api_room import PIPELINES
from tests.parts.downtime import hourly, was_off
from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest, wait_until

SignIn = Callable[[SynapseUnderTest], Page]


@pytest.fixture(scope='module')
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    program = forked(tmp_path_factory.mktemp('away') / 'data')
    program.write_pipeline('samples.py', PIPELINES)
    yield program.start()
    program.stop()


@pytest.fixture
def program(shared: SynapseUnderTest) -> SynapseUnderTest:
    """One for all tests that need nothing of their own, with a fresh link to sign in."""
    shared.link = f'{shared.url}auth#{Auth(shared.data).mint_code()}'
    return shared


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / 'data'
    (folder / 'pipelines').mkdir(parents=True)
    (folder / 'pipelines' / 'samples.py').write_text(PIPELINES)
    return folder


@pytest.fixture
def start(data: Path) -> Iterator[Callable[[], SynapseUnderTest]]:
    program = forked(data)
    yield lambda: program.start()
    program.stop()


def plan(program: SynapseUnderTest, **values: Any) -> dict[str, Any]:
    """An event of the pipeline Hello, in an hour if nothing else is said."""
    at = datetime.now(UTC) + values.pop('ahead', timedelta(hours=1))
    start = at.replace(tzinfo=None, microsecond=0).isoformat()
    with program.api as api:
        response = api.post(
            '/scheduler/create', json={'pipeline': 'Hello', 'start': start, 'timezone': 'UTC', **values}
        )
    assert response.status_code == 201, response.text
    return dict(response.json())


def missed(program: SynapseUnderTest) -> list[str]:
    with program.api as api:
        return [item['event_id'] for item in api.get('/scheduler/missed').json()['occurrences']]


def states(program: SynapseUnderTest, event_id: str) -> list[str]:
    with program.api as api:
        occurrences = api.get('/scheduler/list').json()['occurrences']
    return [item['state'] for item in occurrences if item['event_id'] == event_id and item['state'] != 'pending']


def test_what_was_missed_is_answered_in_one_tab_and_goes_in_the_other(
    data: Path, start: Callable[[], SynapseUnderTest], sign_in: SignIn, open_tab: SignIn, problems: list[str]
) -> None:
    was_off(data, timedelta(hours=5), [hourly('photos', 3), hourly('letters', 1)])
    program = start()
    page, other = sign_in(program), open_tab(program)
    other.goto(f'{program.url}scheduler')
    card, there = (tab.get_by_role('region', name='While you were away') for tab in (page, other))

    expect(card).to_contain_text(re.compile(r'Synapse was off for 5 h, until .*: 4 missed\.'))
    expect(card).to_contain_text('3 missed')
    expect(there).to_contain_text('Its event skips what was missed.')
    card.get_by_role('button', name='Run latest only: Photos').click()

    expect(there.get_by_text('Photos')).to_have_count(0)
    expect(card.get_by_text('Photos')).to_have_count(0)
    expect(page.get_by_text('#1 is in the queue.')).to_be_visible()
    assert missed(program) == ['letters']
    assert sorted(states(program, 'photos')) == ['fired', 'skipped', 'skipped']

    there.get_by_role('button', name='Skip: Letters').click()

    expect(card).to_be_hidden()
    expect(there).to_be_hidden()
    assert missed(program) == []
    page.reload()
    page.get_by_role('navigation', name='Main').wait_for()
    expect(card).to_be_hidden()
    assert problems == []


def test_all_that_was_missed_is_run_and_what_ran_late_is_only_told(
    data: Path, start: Callable[[], SynapseUnderTest], sign_in: SignIn
) -> None:
    events = [hourly('photos', 2), hourly('letters', 1), hourly('report', 2, misfire=Misfire(policy='latest'))]
    was_off(data, timedelta(hours=5), events)
    program = start()
    page = sign_in(program)
    card = page.get_by_role('region', name='While you were away')
    row = card.get_by_role('listitem').filter(has_text='Report')

    expect(row).to_contain_text('The latest one was run late. The others')
    card.get_by_role('button', name='Run all', exact=True).click()

    expect(card).to_be_hidden()
    assert (states(program, 'photos'), states(program, 'letters')) == (['fired', 'fired'], ['fired'])
    assert states(program, 'report') == ['fired', 'fired']


def test_a_missed_event_whose_file_somebody_chooses_asks_for_it(
    data: Path, start: Callable[[], SynapseUnderTest], sign_in: SignIn, user_folder: Path
) -> None:
    text = user_folder / 'hello.txt'
    text.write_text('chosen by hand')
    event = hourly('film', 1, pipeline='Reads', parameters={'file': 'ask:'}, misfire=Misfire(policy='latest'))
    was_off(data, timedelta(hours=3), [event])
    program = start()
    page = sign_in(program)
    card = page.get_by_role('region', name='While you were away')

    expect(card).to_contain_text('It needs a file that you choose.')
    card.get_by_role('button', name='Run: Film').click()
    dialog = page.get_by_role('dialog', name='Files for Film')
    dialog.get_by_role('button', name='Run').click()
    expect(dialog.get_by_text('Choose a file.')).to_be_visible()
    dialog.get_by_role('textbox').fill(str(text))
    dialog.get_by_role('button', name='Run').click()

    expect(card).to_be_hidden()
    with program.api as api:
        [run] = api.get('/runs').json()['runs']
    assert program.wait_for_run(run['id'])['state'] == 'succeeded'
    assert run['parameters'] == {'file': str(text)}


def test_the_next_event_counts_down_and_becomes_a_live_row_in_place(
    start: Callable[[], SynapseUnderTest], sign_in: SignIn, problems: list[str]
) -> None:
    program = start()
    page = sign_in(program)
    card = page.get_by_role('region', name='Next events')
    fact = page.get_by_role('navigation', name='Main').locator('a[href="/scheduler"] .sy-count').first

    expect(card).to_contain_text('Nothing planned yet')
    expect(card.get_by_role('button', name='New event')).to_be_visible()
    later = plan(program, title='Later', ahead=timedelta(hours=2), rrule='FREQ=DAILY')
    expect(card.get_by_role('listitem').first).to_contain_text(re.compile(r'Later.*in (1 h 59|2 h 0) min'))
    clock = datetime.fromisoformat(later['next'][0])
    expect(fact).to_have_text(re.compile(clock.astimezone().strftime('%H:%M|%a')))
    soon = plan(program, title='Turning', pipeline='Endless', ahead=timedelta(seconds=6))

    first = card.get_by_role('listitem').first
    expect(first).to_contain_text('Turning')
    expect(first).to_contain_text(re.compile(r'in \d s'))
    first.evaluate('(row) => { row.dataset.same = "yes" }')
    expect(first).to_contain_text('Running')
    expect(first).to_have_attribute('data-same', 'yes')
    expect(card.get_by_role('listitem').nth(1)).to_contain_text('Later')

    first.get_by_role('button', name='Turning').click()
    page.wait_for_url(re.compile(r'/runs/1$'))
    with program.api as api:
        run = api.get('/runs').json()['runs'][0]
        assert run['event_id'] == soon['id']
        api.post(f'/runs/{run["id"]}/cancel', json={'now': True})
    page.get_by_role('link', name='Dashboard').first.click()
    expect(card.get_by_role('listitem')).to_have_count(3)
    expect(card).not_to_contain_text('Turning')
    assert problems == []


def test_what_is_missed_elsewhere_is_told_by_a_notice(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path
) -> None:
    page = open_tab(program)
    page.goto(f'{program.url}logs')
    page.get_by_role('heading', name='Logs').wait_for()

    plan(
        program,
        title='Film',
        pipeline='Reads',
        parameters={'file': f'newest:{user_folder}/*.txt'},
        ahead=timedelta(seconds=5),
    )

    notice = page.get_by_role('region', name='Notices')
    expect(notice).to_contain_text('Film was missed')
    expect(notice).to_contain_text(f'No file matches {user_folder}/*.txt.')
    notice.get_by_role('button', name='Open calendar').click()
    expect(page.get_by_role('region', name='While you were away')).to_contain_text('Film')


def choose(page: Page, words: str, result: str) -> None:
    """Find something by the palette, and do the first of what it offers."""
    page.keyboard.press('Control+k')
    palette = page.get_by_role('dialog', name='Commands')
    palette.get_by_role('combobox').fill(words)
    expect(palette.get_by_role('option').first).to_contain_text(result)
    page.keyboard.press('Enter')
    expect(palette).to_have_count(0)


def test_days_and_events_are_found_by_the_palette(program: SynapseUnderTest, sign_in: SignIn) -> None:
    plan(program, title='Quarterly letters')
    page = sign_in(program)
    top = page.get_by_role('banner')
    today = datetime.now().date()
    far, tomorrow = today + timedelta(days=70), today + timedelta(days=1)

    choose(page, f'go to {far.day} {far:%b}', f'Go to {far:%A} {far.day} {far:%B} {far.year}')
    expect(page.get_by_role('grid', name=f'{far:%B} {far.year}')).to_be_visible()
    expect(top).to_contain_text('Scheduler')
    expect(top.get_by_role('button', name='New event')).to_be_visible()
    expect(top.get_by_role('button', name='New run')).to_be_hidden()

    choose(page, 'tomorrow', f'{tomorrow:%A}')
    expect(page.get_by_role('grid', name=f'{tomorrow:%B} {tomorrow.year}')).to_be_visible()

    choose(page, 'quarterly', 'Quarterly letters')
    expect(page.get_by_role('textbox', name='Name').first).to_have_value('Quarterly letters')


def test_n_plans_an_event_from_anywhere(program: SynapseUnderTest, sign_in: SignIn) -> None:
    page = sign_in(program)

    page.keyboard.press('n')

    expect(page.get_by_role('dialog', name='New event')).to_be_visible()


def test_the_secret_address_is_made_shown_and_revoked_in_settings(program: SynapseUnderTest, open_tab: SignIn) -> None:
    event = plan(program, title='In the feed')
    page = open_tab(program)
    page.goto(f'{program.url}settings')
    card = page.get_by_role('region', name='Calendar')

    card.get_by_role('button', name='Create an address').click()
    card.get_by_role('button', name='Show the address').click()
    expect(card.locator('.feed-address')).to_have_text(re.compile(r'/api/v1/scheduler/feed/[\w-]{43}\.ics$'))
    address = card.locator('.feed-address').inner_text()
    read = httpx.get(address)
    assert read.status_code == 200
    assert event['id'] in read.text

    card.get_by_role('button', name='Revoke').click()
    page.get_by_role('alertdialog').get_by_role('button', name='Revoke').click()
    expect(card.get_by_role('button', name='Create an address')).to_be_visible()
    assert httpx.get(address).status_code == 401


def test_a_calendar_file_is_downloaded_and_imported_in_settings(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path
) -> None:
    event = plan(program, title='There and back', ahead=timedelta(days=3))
    page = open_tab(program)
    page.goto(f'{program.url}settings')
    card = page.get_by_role('region', name='Calendar')

    with page.expect_download() as download:
        card.get_by_role('link', name='Download').click()
    file = user_folder / 'mine.ics'
    download.value.save_as(file)
    with program.api as api:
        api.delete(f'/scheduler/{event["id"]}').raise_for_status()
    card.get_by_label('Import a calendar file').set_input_files(file)
    question = page.get_by_role('dialog', name='Import')
    expect(question.get_by_role('listitem').filter(has_text='There and back')).to_contain_text('switched on')
    expect(question.get_by_role('checkbox')).to_have_count(0)
    question.get_by_role('button', name='Import', exact=True).click()
    expect(page.get_by_text('mine.ics: 1 new')).to_be_visible()

    def is_back() -> bool:
        with program.api as api:
            events = api.get('/scheduler/list').json()['events']
        return any(found['title'] == 'There and back' and found['enabled'] for found in events)

    wait_until(is_back, timeout=10)
    file.write_text('no calendar')
    card.get_by_label('Import a calendar file').set_input_files(file)
    expect(card.get_by_role('alert')).not_to_be_empty()


def test_a_profile_that_an_event_needs_is_not_deleted(program: SynapseUnderTest, open_tab: SignIn) -> None:
    with program.api as api:
        profile = api.post('/profiles', json={'label': 'Studio'}).json()
    plan(program, title='Weekly letters', profile=profile['id'])
    page = open_tab(program)
    page.goto(f'{program.url}profiles')

    page.get_by_role('button', name='Delete Studio').click()

    expect(page.get_by_text('Studio is used by 1 event: Weekly letters.')).to_be_visible()


def test_a_missed_occurrence_has_a_card_that_says_why_and_runs_it_after_all(
    start: Callable[[], SynapseUnderTest], data: Path, open_tab: SignIn, problems: list[str]
) -> None:
    was_off(data, timedelta(hours=4), [hourly('letters', 1)])
    program = start()
    page = open_tab(program)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    page.goto(f'{program.url}scheduler?view=agenda&day={yesterday:%Y-%m-%d}')
    page.get_by_role('button', name=re.compile(r'^\d\d:\d\d Letters, Missed')).first.click()
    card = page.get_by_role('dialog', name='Occurrence of Letters')

    expect(card.get_by_role('status')).to_contain_text('Synapse was not running from')
    expect(card.get_by_text('If nothing could fire: it is skipped.')).to_be_visible()
    expect(card.get_by_role('button', name='Open run')).to_be_hidden()
    card.get_by_role('button', name='Run now').click()

    expect(card.get_by_role('status')).to_contain_text(re.compile(r'as run #\d+, which succeeded'))
    expect(card.get_by_role('button', name='Run now')).to_be_hidden()
    card.get_by_role('button', name='Open run').click()
    page.wait_for_url(re.compile('/runs/1$'))
    assert problems == []
