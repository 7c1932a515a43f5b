"""The sign-in pages in front of the gate: they exchange a link or the token for a session cookie."""

import asyncio
import json
from html import escape
from pathlib import Path
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from synapse.api.limits import client_address
from synapse.api.problems import response_of
from synapse.api.responses import HttpError
from synapse.auth import SESSION_SECONDS, Auth, CodeState
from synapse.errors import SynapseError, TooMany

from .failed_sign_ins import FailedSignIns

MAX_FORM_BYTES = 8 * 1024

_STATIC = Path(__file__).parent / 'static'
_FILES = {
    '/login': 'login.html',
    '/auth': 'auth.html',
    '/sign-in.css': 'sign-in.css',
    '/auth.js': 'auth.js',
    '/favicon.ico': 'favicon.svg',
}
_TYPES = {
    '.html': 'text/html; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.js': 'text/javascript',
    '.svg': 'image/svg+xml',
}

SIGN_IN_ROUTES = frozenset(
    [*((method, path) for path in _FILES for method in ('GET', 'HEAD')), ('POST', '/login'), ('POST', '/auth')]
)
"""The routes of this module, open to anyone: no page of the application is built before sign-in."""

_WRONG_CODE = {
    CodeState.USED: 'This link has already been used.',
    CodeState.EXPIRED: 'This link has expired: links are valid for ten minutes.',
    CodeState.WRONG: 'This link is incomplete, or belongs to another Synapse.',
    # Only if the clock is set back at this very moment.
    CodeState.FRESH: 'This link was not accepted.',
}

SIGN_IN_CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class SignIn:
    """Answers `SIGN_IN_ROUTES` and `POST /logout`."""

    def __init__(self, auth: Auth, cookie_name: str, failed: FailedSignIns) -> None:
        self._auth = auth
        self._failed = failed
        self._cookie_name = cookie_name
        self._content = {path: (_STATIC / name).read_bytes() for path, name in _FILES.items()}

    async def answer(self, request: Request, *, is_signed_in: bool) -> Response:
        if request.method == 'POST':
            return await self._sign_in(request, is_signed_in=is_signed_in)
        if request.url.path == '/login' and is_signed_in:
            return RedirectResponse('/', 303)
        return self._file(request.url.path)

    async def sign_out(self, sessions: list[str]) -> Response:
        for session in sessions:
            await asyncio.to_thread(self._auth.end_session, session)
        response = RedirectResponse('/login', 303)
        response.headers.append('set-cookie', self.cookie('', max_age=0))
        return response

    def cookie(self, session: str, *, max_age: int = SESSION_SECONDS) -> str:
        """The value of a Set-Cookie header. Lax, so that a link from elsewhere can open a run."""
        return f'{self._cookie_name}={session}; HttpOnly; Max-Age={max_age}; Path=/; SameSite=Lax'

    async def _sign_in(self, request: Request, *, is_signed_in: bool) -> Response:
        given = await _fields(request)
        session = await self._session_for(given)
        if session is None and not is_signed_in:
            return self._failure(request, given)
        response = RedirectResponse('/', 303)
        if session is not None:
            response.headers.append('set-cookie', self.cookie(session))
        return response

    async def _session_for(self, given: dict[str, str]) -> str | None:
        """A session for valid credentials, however many failed before; wrong ones use neither a thread nor the disk."""
        code, token = given.get('code', ''), given.get('token', '')
        if code and self._auth.state_of(code) is CodeState.FRESH:
            return await asyncio.to_thread(self._auth.redeem, code)
        if not code and self._auth.is_token(token.strip()):
            return await asyncio.to_thread(self._auth.redeem_token, token)
        return None

    def _failure(self, request: Request, given: dict[str, str]) -> Response:
        state = self._auth.state_of(given['code']) if given.get('code') else None
        if state is None:
            text, hint = 'That is not the token.', 'It is in the file "token" in the data folder.'
        else:
            text, hint = _WRONG_CODE[state], 'Run: python main.py open'
        # A used or expired link is not a guess.
        if state in (None, CodeState.WRONG):
            address = client_address(request.scope)
            self._failed.add(address)
            try:
                self._failed.check_rate(address)
            except TooMany as error:
                return self._refused(request, error)
        return self._refused(request, HttpError(401, 'sign_in_failed', text, hint))

    def _refused(self, request: Request, error: SynapseError) -> Response:
        refusal = response_of(error)
        if not _is_form(request):
            return refusal
        page = self._file('/login', error.status, error=f'{error.message} {error.hint}')
        if 'retry-after' in refusal.headers:
            page.headers['retry-after'] = refusal.headers['retry-after']
        return page

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
    """The fields of a form or JSON object that are text; empty if the body cannot be read."""
    body = b''
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return {}
    try:
        if _is_form(request):
            return {name: values[-1] for name, values in parse_qs(body.decode(), max_num_fields=20).items()}
        values = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return {name: value for name, value in values.items() if isinstance(value, str)} if isinstance(values, dict) else {}
