"""50,000 lines in two tabs while somebody reads, searches, restarts the program or pulls the cable; and hostile lines.

What the step printed, what the store holds and what each tab shows from its first line to its last must be the same.
"""

import contextlib
import json
import re
import selectors
import socket
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect

from synapse.log.text import plain, visible
from tests.parts.chromium import ARGUMENTS
from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest, wait_until
from tests.parts.hostile import FIELDS, HOSTILE

pytestmark = pytest.mark.timeout(240)

LINES = 50_000
FEWER = 6_000
"""Enough for a program or a cable to go in the middle, and few enough for two tabs to scroll through all of them."""
BEFORE = 300
PRINTER = """
import sys, time
from pathlib import Path
before, lines, go, enough = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
for number in range(before):
    print(f'line {number}')
sys.stdout.flush()
while not go.exists():
    time.sleep(0.01)
for number in range(before, before + lines):
    print(f'line {number}')
    if number % 100 == 0:
        sys.stdout.flush()
        time.sleep(0.01)   # ten times what the page shows
    elif number > before + lines * 0.9 and not enough.exists():
        sys.stdout.flush()
        time.sleep(0.01)
sys.stdout.flush()
if len(sys.argv) > 5:
    time.sleep(600)
"""
IS_WHOLE = """(end) => {
    const { lines } = getElement(Number(document.querySelector('.log-lines').id.slice(1)));
    return !lines.isAtEnd || lines.report().last >= end;
}"""
WALK = """async (end) => {
    const view = getElement(Number(document.querySelector('.log-lines').id.slice(1)));
    const port = document.querySelector('.log-port');
    const found = [], late = performance.now() + 100000;
    let last = 0;
    while (last < end && performance.now() < late) {
        for (const row of view.rows())
            if (row.first > last) { found.push([row.first, row.last, row.count, row.text]); last = row.last; }
        port.scrollTop = port.scrollHeight;
        await new Promise(requestAnimationFrame);
    }
    return found;
}"""
WATCH = """(seq) => {
    const place = () => document.querySelector(`.log-one[data-seq="${seq}"]`)?.getBoundingClientRect().top ?? 1e9;
    const seen = (window.seen = { moved: 0, frames: 0, longest: 0 });
    const start = place();
    let before = performance.now();
    const look = (now) => {
        if (window.seen !== seen) return;
        seen.moved = Math.max(seen.moved, Math.abs(place() - start));
        seen.longest = Math.max(seen.longest, now - before);
        seen.frames += 1;
        before = now;
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}"""


class Cable:
    """Between the browser and the program: can be pulled, which cuts all connections and lets none in."""

    def __init__(self, port: int) -> None:
        self._target = ('127.0.0.1', port)
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port = self._listener.getsockname()[1]
        self._is_pulled = False
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def pull(self) -> None:
        with self._lock:
            self._is_pulled = True
            for end in self._ends:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def plug(self) -> None:
        with self._lock:
            self._is_pulled = False

    def close(self) -> None:
        self.pull()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=[near], daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError), socket.create_connection(self._target, 5) as far:
            with self._lock:
                if self._is_pulled:
                    return
                self._ends |= {near, far}
            try:
                _carry(near, far)
            finally:
                with self._lock:
                    self._ends -= {near, far}


def _carry(near: socket.socket, far: socket.socket) -> None:
    with selectors.DefaultSelector() as ready:
        ready.register(near, selectors.EVENT_READ, far)
        ready.register(far, selectors.EVENT_READ, near)
        while True:
            for key, _ in ready.select():
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                if not data:
                    return
                key.data.sendall(data)


@pytest.fixture(scope='module')
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    program = forked(tmp_path_factory.mktemp('floods') / 'data', '--workers', '2', '--no-login').start()
    yield program
    program.stop()


@pytest.fixture(scope='module')
def cable(program: SynapseUnderTest) -> Iterator[Cable]:
    cable = Cable(program.port)
    yield cable
    cable.close()


@pytest.fixture(scope='module')
def browser(
    playwright: Playwright, program: SynapseUnderTest, cable: Cable, chromium_path: str | None
) -> Iterator[Browser]:
    # Chromium keeps the address of the program, which lets in no other, but goes there by the cable.
    by_cable = f'--host-resolver-rules=MAP 127.0.0.1:{program.port} 127.0.0.1:{cable.port}'
    browser = playwright.chromium.launch(executable_path=chromium_path, args=[*ARGUMENTS, by_cable])
    yield browser
    browser.close()


class Flood:
    """A run that prints 300 lines, and the others when it is let go.

    :param is_held: whether the last tenth drips until it is `enough`, so that the flood lasts while pages are used
    """

    def __init__(
        self,
        program: SynapseUnderTest,
        folder: Path,
        *,
        lines: int = LINES,
        is_endless: bool = False,
        is_held: bool = False,
    ) -> None:
        self._program = program
        self._gate, self._end = folder / 'go', folder / 'enough'
        if not is_held:
            self.enough()
        more = ['for long'] if is_endless else []
        command = [sys.executable, '-c', PRINTER, str(BEFORE), str(lines), str(self._gate), str(self._end), *more]
        self.run = program.create_run('RunCommand', command=command)
        self.total = BEFORE + lines
        wait_until(lambda: f'line {BEFORE - 1}' in self.newest(), timeout=20)

    def newest(self) -> list[str]:
        with self._program.api as api:
            entries = api.get(f'/runs/{self.run["id"]}/logs', params={'limit': 20}).json()['entries']
        return [entry['message'] for entry in entries]

    def let_go(self) -> None:
        self._gate.touch()

    def enough(self) -> None:
        self._end.touch()

    def has_printed(self, count: int) -> bool:
        """Whether so many lines, or more, are in the log."""
        return any(int(number) >= count for text in self.newest() for number in re.findall(r'^line (\d+)$', text))

    def stored(self) -> list[tuple[int, str]]:
        """Number and text of each line of the run that is in the store, oldest first."""
        with self._program.api as api:
            exported = api.get('/logs/export', params={'run': self.run['id'], 'format': 'jsonl'})
        found = [(row['seq'], row['message']) for row in map(json.loads, exported.text.splitlines())]
        assert all(one[0] < other[0] for one, other in pairwise(found))
        return found


def open_tab(program: SynapseUnderTest, context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(f'{program.url}{address}')
    page.locator('.log-port').wait_for()
    return page


def open_two(program: SynapseUnderTest, context: BrowserContext, flood: Flood) -> list[Page]:
    """Two tabs with the lines of the run, of which both show the last one so far."""
    tabs = [open_tab(program, context, f'logs?run={flood.run["id"]}') for _ in range(2)]
    for page in tabs:
        expect(line(page, BEFORE - 1)).to_be_visible()
    return tabs


def line(page: Page, number: int) -> Locator:
    return page.get_by_text(f'line {number}', exact=True)


def following(page: Page) -> Locator:
    return page.locator('[data-key=follow]')


def walked(page: Page, end: int) -> list[tuple[int, str]]:
    """Number and text of each row from the very first to the one with this number, as scrolling down shows them."""
    page.bring_to_front()  # others draw seldom
    page.locator('.log-port').focus()
    page.keyboard.press('Home')
    # While it follows a flood it shows a sample and says so; who stops to read gets every line.
    expect(following(page)).to_contain_text('Paused')
    expect(page.locator('.log-notice')).to_be_hidden()
    expect(page.get_by_text('The log starts here')).to_be_visible()
    # What reaches to the end has all lines by now, and follows who scrolls down: to the newest, wherever that is.
    wait_until(lambda: page.evaluate(IS_WHOLE, end), timeout=10)
    rows = page.evaluate(WALK, end)
    assert all(count == last - first + 1 for first, last, count, _ in rows)
    return [(first, text) for first, _, _, text in rows]


def check_agreement(flood: Flood, tabs: list[Page]) -> list[int]:
    """The store and both tabs have the same; gives the numbers the step printed that are in it."""
    stored = flood.stored()
    for page in tabs:
        # Rules between steps have words of their own; all else is word for word what was stored.
        shown = dict(walked(page, stored[-1][0]))
        assert list(shown) == [seq for seq, _ in stored]
        assert {seq: text for seq, text in shown.items() if text.startswith('line ')} == {
            seq: text for seq, text in stored if text.startswith('line ')
        }
    return [int(text.split()[1]) for _, text in stored if re.fullmatch(r'line \d+', text)]


def test_who_reads_stays_put_and_who_searches_finds_while_50_000_lines_come(
    program: SynapseUnderTest, context: BrowserContext, tmp_path: Path, problems: list[str]
) -> None:
    flood = Flood(program, tmp_path, is_held=True)
    reader, searcher = open_two(program, context, flood)
    reader.bring_to_front()  # others draw seldom
    reader.locator('.log-port').hover()
    reader.mouse.wheel(0, -2_000)
    expect(following(reader)).to_contain_text('Paused')
    port = reader.locator('.log-port')
    # The wheel scrolls smoothly: what is watched begins where it comes to rest.
    wait_until(lambda: len({port.evaluate('e => e.scrollTop') for _ in range(5)}) == 1, timeout=10)
    middle = reader.evaluate("""() => {
        const box = document.querySelector('.log-port').getBoundingClientRect();
        const under = document.elementFromPoint(box.left + 200, box.top + box.height / 2);
        return Number(under.closest('.log-one').dataset.seq);
    }""")
    reader.evaluate(WATCH, middle)

    flood.let_go()
    wait_until(lambda: flood.has_printed(2_000), timeout=20)
    searcher.locator('.log-port').press('/')
    searcher.keyboard.type('line 77')
    expect(searcher.locator('.log-search .at')).to_contain_text('found')
    expect(reader.locator('.log-new')).to_be_visible()
    was_in_the_flood = not flood.has_printed(flood.total - 1)
    flood.enough()
    program.wait_for_run(flood.run['id'])
    expect(reader.locator('.log-new')).to_contain_text('999+')
    seen = reader.evaluate('() => { const seen = window.seen; window.seen = null; return seen; }')
    found = sum('line 77' in f'line {number}' for number in range(flood.total))
    expect(searcher.locator('.log-search .at')).to_have_text(re.compile(f'^({found}|{found:,}) found$'))

    assert was_in_the_flood, 'the flood was over before anything could be asked of the pages'
    assert seen['moved'] < 0.5
    assert seen['frames'] > 10
    assert seen['longest'] < 5_000
    assert check_agreement(flood, [reader]) == list(range(flood.total))
    for number, key in ((0, 'Home'), (flood.total - 1, 'End')):
        searcher.locator('.log-port').press(key)
        expect(line(searcher, number)).to_be_visible()
    assert problems == []


def test_a_pulled_cable_in_the_middle_leaves_neither_hole_nor_double(
    program: SynapseUnderTest, cable: Cable, context: BrowserContext, tmp_path: Path
) -> None:
    flood = Flood(program, tmp_path, lines=FEWER)
    tabs = open_two(program, context, flood)
    tabs[1].keyboard.press('PageUp')

    flood.let_go()
    wait_until(lambda: flood.has_printed(1_000), timeout=20)
    cable.pull()
    for page in tabs:
        expect(page.locator('html')).not_to_have_attribute('data-connection', 'live')
    wait_until(lambda: flood.has_printed(flood.total // 2), timeout=20)
    cable.plug()
    program.wait_for_run(flood.run['id'])
    for page in tabs:
        expect(page.locator('html')).to_have_attribute('data-connection', 'live')

    assert check_agreement(flood, tabs) == list(range(flood.total))


@pytest.mark.parametrize('end', ['SIGTERM', 'SIGKILL'])
def test_a_program_that_is_ended_in_the_middle_and_started_again_shows_what_it_kept(
    program: SynapseUnderTest, context: BrowserContext, tmp_path: Path, end: str
) -> None:
    # A step that is asked to end may go on for ten seconds: this one prints to its end, and then it does.
    flood = Flood(program, tmp_path, lines=FEWER, is_endless=end == 'SIGKILL')
    tabs = open_two(program, context, flood)

    flood.let_go()
    wait_until(lambda: flood.has_printed(1_000), timeout=20)
    port = program.port
    if end == 'SIGKILL':
        program.kill9()
    else:
        program.stop()
    program.start(port=port)
    for page in tabs:
        expect(page.locator('html')).to_have_attribute('data-connection', 'live')
    with program.api as api:
        said = api.post('/logs', json={'level': 'info', 'message': 'after the restart', 'run': flood.run['id']})
    assert said.status_code == 201, said.text
    for page in tabs:
        expect(page.get_by_text('after the restart', exact=True)).to_be_visible()

    numbers = check_agreement(flood, tabs)
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 1_000


def test_hostile_lines_are_text_and_nothing_else(
    program: SynapseUnderTest, context: BrowserContext, problems: list[str]
) -> None:
    asked: list[str] = []
    dialogs: list[str] = []
    context.on('request', lambda request: asked.append(request.url))
    context.on('dialog', lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    with program.api as api:
        entries = [
            {
                'level': 'info',
                'message': f'{text}\n{text}',
                'source': f'hostile<b>{name}',
                'fields': FIELDS | {'text': text},
            }
            for name, text in HOSTILE.items()
        ]
        sent = api.post('/logs', json=entries)
        assert sent.status_code == 201, sent.text
    first = sent.json()[0]['seq']
    page = open_tab(program, context, f'logs?line={first}')

    for entry, text in zip(sent.json(), HOSTILE.values(), strict=True):
        row = page.locator(f'.log-one[data-seq="{entry["seq"]}"]')
        row.wait_for()
        assert row.locator('.txt').evaluate('e => e.textContent') == visible(plain(text)), text
        row.locator('.r').press('Enter')
        expect(row.locator('.detail'), text).to_contain_text(':onclick')
        row.locator('.r').press('Enter')
    page.locator('.log-port').press('/')
    for text in ('<script>', 'onerror', '\u202e'):
        page.get_by_role('searchbox').fill(text)
        expect(page.locator('.log-search .at')).to_contain_text(re.compile('found|of'))

    assert page.evaluate('window.pwned') is None
    assert page.evaluate('({}).polluted') is None
    assert page.locator('.log-lines :is(script, img, iframe, svg[onload], b[onclick])').count() == 0
    assert page.title().startswith('Logs') or 'Synapse' in page.title()
    assert [url for url in asked if not url.startswith((program.url, 'data:', 'blob:'))] == []
    assert dialogs == []
    assert problems == []
