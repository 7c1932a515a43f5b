"""Tokens that runs are granted: what each scope opens, and that nothing is open once they are revoked."""

import asyncio
from pathlib import Path

import httpx
import pytest
import websockets
from websockets.asyncio.client import connect

from synapse.api.gate import scopes
from synapse.auth import Auth
from synapse.credentials.scope import Scope
from tests.parts.serving import served
from tests.synapse.api.test_gate import ORIGIN, gate

READS = [('GET', '/api/v1/runs'), ('GET', '/api/v1/logs/export'), ('HEAD', '/api/v1/status'), ('POST', '/api/v1/logs')]
RUNS = [('POST', '/api/v1/runs'), ('POST', '/api/v1/runs/a/cancel'), ('POST', '/api/v1/uploads')]
RUNS += [('POST', '/api/v1/runs/a/retry'), ('DELETE', '/api/v1/inbox/a')]
NEVER = [('POST', '/api/v1/scheduler/create'), ('POST', '/api/v1/profiles'), ('DELETE', '/api/v1/logs')]
NEVER += [('POST', '/api/v1/queue/stop'), ('GET', '/api/v1/scheduler/feed/x.ics'), ('GET', '/api/v1/backup/a')]
NEVER += [('GET', '/'), ('GET', '/settings'), ('POST', '/api/v1/runs/a/b/cancel'), ('POST', '/logout')]


@pytest.fixture
def auth(tmp_path: Path) -> Auth:
    return Auth(tmp_path)


@pytest.mark.parametrize('scope', Scope)
@pytest.mark.parametrize('call', [*READS, *RUNS, *NEVER], ids=' '.join)
def test_a_scope_opens_what_it_says(scope: Scope, call: tuple[str, str]) -> None:
    opened = {Scope.READ: READS, Scope.RUN: [*READS, *RUNS], Scope.ADMIN: [*READS, *RUNS, *NEVER]}[scope]

    assert scopes.allows(scope, *call) == (call in opened)


async def test_a_granted_token_works_until_it_is_revoked(auth: Auth) -> None:
    token = auth.grant(Scope.READ)
    transport = httpx.ASGITransport(app=gate(auth))
    headers = {'Authorization': f'Bearer {token}'}
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers) as client:
        assert (await client.get('/api/v1/runs')).status_code == 200
        refused = await client.post('/api/v1/runs')
        assert (refused.status_code, refused.json()['error']['code']) == (403, 'forbidden')
        assert '“read”' in refused.json()['error']['hint']

        auth.revoke(token)

        assert (await client.get('/api/v1/runs')).status_code == 401


def test_a_granted_token_ends_with_the_process_and_is_in_no_file(auth: Auth, tmp_path: Path) -> None:
    token = auth.grant(Scope.RUN)

    assert Auth(tmp_path).caller_with(token) is None
    assert not auth.is_token(token)
    assert not any(token.encode() in path.read_bytes() for path in tmp_path.iterdir())


async def test_a_socket_closes_when_its_token_is_revoked(auth: Auth) -> None:
    token = auth.grant(Scope.READ)
    async with served(lambda port: gate(auth, port=port)) as authority:
        address, headers = f'ws://{authority}/ws/updates', {'Authorization': f'Bearer {token}'}
        async with connect(address, additional_headers=headers) as socket:
            assert await socket.recv() == 'hello'
            await asyncio.to_thread(auth.revoke, token)

            with pytest.raises(websockets.ConnectionClosed) as closed:
                await socket.recv()

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401
