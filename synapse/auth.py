"""Credentials: the token of scripts, one-time sign-in codes, browser sessions, and the secret address of the calendar.

Everything in the data folder is readable by its owner only, and whoever can read it is the owner: so another process
on the same folder (`python main.py open`) may mint a code that the running control room redeems.
"""

import contextlib
import hashlib
import hmac
import json
import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from enum import Enum, StrEnum, auto
from pathlib import Path
from typing import Any

from itsdangerous import BadData, TimestampSigner

from storage.files import StorageError, make_private_folder, named_errors, sync_folder, write_atomically

log = logging.getLogger(__name__)

CODE_SECONDS = 10 * 60
SESSION_SECONDS = 30 * 24 * 3600
RENEW_SECONDS = 24 * 3600
MAX_SESSIONS = 1000

_TOKEN = re.compile(r'[\x21-\x7e]{20,200}')


class CodeState(Enum):
    """Whether a sign-in code can be redeemed."""

    FRESH = auto()
    USED = auto()
    EXPIRED = auto()
    WRONG = auto()
    """Not signed by us."""


class Scope(StrEnum):
    """What a token that was granted may do: read and log, or also upload files and start and stop runs."""

    READ = 'read'
    RUN = 'run'


class Auth:
    """The credentials of one data folder. Safe to use from any thread; methods that write to the disk say so.

    :param clock: seconds since the epoch, as `time.time` returns
    """

    def __init__(self, data: Path, *, clock: Callable[[], float] = time.time) -> None:
        make_private_folder(data)
        self._clock = clock
        self._lock = threading.Lock()
        self._key = _load_or_create(data / 'secret.key', lambda: secrets.token_bytes(32), lambda key: len(key) == 32)
        token = _load_or_create(data / 'token', lambda: f'syn_{secrets.token_urlsafe(32)}\n'.encode(), _is_token)
        self.token = token.decode().strip()
        """The bearer token; also in `DATA/token`."""
        self._feed_path = data / 'feed'
        self.feed = _read_feed(self._feed_path)
        """The secret in the address of the calendar feed, None if there is no such address; also in `DATA/feed`."""
        self._path = data / 'sessions.json'
        self._sessions, self._used_codes = self._read()
        self._listeners: dict[str, list[Callable[[], object]]] = {}
        self._grants: dict[str, Scope] = {}

    @property
    def storage_secret(self) -> str:
        """Signs the cookie by which NiceGUI distinguishes tabs; it grants nothing."""
        return hmac.new(self._key, b'storage', hashlib.sha256).hexdigest()

    def sign(self, data: bytes) -> str:
        """A signature for data that leaves this data folder and may come back; it reveals nothing about the key."""
        return hmac.new(self._key, b'sign\n' + data, hashlib.sha256).hexdigest()[:32]

    def is_token(self, value: str) -> bool:
        """Whether this is the bearer token, compared in constant time."""
        return hmac.compare_digest(value.encode(errors='replace'), self.token.encode())

    def grant(self, scope: Scope) -> str:
        """Return a new token that is valid until `revoke`, and at most until this process ends."""
        token = f'syn_{scope}_{secrets.token_urlsafe(32)}'
        self._grants[_hashed(token)] = scope
        return token

    def revoke(self, token: str) -> None:
        """Make a granted token invalid and call its `on_end` callbacks; harmless for an unknown one."""
        key = _hashed(token)
        with self._lock:
            self._grants.pop(key, None)
            listeners = self._listeners.pop(key, [])
        for callback in listeners:
            callback()

    def scope_of(self, token: str) -> Scope | None:
        """Return what a granted token may do, None if it isn't valid."""
        return self._grants.get(_hashed(token))

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
            write_atomically(self._feed_path, f'{secret}\n'.encode())
            self.feed = secret
        return secret

    def revoke_feed(self) -> None:
        """Revoke the secret address of the calendar. Writes to the disk; harmless if there is none.

        :raises StorageError: if the file could not be removed; the address is valid again after a restart
        """
        with self._lock:
            self.feed = None
            with named_errors(self._feed_path):
                self._feed_path.unlink(missing_ok=True)
            sync_folder(self._feed_path.parent)

    def is_feed(self, value: str) -> bool:
        """Whether this is the secret of the calendar feed, compared in constant time."""
        feed = self.feed
        return feed is not None and hmac.compare_digest(value.encode(errors='replace'), feed.encode())

    def mint_code(self) -> str:
        """A code that signs one browser in, once, within ten minutes. Writes nothing."""
        return self._signer.sign(secrets.token_urlsafe(16)).decode()

    def redeem(self, code: str) -> str | None:
        """A new session for a code, or None if it is wrong, too old or already used. Writes to the disk."""
        with self._lock:
            if self.state_of(code) is not CodeState.FRESH:
                return None
            nonce, signed_at = self._signer.read(code)
            self._used_codes[nonce] = signed_at + CODE_SECONDS
            return self._open_session()

    def state_of(self, code: str) -> CodeState:
        """The state of a code, without using the disk. Used ones that expired long ago count as expired."""
        try:
            nonce, signed_at = self._signer.read(code)
        except (BadData, ValueError):
            return CodeState.WRONG
        if nonce in self._used_codes:
            return CodeState.USED
        # In both directions, since the clock may have been set back.
        is_expired = abs(int(self._clock()) - signed_at) > CODE_SECONDS
        return CodeState.EXPIRED if is_expired else CodeState.FRESH

    def redeem_token(self, token: str) -> str | None:
        """A new session for the bearer token, or None if it is wrong. Writes to the disk."""
        if not self.is_token(token.strip()):
            return None
        with self._lock:
            return self._open_session()

    def is_session(self, value: str) -> bool:
        """Whether this is the id of a valid session. Never uses the disk."""
        renewed_at = self._sessions.get(_hashed(value))
        return renewed_at is not None and self._clock() - renewed_at < SESSION_SECONDS

    def is_due_for_renewal(self, value: str) -> bool:
        """Whether a session was last renewed more than a day ago."""
        renewed_at = self._sessions.get(_hashed(value))
        return renewed_at is not None and self._clock() - renewed_at > RENEW_SECONDS

    def renew_session(self, value: str) -> None:
        """Extend a session by another 30 days. Writes to the disk."""
        with self._lock:
            if self.is_session(value):
                self._sessions[_hashed(value)] = self._clock()
                self._write()

    def end_session(self, value: str) -> None:
        """End a session at once and call its `on_end` callbacks. Writes to the disk; harmless for an unknown value."""
        key = _hashed(value)
        with self._lock:
            known = self._sessions.pop(key, None) is not None
            listeners = self._listeners.pop(key, [])
            if known:
                self._write()
        for callback in listeners:
            callback()

    def on_end(self, value: str, callback: Callable[[], object]) -> Callable[[], None]:
        """Call `callback` when this session or granted token ends, in the thread that ends it.

        :return: unsubscribes
        """
        key = _hashed(value)
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

    def _open_session(self) -> str:
        value = secrets.token_urlsafe(32)
        self._sessions[_hashed(value)] = self._clock()
        self._write()
        return value

    def _write(self) -> None:
        now = self._clock()
        alive = [(key, at) for key, at in self._sessions.items() if now - at < SESSION_SECONDS]
        self._sessions = dict(sorted(alive, key=lambda item: item[1])[-MAX_SESSIONS:])
        self._used_codes = {nonce: until for nonce, until in self._used_codes.items() if until >= int(now)}
        document = {'version': 1, 'sessions': self._sessions, 'used_codes': self._used_codes}
        try:
            write_atomically(self._path, json.dumps(document, indent=1).encode())
        except StorageError as error:
            # The owner must be able to sign in with a full disk, to free some space.
            log.warning('sessions were not saved and end with this process: %s', error)

    def _read(self) -> tuple[dict[str, float], dict[str, float]]:
        try:
            document: Any = json.loads(self._path.read_bytes())
            return _moments(document['sessions']), _moments(document['used_codes'])
        except FileNotFoundError:
            return {}, {}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            aside = self._path.with_name(f'{self._path.name}.corrupt-{int(self._clock())}')
            log.warning('%s cannot be read and is now %s; every browser has to sign in again', self._path, aside.name)
            with contextlib.suppress(OSError):
                self._path.replace(aside)
            return {}, {}


class _Signer(TimestampSigner):
    def __init__(self, key: bytes, clock: Callable[[], float]) -> None:
        super().__init__(key, salt='synapse.code', digest_method=hashlib.sha256)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())

    def read(self, code: str) -> tuple[str, float]:
        """The signed value, and when it was signed.

        :raises BadData: or `ValueError`, if it was not signed here
        """
        value, signed_at = self.unsign(code, return_timestamp=True)
        return value.decode(), signed_at.timestamp()


def _load_or_create(path: Path, make: Callable[[], bytes], is_valid: Callable[[bytes], bool]) -> bytes:
    """Read a private file; create it first if it is missing or invalid."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        content = b''
    if is_valid(content):
        if os.name != 'nt':
            path.chmod(0o600)
        return content
    content = make()
    write_atomically(path, content)
    return content


def _read_feed(path: Path) -> str | None:
    """The saved secret, or None if there is none or it is too short."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if not _is_token(content):
        return None
    if os.name != 'nt':
        path.chmod(0o600)
    return content.decode().strip()


def _is_token(content: bytes) -> bool:
    return _TOKEN.fullmatch(content.decode('ascii', errors='replace').strip()) is not None


def _moments(values: Any) -> dict[str, float]:
    return {str(key): float(value) for key, value in values.items()}


def _hashed(value: str) -> str:
    # 256 random bits need no slow hash; the hashes in the file are useless to a thief.
    return hashlib.sha256(value.encode(errors='replace')).hexdigest()
