"""`/tokens` and `/sessions`: what is shown once, what each token opens, and that taking it away counts at once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from synapse.api.updates.socket import Updates
from synapse.control_room import ControlRoom
from tests.parts.api_room import api_room, client_of, error_of, gated
from tests.parts.harness import PLAIN
from tests.parts.serving import served


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    async with api_room(tmp_path / 'data') as room:
        yield room


@pytest.fixture
async def authority(room: ControlRoom) -> AsyncIterator[str]:
    async with served(lambda port: gated(room, port, Updates(room))) as authority:
        yield authority


@pytest.fixture
async def api(room: ControlRoom, authority: str) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(room, authority) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {'Authorization': f'Bearer {token}'}


async def test_a_token_is_shown_once_and_kept_as_a_hash(api: httpx.AsyncClient, room: ControlRoom) -> None:
    created = await api.post('/tokens', json={'name': ' backup script ', 'scope': 'read'})

    token = created.json()
    assert created.status_code == 201
    assert created.headers['location'] == f'/api/v1/tokens/{token["id"]}'
    assert (token['name'], token['scope'], token['last_used_at']) == ('backup script', 'read', None)
    listed = (await api.get('/tokens')).json()
    assert listed == [{name: value for name, value in token.items() if name != 'token'}]
    assert token['token'] not in (room.settings.data / 'tokens.json').read_text()
    errors = await room.log.query(limit=1000)
    assert not any(token['token'] in entry.message for entry in errors)


async def test_a_token_opens_what_its_scope_says_and_tells_when_it_was_used(api: httpx.AsyncClient) -> None:
    secret = (await api.post('/tokens', json={'name': 'wall', 'scope': 'run'})).json()['token']
    run = {'pipeline': 'Hello', 'parameters': {}}

    started = await api.post('/runs', json=run, headers=bearer(secret))
    refused = await api.post('/queue/stop', headers=bearer(secret))

    assert started.status_code == 201
    error = error_of(refused, 403, 'forbidden')
    assert error['message'] == 'The token “wall” may not send POST /api/v1/queue/stop.'
    assert 'Settings' in error['hint']
    assert (await api.get('/tokens')).json()[0]['last_used_at'] is not None


async def test_a_token_for_everything_may_also_trust_a_calendar_file(api: httpx.AsyncClient) -> None:
    secret = (await api.post('/tokens', json={'name': 'importer', 'scope': 'admin'})).json()['token']
    file = b'BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nEND:VCALENDAR\r\n'

    answer = await api.post(
        '/scheduler/import?trust=true', content=file, headers={**bearer(secret), 'Content-Type': 'text/calendar'}
    )

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ('values', 'field'),
    [
        ({'name': '', 'scope': 'read'}, 'name'),
        ({'name': '  ', 'scope': 'read'}, 'name'),
        ({'name': 'a\nb', 'scope': 'read'}, 'name'),
        ({'name': 'x' * 61, 'scope': 'read'}, 'name'),
        ({'name': 'x', 'scope': 'root'}, 'scope'),
        ({'name': 'x'}, 'scope'),
        ({'name': 'x', 'scope': 'read', 'token': 'mine'}, 'token'),
        ({'name': 'taken', 'scope': 'read'}, 'name'),
    ],
)
async def test_what_cannot_be_a_token_is_refused_by_its_field(
    api: httpx.AsyncClient, values: dict[str, str], field: str
) -> None:
    await api.post('/tokens', json={'name': 'taken', 'scope': 'read'})

    error = error_of(await api.post('/tokens', json=values), 422, 'invalid_values')

    assert list(error['fields']) == [field]
    assert len((await api.get('/tokens')).json()) == 1


async def test_a_deleted_token_opens_nothing_and_its_socket_is_closed(api: httpx.AsyncClient, authority: str) -> None:
    token = (await api.post('/tokens', json={'name': 'screen', 'scope': 'read'})).json()
    async with connect(f'ws://{authority}/ws/updates', additional_headers=bearer(token['token'])) as socket:
        await socket.recv()

        assert (await api.delete(f'/tokens/{token["id"]}')).status_code == 204

        await asyncio.wait_for(socket.wait_closed(), 10)
        assert socket.close_code == 4401
    error_of(await api.get('/status', headers=bearer(token['token'])), 401, 'unauthorized')
    error_of(await api.delete(f'/tokens/{token["id"]}'), 404, 'token_not_found')


async def test_tokens_and_their_last_use_outlive_the_program(tmp_path: Path) -> None:
    async with api_room(tmp_path / 'data') as room:
        _, secret = await room.tokens.create({'name': 'kept', 'scope': 'read'})
        room.auth.see(secret, '127.0.0.1')
        used_at = room.tokens.all()[0].last_used_at

    async with api_room(tmp_path / 'data', is_new=False) as room:
        caller = room.auth.caller_with(secret)

        assert caller is not None
        assert (caller.name, caller.scope) == ('token “kept”', 'read')
        assert used_at is not None
        assert room.tokens.all()[0].last_used_at == used_at


async def test_browsers_are_listed_and_signed_out_with_their_pages(
    api: httpx.AsyncClient, room: ControlRoom, authority: str
) -> None:
    agent = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
    async with httpx.AsyncClient(
        base_url=f'http://{authority}', headers={'User-Agent': agent}, verify=PLAIN
    ) as browser:
        await browser.post('/auth', json={'code': room.auth.mint_code()})
        mine = (await browser.get('/api/v1/sessions')).json()
        cookie = {'Cookie': f'synapse={browser.cookies["synapse"]}'}
        async with connect(f'ws://{authority}/ws/updates', additional_headers=cookie) as socket:
            await socket.recv()

            assert (await api.delete(f'/sessions/{mine[0]["id"]}')).status_code == 204

            await asyncio.wait_for(socket.wait_closed(), 10)
            assert socket.close_code == 4401
        assert (await browser.get('/api/v1/sessions')).status_code == 401
    assert [(s['browser'], s['address'], s['scope'], s['is_current']) for s in mine] == [
        ('Firefox on Linux', '127.0.0.1', 'admin', True)
    ]
    error_of(await api.delete(f'/sessions/{mine[0]["id"]}'), 404, 'session_not_found')
