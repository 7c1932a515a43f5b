"""The list of runs in a real browser, with a hundred thousand of them: found, scrolled, selected, retried, exported."""

import contextlib
import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from benchmarks.seed import runs as seeded
from storage.runs import RunStore, insert_runs
from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest

FRAGILE = """
from pathlib import Path
from synapse import Pipeline, Run, StepFailed, step


class Fragile(Pipeline):
    switch: Path
    name: str = ''

    @step
    def prepare(self, run: Run) -> None:
        pass

    @step
    def deliver(self, run: Run) -> None:
        if not (self.switch / 'on').exists():
            raise StepFailed('Nobody turned the switch on.')
"""
ROWS = "() => getElement(Number(document.querySelector('.runs-list').id.slice(1))).rows()"


# As `benchmarks.seed` makes a thousand of them, a hundred times.
COPY = """
WITH RECURSIVE copies (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM copies WHERE k < 99)
INSERT INTO runs (number, id, state, pipeline, profile, created, finished, document)
SELECT number + 1000 * k, id || '-' || k, state, pipeline, profile, created, finished,
    json_set(document, '$.id', id || '-' || k, '$.number', number + 1000 * k)
FROM runs, copies
"""


@pytest.fixture(scope='module')
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    with running(tmp_path_factory.mktemp('runs') / 'data', 200) as program:
        program.wait_for_pipeline('Fragile')
        yield program


@pytest.fixture
def large(tmp_path: Path) -> Iterator[SynapseUnderTest]:
    """With a hundred thousand runs."""
    with running(tmp_path / 'large', 1_000, COPY) as program:
        yield program


@contextlib.contextmanager
def running(data: Path, count: int, more: str = '') -> Iterator[SynapseUnderTest]:
    data.mkdir(mode=0o700)
    store = RunStore(data / 'runs.db')
    with store.transaction() as connection:
        numbered = [run | {'number': number} for number, run in enumerate(seeded(count, datetime.now(UTC)), 1)]
        insert_runs(connection, numbered)
        if more:
            connection.execute(more)
    store.close()
    program = forked(data, '--workers', '2', '--no-login')
    program.write_pipeline('fragile.py', FRAGILE)
    program.start()
    try:
        yield program
    finally:
        program.stop()


@pytest.fixture
def page(program: SynapseUnderTest, context: BrowserContext, problems: list[str]) -> Iterator[Page]:
    yield opened(program, context)
    assert problems == []


def opened(program: SynapseUnderTest, context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto(f'{program.url}runs')
    expect(page.locator('.runs-one').first).to_be_visible()
    return page


def row(page: Page, number: int) -> Locator:
    return page.get_by_role('row').filter(has=page.get_by_role('link', name=re.compile(f'^#{number} ')))


def numbers(page: Page) -> list[int]:
    """Of all rows that the page holds, from top to bottom."""
    return [row['number'] for row in page.evaluate(ROWS)]


def search(page: Page, text: str) -> None:
    page.get_by_role('searchbox').fill(text)


def broken(program: SynapseUnderTest, folder: Path, name: str, how_many: int) -> list[dict[str, Any]]:
    """Runs of the fragile pipeline that have failed."""
    runs = [program.create_run('Fragile', switch=str(folder), name=name) for _ in range(how_many)]
    return [program.wait_for_run(run['id']) for run in runs]


def test_a_hundred_thousand_runs_scroll_both_ways_and_the_page_stays_light(
    large: SynapseUnderTest, context: BrowserContext
) -> None:
    page = opened(large, context)
    expect(page.get_by_role('status').filter(has_text='100,000 runs')).to_be_visible()
    newest = numbers(page)[0]
    port = page.locator('.runs-list .log-port')
    for _ in range(11):
        lowest = numbers(page)[-1]
        port.evaluate('(port) => { port.scrollTop = port.scrollHeight; }')
        page.wait_for_function(f'({ROWS})().at(-1).number < {lowest}')

    held = numbers(page)
    assert len(held) <= 1_000
    assert held == [*range(held[0], held[0] - len(held), -1)]
    assert held[-1] < newest - 1_000
    assert page.locator('.runs-one').count() < 60

    while numbers(page)[0] != newest:
        first = numbers(page)[0]
        port.evaluate('(port) => { port.scrollTop = 0; }')
        page.wait_for_function(f'({ROWS})()[0].number > {first}')
    held = numbers(page)
    assert held == [*range(newest, newest - len(held), -1)]
    search(page, 'film-49 seed00000031-77')  # looked for in the documents, as the index is not made yet
    expect(row(page, 77_050)).to_be_visible()


def test_a_search_and_its_filters_are_in_the_address_and_back_and_forward_lead_through_them(
    page: Page, program: SynapseUnderTest
) -> None:
    fit = page.get_by_role('status').filter(has_text=re.compile('fit'))
    search(page, 'film-49')
    expect(fit).to_have_text('4 runs fit')
    expect(page).to_have_url(f'{program.url}runs?q=film-49')
    page.get_by_role('button', name='State: all').click()
    page.get_by_role('checkbox', name='Failed').check()
    expect(page).to_have_url(f'{program.url}runs?state=failed&q=film-49')
    expect(fit).not_to_have_text('4 runs fit')
    failed = fit.text_content()
    page.keyboard.press('Escape')

    page.go_back()
    expect(fit).to_have_text('4 runs fit')
    expect(page.get_by_role('searchbox')).to_have_value('film-49')
    page.go_forward()
    expect(fit).to_have_text(str(failed))
    page.reload()
    expect(fit).to_have_text(str(failed))
    expect(page.get_by_role('button', name='State: Failed')).to_be_visible()

    page.get_by_role('button', name='Show all', exact=True).click()
    expect(page).to_have_url(f'{program.url}runs')
    expect(page.get_by_role('searchbox')).to_have_value('')
    search(page, '#17')
    expect(row(page, 17)).to_be_visible()
    expect(fit).to_have_text('1 run fits')


def test_the_keyboard_finds_selects_and_opens(page: Page, program: SynapseUnderTest) -> None:
    page.keyboard.press('/')
    page.keyboard.type('10-14')
    expect(row(page, 14)).to_be_visible()
    page.keyboard.press('Escape')
    expect(page.get_by_role('searchbox')).to_have_value('')
    page.keyboard.press('Control+f')
    page.keyboard.type('20-29')
    expect(page.get_by_role('status').filter(has_text='10 runs fit')).to_be_visible()
    page.locator('.log-port').focus()

    page.keyboard.press('ArrowDown')
    expect(row(page, 29)).to_be_focused()
    page.keyboard.press('Space')
    page.keyboard.press('Shift+ArrowDown')
    page.keyboard.press('Shift+ArrowDown')
    expect(page.get_by_text('3 selected')).to_be_visible()
    for number in (29, 28, 27):
        expect(row(page, number)).to_have_attribute('aria-selected', 'true')
    page.keyboard.press('Control+a')
    expect(page.get_by_text('All 10 selected')).to_be_visible()
    page.keyboard.press('Space')
    expect(page.get_by_text('All 10 but 1 selected')).to_be_visible()
    page.keyboard.press('Escape')
    expect(page.get_by_role('toolbar', name='Selected runs')).to_be_hidden()
    page.keyboard.press('Enter')
    expect(page).to_have_url(f'{program.url}runs/27')


def test_failed_runs_are_retried_together_where_they_failed(
    page: Page, program: SynapseUnderTest, tmp_path: Path
) -> None:
    runs = broken(program, tmp_path, 'together', 3)
    (tmp_path / 'on').touch()
    search(page, f'fragile {tmp_path.name}')
    expect(page.get_by_role('status').filter(has_text='3 runs fit')).to_be_visible()
    page.get_by_role('checkbox', name='Select all that fit').check()
    page.get_by_role('button', name='Retry…').click()
    dialog = page.get_by_role('alertdialog')
    expect(dialog).to_contain_text('3 runs can go on at the step that did not succeed.')

    dialog.get_by_role('button', name='Retry 3 runs').click()

    expect(page.get_by_text('Retrying 3 runs.')).to_be_visible()
    expect(page.get_by_role('status').filter(has_text='6 runs fit')).to_be_visible()
    with program.api as api:
        new = api.get('/runs', params={'limit': 3}).json()['runs']
    assert [run['retry_of'] for run in reversed(new)] == [run['id'] for run in runs]
    for run in new:
        assert program.wait_for_run(run['id'])['state'] == 'succeeded'
        assert run['steps'][0]['note'].startswith('kept from')
        expect(row(page, run['number'])).to_contain_text('Succeeded')

    page.get_by_role('button', name='Retry…').click()
    expect(dialog).to_contain_text('Left out: 3 have succeeded.')


def test_waiting_runs_are_stopped_together_and_what_cannot_be_is_said(
    page: Page, program: SynapseUnderTest, tmp_path: Path
) -> None:
    (over,) = broken(program, tmp_path, 'over', 1)
    with program.api as api:
        api.post('/queue/pause')
    waiting = [program.create_run('Fragile', switch=str(tmp_path), name='waits') for _ in range(2)]
    search(page, f'fragile {tmp_path.name}')
    expect(page.get_by_role('status').filter(has_text='3 runs fit')).to_be_visible()
    for run in (over, *waiting):
        row(page, run['number']).get_by_role('checkbox').check()
    page.get_by_role('button', name='Stop…').click()
    dialog = page.get_by_role('alertdialog')
    expect(dialog).to_contain_text('2 wait and are removed from the queue.')
    expect(dialog).to_contain_text('Left out: 1 has failed.')

    dialog.get_by_role('button', name='Stop 2 runs').click()

    for run in waiting:
        expect(row(page, run['number'])).to_contain_text('Stopped')
    with program.api as api:
        assert {api.get(f'/runs/{run["id"]}').json()['state'] for run in waiting} == {'cancelled'}
        api.post('/queue/resume')


def test_new_runs_appear_on_top_but_never_move_what_is_being_read(page: Page, program: SynapseUnderTest) -> None:
    page.mouse.move(5, 5)
    first = program.create_run('RunCommand', command=['true'])
    expect(row(page, first['number'])).to_be_in_viewport()
    port = page.locator('.runs-list .log-port')
    port.evaluate('(port) => { port.scrollTop = 2000; }')
    page.wait_for_function('document.querySelector(".runs-one").getBoundingClientRect().top > -400')
    reading = page.evaluate('() => Math.round(document.querySelector(".runs-one").getBoundingClientRect().top)')
    shown = page.locator('.runs-one').first.get_by_role('link').get_attribute('href')

    second = program.create_run('RunCommand', command=['true'])

    page.get_by_role('button', name='New runs above').wait_for()
    assert numbers(page)[0] == second['number']
    assert page.locator('.runs-one').first.get_by_role('link').get_attribute('href') == shown
    assert page.evaluate('() => Math.round(document.querySelector(".runs-one").getBoundingClientRect().top)') == reading
    page.get_by_role('button', name='New runs above').click()
    expect(row(page, second['number'])).to_be_in_viewport()


def test_what_fits_is_downloaded(page: Page) -> None:
    search(page, '5-7')
    expect(page.get_by_role('status').filter(has_text='3 runs fit')).to_be_visible()

    with page.expect_download() as download:
        page.get_by_role('link', name='CSV').click()

    with download.value.path().open(newline='') as file:
        assert [row['number'] for row in csv.DictReader(file)] == ['7', '6', '5']
    assert download.value.suggested_filename.endswith('.csv')


def test_on_a_phone_every_control_is_large_enough_to_touch(page: Page) -> None:
    page.set_viewport_size({'width': 375, 'height': 812})
    row(page, numbers(page)[0]).locator('.tick').click()
    expect(page.get_by_text('1 selected')).to_be_visible()

    controls = page.locator('.runs-page :is(button, .sy-pick, .runs-search, .tick, a):visible')
    # All at once: rows come and go while the list gets used to its new width.
    heights = controls.evaluate_all('(all) => all.map((one) => Math.round(one.getBoundingClientRect().height))')

    assert len(heights) > 20
    assert min(heights) >= 44
    assert page.evaluate('document.documentElement.scrollWidth') == 375
