"""Attacks on the outer walls: who may talk to the program at all. Each is sent with and without good credentials."""

from collections.abc import Iterator

from tests.attacks.attack import Attack, Target

STRANGE_HOSTS = {
    'of another site': 'evil.example',
    'of another site with our port': 'evil.example:PORT',
    'that begins like ours': '127.0.0.1.evil.example:PORT',
    'that ends like ours': 'evil.example.127.0.0.1:PORT',
    'with a user': 'evil.example@127.0.0.1:PORT',
    'before a user': '127.0.0.1:PORT@evil.example',
    'of a name below localhost': 'evil.localhost.example:PORT',
    'of this machine without a name': '0.0.0.0:PORT',
    'as one number': '2130706433:PORT',
    'of IPv6 mapped': '[::ffff:7f00:1]:PORT',
    'of the network': '192.168.1.10:PORT',
    'of a port that is none': '127.0.0.1:PORTx',
    'of two in one': '127.0.0.1:PORT, evil.example',
    'that is empty': '',
}
STRANGE_ORIGINS = {
    'of another site': 'https://evil.example',
    'of a file or a sandbox': 'null',
    'that begins like ours': 'http://HERE.evil.example',
    'that ends like ours': 'http://evil.example/http://HERE',
    'with another scheme': 'https://HERE',
    'of another port of this machine': 'http://127.0.0.1:3000',
    'of this machine by another name': 'http://localhost:PORT',
    'of an extension': 'chrome-extension://abcdefghijklmnop',
    'with a user': 'http://HERE@evil.example',
    'that is empty': ' ',
}
MISDIRECTED = frozenset({400, 421})
FORBIDDEN = frozenset({403})
UPGRADE = (
    ('Connection', 'Upgrade'),
    ('Upgrade', 'websocket'),
    ('Sec-WebSocket-Version', '13'),
    ('Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='),
)
SOCKETS = ('/ws/updates', '/_nicegui_ws/socket.io/?EIO=4&transport=websocket')
JSON = ('Content-Type', 'application/json')
RUN = b'{"pipeline": "RunCommand", "parameters": {"command": ["touch", "pwned"]}}'


def attacks(target: Target) -> Iterator[Attack]:
    yield from _hosts(target.program.port)
    yield from _origins(target.program.port)
    yield from _sites()
    yield from _forms()
    yield from _framing()


def _hosts(port: int) -> Iterator[Attack]:
    for words, host in STRANGE_HOSTS.items():
        host = host.replace('PORT', str(port))
        yield Attack(f'a host {words}', by='script', host=host, statuses=MISDIRECTED)
        yield Attack(f'a host {words}, to a page', path='/', by='browser', host=host, statuses=MISDIRECTED)
    for path in SOCKETS:
        strange = Attack(f'a host of another site, to {path}', path=path, headers=UPGRADE, by='browser')
        yield Attack(strange.name, path=path, headers=UPGRADE, by='browser', host='evil.example', statuses=FORBIDDEN)
    twice = (('Host', 'evil.example'),)
    yield Attack('two hosts', by='script', headers=twice, statuses=MISDIRECTED)
    yield Attack('no host', by='script', host=None, statuses=MISDIRECTED)
    yield Attack(
        'an address of another site',
        path='http://evil.example/api/v1/status',
        host='evil.example',
        statuses=MISDIRECTED,
    )
    for name in ('X-Forwarded-Host', 'X-Original-Host', 'X-Host', 'Forwarded'):
        value = 'host=HERE' if name == 'Forwarded' else 'HERE'
        yield Attack(
            f'a host made good by {name}',
            by='script',
            host='evil.example',
            headers=((name, value),),
            statuses=MISDIRECTED,
        )


def _origins(port: int) -> Iterator[Attack]:
    for words, origin in STRANGE_ORIGINS.items():
        headers = (('Origin', origin.replace('PORT', str(port))),)
        yield Attack(f'an origin {words}', by='browser', headers=headers, statuses=FORBIDDEN)
        yield Attack(
            f'an origin {words} that starts a run',
            'POST',
            '/api/v1/runs',
            (*headers, JSON),
            RUN,
            by='browser',
            statuses=FORBIDDEN,
        )
        for path in SOCKETS:
            yield Attack(
                f'an origin {words}, to {path}',
                path=path,
                headers=(*headers, *UPGRADE),
                by='browser',
                statuses=FORBIDDEN,
            )
    yield Attack(
        'an origin of another site, at a forwarded port',
        by='browser',
        host='127.0.0.1:3000',
        headers=(('Origin', 'http://HERE'),),
        statuses=FORBIDDEN,
    )
    yield Attack(
        'two origins, one of them ours',
        by='browser',
        headers=(('Origin', 'http://HERE'), ('Origin', 'https://evil.example')),
        statuses=FORBIDDEN,
    )
    preflight = (('Origin', 'https://evil.example'), ('Access-Control-Request-Method', 'POST'))
    yield Attack('a preflight of another site', 'OPTIONS', '/api/v1/runs', preflight, statuses=FORBIDDEN)


def _sites() -> Iterator[Attack]:
    for site in ('cross-site', 'same-site', 'strange'):
        headers = (('Sec-Fetch-Site', site),)
        for mode in ('no-cors', 'cors', 'websocket', 'navigate'):
            yield Attack(
                f'a {site} request in mode {mode}',
                by='browser',
                headers=(*headers, ('Sec-Fetch-Mode', mode)),
                statuses=FORBIDDEN,
            )
        yield Attack(f'a {site} start of a run', 'POST', '/api/v1/runs', (*headers, JSON), RUN, 'browser', FORBIDDEN)
        yield Attack(f'a {site} stop', 'POST', '/api/v1/queue/stop', headers, by='browser', statuses=FORBIDDEN)
        yield Attack(f'a {site} sign-out', 'POST', '/logout', headers, by='browser', statuses=FORBIDDEN)
        yield Attack(f'a {site} script', path='/static/synapse.js', by='browser', headers=headers, statuses=FORBIDDEN)
        frame = (*headers, ('Sec-Fetch-Mode', 'navigate'), ('Sec-Fetch-Dest', 'iframe'))
        yield Attack(f'a {site} frame', path='/', by='browser', headers=frame, statuses=FORBIDDEN)


def _forms() -> Iterator[Attack]:
    """What a form of another site can send, or a script of it without asking first."""
    for kind in ('application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain', 'text/json', ''):
        headers = (('Content-Type', kind),) if kind else ()
        yield Attack(
            f'JSON sent as {kind or "nothing"}', 'POST', '/api/v1/runs', headers, RUN, 'browser', frozenset({415})
        )
        yield Attack(
            f'JSON sent as {kind or "nothing"} to another call',
            'PATCH',
            '/api/v1/profiles/default',
            headers,
            b'{"label": "x"}',
            'browser',
            frozenset({415}),
        )


def _framing() -> Iterator[Attack]:
    """Requests that two programs on the way may read differently."""
    chunked, length = ('Transfer-Encoding', 'chunked'), ('Content-Length', '4')
    body = b'0\r\n\r\nGET /api/v1/runs HTTP/1.1\r\nHost: HERE\r\n\r\n'
    shape = frozenset({400})
    yield Attack('a length and chunks', 'POST', '/api/v1/runs', (JSON, length, chunked), body, statuses=shape | {401})
    yield Attack('two lengths', 'POST', '/api/v1/runs', (JSON, length, ('Content-Length', '9')), body, statuses=shape)
    yield Attack('a negative length', 'POST', '/api/v1/runs', (JSON, ('Content-Length', '-1')), statuses=shape)
    yield Attack('a length in words', 'POST', '/api/v1/runs', (JSON, ('Content-Length', 'many')), statuses=shape)
    yield Attack(
        'a huge length', 'POST', '/api/v1/runs', (JSON, ('Content-Length', '9' * 15)), statuses=frozenset({413})
    )
    yield Attack('a folded header', headers=(('X-One', 'a\r\n b'),), statuses=shape | {401})
    yield Attack('a header without a name', headers=(('', 'x'),), statuses=shape)
    yield Attack('a long address', path=f'/api/v1/logs?q={"a" * 9000}', by='script', statuses=frozenset({414}))
    yield Attack(
        'large headers', headers=tuple((f'X-{n}', 'a' * 4000) for n in range(12)), statuses=frozenset({431, 400})
    )
    for method in ('TRACE', 'CONNECT', 'BREW'):
        yield Attack(f'the method {method}', method, statuses=frozenset({400, 401, 405}))
    for name in ('X-HTTP-Method-Override', 'X-Method-Override', '_method'):
        yield Attack(
            f'a deletion by {name}',
            'POST',
            '/api/v1/logs/stats',
            ((name, 'DELETE'), JSON),
            b'{}',
            'script',
            frozenset({404, 405}),
        )
