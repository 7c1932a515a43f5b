"""The sign-in pages in front of the gate: they exchange a link or the token for a session cookie."""

import asyncio
import json
import re
from html import escape
from pathlib import Path
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from synapse import program
from synapse.addresses import Address
from synapse.api.limits import client_address
from synapse.api.problems import response_of
from synapse.api.responses import HttpError
from synapse.auth import Auth, CodeState
from synapse.credentials.sessions import SESSION_SECONDS, browser_of
from synapse.errors import SynapseError, TooMany
from synapse.language import N_, _, translated

from . import page_words, rules
from .failed_sign_ins import FailedSignIns
from .page_words import in_words
from .password_attempts import PasswordAttempts

MAX_FORM_BYTES = 8 * 1024

_STATIC = Path(__file__).parent / 'static'
_FILES = {
    '/login': 'login.html',
    '/auth': 'auth.html',
    '/sign-in.css': 'sign-in.css',
    '/auth.js': 'auth.js',
    '/favicon.ico': 'favicon.svg',
    '/fonts.css': 'fonts.css',
    '/fonts/inter-4.1.woff2': 'inter-4.1.woff2',
    '/fonts/jetbrains-mono-2.211.woff2': 'jetbrains-mono-2.211.woff2',
}
_TYPES = {
    '.html': 'text/html; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.js': 'text/javascript',
    '.svg': 'image/svg+xml',
    '.woff2': 'font/woff2',
}

SIGN_IN_ROUTES = frozenset(
    [*((method, path) for path in _FILES for method in ('GET', 'HEAD')), ('POST', '/login'), ('POST', '/auth')]
)
"""The routes of this module, open to anyone: no page of the application is built before sign-in."""

_WORDS = {'/login': page_words.SIGN_IN, '/auth': page_words.LINK}
_WRONG_CODE = {
    CodeState.USED: N_('This link has already been used.'),
    CodeState.EXPIRED: N_('This link has expired: links are valid for ten minutes.'),
    CodeState.WRONG: N_('This link is incomplete, or belongs to another Synapse.'),
    # Only if the clock is set back at this very moment.
    CodeState.FRESH: N_('This link was not accepted.'),
}

SIGN_IN_CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


FONT = next(path for path in _FILES if path.startswith('/fonts/inter'))
FONTS_CSS = (_STATIC / _FILES['/fonts.css']).read_text(encoding='utf-8')
"""The fonts of all pages, by addresses relative to ours; `FONT` is that of nearly every word."""

_PAGE = re.compile(r'/[A-Za-z][A-Za-z0-9/_.~?=&%+:-]{0,300}')
"""A page to come back to: below our own root, and nothing that a cookie or an address would have to quote."""


class SignIn:
    """Answers `SIGN_IN_ROUTES` and `POST /logout`."""

    def __init__(self, auth: Auth, cookie_name: str, failed: FailedSignIns) -> None:
        self._auth = auth
        self._failed = failed
        self._cookie_name = cookie_name
        self._passwords = PasswordAttempts(
            lambda address: any(session.address == address for session in auth.sessions())
        )
        self._content = {path: (_STATIC / name).read_bytes() for path, name in _FILES.items()}

    async def answer(self, request: Request, *, is_signed_in: bool) -> Response:
        if request.method == 'POST':
            return await self._sign_in(request, is_signed_in=is_signed_in)
        path = request.scope['path']
        if path == '/login' and is_signed_in:
            return RedirectResponse(f'{request.scope["synapse.address"].base}/', 303)
        return self._file(request, path)

    async def sign_out(self, address: Address, sessions: list[str]) -> Response:
        for session in sessions:
            await asyncio.to_thread(self._auth.end_session, session)
        response = RedirectResponse(f'{address.base}/login', 303)
        response.headers.append('set-cookie', self.cookie(address, '', max_age=0))
        return response

    def cookie(self, address: Address, session: str, *, max_age: int = SESSION_SECONDS) -> str:
        """The value of a Set-Cookie header. Lax, so that a link from elsewhere can open a run."""
        secure = '; Secure' if address.scheme == 'https' else ''
        path = address.base or '/'
        return f'{self._cookie_name}={session}; HttpOnly; Max-Age={max_age}; Path={path}; SameSite=Lax{secure}'

    def asked_for(self, scope: Scope) -> str:
        """A cookie that remembers the page of a request until its sender has signed in; empty if it is no page."""
        path = scope['path'] + (f'?{query.decode("latin-1")}' if (query := scope.get('query_string')) else '')
        if path == '/' or not rules.is_navigation(scope) or not _PAGE.fullmatch(path):
            return ''
        address: Address = scope['synapse.address']
        return f'{self._cookie_name}_asked={path}; HttpOnly; Max-Age=600; Path={address.base or "/"}; SameSite=Lax'

    def _next(self, request: Request) -> str:
        path = request.cookies.get(f'{self._cookie_name}_asked', '')
        return path if request.scope['path'] == '/login' and _PAGE.fullmatch(path) else '/'

    async def _sign_in(self, request: Request, *, is_signed_in: bool) -> Response:
        given = await _fields(request)
        try:
            session = await self._session_for(request, given)
        except TooMany as error:
            self._failed.add(client_address(request.scope))
            return self._refused(request, error)
        if session is None and not is_signed_in:
            return self._failure(request, given)
        address: Address = request.scope['synapse.address']
        response = RedirectResponse(address.base + self._next(request), 303)
        if session is not None:
            response.headers.append('set-cookie', self.cookie(address, session))
        if f'{self._cookie_name}_asked' in request.cookies:
            response.delete_cookie(f'{self._cookie_name}_asked', address.base or '/')
        return response

    async def _session_for(self, request: Request, given: dict[str, str]) -> str | None:
        """A session for valid credentials, however many failed before; wrong ones use neither a thread nor the disk.

        :raises TooMany: if it is a password, and too many were tried
        """
        code, token = given.get('code', ''), given.get('token', '')
        seen = {
            'browser': browser_of(request.headers.get('user-agent', '')),
            'address': client_address(request.scope),
        }
        if code and self._auth.state_of(code) is CodeState.FRESH:
            return await asyncio.to_thread(self._auth.redeem, code, **seen)
        if not code and self._auth.is_token(token.strip()):
            return await asyncio.to_thread(self._auth.redeem_token, token, **seen)
        if not code and token and self._auth.password.is_set:
            return await self._passwords.try_one(seen['address'], lambda: self._auth.redeem_password(token, **seen))
        return None

    def _failure(self, request: Request, given: dict[str, str]) -> Response:
        state = self._auth.state_of(given['code']) if given.get('code') else None
        if state is None:
            text, hint = _('That is not the token.'), _('It is in the file "token" in the data folder.')
            if self._auth.password.is_set:
                text = _('That is neither the password nor the token.')
                hint = _(
                    'A new password is set on the machine of Synapse, with: {program} password', program=program.NAME
                )
        else:
            text, hint = (
                translated(_WRONG_CODE[state]),
                _('Run: {program} open (with the --data it was started with, if any)', program=program.NAME),
            )
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
        page = self._file(request, '/login', error.status, error=f'{error.message} {error.hint}')
        if 'retry-after' in refusal.headers:
            page.headers['retry-after'] = refusal.headers['retry-after']
        return page

    def _file(self, request: Request, path: str, status: int = 200, *, error: str = '') -> Response:
        content = self._content[path]
        if path in _WORDS:
            content = in_words(content.decode(), _WORDS[path]).encode()
        if path == '/login':
            if error:
                content = content.replace(b'role="alert" hidden', b'role="alert"')
            what = _('password or token') if self._auth.password.is_set else _('token')
            address: Address = request.scope['synapse.address']
            words = {
                'error': escape(error),
                'what': what,
                'What': f'{what[:1].upper()}{what[1:]}',
                'open': 'hidden' if address.is_private else '',
                'out': '' if 'out' in request.query_params else 'hidden',
            }
            for name, text in words.items():
                content = content.replace(b'{%s}' % name.encode(), text.encode())
        kind = _TYPES[Path(_FILES[path]).suffix]
        kept = 'public, max-age=31536000, immutable' if path.endswith('.woff2') else 'no-store'
        return Response(content, status, {'cache-control': kept}, kind)


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
