"""Counters, histogram and range of the Logs page in a real browser: what they count agrees, what they choose filters.

All tests share one program with six minutes of lines of other programs; what a test adds, it counts itself.
"""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest, wait_until

PART = 'getElement(Number(document.querySelector(".lh-box").id.slice(1)))'
LEVELS = ('info', 'info', 'info', 'success', 'warning', 'error')
SECONDS = 360


@pytest.fixture(scope='module')
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    program = forked(tmp_path_factory.mktemp('histogram') / 'data', '--workers', '2', '--no-login').start()
    try:
        now = datetime.now(UTC)
        with program.api as api:
            lines = [
                {
                    'level': LEVELS[second % len(LEVELS)],
                    'message': f'line {second}',
                    'source': 'elsewhere',
                    'timestamp': (now - timedelta(seconds=SECONDS - second)).isoformat(),
                }
                for second in range(SECONDS)
            ]
            api.post('/logs', json=lines).raise_for_status()
        yield program
    finally:
        program.stop()


@pytest.fixture
def page(program: SynapseUnderTest, context: BrowserContext, problems: list[str]) -> Iterator[Page]:
    page = context.new_page()
    page.goto(f'{program.url}logs')
    expect(page.locator('.lh-title')).to_have_text('Lines per 10 s')
    yield page
    assert problems == []


def plot(page: Page) -> Locator:
    return page.get_by_role('slider', name='Lines over time')


def counter(page: Page, group: str) -> Locator:
    return page.locator(f'.log-counter[data-group={group}]')


def drag(page: Page, start: float, end: float) -> None:
    """Over the plot, from one share of its width to another."""
    box = plot(page).bounding_box()
    assert box is not None
    middle = box['y'] + box['height'] / 2
    page.mouse.move(box['x'] + start * box['width'], middle)
    page.mouse.down()
    for share in (0.7 * start + 0.3 * end, end):
        page.mouse.move(box['x'] + share * box['width'], middle)
    page.mouse.up()


def drag_to_now(page: Page, start: float) -> None:
    """Select from there on; again if the last bar became full during the drag, which then ends before now."""
    while True:
        before = page.url
        drag(page, start, 0.999)
        page.wait_for_function('before => location.href !== before', arg=before)
        if page.url.endswith('~'):
            return
        plot(page).dblclick()
        page.wait_for_url(lambda url: 't=' not in url)


def asked(page: Page) -> dict[str, str]:
    """The address as the page has written it."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def moments(page: Page) -> list[datetime | None]:
    """Both ends of the range in the address."""
    return [datetime.fromisoformat(end) if end else None for end in asked(page)['t'].split('~')]


def drawn(page: Page) -> int:
    """How many lines are in the bars, of all levels."""
    return int(page.evaluate(f'[...{PART}.bars.values()].flat().reduce((sum, n) => sum + n, 0)'))


def counted(page: Page) -> int:
    """How many lines the counters say there are."""
    return sum(int(re.sub(r'\D', '', text)) for text in page.locator('.log-counter .v').all_inner_texts())


def stored(program: SynapseUnderTest) -> int:
    with program.api as api:
        return int(api.get('/logs/stats').raise_for_status().json()['total'])


def in_stretch(program: SynapseUnderTest, start: datetime, end: datetime | None) -> int:
    with program.api as api:
        given: dict[str, Any] = {'start': start.astimezone().isoformat()}
        if end is not None:
            given['end'] = end.astimezone().isoformat()
        return int(api.get('/logs/stats', params=given).raise_for_status().json()['total'])


def test_bars_counters_and_store_agree_after_a_flood(program: SynapseUnderTest, page: Page) -> None:
    printed = 4000
    run = program.create_run('RunCommand', command=[sys.executable, '-c', f'for n in range({printed}): print(n)'])
    program.wait_for_run(run['id'])

    wait_until(lambda: counted(page) == stored(program) >= printed + SECONDS, timeout=15)
    wait_until(lambda: drawn(page) == stored(program), timeout=15, what=lambda: f'{drawn(page)} of {stored(program)}')
    expect(counter(page, 'info')).to_have_accessible_name(re.compile(r'^Info .*\d+ in 5 min'))


def test_dragging_selects_handles_correct_and_a_double_click_clears(program: SynapseUnderTest, page: Page) -> None:
    drag(page, 0.62, 0.7)
    expect(page.locator('.lh-side')).to_contain_text(re.compile(r'selected .*, \d+ lines?'))
    page.wait_for_url(lambda url: 't=' in url)
    start, end = moments(page)
    assert start is not None
    assert end is not None
    assert timedelta(minutes=1) < end - start < timedelta(minutes=2)
    said = re.search(r'(\d+) lines', page.locator('.lh-side').inner_text())
    assert said is not None
    assert int(said[1]) == in_stretch(program, start, end) == (end - start).total_seconds()
    expect(page.locator('.log-range button').first).to_have_text(f'{start:%H:%M} to {end:%H:%M}')

    drag(page, 0.7, 0.66)
    page.wait_for_url(lambda url: end.strftime('%H%%3A%M%%3A%S') not in url)
    assert moments(page)[0] == start

    drag_to_now(page, 0.9)
    assert moments(page)[1] is None

    plot(page).dblclick()
    page.wait_for_url(lambda url: 't=' not in url)
    expect(page.get_by_role('button', name='Clear', exact=True)).to_be_hidden()


def test_a_small_selection_is_zoomed_into_and_goes_on_with_the_clock(page: Page) -> None:
    drag_to_now(page, 0.93)
    page.get_by_role('button', name='Zoom').click()
    expect(page.locator('.lh-title')).to_have_text(re.compile('Lines per (second|2 s)'))
    # Nothing is logged meanwhile.
    bars = page.evaluate(f'{PART}.frame.count')
    page.wait_for_function(f'bars => {PART}.frame.count > bars', arg=bars)

    page.get_by_role('button', name='All', exact=True).click()
    expect(page.locator('.lh-title')).to_have_text('Lines per 10 s')
    assert asked(page)['t'].endswith('~')


def test_keys_go_from_bar_to_bar_and_select(page: Page) -> None:
    plot(page).focus()
    for key in ['Home', *['PageUp'] * 6, 'Shift+ArrowLeft', 'Shift+ArrowLeft']:
        plot(page).press(key)
    expect(plot(page)).to_have_attribute('aria-valuetext', re.compile(r'^\d\d:\d\d:\d\d to .*, 30 lines: 15 info, '))
    assert 't' not in asked(page)

    plot(page).press('Enter')
    page.wait_for_url(lambda url: 't=' in url)
    start, end = moments(page)
    assert start is not None
    assert end == start + timedelta(seconds=30)

    plot(page).press('Escape')
    page.wait_for_url(lambda url: 't=' not in url)


def test_counters_show_and_hide_by_keys_and_by_hand(page: Page) -> None:
    error = page.locator('.lh-plot path.lv-error')
    expect(error).to_have_attribute('d', re.compile('M'))
    # What cannot be missed is at least four pixels high, however much more there is of the others.
    heights = re.findall(r'h[\d.]+v([\d.]+)', error.get_attribute('d') or '')
    assert min(map(float, heights)) >= 4

    page.keyboard.press('Alt+4')
    expect(counter(page, 'error')).to_have_attribute('aria-pressed', 'false')
    expect(error).to_have_attribute('d', '')
    page.wait_for_url(lambda url: url.endswith('levels=info%2Csuccess%2Cwarning'))

    counter(page, 'warning').click(modifiers=['Alt'])
    expect(page.locator('.log-counter[aria-pressed=true]')).to_have_count(1)
    page.wait_for_url(lambda url: url.endswith('levels=warning'))

    page.keyboard.press('Alt+0')
    expect(page.locator('.log-counter[aria-pressed=true]')).to_have_count(4)
    page.wait_for_url(lambda url: 'levels' not in url)


def test_a_range_is_chosen_from_a_list_or_typed_and_stays_after_a_reload(page: Page) -> None:
    button = page.locator('.log-range button').first
    button.click()
    page.get_by_role('button', name='Last hour').click()
    page.wait_for_url(lambda url: url.endswith('t=1h'))
    expect(page.locator('.lh-title')).to_have_text('Lines per minute')

    page.reload()
    expect(button).to_have_text('Last hour')
    expect(page.locator('.lh-side')).to_contain_text('selected ')

    button.click()
    page.get_by_label('To, day').fill('2001-01-01')
    page.get_by_role('button', name='Apply').click()
    expect(page.get_by_role('dialog').get_by_role('alert')).to_have_text('The end must be after the start.')
    assert asked(page)['t'] == '1h'

    page.get_by_label('To, day').fill('2150-01-01')
    page.get_by_label('To, day').press('Enter')
    page.wait_for_url(lambda url: '2150' in url)
