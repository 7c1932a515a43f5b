"""The dashboard as a person uses it: hold, resume, stop, reorder, read failures, find by typing."""

import re
import signal
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.parts.harness import SynapseUnderTest, open_to_others, wait_until

expect.set_options(timeout=20_000)
SignIn = Callable[[SynapseUnderTest], Page]
SLOW = """
import time
from synapse import Pipeline, Run, StepFailed, step

class Slow(Pipeline):
    seconds: int = 60

    @step
    def first(self, run: Run): ...

    @step
    def second(self, run: Run):
        for tick in range(self.seconds * 10):
            run.progress(10 + tick * 90 / (self.seconds * 10), f'tick {tick}')
            time.sleep(0.1)

class Broken(Pipeline):
    @step
    def only(self, run: Run):
        raise StepFailed('The cup is empty.', hint='Fill it, then run again.')
"""

ASKS = """
from synapse import Pipeline, Run, step

class Asks(Pipeline):
    @step
    def ask(self, run: Run):
        run.ask('Go on?', ['Yes', 'No'])
"""


def prepare(program: SynapseUnderTest) -> None:
    """Pipelines of the person, and a first run that has ended, so that the dashboard is there."""
    program.write_pipeline('slow.py', SLOW)
    program.wait_for_pipeline('Slow')
    program.wait_for_run(program.create_run('RunCommand', command=['true'])['id'])


def test_a_file_on_its_way_lies_over_nothing_if_the_pipeline_takes_none(
    program: SynapseUnderTest, sign_in: SignIn
) -> None:
    prepare(program)
    page = sign_in(program)
    card = page.get_by_role('region', name='Start a run')
    card.get_by_role('combobox', name='Pipeline').select_option('RunCommand')
    expect(card.get_by_text("This pipeline doesn't take a file.")).to_be_visible()
    assert program.process is not None
    program.process.send_signal(signal.SIGSTOP)  # so that it stays on its way
    try:
        card.locator('input[type=file]').set_input_files(
            {'name': 'talk.mp4', 'mimeType': 'video/mp4', 'buffer': b'12345'}
        )

        expect(card.get_by_text('talk.mp4')).to_be_visible()
        expect(card.get_by_text("This pipeline doesn't take a file.")).to_be_hidden()
        zone = card.locator('.upload-zone')
        assert zone.evaluate('(zone) => zone.scrollHeight <= zone.clientHeight')
    finally:
        program.process.send_signal(signal.SIGCONT)


def test_the_search_stays_in_one_line_in_longer_words_beside_a_question(
    program: SynapseUnderTest, browser: Browser
) -> None:
    program.write_pipeline('asks.py', ASKS)
    program.wait_for_pipeline('Asks')
    program.wait_for_run(program.create_run('Asks')['id'], 'paused')
    context = browser.new_context(viewport={'width': 1440, 'height': 900}, locale='pt-BR', reduced_motion='reduce')
    page = context.new_page()
    page.goto(program.link)
    expect(page.get_by_role('button', name='1 pergunta')).to_be_visible()

    search = page.get_by_role('button', name='Buscar ou executar comando')
    assert search.evaluate('(search) => search.scrollHeight <= search.clientHeight')
    context.close()


def test_a_run_is_held_resumed_and_stopped_from_its_card(
    program: SynapseUnderTest, sign_in: SignIn, problems: list[str]
) -> None:
    prepare(program)
    page = sign_in(program)
    card = page.get_by_role('region', name='Current run')
    run = program.create_run('Slow')
    expect(card.get_by_text('tick').first).to_be_visible()

    card.get_by_role('button', name='Pause').click()
    expect(card.get_by_role('status')).to_have_text('Paused')
    card.get_by_role('button', name='Resume').click()
    expect(card.get_by_role('status')).to_have_text('Running')
    page.keyboard.press('Shift+Escape')
    question = page.get_by_role('alertdialog')
    expect(question).to_contain_text(re.compile('SECOND ends now, at .* FIRST is kept'))
    expect(question.get_by_role('button', name='Keep running')).to_be_focused()
    question.get_by_role('button', name='Stop now').click()

    assert program.wait_for_run(run['id'])['state'] == 'cancelled'
    expect(card.get_by_role('status')).to_have_text('Stopped')
    assert problems == []


def test_waiting_runs_are_moved_by_keys_and_taken_out(
    program: SynapseUnderTest, sign_in: SignIn, problems: list[str]
) -> None:
    prepare(program)
    for _ in range(2):
        program.create_run('Slow')
    waiting = [program.create_run('Slow') for _ in range(3)]
    page = sign_in(program)
    rows = page.get_by_role('region', name='Queue').locator('[data-run]')
    expect(rows).to_have_count(3)

    rows.first.focus()
    page.keyboard.press('Alt+ArrowDown')
    expect(rows.nth(1)).to_have_attribute('data-run', waiting[0]['id'])
    expect(rows.nth(1)).to_be_focused()
    rows.nth(1).hover()
    rows.nth(1).get_by_role('button', name='Menu of').click()
    page.get_by_role('menuitem', name='Remove').click()

    expect(rows).to_have_count(2)
    assert program.wait_for_run(waiting[0]['id'])['state'] == 'cancelled'
    with program.api as api:
        api.post('/queue/stop')
    expect(page.get_by_role('banner').get_by_text('Paused')).to_be_visible()
    assert problems == []


def test_failures_of_the_same_kind_are_one_notice_with_a_count_that_opens_the_last(
    program: SynapseUnderTest, sign_in: SignIn, problems: list[str]
) -> None:
    prepare(program)
    page = sign_in(program)
    notices = page.get_by_role('region', name='Notices')

    runs = [program.create_run('Broken') for _ in range(2)]

    expect(notices.get_by_text('2 times')).to_be_visible()
    expect(notices.get_by_text('The cup is empty. Fill it, then run again.')).to_have_count(1)
    last = max(runs, key=lambda run: program.wait_for_run(run['id'])['finished_at'])
    notices.get_by_role('button', name='Open run').click()
    page.wait_for_url(f'{program.url}runs/{last["number"]}')
    expect(notices.get_by_text('The cup is empty')).to_have_count(0)
    assert problems == []


def test_files_of_other_kinds_are_named_and_the_rest_goes_to_the_pipelines_that_take_them(
    program: SynapseUnderTest, sign_in: SignIn, problems: list[str]
) -> None:
    prepare(program)
    page = sign_in(program)
    card = page.get_by_role('region', name='Start a run')
    card.get_by_label('Pipeline').select_option('RestoreFolder')
    card.get_by_label('Pipeline').select_option('RunCommand')
    zone = card.locator('.upload-zone')
    expect(zone).to_be_hidden()
    card.get_by_label('Pipeline').select_option('PublishVideo')
    expect(zone).to_contain_text('Video and sound files, such as mp4, mov, mkv, up to 20 GB')

    card.locator('input[type=file]').set_input_files(
        [{'name': name, 'mimeType': 'text/plain', 'buffer': b'not a film'} for name in ('b.mp4', 'notes.txt')]
    )

    expect(zone.get_by_role('alert')).to_have_text(
        'notes.txt was not taken. Publish video takes video and sound files, such as mp4, mov, mkv.'
    )
    wait_until(lambda: any(run['pipeline'] == 'PublishVideo' for run in runs_of(program)), timeout=20)
    expect(zone.locator('.asking')).to_be_visible()
    size = zone.locator('.up').bounding_box()
    assert size is not None
    assert size['width'] == size['height']
    assert zone.evaluate('zone => zone.scrollHeight <= zone.clientHeight')
    assert problems == []


def runs_of(program: SynapseUnderTest) -> list[dict[str, Any]]:
    with program.api as api:
        return list(api.get('/runs').json()['runs'])


def test_the_palette_finds_a_page_by_typing_and_keys_move_between_pages(
    program: SynapseUnderTest, sign_in: SignIn, problems: list[str]
) -> None:
    page = sign_in(program)

    page.keyboard.press('Control+k')
    box = page.get_by_role('combobox', name='Search or run a command')
    box.fill('pipel')
    expect(page.get_by_role('option', name='Pipelines')).to_be_visible()
    page.keyboard.press('Enter')
    page.wait_for_url(f'{program.url}pipelines')
    expect(box).to_have_count(0)
    page.keyboard.press('g')
    page.keyboard.press('2')

    page.wait_for_url(f'{program.url}runs')
    assert problems == []
    wait_until(lambda: 'Pipelines' in (program.data / 'settings.json').read_text(), timeout=10)
    assert open_to_others(program.data) == []
