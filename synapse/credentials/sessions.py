"""Browsers that are signed in, and the sign-in codes that were used, in `DATA/sessions.json`."""

import json
import logging
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from storage.damage import Damage
from storage.files import StorageError
from storage.twins import TwinFile
from synapse import program
from synapse.language import N_, _
from synapse.records import Retold, RetoldRecord

from .scope import Scope, hashed

log = logging.getLogger(__name__)

SESSION_SECONDS = 7 * 24 * 3600
RENEW_SECONDS = 24 * 3600
OVERLAP_SECONDS = 120.0
"""How long a session is still valid once it is replaced: requests of other tabs may be under way with it."""
MAX_SESSIONS = 1000
SEEN_SECONDS = 60.0
"""How exactly it is known when a session was last seen."""
ID_CHARACTERS = 12

_BROWSERS = (('Edg', 'Edge'), ('OPR/', 'Opera'), ('Firefox/', 'Firefox'), ('Chrome/', 'Chrome'), ('Safari/', 'Safari'))
_SYSTEMS = (
    ('Android', 'Android'),
    ('iPhone', 'iPhone'),
    ('iPad', 'iPad'),
    ('Windows', 'Windows'),
    ('Macintosh', 'Mac'),
    ('Linux', 'Linux'),
)


class Session(RetoldRecord):
    """One signed-in browser; it keeps its id when its secret is replaced."""

    id: str
    scope: Scope = Scope.ADMIN
    is_by_password: bool = False
    browser: Retold = ''
    """Such as `Firefox on Linux`; empty if it did not say."""
    address: str = ''
    """From where it was last seen."""
    created_at: datetime
    renewed_at: datetime
    """It ends seven days after this."""
    seen_at: datetime


class Sessions:
    """Not safe to use from several threads without a lock of one's own.

    :param clock: seconds since the epoch, as `time.time` returns
    """

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._file = TwinFile(
            path,
            _can_be_read,
            missing=_('Every browser has to sign in again.'),
            hint=_('Open a new link with: {program} open', program=program.NAME),
            may_be_deleted=True,
        )
        self._clock = clock
        self.on_change: Callable[[], object] = lambda: None
        """Called in any thread when a session was opened or ended."""
        self._sessions, self._used_codes = _content_of(self._file.read())
        self._started_at = clock()
        self._successors: dict[str, str] = {}

    @property
    def damage(self) -> Damage | None:
        """Whether the file was found damaged."""
        return self._file.damage

    def open(self, scope: Scope, *, browser: str = '', address: str = '', is_by_password: bool = False) -> str:
        """Return the secret of a new session. Writes to the disk."""
        id, now = secrets.token_hex(ID_CHARACTERS // 2), self._now()
        session = Session(
            id=id,
            scope=scope,
            is_by_password=is_by_password,
            browser=browser,
            address=address,
            created_at=now,
            renewed_at=now,
            seen_at=now,
        )
        value = self._keep(session)
        self.on_change()
        return value

    def find(self, value: str) -> Session | None:
        """Return the valid session with this secret. Never uses the disk."""
        session = self._sessions.get(hashed(value))
        return session if session is not None and self._age(session) < SESSION_SECONDS else None

    def all(self) -> list[Session]:
        """Return the valid sessions, the one seen last first."""
        valid = [session for session in self._sessions.values() if self._age(session) < SESSION_SECONDS]
        latest = {session.id: session for session in sorted(valid, key=lambda session: session.renewed_at)}
        return sorted(latest.values(), key=lambda session: session.seen_at, reverse=True)

    def is_news(self, value: str, address: str) -> bool:
        """Whether a session was last seen a while ago, or from elsewhere."""
        session = self._sessions.get(hashed(value))
        if session is None:
            return False
        return session.address != address or self._clock() - session.seen_at.timestamp() >= SEEN_SECONDS

    def see(self, value: str, address: str) -> None:
        """Remember that a session was used just now; saved with the next change."""
        if (session := self.find(value)) is not None:
            self._sessions[hashed(value)] = session.changed(seen_at=self._now(), address=address)

    def is_due_for_renewal(self, value: str) -> bool:
        """Whether a session is from before this start, or was last renewed more than a day ago.

        While Synapse was down, any program of this machine may have listened on its port, and open tabs sent it theirs.
        """
        session = self._sessions.get(hashed(value))
        if session is None:
            return False
        return session.renewed_at.timestamp() < self._started_at or self._age(session) > RENEW_SECONDS

    def renew(self, value: str) -> str | None:
        """Replace the secret of a session by a new one, valid for seven days; the old one is for two more minutes.

        :return: the same new one again until then, None if the session is not valid. Writes to the disk
        """
        key, session = hashed(value), self.find(value)
        if session is None:
            return None
        if key not in self._successors:
            ends = self._clock() - SESSION_SECONDS + OVERLAP_SECONDS
            self._sessions[key] = session.changed(renewed_at=datetime.fromtimestamp(ends, UTC))
            self._successors[key] = self._keep(session.changed(renewed_at=self._now()))
        return self._successors[key]

    def id_of(self, value: str) -> str | None:
        """Return the id of the session that has or had this secret."""
        session = self._sessions.get(hashed(value))
        return session.id if session is not None else None

    def end(self, id: str) -> bool:
        """End a session with all its secrets; return whether there was one. Writes to the disk."""
        keys = [key for key, session in self._sessions.items() if session.id == id]
        for key in keys:
            del self._sessions[key]
        if keys:
            self._write()
            self.on_change()
        return bool(keys)

    def use_code(self, nonce: str, until: float) -> None:
        """Remember a sign-in code that cannot be used again; saved with the session that it opens."""
        self._used_codes[nonce] = until

    def is_code_used(self, nonce: str) -> bool:
        return nonce in self._used_codes

    def _age(self, session: Session) -> float:
        return self._clock() - session.renewed_at.timestamp()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _keep(self, session: Session) -> str:
        value = secrets.token_urlsafe(32)
        self._sessions[hashed(value)] = session
        self._write()
        return value

    def _write(self) -> None:
        alive = [(key, session) for key, session in self._sessions.items() if self._age(session) < SESSION_SECONDS]
        self._sessions = dict(sorted(alive, key=lambda item: item[1].renewed_at)[-MAX_SESSIONS:])
        self._successors = {key: new for key, new in self._successors.items() if key in self._sessions}
        now = int(self._clock())
        self._used_codes = {nonce: until for nonce, until in self._used_codes.items() if until >= now}
        sessions = {key: session.as_document() for key, session in self._sessions.items()}
        document = {'version': 2, 'sessions': sessions, 'used_codes': self._used_codes}
        try:
            self._file.write(json.dumps(document, indent=1).encode())
        except StorageError as error:
            # The owner must be able to sign in with a full disk, to free some space.
            log.warning(N_('sessions were not saved and end with this process: %s'), error)


def browser_of(agent: str) -> str:
    """Say in two words what a User-Agent header is of, such as `Chrome on Android`; empty if it tells nothing known.

    >>> browser_of('Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0')
    'Firefox on Linux'
    """
    browser = next((name for mark, name in _BROWSERS if mark in agent), '')
    system = next((name for mark, name in _SYSTEMS if mark in agent), '')
    if not browser:
        return system or re.sub(r'[^\w .-]', '', agent.partition('/')[0])[:40]
    return _('{browser} on {system}', browser=browser, system=system) if system else browser


def _can_be_read(content: bytes) -> bool:
    try:
        _content_of(content)
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    return True


def _content_of(content: bytes | None) -> tuple[dict[str, Session], dict[str, float]]:
    if content is None:
        return {}, {}
    document: Any = json.loads(content)
    sessions = {str(key): _session(str(key), value) for key, value in document['sessions'].items()}
    return sessions, {str(nonce): float(until) for nonce, until in document['used_codes'].items()}


def _session(key: str, value: Any) -> Session:
    """:raises ValueError: if it cannot be read"""
    if isinstance(value, int | float):  # of the first format, which had only this
        renewed = datetime.fromtimestamp(value, UTC)
        return Session(id=key[:ID_CHARACTERS], created_at=renewed, renewed_at=renewed, seen_at=renewed)
    try:
        return Session.model_validate(value)
    except ValidationError as error:
        raise ValueError(str(error)) from error
