"""What is opened while the server is away says that it did not come, and keeps what was typed for it."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.parts.forked import forked
from tests.parts.hands import Hands
from tests.parts.harness import SynapseUnderTest


@pytest.fixture
def program(tmp_path: Path) -> Iterator[SynapseUnderTest]:
    program = forked(tmp_path / 'data', '--no-login').start()
    yield program
    program.stop()


def is_live(page: Page) -> None:
    expect(page.locator('html')).to_have_attribute('data-connection', 'live')


@pytest.fixture
def page(program: SynapseUnderTest, context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto(program.url)
    is_live(page)
    return page


def notice(page: Page) -> Locator:
    return page.locator('.sy-notice', has_text='“New event” did not open, as Synapse could not be reached.')


def name_of(page: Page) -> Locator:
    return page.get_by_role('dialog', name='New event').get_by_label('Name', exact=True)


def test_what_did_not_open_is_told_and_opens_after_a_restart_with_what_was_typed(
    page: Page, program: SynapseUnderTest
) -> None:
    port = program.port
    program.kill9()
    page.wait_for_function('window.socket?.connected === false')

    hands = Hands(page)
    hands.press('n')
    hands.type('Morning run')
    expect(notice(page)).to_contain_text('What you typed is kept.')
    page.evaluate('window.isBefore = true')
    program.start(port=port)
    page.wait_for_function('!window.isBefore')
    is_live(page)
    expect(notice(page)).to_have_count(1)
    notice(page).get_by_role('button', name='Open').press('Enter')

    expect(name_of(page)).to_have_value('Morning run')
    expect(notice(page)).to_have_count(0)
    expect(page.locator('.q-dialog')).to_have_count(1)


def test_what_was_pressed_before_a_long_silence_comes_or_is_told(page: Page, program: SynapseUnderTest) -> None:
    program.process.send_signal(signal.SIGSTOP)
    hands = Hands(page)
    hands.press('n')
    hands.type('Morning run')
    page.wait_for_function('window.socket?.connected === false')
    program.process.send_signal(signal.SIGCONT)

    is_live(page)
    expect(name_of(page).or_(notice(page)).first).to_be_visible()
    if notice(page).count():
        expect(notice(page)).to_contain_text('What you typed is kept.')
        notice(page).get_by_role('button', name='Open').press('Enter')
    expect(name_of(page)).to_have_value('Morning run')
