"""One run in a real browser: links to its steps, arrow keys, previews that run nothing, what was removed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest, wait_until

MAKER = '''
import struct
import zlib

from synapse import Pipeline, Run, step


def part(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


class Maker(Pipeline):
    """Leaves files of many kinds."""

    @step
    def draw(self, run: Run):
        rows = zlib.compress(b''.join(b'\\0' + b'\\x7f' * 30 for _ in range(10)))
        head = struct.pack('>IIBBBBB', 10, 10, 8, 2, 0, 0, 0)
        picture = b'\\x89PNG\\r\\n\\x1a\\n' + part(b'IHDR', head) + part(b'IDAT', rows) + part(b'IEND', b'')
        self.keep(run, 'cover.png', picture)
        self.keep(run, 'torn.png', picture[:20])
        self.keep(run, 'page.html', b'<h1>Hello</h1><script>window.hacked = 1</script>')
        self.keep(run, 'logo.svg', b"<svg xmlns='http://www.w3.org/2000/svg'><script>window.hacked = 1</script></svg>")
        print('drawn')

    @step
    def write(self, run: Run):
        self.keep(run, 'facts.json', b'{"frames": 25, "tracks": ["en"]}')
        self.keep(run, 'huge.txt', b'the beginning\\n' + b'x' * 99 * 1000 + b'the end')
        self.keep(run, 'blob.bin', b'\\0\\1\\2')
        for number in range(60):
            self.keep(run, f'parts/{number}.txt', b'part')
        print('written')
        raise RuntimeError('the pen is empty')

    def keep(self, run, name, data):
        path = run.workdir / name.replace('/', '-')
        path.write_bytes(data)
        run.artifact(path, name)
'''


@pytest.fixture(scope='module')
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    """One for all tests, which only look: with one run that has failed in its second step."""
    program = forked(tmp_path_factory.mktemp('detail') / 'data', '--workers', '1', '--no-login').start()
    program.write_pipeline('maker.py', MAKER)
    program.wait_for_pipeline('Maker')
    program.wait_for_run(program.create_run('Maker')['id'])
    yield program
    program.stop()


def opened(page: Page, program: SynapseUnderTest, query: str = '') -> Page:
    page.goto(f'{program.url}runs/1{query}')
    page.get_by_role('region', name='Outputs').wait_for()
    return page


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def test_a_link_opens_a_run_at_a_step_and_the_address_follows_the_arrow_keys(
    page: Page, program: SynapseUnderTest, problems: list[str]
) -> None:
    opened(page, program, '?step=DRAW')
    steps = page.get_by_role('radiogroup', name='Step')
    log = page.get_by_role('region', name='Log', exact=True)
    expect(steps.get_by_role('radio', name='DRAW')).to_be_checked()
    expect(log.get_by_text('drawn', exact=True)).to_be_visible()
    expect(log.get_by_text('written', exact=True)).to_have_count(0)

    steps.get_by_role('radio', name='DRAW').focus()
    page.keyboard.press('ArrowRight')

    expect(steps.get_by_role('radio', name='WRITE')).to_be_checked()
    expect(steps.get_by_role('radio', name='WRITE')).to_be_focused()
    expect(log.get_by_text('written', exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(r'/runs/1\?step=write$'))
    page.keyboard.press('Home')
    expect(page).to_have_url(re.compile(r'/runs/1$'))
    page.locator('.run-step').first.focus()
    page.keyboard.press('ArrowDown')
    expect(page.locator('.run-step').nth(1)).to_have_attribute('aria-pressed', 'true')
    page.keyboard.press('e')
    expect(log.get_by_text('RuntimeError: the pen is empty').first).to_be_in_viewport()
    assert problems == []


def test_previews_show_pictures_texts_and_json_and_run_nothing(
    page: Page, program: SynapseUnderTest, problems: list[str]
) -> None:
    opened(page, program)
    outputs = page.get_by_role('region', name='Outputs')
    picture = outputs.get_by_role('img', name='cover.png')
    expect(picture).to_be_visible()
    page.wait_for_function("document.querySelector('img.run-preview').naturalWidth === 10")

    for name in ('page.html', 'logo.svg', 'facts.json', 'huge.txt', 'blob.bin'):
        outputs.get_by_role('button', name=f'Preview {name}').click()

    expect(outputs.get_by_label('Beginning of page.html')).to_have_text(re.compile('<h1>Hello</h1><script>'))
    expect(outputs.get_by_label('Beginning of logo.svg')).to_have_text(re.compile('^<svg'))
    expect(outputs.get_by_label('Beginning of facts.json')).to_have_text(re.compile(r'\{\s+"frames": 25,\s+"tracks"'))
    expect(outputs.get_by_text(re.compile(r'The first 65\.5 kB of 99\.0 kB'))).to_be_visible()
    beginning = outputs.get_by_label('Beginning of huge.txt').inner_text()
    assert beginning.startswith('the beginning')
    assert 'the end' not in beginning
    expect(outputs.get_by_text('This is no text. Download it to open it.')).to_be_visible()
    outputs.get_by_role('button', name='Preview torn.png').click()
    expect(outputs.get_by_text('This image cannot be shown.').last).to_be_visible()
    expect(outputs.get_by_role('img', name='torn.png')).to_be_hidden()
    expect(page.locator('main')).to_have_count(1)
    assert page.evaluate('window.hacked') is None
    outputs.get_by_role('button', name='Preview page.html').click()
    expect(outputs.get_by_label('Beginning of page.html')).to_have_count(0)
    assert problems == []


def test_a_folder_of_outputs_is_one_row_until_it_is_opened(page: Page, program: SynapseUnderTest) -> None:
    opened(page, program)
    outputs = page.get_by_role('region', name='Outputs')
    rows = outputs.get_by_role('listitem')
    expect(rows).to_have_count(8)

    outputs.get_by_role('button', name=re.compile('60 files')).click()
    expect(rows).to_have_count(25)
    outputs.get_by_role('button', name='Show 43 of 43 more').click()

    expect(rows).to_have_count(68)
    expect(outputs.get_by_role('button', name=re.compile('^Show'))).to_be_hidden()


def test_a_run_that_is_not_there_says_what_is_kept(page: Page, program: SynapseUnderTest) -> None:
    page.goto(f'{program.url}runs/77?step=draw')

    expect(page.get_by_text('There is no run #77.')).to_be_visible()
    expect(page.get_by_text(re.compile(r'^Kept now: .*runs'))).to_be_visible()


def test_a_run_whose_pipeline_is_gone_says_why_it_cannot_run_again(page: Page, program: SynapseUnderTest) -> None:
    path: Path = program.data / 'pipelines' / 'maker.py'
    text = path.read_text()
    opened(page, program)
    path.unlink()

    def reopened() -> bool:
        opened(page, program)
        return page.get_by_role('button', name='Run all again').is_disabled()

    wait_until(reopened, timeout=20)
    retry = page.get_by_role('button', name='Retry from WRITE')
    expect(retry).to_be_disabled()
    expect(retry).to_have_attribute('title', 'The pipeline Maker no longer exists.')
    path.write_text(text)
    program.wait_for_pipeline('Maker')
