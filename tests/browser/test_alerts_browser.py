"""What went wrong in a real browser: notices, the bell, and the notifications of the desktop."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest, wait_until

PIPELINES = """
from synapse import Pipeline, Run, StepFailed, step

class Breaks(Pipeline):
    reason: str

    @step
    def work(self, run: Run):
        raise StepFailed(self.reason)
"""
# A tab that nobody looks at, and a record of what the real Notification was asked to show.
DESKTOP = """
    const Real = window.Notification;
    window.made = [];
    window.Notification = class extends Real {
        constructor(title, options) { super(title, options); window.made.push({ title, ...options, note: this }); }
    };
    window.lookAway = (isAway) => {
        const state = isAway ? 'hidden' : 'visible';
        Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    };
"""


@pytest.fixture(scope='module')
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    program = forked(tmp_path_factory.mktemp('alerts') / 'data', '--workers', '2', '--no-login')
    program.write_pipeline('samples.py', PIPELINES)
    yield program.start()
    program.stop()


@pytest.fixture(scope='module')
def context(browser: Browser, program: SynapseUnderTest) -> Iterator[BrowserContext]:
    """One for all tests: a page takes seconds to load, and alerts are told to those that are open."""
    context = browser.new_context(viewport={'width': 1440, 'height': 900}, reduced_motion='reduce')
    context.set_default_timeout(20_000)
    context.grant_permissions(['notifications'], origin=program.url.rstrip('/'))
    context.add_init_script(DESKTOP)
    yield context
    context.close()


@pytest.fixture(scope='module')
def tab(program: SynapseUnderTest, context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto(f'{program.url}settings')
    page.get_by_role('heading', name='Settings').wait_for()
    return page


@pytest.fixture
def page(tab: Page, problems: list[str]) -> Iterator[Page]:
    """At the settings, where nothing else tells of runs, with no alert and no memory left of another test."""
    tab.set_viewport_size({'width': 1440, 'height': 900})
    tab.evaluate("lookAway(false); made.length = 0; localStorage.clear(); synapse.go('/settings')")
    tab.get_by_role('heading', name='Settings').wait_for()
    tab.keyboard.press('Escape')
    expect(tab.get_by_role('dialog', name='Alerts')).to_have_count(0)
    opened = open_bell(tab)
    clear = opened.get_by_role('button', name='Clear')
    if clear.count():
        clear.click()
    expect(opened).to_contain_text('No alerts')
    tab.keyboard.press('Escape')
    expect(opened).to_have_count(0)
    yield tab
    assert problems == []


def open_bell(page: Page) -> Locator:
    page.keyboard.press('b')
    opened = page.get_by_role('dialog', name='Alerts')
    opened.wait_for()
    return opened


def bell(page: Page) -> Locator:
    return page.get_by_role('banner').get_by_role('button', name=re.compile(r'^Alerts'))


def notices(page: Page) -> Locator:
    return page.locator('.sy-toast')


def fail(program: SynapseUnderTest, *reasons: str) -> list[dict[str, Any]]:
    """Runs that have failed, each for its reason."""
    runs = [program.create_run('Breaks', reason=reason) for reason in reasons]
    return [program.wait_for_run(run['id'], 'failed') for run in runs]


def switch_on(page: Page) -> None:
    """Ask for notifications of the browser."""
    open_bell(page)
    switch = page.get_by_role('switch', name='Desktop notifications')
    if switch.get_attribute('aria-checked') == 'false':
        switch.click()
    expect(switch).to_have_attribute('aria-checked', 'true')
    page.keyboard.press('Escape')


def made(page: Page) -> list[dict[str, Any]]:
    """What the browser was asked to show."""
    found = page.evaluate('made.map(({ title, body, tag }) => ({ title, body, tag }))')
    assert isinstance(found, list)
    return found


def test_the_same_failure_is_one_notice_with_a_count_that_opens_the_newest_run(
    program: SynapseUnderTest, page: Page
) -> None:
    # One after the other: of two at the same time either may be the last to fail.
    runs = [run for _ in range(2) for run in fail(program, 'The disk with /srv is full.')]

    expect(notices(page)).to_have_count(1)
    expect(notices(page)).to_contain_text('Breaks failed at WORK')
    expect(notices(page)).to_contain_text('2 times')
    expect(notices(page)).to_contain_text('The disk with /srv is full.')
    expect(bell(page)).to_have_accessible_name('Alerts, 1 unseen (B)')
    expect(page.locator('.bl').get_by_role('status')).to_contain_text('Breaks failed at WORK. 1 unseen.')
    notices(page).get_by_role('button', name='Open run').click()
    page.wait_for_url(f'**/runs/{max(run["number"] for run in runs)}')
    expect(notices(page)).to_have_count(0)
    expect(bell(page)).to_have_accessible_name('Alerts (B)')


def test_commands_that_fail_alike_have_each_their_line_and_their_link(program: SynapseUnderTest, page: Page) -> None:
    def run(what: str) -> int:
        created = program.create_run('RunCommand', command=['sh', '-c', f'exit 3 # {what}'])
        return int(program.wait_for_run(created['id'], 'failed')['number'])

    run('backup')
    backup, mail = run('backup'), run('mail')

    expect(bell(page)).to_have_accessible_name('Alerts, 2 unseen (B)')
    opened = open_bell(page)
    rows = opened.get_by_role('listitem')
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text='# backup')).to_contain_text('2 times')
    expect(rows.filter(has_text='# backup')).to_contain_text('just now, first just now')
    expect(rows.filter(has_text='# mail')).not_to_contain_text('times')
    rows.filter(has_text='# backup').get_by_role('button', name='Open run').click()
    page.wait_for_url(f'**/runs/{backup}')
    expect(bell(page)).to_have_accessible_name('Alerts, 1 unseen (B)')
    open_bell(page).get_by_role('list', name='Unseen').get_by_role('button', name='Open run').click()
    page.wait_for_url(f'**/runs/{mail}')


def test_more_than_fit_are_counted_in_the_last_place_which_opens_the_bell(
    program: SynapseUnderTest, page: Page
) -> None:
    fail(program, *(f'Reason {number}.' for number in range(6)))

    expect(bell(page)).to_have_accessible_name('Alerts, 6 unseen (B)')
    expect(notices(page)).to_have_count(3)
    expect(notices(page).last).to_contain_text('4 more alerts')
    notices(page).first.get_by_role('button', name='Close').click()
    expect(notices(page).last).to_contain_text('3 more alerts')
    notices(page).last.get_by_role('button', name='Show them').click()

    opened = page.get_by_role('dialog', name='Alerts')
    expect(opened.get_by_role('list', name='Unseen').get_by_role('listitem')).to_have_count(5)
    expect(notices(page).first).not_to_be_visible()
    expect(opened.get_by_role('list', name='Seen', exact=True).get_by_role('listitem')).to_have_count(1)
    opened.get_by_role('button', name='Mark all as seen').click()
    expect(bell(page)).to_have_accessible_name('Alerts (B)')
    expect(notices(page)).to_have_count(0)


def test_the_bell_is_used_by_keyboard_and_shows_text_as_text(program: SynapseUnderTest, page: Page) -> None:
    hostile = '<img src=x onerror="window.hurt = 1"><b>bold</b>'
    fail(program, hostile)
    expect(bell(page)).to_have_accessible_name('Alerts, 1 unseen (B)')
    bell(page).focus()

    page.keyboard.press('Enter')

    opened = page.get_by_role('dialog', name='Alerts')
    expect(opened).to_be_focused()
    expect(opened.get_by_role('listitem')).to_contain_text(hostile)
    expect(notices(page)).to_contain_text(hostile)
    assert page.locator(':is(.bl-pop, .sy-toast) :is(img, p b)').count() == 0
    assert page.evaluate('window.hurt') is None
    page.keyboard.press('Escape')
    expect(opened).to_have_count(0)
    expect(bell(page)).to_be_focused()
    open_bell(page)
    for _ in range(4):
        page.keyboard.press('Tab')
    expect(opened.get_by_role('button', name='Open run')).to_be_focused()
    page.keyboard.press('Tab')
    page.keyboard.press('Enter')
    expect(opened).to_contain_text('No alerts')
    expect(opened).to_be_focused()


def test_the_emergency_stop_is_told_with_the_way_on(program: SynapseUnderTest, page: Page) -> None:
    with program.api as api:
        api.post('/queue/stop').raise_for_status()
    notice = notices(page).filter(has_text='Everything was stopped')
    expect(notice).to_be_visible()

    notice.get_by_role('button', name='Resume the queue').click()

    expect(notice).to_have_count(0)
    expect(bell(page)).to_have_accessible_name('Alerts (B)')
    with program.api as api:
        assert api.get('/status').json()['queue']['paused'] is False


def test_the_page_of_a_run_needs_no_notice_of_it(program: SynapseUnderTest, page: Page) -> None:
    with program.api as api:
        api.post('/queue/pause').raise_for_status()
    waiting = program.create_run('Breaks', reason='Seen here.')
    page.evaluate(f"synapse.go('/runs/{waiting['number']}')")
    page.get_by_role('heading', name='Steps').wait_for()

    with program.api as api:
        api.post('/queue/resume').raise_for_status()
    program.wait_for_run(waiting['id'], 'failed')

    expect(page.get_by_text('Seen here.').first).to_be_visible()
    opened = open_bell(page)
    expect(opened.get_by_role('list', name='Seen', exact=True).get_by_role('listitem')).to_contain_text('Seen here.')
    assert notices(page).count() == 0


def test_a_phone_has_the_bell_in_its_menu(program: SynapseUnderTest, page: Page) -> None:
    page.set_viewport_size({'width': 375, 'height': 720})
    fail(program, 'Too large.')
    expect(notices(page)).to_have_count(1)
    expect(bell(page)).not_to_be_visible()

    page.get_by_role('button', name='More 1 unseen alert', exact=True).click()
    page.get_by_role('menuitem', name='Alerts 1 unseen').click()

    opened = page.get_by_role('dialog', name='Alerts')
    expect(opened.get_by_role('listitem')).to_contain_text('Too large.')
    box = opened.bounding_box()
    assert box is not None
    assert box['x'] >= 0
    assert box['x'] + box['width'] <= 375
    expect(opened).to_be_focused()


def test_a_menu_that_fades_out_takes_no_keys(page: Page) -> None:
    page.set_viewport_size({'width': 375, 'height': 720})
    page.get_by_role('button', name='More', exact=True).click()
    page.locator('.q-menu:not([class*="enter-active"]) .sy-menu').wait_for()
    page.keyboard.press('b')
    page.evaluate("""() => {
        const key = new KeyboardEvent('keydown', { key: 'b', bubbles: true });
        const press = (_, watch) => {
            if (synapse.openMenu()) return;
            watch.disconnect();
            window.faded = document.querySelector('.q-menu') !== null;
            document.body.dispatchEvent(key);
        };
        new MutationObserver(press).observe(document.querySelector('.q-menu'), { attributes: true });
    }""")

    page.keyboard.press('Escape')

    expect(page.get_by_role('dialog', name='Alerts')).to_contain_text('No alerts')
    assert page.evaluate('faded') is True


def test_opened_again_at_once_the_bell_does_not_come_twice(program: SynapseUnderTest, page: Page) -> None:
    fail(program, 'Still there.')
    expect(bell(page)).to_have_accessible_name('Alerts, 1 unseen (B)')
    page.evaluate("""() => {
        window.came = 0;
        const isBell = (node) => node.matches?.(".bl-pop");
        const count = (records) => { for (const r of records) window.came += [...r.addedNodes].filter(isBell).length; };
        new MutationObserver(count).observe(document.querySelector('.bl'), { subtree: true, childList: true });
    }""")

    for _ in range(10):
        open_bell(page)
        page.keyboard.press('Escape')

    expect(open_bell(page).get_by_role('listitem')).to_contain_text('Still there.')
    assert page.evaluate('came') == 11


def test_the_desktop_is_told_only_while_no_tab_is_in_sight_and_once_over_all_tabs(
    program: SynapseUnderTest, page: Page, context: BrowserContext
) -> None:
    other = context.new_page()
    other.goto(f'{program.url}settings')
    bell(other).wait_for()
    switch_on(page)
    page.evaluate('lookAway(true)')

    fail(program, 'The other tab is in sight.')
    expect(bell(page)).to_have_accessible_name('Alerts, 1 unseen (B)')
    told_of(page, 1)
    other.evaluate('lookAway(true)')
    (run,) = fail(program, 'Nobody looks.')
    told_of(page, 2)

    wait_until(lambda: len(made(page) + made(other)) == 1, timeout=20, what=lambda: str(made(page) + made(other)))
    (note,) = made(page) + made(other)
    assert (note['title'], note['body']) == ('Breaks failed at WORK', 'Nobody looks.')
    assert note['tag'].startswith('synapse-')
    teller = page if made(page) else other
    teller.evaluate('made[0].note.onclick()')
    teller.wait_for_url(f'**/runs/{run["number"]}')
    expect(bell(teller)).to_have_accessible_name('Alerts, 1 unseen (B)')
    other.close()


def test_on_the_desktop_work_takes_the_place_of_its_own_last_failure_and_of_no_other(
    program: SynapseUnderTest, page: Page
) -> None:
    switch_on(page)
    page.evaluate('lookAway(true)')
    fail(program, 'Backup.')
    wait_until(lambda: len(made(page)) == 1, timeout=20, what=lambda: str(made(page)))
    open_bell(page).get_by_role('button', name='Mark all as seen').click()
    expect(bell(page)).to_have_accessible_name('Alerts (B)')

    fail(program, 'Backup.', 'Film.')

    wait_until(lambda: len(made(page)) == 3, timeout=20, what=lambda: str(made(page)))
    tags: dict[str, set[str]] = {'Backup.': set(), 'Film.': set()}
    for note in made(page):
        tags[note['body']].add(note['tag'])
    assert [len(found) for found in tags.values()] == [1, 1]
    assert tags['Backup.'] != tags['Film.']
    assert page.evaluate('made.every((note) => note.renotify)')


def test_a_storm_makes_few_notifications(program: SynapseUnderTest, page: Page) -> None:
    switch_on(page)
    page.evaluate('lookAway(true)')

    fail(program, *(f'Storm {number}.' for number in range(6)))

    expect(bell(page)).to_have_accessible_name('Alerts, 6 unseen (B)')
    wait_until(lambda: len(made(page)) == 4, timeout=20, what=lambda: str(made(page)))
    assert re.fullmatch(r'\d unseen alerts', made(page)[3]['title'])
    assert len({note['tag'] for note in made(page)}) == 4
    page.evaluate('lookAway(false)')
    fail(program, 'After the storm.')
    expect(notices(page).last).to_contain_text('5 more alerts')
    assert len(made(page)) == 4


def test_a_browser_that_blocks_them_says_so_and_stays_off(page: Page) -> None:
    page.evaluate("Object.defineProperty(Notification, 'permission', { get: () => 'denied', configurable: true }); 0")

    opened = open_bell(page)
    switch = opened.get_by_role('switch', name='Desktop notifications')
    switch.click()

    expect(switch).to_have_attribute('aria-checked', 'false')
    expect(opened).to_contain_text('This browser blocks notifications from this address.')
    page.keyboard.press('Escape')
    page.evaluate('delete Notification.permission')


def told_of(page: Page, count: int) -> None:
    """Until the browser has dealt with so many alerts, whether it showed them or not."""

    def ids() -> int:
        return int(page.evaluate("(JSON.parse(localStorage.getItem('synapse-told') || '{}').ids || []).length"))

    wait_until(lambda: ids() == count, timeout=20, what=lambda: f'{ids()} are told')
