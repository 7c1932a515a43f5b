"""The week and the agenda as a person uses them: an event fires in both, an empty hour is planned, a phone unfolds."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from playwright.sync_api import Page, expect

from tests.parts.harness import SynapseUnderTest

expect.set_options(timeout=20_000)
SignIn = Callable[[SynapseUnderTest], Page]
TODAY = re.compile('^Today, ')


def plan(program: SynapseUnderTest, title: str, seconds: float, *command: str) -> dict[str, Any]:
    """An event of this machine that is due so many seconds from now."""
    start = datetime.now(UTC) + timedelta(seconds=seconds)
    event = {
        'title': title,
        'pipeline': 'RunCommand',
        'parameters': {'command': list(command)},
        'start': start.replace(tzinfo=None).isoformat(),
        'timezone': 'Etc/UTC',
    }
    with program.api as api:
        response = api.post('/scheduler/create', json=event)
    assert response.status_code == 201, response.text
    return dict(response.json())


def test_an_event_fires_and_its_block_and_its_row_turn_without_a_reload(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    week, agenda = open_tab(program), open_tab(program)
    week.goto(f'{program.url}scheduler?view=week')
    agenda.goto(f'{program.url}scheduler?view=agenda')
    expect(week.get_by_role('group', name='entries')).to_have_count(7)
    expect(agenda.get_by_text('Nothing planned yet')).to_be_visible()

    plan(program, 'Soon', 8, 'true')
    for page in (week, agenda):
        expect(page.get_by_role('button', name=re.compile('Soon, (.+, )?planned'))).to_be_visible()

    for page in (week, agenda):
        expect(page.get_by_role('button', name=re.compile('Soon, (.+, )?succeeded'))).to_be_visible()
        expect(page.get_by_role('button', name=re.compile('Soon, '))).to_have_count(1)
    assert problems == []


def test_an_empty_hour_of_the_week_is_planned_by_a_click_and_a_day_by_enter(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    page = open_tab(program)
    page.goto(f'{program.url}scheduler?view=week')
    page.get_by_role('button', name='Next week').click()
    expect(page.locator('.wk-now')).to_be_hidden()
    wednesday = page.get_by_role('group', name=re.compile('^Wednesday'))
    before = wednesday.get_attribute('data-day')

    wednesday.click(position={'x': 40, 'y': 14 * 44 + 30})
    dialog = page.get_by_role('dialog', name='New event')
    expect(dialog).to_be_visible()
    expect(dialog.locator('input[type=time]').first).to_have_value('14:30')
    expect(dialog.locator('input[type=date]').first).to_have_value(before or '')
    page.keyboard.press('Escape')
    expect(dialog).to_have_count(0)
    page.get_by_role('button', name=re.compile('^Thu ')).focus()
    page.keyboard.press('Enter')

    expect(dialog.locator('input[type=time]').first).to_have_value('09:00')
    assert problems == []


def test_on_a_phone_successes_fold_what_failed_stays_and_rows_are_large_enough(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    for command in ('true', 'true', 'false'):
        program.wait_for_run(program.create_run('RunCommand', command=[command])['id'])
    page = open_tab(program)
    page.set_viewport_size({'width': 375, 'height': 812})
    page.goto(f'{program.url}scheduler')

    fold = page.get_by_role('button', name='2 earlier runs succeeded')
    expect(fold).to_have_attribute('aria-expanded', 'false')
    expect(page.get_by_role('button', name=re.compile(', Failed: '))).to_have_count(1)
    expect(page.get_by_role('heading', name=TODAY)).to_contain_text('2 ok, 1 failed')
    fold.click()
    expect(page.get_by_role('button', name=re.compile(', succeeded'))).to_have_count(2)

    heights = page.locator('.ag button').evaluate_all('(all) => all.map((e) => e.offsetHeight).filter(Boolean)')
    assert min(heights) >= 44
    assert page.evaluate('document.documentElement.scrollWidth') <= 375
    assert problems == []


SIZES = """(all) => all.map((one) => one.getBoundingClientRect()).flatMap(({ width, height }) => [width, height])"""
BELOW_THE_HEADS = """() => {
    const heads = document.querySelector('.wk-head').getBoundingClientRect();
    return document.querySelector('.wk-block')?.getBoundingClientRect().top >= heads.bottom;
}"""


def test_a_block_of_the_week_is_large_enough_to_be_pressed_in_a_crowd_and_while_it_runs(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    week = timedelta(days=7).total_seconds()
    for number in range(6):
        plan(program, f'Crowd {number}', week, 'true')
    run = program.create_run('RunCommand', command=['sleep', '600'])
    program.wait_for_run(run['id'], 'running')
    page = open_tab(program)
    page.goto(f'{program.url}scheduler?view=week')
    # From the first tick on, its height is that of the browser's clock.
    page.wait_for_function(
        "document.querySelector('[data-stretch-from]')?.style.getPropertyValue('--long').includes('.')"
    )
    assert min(page.locator('.wk-block').evaluate_all(SIZES)) >= 24

    page.get_by_role('button', name='Next week').click()
    expect(page.locator('.wk-block.is-more')).to_have_text('+3')
    for width in (1440, 820, 375):
        page.set_viewport_size({'width': width, 'height': 900})
        assert min(page.locator('.wk-block').evaluate_all(SIZES)) >= 24, f'at {width} px'
    assert problems == []


def test_at_first_no_block_of_the_week_is_cut_to_a_sliver_by_the_heads_of_the_days(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    day = date.today() + timedelta(days=7)
    start = datetime.combine(day, time(6, 45)).isoformat()
    event = {'title': 'Early', 'pipeline': 'RunCommand', 'parameters': {'command': ['true']}, 'start': start}
    with program.api as api:
        api.post('/scheduler/create', json=event).raise_for_status()
    page = open_tab(program)

    page.goto(f'{program.url}scheduler?view=week&day={day}')
    page.wait_for_function(f"document.querySelector('.wk-scroll')?.scrollTop && ({BELOW_THE_HEADS})()")
    page.set_viewport_size({'width': 375, 'height': 812})
    page.wait_for_function(BELOW_THE_HEADS)
    assert problems == []
