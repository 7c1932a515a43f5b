"""Keys belong to what was opened, from the press on that opens it, however long the server takes to bring it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest, wait_until

LATE = """
    Object.defineProperty(WebSocket.prototype, 'onmessage', {{
        set(handler) {{ this.addEventListener('message', (event) => setTimeout(() => handler(event), {ms})); }},
    }});
"""
"""Whatever the server sends arrives so many milliseconds later, in its order."""
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
    page.keyboard.type('run backup')

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
    page.keyboard.type('Tjky 123 Morning run')
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
