"""The gate: nothing passes without the right address, origin and credentials, and what does is limited."""

import asyncio
import contextlib
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from fastapi import FastAPI, Request, WebSocket
from starlette.websockets import WebSocketDisconnect
from websockets.asyncio.client import connect

from synapse.api.gate import failed_sign_ins
from synapse.api.gate.gate import PUBLIC_ROUTES, Gate
from synapse.api.gate.reach import Reach
from synapse.auth import CODE_SECONDS, Auth
from synapse.credentials.sessions import OVERLAP_SECONDS, RENEW_SECONDS
from tests.parts.serving import served

HOST = '127.0.0.1:8000'
ORIGIN = f'http://{HOST}'
FORWARDED_PORTS = ('127.0.0.1', '127.0.0.1:8001', '[::1]:8000')


def sample_app() -> FastAPI:
    """Stands for API, pages, sockets and NiceGUI's own routes."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get('/api/v1/health')
    async def health() -> dict[str, str]:
        return {'status': 'ok'}

    @app.api_route('/api/v1/runs', methods=['GET', 'POST'])
    @app.post('/api/v1/uploads')
    @app.post('/api/v1/scheduler/import')
    async def count(request: Request) -> dict[str, int]:
        return {'bytes': sum([len(chunk) async for chunk in request.stream()])}

    @app.api_route('/api/v1/scheduler/feed/{secret}.ics', methods=['GET', 'HEAD', 'POST', 'DELETE'])
    async def feed(secret: str) -> dict[str, str]:
        return {'of': secret}

    @app.get('/_nicegui/3.18.0/static/nicegui.js')
    @app.get('/')
    @app.get('/runs')
    async def page(request: Request) -> dict[str, Any]:
        return {'headers': dict(request.headers), 'caller': request.scope['synapse.caller']}

    @app.websocket('/ws/updates')
    async def updates(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text('hello')
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await socket.send_text(await socket.receive_text())

    return app


@pytest.fixture
def entry(tmp_path: Path) -> Auth:
    return Auth(tmp_path)


def gate(entry: Auth, *, no_login: bool = False, port: int = 8000, max_upload_bytes: int = 3_000_000) -> Gate:
    hosts = frozenset({f'127.0.0.1:{port}', f'localhost:{port}'})
    return Gate(
        sample_app(),
        auth=entry,
        reach=Reach(hosts),
        no_login=no_login,
        cookie_name='synapse_8000',
        max_upload_bytes=max_upload_bytes,
    )


def client_of(app: Gate, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN, headers=headers)


@pytest.fixture
async def stranger(entry: Auth) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(gate(entry)) as client:
        yield client


@pytest.fixture
async def script(entry: Auth) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(gate(entry), {'Authorization': f'Bearer {entry.token}'}) as client:
        yield client


@pytest.fixture
async def browser(entry: Auth) -> AsyncIterator[httpx.AsyncClient]:
    """A client signed in like a browser on our own pages."""
    async with client_of(gate(entry)) as client:
        await client.post('/auth', json={'code': entry.mint_code()})
        client.headers.update({'Origin': ORIGIN, 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'cors'})
        yield client


def assert_error(response: httpx.Response, status: int, code: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers['content-type'] == 'application/json'
    assert response.json()['error']['code'] == code
    assert response.json()['error']['message']


# Without credentials


def test_the_open_list_is_exactly_this() -> None:
    files = {'/login', '/auth', '/sign-in.css', '/auth.js', '/api/v1/health', '/favicon.ico', '/fonts.css'}
    files |= {f'/fonts/{name}.woff2' for name in ('inter-4.1', 'jetbrains-mono-2.211')}

    assert {(method, path) for path in files for method in ('GET', 'HEAD')} | {
        ('POST', '/login'),
        ('POST', '/auth'),
    } == PUBLIC_ROUTES


async def test_the_secret_address_of_the_calendar_is_open_and_nothing_like_it(
    stranger: httpx.AsyncClient, entry: Auth
) -> None:
    assert_error(await stranger.get('/api/v1/scheduler/feed/None.ics'), 401, 'unauthorized')
    path = f'/api/v1/scheduler/feed/{entry.new_feed()}.ics'

    response = await stranger.get(path)

    assert response.json() == {'of': entry.feed}
    for other in (
        f'{path}/',
        f'{path}x',
        path.replace('.ics', ''),
        path.replace('feed/', 'feed//'),
        path.replace('.ics', '.ICS'),
    ):
        assert_error(await stranger.get(other), 401, 'unauthorized')
    assert_error(await stranger.get(f'{path[:-5]}.ics'), 401, 'unauthorized')
    for method in ('HEAD', 'POST', 'DELETE'):
        assert (await stranger.request(method, path)).status_code == 401
    entry.revoke_feed()
    assert_error(await stranger.get(path), 401, 'unauthorized')


async def test_the_secret_address_of_the_calendar_has_all_other_walls(stranger: httpx.AsyncClient, entry: Auth) -> None:
    path = f'/api/v1/scheduler/feed/{entry.new_feed()}.ics'

    assert_error(await stranger.get(path, headers={'Host': 'evil.example'}), 421, 'wrong_host')
    assert_error(await stranger.get(path, headers={'Origin': 'http://evil.example'}), 403, 'foreign_origin')
    assert_error(await stranger.get(path, headers={'Sec-Fetch-Site': 'cross-site'}), 403, 'foreign_site')


async def test_every_other_route_is_closed_to_strangers(stranger: httpx.AsyncClient) -> None:
    for route in sample_app().routes:
        for method in getattr(route, 'methods', None) or ['GET']:
            path = getattr(route, 'path', '')
            if (method, path) in PUBLIC_ROUTES:
                continue
            response = await stranger.request(method, path)
            assert response.status_code in (401, 303), f'{method} {path}: {response.status_code}'


@pytest.mark.parametrize('path', ['/api', '/api/', '/api/v1', '/api/v1/runs', '/api/v1/nothing', '/api/v2/x'])
async def test_the_api_says_401_in_json(stranger: httpx.AsyncClient, path: str) -> None:
    response = await stranger.get(path)

    assert_error(response, 401, 'unauthorized')
    assert response.headers['www-authenticate'] == 'Bearer'


@pytest.mark.parametrize('path', ['/', '/runs', '/runs/x', '/api.html', '/apix', '/nothing'])
async def test_pages_lead_to_the_login(stranger: httpx.AsyncClient, path: str) -> None:
    response = await stranger.get(path)

    assert response.status_code == 303
    assert response.headers['location'] == '/login'


async def test_a_person_comes_to_the_page_that_was_asked_for(stranger: httpx.AsyncClient, entry: Auth) -> None:
    asked = await stranger.get('/runs/12?step=RENDER', headers={'Sec-Fetch-Mode': 'navigate'})

    assert asked.headers['location'] == '/login'
    signed_in = await stranger.post('/login', data={'token': entry.token}, headers={'Origin': ORIGIN})

    assert signed_in.headers['location'] == '/runs/12?step=RENDER'
    again = await stranger.post('/login', data={'token': entry.token}, headers={'Origin': ORIGIN})
    assert again.headers['location'] == '/'


@pytest.mark.parametrize('path', ['//evil.example', '/\\evil.example', 'https://evil.example', '/a b'])
async def test_nobody_is_led_elsewhere_by_a_cookie(stranger: httpx.AsyncClient, entry: Auth, path: str) -> None:
    signed_in = await stranger.post(
        '/login', data={'token': entry.token}, headers={'Origin': ORIGIN, 'Cookie': f'synapse_8000_asked={path}'}
    )

    assert signed_in.headers['location'] == '/'


async def test_what_a_page_fetches_says_401_instead_of_a_page(stranger: httpx.AsyncClient) -> None:
    assert_error(await stranger.get('/_nicegui/3.18.0/static/nicegui.js'), 401, 'unauthorized')
    assert_error(await stranger.post('/runs'), 401, 'unauthorized')


@pytest.mark.parametrize('path', ['/api/v1/health/', '/api/v1/health/../runs', '//api/v1/health', '/API/V1/HEALTH'])
async def test_something_like_an_open_path_is_not_open(entry: Auth, path: str) -> None:
    # Sent straight to the gate, since the client would normalize the path.
    assert await status_of(gate(entry), path) in (401, 303)


async def test_the_favicon_and_the_health_are_open(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get('/api/v1/health')).json() == {'status': 'ok'}
    assert (await stranger.get('/favicon.ico')).headers['content-type'] == 'image/svg+xml'
    assert (await stranger.head('/login')).content == b''


@pytest.mark.parametrize(
    'value', ['', 'Bearer', 'Bearer ', 'Bearer x', 'Basic {token}', '{token}', 'Bearer {token}x', 'Bearer x {token}']
)
async def test_a_wrong_authorization_is_none(stranger: httpx.AsyncClient, entry: Auth, value: str) -> None:
    headers = {'Authorization': value.format(token=entry.token)}

    assert (await stranger.get('/api/v1/runs', headers=headers)).status_code == 401


async def test_two_authorizations_are_none(stranger: httpx.AsyncClient, entry: Auth) -> None:
    headers = [('Authorization', f'Bearer {entry.token}'), ('Authorization', 'Bearer x')]

    assert (await stranger.get('/api/v1/runs', headers=headers)).status_code == 401


async def test_the_token_opens_everything(script: httpx.AsyncClient) -> None:
    assert (await script.get('/api/v1/runs')).status_code == 200
    assert (await script.get('/runs')).json()['caller'] == 'token'


async def test_a_token_in_the_address_opens_nothing(stranger: httpx.AsyncClient, entry: Auth) -> None:
    assert (await stranger.get('/api/v1/runs', params={'token': entry.token})).status_code == 401


# Signing in and out


async def test_a_link_signs_in_once(stranger: httpx.AsyncClient, entry: Auth) -> None:
    code = entry.mint_code()

    response = await stranger.post('/auth', json={'code': code})

    assert response.status_code == 303
    assert response.headers['location'] == '/'
    cookie = response.headers['set-cookie']
    assert cookie.startswith('synapse_8000=')
    assert {'HttpOnly', 'SameSite=Lax', 'Path=/', 'Max-Age=604800'} <= set(cookie.split('; '))
    assert (await stranger.get('/runs')).status_code == 200
    stranger.cookies.clear()
    assert_error(await stranger.post('/auth', json={'code': code}), 401, 'sign_in_failed')


async def test_the_form_takes_the_token(stranger: httpx.AsyncClient, entry: Auth) -> None:
    response = await stranger.post('/login', data={'token': entry.token}, headers={'Origin': ORIGIN})

    assert response.status_code == 303
    assert (await stranger.get('/runs')).status_code == 200
    assert (await stranger.get('/login')).headers['location'] == '/'


async def test_a_wrong_token_shows_the_form_again_with_the_way_out(stranger: httpx.AsyncClient) -> None:
    fresh = await stranger.get('/login')
    response = await stranger.post('/login', data={'token': '<script>'})

    assert response.status_code == 401
    assert 'role="alert" hidden' in fresh.text
    assert 'role="alert">That is not the token.' in response.text
    assert '<script>' not in response.text
    assert 'set-cookie' not in response.headers


@pytest.mark.parametrize(
    ('content', 'content_type'),
    [
        (b'', 'application/json'),
        (b'{', 'application/json'),
        (b'[]', 'application/json'),
        (b'[' * 9000, 'application/json'),
        (b'{"code": 1}', 'application/json'),
        (b'{"code": null, "token": ""}', 'application/json'),
        (b'token=', 'application/x-www-form-urlencoded'),
        (b'\xff=\xff', 'application/x-www-form-urlencoded'),
        (b'&' * 9000, 'application/x-www-form-urlencoded'),
        (b'token=x', 'text/plain'),
    ],
)
async def test_whatever_else_is_posted_signs_no_one_in(
    stranger: httpx.AsyncClient, content: bytes, content_type: str
) -> None:
    response = await stranger.post('/auth', content=content, headers={'Content-Type': content_type})

    assert response.status_code == 401
    assert 'set-cookie' not in response.headers


async def test_a_used_link_leads_home_who_is_signed_in(browser: httpx.AsyncClient) -> None:
    response = await browser.post('/auth', json={'code': 'used'})

    assert response.status_code == 303
    assert 'set-cookie' not in response.headers


async def test_the_sixth_wrong_sign_in_of_a_minute_has_to_wait_and_a_right_one_never(
    stranger: httpx.AsyncClient, entry: Auth
) -> None:
    answers = [await stranger.post('/auth', json={'code': 'wrong'}) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert_error(answers[-1], 429, 'too_many_requests')
    assert 1 <= int(answers[-1].headers['retry-after']) <= 60
    page = await stranger.post('/login', data={'token': 'wrong'})
    assert page.status_code == 429
    assert 'role="alert">Too many wrong sign-ins from this address. A right link or token works at once.' in page.text
    assert (await stranger.post('/login', data={'token': entry.token})).status_code == 303
    stranger.cookies.clear()
    assert (await stranger.post('/auth', json={'code': entry.mint_code()})).status_code == 303


async def test_a_flood_of_wrong_ones_neither_refuses_nor_holds_up_a_right_one(entry: Auth) -> None:
    address = f'/api/v1/scheduler/feed/{entry.new_feed()}.ics'
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ('POST', '/auth', {'json': {'code': 'wrong'}}),
        ('POST', '/auth', {'content': b'x' * 500_000}),
        ('POST', '/login', {'data': {'token': 'wrong'}}),
        ('GET', '/api/v1/runs', {'headers': {'Authorization': 'Bearer wrong'}}),
        ('GET', f'{address[:-5]}.ics', {}),
    ]
    many, seen = asyncio.Event(), Counter[int]()

    async def flood(client: httpx.AsyncClient, method: str, path: str, values: dict[str, Any]) -> None:
        for _ in range(5_000):
            seen[(await client.request(method, path, **values)).status_code] += 1
            if seen[429] >= 50:
                many.set()

    async with (
        served(lambda port: gate(entry, port=port)) as url,
        httpx.AsyncClient(base_url=f'http://{url}', timeout=20) as stranger,
        httpx.AsyncClient(base_url=f'http://{url}', timeout=20) as owner,
    ):
        floods = [asyncio.create_task(flood(stranger, *call)) for call in calls * 2]
        await asyncio.wait_for(many.wait(), 20)
        begin = time.monotonic()

        signed_in = []
        for _ in range(3):
            signed_in.append(await owner.post('/auth', json={'code': entry.mint_code()}))
            owner.cookies.clear()
            signed_in.append(await owner.post('/login', data={'token': entry.token}))
            owner.cookies.clear()
        bearer = {'Authorization': f'Bearer {entry.token}'}
        called = [await owner.post('/api/v1/runs', headers=bearer) for _ in range(3)]
        called.append(await owner.get(address))
        async with connect(f'ws://{url}/ws/updates', additional_headers=bearer) as socket:
            assert await socket.recv() == 'hello'

        took = time.monotonic() - begin
        assert not any(task.done() for task in floods)
        for task in floods:
            task.cancel()
        await asyncio.gather(*floods, return_exceptions=True)
    assert [answer.status_code for answer in signed_in] == [303] * 6
    assert [answer.status_code for answer in called] == [200] * 4
    assert set(seen) == {401, 429}
    assert took < 20


async def test_a_used_or_expired_link_says_what_is_wrong_and_is_not_counted_as_a_guess(
    stranger: httpx.AsyncClient, entry: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = entry.mint_code()
    entry.redeem(used)
    answers = [await stranger.post('/auth', json={'code': used}) for _ in range(8)]

    assert {answer.status_code for answer in answers} == {401}
    assert_error(answers[-1], 401, 'sign_in_failed')
    assert answers[-1].json()['error']['message'] == 'This link has already been used.'
    old = entry.mint_code()
    monkeypatch.setattr(entry, '_clock', lambda: time.time() + CODE_SECONDS + 5)
    expired = await stranger.post('/auth', json={'code': old})
    assert expired.json()['error']['message'].startswith('This link has expired')
    wrong = await stranger.post('/auth', json={'code': old[:-1]})
    assert wrong.json()['error']['message'].startswith('This link is incomplete')


async def test_failed_sign_ins_are_reported_in_one_line_without_their_content(
    stranger: httpx.AsyncClient, entry: Auth, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(failed_sign_ins, 'REPORT_SECONDS', 0.5)
    news = asyncio.Event()
    monkeypatch.setattr(caplog.handler, 'emit', _then(caplog.handler.emit, news.set))

    for _ in range(20):
        await stranger.post('/auth', json={'code': 'guess'})
        await stranger.get('/api/v1/runs', headers={'Authorization': 'Bearer guess'})
    await stranger.get('/api/v1/runs')
    await stranger.post('/auth', json={'code': entry.mint_code()})

    pattern = re.compile(r'(\d+) attempts? with a wrong link or token in the last minute, from 127.0.0.1; all refused')
    count = 0
    async with asyncio.timeout(10):
        while count < 40:
            await news.wait()
            news.clear()
            # One, unless this machine takes longer than a minute for the attempts.
            found = [pattern.fullmatch(record.getMessage()) for record in caplog.records]
            count = sum(int(line[1]) for line in found if line)
    assert count == 40
    assert all(found)
    assert len(found) <= 5


async def test_right_sign_ins_are_not_counted(stranger: httpx.AsyncClient, entry: Auth) -> None:
    for _ in range(8):
        stranger.cookies.clear()
        assert (await stranger.post('/auth', json={'code': entry.mint_code()})).status_code == 303


async def test_signing_out_ends_the_session_at_once(browser: httpx.AsyncClient) -> None:
    kept = dict(browser.cookies)

    response = await browser.post('/logout')

    assert response.status_code == 303
    assert response.headers['location'] == '/login'
    assert 'Max-Age=0' in response.headers['set-cookie']
    assert (await browser.get('/api/v1/runs', headers={'Cookie': f'synapse_8000={kept["synapse_8000"]}'})).is_error


async def test_a_session_is_renewed_by_opening_a_page_once_a_day(tmp_path: Path) -> None:
    now = 1_800_000_000.0
    entry = Auth(tmp_path, clock=lambda: now)
    async with client_of(gate(entry)) as client:
        await client.post('/auth', json={'code': entry.mint_code()})

        assert 'set-cookie' not in (await client.get('/')).headers
        now += RENEW_SECONDS + 1
        assert 'Max-Age=604800' in (await client.get('/')).headers['set-cookie']
        assert 'set-cookie' not in (await client.get('/')).headers


async def test_a_session_is_replaced_by_the_first_page_after_a_restart(tmp_path: Path) -> None:
    async with client_of(gate(Auth(tmp_path))) as client:
        await client.post('/auth', json={'code': Auth(tmp_path).mint_code()})
        before = client.cookies['synapse_8000']
    now = time.time() + 1
    entry = Auth(tmp_path, clock=lambda: now)
    async with client_of(gate(entry)) as client:
        client.cookies.set('synapse_8000', before)
        assert (await client.get('/')).status_code == 200
        after = {cookie.value for cookie in client.cookies.jar} - {before}

        now += OVERLAP_SECONDS + 1

        assert len(after) == 1
        assert not entry.is_valid(before)
        assert entry.is_valid(after.pop() or '')


@pytest.mark.parametrize(
    'cookie', ['synapse_8000=x; synapse_8000={}', 'a=b; synapse_8000="{}"', ';;=;synapse_8000={};']
)
async def test_a_neighbours_cookies_do_not_lock_out(stranger: httpx.AsyncClient, entry: Auth, cookie: str) -> None:
    session = entry.redeem(entry.mint_code()) or ''

    assert (await stranger.get('/', headers={'Cookie': cookie.format(session)})).status_code == 200


async def test_a_cookie_of_another_name_is_not_a_session(stranger: httpx.AsyncClient, entry: Auth) -> None:
    session = entry.redeem(entry.mint_code())

    assert (await stranger.get('/', headers={'Cookie': f'synapse_8001={session}'})).status_code == 303


async def test_without_login_only_the_check_of_credentials_is_skipped(entry: Auth) -> None:
    async with client_of(gate(entry, no_login=True)) as client:
        assert (await client.get('/runs')).json()['caller'] == 'anyone'
        assert (await client.get('/login')).headers['location'] == '/'
        assert (await client.get('/runs', headers={'Host': 'evil.example'})).status_code == 421
        assert (await client.get('/api/v1/runs', headers={'Origin': 'http://evil.example'})).status_code == 403
        assert (await client.get('/api/v1/runs', headers={'Sec-Fetch-Site': 'cross-site'})).status_code == 403
        assert (await client.post('/api/v1/runs', content='{}')).status_code == 415


# A web page must not reach it


@pytest.mark.parametrize(
    'host',
    [
        'evil.example',
        'evil.example:8000',
        '127.0.0.1',
        '127.0.0.1:8001',
        '127.0.0.1:8000.evil.example',
        'user@127.0.0.1:8000',
        ':8000',
        '',
        '0.0.0.0:8000',
        '[::1]:8000',
        '127.0.0.1:8000 ',
    ],
)
async def test_only_the_exact_host_is_answered(entry: Auth, host: str) -> None:
    for path in ('/', '/api/v1/health', '/login'):
        headers = [(b'host', host.encode()), (b'authorization', f'Bearer {entry.token}'.encode())]
        assert await status_of(gate(entry), path, headers, client='192.0.2.1') == 421
        if host not in FORWARDED_PORTS:
            assert await status_of(gate(entry), path, headers) == 421


@pytest.mark.parametrize('host', FORWARDED_PORTS)
async def test_a_forwarded_port_of_this_machine_is_answered_from_this_machine_only(entry: Auth, host: str) -> None:
    headers = [(b'host', host.encode()), (b'authorization', f'Bearer {entry.token}'.encode())]
    from_page = [*headers, (b'origin', f'http://{host}'.encode())]

    for client in ('127.0.0.1', '::1', '::ffff:127.0.0.1'):
        assert await status_of(gate(entry), '/api/v1/runs', from_page, client=client) == 200
    assert await status_of(gate(entry), '/api/v1/runs', [*headers, (b'origin', ORIGIN.encode())]) == 403
    assert await status_of(gate(entry), '/api/v1/runs', from_page, client='192.0.2.1') == 421


async def test_no_host_or_two_hosts_are_not_answered(entry: Auth) -> None:
    host = (b'host', HOST.encode())

    assert await status_of(gate(entry), '/api/v1/health', []) == 421
    assert await status_of(gate(entry), '/api/v1/health', [host, (b'host', b'evil.example')]) == 421
    assert await status_of(gate(entry), '/api/v1/health', [host]) == 200


async def test_a_refused_host_learns_the_right_one(stranger: httpx.AsyncClient) -> None:
    response = await stranger.get('/api/v1/runs', headers={'Host': 'evil.example'})

    assert_error(response, 421, 'wrong_host')
    assert ORIGIN in response.json()['error']['hint']


@pytest.mark.parametrize(
    'origin',
    ['null', 'http://evil.example', 'http://127.0.0.1', 'https://127.0.0.1:8000', 'http://127.0.0.1:8000/', ''],
)
async def test_only_our_own_origin_is_answered(
    script: httpx.AsyncClient, browser: httpx.AsyncClient, origin: str
) -> None:
    for client in (script, browser):
        assert_error(await client.get('/api/v1/runs', headers={'Origin': origin}), 403, 'foreign_origin')
    assert (await script.get('/api/v1/runs', headers={'Origin': ORIGIN})).status_code == 200


async def test_what_another_site_starts_is_refused_except_a_link_to_a_page(browser: httpx.AsyncClient) -> None:
    del browser.headers['Origin']
    link = {'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document'}

    for site in ('cross-site', 'same-site', 'unknown'):
        assert_error(await browser.get('/api/v1/runs', headers={'Sec-Fetch-Site': site}), 403, 'foreign_site')
    assert (await browser.get('/runs', headers=link)).status_code == 200
    assert (await browser.get('/runs', headers=link | {'Sec-Fetch-Dest': 'iframe'})).status_code == 403
    assert (await browser.get('/runs', headers=link | {'Sec-Fetch-Mode': 'no-cors'})).status_code == 403
    assert (await browser.post('/logout', headers=link)).status_code == 403
    assert (await browser.get('/api/v1/runs', headers=link)).status_code == 403


async def test_a_page_at_localhost_moves_to_the_address(stranger: httpx.AsyncClient, entry: Auth) -> None:
    at = 'http://localhost:8000'

    response = await stranger.get(f'{at}/runs%2Fx?a=b%26c')

    assert response.status_code == 307
    assert response.headers['location'] == f'{ORIGIN}/runs%2Fx?a=b%26c'
    assert (await stranger.get(f'{at}/auth')).headers['location'] == f'{ORIGIN}/auth'
    assert (await stranger.get(f'{at}/api/v1/health')).status_code == 200
    assert (await stranger.get(f'{at}/', headers={'Sec-Fetch-Dest': 'image'})).status_code == 303
    assert (await stranger.get(f'{at}/', headers={'Authorization': f'Bearer {entry.token}'})).status_code == 200


async def test_what_a_proxy_claims_is_dropped(script: httpx.AsyncClient) -> None:
    claims = {'X-Forwarded-For': '1.2.3.4', 'X-Forwarded-Host': 'evil', 'Forwarded': 'for=x', 'X-Real-IP': '1.2.3.4'}

    seen = (await script.get('/', headers=claims | {'X-Other': 'kept'})).json()['headers']

    assert 'x-other' in seen
    assert not {name.lower() for name in claims} & set(seen)


async def test_every_answer_forbids_framing_sniffing_and_referrers(
    stranger: httpx.AsyncClient, script: httpx.AsyncClient
) -> None:
    answers = [await stranger.get(path) for path in ('/', '/login', '/auth', '/api/v1/health', '/api/v1/runs')]
    answers += [await script.get('/'), await stranger.get('/', headers={'Host': 'evil'})]

    for answer in answers:
        assert "frame-ancestors 'none'" in answer.headers['content-security-policy']
        assert answer.headers['x-content-type-options'] == 'nosniff'
        assert answer.headers['referrer-policy'] == 'no-referrer'
        assert answer.headers['x-frame-options'] == 'DENY'
    assert f'ws://{HOST}' in answers[-2].headers['content-security-policy']
    assert "'unsafe-eval'" not in answers[1].headers['content-security-policy']
    assert answers[3].headers['cache-control'] == 'no-store'


# Bounds


async def test_long_addresses_and_large_headers_are_refused(script: httpx.AsyncClient) -> None:
    assert_error(await script.get('/api/v1/runs', params={'q': 'x' * 8200}), 414, 'url_too_long')
    assert_error(await script.get('/api/v1/runs', headers={'X-Big': 'x' * 33_000}), 431, 'headers_too_large')
    assert (await script.get('/api/v1/runs', params={'q': 'x' * 8000})).status_code == 200


@pytest.mark.parametrize('path', ['/api/v1/runs/%0a', '/api/v1/%00', '/%7f', '/runs%0d%0aSet-Cookie:x'])
async def test_control_characters_in_an_address_are_refused(script: httpx.AsyncClient, path: str) -> None:
    assert (await script.get(path)).status_code == 400


async def chunks(count: int, size: int = 100_000) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b'x' * size


async def test_a_body_over_one_megabyte_is_refused_announced_or_not(script: httpx.AsyncClient) -> None:
    json_type = {'Content-Type': 'application/json'}

    assert (await script.post('/api/v1/runs', content=b'x' * 1_000_000, headers=json_type)).json()['bytes'] == 1_000_000
    assert_error(await script.post('/api/v1/runs', content=b'x' * 1_000_001, headers=json_type), 413, 'too_large')
    assert_error(await script.post('/api/v1/runs', content=chunks(11), headers=json_type), 413, 'too_large')
    assert (await script.post('/api/v1/runs', content=chunks(10), headers=json_type)).status_code == 200


async def test_an_upload_has_a_limit_of_its_own(script: httpx.AsyncClient) -> None:
    assert (await script.post('/api/v1/uploads', content=chunks(30))).json()['bytes'] == 3_000_000
    assert_error(await script.post('/api/v1/uploads', content=chunks(41)), 413, 'too_large')
    huge = {'Content-Length': str(10**12)}
    assert (await script.post('/api/v1/uploads', content=chunks(1), headers=huge)).status_code == 413


@pytest.mark.parametrize('length', ['-1', 'x', '+5', '1e3', '٣', '1' * 30])
async def test_a_strange_content_length_is_refused(entry: Auth, length: str) -> None:
    headers = [(b'host', HOST.encode()), (b'content-length', length.encode())]

    assert await status_of(gate(entry), '/api/v1/health', headers) in (400, 413)


@pytest.mark.parametrize('media_type', ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', ''])
async def test_changes_of_the_api_take_json_only(script: httpx.AsyncClient, media_type: str) -> None:
    headers = {'Content-Type': media_type}

    assert_error(await script.post('/api/v1/runs', content=b'{}', headers=headers), 415, 'unsupported_media_type')
    assert (await script.post('/api/v1/scheduler/import', content=b'x', headers=headers)).status_code == 200


async def test_json_with_a_charset_and_no_body_at_all_are_fine(script: httpx.AsyncClient) -> None:
    headers = {'Content-Type': 'Application/JSON; charset=utf-8'}

    assert (await script.post('/api/v1/runs', content=b'{}', headers=headers)).status_code == 200
    assert (await script.post('/api/v1/runs')).status_code == 200


async def test_under_api_but_outside_its_version_is_nothing_in_json(script: httpx.AsyncClient) -> None:
    for path in ('/api', '/api/', '/api/v1', '/api/v2/runs', '/api/v1x/'):
        assert_error(await script.get(path), 404, 'not_found')


# Sockets, on a real server


@pytest.fixture
async def server(entry: Auth) -> AsyncIterator[str]:
    """The authority of a real server behind the gate."""
    async with served(lambda port: gate(entry, port=port)) as authority:
        yield authority


async def refused_with(url: str, **headers: str) -> int:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with connect(url, additional_headers=headers):
            raise AssertionError('the upgrade was accepted')
    return refused.value.response.status_code


async def test_a_socket_needs_credentials_host_and_origin(server: str, entry: Auth) -> None:
    url = f'ws://{server}/ws/updates'
    token = {'Authorization': f'Bearer {entry.token}'}

    assert await refused_with(url) == 403
    assert await refused_with(f'ws://{server}/nothing') == 403
    assert await refused_with(url, Authorization='Bearer wrong') == 403
    assert await refused_with(url, **token, Origin='http://evil.example') == 403
    assert await refused_with(url, Cookie=f'synapse_8000={entry.redeem(entry.mint_code())}', Origin='null') == 403
    async with connect(url, additional_headers=token) as socket:
        assert await socket.recv() == 'hello'
    async with connect(url, additional_headers=token | {'Origin': f'http://{server}'}) as socket:
        assert await socket.recv() == 'hello'


async def test_a_socket_of_another_host_name_is_refused(server: str, entry: Auth) -> None:
    port = int(server.partition(':')[2])
    url = f'ws://evil.example:{port}/ws/updates'
    token = {'Authorization': f'Bearer {entry.token}'}

    with pytest.raises(websockets.InvalidStatus) as refused:
        async with connect(url, host='127.0.0.1', port=port, additional_headers=token):
            raise AssertionError('the upgrade was accepted')
    assert refused.value.response.status_code == 403


async def test_signing_out_closes_the_sockets_of_that_session_only(server: str, entry: Auth) -> None:
    url = f'ws://{server}/ws/updates'
    sessions = [entry.redeem(entry.mint_code()) for _ in range(2)]
    cookies = [{'Cookie': f'synapse_8000={session}'} for session in sessions]
    async with (
        connect(url, additional_headers=cookies[0]) as leaving,
        connect(url, additional_headers=cookies[1]) as staying,
    ):
        await leaving.recv()
        await staying.recv()

        async with httpx.AsyncClient() as client:
            await client.post(f'http://{server}/logout', headers=cookies[0])
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(leaving.recv(), 5)

        assert leaving.close_code == 4401
        await staying.send('still here')
        assert await staying.recv() == 'still here'
    assert entry._listeners == {}
    assert await refused_with(url, **cookies[0]) == 403


async def test_a_large_body_is_refused_before_it_is_sent_and_the_answer_arrives(server: str, entry: Auth) -> None:
    headers = {'Authorization': f'Bearer {entry.token}', 'Content-Type': 'application/json'}
    began = time.monotonic()

    async with httpx.AsyncClient() as client:
        small = await client.post(f'http://{server}/api/v1/runs', content=b'x' * 1_100_000, headers=headers)
        streamed = await client.post(f'http://{server}/api/v1/runs', content=chunks(15), headers=headers)

    assert_error(small, 413, 'too_large')
    assert_error(streamed, 413, 'too_large')
    assert time.monotonic() - began < 20


async def status_of(
    app: Gate, path: str, headers: list[tuple[bytes, bytes]] | None = None, *, client: str = '127.0.0.1'
) -> int:
    """The status of a GET whose path no client has normalized."""
    scope = {
        'type': 'http',
        'method': 'GET',
        'path': path,
        'raw_path': path.encode(),
        'query_string': b'',
        'root_path': '',
        'scheme': 'http',
        'server': ('127.0.0.1', 8000),
        'client': (client, 1),
        'headers': [(b'host', HOST.encode())] if headers is None else headers,
    }
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {'type': 'http.request', 'body': b'', 'more_body': False}

    async def send(message: Any) -> None:
        if message['type'] == 'http.response.start':
            statuses.append(message['status'])

    await app(scope, receive, send)
    return statuses[0]


def _then(first: Callable[[Any], object], second: Callable[[], object]) -> Callable[[Any], None]:
    def both(value: Any) -> None:
        first(value)
        second()

    return both


@pytest.mark.parametrize('path', ['//api/v1/runs', '/api//v1/runs', '///api/v1///runs', '//runs'])
async def test_extra_slashes_change_nothing_for_those_who_may_enter(entry: Auth, path: str) -> None:
    bearer = [(b'host', HOST.encode()), (b'authorization', f'Bearer {entry.token}'.encode())]

    assert await status_of(gate(entry), path, bearer) == 200
    assert await status_of(gate(entry), path) == (303 if path == '//runs' else 401)
