"""The page on a real room: what a person does in the calendar happens in the control room, and what failed is said."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any, Protocol

import pytest
import pytest_asyncio
from nicegui import ui

from pages.scheduler.agenda.view import Agenda
from pages.scheduler.month.day_popover import DayPopover
from pages.scheduler.month.grid import DayCell, MonthGrid
from pages.scheduler.page import scheduler_page
from pages.scheduler.parts.days import SOON
from pages.scheduler.toolbar import Toolbar
from pages.scheduler.week.view import WeekView
from synapse.calendar.entries import key_of
from synapse.calendar.events import Event
from synapse.runs.messages import RunChanged
from tests.parts.addresses import record_addresses
from tests.parts.pickers import choice
from tests.parts.screen import Screen, clickable, fire, name_of, opened_screen

pytestmark = pytest.mark.asyncio(loop_scope='module')
VIEWS = {'month': MonthGrid, 'week': WeekView, 'agenda': Agenda}


class Page(Screen):
    """The calendar page on a screen, and the addresses it had."""

    addresses: list[str]

    def part(self, kind: type[ui.element]) -> Any:
        return next(item for item in self.elements if isinstance(item, kind))

    def view(self) -> str:
        return next(name for name, kind in VIEWS.items() if any(isinstance(item, kind) for item in self.elements))

    def popover(self) -> dict[str, Any]:
        return dict(self.part(DayPopover).props['picture'] or {})

    def start_typed(self) -> str:
        """The start of the event in the dialog, as the browser would show it."""
        return f'{self.by_id("event-start").props["^value"]} {self.by_id("event-time").props["^value"]}'


class OpenPage(Protocol):
    async def __call__(self, **asked: str) -> Page: ...


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def screen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Screen]:
    async with opened_screen(tmp_path_factory.mktemp('page') / 'data') as screen:
        yield screen


@pytest_asyncio.fixture(loop_scope='module')
async def open_page(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OpenPage]:
    """Opens the page at an address; its events are gone afterwards."""

    async def opened(**asked: str) -> Page:
        page = Page(screen.room, screen.user, screen.container)
        page.addresses = record_addresses(monkeypatch)
        with page.drawing():
            await scheduler_page(page.room, **asked)
        return page

    yield opened
    screen.clear()
    while events := screen.room.calendar.events():
        await screen.room.editor.delete(events[0].id)


async def ended(page: Page, count: int = 1) -> None:
    """So many runs have ended."""
    for _ in range(count):
        await page.room.bus.next(RunChanged, timeout=20, where=lambda message: message.run.state.is_final)


# Which view, which day


async def test_an_address_with_nonsense_shows_this_month(open_page: OpenPage) -> None:
    page = await open_page(view='year', day='soon', month='0001-01', state='odd')
    assert page.view() == 'month'
    assert page.part(MonthGrid).name == f'{page.now:%B}'
    assert page.addresses[-1] == '/scheduler'


async def test_others_have_their_turn_while_the_page_is_made(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, turn, turns = asyncio.get_running_loop(), 0, {}

    def count() -> None:
        nonlocal turn, handle
        turn += 1
        handle = loop.call_soon(count)

    def note(kind: type[Any], name: str) -> None:
        work = getattr(kind, name)

        def noted(*arguments: Any, **named: Any) -> Any:
            turns[kind.__name__, name] = turn
            return work(*arguments, **named)

        monkeypatch.setattr(kind, name, noted)

    for kind, name in ((Toolbar, '__init__'), (MonthGrid, '__init__'), (MonthGrid, 'load')):
        note(kind, name)
    handle = loop.call_soon(count)
    await open_page()
    handle.cancel()

    assert 0 < turns['Toolbar', '__init__'] < turns['MonthGrid', '__init__'] < turns['MonthGrid', 'load']


async def test_a_phone_shows_the_agenda_and_a_wide_window_the_month_again(open_page: OpenPage) -> None:
    page = await open_page()
    frame = next(item for item in page.elements if 'mo-page' in item.classes)
    fire(frame, 'narrow', True)
    await page.until(lambda: page.view() == 'agenda')
    fire(frame, 'narrow', False)

    await page.until(lambda: page.view() == 'month')


async def test_turning_and_switching_are_kept_in_the_address_and_announced(open_page: OpenPage) -> None:
    page = await open_page(month='2030-01')
    page.press('Next month (J)')
    assert page.addresses[-1] == '/scheduler?month=2030-02'
    assert page.has('February 2030')

    page.press('Week')
    await page.until(lambda: page.view() == 'week')

    assert page.addresses[-1] == '/scheduler?view=week&day=2030-02-01'


async def test_a_filter_goes_into_the_address_and_hides_entries(open_page: OpenPage) -> None:
    page = await open_page(view='agenda')
    await page.plan()
    await page.until(lambda: 'Letters' in lines(page))

    picker = next(item for item in page.shown if item.tag == 'select' and name_of(item) == 'Pipeline')
    fire(picker, 'change', choice(picker, 'BackupFolder'))
    await page.until(lambda: page.has('No entries match this filter'))

    assert page.addresses[-1] == '/scheduler?view=agenda&pipeline=BackupFolder'


def lines(page: Page) -> list[str]:
    return [line['title'] for item in page.elements for line in item.props.get('lines', []) if 'title' in line]


# Planning


async def test_a_later_day_of_the_month_is_planned_at_the_next_full_hour(open_page: OpenPage) -> None:
    page = await open_page(month='2030-01')
    moments = [page.now]
    fire(page.part(MonthGrid), 'plan', '2030-01-15')

    moments.append(page.now)  # another hour may have come nearest meanwhile
    hours = {(moment + SOON + timedelta(hours=1)).hour for moment in moments}
    assert page.start_typed() in [f'2030-01-15 {hour:02}:00' for hour in hours]


async def test_an_empty_place_of_the_week_is_planned_at_its_half_hour(open_page: OpenPage) -> None:
    page = await open_page(view='week', day='2030-01-15')
    column = next(item for item in page.elements if item.props.get('data-day') == '2030-01-16')
    fire(column, 'slot', 14 * 44 + 30)

    assert page.start_typed() == '2030-01-16 14:30'


async def test_nothing_is_planned_in_a_week_that_is_over(open_page: OpenPage) -> None:
    page = await open_page(view='week', day='2020-01-15')
    fire(clickable(page.get('Thu 16')), 'click')
    column = next(item for item in page.elements if item.props.get('data-day') == '2020-01-16')
    fire(column, 'slot', 14 * 44)

    await page.until(lambda: len(page.notices) == 2)
    assert page.notices == ['That time has passed. Pick a later one.'] * 2
    assert not page.has('New event')


async def test_an_event_is_planned_for_the_pipeline_of_the_filter(open_page: OpenPage) -> None:
    page = await open_page(month='2030-01', pipeline='BackupFolder')
    fire(page.part(MonthGrid), 'plan', '2030-01-15')

    options = page.by_id('event-pipeline').descendants()
    assert [item.props['value'] for item in options if item.props.get('^selected')] == ['BackupFolder']


# Opening and moving


async def test_a_planned_entry_opens_its_event(open_page: OpenPage) -> None:
    page = await open_page()
    event, due = await planned_in_sight(page)
    fire(page.part(MonthGrid), 'chip', key_of(event.id, due))
    await page.until(lambda: page.has('Edit event'))

    assert page.by_id('event-title').props['^value'] == 'Letters'


async def test_a_chip_that_is_dropped_on_another_day_moves_its_event_and_can_be_undone(open_page: OpenPage) -> None:
    page = await open_page()
    event, due = await planned_in_sight(page)
    there = (due + timedelta(days=9)).astimezone(page.zone).date()
    fire(page.part(MonthGrid), 'dropped', {'key': key_of(event.id, due), 'day': there.isoformat()})
    await page.until(lambda: page.notices != [])

    moved = page.room.calendar.get(event.id)
    assert (moved.start.date(), moved.start.time()) == (there, event.start.time())
    await page.press_notice()
    await page.until(lambda: page.room.calendar.get(event.id).start == event.start)


async def test_one_of_a_series_moves_only_after_a_question(open_page: OpenPage) -> None:
    page = await open_page()
    event, due = await planned_in_sight(page, rrule='FREQ=WEEKLY')
    there = (due + timedelta(days=1)).astimezone(page.zone).date()
    fire(page.part(MonthGrid), 'dropped', {'key': key_of(event.id, due), 'day': there.isoformat()})
    await page.until(lambda: page.has('Move this and later ones'))
    page.press('Move only this one')
    await page.until(lambda: len(page.room.calendar.events()) == 2)

    starts = sorted(item.start.date() for item in page.room.calendar.events())
    assert starts == [event.start.date(), there]


async def test_a_move_into_the_past_says_why_it_is_refused(open_page: OpenPage) -> None:
    page = await open_page()
    event, due = await planned_in_sight(page)
    day = date.today() - timedelta(days=2)
    fire(page.part(MonthGrid), 'dropped', {'key': key_of(event.id, due), 'day': day.isoformat()})
    await page.until(lambda: page.notices != [])

    assert page.room.calendar.get(event.id).start == event.start


async def test_the_key_of_a_run_without_an_event_moves_nothing(open_page: OpenPage) -> None:
    page = await open_page()
    fire(page.part(MonthGrid), 'dropped', {'key': 'run:abc', 'day': '2030-01-15'})
    fire(page.part(MonthGrid), 'turn', '2030-01-15')

    assert page.notices == []
    assert page.part(MonthGrid).month == date(2030, 1, 1)


async def planned_in_sight(page: Page, **values: Any) -> tuple[Event, datetime]:
    """An event of tomorrow, once the month shows it."""
    event = await page.plan(**values)
    due = page.room.calendar.next_due(event.id)[0]
    grid = page.part(MonthGrid)
    if due.astimezone(page.zone).date() not in grid.days:
        grid.show(due.astimezone(page.zone).date())
    key = key_of(event.id, due)
    cells = [item for item in page.elements if isinstance(item, DayCell)]
    await page.until(lambda: any(chip.key == key for cell in cells if cell.picture for chip in cell.picture.chips))
    return event, due


# A day that is over


async def test_all_failed_runs_of_a_day_are_retried(open_page: OpenPage) -> None:
    page = await open_page()
    for _ in range(2):
        await page.room.runs.create('RunCommand', {'command': ['false']})
        await ended(page)
    fire(page.part(MonthGrid), 'day', page.now.date().isoformat())
    await page.until(lambda: page.popover().get('retry') == 'Retry 2 failed')
    fire(page.part(DayPopover), 'pressed', 'retry')
    await page.until(lambda: page.notices != [])

    assert page.notices == ['Retrying 2 runs.']
