"""Fixtures: one control room for each module of tests, since starting one takes seconds, with an empty calendar."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from synapse.control_room import ControlRoom
from tests.parts.api_room import api_room


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def one_room(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlRoom]:
    async with api_room(tmp_path_factory.mktemp('room') / 'data') as room:
        yield room


@pytest_asyncio.fixture(loop_scope='module')
async def room(one_room: ControlRoom) -> ControlRoom:
    """The same room for all tests, with an empty calendar for each."""
    if one_room.calendar.events():
        await one_room.editor.change_many({}, [event.id for event in one_room.calendar.events()])
    return one_room
