"""Attacks on the door: calls without credentials, with wrong, old or foreign ones, and with too small ones."""

from collections.abc import Iterator

from tests.attacks.attack import Answer, Attack, Target
from tests.attacks.feeding import CALENDAR, STRANGER_CALENDAR
from tests.attacks.reaching import FORBIDDEN, JSON, RUN, SOCKETS, UPGRADE

CLOSED = frozenset({401})
CALLS = (
    'GET /status',
    'GET /pipelines',
    'GET /pipelines/RunCommand',
    'GET /inbox',
    'DELETE /inbox/x',
    'GET /runs',
    'GET /runs/RUN',
    'GET /runs/RUN/logs',
    'GET /runs/RUN/processes',
    'GET /runs/RUN/artifacts/x',
    'POST /runs/RUN/cancel',
    'POST /runs/RUN/pause',
    'POST /runs/RUN/resume',
    'POST /runs/RUN/retry',
    'POST /runs/RUN/answer',
    'POST /queue/pause',
    'POST /queue/resume',
    'POST /queue/stop',
    'GET /logs',
    'GET /logs/stats',
    'GET /logs/export',
    'DELETE /logs',
    'GET /scheduler/list',
    'GET /scheduler/calendar.ics',
    'GET /scheduler/feed',
    'POST /scheduler/feed',
    'GET /scheduler/crontab',
    'GET /profiles',
    'GET /profiles/default',
    'DELETE /profiles/default',
    'POST /profiles/packages/sftp',
    'GET /watches',
    'GET /tokens',
    'GET /sessions',
    'GET /notifications',
    'GET /machines',
    'POST /backup',
    'GET /docs',
    'GET /openapi.json',
)
NEVER = (
    'GET /tokens',
    'POST /tokens',
    'DELETE /tokens/x',
    'GET /sessions',
    'DELETE /sessions/x',
    'GET /notifications',
    'PUT /notifications',
    'POST /backup',
    'GET /backup/x',
    'GET /scheduler/feed',
    'POST /scheduler/feed',
    'POST /scheduler/create',
    'DELETE /scheduler/x',
    'POST /scheduler/import',
    'PUT /scheduler/import-rules',
    'POST /profiles',
    'PATCH /profiles/default',
    'POST /profiles/packages/sftp',
    'POST /watches',
    'POST /queue/stop',
    'DELETE /logs',
)
PAGES = ('/', '/runs', '/runs/RUN', '/logs', '/scheduler', '/pipelines', '/profiles', '/settings', '/nothing/here')
TRICKS = (
    '/api/v1/health/../status',
    '/api/v1/health/%2e%2e/status',
    '/api/v1/health%2f..%2fstatus',
    '/api/v1/./status',
    '/login/../api/v1/status',
    '/login/%2e%2e/api/v1/status',
    '/auth/..%2fapi/v1/status',
    '/api/v1/health;/../status',
    '//api/v1/status',
    '/api//v1//status',
    '/api/v1/status/',
    '/api/v1/status?/api/v1/health',
    '/api/v1/status#/api/v1/health',
    '/api/v1/STATUS',
    '/API/v1/status',
    '/favicon.ico/../api/v1/status',
    '/favicon.ico/x',
    '/login/x',
    '/auth.js/../../api/v1/status',
    '/sign-in.css/..;/api/v1/status',
    '/api/v1/scheduler/feed/..%2f..%2fstatus.ics',
    '/api/v1/scheduler/feed/aaaaaaaaaaaaaaaaaaaaaaaa.ics',
    '/api/v1/scheduler/feed/.ics',
    '/static/../api/v1/status',
    '/static/..%2f..%2fdata/token',
    '/_nicegui/../api/v1/status',
    '/_nicegui/client/1/upload/1',
    '/_nicegui/auto/static/..%2f..%2fx',
    '/_nicegui_ws/socket.io/?EIO=4&transport=polling',
)
WRONG_TOKENS = {
    'empty': 'Bearer ',
    'wrong': 'Bearer syn_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'of another kind': 'Basic c3luYXBzZTpzeW5hcHNl',
    'of another tongue': 'Bearer ß',
    'named only': 'Bearer',
    'with a list': 'Bearer null, undefined, *',
    'long': f'Bearer syn_{"A" * 5000}',
    'granted once to a run': 'Bearer syn_run_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
}
COOKIES = {
    'empty': 'NAME=',
    'made up': 'NAME=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'of NiceGUI alone': 'session=eyJpZCI6ICIxIn0=.aaaa.bbbb',
    'many': '; '.join(f'NAME={n}' for n in range(200)),
    'of a path': 'NAME=../token',
    'with a quote': 'NAME="AAAA; Path=/"',
}


def attacks(target: Target) -> Iterator[Attack]:
    for call in CALLS:
        method, path = call.split()
        yield Attack(f'{call} of a stranger', method, f'/api/v1{path}', statuses=CLOSED)
    for call in ('POST /runs', 'POST /scheduler/create', 'POST /profiles', 'POST /watches', 'PUT /notifications'):
        method, path = call.split()
        yield Attack(f'{call} of a stranger', method, f'/api/v1{path}', (JSON,), RUN, statuses=CLOSED)
    for path in PAGES:
        yield Attack(f'the page {path} of a stranger', path=path, statuses=frozenset({303}), check=_leads_to_the_door)
    for path in SOCKETS:
        yield Attack(f'the socket {path} of a stranger', path=path, headers=UPGRADE, statuses=frozenset({403}))
    for path in TRICKS:
        yield Attack(f'the way round {path}', path=path, statuses=frozenset({303, 400, 401}), check=_tells_nothing)
    yield from _credentials(target)
    yield from _overreaching()


def _credentials(target: Target) -> Iterator[Attack]:
    token = target.program.token
    halves = {
        'half': f'Bearer {token[: len(token) // 2]}',
        'with more behind': f'Bearer {token}x',
        'in capitals': f'Bearer {token.upper()}',
        'turned round': f'Bearer {token[::-1]}',
    }
    for words, value in {**WRONG_TOKENS, **halves}.items():
        encoded = value.encode().decode('latin-1')
        yield Attack(f'a token {words}', headers=(('Authorization', encoded),), statuses=CLOSED)
    both = (('Authorization', f'Bearer {token}'), ('Authorization', 'Bearer x'))
    yield Attack('two tokens', headers=both, statuses=CLOSED)
    for name in ('token', 'access_token', 'auth', 'key'):
        yield Attack(f'the token as ?{name}=', path=f'/api/v1/status?{name}={token}', statuses=CLOSED)
    yield Attack('the token as a cookie', headers=(('Cookie', f'{target.cookie_name}={token}'),), statuses=CLOSED)
    for words, value in COOKIES.items():
        headers = (('Cookie', value.replace('NAME', target.cookie_name)),)
        yield Attack(f'a cookie {words}', headers=headers, statuses=CLOSED)
        yield Attack(
            f'a cookie {words}, to the socket', path=SOCKETS[0], headers=(*headers, *UPGRADE), statuses=frozenset({403})
        )
    code = target.used_code
    codes = {'used': code, 'cut': code[:-1], 'changed': f'A{code[1:]}', 'empty': '', 'of a path': '../token'}
    for words, value in codes.items():
        body = f'{{"code": "{value}"}}'.encode()
        yield Attack(
            f'a link {words}', 'POST', '/auth', (JSON,), body, statuses=frozenset({401, 429}), check=_gives_no_cookie
        )
    for body in (b'[]', b'{"code": 1}', b'{"code": ["x"]}', b'{"token": true}', b'\xff\xfe', b'[' * 7000):
        yield Attack(
            f'a sign-in with {body[:20]!r}',
            'POST',
            '/login',
            (JSON,),
            body,
            statuses=frozenset({401, 429}),
            check=_gives_no_cookie,
        )


def _overreaching() -> Iterator[Attack]:
    """What those may not do who may only look, or only run."""
    for who in ('read', 'run', 'screen'):
        for call in NEVER:
            method, path = call.split()
            yield Attack(f'{call} of who may {who}', method, f'/api/v1{path}', by=who, statuses=FORBIDDEN)
    for who in ('read', 'screen'):
        for call in ('POST /runs', 'POST /uploads', 'POST /runs/RUN/retry', 'POST /runs/RUN/cancel', 'DELETE /inbox/x'):
            method, path = call.split()
            yield Attack(
                f'{call} of who may only {who}', method, f'/api/v1{path}', (JSON,), RUN, by=who, statuses=FORBIDDEN
            )
    line = b'{"level": "info", "message": "written by a screen"}'
    yield Attack('a line of a screen', 'POST', '/api/v1/logs', (JSON,), line, by='screen', statuses=FORBIDDEN)
    for path in ('/settings', '/profiles'):
        yield Attack(f'{path} of a screen', path=path, by='screen', statuses=FORBIDDEN)
    upload = '/_nicegui/client/1/upload/1'
    yield Attack('an upload of a screen', 'POST', upload, by='screen', statuses=FORBIDDEN)
    for who in ('read', 'run'):
        yield Attack(f'a page of who may {who}', path='/', by=who, statuses=FORBIDDEN)
        for path in SOCKETS[1:]:
            yield Attack(
                f'the socket of pages of who may {who}', path=path, headers=UPGRADE, by=who, statuses=FORBIDDEN
            )
    trust = '/api/v1/scheduler/import?trust=true'
    yield Attack('trust of a browser', 'POST', trust, (CALENDAR,), STRANGER_CALENDAR, 'browser', FORBIDDEN)
    yield Attack('trust of who may run', 'POST', trust, (CALENDAR,), STRANGER_CALENDAR, 'run', FORBIDDEN)


def _leads_to_the_door(target: Target, answer: Answer) -> str:
    place = answer.headers.get('location', '')
    return '' if place.startswith('/login') else f'leads to {place!r}'


def _tells_nothing(target: Target, answer: Answer) -> str:
    return 'tells the state' if '"queue"' in answer.text or target.program.token in answer.text else ''


def _gives_no_cookie(target: Target, answer: Answer) -> str:
    return 'signs in' if 'set-cookie' in answer.headers else ''
