"""Keys belong to what was opened, from the press on that opens it, however long the server takes to bring it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from pages.parts.shortcuts import SHORTCUTS
from tests.parts.forked import forked
from tests.parts.hands import LATE
from tests.parts.harness import SynapseUnderTest, wait_until

LONG = """
import time
from synapse import Pipeline, Run, step

class Long(Pipeline):
    @step
    def only(self, run: Run):
        time.sleep(600)
"""
SOON_AND_LATE = pytest.mark.parametrize('page', [0, 1000], indirect=True)
OPEN = '.q-dialog:not(:has(> [class*="-leave-active"]))'


@pytest.fixture(scope='module')
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    """One for all: what opens under the keys, and what is typed there, leaves nothing behind but a paused queue."""
    program = forked(tmp_path_factory.mktemp('keys') / 'data', '--workers', '2', '--no-login').start()
    program.wait_for_run(program.create_run('RunCommand', command=['true'])['id'])
    yield program
    program.stop()


@pytest.fixture
def page(program: SynapseUnderTest, context: BrowserContext, request: pytest.FixtureRequest) -> Page:
    """The dashboard with one run that has ended; its server answers soon, or so many milliseconds late."""
    if late := getattr(request, 'param', 0):
        context.add_init_script(LATE.format(ms=late))
    with program.api as api:
        api.post('/queue/resume').raise_for_status()
    page = context.new_page()
    page.goto(program.url)
    page.get_by_role('navigation', name='Main').wait_for()
    expect(page.get_by_role('region', name='Current run')).to_contain_text('true')
    return page


def at(page: Page, program: SynapseUnderTest, path: str, ready: str) -> None:
    page.goto(f'{program.url}{path}')
    page.locator(ready).first.wait_for()


def search(page: Page) -> Locator:
    return page.get_by_role('combobox', name='Search or run a command')


def name_of(page: Page) -> Locator:
    return page.get_by_role('dialog', name='New event').get_by_label('Name', exact=True)


@SOON_AND_LATE
def test_a_command_is_typed_at_once(page: Page, problems: list[str]) -> None:
    page.keyboard.press('Control+k')
    page.keyboard.type('run backup', delay=40)

    expect(search(page)).to_have_value('run backup')
    expect(search(page)).to_be_focused()
    expect(page.locator('[role=option].hot')).to_have_accessible_name('Run Backup folder')
    expect(page.locator('.q-dialog')).to_have_count(1)
    assert problems == []


@SOON_AND_LATE
def test_what_a_command_opens_gets_what_is_typed_behind_it(page: Page) -> None:
    page.keyboard.press('Control+k')
    page.keyboard.type('plan a run of backup\nMorning run')

    expect(name_of(page)).to_have_value('Morning run')
    expect(page.locator(OPEN)).to_have_count(1)


@SOON_AND_LATE
@pytest.mark.parametrize('command', ['settings', 'pause queue'])
def test_the_palette_comes_again_behind_a_command(page: Page, command: str) -> None:
    page.keyboard.press('Control+k')
    page.keyboard.type(f'{command}\n')
    page.keyboard.press('Control+k')
    page.keyboard.type('logs')

    expect(search(page)).to_have_value('logs')
    expect(page.locator(OPEN)).to_have_count(1)


@SOON_AND_LATE
def test_an_event_is_named_at_once_and_the_month_stays(page: Page, program: SynapseUnderTest) -> None:
    at(page, program, 'scheduler', '.mo-cell.is-today')
    month = page.locator('.mo-name').inner_text()

    page.keyboard.press('n')
    page.keyboard.type('Tjky 123 Morning run', delay=40)
    page.keyboard.press('Backspace')

    expect(name_of(page)).to_have_value('Tjky 123 Morning ru')
    expect(name_of(page)).to_be_focused()
    expect(page.locator('.q-dialog')).to_have_count(1)
    assert page.locator('.mo-name').inner_text() == month
    expect(page.get_by_role('radio', name='Month', exact=True)).to_be_checked()


def test_pressed_again_it_opens_once(page: Page) -> None:
    page.keyboard.type('nnn')
    expect(name_of(page)).to_have_value('nn')
    expect(page.locator('.q-dialog')).to_have_count(1)
    page.keyboard.press('Control+a')
    page.keyboard.press('Delete')
    page.keyboard.press('Escape')
    expect(page.locator('.q-dialog')).to_have_count(0)

    page.keyboard.press('Control+k')
    page.keyboard.press('Control+k')
    page.keyboard.type('logs')
    expect(search(page)).to_have_value('logs')
    expect(page.locator('.q-dialog')).to_have_count(1)
    page.keyboard.press('Escape')
    expect(page.locator('.q-dialog')).to_have_count(0)

    page.get_by_role('banner').get_by_role('button', name='New run').dblclick()
    expect(page.get_by_role('dialog', name='New run')).to_be_visible()
    expect(page.locator('.q-dialog')).to_have_count(1)


def test_a_pipeline_is_chosen_by_its_letters_at_once(page: Page) -> None:
    page.keyboard.press('r')
    page.keyboard.type('pub')

    chosen = page.get_by_role('dialog', name='New run').get_by_label('Pipeline')
    expect(chosen).to_have_value('PublishVideo')
    expect(chosen).to_be_focused()
    expect(page.get_by_role('dialog', name='New run').get_by_text('Check, caption, render')).to_be_visible()


@SOON_AND_LATE
def test_what_the_mouse_opens_has_the_keys_as_well(page: Page, program: SynapseUnderTest) -> None:
    page.get_by_role('button', name='Search or run a command').click()
    page.keyboard.type('rjn 1')
    expect(search(page)).to_have_value('rjn 1')
    page.keyboard.press('Escape')
    at(page, program, 'scheduler', '.mo-cell.is-today')
    page.locator('.mo-cell.is-today').click(position={'x': 60, 'y': 60})
    page.keyboard.type('Today, j')

    expect(name_of(page)).to_have_value('Today, j')
    expect(page.locator('.q-dialog:has(.ev-dialog)')).to_have_count(1)


@SOON_AND_LATE
def test_escape_takes_back_what_has_not_come_yet(page: Page, program: SynapseUnderTest) -> None:
    at(page, program, 'scheduler', '.mo-cell.is-today')
    page.evaluate("""() => {
        Object.assign(window, { seen: 0, isThere: false, isGone: false });
        const look = () => {
            const dialog = document.querySelector('.q-dialog');
            if (dialog?.checkVisibility()) window.seen += 1;
            if (isThere && !dialog) window.isGone = true;
            window.isThere = dialog !== null;
        };
        new MutationObserver(() => requestAnimationFrame(look)).observe(document.body, { childList: true });
    }""")

    page.keyboard.type('n')
    page.keyboard.press('Escape')
    page.wait_for_function('isGone')

    assert page.evaluate('seen') == 0
    page.keyboard.press('n')
    page.keyboard.type('Again')
    expect(name_of(page)).to_have_value('Again')


def test_taken_back_and_pressed_again_it_comes_once(page: Page) -> None:
    page.keyboard.type('nabc')
    page.keyboard.press('Escape')
    page.keyboard.type('nMorning run')

    expect(name_of(page)).to_have_value('Morning run')
    expect(page.locator('.q-dialog')).to_have_count(1)


def test_what_is_for_the_browser_stays_with_it_and_a_paste_is_kept(page: Page) -> None:
    page.context.grant_permissions(['clipboard-read', 'clipboard-write'])
    page.evaluate("navigator.clipboard.writeText('pasted')")
    page.evaluate("document.addEventListener('copy', () => window.copied = true)")

    page.keyboard.press('n')
    page.keyboard.press('Control+c')
    page.keyboard.type('It is ')
    page.keyboard.press('Control+v')
    page.keyboard.type('!')

    expect(name_of(page)).to_have_value('It is pasted!')
    assert page.evaluate('copied') is True


def test_the_bell_has_the_keys_from_its_press_on(page: Page) -> None:
    page.keyboard.type('brn 3')

    expect(page.get_by_role('dialog', name='Alerts')).to_be_focused()
    expect(page.locator('.q-dialog')).to_have_count(0)
    page.keyboard.press('Escape')
    expect(page.get_by_role('dialog', name='Alerts')).to_be_hidden()
    page.keyboard.press('b')
    page.keyboard.press('Escape')
    page.keyboard.press('b')
    expect(page.get_by_role('dialog', name='Alerts')).to_be_focused()


def dead(page: Page, letter: str, character: str) -> None:
    """Press a dead key, such as ´ or ~, then a letter: what Chromium reports on a Brazilian keyboard."""
    keyboard = page.context.new_cdp_session(page)
    keyboard.send('Input.dispatchKeyEvent', {'type': 'rawKeyDown', 'key': 'Dead', 'code': 'Quote'})
    keyboard.send('Input.dispatchKeyEvent', {'type': 'keyUp', 'key': 'Dead', 'code': 'Quote'})
    pressed = {
        'key': letter,
        'code': f'Key{letter.upper()}',
        'text': character,
        'windowsVirtualKeyCode': ord(letter) - 32,
    }
    keyboard.send('Input.dispatchKeyEvent', {'type': 'keyDown', **pressed})
    keyboard.send('Input.dispatchKeyEvent', {'type': 'keyUp', **pressed})
    keyboard.detach()


@SOON_AND_LATE
def test_a_dead_key_and_its_letter_are_one_character_and_no_shortcut(page: Page) -> None:
    dead(page, 'n', 'ń')
    dead(page, 'r', 'ŕ')
    page.keyboard.type('nManh')
    dead(page, 'a', 'ã')
    page.keyboard.type(' c')
    dead(page, 'e', 'é')
    page.keyboard.press('Backspace')
    dead(page, 'o', 'ô')

    expect(name_of(page)).to_have_value('Manhã cô')
    expect(page.locator('.q-dialog')).to_have_count(1)


PRESSED = """
    addEventListener('click', (event) => {
        const name = event.target.closest('[data-key]')?.dataset.key;
        if (name) { window.pressed = name; event.preventDefault(); event.stopImmediatePropagation(); }
    }, true);
    addEventListener('focusin', ({ target }) => { window.pressed = target.dataset?.key; }, true);
"""
"""What would be pressed, without its effect."""
AWAY = {'leave', 'save', 'stop', 'pause', 'select-runs', 'move-run', 'move-event', 'level', 'all-levels'}
"""Taken where they work: in a dialog, a list, or while a run is live."""


def test_each_shortcut_of_the_help_presses_what_it_names_and_single_keys_can_be_switched_off(
    page: Page, program: SynapseUnderTest, problems: list[str]
) -> None:
    page.add_init_script(PRESSED)
    at(page, program, 'settings', '[data-single-keys-option]')
    switched = {'on': set[str](), 'off': set[str]()}
    for choice, found in switched.items():
        page.get_by_role('radiogroup', name='Single-key shortcuts').get_by_role(
            'radio', name=choice.capitalize()
        ).click()
        for path, ready, groups in (
            ('/scheduler', '.mo-cell.is-today', ('Everywhere', 'Calendar')),
            ('/logs', '.logs-page .log-port', ('Logs',)),
        ):
            page.evaluate('(path) => synapse.go(path)', path)
            page.locator(ready).first.wait_for()
            for shortcut in (one for group in groups for one in SHORTCUTS[group] if one.name not in AWAY):
                for key in shortcut.keys:
                    page.evaluate('() => { document.activeElement.blur(); window.pressed = null; }')
                    for part in key.split(' '):
                        page.keyboard.press(part)
                    name = key if key.startswith('g ') else shortcut.name
                    if page.evaluate('pressed') == name:
                        found.add(key)
        page.evaluate("synapse.go('/settings')")
        page.locator('[data-single-keys-option]').first.wait_for()

    table = [one for group in ('Everywhere', 'Calendar', 'Logs') for one in SHORTCUTS[group] if one.name not in AWAY]
    assert switched['on'] == {key for one in table for key in one.keys}
    assert switched['off'] == {key for one in table for key in one.keys if key not in one.single}
    assert problems == []


def test_where_nothing_opens_the_keys_come_back(page: Page) -> None:
    page.evaluate(
        "document.querySelector('.sy-page').insertAdjacentHTML('beforeend', '<button data-opens>Nothing</button>')"
    )
    page.get_by_role('button', name='Nothing').click()
    page.keyboard.type('nnn')

    def opens() -> bool:
        page.keyboard.press('Shift+?')
        return page.get_by_role('dialog', name='Shortcuts').first.is_visible()

    wait_until(opens, timeout=20)
    expect(page.get_by_role('dialog', name='New event')).to_have_count(0)


def test_without_a_connection_the_keys_come_back_soon(page: Page, problems: list[str]) -> None:
    page.evaluate('window.socket.disconnect()')
    page.keyboard.type('nabc')

    def folds() -> bool:
        page.keyboard.press('[')
        return page.evaluate('document.documentElement.dataset.rail') == 'mini'

    wait_until(folds, timeout=20)
    expect(page.locator('.q-dialog')).to_have_count(0)
    assert problems == []


def test_escape_gives_the_focus_back(page: Page, program: SynapseUnderTest) -> None:
    at(page, program, 'scheduler', '.mo-cell.is-today')
    today = page.locator('.mo-cell.is-today')
    today.focus()
    page.keyboard.press('Control+k')
    page.keyboard.type('new event')
    expect(page.locator('[role=option].hot')).to_have_accessible_name('New event N')
    page.keyboard.press('Escape')
    expect(today).to_be_focused()

    page.keyboard.press('Control+k')
    page.keyboard.type('new event\nx')
    expect(name_of(page)).to_have_value('x')
    page.keyboard.press('Backspace')
    page.keyboard.press('Escape')
    expect(page.locator('.q-dialog')).to_have_count(0)
    expect(today).to_be_focused()


@pytest.fixture
def long_run(program: SynapseUnderTest, page: Page) -> Iterator[dict[str, Any]]:
    """A run that works until the test is over; the next page shows another one, as `page` expects."""
    program.write_pipeline('long.py', LONG)
    program.wait_for_pipeline('Long')
    run = program.create_run('Long')
    yield program.wait_for_run(run['id'], 'running')
    with program.api as api:
        api.post(f'/runs/{run["id"]}/cancel', json={'now': True}).raise_for_status()
    program.wait_for_run(run['id'])
    program.wait_for_run(program.create_run('RunCommand', command=['true'])['id'])


@SOON_AND_LATE
def test_nothing_typed_behind_a_key_that_opens_reaches_the_run(
    page: Page, program: SynapseUnderTest, long_run: dict[str, Any]
) -> None:
    run = long_run
    at(page, program, f'runs/{run["number"]}', '[data-key=pause] >> visible=true')
    page.get_by_role('button', name='Pause', exact=True).focus()  # where Space and Enter would press it

    page.keyboard.press('Control+k')
    page.keyboard.type(' p pause ')
    page.keyboard.press('Alt+p')
    page.keyboard.press('Shift+Space')
    expect(search(page)).to_have_value(' p pause  ')
    page.keyboard.press('Escape')
    expect(page.locator(OPEN)).to_have_count(0)
    page.keyboard.press('n')
    page.keyboard.type('p r ')
    page.keyboard.press('Alt+p')
    expect(name_of(page)).to_have_value('p r ')
    page.keyboard.press('Control+a')
    page.keyboard.press('Delete')
    page.keyboard.press('Escape')
    expect(page.locator(OPEN)).to_have_count(0)
    page.keyboard.press('r')
    page.keyboard.type(' p')
    page.keyboard.press('Alt+p')
    expect(page.get_by_role('dialog', name='New run')).to_be_visible()

    shown = program.run(run['id'])
    assert (shown['state'], shown['is_pausing'], shown['is_stopping']) == ('running', False, False)


@SOON_AND_LATE
def test_the_reason_of_a_pause_is_typed_at_once(page: Page, program: SynapseUnderTest) -> None:
    page.get_by_role('button', name='Pause for a time, or drain').click()
    page.keyboard.type('a new disk, p r n')

    why = page.get_by_role('dialog', name='Pause the queue').get_by_label('Because')
    expect(why).to_have_value('a new disk, p r n')
    page.get_by_label('How long').select_option('For 1 hour')
    page.get_by_role('button', name='Pause', exact=True).click()

    pill = page.get_by_role('button', name='Open the menu')
    expect(pill).to_have_accessible_name(
        re.compile(r'^Queue paused until .*\d\d:\d\d, a new disk, p r n\. Open the menu$')
    )
    with program.api as api:
        queue = api.get('/status').json()['queue']
    assert (queue['paused'], queue['because'], queue['by']) == (True, 'a new disk, p r n', 'the dashboard')


def test_space_scrolls_and_only_a_combination_pauses(
    problems: list[str], page: Page, program: SynapseUnderTest
) -> None:
    program.write_pipeline('long.py', LONG)
    program.wait_for_pipeline('Long')
    page.set_viewport_size({'width': 1280, 'height': 420})
    run = program.create_run('Long')
    program.wait_for_run(run['id'], 'running')
    for path in ('', f'runs/{run["number"]}'):
        at(page, program, path, '[data-key=pause] >> visible=true')
        page.keyboard.press(' ')
        page.wait_for_function("document.querySelector('.sy-page').scrollTop > 100")
        for key in ('p', 'Shift+P', 'Enter', 'Shift+Space'):
            page.keyboard.press(key)
        page.wait_for_function("document.querySelector('.sy-page').scrollTop === 0")
        assert program.run(run['id'])['state'] == 'running'

    expect(page.get_by_role('button', name='Pause')).to_have_attribute('aria-keyshortcuts', 'Alt+P')
    page.keyboard.press('Alt+p')
    expect(page.get_by_role('button', name='Pausing')).to_be_visible()
    page.keyboard.press('Alt+p')
    expect(page.get_by_role('button', name='Pause')).to_be_visible()
    assert problems == []
    with program.api as api:
        api.post(f'/runs/{run["id"]}/cancel', json={'now': True}).raise_for_status()
