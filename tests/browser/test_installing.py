"""The pages can be installed as an app, as Chromium judges it."""

import json
from collections.abc import Callable

from playwright.sync_api import Page

from tests.parts.harness import SynapseUnderTest

Enter = Callable[[SynapseUnderTest], Page]


def test_chromium_finds_nothing_that_keeps_it_from_installing(
    program: SynapseUnderTest, sign_in: Enter, problems: list[str]
) -> None:
    page = sign_in(program)
    devtools = page.context.new_cdp_session(page)

    errors = devtools.send('Page.getInstallabilityErrors')['installabilityErrors']
    found = devtools.send('Page.getAppManifest')

    # Playwright's contexts are private windows, in which nothing can be installed.
    assert [error['errorId'] for error in errors if error['errorId'] != 'in-incognito'] == []
    assert found['errors'] == []
    manifest = json.loads(found['data'])
    assert manifest['display'] == 'standalone'
    for icon in manifest['icons']:
        answer = page.request.get(f'http://127.0.0.1:{program.port}{icon["src"]}')
        assert (answer.status, answer.headers['content-type']) == (200, 'image/png')
    assert problems == []


def test_the_bar_around_the_page_has_the_colour_of_the_theme(program: SynapseUnderTest, sign_in: Enter) -> None:
    page = sign_in(program)
    bar = page.locator('meta[name=theme-color]')

    dark = bar.get_attribute('content')
    page.evaluate("synapse.setTheme('light')")

    assert (dark, bar.get_attribute('content')) == ('#0a0e14', '#f3f5f9')
