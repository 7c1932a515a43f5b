"""Subscribed calendars over the API: everything the Settings page can do, and addresses that stay private."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio

from synapse.control_room import ControlRoom
from tests.parts.api_room import client_of, error_of, gated
from tests.parts.calendar_files import calendar_file
from tests.parts.calendar_server import CalendarServer, answering, calendar_server
from tests.parts.empty_calendar import one_room, room
from tests.parts.serving import served

__all__ = ['one_room', 'room']

pytestmark = pytest.mark.asyncio(loop_scope='module')

LUNCH = 'UID:lunch@team\nDTSTART:20311006T160000Z\nSUMMARY:Team lunch\nDESCRIPTION:pipeline: Hello'


@pytest.fixture
def server() -> Iterator[CalendarServer]:
    with calendar_server() as server:
        server.text = calendar_file(LUNCH)
        yield server


@pytest_asyncio.fixture(loop_scope='module')
async def api(room: ControlRoom) -> AsyncIterator[httpx.AsyncClient]:
    async with served(lambda port: gated(room, port)) as authority, client_of(room, authority) as client:
        yield client


async def test_a_calendar_is_added_read_changed_and_removed(api: httpx.AsyncClient, server: CalendarServer) -> None:
    added = await api.post('/scheduler/subscriptions', json={'url': server.address('/secret-of-the-team/a.ics')})
    path = added.headers['location'].removeprefix('/api/v1')
    read = (await api.post(f'{path}/read')).json()
    changed = await api.patch(path, json={'label': 'Team', 'turns_on': True})
    server.answer = answering(404)
    failed = (await api.post(f'{path}/read')).json()
    listed = await api.get('/scheduler/subscriptions')
    events = (await api.get('/scheduler/list')).json()['events']
    removed = await api.delete(path, params={'events': 'delete'})

    assert added.status_code == 201
    assert (read['error'], read['failures'], read['events'], read['is_reading']) == ('', 0, 1, False)
    assert read['url'] == f'http://127.0.0.1:{server.port}/…'
    assert read['counts']['created'] == read['counts']['disabled'] == 1
    assert (changed.json()['label'], changed.json()['turns_on']) == ('Team', True)
    assert failed['error'].startswith('127.0.0.1 answered 404 Not Found.')
    assert (failed['read_at'], failed['failures'], failed['events']) == (read['read_at'], 1, 1)
    assert listed.json() == [failed]
    assert [(event['title'], event['enabled'], event['source']) for event in events] == [
        ('Team lunch', False, failed['id'])
    ]
    assert removed.status_code == 204
    assert (await api.get('/scheduler/list')).json()['events'] == []
    error_of(await api.get(path), 404, 'subscription_not_found')
    assert 'secret-of-the-team' not in added.text + listed.text + (await api.get('/logs')).text


async def test_what_is_wrong_is_named(api: httpx.AsyncClient, server: CalendarServer) -> None:
    wrong = error_of(
        await api.post('/scheduler/subscriptions', json={'url': 'file:///etc/passwd'}), 422, 'invalid_values'
    )
    added = await api.post('/scheduler/subscriptions', json={'url': server.address()})

    assert 'begins with something other than' in wrong['fields']['url']
    again = await api.post('/scheduler/subscriptions', json={'url': server.address().replace('http', 'HTTP', 1)})
    error_of(again, 409, 'already_subscribed')
    error_of(await api.post('/scheduler/subscriptions', json={'url': 'x', 'more': 1}), 422, 'invalid_values')
    await api.delete(f'/scheduler/subscriptions/{added.json()["id"]}')


async def test_source_and_memory_of_an_event_cannot_be_changed(api: httpx.AsyncClient, room: ControlRoom) -> None:
    values = {'pipeline': 'Hello', 'start': '2031-10-06T16:00:00', 'source': 'x', 'imported': 'y.z'}
    id = (await api.post('/scheduler/create', json=values)).json()['id']
    await api.patch(f'/scheduler/{id}', json={'source': 'x', 'imported': 'y.z'})

    assert (room.calendar.get(id).source, room.calendar.get(id).imported) == ('', '')
