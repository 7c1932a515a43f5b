"""Credentials: the token of scripts, one-time sign-in codes, browser sessions, and the secret address of the calendar.

Everything in the data folder is readable by its owner only, and whoever can read it is the owner: so another process
on the same folder (`python main.py open`) may mint a code that the running control room redeems.
"""

import contextlib
import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING

from itsdangerous import BadData, TimestampSigner

from storage.files import make_private_folder
from storage.twins import TwinFile
from synapse import program
from synapse.credentials.password import Password
from synapse.credentials.scope import Scope, hashed
from synapse.credentials.sessions import Session, Sessions
from synapse.language import _

if TYPE_CHECKING:  # the command line has none, and their changes need an event loop
    from synapse.credentials.tokens import ApiTokens

CODE_SECONDS = 10 * 60

_KEY_BYTES = 32
_TOKEN = re.compile(r'[\x21-\x7e]{20,200}')


class CodeState(Enum):
    """Whether a sign-in code can be redeemed."""

    FRESH = auto()
    USED = auto()
    EXPIRED = auto()
    WRONG = auto()
    """Not signed by us."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request.

    :param name: for rate limits and the log: `token`, `token “backup”`, `run token ab12cd34` or `session ab12cd34ef56`
    :param secret: what to watch with `on_end`; empty for what stays valid
    """

    name: str
    scope: Scope
    secret: str = ''
    is_browser: bool = False


class Auth:
    """The credentials of one data folder. Safe to use from any thread; methods that write to the disk say so.

    :param clock: seconds since the epoch, as `time.time` returns
    :param tokens: those that a person gave to programs; only the control room has them
    :param password: the password, if a file of the person has it
    """

    def __init__(
        self,
        data: Path,
        *,
        clock: Callable[[], float] = time.time,
        tokens: 'ApiTokens | None' = None,
        password: str | None = None,
    ) -> None:
        make_private_folder(data)
        self._clock = clock
        self._lock = threading.Lock()
        key = TwinFile(
            data / 'secret.key',
            lambda content: len(content) == _KEY_BYTES,
            missing=_('A new key was made: browsers have to sign in again, and links made before are no longer valid.'),
            hint=_('Open a new one with: {program} open', program=program.NAME),
            may_be_deleted=True,
        )
        self._key = _load_or_create(key, lambda: secrets.token_bytes(_KEY_BYTES))
        token = TwinFile(
            data / 'token',
            _is_token,
            missing=_(
                'A new token was made: scripts with the old one get 401. The new one is in {value}.',
                value=data / 'token',
            ),
            hint=_('Give it to your scripts.'),
            may_be_deleted=True,
        )
        self.token = _load_or_create(token, lambda: f'syn_{secrets.token_urlsafe(32)}\n'.encode()).decode().strip()
        """The bearer token; also in `DATA/token`."""
        self._feed_file = TwinFile(
            data / 'feed',
            _is_token,
            missing=_('Calendar programs that subscribe to this calendar no longer reach it.'),
            hint=_('Make a new address on the Settings page and give it to them.'),
            may_be_deleted=True,
        )
        feed = self._feed_file.read()
        self.feed = None if feed is None else feed.decode().strip()
        """The secret in the address of the calendar feed, None if there is no such address; also in `DATA/feed`."""
        self.password = Password(data / 'password', password)
        self._tokens = tokens
        if tokens is not None:
            tokens.on_end = self._tell_end
        self._sessions = Sessions(data / 'sessions.json', clock)
        found = (key.damage, token.damage, self._feed_file.damage, self._sessions.damage)
        self.damages = [damage for damage in found if damage is not None]
        """What was found damaged."""
        self._start = secrets.token_urlsafe(16)
        """What the link of this start signs: it works as long as this process lives."""
        self._listeners: dict[str, list[Callable[[], object]]] = {}
        self._grants: dict[str, Scope] = {}

    @property
    def storage_secret(self) -> str:
        """Signs the cookie by which NiceGUI distinguishes browsers; it grants nothing."""
        return hmac.new(self._key, b'storage', hashlib.sha256).hexdigest()

    @property
    def cookie_name(self) -> str:
        """The name of the cookie of browsers: that of this data folder, as cookies do not tell ports apart."""
        return f'synapse_{hmac.new(self._key, b"cookie", hashlib.sha256).hexdigest()[:12]}'

    def sign(self, data: bytes) -> str:
        """A signature for data that leaves this data folder and may come back; it reveals nothing about the key."""
        return hmac.new(self._key, b'sign\n' + data, hashlib.sha256).hexdigest()[:32]

    def is_token(self, value: str) -> bool:
        """Whether this is the bearer token, compared in constant time."""
        return hmac.compare_digest(value.encode(errors='replace'), self.token.encode())

    def caller_with(self, token: str) -> Caller | None:
        """Return who sends this bearer token; None if it isn't valid."""
        if not token:
            return None
        if self.is_token(token):
            return Caller('token', Scope.ADMIN)
        if (scope := self._grants.get(hashed(token))) is not None:
            return Caller(f'run token {hashed(token)[:8]}', scope, token)
        found = self._tokens.find(token) if self._tokens is not None else None
        return Caller(f'token “{found.name}”', found.scope, token) if found is not None else None

    def grant(self, scope: Scope) -> str:
        """Return a new token that is valid until `revoke`, and at most until this process ends."""
        token = f'syn_{scope}_{secrets.token_urlsafe(32)}'
        self._grants[hashed(token)] = scope
        return token

    def revoke(self, token: str) -> None:
        """Make a granted token invalid and call its `on_end` callbacks; harmless for an unknown one."""
        self._grants.pop(hashed(token), None)
        self._tell_end(hashed(token))

    def feed_address(self, base: str) -> str | None:
        """The address that calendar programs can subscribe to, or None.

        :param base: the URL of this Synapse, with a trailing slash
        """
        return None if self.feed is None else f'{base}api/v1/scheduler/feed/{self.feed}.ics'

    def new_feed(self) -> str:
        """Create a new secret for the calendar feed, which replaces the previous one. Writes to the disk.

        :raises StorageError: if it could not be saved; the previous one stays valid
        """
        secret = secrets.token_urlsafe(32)
        with self._lock:
            self._feed_file.write(f'{secret}\n'.encode())
            self.feed = secret
        return secret

    def revoke_feed(self) -> None:
        """Revoke the secret address of the calendar. Writes to the disk; harmless if there is none.

        :raises StorageError: if the file could not be removed; the address is valid again after a restart
        """
        with self._lock:
            self.feed = None
            self._feed_file.delete()

    def is_feed(self, value: str) -> bool:
        """Whether this is the secret of the calendar feed, compared in constant time."""
        feed = self.feed
        return feed is not None and hmac.compare_digest(value.encode(errors='replace'), feed.encode())

    def mint_code(self, scope: Scope = Scope.ADMIN) -> str:
        """Return a code that signs one browser in, once, within ten minutes. Writes nothing."""
        return self._signer.sign(f'{scope}~{secrets.token_urlsafe(16)}').decode()

    def code_of_start(self) -> str:
        """Return a code that signs browsers in as long as this process lives."""
        return self._signer.sign(f'{Scope.ADMIN}~{self._start}').decode()

    def redeem(self, code: str, *, browser: str = '', address: str = '') -> str | None:
        """A new session for a code, or None if it is wrong, too old or already used. Writes to the disk.

        :param browser: what it calls itself, as `browser_of` says
        """
        with self._lock:
            if self.state_of(code) is not CodeState.FRESH:
                return None
            scope, nonce, signed_at = self._signer.read(code)
            if nonce != self._start:
                self._sessions.use_code(nonce, signed_at + CODE_SECONDS)
            return self._sessions.open(scope, browser=browser, address=address)

    def state_of(self, code: str) -> CodeState:
        """The state of a code, without using the disk. Used ones that expired long ago count as expired."""
        try:
            __, nonce, signed_at = self._signer.read(code)
        except (BadData, ValueError):
            return CodeState.WRONG
        if hmac.compare_digest(nonce, self._start):
            return CodeState.FRESH
        if self._sessions.is_code_used(nonce):
            return CodeState.USED
        # In both directions, since the clock may have been set back.
        is_expired = abs(int(self._clock()) - signed_at) > CODE_SECONDS
        return CodeState.EXPIRED if is_expired else CodeState.FRESH

    def redeem_token(self, token: str, *, browser: str = '', address: str = '') -> str | None:
        """A new session for the bearer token, or None if it is wrong. Writes to the disk."""
        if not self.is_token(token.strip()):
            return None
        with self._lock:
            return self._sessions.open(Scope.ADMIN, browser=browser, address=address)

    def redeem_password(self, password: str, *, browser: str = '', address: str = '') -> str | None:
        """A new session for the password, or None if it is wrong. Takes a tenth of a second, and writes to the disk."""
        if not self.password.check(password):
            return None
        with self._lock:
            return self._sessions.open(Scope.ADMIN, browser=browser, address=address, is_by_password=True)

    def set_password(self, password: str | None, *, but: str = '') -> None:
        """Set or remove the password, and sign out the browsers that came in with the one before. Writes to the disk.

        :param but: the id of a session that stays
        :raises Invalid: if it is too short or long, or comes from a file of the person
        :raises StorageError: if it could not be saved
        """
        if password is None:
            self.password.remove()
        else:
            self.password.set(password)
        for session in self.sessions():
            if session.is_by_password and session.id != but:
                self.end_session_of(session.id)

    def session(self, value: str) -> Session | None:
        """Return the valid session with this secret. Never uses the disk."""
        return self._sessions.find(value)

    def on_sessions(self, callback: Callable[[], object]) -> None:
        """Have `callback` called, in any thread, whenever a browser has signed in or out."""
        self._sessions.on_change = callback

    def sessions(self) -> list[Session]:
        """Return all valid sessions, the one seen last first."""
        with self._lock:
            return self._sessions.all()

    def is_valid(self, secret: str) -> bool:
        """Whether a session or token with this secret is valid now. Never uses the disk."""
        return self.session(secret) is not None or self.caller_with(secret) is not None

    def see(self, secret: str, address: str) -> None:
        """Remember that a session or token was used just now, and from where, to the minute; on the disk a while later.

        Never waits: every request comes by here, and whoever signs in holds the lock while the disk writes.
        """
        if self._tokens is not None:
            self._tokens.use(secret)
        if self._sessions.is_news(secret, address) and self._lock.acquire(blocking=False):
            try:
                self._sessions.see(secret, address)
            finally:
                self._lock.release()

    def is_due_for_renewal(self, value: str) -> bool:
        """Whether a session is from before this start, or was last renewed more than a day ago."""
        return self._sessions.is_due_for_renewal(value)

    def renew_session(self, value: str) -> str | None:
        """Replace the secret of a session, as `Sessions.renew` does. Writes to the disk."""
        with self._lock:
            return self._sessions.renew(value)

    def end_session(self, value: str) -> None:
        """End a session at once and call its `on_end` callbacks. Writes to the disk; harmless for an unknown value."""
        id = self._sessions.id_of(value)
        if id is not None:
            self.end_session_of(id)

    def end_session_of(self, id: str) -> bool:
        """End the session with this id, as `end_session` does; return whether there was one."""
        with self._lock:
            is_ended = self._sessions.end(id)
        self._tell_end(id)
        return is_ended

    def _tell_end(self, key: str) -> None:
        """Call the `on_end` callbacks of a session, by its id, or of a token, by the hash of its secret."""
        with self._lock:
            listeners = self._listeners.pop(key, [])
        for callback in listeners:
            callback()

    def on_end(self, value: str, callback: Callable[[], object]) -> Callable[[], None]:
        """Call `callback` when the session or token with this secret ends, in the thread that ends it.

        :return: unsubscribes
        """
        key = self._sessions.id_of(value) or hashed(value)
        with self._lock:
            self._listeners.setdefault(key, []).append(callback)

        def unsubscribe() -> None:
            with self._lock, contextlib.suppress(KeyError, ValueError):
                self._listeners[key].remove(callback)
                if not self._listeners[key]:
                    del self._listeners[key]

        return unsubscribe

    @property
    def _signer(self) -> '_Signer':
        return _Signer(self._key, self._clock)


class _Signer(TimestampSigner):
    def __init__(self, key: bytes, clock: Callable[[], float]) -> None:
        super().__init__(key, salt='synapse.code', digest_method=hashlib.sha256)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())

    def read(self, code: str) -> tuple[Scope, str, float]:
        """The scope and the rest of the signed value, and when it was signed.

        :raises BadData: or `ValueError`, if it was not signed here
        """
        value, signed_at = self.unsign(code, return_timestamp=True)
        scope, __, nonce = value.decode().rpartition('~')
        return Scope(scope or Scope.ADMIN), nonce, signed_at.timestamp()


def _load_or_create(file: TwinFile, make: Callable[[], bytes]) -> bytes:
    """Read a private file; create it first if it is missing, or damaged together with its copy."""
    content = file.read()
    if content is None:
        content = make()
        file.write(content)
    return content


def _is_token(content: bytes) -> bool:
    return _TOKEN.fullmatch(content.decode('ascii', errors='replace').strip()) is not None
