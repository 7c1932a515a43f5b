"""A command line pasted into the form of Run command, with the keyboard alone."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.parts.harness import SynapseUnderTest

SignIn = Callable[[SynapseUnderTest], Page]


def opened(program: SynapseUnderTest, open_tab: SignIn) -> tuple[Page, Locator]:
    page = open_tab(program)
    page.goto(f'{program.url}pipelines')
    page.get_by_role('button', name='Run command', exact=True).click()
    return page, page.get_by_role('dialog', name='New run')


def paste(page: Page, text: str) -> None:
    """Paste into what has the focus, as from the clipboard."""
    page.keyboard.insert_text(text)


def last_run(program: SynapseUnderTest) -> dict[str, object]:
    with program.api as api:
        return dict(api.get('/runs', params={'limit': 1}).json()['runs'][0])


def test_a_pasted_command_line_is_shown_as_words_that_the_keyboard_reaches(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    page, form = opened(program, open_tab)
    form.get_by_role('textbox', name='Command').focus()
    paste(page, 'echo -n "hello world" 100%')
    words = form.get_by_role('list', name='4 words').get_by_role('textbox')
    expect(words).to_have_count(4)
    assert [word.input_value() for word in words.all()] == ['echo', '-n', 'hello world', '100%']

    page.keyboard.press('Tab')
    expect(words.nth(0)).to_be_focused()
    page.keyboard.press('Tab')
    paste(page, '-e')
    expect(form.get_by_role('textbox', name='Command')).to_have_value("echo -e 'hello world' 100%")
    page.keyboard.press('Control+Enter')

    expect(page).to_have_url(re.compile(r'/runs/\d+$'))
    assert page.url == f'{program.url}runs/{last_run(program)["number"]}'
    expect(page.get_by_text('hello world 100%').first).to_be_visible()
    assert last_run(program)['parameters']['command'] == ['echo', '-e', 'hello world', '100%']  # type: ignore[index]
    assert problems == []


def test_a_shell_is_offered_for_a_pipe_and_runs_it(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    page, form = opened(program, open_tab)
    form.get_by_role('textbox', name='Command').focus()
    paste(page, 'printf "b\\na\\n" | sort > sorted.txt && cat sorted.txt')
    expect(form.get_by_text('“|”, “>” and “&&” are for a shell, which is not used here.')).to_be_visible()
    page.keyboard.press('Control+Enter')
    expect(form.get_by_text('Turn on “Run it with /bin/sh”.')).to_be_visible()

    form.get_by_role('button', name='Run it with /bin/sh').press('Enter')
    expect(form.get_by_text('/bin/sh runs this as a script.')).to_be_visible()
    page.keyboard.press('Control+Enter')

    expect(page.get_by_text('Succeeded').first).to_be_visible()
    expect(page.get_by_text('sorted.txt').first).to_be_visible()
    assert last_run(program)['parameters']['shell'] is True  # type: ignore[index]
    assert problems == []
