"""Settings, Access: tokens shown once, browsers signed out from afar, and the picture that signs a phone in."""

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from synapse.auth import Auth
from tests.parts.harness import PLAIN, SynapseUnderTest

pytestmark = pytest.mark.browser


@pytest.fixture
def page(program: SynapseUnderTest, open_tab: Callable[[SynapseUnderTest], Page]) -> Page:
    page = open_tab(program)
    page.goto(f'{program.url}settings')
    return page


def test_a_token_is_made_shown_once_used_and_deleted(
    program: SynapseUnderTest, page: Page, problems: list[str]
) -> None:
    page.get_by_role('button', name='New token').click()
    page.keyboard.type('wall clock')
    page.keyboard.press('Enter')
    secret = page.locator('.sy-dialog').locator('p.sy-mono').inner_text()
    page.get_by_role('button', name='Done').click()

    with program.client(secret) as client:
        assert client.get('/status').status_code == 200
        assert client.post('/queue/pause').status_code == 403
    expect(page.get_by_role('listitem', name='wall clock')).to_contain_text('Only look')
    expect(page.locator('body')).not_to_contain_text(secret)

    page.get_by_role('button', name='Delete: wall clock').click()
    page.get_by_role('button', name='Delete', exact=True).click()

    expect(page.get_by_role('listitem', name='wall clock')).to_have_count(0)
    with program.client(secret) as client:
        assert client.get('/status').status_code == 401
    assert problems == []


def test_a_name_that_is_taken_is_told_at_its_field(program: SynapseUnderTest, page: Page) -> None:
    with program.api as api:
        api.post('/tokens', json={'name': 'taken', 'scope': 'read'})
    expect(page.get_by_role('listitem', name='taken')).to_be_visible()
    page.get_by_role('button', name='New token').click()
    page.keyboard.type('taken')

    page.keyboard.press('Enter')

    expect(page.locator('.sy-dialog')).to_contain_text('Another token has this name.')


def test_another_browser_appears_as_it_signs_in_and_is_signed_out_with_its_page(
    program: SynapseUnderTest, page: Page, browser: Browser
) -> None:
    rows = page.get_by_role('list', name='Browsers that are signed in').get_by_role('listitem')
    expect(rows).to_have_count(1)
    elsewhere = browser.new_context(user_agent='Mozilla/5.0 (iPhone) Version/19.0 Safari/604.1')
    other = elsewhere.new_page()
    other.goto(program.link)
    other.get_by_role('navigation', name='Main').first.wait_for()

    page.get_by_role('button', name='Sign out: Safari on iPhone').click()
    page.get_by_role('alertdialog').get_by_role('button', name='Sign out').click()

    expect(rows).to_have_count(1)
    expect(other.get_by_text('This browser was signed out')).to_be_visible()
    elsewhere.close()


@pytest.mark.parametrize(
    ('name', 'scope'), [('Show the picture', 'admin'), ('Create a link', 'read')], ids=['a phone', 'a screen']
)
def test_a_link_for_another_device_signs_it_in_once(
    program: SynapseUnderTest, page: Page, name: str, scope: str
) -> None:
    page.get_by_role('button', name=name).click()
    dialog = page.locator('.sy-dialog')
    expect(dialog.get_by_role('img', name='QR code of the link')).to_be_visible()
    link = re.search(r'http\S+', dialog.inner_text())
    assert link is not None
    code = link[0].partition('#')[2]

    answers = [httpx.post(f'{program.url}auth', json={'code': code}, verify=PLAIN) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 401]
    assert Auth(program.data).sessions()[0].scope == scope


def test_how_others_reach_it_is_a_link_to_the_guide(program: SynapseUnderTest, page: Page) -> None:
    page.get_by_role('button', name='Show the picture').click()
    page.locator('.sy-dialog').get_by_role('link', name='Guide: on the phone and in your network').click()

    expect(page).to_have_url(f'{program.url}help/phone')
    expect(page.get_by_role('heading', name='On the phone and in your network')).to_be_visible()
    expect(page.locator('.sy-dialog')).to_have_count(0)
