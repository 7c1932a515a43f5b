"""Rows that are still being written, in a real browser: they change in place and become one stored line."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest

SEEN = """
const seen = window.seen = [];
const look = () => {
  const text = document.querySelector('.log-live .txt')?.textContent || '';
  if (text && text !== seen.at(-1)?.text) seen.push({ text, at: performance.now() });
};
const parts = { subtree: true, childList: true, characterData: true };
new MutationObserver(look).observe(document.querySelector('.log-live'), parts);
look();
"""
ROWS = "() => getElement(Number(document.querySelector('.log-lines').id.slice(1))).rows().map((row) => row.text)"
TQDM = 'import time, tqdm\nfor _ in tqdm.tqdm(range(40), ascii=True): time.sleep(0.1)'
NESTED = """
import os, sys, time, tqdm
def wait():
    while not os.path.exists(sys.argv[1]): time.sleep(0.02)
outer = tqdm.tqdm(total=3, desc='outer', mininterval=0)
for number in range(3):
    with tqdm.tqdm(total=2, desc='inner', mininterval=0, position=1) as inner:
        for step in range(2):
            inner.update()
            if number == 1 and step == 0: wait()
    outer.update()
outer.close()
"""
UPLOAD = """
import os, sys, time
print(f'Uploading {sys.argv[2]}... ', end='', flush=True)
while not os.path.exists(sys.argv[1]): time.sleep(0.02)
print('done')
"""


@pytest.fixture(scope='module')
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    program = forked(tmp_path_factory.mktemp('live') / 'data', '--workers', '2', '--no-login').start()
    yield program
    program.stop()


def run_python(program: SynapseUnderTest, code: str, *arguments: str, **parameters: Any) -> dict[str, Any]:
    return program.create_run('RunCommand', command=[sys.executable, '-c', code, *arguments], **parameters)


def stored(program: SynapseUnderTest, run: dict[str, Any]) -> list[str]:
    with program.api as api:
        entries = api.get(f'/runs/{run["id"]}/logs').raise_for_status().json()['entries']
    return [entry['message'] for entry in reversed(entries)]


def open_page(program: SynapseUnderTest, context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(f'{program.url}{address}')
    return page


@pytest.mark.parametrize('terminal', [False, True])
def test_a_bar_moves_in_place_five_times_a_second_and_leaves_one_line(
    program: SynapseUnderTest, context: BrowserContext, problems: list[str], terminal: bool
) -> None:
    run = run_python(program, TQDM, terminal=terminal)
    page = open_page(program, context, f'runs/{run["number"]}')
    page.locator('.log-live .txt', has_text='it/s').wait_for()
    page.evaluate(SEEN)

    program.wait_for_run(run['id'], 'succeeded')

    page.wait_for_function(f"({ROWS})().some((text) => text.includes('ended with code 0'))")
    seen = page.evaluate('window.seen')
    seconds = (seen[-1]['at'] - seen[0]['at']) / 1000
    assert len(seen) / seconds >= 5, (len(seen), seconds)
    bars = [text for text in page.evaluate(ROWS) if 'it/s' in text]
    assert len(bars) == 1
    assert re.match(r'100%\|#+\| 40/40 ', bars[0])
    expect(page.locator('.log-live .r')).to_have_count(0)
    assert [text for text in stored(program, run) if 'it/s' in text] == bars
    assert problems == []


@pytest.mark.parametrize('address', ['', 'logs', 'runs/{number}'])
def test_an_unfinished_line_is_on_every_page_and_is_completed_in_its_place(
    program: SynapseUnderTest, context: BrowserContext, problems: list[str], tmp_path: Path, address: str
) -> None:
    run = run_python(program, UPLOAD, str(tmp_path / 'done'), tmp_path.name)
    text = f'Uploading {tmp_path.name}...'
    page, other = (open_page(program, context, address.format(number=run['number'])) for _ in range(2))
    unfinished = page.locator('.log-live .r, .is-written').get_by_text(text, exact=True)

    expect(unfinished).to_have_count(1)
    page.reload()
    expect(unfinished).to_have_count(1)
    assert not any(text in line for line in stored(program, run))
    (tmp_path / 'done').touch()

    for each in (page, other):
        expect(each.get_by_text(f'{text} done', exact=True)).to_have_count(1)
        expect(each.locator('.log-live .r, .is-written')).to_have_count(0)
    program.wait_for_run(run['id'], 'succeeded')
    assert [line for line in stored(program, run) if text in line] == [f'{text} done']
    assert problems == []


def test_nested_bars_are_a_row_each(program: SynapseUnderTest, context: BrowserContext, tmp_path: Path) -> None:
    run = run_python(program, NESTED, str(tmp_path / 'done'))
    page = open_page(program, context, f'runs/{run["number"]}')
    rows = page.locator('.log-live .txt')

    expect(rows).to_have_text([re.compile(r'^outer: +33%'), re.compile(r'^inner: +50%')])
    (tmp_path / 'done').touch()

    expect(rows).to_have_count(0)
    program.wait_for_run(run['id'], 'succeeded')
    bars = [text.partition('|')[0] for text in stored(program, run) if 'inner' in text or 'outer' in text]
    assert bars == ['inner: 100%'] * 3 + ['outer: 100%']
