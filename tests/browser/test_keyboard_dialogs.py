"""Each dialog by keyboard alone, over a slow connection: what is typed from the press on that opens it is in it, each
way out asks before that is lost, and then everything is as it was before."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.parts.forked import forked
from tests.parts.hands import LATE, PRESSES, Hands
from tests.parts.harness import SynapseUnderTest

LATE_MS = 300
TYPED = 'Tjk rn 12 /b'
"""Each is a shortcut of some page, where it is not typed."""
DIALOGS = {
    'Pause the queue': ('', 'Pause for a time, or drain', '#pause-because'),
    'New event': ('scheduler', 'New event', '#event-title'),
    'New profile': ('profiles', 'New profile', '#parameter-label'),
    'Watch a folder': ('pipelines', 'Watch a folder', '#watch-folder'),
    'New token': ('settings', 'New token', '#token-name'),
    'Add a channel': ('settings', 'Add a channel', '#channel-url'),
    'Add a calendar': ('settings', 'Add a calendar', '#calendar-url'),
    'Set a password': ('settings', 'Set a password', '#password-new'),
    'Bring your crontab': ('settings', 'Bring your crontab', 'textarea'),
}


@pytest.fixture(scope='module')
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    program = forked(tmp_path_factory.mktemp('dialogs') / 'data', '--no-login').start()
    program.wait_for_run(program.create_run('RunCommand', command=['true'])['id'])
    yield program
    program.stop()


@pytest.fixture(scope='module')
def page(program: SynapseUnderTest, browser: Browser) -> Iterator[Page]:
    """One for all: what a test leaves behind is part of what it is about."""
    context = browser.new_context(viewport={'width': 1440, 'height': 900}, reduced_motion='reduce')
    context.set_default_timeout(20_000)
    context.add_init_script(LATE.format(ms=LATE_MS) + PRESSES)
    page = context.new_page()
    page.goto(program.url)
    page.get_by_role('navigation', name='Main').wait_for()
    yield page
    context.close()


@pytest.mark.parametrize('title', DIALOGS)
def test_a_dialog_has_what_is_typed_at_once_and_each_way_out_asks(
    page: Page, program: SynapseUnderTest, title: str
) -> None:
    path, name, selector = DIALOGS[title]
    page.get_by_role('navigation', name='Main').locator(f'a[href="/{path}"]').press('Enter')
    opener = page.get_by_role('banner' if path == 'scheduler' else 'main').get_by_role('button', name=name, exact=True)
    opener.focus()
    hands, dialog, question = Hands(page), page.get_by_role('dialog', name=title), page.get_by_role('alertdialog')
    field, cancel = dialog.locator(selector), dialog.get_by_role('button', name='Cancel')

    with hands.ahead():
        hands.press('Enter')
        hands.type(TYPED)
    expect(field).to_have_value(TYPED)
    expect(field).to_be_focused()
    ways_out = {
        'Escape': lambda: hands.press('Escape'),
        'Back': page.go_back,
        'Cancel': lambda: (hands.to(cancel), hands.press('Enter')),
    }
    for leave in ways_out.values():
        leave()
        expect(question.get_by_role('button', name='Keep editing')).to_be_focused()
        hands.press('Escape')
        expect(question).to_have_count(0)
        expect(field).to_have_value(TYPED)
    hands.press('Escape', 'Tab', 'Enter')
    expect(page.locator('.q-dialog')).to_have_count(0)
    expect(opener).to_be_focused()

    hands.press('Enter')
    expect(dialog).to_be_visible()
    hands.to(cancel)
    hands.press('Enter')
    expect(page.locator('.q-dialog')).to_have_count(0)
    expect(opener).to_be_focused()
    assert page.evaluate('navigation.canGoForward') is False
    assert hands.shortcuts == []
    expect(page).to_have_url(f'{program.url}{path}')
