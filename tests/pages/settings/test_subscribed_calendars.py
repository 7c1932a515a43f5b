"""Subscribed calendars on the Settings page: added, watched while they are read, and removed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pages.settings.subscriptions import OPEN_WIRE, SubscribedCalendars
from tests.parts.calendar_files import calendar_file
from tests.parts.calendar_server import CalendarServer, answering, calendar_server
from tests.parts.on_page import OnPage, opened, text_of

LUNCH = 'UID:lunch@team\nDTSTART:20311006T160000Z\nSUMMARY:Team lunch'
RULE = {'when': 'any', 'pipeline': 'RunCommand', 'parameters': {'command': ['true']}}


@pytest.fixture
def server() -> Iterator[CalendarServer]:
    with calendar_server() as server:
        server.text = calendar_file(LUNCH)
        yield server


async def subscribe(page: OnPage[SubscribedCalendars], address: str, *, label: str = 'Team') -> None:
    page.press('Add a calendar')
    await page.until(lambda: page.all(role='dialog'))
    page.emit(page.find(id='calendar-url'), 'input', address)
    page.emit(page.find(id='calendar-label'), 'input', label)
    page.press('Subscribe')


def says(page: OnPage[SubscribedCalendars], words: str) -> bool:
    return words in text_of(page.part)


async def test_a_calendar_is_added_and_its_row_follows_the_read(tmp_path: Path, server: CalendarServer) -> None:
    async with opened(tmp_path, SubscribedCalendars) as page:
        await page.room.import_rules.set([RULE])
        await subscribe(page, server.address('/private-0123456789'))
        await page.until(lambda: says(page, '1 event, 1 switched off.'))

        shown = text_of(page.part)
        assert f'http://127.0.0.1:{server.port}/…' in shown
        assert 'private-0123456789' not in shown
        assert OPEN_WIRE in shown
        assert not page.room.subscriptions.all()[0].turns_on


async def read_again(page: OnPage[SubscribedCalendars]) -> None:
    await page.until(lambda: page.all(aria_label='Read now: Team'))
    page.press('Read now: Team')


async def test_a_failure_shows_its_reason_and_the_last_good_read(tmp_path: Path, server: CalendarServer) -> None:
    async with opened(tmp_path, SubscribedCalendars) as page:
        await page.room.import_rules.set([RULE])
        await subscribe(page, server.address())
        await page.until(lambda: says(page, '1 event, 1 switched off.'))
        server.answer = answering(404)
        await read_again(page)
        await page.until(lambda: says(page, '127.0.0.1 answered 404 Not Found.'))

        assert says(page, 'Last read Today')


async def test_what_is_wrong_with_an_address_is_said_next_to_it(tmp_path: Path) -> None:
    async with opened(tmp_path, SubscribedCalendars) as page:
        await subscribe(page, 'example.org/calendar.ics')
        await page.until(lambda: 'Put https:// before it.' in text_of(page.all(role='dialog')[-1]))

        assert page.room.subscriptions.all() == []


async def test_calendars_of_the_same_name_are_told_apart(tmp_path: Path, server: CalendarServer) -> None:
    async with opened(tmp_path, SubscribedCalendars) as page:
        for path in ('/a', '/b'):
            await page.room.subscriptions.add({'url': server.address(path), 'label': 'Team'})
        await page.until(lambda: page.all(aria_label='Read now: Team (2)') and page.all(aria_label='Read now: Team'))

        rows = page.all(role='listitem')
        assert [row.props['aria-label'] for row in rows] == ['Team', 'Team (2)']


async def test_a_calendar_that_suddenly_has_no_events_says_so(tmp_path: Path, server: CalendarServer) -> None:
    async with opened(tmp_path, SubscribedCalendars) as page:
        await page.room.import_rules.set([RULE])
        await subscribe(page, server.address())
        await page.until(lambda: says(page, '1 event, 1 switched off.'))
        server.text = calendar_file()
        await read_again(page)

        await page.until(lambda: says(page, 'Those here (1 event) stay until a read an hour later says the same.'))


async def test_new_events_are_only_switched_on_after_a_clear_choice(tmp_path: Path, server: CalendarServer) -> None:
    async with opened(tmp_path, SubscribedCalendars) as page:
        await page.room.import_rules.set([RULE])
        await subscribe(page, server.address())
        await page.until(lambda: says(page, '1 event, 1 switched off.'))
        page.press('Edit Team')
        await page.until(lambda: page.all(aria_label='Edit calendar'))
        dialog = page.find(aria_label='Edit calendar')
        assert 'Whoever can write to this calendar then decides when your pipelines run' in text_of(dialog)
        page.emit(page.find(within=dialog, type='checkbox'), 'change', True)
        page.press('Save')
        await page.until(lambda: says(page, 'New events are switched on.'))
        server.text = calendar_file(LUNCH, LUNCH.replace('lunch', 'dinner'))
        await read_again(page)
        await page.until(lambda: says(page, '2 events, 1 switched off.'))


@pytest.mark.parametrize('is_ticked', [True, False])
async def test_a_removed_calendar_takes_its_events_if_asked_to(
    tmp_path: Path, server: CalendarServer, is_ticked: bool
) -> None:
    async with opened(tmp_path, SubscribedCalendars) as page:
        await page.room.import_rules.set([RULE])
        await subscribe(page, server.address())
        await page.until(lambda: says(page, '1 event, 1 switched off.'))
        page.press('Remove Team')
        await page.until(lambda: page.all(role='alertdialog'))
        (sure,) = [item for item in page.all(tag='button') if text_of(item) == 'Remove'] or [page.find('Remove')]
        page.emit(sure, 'click', is_ticked)
        await page.until(lambda: not page.room.subscriptions.all())
        await page.until(lambda: not says(page, 'Team'))

        assert len(page.room.calendar.events()) == (0 if is_ticked else 1)
