"""Files dropped on pages without a place for them: routed by type, several become several runs."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.parts.harness import SynapseUnderTest, wait_until

SignIn = Callable[[SynapseUnderTest], Page]
NOTES = """
from pathlib import Path
from synapse import Pipeline, Run, step

class Notes(Pipeline):
    accepts = ('.note',)
    file: Path

    @step
    def read(self, run: Run):
        print(self.file.read_text())

class Asks(Notes):
    accepts = ('.ask',)
    why: str
"""
DROP = """([files, selector]) => {
    const data = new DataTransfer();
    for (const [name, text] of files) data.items.add(new File([text], name));
    for (const type of ['dragenter', 'dragover', 'drop']) {
        document.querySelector(selector)
            .dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data }));
    }
}"""


@pytest.fixture
def noted(program: SynapseUnderTest) -> SynapseUnderTest:
    program.write_pipeline('notes.py', NOTES)
    program.wait_for_pipeline('Notes')
    return program


def drop(page: Page, *files: tuple[str, str], on: str = '.sy-main') -> None:
    page.evaluate(DROP, [files, on])


def runs_of(program: SynapseUnderTest) -> list[dict[str, Any]]:
    with program.api as api:
        return list(reversed(api.get('/runs').json()['runs']))


def opened(page: Page, program: SynapseUnderTest, path: str) -> Page:
    page.goto(f'{program.url}{path}')
    expect(page.locator('html')).to_have_attribute('data-connection', 'live')
    return page


@pytest.mark.parametrize('path', ['logs', 'runs', 'pipelines', 'profiles', 'settings'])
def test_several_files_become_several_runs_on_any_page(
    noted: SynapseUnderTest, open_tab: SignIn, problems: list[str], path: str
) -> None:
    page = opened(open_tab(noted), noted, path)

    drop(page, ('one.note', 'first'), ('odd.xyz', '?'), ('two.NOTE', 'second'))

    expect(page.get_by_text('two.NOTE became run #2 of Notes.')).to_be_visible()
    expect(page.get_by_text('odd.xyz was not taken. Synapse takes')).to_be_visible()
    assert [(run['subject'], run['because']) for run in runs_of(noted)] == [
        ('one.note', 'file drop'),
        ('two.NOTE', 'file drop'),
    ]
    assert page.url == f'{noted.url}{path}'
    assert problems == []


def test_a_file_whose_run_needs_more_opens_its_form(
    noted: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    page = opened(open_tab(noted), noted, 'logs')

    drop(page, ('first.ask', 'text'))

    form = page.get_by_role('dialog', name='New run')
    expect(form).to_contain_text('first.ask')
    form.get_by_label('Why').fill('because')
    form.get_by_role('button', name='Run').click()
    wait_until(lambda: [run['subject'] for run in runs_of(noted)] == ['first.ask'], timeout=20)
    assert problems == []


def test_on_the_calendar_a_file_that_misses_its_day_starts_nothing_unasked(
    noted: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    page = opened(open_tab(noted), noted, 'scheduler')

    drop(page, ('one.note', 'first'), on='.sy-top')

    expect(page.get_by_role('dialog', name='New run')).to_contain_text('one.note')
    assert runs_of(noted) == []
    assert problems == []
