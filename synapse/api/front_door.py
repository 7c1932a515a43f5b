"""The pages in front of the gate: where a link or the token becomes the cookie of a session."""

import asyncio
import json
import math
import time
from collections import deque
from html import escape
from pathlib import Path
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from synapse.entry import SESSION_SECONDS, Entry
from synapse.errors import TooMany

from .answers import Answer, error_body

MAX_FORM_BYTES = 8 * 1024
ATTEMPTS = 5
WINDOW_SECONDS = 60.0
MAX_PEERS = 1000

_STATIC = Path(__file__).parent / 'static'
_FILES = {
    '/login': 'login.html',
    '/auth': 'auth.html',
    '/entry.css': 'entry.css',
    '/auth.js': 'auth.js',
    '/favicon.ico': 'favicon.svg',
}
_TYPES = {
    '.html': 'text/html; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.js': 'text/javascript',
    '.svg': 'image/svg+xml',
}

DOOR_CALLS = frozenset(
    [*((method, path) for path in _FILES for method in ('GET', 'HEAD')), ('POST', '/login'), ('POST', '/auth')]
)
"""What this module answers, to anybody: no page of the application is ever built for a stranger."""

DOOR_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Attempts:
    """At most five wrong sign-ins a minute from one address; only wrong ones count. Its table is bounded."""

    def __init__(self) -> None:
        self._failures: dict[str, deque[float]] = {}

    def check(self, peer: str, now: float) -> None:
        """:raises TooMany: if this address has to wait"""
        failures = self._failures.get(peer, deque())
        while failures and now - failures[0] >= WINDOW_SECONDS:
            failures.popleft()
        if not failures:
            self._failures.pop(peer, None)
        if len(failures) >= ATTEMPTS:
            raise TooMany(
                'Too many wrong sign-ins from this address.',
                retry_after=WINDOW_SECONDS - (now - failures[0]),
                hint='Wait a minute, then use a fresh link: python main.py open.',
            )

    def add_failure(self, peer: str, now: float) -> None:
        self._failures.setdefault(peer, deque(maxlen=ATTEMPTS)).append(now)
        if len(self._failures) > MAX_PEERS:
            oldest = min(self._failures, key=lambda peer: self._failures[peer][-1])
            del self._failures[oldest]


class FrontDoor:
    """Answers `DOOR_CALLS` and `POST /logout`."""

    def __init__(self, entry: Entry, cookie_name: str) -> None:
        self._entry = entry
        self._cookie_name = cookie_name
        self._attempts = Attempts()
        self._content = {path: (_STATIC / name).read_bytes() for path, name in _FILES.items()}

    async def answer(self, request: Request, *, is_signed_in: bool) -> Response:
        if request.method == 'POST':
            return await self._sign_in(request, is_signed_in=is_signed_in)
        if request.url.path == '/login' and is_signed_in:
            return RedirectResponse('/', 303)
        return self._file(request.url.path)

    async def sign_out(self, sessions: list[str]) -> Response:
        for session in sessions:
            await asyncio.to_thread(self._entry.end_session, session)
        response = RedirectResponse('/login', 303)
        response.headers.append('set-cookie', self.cookie('', max_age=0))
        return response

    def cookie(self, session: str, *, max_age: int = SESSION_SECONDS) -> str:
        """The value of a Set-Cookie header. Lax, since a link from elsewhere to a run should open it."""
        return f'{self._cookie_name}={session}; HttpOnly; Max-Age={max_age}; Path=/; SameSite=Lax'

    async def _sign_in(self, request: Request, *, is_signed_in: bool) -> Response:
        peer = request.client.host if request.client else ''
        if not is_signed_in:
            try:
                self._attempts.check(peer, time.monotonic())
            except TooMany as error:
                return self._refused(request, 429, error.code, error.message, error.hint, error.retry_after)
        given = await _fields(request)
        session = await asyncio.to_thread(self._session_for, given)
        if session is None and not is_signed_in:
            self._attempts.add_failure(peer, time.monotonic())
            if 'code' in given:
                text, hint = 'This link was used already or is older than ten minutes.', 'Run: python main.py open'
            else:
                text, hint = 'That is not the token.', 'It is in the file "token" in the data folder.'
            return self._refused(request, 401, 'sign_in_failed', text, hint)
        response = RedirectResponse('/', 303)
        if session is not None:
            response.headers.append('set-cookie', self.cookie(session))
        return response

    def _session_for(self, given: dict[str, str]) -> str | None:
        if given.get('code'):
            return self._entry.redeem(given['code'])
        return self._entry.redeem_token(given.get('token', ''))

    def _refused(
        self, request: Request, status: int, code: str, message: str, hint: str, retry_after: float | None = None
    ) -> Response:
        if _is_form(request):
            response = self._file('/login', status, error=f'{message} {hint}')
        else:
            response = Answer(error_body(code, message, hint), status)
        if retry_after is not None:
            response.headers['retry-after'] = str(max(1, math.ceil(retry_after)))
        return response

    def _file(self, path: str, status: int = 200, *, error: str = '') -> Response:
        content = self._content[path]
        if path == '/login':
            if error:
                content = content.replace(b'role="alert" hidden', b'role="alert"')
            content = content.replace(b'{error}', escape(error).encode())
        return Response(content, status, {'cache-control': 'no-store'}, _TYPES[Path(_FILES[path]).suffix])


def _is_form(request: Request) -> bool:
    return request.headers.get('content-type', '').startswith('application/x-www-form-urlencoded')


async def _fields(request: Request) -> dict[str, str]:
    """What was given, as text; whatever cannot be read gives nothing, which signs nobody in."""
    body = await request.body()
    if len(body) > MAX_FORM_BYTES:
        return {}
    try:
        if _is_form(request):
            return {name: values[-1] for name, values in parse_qs(body.decode(), max_num_fields=20).items()}
        values = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return {name: value for name, value in values.items() if isinstance(value, str)} if isinstance(values, dict) else {}
