"""Questions of steps in a real browser: they appear by themselves and are answered by keyboard, form and thumb."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest

PIPELINES = """
from typing import Literal
from pydantic import BaseModel, Field
from synapse import Pipeline, Run, step

class Hello(Pipeline):
    @step
    def greet(self, run: Run):
        pass

class Letter(BaseModel):
    to: str = Field(min_length=2, description='Who gets it')
    tone: Literal['warm', 'cool'] = 'warm'
    copies: int = 1

class Asks(Pipeline):
    how: Literal['choices', 'text', 'form'] = 'choices'

    @step
    def prepare(self, run: Run):
        (run.workdir / 'draft.txt').write_text('Dear all')
        run.artifact('draft.txt')

    @step
    def publish(self, run: Run):
        if self.how == 'choices':
            answer = run.ask('Publish the draft?\\nIt goes to 1,200 readers.', ['Publish', 'Not now'],
                             timeout='2h', default='Not now')
        elif self.how == 'text':
            answer = run.ask('Which title?')
        else:
            answer = run.ask('Whom shall I write to?', model=Letter).model_dump_json()
        run.log.info(f'answered {answer}')
"""


@pytest.fixture(scope='module')
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    program = forked(tmp_path_factory.mktemp('questions') / 'data', '--workers', '2', '--no-login')
    program.write_pipeline('samples.py', PIPELINES)
    program.start()
    program.wait_for_pipeline('Asks')
    program.wait_for_run(program.create_run('Hello')['id'])  # the dashboard of a room that has worked before
    yield program
    program.stop()


@pytest.fixture(scope='module')
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={'width': 1440, 'height': 900}, reduced_motion='reduce')
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture(scope='module')
def tab(program: SynapseUnderTest, context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto(program.url)
    expect(page.get_by_role('region', name='Queue')).to_be_visible()
    return page


def card_of(page: Page, text: str) -> Locator:
    return page.get_by_role('region', name=re.compile(f'^{re.escape(text)}'))


def answer_of(program: SynapseUnderTest, run_id: str) -> str:
    program.wait_for_run(run_id)
    with program.api as api:
        entries = api.get(f'/runs/{run_id}/logs', params={'q': 'answered'}).json()['entries']
    return next(str(entry['message']) for entry in entries if entry['message'].startswith('answered'))


def test_a_question_appears_on_the_dashboard_and_is_answered_by_keyboard(
    program: SynapseUnderTest, tab: Page, context: BrowserContext
) -> None:
    other = context.new_page()
    other.goto(program.url)
    run = program.create_run('Asks')

    card = card_of(tab, 'Publish the draft?')
    expect(card).to_contain_text('It goes to 1,200 readers.')
    expect(card).to_contain_text('PUBLISH asks')
    expect(card).to_contain_text('the answer is Not now in')
    expect(card.get_by_role('link', name='draft.txt')).to_have_attribute(
        'href', f'/api/v1/runs/{run["id"]}/artifacts/draft.txt'
    )
    expect(card_of(other, 'Publish the draft?')).to_be_visible()
    expect(tab.get_by_role('button', name=re.compile('1 question'))).to_be_visible()
    publish = card.get_by_role('button', name='Publish', exact=True)
    publish.focus()
    publish.press('Enter')

    expect(card).to_have_count(0)
    expect(card_of(other, 'Publish the draft?')).to_have_count(0)
    assert answer_of(program, run['id']) == 'answered Publish'
    other.close()


def test_the_bell_leads_to_the_question_on_the_page_of_the_run(program: SynapseUnderTest, tab: Page) -> None:
    run = program.create_run('Asks', how='text')
    bell = tab.get_by_role('button', name=re.compile('^Alerts|alert', re.IGNORECASE)).first

    bell.click()
    tab.get_by_role('dialog', name='Alerts').get_by_role('button', name='Answer').click()
    tab.wait_for_url(f'{program.url}runs/{run["number"]}')
    expect(tab.get_by_role('status').filter(has_text='Paused: PUBLISH asks')).to_be_visible()
    box = card_of(tab, 'Which title?').get_by_label('Your answer')
    box.fill('Spring <b>news</b>')
    box.press('Enter')

    expect(card_of(tab, 'Which title?')).to_have_count(0)
    assert answer_of(program, run['id']) == 'answered Spring <b>news</b>'
    expect(tab.get_by_text('PUBLISH is answered by the page: Spring <b>news</b>')).to_be_visible()
    tab.get_by_role('link', name='Dashboard').first.click()


def test_a_form_says_what_does_not_fit_under_its_field(program: SynapseUnderTest, tab: Page) -> None:
    run = program.create_run('Asks', how='form')
    card = card_of(tab, 'Whom shall I write to?')

    card.get_by_role('textbox', name=re.compile('^To')).fill('x')
    card.get_by_role('button', name='Answer').click()
    expect(card.get_by_role('alert').filter(has_text='2')).to_be_visible()
    card.get_by_role('textbox', name=re.compile('^To')).fill('anna')
    card.get_by_role('radio', name='cool').check()
    card.get_by_label('Copies').fill('3')
    card.get_by_role('button', name='Answer').click()

    expect(card).to_have_count(0)
    assert answer_of(program, run['id']) == 'answered {"to":"anna","tone":"cool","copies":3}'


def test_a_question_fits_a_phone_with_targets_for_a_thumb(program: SynapseUnderTest, tab: Page) -> None:
    run = program.create_run('Asks')
    tab.set_viewport_size({'width': 375, 'height': 740})
    card = card_of(tab, 'Publish the draft?')
    expect(card).to_be_visible()

    heights = [box['height'] for button in card.get_by_role('button').all() if (box := button.bounding_box())]
    assert len(heights) == 2
    assert min(heights) >= 44
    box = card.bounding_box()
    assert box is not None
    assert box['x'] >= 0
    assert box['x'] + box['width'] <= 375
    card.get_by_role('button', name='Not now').click()

    assert answer_of(program, run['id']) == 'answered Not now'
