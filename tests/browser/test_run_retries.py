"""In a real browser: what has changed since the last good run, a retry that asks first, and its attempts."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.parts.harness import SynapseUnderTest

SignIn = Callable[[SynapseUnderTest], Page]

BAKES = """
from pathlib import Path
from synapse import Pipeline, Run, StepFailed, step
from oven import HEAT

class Bakes(Pipeline):
    recipe: Path
    minutes: int = 30

    @step
    def knead(self, run: Run):
        (run.workdir / 'dough.txt').write_text(self.recipe.read_text())
        run.artifact(run.workdir / 'dough.txt')

    @step(retries=1, backoff=0)
    def bake(self, run: Run):
        if HEAT * self.minutes < 3000:
            raise StepFailed(f'It is raw, try {run.attempt}.')
"""


def test_a_failed_run_shows_what_changed_and_its_retry_asks_first(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path, problems: list[str]
) -> None:
    program.write_pipeline('bakes.py', BAKES)
    program.write_pipeline('oven.py', 'HEAT = 100\n')
    program.wait_for_pipeline('Bakes')
    recipe = user_folder / 'recipe.txt'
    recipe.write_text('flour')
    program.wait_for_run(program.create_run('Bakes', recipe=str(recipe))['id'], 'succeeded')
    program.write_pipeline('oven.py', 'HEAT = 10\n')
    program.wait_for_run(program.create_run('Bakes', recipe=str(recipe), minutes=20)['id'], 'failed')
    page = open_tab(program)
    page.goto(f'{program.url}runs/2')

    changed = page.get_by_role('region', name='Changed since the last good run')
    expect(changed.get_by_role('row', name=re.compile('minutes 30 20'))).to_be_visible()
    expect(changed.get_by_text('oven.py was changed')).to_be_visible()
    expect(changed.get_by_role('link', name=re.compile('#1'))).to_have_attribute('href', '/runs/1')
    attempts = page.get_by_role('region', name='Attempts')
    expect(attempts.get_by_text('It is raw, try 1.')).to_be_visible()
    attempts.get_by_role('button', name='Show the last line of try 1 in the log').click()
    expect(page.get_by_role('region', name='Log', exact=True).get_by_text('Attempt 1 of 2 failed')).to_be_in_viewport()

    recipe.write_text('flour and water')
    program.write_pipeline('oven.py', 'HEAT = 60\n')
    page.get_by_role('button', name='Retry from BAKE').click()
    dialog = page.get_by_role('dialog', name='Retry #2')
    expect(dialog.get_by_text('KNEAD is kept')).to_be_visible()
    expect(dialog.get_by_role('row', name=re.compile('recipe.txt 5 B 15 B'))).to_be_visible()
    expect(dialog.get_by_text('oven.py was changed')).to_be_visible()
    dialog.get_by_text('Edit the values').click()
    dialog.get_by_label('Minutes').fill('60')
    dialog.get_by_role('button', name='Retry from BAKE').click()

    page.wait_for_url('**/runs/3')
    expect(page.get_by_role('region', name='Run summary').get_by_text('Succeeded', exact=True)).to_be_visible()
    expect(attempts.get_by_role('link', name=re.compile('#2 Failed at BAKE'))).to_be_visible()
    attempts.get_by_role('link', name='Previous attempt').click()
    page.wait_for_url('**/runs/2')
    assert problems == []


def test_the_options_of_a_retry_say_why_a_step_cannot_be_the_first(
    program: SynapseUnderTest, open_tab: SignIn, user_folder: Path, problems: list[str]
) -> None:
    program.write_pipeline('bakes.py', BAKES.replace('HEAT * self.minutes < 3000', 'True') + LAST)
    program.write_pipeline('oven.py', 'HEAT = 100\n')
    program.wait_for_pipeline('Bakes')
    (user_folder / 'recipe.txt').write_text('flour')
    program.wait_for_run(program.create_run('Bakes', recipe=str(user_folder / 'recipe.txt'))['id'], 'failed')
    page = open_tab(program)
    page.goto(f'{program.url}runs/1')

    page.get_by_role('button', name='Retry options').click()
    dialog = page.get_by_role('dialog', name='Retry #1')
    expect(dialog.get_by_role('radio', name='BAKE', exact=True)).to_be_checked()
    expect(dialog.get_by_role('radio', name=re.compile('SERVE BAKE of run #1 has not succeeded'))).to_be_disabled()
    expect(dialog.get_by_text('Code, files, profile and packages are as they were at #1.')).to_be_visible()
    dialog.get_by_role('radio', name='The start').check()
    expect(dialog.get_by_text('All steps run again; nothing is kept.')).to_be_visible()
    page.keyboard.press('Escape')

    expect(dialog).to_be_hidden()
    assert problems == []


LAST = """
    @step
    def serve(self, run: Run):
        pass
"""
