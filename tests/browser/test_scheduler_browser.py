"""The month as a person uses it: events fire in it, keys walk it, chips are dragged and carried, files dropped."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.parts.harness import SynapseUnderTest

expect.set_options(timeout=20_000)
SignIn = Callable[[SynapseUnderTest], Page]
DAY = timedelta(days=1)
DROP = """([name, text]) => {
    const cell = document.querySelector('[data-drop-here]');
    const data = new DataTransfer();
    data.items.add(new File([text], name));
    for (const type of ['dragenter', 'dragover', 'drop']) {
        cell.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data }));
    }
}"""


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def a_day_of_next_month() -> datetime:
    """Noon of the fifteenth: with days before and after it, and never over."""
    first = (now().replace(day=1) + 32 * DAY).replace(day=15)
    return first.replace(hour=12, minute=0, second=0, microsecond=0)


def plan(program: SynapseUnderTest, title: str, start: datetime, **values: Any) -> dict[str, Any]:
    event = {
        'title': title,
        'pipeline': 'RunCommand',
        'parameters': {'command': ['true']},
        'start': start.isoformat(),
        'timezone': 'Etc/UTC',
    }
    with program.api as api:
        response = api.post('/scheduler/create', json=event | values)
    assert response.status_code == 201, response.text
    return dict(response.json())


def open_month(page: Page, program: SynapseUnderTest, day: datetime | None = None) -> Locator:
    page.goto(f'{program.url}scheduler' + (f'?day={day:%Y-%m-%d}' if day else ''))
    grid = page.get_by_role('grid', name=f'{day or now():%B %Y}')
    expect(grid).to_be_visible()
    expect(grid.locator('.mo-skeleton')).to_have_count(0)
    return grid


def cell(grid: Locator, day: datetime) -> Locator:
    return grid.locator(f'.mo-cell[data-day="{day:%Y-%m-%d}"]')


def chip(grid: Locator, day: datetime, title: str) -> Locator:
    return cell(grid, day).get_by_role('button', name=re.compile(f'^..:.. {title}, '))


def test_an_event_fires_and_its_chip_turns_in_two_tabs_without_a_reload(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    pages = [open_tab(program), open_tab(program)]
    grids = [open_month(page, program) for page in pages]
    for page in pages:
        page.evaluate("document.querySelectorAll('.mo-cell').forEach((cell) => { cell.isTheSame = true; })")

    due = now() + timedelta(seconds=4)
    plan(program, 'Soon', due)
    for grid in grids:
        expect(chip(grid, due, 'Soon')).to_have_attribute('aria-label', re.compile('planned'))
    for grid in grids:
        expect(chip(grid, due, 'Soon')).to_have_attribute('aria-label', re.compile('succeeded'))

    for page in pages:
        assert page.evaluate("[...document.querySelectorAll('.mo-cell')].every((cell) => cell.isTheSame)")
        expect(page.get_by_role('button', name='1 succeeded', exact=True)).to_be_visible()
    chip(grids[0], due, 'Soon').click()
    pages[0].wait_for_url(re.compile('/runs/'))
    assert problems == []


def test_the_grid_is_walked_by_keys_and_enter_opens_a_day_or_plans_on_it(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    day = a_day_of_next_month()
    plan(program, 'Far', day)
    page = open_tab(program)
    grid = open_month(page, program, day)
    expect(cell(grid, day)).to_have_attribute('tabindex', '0')
    expect(grid.locator('.mo-cell[tabindex="0"]')).to_have_count(1)

    cell(grid, day).focus()
    page.keyboard.press('ArrowRight')
    expect(cell(grid, day + DAY)).to_be_focused()
    page.keyboard.press('ArrowUp')
    expect(cell(grid, day - 6 * DAY)).to_be_focused()
    page.keyboard.press('ArrowDown')
    page.keyboard.press('ArrowLeft')
    page.keyboard.press('Tab')
    expect(chip(grid, day, 'Far')).to_be_focused()
    page.keyboard.press('Escape')
    expect(cell(grid, day)).to_be_focused()
    page.keyboard.press('Shift+PageUp')
    past = day.replace(year=day.year - 1)
    expect(page.get_by_role('grid', name=f'{past:%B %Y}')).to_be_visible()
    expect(page.get_by_role('status').filter(has_text=f'{past:%B %Y}')).to_have_count(1)
    expect(cell(page.get_by_role('grid'), past)).to_be_focused()
    page.keyboard.press('Enter')
    popover = page.get_by_role('dialog', name=f'{past:%A} {past.day} {past:%B}')
    expect(popover).to_be_visible()
    page.keyboard.press('Escape')
    expect(popover).to_be_hidden()
    expect(cell(page.get_by_role('grid'), past)).to_be_focused()
    page.keyboard.press('t')
    expect(cell(page.get_by_role('grid'), now())).to_be_focused()
    page.keyboard.press('ArrowRight')
    page.keyboard.press('Enter')
    expect(page.get_by_role('dialog', name='New event')).to_be_visible()
    assert problems == []


def test_one_of_a_series_is_dragged_to_another_day_and_taken_back(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    day = a_day_of_next_month()
    plan(program, 'Weekly', day, rrule='FREQ=WEEKLY')
    page = open_tab(program)
    grid = open_month(page, program, day)

    chip(grid, day, 'Weekly').drag_to(cell(grid, day + 2 * DAY))
    page.get_by_role('alertdialog').get_by_role('button', name='Move only this one').click()

    expect(chip(grid, day + 2 * DAY, 'Weekly')).to_be_visible()
    expect(chip(grid, day, 'Weekly')).to_have_count(0)
    expect(chip(grid, day + 7 * DAY, 'Weekly')).to_be_visible()
    page.get_by_role('button', name='Undo').click()
    expect(chip(grid, day, 'Weekly')).to_be_visible()
    expect(chip(grid, day + 2 * DAY, 'Weekly')).to_have_count(0)
    assert problems == []


def test_a_chip_is_carried_to_another_day_by_keys_and_days_that_are_over_refuse_it(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    day = a_day_of_next_month()
    plan(program, 'Once', day)
    page = open_tab(program)
    grid = open_month(page, program, day)

    chip(grid, day, 'Once').focus()
    page.keyboard.press('m')
    page.keyboard.press('Shift+PageUp')
    page.keyboard.press('Enter')
    past = day.replace(year=day.year - 1)
    expect(page.get_by_text(f'{past:%A} {past.day} {past:%B} is over.')).to_have_count(1)
    page.keyboard.press('Shift+PageDown')
    expect(cell(page.get_by_role('grid'), day)).to_be_focused()
    page.keyboard.press('ArrowLeft')
    expect(cell(grid, day - DAY).get_by_text('12:00 drop to move here')).to_be_visible()
    page.keyboard.press('Enter')

    expect(chip(grid, day - DAY, 'Once')).to_be_visible()
    expect(chip(grid, day, 'Once')).to_have_count(0)
    assert problems == []


def test_a_file_dropped_on_a_day_is_kept_and_asks_for_its_event(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    day = a_day_of_next_month()
    page = open_tab(program)
    grid = open_month(page, program, day)
    cell(grid, day).evaluate("(cell) => { cell.dataset.dropHere = ''; }")

    page.evaluate(DROP, ['holiday.mp4', 'not really'])

    dialog = page.get_by_role('dialog', name='New event')
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text('holiday.mp4')
    with program.api as api:
        assert [item['name'] for item in api.get('/inbox').json()] == ['holiday.mp4']
    assert problems == []


def test_a_filter_hides_chips_stays_in_the_address_and_the_views_change_by_number(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    day = a_day_of_next_month()
    plan(program, 'Command', day)
    plan(program, 'Backup', day, pipeline='BackupFolder', parameters={'folder': str(Path.home())})
    page = open_tab(program)
    grid = open_month(page, program, day)
    expect(chip(grid, day, 'Command')).to_be_visible()

    page.get_by_role('combobox', name='Pipeline').select_option(label='Backup folder')
    expect(chip(grid, day, 'Command')).to_have_count(0)
    expect(chip(grid, day, 'Backup')).to_be_visible()
    expect(cell(grid, day).locator('.mo-strip .is-dim')).to_have_count(1)
    page.wait_for_url(re.compile('pipeline=BackupFolder'))
    page.keyboard.press('Escape')
    page.get_by_role('button', name='Today').focus()
    page.keyboard.press('2')
    page.wait_for_url(re.compile('view=week'))
    expect(page.get_by_role('radio', name='Week')).to_have_attribute('aria-checked', 'true')
    page.keyboard.press('1')
    expect(chip(page.get_by_role('grid'), day, 'Backup')).to_be_visible()
    assert problems == []
