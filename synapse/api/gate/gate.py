"""One gate in front of everything, pages and sockets alike: what it refuses, nothing behind it sees.

It authenticates by itself instead of marking requests for others to check, so a route added later is closed until it
is opened here. Pure ASGI, since other middleware never sees a WebSocket.
"""

import asyncio
import contextlib
import hashlib
import logging
import re
from collections.abc import Callable, Collection

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from synapse.api.limits import client_address
from synapse.api.responses import ApiResponse, HttpError, error_body
from synapse.auth import Auth

from . import rules, scopes
from .failed_sign_ins import FailedSignIns
from .rules import header, header_values
from .sign_in import SIGN_IN_CSP, SIGN_IN_ROUTES, SignIn

PUBLIC_ROUTES = SIGN_IN_ROUTES | {('GET', '/api/v1/health'), ('HEAD', '/api/v1/health')}
"""Everything that responds without credentials; a test compares this list with all routes.

`FEED_PATH` does as well, since programs that subscribe to a calendar can send none: the secret in the address opens
this calendar and nothing else.
"""

FEED_PATH = re.compile(r'/api/v1/scheduler/feed/([A-Za-z0-9_-]{20,200})\.ics')

SIGNED_OUT = 4401
DRAIN_BYTES = 4_000_000
DRAIN_SECONDS = 0.5

# NiceGUI needs inline scripts and eval. So this prevents framing and exfiltration, not injection.
PAGE_CSP = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws://{host}; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
API_CSP = "default-src 'none'; frame-ancestors 'none'"
_FORWARDED = (b'forwarded', b'x-real-ip')

log = logging.getLogger(__name__)


class Gate:
    """Admits requests after checking address, host, origin, size, credentials and type of body, in this order.

    :param allowed_hosts: exact `host:port` values of the Host header, in lower case
    :param origins: exact values of the Origin header
    :param no_login: skips the check of credentials, and no other
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        auth: Auth,
        allowed_hosts: frozenset[str],
        origins: Collection[str],
        no_login: bool = False,
        cookie_name: str = 'synapse',
        max_upload_bytes: int = 20 * 1024**3,
    ) -> None:
        self._app = app
        self._auth = auth
        self._hosts = allowed_hosts
        self._origins = frozenset(origins)
        self._no_login = no_login
        self._cookie_name = cookie_name
        self._max_upload_bytes = max_upload_bytes
        self._failed = FailedSignIns()
        self._sign_in = SignIn(auth, cookie_name, self._failed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] == 'http':
            await self._http(scope, receive, send)
        elif scope['type'] == 'websocket':
            await self._websocket(rules.with_single_slashes(scope), receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, scope = scope['path'], rules.with_single_slashes(scope)
        send = _with_headers(scope, send)
        try:
            self._check_shape(scope)
            address = self._other_address(scope)
            if address is not None:
                await RedirectResponse(address, 307)(scope, receive, send)
                return
            limit = rules.body_limit(scope, self._max_upload_bytes)
            rules.check_announced_length(scope, limit)
            # What is open to strangers, exactly as it is written.
            await self._enter(scope, (scope['method'], path), _Bounded(receive, send, limit))
        except HttpError as error:
            await _refuse(scope, receive, send, error)

    async def _enter(self, scope: Scope, call: tuple[str, str], bounded: '_Bounded') -> None:
        sessions = self._sessions(scope)
        caller = self._caller(scope, sessions)
        if call in SIGN_IN_ROUTES:
            request = Request(scope, bounded.receive)
            response = await self._sign_in.answer(request, is_signed_in=caller is not None)
            await response(scope, bounded.receive, bounded.send)
            return
        if caller is None and call not in PUBLIC_ROUTES and not self._is_feed(*call):
            raise self._no_credentials(scope)
        self._check_scope(scope, *call)
        rules.check_body_type(scope)
        if call == ('POST', '/logout'):
            response = await self._sign_in.sign_out(sessions)
            await response(scope, bounded.receive, bounded.send)
            return
        if rules.is_api(scope['path']) and not scope['path'].startswith('/api/v1/'):
            raise HttpError(404, 'not_found', f'Nothing is at {scope["path"][:200]}.', 'The API is under /api/v1.')
        await self._renew(scope, sessions, bounded)
        await bounded.run(self._app, _cleaned(scope, caller or 'anyone'))

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check_shape(scope)
            sessions = self._sessions(scope)
            caller = self._caller(scope, sessions)
            if caller is None:
                raise self._no_credentials(scope)
            self._check_scope(scope, 'GET', scope['path'])
        except HttpError as error:
            # Closing before accepting is how ASGI refuses the upgrade: the client reads a 403.
            await receive()
            await send({'type': 'websocket.close', 'code': 1008, 'reason': error.message})
            return
        cleaned = _cleaned(scope, caller)
        if caller.startswith('session'):
            await self._while_valid(sessions[0], self._auth.is_session, cleaned, receive, send)
        elif token := self._granted(scope):
            await self._while_valid(token, lambda value: bool(self._auth.scope_of(value)), cleaned, receive, send)
        else:
            await self._app(cleaned, receive, send)

    def _check_shape(self, scope: Scope) -> None:
        rules.check_size(scope)
        rules.check_path(scope)
        rules.check_host(scope, self._hosts)
        rules.check_origin(scope, self._origins)
        if not self._has_token(scope) and not self._granted(scope):
            rules.check_site(scope)

    def _other_address(self, scope: Scope) -> str | None:
        """Where to redirect a page opened at `localhost`: a cookie for that name would also reach its other ports."""
        name, _, port = header(scope, b'host').lower().partition(':')
        if name != 'localhost' or not rules.is_navigation(scope) or header(scope, b'authorization'):
            return None
        bound_to = (scope.get('server') or ('',))[0]
        host = '[::1]' if bound_to == '::1' else '127.0.0.1'
        authority = f'{host}:{port}' if port else host
        if authority not in self._hosts:
            return None
        path = (scope.get('raw_path') or scope['path'].encode()).decode('latin-1')
        query = scope.get('query_string', b'').decode('latin-1')
        return f'http://{authority}{path}' + (f'?{query}' if query else '')

    def _caller(self, scope: Scope, sessions: list[str]) -> str | None:
        """The caller, as a key for rate limits and for the log; None without credentials."""
        if self._has_token(scope):
            return 'token'
        if token := self._granted(scope):
            return f'run token {hashlib.sha256(token.encode()).hexdigest()[:8]}'
        if sessions:
            return f'session {hashlib.sha256(sessions[0].encode()).hexdigest()[:8]}'
        return 'anyone' if self._no_login else None

    def _no_credentials(self, scope: Scope) -> HttpError:
        # A script with an old token has to learn that, so it is never told to wait instead.
        if header_values(scope, b'authorization') or FEED_PATH.fullmatch(scope['path']):
            self._failed.add(client_address(scope))
        return HttpError(
            401,
            'unauthorized',
            'Sign in first.',
            'Send "Authorization: Bearer TOKEN" with the token in the data folder, or run: python main.py open',
            {'www-authenticate': 'Bearer'},
        )

    def _check_scope(self, scope: Scope, method: str, path: str) -> None:
        """:raises HttpError: 403 if the token of a run may not send this"""
        may = self._auth.scope_of(self._granted(scope))
        if may is not None and not scopes.allows(may, method, path):
            text = f'The token of this run may not send {method} {path[:200]}.'
            raise HttpError(403, 'forbidden', text, f'It has the scope “{may}”, which its pipeline declares.')

    def _has_token(self, scope: Scope) -> bool:
        return self._auth.is_token(_bearer(scope))

    def _granted(self, scope: Scope) -> str:
        """Return the token of a live run, empty if the request has none."""
        token = _bearer(scope)
        return token if token and self._auth.scope_of(token) else ''

    def _is_feed(self, method: str, path: str) -> bool:
        found = FEED_PATH.fullmatch(path)
        return method == 'GET' and found is not None and self._auth.is_feed(found[1])

    def _sessions(self, scope: Scope) -> list[str]:
        """The valid sessions among the cookies; a service on another port may have set one of the same name."""
        pairs = (pair.partition('=') for value in header_values(scope, b'cookie') for pair in value.split(';'))
        values = [value.strip().strip('"') for name, _, value in pairs if name.strip() == self._cookie_name]
        return [value for value in values if self._auth.is_session(value)]

    async def _renew(self, scope: Scope, sessions: list[str], bounded: '_Bounded') -> None:
        if sessions and rules.is_navigation(scope) and self._auth.is_due_for_renewal(sessions[0]):
            await asyncio.to_thread(self._auth.renew_session, sessions[0])
            bounded.set_cookie = self._sign_in.cookie(sessions[0])

    async def _while_valid(
        self, key: str, is_valid: Callable[[str], bool], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve a socket, and close it with 4401 when its session or granted token ends."""
        loop = asyncio.get_running_loop()
        is_open = is_closed = False

        async def guarded(message: Message) -> None:
            nonlocal is_open, is_closed
            if is_closed:
                return  # the application may still be sending when its user signs out
            is_open = is_open or message['type'] == 'websocket.accept'
            is_closed = message['type'] == 'websocket.close'
            await send(message)
            if message['type'] == 'websocket.accept' and not is_valid(key):
                await close()

        async def close() -> None:
            nonlocal is_closed
            if is_open and not is_closed:
                is_closed = True
                with contextlib.suppress(Exception):  # it may just have closed by itself
                    await send({'type': 'websocket.close', 'code': SIGNED_OUT, 'reason': 'Signed out.'})

        closings: set[asyncio.Task[None]] = set()
        unsubscribe = self._auth.on_end(
            key, lambda: loop.call_soon_threadsafe(lambda: closings.add(loop.create_task(close())))
        )
        try:
            await self._app(scope, receive, guarded)
        finally:
            unsubscribe()
            is_closed = True


class _Bounded:
    """Counts the bytes of a body as they arrive, whatever its Content-Length says."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive = receive
        self._send = send
        self._limit = limit
        self._count = 0
        self._is_started = False
        self._is_too_large = False
        self.set_cookie: str | None = None

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """:raises HttpError: 413 if the body grew too large before the response began"""
        try:
            await app(scope, self.receive, self.send)
        except HttpError:
            if self._is_started or not self._is_too_large:
                raise
        if self._is_too_large and not self._is_started:
            raise rules.body_too_large(self._limit)

    async def receive(self) -> Message:
        message = await self._receive()
        self._count += len(message.get('body', b''))
        if self._count > self._limit:
            self._is_too_large = True
            raise rules.body_too_large(self._limit)
        return message

    async def send(self, message: Message) -> None:
        if self._is_too_large and not self._is_started:
            return  # the application's response to the error; `run` replaces it with ours
        if message['type'] == 'http.response.start':
            self._is_started = True
            if self.set_cookie is not None:
                message['headers'] = [*message['headers'], (b'set-cookie', self.set_cookie.encode())]
        await self._send(message)


async def _refuse(scope: Scope, receive: Receive, send: Send, refusal: HttpError) -> None:
    headers = dict(refusal.headers)
    if rules.has_body(scope) and not await _is_drained(scope, receive):
        headers['connection'] = 'close'
    path = scope['path']
    response: Response
    if refusal.status == 401 and scope['method'] in ('GET', 'HEAD') and rules.is_page(path):
        response = RedirectResponse('/login', 303, headers)
    elif rules.is_page(path) and scope['method'] in ('GET', 'HEAD'):
        response = PlainTextResponse(f'{refusal.message} {refusal.hint}'.strip() + '\n', refusal.status, headers)
    else:
        response = ApiResponse(error_body(refusal.code, refusal.message, refusal.hint), refusal.status, headers)
    await response(scope, receive, send)


async def _is_drained(scope: Scope, receive: Receive) -> bool:
    """Read the rest of a small body, so that its sender gets to read the response; not a large or slow one."""
    if header(scope, b'expect'):
        return False
    left = DRAIN_BYTES
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get('body', b''))
                if not message.get('more_body'):
                    return True
    except TimeoutError:
        pass
    return False


def _bearer(scope: Scope) -> str:
    values = header_values(scope, b'authorization')
    scheme, _, token = (values[0] if len(values) == 1 else '').partition(' ')
    return token.strip() if scheme.lower() == 'bearer' else ''


def _cleaned(scope: Scope, caller: str) -> Scope:
    """The scope with the caller, and without the headers of a proxy, which are not trusted here."""
    headers = [
        (key, value) for key, value in scope['headers'] if key not in _FORWARDED and not key.startswith(b'x-forwarded-')
    ]
    return {**scope, 'headers': headers, 'synapse.caller': caller}


def _with_headers(scope: Scope, send: Send) -> Send:
    path = scope['path']
    if (scope['method'], path) in SIGN_IN_ROUTES:
        policy = SIGN_IN_CSP
    elif rules.is_api(path) and not path.startswith('/api/v1/docs'):
        policy = API_CSP
    else:
        policy = PAGE_CSP.format(host=_safe_host(scope))
    ours = {
        b'content-security-policy': policy.encode(),
        b'x-content-type-options': b'nosniff',
        b'x-frame-options': b'DENY',
        b'referrer-policy': b'no-referrer',
        b'cross-origin-opener-policy': b'same-origin',
        b'cross-origin-resource-policy': b'same-origin',
    }

    async def with_headers(message: Message) -> None:
        if message['type'] == 'http.response.start':
            theirs = [(key, value) for key, value in message.get('headers', ()) if key.lower() not in ours]
            if rules.is_api(path) and not any(key.lower() == b'cache-control' for key, _ in theirs):
                theirs.append((b'cache-control', b'no-store'))
            message['headers'] = [*theirs, *ours.items()]
        await send(message)

    return with_headers


def _safe_host(scope: Scope) -> str:
    host = header(scope, b'host')
    return host if all(char.isalnum() or char in '.-:[]' for char in host) and host.isascii() else ''
