"""One gate in front of everything, pages and sockets alike: what it refuses, nothing behind it sees.

It authenticates by itself instead of marking requests for others to check, so a route added later is closed until it
is opened here. Pure ASGI, since other middleware never sees a WebSocket.
"""

import asyncio
import contextlib
import logging
import re

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from synapse import program
from synapse.addresses import Address
from synapse.api.limits import client_address
from synapse.api.responses import ApiResponse, HttpError, error_body
from synapse.auth import Auth, Caller
from synapse.credentials.scope import Scope as Role
from synapse.language import _, answering_in, language_for

from . import refused_page, rules, scopes
from .failed_sign_ins import FailedSignIns
from .reach import Reach
from .rules import header, header_values
from .sign_in import SIGN_IN_CSP, SIGN_IN_ROUTES, SignIn

PUBLIC_ROUTES = SIGN_IN_ROUTES | {('GET', '/api/v1/health'), ('HEAD', '/api/v1/health')}
"""Everything that responds without credentials; a test compares this list with all routes.

`FEED_PATH` does as well, since programs that subscribe to a calendar can send none: the secret in the address opens
this calendar and nothing else.
"""

FEED_PATH = re.compile(r'/api/v1/scheduler/feed/([A-Za-z0-9_-]{20,200})\.ics')

SIGNED_OUT = 4401
ANYONE = Caller('anyone', Role.ADMIN)
"""Everyone, where nobody has to sign in."""
NOBODY = Caller('anyone', Role.READ)
"""Who has no credentials and asks for what is open."""
DRAIN_BYTES = 4_000_000
DRAIN_SECONDS = 0.5

# NiceGUI needs inline scripts and eval. So this prevents framing and exfiltration, not injection.
PAGE_CSP = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'{sockets}; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
API_CSP = "default-src 'none'; frame-ancestors 'none'"
_FORWARDED = (b'forwarded', b'x-real-ip')

log = logging.getLogger(__name__)


class Gate:
    """Admits requests after checking address, host, origin, size, credentials and type of body, in this order.

    What is behind it finds the address of Synapse as `synapse.address` in the scope, and never a base path in its own.

    :param no_login: skips the check of credentials, and no other
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        auth: Auth,
        reach: Reach,
        no_login: bool = False,
        cookie_name: str = 'synapse',
        max_upload_bytes: int = 20 * 1000**3,
    ) -> None:
        self._app = app
        self._auth = auth
        self._reach = reach
        self._no_login = no_login
        self._cookie_name = cookie_name
        self._max_upload_bytes = max_upload_bytes
        self._failed = FailedSignIns()
        self._sign_in = SignIn(auth, cookie_name, self._failed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] == 'http':
            with answering_in(language_for(header(scope, b'accept-language') or '')):
                await self._http(scope, receive, send)
        elif scope['type'] == 'websocket':
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = self._reach.address_of(scope)
        path = rules.below(scope, address.base)['path']
        asked, scope = scope, self._scope_at(address, scope)
        send = _with_headers(scope, send)
        try:
            self._check_shape(asked, scope)
            location = self._other_address(asked, scope)
            if location is not None:
                await RedirectResponse(location, 307)(scope, receive, send)
                return
            limit = rules.body_limit(scope, self._max_upload_bytes)
            rules.check_announced_length(scope, limit)
            # What is open to strangers, exactly as it is written.
            await self._enter(scope, (scope['method'], path), _Bounded(receive, send, limit))
        except HttpError as error:
            await _refuse(scope, receive, send, error, self._sign_in.asked_for(scope))

    def _scope_at(self, address: Address, scope: Scope) -> Scope:
        """The scope as if the sender had connected directly, at the root of an address."""
        inner = rules.below(rules.with_single_slashes(scope), address.base)
        client = scope.get('client')
        if client is not None and client[0] != address.client:
            client = (address.client, 0)
        return {**inner, 'client': client, 'synapse.address': address}

    async def _enter(self, scope: Scope, call: tuple[str, str], bounded: '_Bounded') -> None:
        sessions = self._sessions(scope)
        caller = self._caller(scope, sessions)
        if caller is not None and caller.secret:
            self._auth.see(caller.secret, client_address(scope))
        if call in SIGN_IN_ROUTES:
            request = Request(scope, bounded.receive)
            response = await self._sign_in.answer(request, is_signed_in=caller is not None)
            await response(scope, bounded.receive, bounded.send)
            return
        if caller is None and call not in PUBLIC_ROUTES and not self._is_feed(*call):
            raise self._no_credentials(scope)
        self._check_scope(caller, *call)
        rules.check_body_type(scope)
        if call == ('POST', '/logout'):
            response = await self._sign_in.sign_out(scope['synapse.address'], sessions)
            await response(scope, bounded.receive, bounded.send)
            return
        if rules.is_api(scope['path']) and not scope['path'].startswith('/api/v1/'):
            raise HttpError(
                404, 'not_found', _('Nothing is at {path}.', path=scope['path'][:200]), _('The API is under /api/v1.')
            )
        await self._renew(scope, sessions, bounded)
        await bounded.run(self._app, _cleaned(scope, caller or NOBODY))

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked, scope = scope, self._scope_at(self._reach.address_of(scope), scope)
        try:
            self._check_shape(asked, scope)
            sessions = self._sessions(scope)
            caller = self._caller(scope, sessions)
            if caller is None:
                raise self._no_credentials(scope)
            self._check_scope(caller, 'GET', scope['path'])
        except HttpError as error:
            # Closing before accepting is how ASGI refuses the upgrade: the client reads a 403.
            await receive()
            await send({'type': 'websocket.close', 'code': 1008, 'reason': error.message})
            return
        if caller.secret:
            await self._while_valid(caller, _cleaned(scope, caller), receive, send)
        else:
            await self._app(_cleaned(scope, caller), receive, send)

    def _check_shape(self, asked: Scope, scope: Scope) -> None:
        """:param asked: the scope as it came, with the connection itself as its client"""
        rules.check_size(asked)
        rules.check_path(scope)
        self._reach.check_host(asked, scope['synapse.address'])
        self._reach.check_origin(asked, scope['synapse.address'])
        if self._auth.caller_with(_bearer(scope)) is None:
            rules.check_site(scope)

    def _other_address(self, asked: Scope, scope: Scope) -> str | None:
        """Where to redirect: a page at `localhost`, as a cookie for that name would also reach its other ports, and the
        base path without a slash."""
        address: Address = scope['synapse.address']
        path = (asked.get('raw_path') or asked['path'].encode()).decode('latin-1')
        query = asked.get('query_string', b'').decode('latin-1')
        query = f'?{query}' if query else ''
        if not rules.is_navigation(scope):
            return None
        if address.base and asked['path'] == address.base:
            return f'{address.base}/{query}'
        name, __, port = address.host.partition(':')
        if name != 'localhost' or address.scheme == 'https' or header(scope, b'authorization'):
            return None
        bound_to = (scope.get('server') or ('',))[0]
        host = '[::1]' if bound_to == '::1' else '127.0.0.1'
        authority = f'{host}:{port}' if port else host
        return f'http://{authority}{path}{query}' if self._reach.answers_to(authority, asked) else None

    def _caller(self, scope: Scope, sessions: list[str]) -> Caller | None:
        """Who sends this; None without valid credentials."""
        if caller := self._auth.caller_with(_bearer(scope)):
            return caller
        if sessions and (session := self._auth.session(sessions[0])):
            return Caller(f'session {session.id}', session.scope, sessions[0], is_browser=True)
        return ANYONE if self._no_login else None

    def _no_credentials(self, scope: Scope) -> HttpError:
        # A script with an old token has to learn that, so it is never told to wait instead.
        if header_values(scope, b'authorization') or FEED_PATH.fullmatch(scope['path']):
            self._failed.add(client_address(scope))
        return HttpError(
            401,
            'unauthorized',
            _('Sign in first.'),
            _(
                'Send "Authorization: Bearer TOKEN" with the token in the data folder, or run: {program} open',
                program=program.NAME,
            ),
            {'www-authenticate': 'Bearer'},
        )

    def _check_scope(self, caller: Caller | None, method: str, path: str) -> None:
        """:raises HttpError: 403 if this caller may not send this"""
        if caller is not None and not scopes.allows(caller.scope, method, path, is_browser=caller.is_browser):
            text = _('The {name} may not send {method} {path}.', name=caller.name, method=method, path=path[:200])
            if caller.is_browser:
                text = _('This browser may not see or do this.')
            raise HttpError(403, 'forbidden', text, scopes.hint_for(caller))

    def _is_feed(self, method: str, path: str) -> bool:
        found = FEED_PATH.fullmatch(path)
        return method == 'GET' and found is not None and self._auth.is_feed(found[1])

    def _sessions(self, scope: Scope) -> list[str]:
        """The valid sessions among the cookies; a service on another port may have set one of the same name."""
        pairs = (pair.partition('=') for value in header_values(scope, b'cookie') for pair in value.split(';'))
        values = [value.strip().strip('"') for name, __, value in pairs if name.strip() == self._cookie_name]
        return [value for value in values if self._auth.session(value)]

    async def _renew(self, scope: Scope, sessions: list[str], bounded: '_Bounded') -> None:
        if sessions and rules.is_navigation(scope) and self._auth.is_due_for_renewal(sessions[0]):
            session = await asyncio.to_thread(self._auth.renew_session, sessions[0])
            if session is not None:
                bounded.set_cookie = self._sign_in.cookie(scope['synapse.address'], session)

    async def _while_valid(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a socket, and close it with 4401 when its session or token ends."""
        loop = asyncio.get_running_loop()
        is_open = is_closed = False

        async def guarded(message: Message) -> None:
            nonlocal is_open, is_closed
            if is_closed:
                return  # the application may still be sending when its user signs out
            is_open = is_open or message['type'] == 'websocket.accept'
            is_closed = message['type'] == 'websocket.close'
            await send(message)
            if message['type'] == 'websocket.accept' and not self._auth.is_valid(caller.secret):
                await close()

        async def close() -> None:
            nonlocal is_closed
            if is_open and not is_closed:
                is_closed = True
                with contextlib.suppress(Exception):  # it may just have closed by itself
                    await send({'type': 'websocket.close', 'code': SIGNED_OUT, 'reason': _('Signed out.')})

        closings: set[asyncio.Task[None]] = set()
        unsubscribe = self._auth.on_end(
            caller.secret, lambda: loop.call_soon_threadsafe(lambda: closings.add(loop.create_task(close())))
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


async def _refuse(scope: Scope, receive: Receive, send: Send, refusal: HttpError, asked: str = '') -> None:
    """:param asked: a cookie that remembers the page, for after the sign-in"""
    headers = dict(refusal.headers)
    if rules.has_body(scope) and not await _is_drained(scope, receive):
        headers['connection'] = 'close'
    path = scope['path']
    response: Response
    if refusal.status == 401 and scope['method'] in ('GET', 'HEAD') and rules.is_page(path):
        response = RedirectResponse(f'{scope["synapse.address"].base}/login', 303, headers)
        if asked:
            response.headers.append('set-cookie', asked)
    elif rules.is_page(path) and 'text/html' in header(scope, b'accept'):
        home = f'{scope["synapse.address"].base}/' if refusal.code == 'forbidden' else ''
        response = refused_page.response_of(refusal, headers, home)
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
    scheme, __, token = (values[0] if len(values) == 1 else '').partition(' ')
    return token.strip() if scheme.lower() == 'bearer' else ''


def _cleaned(scope: Scope, caller: Caller) -> Scope:
    """The scope with the caller, and with what was found out instead of what proxies have said."""
    headers = [
        (key, value) for key, value in scope['headers'] if key not in _FORWARDED and not key.startswith(b'x-forwarded-')
    ]
    base = scope['synapse.address'].base
    if base:  # NiceGUI puts it in front of its own addresses
        headers.append((b'x-forwarded-prefix', base.encode()))
    return {**scope, 'headers': headers, 'synapse.caller': caller.name, 'synapse.scope': caller.scope}


def _with_headers(scope: Scope, send: Send) -> Send:
    path, address = scope['path'], scope['synapse.address']
    if (scope['method'], path) in SIGN_IN_ROUTES:
        policy = SIGN_IN_CSP
    elif rules.is_api(path) and not path.startswith('/api/v1/docs'):
        policy = API_CSP
    else:
        policy = PAGE_CSP.format(sockets=_sockets(address))
    ours = {
        b'content-security-policy': policy.encode(),
        b'x-content-type-options': b'nosniff',
        b'x-frame-options': b'DENY',
        b'referrer-policy': b'no-referrer',
        b'cross-origin-resource-policy': b'same-origin',
    }
    if address.is_private:  # elsewhere browsers ignore it, and complain on every page
        ours[b'cross-origin-opener-policy'] = b'same-origin'

    async def with_headers(message: Message) -> None:
        if message['type'] == 'http.response.start':
            theirs = [(key, value) for key, value in message.get('headers', ()) if key.lower() not in ours]
            if rules.is_api(path):
                theirs = [_placed(header, address.base) for header in theirs]
                if not any(key.lower() == b'cache-control' for key, __ in theirs):
                    theirs.append((b'cache-control', b'no-store'))
            message['headers'] = [*theirs, *ours.items()]
        await send(message)

    return with_headers


def _placed(header: tuple[bytes, bytes], base: str) -> tuple[bytes, bytes]:
    """The header with the base path, if it is a Location of ours."""
    key, value = header
    return (key, base.encode() + value) if key.lower() == b'location' and value.startswith(b'/') else header


def _sockets(address: Address) -> str:
    """Where sockets may lead: not every browser counts its own origin as one of theirs."""
    if not all(char.isalnum() or char in '.-_:[]' for char in address.host) or not address.host.isascii():
        return ''
    return ''.join(f' {origin.replace("http", "ws", 1)}' for origin in address.origins)
