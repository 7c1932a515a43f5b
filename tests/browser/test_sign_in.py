"""Getting in and out, as a person does it in a real browser, under the policies of the gate."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.parts.harness import SynapseUnderTest

pytestmark = pytest.mark.browser


@pytest.fixture
def page(context: BrowserContext, problems: list[str]) -> Page:
    return context.new_page()


def test_the_printed_link_signs_in_once(program: SynapseUnderTest, page: Page, problems: list[str]) -> None:
    page.goto(program.link)
    page.wait_for_url(program.url)
    page.context.clear_cookies()

    page.goto('about:blank')
    page.goto(program.link)

    expect(page.get_by_role('alert')).to_contain_text('already been used')
    assert program.link.partition('#')[2] not in page.url
    page.get_by_role('link', name='Sign in with the token').click()
    expect(page).to_have_url(f'{program.url}login')
    assert problems == []


def test_the_form_signs_in_with_the_token(program: SynapseUnderTest, page: Page, problems: list[str]) -> None:
    page.goto(f'{program.url}runs')
    expect(page).to_have_url(f'{program.url}login')
    page.get_by_label('Token').fill('wrong')
    page.get_by_role('button', name='Sign in').click()
    expect(page.get_by_role('alert')).to_contain_text('That is not the token.')

    page.get_by_label('Token').fill(program.token)
    page.keyboard.press('Enter')

    page.wait_for_url(program.url)
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
