"""One clock on every screen, that of the machine, wherever the browser is."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest

TOKYO = ZoneInfo('Asia/Tokyo')


@pytest.fixture(scope='module')
def tokyo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    """A machine in Tokyo."""
    data = tmp_path_factory.mktemp('tokyo') / 'data'
    program = forked(data, '--workers', '2', '--no-login', TZ='JST-9').start()
    yield program
    program.stop()


@pytest.fixture
def page(browser: Browser, tokyo: SynapseUnderTest) -> Iterator[Page]:
    """A browser in São Paulo, twelve hours behind."""
    context = browser.new_context(
        viewport={'width': 1440, 'height': 900}, reduced_motion='reduce', timezone_id='America/Sao_Paulo'
    )
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def said(program: SynapseUnderTest, message: str) -> datetime:
    """Log a line; the moment it got, as the clocks of the machine show it."""
    with program.api as api:
        entry = api.post('/logs', json={'level': 'warning', 'message': message}).raise_for_status().json()
    return datetime.fromisoformat(entry['timestamp']).astimezone(TOKYO)


def exactly(moment: datetime) -> str:
    return f'{moment:%H:%M:%S}.{moment.microsecond // 1000:03}'


def test_a_line_has_the_same_time_on_the_dashboard_and_on_logs(tokyo: SynapseUnderTest, page: Page) -> None:
    tokyo.wait_for_run(tokyo.create_run('RunCommand', command=['echo', 'so that there is a dashboard'])['id'])
    at = said(tokyo, 'of the machine')

    page.goto(tokyo.url)
    expect(page.locator('.dash .sy-log .r', has_text='of the machine').locator('.tm')).to_have_text(exactly(at))
    page.goto(f'{tokyo.url}logs')
    row = page.locator('.log-one', has_text='of the machine')

    expect(row.locator('.tm')).to_have_text(exactly(at))
    copied = page.evaluate("""() => {
        getSelection().selectAllChildren(document.querySelector('.log-rows'));
        const event = new ClipboardEvent('copy', { clipboardData: new DataTransfer(), cancelable: true });
        document.querySelector('.log-port').dispatchEvent(event);
        return event.clipboardData.getData('text/plain');
    }""")
    assert f'{at:%Y-%m-%d} {exactly(at)} WARN  api of the machine' in copied.splitlines()


def test_the_clock_above_says_the_time_of_the_machine_and_where_that_is(
    tokyo: SynapseUnderTest, page: Page, browser: Browser
) -> None:
    page.goto(f'{tokyo.url}runs')
    before = datetime.now(TOKYO)
    banner = page.get_by_role('banner')
    clock = banner.locator('[data-clock]')
    expect(clock).to_have_text(re.compile(r'^\w+ \d+ \w+, \d\d:\d\d$'))

    shown = clock.inner_text()

    around = (before, before + timedelta(minutes=1))
    assert shown in [f'{moment:%a} {moment.day} {moment:%b}, {moment:%H:%M}' for moment in around]
    expect(banner.get_by_text('Tokyo', exact=True)).to_be_visible()
    page.goto(f'{tokyo.url}logs')
    expect(banner.get_by_text('Tokyo time', exact=True)).to_be_visible()
    at_home = browser.new_context(timezone_id='Asia/Tokyo').new_page()
    at_home.goto(f'{tokyo.url}runs')
    expect(at_home.locator('[data-clock]')).to_be_visible()
    expect(at_home.get_by_role('banner').get_by_text('Tokyo', exact=True)).to_have_count(0)
    at_home.context.close()


def test_alerts_and_bars_say_the_time_of_the_machine(tokyo: SynapseUnderTest, page: Page) -> None:
    run = tokyo.create_run('RunCommand', command=['false'])
    failed_at = datetime.fromisoformat(tokyo.wait_for_run(run['id'])['finished_at']).astimezone(TOKYO)
    page.goto(f'{tokyo.url}logs')

    page.locator('.bl-button').click()
    titles = page.locator('.bl-pop .foot .sy-num').first
    expect(titles).to_have_attribute(
        'title', re.compile(f'{failed_at.day} {failed_at:%b} {failed_at:%Y}, {failed_at:%H:%M}:')
    )
    page.keyboard.press('Escape')
    bars = page.get_by_role('slider')
    bars.focus()
    page.keyboard.press('End')

    now = datetime.now(TOKYO)
    expect(bars).to_have_attribute('aria-valuetext', re.compile(f'(^|, ){now:%H}:|{now - timedelta(minutes=5):%H}:'))


def test_the_now_line_of_the_week_is_where_the_machine_is(tokyo: SynapseUnderTest, page: Page) -> None:
    page.goto(f'{tokyo.url}scheduler?view=week')
    line = page.locator('.wk-now')
    expect(line).to_be_attached()

    now = datetime.now(TOKYO)
    minutes = int(line.evaluate('(one) => one.style.getPropertyValue("--at")'))

    assert abs(minutes - (now.hour * 60 + now.minute)) <= 1


def test_settings_say_the_zone_why_and_from_which_data(tokyo: SynapseUnderTest, page: Page) -> None:
    page.goto(f'{tokyo.url}settings')

    time = page.get_by_role('region', name='Language and time')
    expect(time).to_contain_text('All times are shown in it: Asia/Tokyo.')
    expect(time).to_contain_text('TZ=JST-9 is a rule without a name; the clocks of Asia/Tokyo show the same.')
    with tokyo.api as api:
        version = api.get('/status').json()['timezone_data']['version']
    expect(page.get_by_role('region', name='Calendar', exact=True)).to_contain_text(version)


def test_a_run_says_when_it_was_by_the_clock_of_the_machine(tokyo: SynapseUnderTest, page: Page) -> None:
    run = tokyo.create_run('RunCommand', command=['true'])
    started = datetime.fromisoformat(tokyo.wait_for_run(run['id'])['started_at']).astimezone(TOKYO)

    page.goto(f'{tokyo.url}runs/{run["number"]}')

    expect(page.locator('.run-facts')).to_contain_text(f'Today {started:%H:%M:%S} to')


def test_a_browser_whose_clock_is_wrong_shows_that_of_the_machine(tokyo: SynapseUnderTest, page: Page) -> None:
    run = tokyo.create_run('RunCommand', command=['sleep', '60'])
    tokyo.wait_for_run(run['id'], 'running')
    said(tokyo, 'before the cut')
    page.clock.install(time=datetime.now(TOKYO) - timedelta(hours=3))
    page.goto(f'{tokyo.url}runs/{run["number"]}')
    bar = page.locator('[data-grows-from]').first
    expect(bar).to_be_attached()
    page.clock.run_for(2_000)  # it grows every half second

    assert float(bar.evaluate('(one) => parseFloat(one.style.width)')) > 1  # not before it began

    page.goto(f'{tokyo.url}logs?source=api')
    expect(page.get_by_text('before the cut')).to_be_visible()
    page.evaluate('() => window.socket.io.engine.close()')
    expect(page.locator('html')).to_have_attribute('data-connection', 'live')
    at = said(tokyo, 'after the cut')
    row = page.locator('.log-one', has_text='after the cut')
    expect(row).to_contain_text('No connection from')
    hours = {f'{moment:%H}' for moment in (at, at - timedelta(minutes=1))}
    times = re.findall(r'(\d\d):\d\d', row.inner_text().partition('No connection')[2].partition('.')[0])
    assert times
    assert set(times) <= hours
    with tokyo.api as api:
        api.post(f'/runs/{run["id"]}/cancel', json={'now': True}).raise_for_status()
