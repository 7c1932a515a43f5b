"""One attack: the exact bytes of a request, who sends it, and what must come of it."""

import http.client
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from synapse.auth import Auth
from synapse.credentials.scope import Scope
from tests.parts.harness import SynapseUnderTest

SECONDS = 20
NO_HTTP = b'Invalid HTTP request received.'
"""What the server says to what is no request at all, before any of our code sees it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `status` is 101 if a socket was opened, 0 if the connection was closed without a word."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b''

    @property
    def text(self) -> str:
        return self.body.decode(errors='replace')

    def json(self) -> Any:
        return json.loads(self.body)


GUARDS = ('content-security-policy', 'x-content-type-options', 'x-frame-options', 'referrer-policy')
"""Headers that every answer has."""

Check = Callable[['Target', Answer], str]
"""Returns what is wrong with an answer, nothing if it is as it must be."""


@dataclass(frozen=True, slots=True)
class Attack:
    """A request as it goes over the wire.

    In `path`, `headers` and `body`, HERE stands for the address of the program as `host:port`, ID for that of a run.

    :param by: who sends it: a `stranger`, a `script` with the token, a `browser` that is signed in, a `screen` that may
        only look, or a program with a token to `read` or `run`
    :param statuses: the answers that refuse it
    :param check: what else must be true of the answer
    :param host: the Host header, None for none
    :param stores: whether it may leave something behind, since what is stored is what is looked at
    """

    name: str
    method: str = 'GET'
    path: str = '/api/v1/status'
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b''
    by: str = 'stranger'
    statuses: frozenset[int] = frozenset()
    check: Check | None = None
    host: str | None = 'HERE'
    stores: bool = False


class Target:
    """A running program, and what those who may use it would send."""

    def __init__(self, program: SynapseUnderTest) -> None:
        self.program = program
        self.authority = program.url.split('//')[1].strip('/')
        self.run_id = ''
        self.used_code = Auth(program.data).mint_code()
        cookie = self._sign_in(self.used_code)
        self.cookie_name = cookie.partition('=')[0]
        self._credentials: dict[str, tuple[tuple[str, str], ...]] = {
            'stranger': (),
            'script': (('Authorization', f'Bearer {program.token}'),),
            'browser': (('Cookie', cookie),),
            'screen': (('Cookie', self._sign_in(Auth(program.data).mint_code(Scope.READ))),),
        }
        for scope in (Scope.READ, Scope.RUN):
            self._credentials[scope] = (('Authorization', f'Bearer {self._token(scope)}'),)

    def _token(self, scope: Scope) -> str:
        with self.program.api as api:
            return str(api.post('/tokens', json={'name': f'to {scope}', 'scope': scope}).json()['token'])

    def _sign_in(self, code: str) -> str:
        body = json.dumps({'code': code}).encode()
        answer = self._exchange(self._bytes('POST', '/auth', [('Content-Type', 'application/json')], body, 'HERE'))
        assert answer.status == 303, answer.text
        return answer.headers['set-cookie'].partition(';')[0]

    def send(self, attack: Attack) -> Answer:
        headers = [*self._credentials[attack.by], *attack.headers]
        return self._exchange(self._bytes(attack.method, attack.path, headers, attack.body, attack.host))

    def ask(self, path: str) -> Any:
        """What the API says to who may ask."""
        return self.send(Attack('', path=f'/api/v1{path}', by='script')).json()

    def _bytes(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes, host: str | None) -> bytes:
        lines = [f'{method} {path} HTTP/1.1']
        if host is not None:
            lines.append(f'Host: {host}')
        lines += [f'{name}: {value}' for name, value in headers]
        named = {name.lower() for name, _ in headers}
        if (body or method in ('POST', 'PUT', 'PATCH')) and not named & {'content-length', 'transfer-encoding'}:
            lines.append(f'Content-Length: {len(self._filled(body))}')
        if 'connection' not in named:
            lines.append('Connection: close')
        head = '\r\n'.join([*lines, '', '']).encode('latin-1')
        return self._filled(head) + self._filled(body)

    def _filled(self, text: bytes) -> bytes:
        return text.replace(b'HERE', self.authority.encode()).replace(b'RUN', self.run_id.encode() or b'RUN')

    def _exchange(self, request: bytes) -> Answer:
        host, _, port = self.authority.rpartition(':')
        with socket.create_connection((host, int(port)), SECONDS) as connection:
            connection.sendall(request)
            response = http.client.HTTPResponse(connection)
            try:
                response.begin()
                body = b'' if response.status == 101 else response.read()
            except (http.client.BadStatusLine, ConnectionError):
                return Answer(0)
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def ran(program: SynapseUnderTest) -> Target:
    """A target that has carried out a run."""
    target = Target(program)
    run = program.create_run('RunCommand', command=['true'])
    target.run_id = program.wait_for_run(run['id'])['id']
    return target


def faults_of(target: Target, attack: Attack, answer: Answer) -> list[str]:
    """Everything that is wrong with an answer, whatever the attack was after."""
    faults = []
    if attack.statuses and answer.status not in attack.statuses:
        faults.append(f'answered {answer.status}: {answer.text[:200]}')
    if answer.status >= 500:
        faults.append(f'broke: {answer.status}')
    if 'Traceback' in answer.text or 'File "' in answer.text:
        faults.append('shows a traceback')
    if answer.body != NO_HTTP and not any(name == 'Upgrade' for name, _ in attack.headers):
        faults += [f'has no {name}' for name in GUARDS if name not in answer.headers]
    if attack.path.startswith('/api/') and answer.status >= 400 and not _is_error(answer):
        faults.append(f'is no error in JSON: {answer.text[:100]!r}')
    if attack.check is not None and (fault := attack.check(target, answer)):
        faults.append(fault)
    return faults


def _is_error(answer: Answer) -> bool:
    if answer.body == NO_HTTP:
        return True
    try:
        error = answer.json()['error']
    except (ValueError, KeyError, TypeError):
        return False
    return bool(error['code'] and error['message'])
