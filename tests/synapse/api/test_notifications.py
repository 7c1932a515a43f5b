"""`/notifications`: the channels of alerts, whose addresses never come back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from synapse.control_room import ControlRoom
from tests.parts.api_room import api_room, error_of, gated
from tests.parts.receivers import http_receiver

PORT = 8010


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    async with api_room(tmp_path / 'data', PORT) as room:
        yield room


@pytest.fixture
async def api(room: ControlRoom) -> AsyncIterator[httpx.AsyncClient]:
    headers = {'Authorization': f'Bearer {room.auth.token}'}
    transport = httpx.ASGITransport(app=gated(room, PORT))
    async with httpx.AsyncClient(
        transport=transport, base_url=f'http://127.0.0.1:{PORT}/api/v1', headers=headers
    ) as client:
        yield client


async def test_a_run_that_fails_is_told_and_the_address_stays_hidden(api: httpx.AsyncClient) -> None:
    assert (await api.get('/notifications')).json()['channels'] == []
    with http_receiver() as server:
        url = f'json://me:open-sesame@127.0.0.1:{server.port}/hook'
        wanted = {'channels': [{'id': 'phone', 'url': url, 'kinds': ['run_failed'], 'enabled': True}]}
        answer = await api.put('/notifications', json=wanted)
        assert answer.status_code == 200
        (channel,) = answer.json()['channels']
        assert {name: channel[name] for name in ('id', 'url', 'kinds', 'enabled', 'last_error')} == {
            'id': 'phone',
            'url': f'json://127.0.0.1:{server.port}/***',
            'kinds': ['run_failed'],
            'enabled': True,
            'last_error': None,
        }
        again = await api.put('/notifications', json=(await api.get('/notifications')).json())
        assert again.json()['channels'] == [channel]

        run = (await api.post('/runs', json={'pipeline': 'Breaks', 'parameters': {}})).json()
        (body,) = await asyncio.to_thread(server.wait)
        assert body['title'] == 'Breaks failed at SECOND'
        assert f'http://127.0.0.1:{PORT}/runs/{run["number"]}' in body['message']


async def test_a_test_is_accepted_and_sent(api: httpx.AsyncClient) -> None:
    with http_receiver() as server:
        channel = {'id': 'phone', 'url': f'json://127.0.0.1:{server.port}/'}
        await api.put('/notifications', json={'channels': [channel]})

        assert (await api.post('/notifications/phone/test')).status_code == 202
        assert (await asyncio.to_thread(server.wait))[0]['title'] == 'Test from Synapse'
    error_of(await api.post('/notifications/nobody/test'), 404, 'channel_not_found')


async def test_what_is_wrong_is_named(api: httpx.AsyncClient) -> None:
    answer = await api.put('/notifications', json={'channels': [{'url': 'me@example.org'}]})
    assert error_of(answer, 422, 'invalid_values')['fields'] == {
        'channels.0.url': 'Begin with the service, such as ntfys://ntfy.example.org/my-topic.'
    }
    error_of(await api.put('/notifications', json={}), 422, 'invalid_values')
    error_of(await api.put('/notifications', json={'channels': {}}), 422, 'invalid_values')
    error_of(await api.put('/notifications', json={'channels': [], 'colour': 1}), 422, 'invalid_values')
    error_of(await api.put('/notifications', json={'channels': [7]}), 422, 'invalid_values')
