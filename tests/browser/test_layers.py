"""Escape, Back and a press beside it close what is open, ask before what was typed is lost, and give the focus back."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest


@pytest.fixture(scope='module')
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    """One for all: no test needs an empty folder."""
    program = forked(tmp_path_factory.mktemp('layers') / 'data', '--no-login').start()
    yield program
    program.stop()


@pytest.fixture
def page(program: SynapseUnderTest, context: BrowserContext) -> Page:
    page = context.new_page()
    at(page, program, '')
    return page


def at(page: Page, program: SynapseUnderTest, path: str) -> None:
    page.goto(f'{program.url}{path}')
    page.get_by_role('navigation', name='Main').wait_for()


def go(page: Page, name: str) -> None:
    page.get_by_role('navigation', name='Main').get_by_role('link', name=name).click()


def command_of(page: Page) -> Locator:
    """Open the form of a run that takes a command."""
    page.keyboard.press('r')
    form = page.get_by_role('dialog', name='New run')
    form.get_by_label('Pipeline').select_option('RunCommand')
    return form.get_by_label('Command').first


def question(page: Page) -> Locator:
    return page.get_by_role('alertdialog', name='Leave without saving?')


def test_back_closes_what_is_open_and_then_leads_to_the_page_before(
    page: Page, program: SynapseUnderTest, problems: list[str]
) -> None:
    go(page, 'Scheduler')
    today = page.locator('.mo-cell.is-today')
    today.focus()
    page.keyboard.press('n')
    dialog = page.get_by_role('dialog', name='New event')
    expect(dialog.get_by_label('Name', exact=True)).to_be_focused()

    page.go_back()
    expect(page.locator('.q-dialog')).to_have_count(0)
    expect(today).to_be_focused()
    expect(page).to_have_url(f'{program.url}scheduler')

    page.keyboard.press('Control+k')
    page.keyboard.type('logs\n')
    expect(page).to_have_url(f'{program.url}logs')
    expect(page.locator('.q-dialog')).to_have_count(0)  # until then keys belong to it
    page.keyboard.press('?')
    expect(page.get_by_role('dialog', name='Shortcuts')).to_be_visible()
    page.keyboard.press('Escape')
    expect(page.locator('.q-dialog')).to_have_count(0)
    page.go_back()
    expect(page).to_have_url(f'{program.url}scheduler')
    page.go_back()
    expect(page).to_have_url(program.url)
    page.go_forward()
    expect(today).to_be_visible()
    assert problems == []


def test_no_entry_of_a_dialog_that_was_closed_stays_in_the_history(page: Page, program: SynapseUnderTest) -> None:
    go(page, 'Scheduler')
    today = page.locator('.mo-cell.is-today')
    today.focus()
    for way_out in ('Escape', 'Cancel', 'Back'):
        page.keyboard.press('n')
        dialog = page.get_by_role('dialog', name='New event')
        expect(dialog).to_be_visible()
        if way_out == 'Cancel':
            dialog.get_by_role('button', name='Cancel').click()
        elif way_out == 'Back':
            page.go_back()
        else:
            page.keyboard.press('Escape')
        expect(page.locator('.q-dialog')).to_have_count(0)
        page.wait_for_function('history.state.upper')
        assert page.evaluate('navigation.canGoForward') is False
    entries = page.evaluate('navigation.entries().length')

    for _ in range(2):
        page.go_back()
        expect(page.get_by_role('heading', name='Dashboard')).to_be_visible()
        page.go_forward()
        expect(page).to_have_url(f'{program.url}scheduler')
        expect(today).to_be_visible()
    assert page.evaluate('navigation.canGoForward') is False
    assert page.evaluate('navigation.entries().length') == entries


def test_each_way_out_asks_before_it_drops_what_was_typed(page: Page, problems: list[str]) -> None:
    go(page, 'Runs')
    command = command_of(page)
    command.fill('echo hello')
    ways = {
        'Escape': lambda: page.keyboard.press('Escape'),
        'Back': page.go_back,
        'beside it': lambda: page.mouse.click(5, 700),
        'the cross': lambda: page.get_by_role('button', name='Close').click(),
    }
    for leave in ways.values():
        leave()
        expect(question(page).get_by_role('button', name='Keep editing')).to_be_focused()
        page.keyboard.press('Escape')
        expect(question(page)).to_have_count(0)
        expect(command).to_have_value('echo hello')
        expect(page).to_have_url(re.compile('/runs$'))
    page.go_back()
    expect(question(page)).to_be_visible()
    page.go_back()
    expect(question(page)).to_have_count(0)

    page.keyboard.press('Escape')
    question(page).get_by_role('button', name='Leave').click()
    expect(page.locator('.q-dialog')).to_have_count(0)
    page.go_back()
    expect(page.get_by_role('heading', name='Dashboard')).to_be_visible()
    assert problems == []


def test_what_was_taken_back_is_dropped_without_a_question(page: Page) -> None:
    page.keyboard.press('n')
    name = page.get_by_role('dialog', name='New event').get_by_label('Name', exact=True)
    page.keyboard.type('Letters')
    page.get_by_role('radio', name='Daily').check()
    page.get_by_role('radio', name='Never').check()
    name.fill('')

    page.go_back()

    expect(page.locator('.q-dialog')).to_have_count(0)


def test_a_reload_asks_only_if_something_was_typed(page: Page) -> None:
    command = command_of(page)
    command.fill('echo hello')
    with page.expect_event('dialog') as asked:
        page.evaluate('setTimeout(() => location.reload())')
    assert asked.value.type == 'beforeunload'
    asked.value.dismiss()
    expect(command).to_have_value('echo hello')

    page.keyboard.press('Escape')
    question(page).get_by_role('button', name='Leave').click()
    expect(page.locator('.q-dialog')).to_have_count(0)
    page.keyboard.press('?')
    expect(page.get_by_role('dialog', name='Shortcuts')).to_be_visible()
    page.reload()  # would hang at a question
    page.get_by_role('navigation', name='Main').wait_for()
    expect(page.locator('.q-dialog')).to_have_count(0)


def test_the_focus_goes_to_who_took_the_place_of_where_it_was(page: Page, program: SynapseUnderTest) -> None:
    at(page, program, 'profiles')
    page.get_by_role('button', name='Edit Default').focus()
    page.keyboard.press('Enter')
    page.get_by_role('textbox', name='Name required').fill('Renamed')
    page.keyboard.press('Control+Enter')

    expect(page.get_by_role('button', name='Edit Renamed')).to_be_focused()


def test_on_a_phone_back_closes_menus_too(page: Page, program: SynapseUnderTest) -> None:
    page.set_viewport_size({'width': 375, 'height': 740})
    at(page, program, 'runs')
    more = page.get_by_role('button', name='More')
    more.click()
    expect(page.locator('.q-menu')).to_be_visible()
    page.go_back()
    expect(page.locator('.q-menu')).to_have_count(0)
    expect(page).to_have_url(f'{program.url}runs')

    more.click()
    page.locator('.q-menu').get_by_role('menuitem', name='Profiles').click()
    expect(page).to_have_url(f'{program.url}profiles')
    expect(page.locator('.q-menu')).to_have_count(0)
    page.go_back()
    expect(page).to_have_url(f'{program.url}runs')


def test_a_menu_is_walked_by_arrows_and_first_letters(page: Page) -> None:
    page.get_by_role('button', name='Open the menu').focus()
    page.keyboard.press('Enter')
    menu = page.locator('.q-menu')
    expect(menu.get_by_role('menuitem', name='Stop everything')).to_be_visible()

    page.keyboard.type('stop')
    expect(menu.get_by_role('menuitem', name='Stop everything')).to_be_focused()
    page.keyboard.press('ArrowUp')
    page.keyboard.press('Enter')

    expect(page.get_by_role('dialog', name='Pause the queue').get_by_label('Because')).to_be_focused()
    page.keyboard.press('Escape')
    expect(page.get_by_role('button', name='Open the menu')).to_be_focused()


def test_the_address_of_a_page_left_meanwhile_is_not_shown(page: Page, program: SynapseUnderTest) -> None:
    go(page, 'Scheduler')
    expect(page).to_have_url(f'{program.url}scheduler')
    go(page, 'Logs')
    expect(page).to_have_url(f'{program.url}logs')

    # Faster than the server, which tells the address of each page as it draws it.
    page.evaluate("""() => new Promise((done) => {
        addEventListener('popstate', () => { history.back(); done(); }, { once: true });
        history.back();
    })""")

    expect(page.get_by_role('region', name='Next events')).to_be_visible()
    expect(page.locator('.mo-cell')).to_have_count(0)
    # What the server says next comes after all that it said of the page before.
    page.keyboard.press('?')
    expect(page.get_by_role('dialog', name='Shortcuts')).to_be_visible()
    expect(page).to_have_url(program.url)
