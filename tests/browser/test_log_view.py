"""The log in a real browser: history then live without hole or double, pause while reading, search, filters, one line.

All tests share one program; each looks at lines of a source or run of its own.
"""

import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest, wait_until

ROWS = "() => getElement(Number(document.querySelector('.log-lines').id.slice(1))).rows()"
PRINTER = """
import sys, time
first, last, pause = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
for number in range(first, last):
    print(f'line {number}', flush=True)
    time.sleep(pause)
"""


@pytest.fixture(scope='module')
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    program = forked(tmp_path_factory.mktemp('log') / 'data', '--workers', '2', '--no-login').start()
    yield program
    program.stop()


def rows_of(page: Page) -> list[dict[str, Any]]:
    return list(page.evaluate(ROWS))


def texts_of(page: Page) -> list[str]:
    return [row['text'] for row in rows_of(page)]


def printed(page: Page) -> list[int]:
    return [int(text.split()[1]) for text in texts_of(page) if re.fullmatch(r'line \d+', text)]


def print_lines(program: SynapseUnderTest, count: int, *, pause: float = 0) -> dict[str, Any]:
    return program.create_run('RunCommand', command=[sys.executable, '-c', PRINTER, '0', str(count), str(pause)])


def say(program: SynapseUnderTest, source: str, *messages: str, level: str = 'info') -> list[int]:
    with program.api as api:
        return [
            api.post('/logs', json={'level': level, 'message': message, 'source': source})
            .raise_for_status()
            .json()['seq']
            for message in messages
        ]


def open_page(program: SynapseUnderTest, context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(f'{program.url}{address}')
    page.locator('.log-port').wait_for()
    return page


def following(page: Page) -> Locator:
    return page.locator('[data-key=follow]')


def line(page: Page, text: str) -> Locator:
    return page.locator('.log-one', has=page.get_by_text(text, exact=True))


def port(page: Page) -> Locator:
    return page.locator('.log-port')


def menu(page: Page, words: str) -> Locator:
    expect(page.get_by_role('menuitem', name=words)).to_have_count(0)  # one that fades out would take the press
    page.locator('.log-tools').get_by_role('button', name='More').click()
    return page.get_by_role('menuitem', name=words)


def test_history_and_live_lines_meet_without_hole_or_double(
    program: SynapseUnderTest, context: BrowserContext, problems: list[str]
) -> None:
    page = context.new_page()
    run = print_lines(program, 1500, pause=0.002)
    program.wait_for_run(run['id'], 'running')

    page.goto(f'{program.url}runs/{run["number"]}')
    program.wait_for_run(run['id'])
    expect(page.get_by_text('line 1499', exact=True)).to_be_visible()
    # A busy machine hands over many lines at once, as a sample: whoever scrolls then gets those around only.
    expect(page.locator('.log-notice')).to_be_hidden()
    wait_until(lambda: port(page).evaluate('e => { e.scrollTop = 0 }') or len(printed(page)) == 1500, timeout=20)

    expect(page.get_by_text('The log starts here')).to_be_visible()
    assert printed(page) == list(range(1500))
    assert all(later['first'] == earlier['last'] + 1 for earlier, later in pairwise(rows_of(page)))
    assert problems == []


def test_one_line_is_open_at_a_time_and_with_shift_others_stay(
    program: SynapseUnderTest, context: BrowserContext
) -> None:
    say(program, 'opened', *(f'to open {number}' for number in range(9)))
    page = open_page(program, context, 'logs?source=opened')
    details = page.locator('.log-one .detail')

    page.get_by_text('to open 2', exact=True).click()
    expect(details).to_have_count(1)
    page.get_by_text('to open 5', exact=True).click(modifiers=['Shift'])
    expect(details).to_have_count(2)
    assert page.evaluate('String(getSelection())') == ''
    page.get_by_text('to open 7', exact=True).click()

    expect(details).to_have_count(1)
    expect(line(page, 'to open 7').locator('.detail')).to_be_visible()


def test_scrolling_up_pauses_and_the_view_does_not_move_while_lines_come(
    program: SynapseUnderTest, context: BrowserContext
) -> None:
    say(program, 'still', *(f'old {number}' for number in range(80)))
    page = open_page(program, context, 'logs?source=still')
    expect(page.get_by_text('old 79', exact=True)).to_be_visible()

    port(page).hover()
    page.mouse.wheel(0, -600)
    expect(following(page)).to_contain_text('Paused')
    expect(page.get_by_text('old 50', exact=True)).to_be_visible()
    # The wheel scrolls smoothly: what follows is measured from where it comes to rest.
    wait_until(lambda: len({port(page).evaluate('e => e.scrollTop') for _ in range(5)}) == 1, timeout=10)
    before = line(page, 'old 50').bounding_box()
    say(program, 'still', 'new 1', 'new 2', 'new 3')
    say(program, 'still', 'it broke', level='error')

    expect(page.locator('.log-new')).to_contain_text('4 new, 1 error')
    assert line(page, 'old 50').bounding_box() == before
    port(page).press('End')
    expect(page.get_by_text('it broke', exact=True)).to_be_visible()
    expect(following(page)).to_contain_text('Following')
    expect(page.locator('.log-new')).to_be_hidden()


def test_a_search_finds_counts_leads_and_hides_nothing(program: SynapseUnderTest, context: BrowserContext) -> None:
    say(program, 'find', 'ffmpeg wrote frame 1', 'nothing here', 'Ffmpeg wrote frame 2', 'ffmpeg wrote frame 3')
    page = open_page(program, context, 'logs?source=find')
    field, count = page.get_by_role('searchbox'), page.locator('.log-search .at')

    port(page).press('/')
    page.keyboard.type('ffmpeg')
    expect(count).to_have_text('3 found')
    expect(page.get_by_text('nothing here')).to_be_visible()
    expect(page.locator('.log-one mark')).to_have_text(['ffmpeg', 'Ffmpeg', 'ffmpeg'])
    field.press('Enter')
    expect(count).to_have_text('3 of 3')
    field.press('Shift+Enter')
    expect(count).to_have_text('2 of 3')
    expect(page.locator('.is-current')).to_contain_text('frame 2')
    say(program, 'find', 'and ffmpeg frame 4')
    expect(count).to_have_text('2 of 4')

    page.get_by_role('button', name='Match case').click()
    expect(count).to_have_text('3 found')
    page.get_by_role('button', name='Regular expression').click()
    field.fill(r'frame [13')
    expect(count).to_have_text('Invalid pattern')
    expect(page.locator('.log-one mark').first).to_be_visible()
    field.fill(r'frame [13]')
    expect(count).to_have_text('2 found')
    expect(page).to_have_url(re.compile(r'q=frame\+%5B13%5D&case=1&regex=1$'))
    menu(page, 'Only matches').click()
    expect(page.get_by_text('nothing here')).to_be_hidden()
    page.reload()
    expect(count).to_have_text('2 found')
    wait_until(lambda: texts_of(page) == ['ffmpeg wrote frame 1', 'ffmpeg wrote frame 3'], timeout=10)


@pytest.mark.parametrize('asked', ['newer', 'older'])
def test_what_was_asked_of_an_earlier_window_leaves_no_hole_in_this_one(
    program: SynapseUnderTest, context: BrowserContext, asked: str
) -> None:
    run = print_lines(program, 2_000)
    program.wait_for_run(run['id'])
    page = open_page(program, context, f'logs?run={run["id"]}')
    expect(line(page, 'line 1999')).to_be_visible()
    middle = rows_of(page)[100]['first']
    port(page).press('Home')
    expect(page.get_by_text('The log starts here')).to_be_visible()

    # As it was said before a cut of the connection, and is heard after it.
    page.evaluate(
        """([asked, seq]) =>
            getElement(Number(document.querySelector('.log-lines').id.slice(1))).lines.say(asked, seq)""",
        [asked, middle],
    )

    def has_scrolled_on() -> bool:
        port(page).evaluate('element => { element.scrollTop = element.scrollHeight; }')
        return len(rows_of(page)) > 1_100

    wait_until(has_scrolled_on, timeout=10)
    assert printed(page) == list(range(len(printed(page))))


def test_a_link_opens_at_its_line_and_the_end_is_one_key_away(
    program: SynapseUnderTest, context: BrowserContext
) -> None:
    seqs = say(program, 'link', *(f'row {number}' for number in range(120)))

    page = open_page(program, context, f'logs?line={seqs[40]}')

    expect(page.locator('.is-current')).to_contain_text('row 40')
    expect(following(page)).to_contain_text('Paused')
    port(page).press('End')
    expect(page.get_by_text('row 119', exact=True)).to_be_visible()
    expect(following(page)).to_contain_text('Following')


def test_a_line_opens_with_all_of_its_text_and_markup_stays_text(
    program: SynapseUnderTest, context: BrowserContext, problems: list[str]
) -> None:
    say(program, ':evil<b>', '<img src=x onerror="window.pwned=1">\nsecond line')
    say(program, 'other', 'another source')
    page = open_page(program, context, 'logs')

    page.locator('.log-one .r', has_text='+1 line').click()
    opened = page.locator('.detail')
    expect(opened).to_contain_text('second line')
    expect(opened).to_contain_text('<img src=x')
    expect(following(page)).to_contain_text('Paused')
    assert page.evaluate('window.pwned') is None
    opened.get_by_role('button', name='Only this source').click()
    expect(page.get_by_text('another source')).to_be_hidden()
    opened.get_by_role('button', name='See in context').click()
    expect(page.get_by_text('another source').first).to_be_visible()
    expect(page.locator('.is-current')).to_contain_text('<img')
    assert problems == []


def test_a_traceback_shows_its_last_frame_until_all_of_it_is_asked_for(
    program: SynapseUnderTest, context: BrowserContext
) -> None:
    frames = ''.join(f'  File "part_{number}.py", line {number}, in work\n    go()\n' for number in range(5))
    say(program, 'trace', f'Traceback (most recent call last):\n{frames}ValueError: it broke', level='error')
    page = open_page(program, context, 'logs?source=trace')

    line(page, 'ValueError: it broke').locator('.r').click()
    opened = page.locator('.detail .in')
    expect(opened).to_contain_text('part_4.py')
    expect(opened).not_to_contain_text('part_0.py')
    opened.get_by_role('button', name='Show 4 more frames').click()
    expect(opened).to_contain_text('part_0.py')


def test_lines_that_repeat_fold_into_one_with_a_live_count(program: SynapseUnderTest, context: BrowserContext) -> None:
    page = open_page(program, context, 'logs?source=again')
    say(program, 'again', *(['no answer yet'] * 5))
    expect(page.locator('.log-one')).to_have_text(re.compile('×5no answer yet$'))
    say(program, 'again', *(['no answer yet'] * 3), 'an answer')

    expect(page.locator('.log-one').first).to_have_text(re.compile('×8no answer yet$'))
    expect(page.locator('.log-one')).to_have_count(2)
    port(page).press('.')
    expect(page.locator('.log-one')).to_have_count(9)


def test_terminal_colours_are_styles_and_are_not_copied(program: SynapseUnderTest, context: BrowserContext) -> None:
    say(program, 'ansi', '\x1b[31mred\x1b[0m and plain', 'next line')
    page = open_page(program, context, 'logs?source=ansi')

    expect(page.locator('.log-one .a-fg-1')).to_have_text('red')
    expect(page.get_by_text('red and plain')).to_be_visible()
    copied = page.evaluate(
        """() => {
            getSelection().selectAllChildren(document.querySelector('.log-rows'));
            const data = new DataTransfer();
            document.querySelector('.log-port').dispatchEvent(new ClipboardEvent('copy', { clipboardData: data }));
            return data.getData('text/plain');
        }"""
    )
    assert [text.split(' ', 2)[2] for text in copied.splitlines()] == [
        'INFO  ansi red and plain',
        'INFO  ansi next line',
    ]


def test_the_keyboard_does_it_all(program: SynapseUnderTest, context: BrowserContext) -> None:
    say(program, 'keys', 'first', 'wide ' * 200, 'last')
    page = open_page(program, context, 'logs?source=keys')
    expect(page.get_by_text('last', exact=True)).to_be_visible()

    port(page).press('ArrowUp')
    page.keyboard.press('ArrowUp')
    page.keyboard.press('Enter')
    expect(page.locator('.detail')).to_have_count(1)
    page.keyboard.press('Escape')
    expect(page.locator('.detail')).to_have_count(0)
    page.keyboard.press('w')
    wait_until(lambda: (page.locator('.r.is-current').bounding_box() or {})['height'] > 40, timeout=20)
    page.keyboard.press('w')
    page.keyboard.press('c')
    expect(page.get_by_text('The view is cleared')).to_be_visible()
    say(program, 'keys', 'after it')
    expect(page.locator('.log-one')).to_have_count(1)
    page.keyboard.press('c')
    expect(page.get_by_text('first', exact=True)).to_be_visible()


def test_test_lines_are_written_and_only_what_is_filtered_is_taken_along(
    program: SynapseUnderTest, context: BrowserContext
) -> None:
    page = open_page(program, context, 'logs?source=test&levels=warning,error')
    for words in ('+ Info', '+ Success', '+ Warning', '+ Error'):
        menu(page, words).click()

    expect(page.get_by_text('A test line: this failed')).to_be_visible()
    assert texts_of(page) == ['A test line: have a look', 'A test line: this failed']
    with page.expect_download() as download:
        page.get_by_role('link', name='Download as text').first.click()
    taken = download.value.path().read_text()
    assert [text.partition('test ')[2] for text in taken.splitlines()] == texts_of(page)


def test_a_cleared_log_is_empty_on_every_open_page(program: SynapseUnderTest, context: BrowserContext) -> None:
    page = open_page(program, context, 'logs')
    say(program, 'clear', 'soon gone')
    expect(page.get_by_text('soon gone')).to_be_visible()

    menu(page, 'Clear the log').click()
    page.get_by_role('button', name='Keep it').click()
    expect(page.get_by_text('soon gone')).to_be_visible()
    menu(page, 'Clear the log').click()
    page.get_by_role('button', name='Clear the log', exact=True).click()

    expect(page.get_by_text('soon gone')).to_be_hidden()
    expect(page.get_by_text('cleared the log')).to_be_visible()


def test_a_cut_of_the_connection_is_marked_where_it_was(program: SynapseUnderTest, context: BrowserContext) -> None:
    say(program, 'cut', 'before it')
    page = open_page(program, context, 'logs?source=cut')
    expect(page.get_by_text('before it')).to_be_visible()

    page.evaluate('() => window.socket.io.engine.close()')
    expect(page.locator('html')).to_have_attribute('data-connection', 'live')
    say(program, 'cut', 'after it')

    expect(page.get_by_text('after it')).to_be_visible()
    expect(page.locator('.log-one', has_text='after it')).to_contain_text('No connection from')
    assert texts_of(page) == ['before it', 'after it']
