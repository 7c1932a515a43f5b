"""Getting in and out, as a person does it in a real browser, under the policies of the gate."""

import re
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from synapse.auth import Auth
from synapse.credentials.scope import Scope
from tests.parts.harness import SynapseUnderTest

pytestmark = pytest.mark.browser

CHANGES = re.compile('New run|New event|Pause|Stop|Retry|Delete|Write|Clear|Choose')
ALL_EVENTS = """Object.entries(mounted_app.elements).flatMap(
    ([id, one]) => (one.events ?? []).map((event) => ({ id: +id, listener_id: event.listener_id })))"""
PRESS_ALL = f"""() => {{
    const events = {ALL_EVENTS}, client_id = window.clientId;
    events.forEach((event) => window.socket.emit('event', {{ ...event, client_id, args: [null] }}));
    return events.length;
}}"""


def stored(program: SynapseUnderTest) -> list[Any]:
    with program.api as api:
        status = api.get('/status').json()
        calls = ('/runs', '/scheduler/list', '/profiles', '/inbox', '/watches', '/tokens')
        return [status['queue'], *(api.get(call).json() for call in calls)]


@pytest.fixture
def page(context: BrowserContext, problems: list[str]) -> Page:
    return context.new_page()


def test_a_link_signs_in_once(program: SynapseUnderTest, page: Page, problems: list[str]) -> None:
    code = Auth(program.data).mint_code()
    page.goto(f'{program.url}auth#{code}')
    page.wait_for_url(program.url)
    page.context.clear_cookies()

    page.goto('about:blank')
    page.goto(f'{program.url}auth#{code}')

    expect(page.get_by_role('alert')).to_contain_text('already been used')
    assert code not in page.url
    # A fresh link pasted into the same tab changes only what is behind the #.
    page.evaluate(f"location.hash = '{Auth(program.data).mint_code()}'")
    page.wait_for_url(program.url)
    page.context.clear_cookies()
    page.goto('about:blank')
    page.goto(f'{program.url}auth#{code}')
    page.get_by_role('link', name='Sign in with the token').click()
    expect(page).to_have_url(f'{program.url}login')
    assert problems == []


def test_the_printed_link_signs_in_as_long_as_the_program_lives(program: SynapseUnderTest, page: Page) -> None:
    page.goto(program.link)
    page.wait_for_url(program.url)
    page.context.clear_cookies()

    page.goto('about:blank')
    page.goto(program.link)

    page.wait_for_url(program.url)


def test_who_may_only_look_can_press_nothing_that_changes_anything(
    program: SynapseUnderTest, page: Page, problems: list[str]
) -> None:
    run = program.create_run('RunCommand', command=['echo', 'seen'])
    program.wait_for_run(run['id'])
    before = stored(program)
    page.goto(f'{program.url}auth#{Auth(program.data).mint_code(Scope.READ)}')
    page.wait_for_url(program.url)

    for path in ('', 'runs', f'runs/{run["number"]}', 'logs', 'scheduler', 'pipelines'):
        page.goto(f'{program.url}{path}')
        expect(page.get_by_text('Only looking')).to_be_visible()
        expect(page.get_by_role('button', name=CHANGES)).to_have_count(0)
        assert page.evaluate(PRESS_ALL) > 10

    # The answer to this comes after all that was pressed.
    page.evaluate("new Promise((done) => window.socket.emit('synapse_ping', done))")
    assert stored(program) == before
    expect(page.locator('.q-dialog, .sy-dialog')).to_have_count(0)
    page.goto(f'{program.url}settings')
    expect(page.locator('body')).to_contain_text('signed in only to look')
    assert problems == []


def test_a_page_hears_only_its_own_tab(program: SynapseUnderTest, context: BrowserContext, problems: list[str]) -> None:
    mine, theirs = context.new_page(), context.new_page()
    for page in (mine, theirs):
        page.goto(program.link)
        page.wait_for_url(program.url)
        page.get_by_role('navigation', name='Main').wait_for()
    before = stored(program)
    foreign = mine.evaluate(f'() => ({{ client: window.clientId, events: {ALL_EVENTS} }})')

    theirs.evaluate(
        """({ client, events }) => events.forEach((event) =>
            window.socket.emit('event', { ...event, client_id: client, args: [null] }))""",
        foreign,
    )

    theirs.evaluate("new Promise((done) => window.socket.emit('synapse_ping', done))")
    assert len(foreign['events']) > 10
    expect(mine.locator('.q-dialog')).to_have_count(0)
    assert stored(program) == before
    assert problems == []


def test_the_form_signs_in_with_the_token(program: SynapseUnderTest, page: Page, problems: list[str]) -> None:
    page.goto(f'{program.url}runs')
    expect(page).to_have_url(f'{program.url}login')
    page.get_by_label('Token').fill('wrong')
    page.get_by_role('button', name='Sign in').click()
    expect(page.get_by_role('alert')).to_contain_text('That is not the token.')

    page.get_by_label('Token').fill(program.token)
    page.keyboard.press('Enter')

    page.wait_for_url(f'{program.url}runs')
    assert problems == []


def test_localhost_moves_to_the_address_with_the_code(program: SynapseUnderTest, page: Page) -> None:
    page.goto(program.link.replace('127.0.0.1', 'localhost'))

    page.wait_for_url(program.url)


def test_the_docs_of_the_api_need_nothing_from_elsewhere(
    program: SynapseUnderTest, page: Page, problems: list[str]
) -> None:
    page.goto(program.link)
    page.wait_for_url(program.url)
    requested: list[str] = []
    page.on('request', lambda request: requested.append(request.url))

    page.goto(f'{program.url}api/v1/docs')

    expect(page.get_by_text('/runs/{id}/retry')).to_be_visible()
    assert all(url.startswith((program.url, 'data:')) for url in requested)
    assert problems == []
