"""What is set on the Settings page holds at once, and after a restart."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.harness import SynapseUnderTest

SignIn = Callable[[SynapseUnderTest], Page]


def test_the_number_of_workers_changes_at_once_and_is_kept(tmp_path: Path, sign_in: SignIn) -> None:
    program = SynapseUnderTest(tmp_path / 'data').start()
    try:
        with program.api as api:
            before = len(api.get('/status').json()['workers'])
        page = sign_in(program)
        page.goto(f'{program.url}settings')

        page.get_by_role('button', name='One worker more').click()

        expect(page.get_by_text(f'0 of {before + 1} busy').first).to_be_visible()
        program.stop()
        program.start()
        with program.api as api:
            assert len(api.get('/status').json()['workers']) == before + 1
    finally:
        program.stop()


def test_no_worker_at_all_is_refused_with_a_sentence(program: SynapseUnderTest, sign_in: SignIn) -> None:
    page = sign_in(program)
    page.goto(f'{program.url}settings')
    less = page.get_by_role('button', name='One worker less')

    less.click()
    expect(page.get_by_text('0 of 1 busy').first).to_be_visible()
    less.click()

    expect(page.get_by_text('Between 1 and 64.')).to_be_visible()
    with program.api as api:
        assert len(api.get('/status').json()['workers']) == 1
