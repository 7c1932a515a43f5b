from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from synapse.control_room import ControlRoom
from tests.parts.calendar_server import CalendarServer, calendar_server
from tests.parts.empty_calendar import one_room

__all__ = ['one_room', 'room', 'server']


@pytest.fixture
def server() -> Iterator[CalendarServer]:
    with calendar_server() as server:
        yield server


@pytest_asyncio.fixture(loop_scope='module')
async def room(one_room: ControlRoom) -> AsyncIterator[ControlRoom]:
    """The same room for all tests, with no events, rules and calendars of others."""
    yield one_room
    for item in one_room.subscriptions.all():
        await one_room.subscriptions.remove(item.id, events='delete')
    await one_room.import_rules.set([])
    if one_room.calendar.events():
        await one_room.editor.change_many({}, [event.id for event in one_room.calendar.events()])
