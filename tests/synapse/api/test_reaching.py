"""The gate behind names, proxies and paths: who may say under which address Synapse is reached, and what follows."""

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response

from synapse.addresses import Address, AllowedHost
from synapse.api.gate.forwarded import Hop, outermost
from synapse.api.gate.gate import Gate
from synapse.api.gate.reach import Reach
from synapse.api.limits import client_address
from synapse.auth import Auth

OWN = '127.0.0.1:8000'
NAME = 'synapse.example.com'
PROXY, INNER_PROXY, VISITOR, OTHER = '127.0.0.1', '10.0.0.2', '203.0.113.7', '203.0.113.8'
Send = Callable[..., Any]


def gate(auth: Auth, *names: str, proxies: tuple[str, ...] = (), base: str = '') -> Gate:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get('/api/v1/runs')
    @app.get('/')
    @app.get('/runs')
    async def seen(request: Request) -> dict[str, Any]:
        address: Address = request.scope['synapse.address']
        shown = {'client': client_address(request.scope), 'path': request.scope['path'], 'url': address.url}
        return shown | {'prefix': request.headers.get('x-forwarded-prefix', '')}

    @app.post('/api/v1/runs')
    async def create() -> Response:
        return Response(status_code=201, headers={'location': '/api/v1/runs/r1'})

    reach = Reach({OWN}, [AllowedHost.read(name) for name in names], [ip_network(proxy) for proxy in proxies], base)
    return Gate(app, auth=auth, reach=reach, cookie_name='synapse_x')


@pytest.fixture
def auth(tmp_path: Path) -> Auth:
    return Auth(tmp_path)


@pytest.fixture
def ask(auth: Auth) -> Send:
    """Send one request to a gate, with the token unless `by` is a stranger, and without following redirects."""

    async def send(
        app: Gate,
        path: str = '/api/v1/runs',
        method: str = 'GET',
        *,
        peer: str = PROXY,
        by: str = 'script',
        **more: Any,
    ) -> httpx.Response:
        headers = {'Authorization': f'Bearer {auth.token}'} if by == 'script' else {}
        headers |= {name.replace('_', '-'): value for name, value in more.pop('headers', {}).items()}
        transport = httpx.ASGITransport(app, client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url=f'http://{OWN}') as client:
            return await client.request(method, path, headers=headers, **more)

    return send


# Names


@pytest.mark.parametrize(
    ('allowed', 'host', 'answered'),
    [
        (NAME, NAME, True),
        (NAME, f'{NAME}:8443', True),
        (NAME.upper(), NAME.upper(), True),
        (NAME, f'x.{NAME}', False),
        (NAME, f'{NAME}.evil.example', False),
        (NAME, f'{NAME}:8443.evil.example', False),
        (NAME, f'user@{NAME}', False),
        (f'{NAME}:8443', f'{NAME}:8443', True),
        (f'{NAME}:8443', NAME, False),
        (f'https://{NAME}', NAME, True),
        (f'https://{NAME}', f'{NAME}:443', True),
        (f'https://{NAME}', f'{NAME}:8443', False),
        (f'http://{NAME}:8080/', f'{NAME}:8080', True),
        ('[fd00::1]', '[fd00::1]:8000', True),
        ('192.168.1.5', '192.168.1.5:8000', True),
    ],
)
async def test_a_name_is_answered_as_it_was_given(
    ask: Send, auth: Auth, allowed: str, host: str, answered: bool
) -> None:
    response = await ask(gate(auth, allowed), headers={'Host': host})

    assert response.status_code == (200 if answered else 421)


@pytest.mark.parametrize(
    'text', ['', '*', '*.example.com', 'a b', 'http://', 'ftp://a', 'a/b', 'a:b', 'user@a', 'ä.de']
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match='no name such as'):
        AllowedHost.read(text)


@pytest.mark.parametrize(
    ('allowed', 'host', 'origin', 'accepted'),
    [
        (NAME, NAME, f'https://{NAME}', True),
        (NAME, NAME, f'http://{NAME}', True),
        (NAME, f'{NAME}:8443', f'https://{NAME}:8443', True),
        (NAME, f'{NAME}:443', f'https://{NAME}', True),
        (NAME, NAME, f'https://{NAME}:3000', False),
        (NAME, f'{NAME}:8443', f'https://{NAME}', False),
        (NAME, NAME, f'https://other.{NAME}', False),
        (NAME, NAME, f'http://{OWN}', False),
        (NAME, OWN, f'https://{NAME}', False),
        (f'https://{NAME}', NAME, f'https://{NAME}', True),
        (f'https://{NAME}', NAME, f'http://{NAME}', False),
    ],
)
async def test_a_page_has_to_be_of_the_host_that_it_asks(
    ask: Send, auth: Auth, allowed: str, host: str, origin: str, accepted: bool
) -> None:
    response = await ask(gate(auth, allowed), headers={'Host': host, 'Origin': origin})

    assert response.status_code == (200 if accepted else 403)


async def test_a_refused_page_of_a_known_name_learns_what_the_proxy_has_to_do(ask: Send, auth: Auth) -> None:
    response = await ask(gate(auth, NAME), headers={'Origin': f'https://{NAME}'})

    assert '--trusted-proxy 127.0.0.1' in response.json()['error']['hint']


# Proxies


@pytest.mark.parametrize('peer', [OTHER, '::1', '10.0.0.2'])
async def test_headers_of_anyone_but_a_trusted_proxy_say_nothing(ask: Send, auth: Auth, peer: str) -> None:
    said = {
        'X-Forwarded-For': VISITOR,
        'X-Forwarded-Host': NAME,
        'X-Forwarded-Prefix': '/x',
        'X-Forwarded-Proto': 'https',
    }
    app = gate(auth, NAME, proxies=(PROXY, '192.168.0.0/16'))

    for headers in (said, {'Forwarded': f'for={VISITOR};host={NAME};proto=https'}):
        response = await ask(app, peer=peer, headers=headers)
        assert response.json() == {'client': peer, 'path': '/api/v1/runs', 'url': f'http://{OWN}/', 'prefix': ''}
        assert (await ask(app, peer=peer, headers=headers | {'Host': 'evil.example'})).status_code == 421
        assert (await ask(app, peer=peer, headers=headers | {'Origin': f'https://{NAME}'})).status_code == 403


async def test_a_trusted_proxy_says_who_asks_and_where(ask: Send, auth: Auth) -> None:
    app = gate(auth, NAME, proxies=(PROXY,))
    said = {
        'X-Forwarded-For': VISITOR,
        'X-Forwarded-Host': NAME,
        'X-Forwarded-Prefix': '/x',
        'X-Forwarded-Proto': 'https',
    }

    response = await ask(app, headers=said | {'Origin': f'https://{NAME}'})

    assert response.json() == {'client': VISITOR, 'path': '/api/v1/runs', 'url': f'https://{NAME}/x/', 'prefix': '/x'}
    assert (await ask(app, headers=said | {'Origin': f'http://{NAME}'})).status_code == 403


async def test_no_proxy_makes_a_foreign_host_good(ask: Send, auth: Auth) -> None:
    """A page whose name was rebound to this machine connects from here, and may send any header."""
    app = gate(auth, NAME, proxies=(PROXY,))

    for said in ({'X-Forwarded-Host': NAME}, {'X-Forwarded-Host': OWN}, {'Forwarded': f'host={NAME}'}):
        assert (await ask(app, headers=said | {'Host': 'evil.example'})).status_code == 421
    assert (await ask(app, headers={'X-Forwarded-Host': 'evil.example'})).status_code == 421


@pytest.mark.parametrize(
    ('headers', 'hop'),
    [
        ({}, Hop()),
        ({'X-Forwarded-For': VISITOR}, Hop(VISITOR)),
        ({'X-Forwarded-For': f'{OTHER}, {VISITOR}'}, Hop(VISITOR)),
        ({'X-Forwarded-For': f'{OTHER}, {VISITOR}, {INNER_PROXY}'}, Hop(VISITOR)),
        ({'X-Forwarded-For': f'{INNER_PROXY}, {PROXY}'}, Hop(INNER_PROXY)),
        ({'X-Forwarded-For': f'{VISITOR}:1234'}, Hop(VISITOR)),
        ({'X-Forwarded-For': '[2001:db8::7]:1234'}, Hop('2001:db8::7')),
        ({'X-Forwarded-For': '2001:db8::7'}, Hop('2001:db8::7')),
        ({'X-Forwarded-For': f'{OTHER}, unknown'}, Hop('')),
        ({'X-Forwarded-Host': 'a, b', 'X-Forwarded-Proto': 'http, wss'}, Hop('', 'b', 'https')),
        (
            {'X-Forwarded-For': f'{VISITOR}, {INNER_PROXY}', 'X-Forwarded-Host': 'a, b', 'X-Forwarded-Proto': 'https'},
            Hop(VISITOR, 'a', 'https'),
        ),
        ({'X-Forwarded-Proto': 'gopher', 'X-Forwarded-Prefix': '/a//b'}, Hop()),
        ({'X-Forwarded-Prefix': '/"><script>'}, Hop()),
        ({'X-Forwarded-Prefix': '//evil.example'}, Hop()),
        ({'X-Forwarded-Prefix': '/../x'}, Hop()),
        ({'X-Forwarded-Prefix': '/a/b.c/'}, Hop(base='/a/b.c')),
        ({'Forwarded': f'for={VISITOR};host="A:8443";proto=https'}, Hop(VISITOR, 'a:8443', 'https')),
        ({'Forwarded': 'For="[2001:db8::7]:47011"; Proto=http'}, Hop('2001:db8::7', '', 'http')),
        ({'Forwarded': f'for={OTHER};host=x, for={VISITOR};host=a, for={INNER_PROXY};host=b'}, Hop(VISITOR, 'a')),
        ({'Forwarded': 'for=_hidden;by=x'}, Hop()),
        ({'Forwarded': f'for={VISITOR};host="a'}, Hop()),
        ({'Forwarded': f'for={OTHER};host=x', 'X-Forwarded-For': VISITOR}, Hop(VISITOR)),
    ],
)
def test_the_outermost_trusted_proxy_is_believed(headers: dict[str, str], hop: Hop) -> None:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    assert outermost({'headers': raw}, lambda address: address in (PROXY, INNER_PROXY)) == hop


@given(st.lists(st.tuples(st.sampled_from(['forwarded', 'x-forwarded-for', 'x-forwarded-prefix']), st.binary())))
def test_whatever_a_proxy_says_is_read_or_ignored(headers: list[tuple[str, bytes]]) -> None:
    hop = outermost({'headers': [(name.encode(), value) for name, value in headers]}, lambda address: False)

    assert hop.scheme in ('', 'http', 'https')
    assert not set(hop.base) & set('"\'<>\\ %?#')
    assert not hop.base.startswith('//')


async def test_wrong_sign_ins_are_counted_for_each_visitor_of_a_proxy(ask: Send, auth: Auth) -> None:
    app = gate(auth, NAME, proxies=(PROXY,))

    async def status_for(visitor: str) -> int:
        headers = {'X-Forwarded-For': f'{OTHER}, {visitor}'}
        response = await ask(app, '/login', 'POST', by='stranger', headers=headers, json={'token': 'wrong'})
        return int(response.status_code)

    assert [await status_for(VISITOR) for _ in range(6)] == [401] * 5 + [429]
    assert await status_for('203.0.113.9') == 401


# A path


@pytest.mark.parametrize('asked', ['/synapse/runs', '/runs', '/synapse//runs'])
async def test_a_proxy_may_remove_the_path_or_not(ask: Send, auth: Auth, asked: str) -> None:
    app = gate(auth, base='/synapse')

    assert (await ask(app, asked)).json()['path'] == '/runs'
    assert (await ask(app, asked)).json()['prefix'] == '/synapse'
    assert (await ask(app, asked, by='stranger')).headers['location'] == '/synapse/login'


async def test_every_redirect_leads_below_the_path(ask: Send, auth: Auth) -> None:
    app = gate(auth, base='/synapse')

    assert (await ask(app, '/synapse?a=b', by='stranger')).headers['location'] == '/synapse/?a=b'
    assert (await ask(app, '/synapse/login')).headers['location'] == '/synapse/'
    assert (await ask(app, method='POST', json={})).headers['location'] == '/synapse/api/v1/runs/r1'
    assert (await ask(app, '/synapse/logout', 'POST')).headers['location'] == '/synapse/login'
    moved = await ask(app, '/synapse/runs?a=b', by='stranger', headers={'Host': 'localhost:9000'})
    assert moved.headers['location'] == 'http://127.0.0.1:9000/synapse/runs?a=b'


async def test_localhost_moves_only_if_the_browser_said_it(ask: Send, auth: Auth) -> None:
    app, headers = gate(auth, NAME, proxies=(PROXY,)), {'Host': 'localhost:8000'}

    direct = await ask(app, '/login', by='stranger', headers=headers)
    proxied = await ask(app, '/login', by='stranger', headers=headers | {'X-Forwarded-Host': NAME})

    assert direct.headers['location'] == f'http://{OWN}/login'
    assert proxied.status_code == 200


async def test_what_only_begins_like_the_path_is_not_below_it(ask: Send, auth: Auth) -> None:
    response = await ask(gate(auth, base='/synapse'), '/synapseruns', by='stranger')

    assert response.headers['location'] == '/synapse/login'
    assert (await ask(gate(auth, base='/syn'), '/synapse')).status_code == 404


@pytest.mark.parametrize('path', ['/synapse/login', '/login'])
async def test_the_cookie_belongs_to_the_path_and_to_https(ask: Send, auth: Auth, path: str) -> None:
    app = gate(auth, f'https://{NAME}', base='/synapse')
    headers = {'Host': NAME, 'Origin': f'https://{NAME}'}

    response = await ask(app, path, 'POST', by='stranger', headers=headers, json={'token': auth.token})
    plain = await ask(app, path, 'POST', by='stranger', json={'token': auth.token})

    assert {'Path=/synapse', 'Secure', 'HttpOnly', 'SameSite=Lax'} <= set(response.headers['set-cookie'].split('; '))
    assert 'Secure' not in plain.headers['set-cookie']


async def test_a_trusted_prefix_takes_the_place_of_the_path(ask: Send, auth: Auth) -> None:
    app = gate(auth, base='/synapse', proxies=(PROXY,))

    response = await ask(app, '/other/runs', by='stranger', headers={'X-Forwarded-Prefix': '/other'})

    assert response.headers['location'] == '/other/login'


def test_the_cookie_is_named_after_the_data_folder(tmp_path: Path) -> None:
    one, again, other = Auth(tmp_path / 'a'), Auth(tmp_path / 'a'), Auth(tmp_path / 'b')

    assert one.cookie_name == again.cookie_name != other.cookie_name


@pytest.mark.parametrize(('name', 'scheme'), [(f'https://{NAME}', 'https'), (f'http://{NAME}', 'http')])
async def test_headers_fit_the_scheme_of_the_browser(ask: Send, auth: Auth, name: str, scheme: str) -> None:
    headers = (await ask(gate(auth, name), '/', headers={'Host': NAME})).headers

    assert f"connect-src 'self' {scheme.replace('http', 'ws')}://{NAME};" in headers['content-security-policy']
    # Where it can have no effect, browsers complain about it on every page.
    assert ('cross-origin-opener-policy' in headers) is (scheme == 'https')


# Refusals


async def test_a_browser_is_told_in_a_page_which_flag_allows_a_name(ask: Send, auth: Auth) -> None:
    app, headers = gate(auth), {'Host': NAME, 'Accept': 'text/html'}

    page = await ask(app, '/runs', by='stranger', headers=headers)
    in_json = await ask(app, by='stranger', headers=headers)

    assert page.status_code == in_json.status_code == 421
    assert page.headers['content-type'].startswith('text/html')
    assert f'--allow-host {NAME}' in page.text
    assert f'--allow-host {NAME}' in in_json.json()['error']['hint']
    assert f'http://{OWN}/' in page.text


@pytest.mark.parametrize('text', ['<script>alert(1)</script>', '"><img src=x>', '{hint}', 'a.b; rm -rf ~'])
async def test_a_refusal_does_not_repeat_what_was_sent_as_code(ask: Send, auth: Auth, text: str) -> None:
    for headers in ({'Host': text}, {'Origin': text}):
        page = await ask(gate(auth), '/runs', by='stranger', headers=headers | {'Accept': 'text/html'})

        assert page.status_code in (421, 403)
        assert '<script' not in page.text
        assert '<img' not in page.text
        assert '--allow-host' not in page.text
