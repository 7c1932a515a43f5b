"""A real Chromium, signed in by the link that Synapse prints."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, expect, sync_playwright

from tests.parts.chromium import ARGUMENTS
from tests.parts.harness import SynapseUnderTest

# What is waited for comes within a frame or two; a busy machine may take its time all the same.
expect.set_options(timeout=20_000)


@pytest.fixture(scope='package')
def playwright() -> Iterator[Playwright]:
    # Not for the session: while Playwright's loop lives, pytest-asyncio can't run its own for tests of other rooms.
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope='package')
def browser(playwright: Playwright, chromium_path: str | None) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    # Without a graphics card each frame of a breathing dot is painted by the processor, blur and all.
    context = browser.new_context(
        viewport={'width': 1440, 'height': 900}, accept_downloads=True, reduced_motion='reduce'
    )
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture
def problems(context: BrowserContext) -> list[str]:
    """Errors of any page's console and scripts; a test asserts that there are none."""
    found: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        # A refused or cut request is news to the console, not a fault of the page; faults of scripts are.
        if message.type == 'error' and 'Failed to load resource' not in message.text:
            found.append(message.text)

    context.on('console', on_console)
    context.on('weberror', lambda error: found.append(str(error.error)))
    return found


@pytest.fixture
def sign_in(context: BrowserContext) -> Callable[[SynapseUnderTest], Page]:
    """Open a tab that is signed in at the dashboard."""

    def enter(program: SynapseUnderTest) -> Page:
        page = context.new_page()
        page.goto(program.link)
        page.wait_for_url(program.url)
        page.get_by_role('navigation', name='Main').wait_for()
        return page

    return enter


@pytest.fixture
def open_tab(context: BrowserContext) -> Callable[[SynapseUnderTest], Page]:
    """Open an empty tab that is signed in, for tests of other pages: the dashboard would take as long as theirs."""

    def enter(program: SynapseUnderTest) -> Page:
        if not context.cookies(program.url):
            code = program.link.partition('#')[2]
            answer = context.request.post(f'{program.url}auth', data={'code': code}, max_redirects=0)
            assert answer.status == 303, answer.text()
        return context.new_page()

    return enter


@pytest.fixture
def user_folder(tmp_path: Path) -> Path:
    """A folder with a person's own files, outside the data folder."""
    folder = tmp_path / 'user'
    folder.mkdir()
    return folder
