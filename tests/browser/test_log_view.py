"""The log in a real browser: history then live without hole or double, pause while reading, filters, one line."""

import re
import sys
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.harness import SynapseUnderTest, wait_until

SignIn = Callable[[SynapseUnderTest], Page]

ROWS = """() => {
  const grid = document.querySelector('.log-grid');
  const api = getElement(Number(grid.id.slice(1))).api;
  const rows = [];
  api.forEachNode((node) => rows.push(node.data));
  return rows;
}"""
PRINTER = """
import sys, time
first, last, pause = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
for number in range(first, last):
    print(f'line {number}', flush=True)
    time.sleep(pause)
"""


def rows_of(page: Page) -> list[dict[str, Any]]:
    return list(page.evaluate(ROWS))


def printed(page: Page) -> list[int]:
    return [int(row['m'].split()[1]) for row in rows_of(page) if re.fullmatch(r'line \d+', row['m'])]


def print_lines(program: SynapseUnderTest, count: int, *, pause: float = 0) -> dict[str, Any]:
    return program.create_run('RunCommand', command=[sys.executable, '-c', PRINTER, '0', str(count), str(pause)])


def say(program: SynapseUnderTest, *messages: str, level: str = 'info', source: str = 'test') -> None:
    with program.api as api:
        for message in messages:
            api.post('/logs', json={'level': level, 'message': message, 'source': source}).raise_for_status()


def open_page(program: SynapseUnderTest, sign_in: SignIn, address: str) -> Page:
    page = sign_in(program)
    page.goto(f'{program.url}{address}')
    page.locator('.log-grid .ag-root').wait_for()
    return page


def following(page: Page) -> Any:
    return page.locator('[data-key=follow]')


def test_history_and_live_lines_meet_without_hole_or_double(
    program: SynapseUnderTest, sign_in: SignIn, problems: list[str]
) -> None:
    page = sign_in(program)
    run = print_lines(program, 1500, pause=0.002)
    program.wait_for_run(run['id'], 'running')

    page.goto(f'{program.url}runs/{run["number"]}')
    program.wait_for_run(run['id'])
    expect(page.get_by_text('line 1499', exact=True)).to_be_visible()

    assert printed(page) == list(range(1500))
    seqs = [row['id'] for row in rows_of(page)]
    assert seqs == sorted(set(seqs))
    assert problems == []


def test_a_flood_leaves_the_newest_lines_in_a_bounded_grid(program: SynapseUnderTest, sign_in: SignIn) -> None:
    page = open_page(program, sign_in, 'logs')

    run = print_lines(program, 20_000)
    program.wait_for_run(run['id'], timeout=90)

    expect(page.get_by_text('has succeeded').last).to_be_visible(timeout=30_000)
    numbers = printed(page)
    assert numbers == list(range(numbers[0], 20_000))
    assert 4_000 < len(rows_of(page)) <= 5_000


def test_scrolling_up_pauses_and_the_pill_counts_what_comes(program: SynapseUnderTest, sign_in: SignIn) -> None:
    page = open_page(program, sign_in, 'logs')
    say(program, *(f'old {number}' for number in range(80)))
    expect(page.get_by_text('old 79', exact=True)).to_be_visible()

    body = page.locator('.log-grid .ag-body-viewport')
    body.hover()
    end = body.evaluate('e => e.scrollTop')
    page.mouse.wheel(0, -600)
    expect(following(page)).to_contain_text('Paused')
    # The wheel scrolls smoothly: what follows is measured from where it comes to rest.
    wait_until(lambda: body.evaluate('e => e.scrollTop') <= end - 599, timeout=10)
    top = body.evaluate('e => e.scrollTop')
    say(program, 'new 1', 'new 2', 'new 3')
    say(program, 'it broke', level='error')

    expect(page.locator('.log-new')).to_contain_text('4 new, 1 error')
    assert body.evaluate('e => e.scrollTop') == top
    page.locator('.log-grid').press('End')
    expect(page.get_by_text('it broke', exact=True).last).to_be_visible()
    expect(following(page)).to_contain_text('Following')
    expect(page.locator('.log-new')).to_be_hidden()


def test_counters_count_hide_and_live_in_the_address(program: SynapseUnderTest, sign_in: SignIn) -> None:
    page = open_page(program, sign_in, 'logs')
    page.get_by_role('button', name='+ Warning').click()
    page.get_by_role('button', name='+ Error').click()
    expect(page.get_by_role('button', name='Error, 1 line')).to_have_attribute('aria-pressed', 'true')

    page.get_by_role('button', name=re.compile('^Info, ')).click()
    expect(page.get_by_role('button', name=re.compile('^Info, '))).to_have_attribute('aria-pressed', 'false')
    wait_until(lambda: {row['l'] for row in rows_of(page)} == {'warning', 'error'}, timeout=10)
    say(program, 'hidden from the start')
    say(program, 'shown', level='warning')
    expect(page.get_by_text('shown', exact=True)).to_be_visible()

    assert 'hidden from the start' not in [row['m'] for row in rows_of(page)]
    expect(page).to_have_url(re.compile(re.escape('/logs?levels=success%2Cwarning%2Cerror') + '$'))
    page.reload()
    expect(page.get_by_role('button', name=re.compile('^Info, '))).to_have_attribute('aria-pressed', 'false')
    expect(page.get_by_text('shown', exact=True)).to_be_visible()


def test_a_search_asks_the_store_and_goes_on_live(program: SynapseUnderTest, sign_in: SignIn) -> None:
    page = open_page(program, sign_in, 'logs')
    say(program, 'ffmpeg wrote frame 12', 'something else')
    expect(page.get_by_text('something else')).to_be_visible()

    page.locator('.log-grid').press('/')
    page.keyboard.type('frame ff')
    expect(page.get_by_text('something else')).to_be_hidden()
    say(program, 'one more else', 'ffmpeg wrote frame 13')

    expect(page.get_by_text('ffmpeg wrote frame 13')).to_be_visible()
    assert [row['m'] for row in rows_of(page)] == ['ffmpeg wrote frame 12', 'ffmpeg wrote frame 13']
    expect(page.get_by_role('searchbox')).to_have_value('frame ff')


def test_a_link_opens_at_its_line_and_the_end_is_one_key_away(program: SynapseUnderTest, sign_in: SignIn) -> None:
    say(program, *(f'line {number}' for number in range(120)))
    with program.api as api:
        found = (
            api.get('/logs', params={'q': '"line 40"'}).json()['entries']
            or api.get('/logs?limit=500').json()['entries']
        )
    seq = next(entry['seq'] for entry in found if entry['message'] == 'line 40')

    page = open_page(program, sign_in, f'logs?line={seq}')

    marked = page.locator('.log-grid .ag-row.is-marked')
    expect(marked.first).to_be_visible()
    expect(page.get_by_text('line 40', exact=True)).to_be_visible()
    expect(following(page)).to_contain_text('Paused')
    page.locator('.log-grid').press('End')
    expect(page.get_by_text('line 119', exact=True)).to_be_visible()


def test_a_line_opens_with_all_of_its_text_and_markup_stays_text(
    program: SynapseUnderTest, sign_in: SignIn, problems: list[str]
) -> None:
    page = open_page(program, sign_in, 'logs')
    say(program, '<img src=x onerror="window.pwned=1">\nsecond line', source=':evil<b>')

    row = page.get_by_text('(and 1 more line)')
    row.click()

    opened = page.get_by_role('region', name='Opened line')
    expect(opened).to_contain_text('second line')
    expect(opened).to_contain_text('<img src=x')
    assert page.evaluate('window.pwned') is None
    opened.get_by_role('button', name='Only this source').click()
    wait_until(lambda: len(rows_of(page)) == 1, timeout=10)
    assert problems == []


def test_a_cleared_log_is_empty_on_every_open_page(program: SynapseUnderTest, sign_in: SignIn) -> None:
    page = open_page(program, sign_in, 'logs')
    say(program, 'soon gone')
    expect(page.get_by_text('soon gone')).to_be_visible()

    with program.api as api:
        api.delete('/logs').raise_for_status()

    expect(page.get_by_text('soon gone')).to_be_hidden()
    expect(page.get_by_text('cleared the log')).to_be_visible()
