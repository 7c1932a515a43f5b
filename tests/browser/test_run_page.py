"""A run in a real browser: why it failed, the cheapest way on, stopping to be watched; lists that change by push."""

import re
import sys
from collections.abc import Callable
from itertools import pairwise

from playwright.sync_api import Locator, Page, expect

from tests.parts.harness import SynapseUnderTest, wait_until

SignIn = Callable[[SynapseUnderTest], Page]

FRAGILE = '''
from synapse import Pipeline, Run, StepFailed, step


class Fragile(Pipeline):
    """Fails until a file is there."""

    switch: str

    @step
    def prepare(self, run: Run) -> None:
        (run.workdir / 'notes.txt').write_text('prepared')
        run.artifact(run.workdir / 'notes.txt')

    @step
    def deliver(self, run: Run) -> None:
        import os
        if not os.path.exists(self.switch):
            run.log.error('the switch is off')
            raise StepFailed('Nobody turned the switch on.', hint='Turn it on.')
'''
SLEEPER = """
import subprocess, sys, time
subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
time.sleep(60)
"""


def test_a_failed_run_says_why_and_is_retried_from_the_step_that_failed(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    program.write_pipeline('fragile.py', FRAGILE)
    program.wait_for_pipeline('Fragile')
    switch = program.data / 'switch'
    run = program.create_run('Fragile', switch=str(switch))
    program.wait_for_run(run['id'])
    page = open_tab(program)

    page.goto(f'{program.url}runs/{run["id"]}')
    expect(page.get_by_role('alert').filter(has_text='Nobody turned the switch on.')).to_contain_text('PREPARE is kept')
    expect(page.get_by_role('radio', name='DELIVER')).to_have_attribute('aria-checked', 'true')
    expect(page.get_by_text('the switch is off')).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role('link', name=re.compile('notes.txt')).click()
    assert download.value.path().read_text() == 'prepared'
    switch.touch()
    page.get_by_role('button', name='Retry from DELIVER').click()

    page.wait_for_url('**/runs/2')
    expect(page.get_by_role('region', name='Run summary').get_by_text('Succeeded', exact=True)).to_be_visible()
    expect(page.get_by_text('kept from #1').first).to_be_visible()
    assert problems == []


def test_a_stop_is_watched_down_to_no_process(program: SynapseUnderTest, open_tab: SignIn) -> None:
    run = program.create_run('RunCommand', command=[sys.executable, '-c', SLEEPER])
    program.wait_for_run(run['id'], 'running')
    page = open_tab(program)
    page.goto(f'{program.url}runs/{run["number"]}')

    page.get_by_role('button', name='Stop now').click()
    question = page.get_by_role('alertdialog')
    expect(question.get_by_role('button', name='Keep running')).to_be_focused()
    question.get_by_role('button', name='Stop now').click()

    processes = page.get_by_role('group', name='Processes of this run')
    expect(processes.get_by_role('status')).to_have_text('0 processes left')
    expect(page.get_by_role('region', name='Run summary').get_by_text('Stopped', exact=True)).to_be_visible()


def test_a_program_that_takes_its_time_is_counted_down_and_can_be_killed(
    program: SynapseUnderTest, open_tab: SignIn
) -> None:
    stubborn = 'trap "" TERM; echo up; while :; do sleep 0.1; done'
    run = program.create_run('RunCommand', command=['sh', '-c', stubborn])
    program.wait_for_run(run['id'], 'running')
    page = open_tab(program)
    page.goto(f'{program.url}runs/{run["number"]}')
    expect(page.get_by_text('up', exact=True)).to_be_visible()

    page.get_by_role('button', name='Stop now').click()
    page.get_by_role('alertdialog').get_by_role('button', name='Stop now').click()

    dying = page.get_by_role('group', name='Processes of this run')
    expect(dying).to_contain_text(re.compile(r'sh was sent SIGTERM; killed in \d+ s'))
    expect(page.get_by_text('sh is asked to end (SIGTERM) and has 10 s for it')).to_be_visible()
    page.get_by_role('button', name='Force stop').click()
    expect(dying.get_by_role('status')).to_have_text('0 processes left')
    expect(dying).not_to_contain_text('killed in')


def test_the_list_of_runs_changes_by_push_and_filters_in_the_address(
    program: SynapseUnderTest, open_tab: SignIn
) -> None:
    page = open_tab(program)
    page.goto(f'{program.url}runs')
    expect(page.get_by_text('No runs yet')).to_be_visible()

    good = program.create_run('RunCommand', command=['true'])
    bad = program.create_run('RunCommand', command=['false'])

    expect(page.get_by_role('link', name=re.compile('#1 .*Succeeded'))).to_be_visible()
    expect(page.get_by_role('link', name=re.compile('#2 .*Failed'))).to_be_visible()
    assert good['number'] < bad['number']
    page.get_by_role('button', name='State: all').click()
    page.get_by_role('checkbox', name='Failed').check()
    page.keyboard.press('Escape')
    expect(page.get_by_role('link', name=re.compile('^#1 '))).to_be_hidden()
    expect(page).to_have_url(re.compile(re.escape('/runs?state=failed') + '$'))
    page.get_by_role('link', name=re.compile('^#2 ')).click()
    page.wait_for_url('**/runs/2')


def test_a_run_that_is_not_there_says_so(program: SynapseUnderTest, open_tab: SignIn) -> None:
    page = open_tab(program)

    page.goto(f'{program.url}runs/77')

    expect(page.get_by_text('There is no run #77.')).to_be_visible()
    expect(page.get_by_role('link', name='All runs')).to_be_visible()


def test_the_line_that_says_why_is_where_the_log_opens_and_is_found_again(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    script = 'seq 300; echo "ERROR: the disk is gone"; seq 100; exit 3'
    run = program.create_run('RunCommand', command=['sh', '-c', script])
    program.wait_for_run(run['id'])
    page = open_tab(program)

    page.goto(f'{program.url}runs/{run["id"]}')
    log = page.get_by_role('region', name='Log', exact=True)
    line = log.get_by_text('ERROR: the disk is gone', exact=True)
    expect(
        page.get_by_role('alert').filter(has_text='sh ended with exit code 3: ERROR: the disk is gone')
    ).to_be_visible()
    expect(line).to_be_in_viewport()
    page.get_by_role('button', name='Paused').click()  # follow: to the end
    expect(line).to_have_count(0)
    page.get_by_role('button', name='Line in the log').click()
    expect(line).to_be_in_viewport()
    assert problems == []

    page.goto(f'{program.url}runs')
    expect(page.get_by_text('Failed at EXECUTE: ERROR: the disk is gone')).to_be_visible()


def test_on_a_phone_the_numbers_of_a_run_do_not_overlap(program: SynapseUnderTest, open_tab: SignIn) -> None:
    def box(place: Locator) -> dict[str, float]:
        found = place.bounding_box()
        assert found is not None
        return {**found}

    run = program.create_run('RunCommand', command=['sleep', '5.2'])  # six lines of the axis, a second apart
    program.wait_for_run(run['id'], 'running')
    page = open_tab(program)
    page.set_viewport_size({'width': 390, 'height': 844})

    page.goto(f'{program.url}runs/{run["id"]}')
    expect(page.locator('.run-left .big')).to_have_text(re.compile(r'\d:\d\d'))
    title = page.get_by_role('region', name='Run summary').get_by_role('heading')
    assert box(page.locator('.run-left'))['y'] > box(title)['y']
    program.wait_for_run(run['id'], 'succeeded')
    edges: list[list[float]] = []

    def are_drawn() -> bool:
        edges[:] = page.locator('.run-ticks span').evaluate_all(
            """(spans) => spans.filter((span) => getComputedStyle(span).visibility === 'visible').map((span) => {
              const range = document.createRange();
              range.selectNodeContents(span);
              return [range.getBoundingClientRect().left, range.getBoundingClientRect().right];
            })"""
        )
        return len(edges) > 2

    wait_until(are_drawn, timeout=20)  # every other one is shown; they are drawn anew as the run ends
    assert all(left - right > 4 for (_, right), (left, _) in pairwise(edges))
