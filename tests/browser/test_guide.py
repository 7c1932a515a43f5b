"""The guide inside the program, and the examples, in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest


@pytest.fixture(scope='module')
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    program = forked(tmp_path_factory.mktemp('guide') / 'data', '--no-login').start()
    yield program
    program.stop()


@pytest.fixture(scope='module')
def page(browser: Browser, program: SynapseUnderTest) -> Iterator[Page]:
    context = browser.new_context(locale='pt-BR')
    page = context.new_page()
    yield page
    context.close()


def test_the_guide_is_read_in_ones_language_without_leaving_the_program(page: Page, program: SynapseUnderTest) -> None:
    asked: list[str] = []
    page.on('request', lambda request: asked.append(request.url))
    page.goto(program.url)
    page.locator('.sy-rail a[href="/help"]').click()
    page.locator('.guide-text').get_by_role('link', name='Monitore uma pasta').click()

    expect(page).to_have_url(f'{program.url}help/watch-folder')
    expect(page.locator('.guide-text h2')).to_have_text('Monitore uma pasta')
    expect(page.locator('.guide-list [aria-current=page]')).to_have_text('Monitore uma pasta')
    assert [url for url in asked if not url.startswith(program.url)] == []
    assert sum(url == program.url for url in asked) == 1  # over one connection

    page.goto(f'{program.url}help/write-a-pipeline')
    expect(page.locator('.guide-text pre')).to_contain_text('class CountLines(Pipeline):')


def test_an_example_becomes_a_pipeline_of_ones_own(page: Page, program: SynapseUnderTest) -> None:
    page.goto(f'{program.url}pipelines')
    page.locator('.examples li').last.get_by_role('button').click()

    expect(page.locator('.examples li.is-done')).to_have_count(1)
    page.locator('.examples li.is-done').get_by_role('button').click()
    expect(page.locator('.form-dialog')).to_contain_text('sites')
    assert (program.data / 'pipelines/websites.py').is_file()
