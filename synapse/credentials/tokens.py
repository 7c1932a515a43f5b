"""Tokens that a person gives to programs: each with a name and a scope, shown once, kept as a hash."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field, ValidationError, field_validator

from storage.documents import Documents
from storage.files import DiskFull
from synapse.bus import Bus
from synapse.errors import DiskIsFull, Invalid, NotFound
from synapse.language import _
from synapse.records import Record, now_utc
from synapse.sentences import WHOLE, sentence_of

from .messages import TokensChanged
from .scope import Scope, hashed

MOST_TOKENS = 100
USED = timedelta(minutes=1)
"""How exactly it is known when a token was last used."""


class NewToken(Record):
    """What a person says of a token."""

    name: str = Field(min_length=1, max_length=60)
    """Where it is used, such as `backup script`."""
    scope: Scope

    @field_validator('name')
    @classmethod
    def _is_printable(cls, value: str) -> str:
        if not value.isprintable() or not value.strip():
            raise ValueError(_('Give it a name of letters, such as “backup script”.'))
        return value.strip()


class ApiToken(NewToken):
    """A token, without its secret."""

    id: str
    created_at: datetime
    last_used_at: datetime | None = None


class ApiTokens:
    """Change it on the event loop only; `find` may be called from anywhere.

    :param now: the wall clock, aware
    """

    def __init__(self, documents: Documents, bus: Bus, *, now: Callable[[], datetime] = now_utc) -> None:
        self._documents = documents
        self._bus = bus
        self._now = now
        self._skipped: list[str] = []
        self._tokens = self._read()
        self._changing = asyncio.Lock()
        self.on_end: Callable[[str], object] = lambda key: None
        """Called with the hash of the secret of a deleted token."""

    @property
    def notices(self) -> Sequence[str]:
        """A sentence for each thing that was restored or skipped when the tokens were read."""
        return [*self._documents.notices, *self._skipped]

    def close(self) -> None:
        """Save when each was last used, and close the file."""
        for key, token in self._tokens.items():
            self._documents.put(token.id, token.as_json() | {'hash': key})
        self._documents.close()

    def all(self) -> list[ApiToken]:
        """Return all tokens in the order of their creation."""
        return list(self._tokens.values())

    def find(self, value: str) -> ApiToken | None:
        """Return the token with this secret; whoever sends it has 256 bits to guess."""
        return self._tokens.get(hashed(value))

    def use(self, value: str) -> None:
        """Remember that a token was used just now, to the minute."""
        key = hashed(value)
        if (token := self._tokens.get(key)) is None:
            return
        now = self._now()
        if token.last_used_at is None or abs(now - token.last_used_at) >= USED:
            self._tokens[key] = token.changed(last_used_at=now)

    async def create(self, values: Mapping[str, Any]) -> tuple[ApiToken, str]:
        """Create a token.

        :return: it, and its secret, which nothing can show again
        :raises Invalid: if its name or scope is wrong, or there are too many
        :raises DiskIsFull: if it could not be saved
        """
        try:
            new = NewToken.model_validate(dict(values))
        except ValidationError as error:
            fields = {str(item['loc'][0]) if item['loc'] else WHOLE: sentence_of(item) for item in error.errors()}
            raise Invalid(_('This cannot be a token.'), fields) from error
        async with self._changing:
            if any(token.name == new.name for token in self._tokens.values()):
                text = _('Another token has this name. Choose one that tells where this one is used.')
                raise Invalid(_('This cannot be a token.'), {'name': text})
            if len(self._tokens) >= MOST_TOKENS:
                raise Invalid(
                    _('There are {most_tokens} tokens already.', most_tokens=MOST_TOKENS),
                    {WHOLE: _('Delete one that is not used.')},
                )
            secret = f'syn_{secrets.token_urlsafe(32)}'
            token = ApiToken(id=secrets.token_hex(8), created_at=self._now(), **new.model_dump())
            try:
                await asyncio.to_thread(self._documents.put, token.id, token.as_json() | {'hash': hashed(secret)})
            except DiskFull as error:
                raise DiskIsFull(_('The token was not saved: the disk is full.')) from error
            self._tokens[hashed(secret)] = token
        self._bus.publish(TokensChanged())
        return token, secret

    async def delete(self, id: str) -> ApiToken:
        """Delete a token, which opens nothing any more from now on, and closes what it had opened; return it.

        :raises NotFound: `token_not_found`
        """
        async with self._changing:
            key = next((key for key, token in self._tokens.items() if token.id == id), None)
            if key is None:
                raise NotFound(
                    'token_not_found', _('No token has the id {id!r}.', id=id), _('It may have been deleted.')
                )
            await asyncio.to_thread(self._documents.remove, id)
            token = self._tokens.pop(key)
        self.on_end(key)
        self._bus.publish(TokensChanged())
        return token

    def _read(self) -> dict[str, ApiToken]:
        tokens = {}
        for document in self._documents.all():
            key = str(document.pop('hash', ''))
            try:
                tokens[key] = ApiToken.model_validate(document)
            except ValidationError:
                self._skipped.append(
                    _('A token in tokens.json cannot be read: {get}.', get=document.get('name') or _('nameless'))
                )
        return tokens
