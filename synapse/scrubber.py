"""Makes values safe to save and show: hides secrets, converts to plain JSON, cuts long texts."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

HIDDEN = '***'
LONGEST_TEXT = 16_384
LARGEST_FIELDS = 65_536
SHORTEST_SECRET = 3
_DEEPEST = 8
_LARGEST_NUMBER = 2**63 - 1  # few JSON parsers take more

OPEN_SECRETS = frozenset(
    {'destination_username', 'destination_user', 'destination_key_file', 'destination_endpoint_url'}
    | {'destination_region'}
)
"""Kept among the secrets of a profile, but shown in texts: hiding a user called `media` would black out every path with
that word."""

_LOGIN = re.compile(r'(?i)\b([a-z][a-z0-9+.-]+://)(?:[^\s/@"\'<>]*|[^\s/@:"\'<>]*:(?!\d+/)[^\s@"\'<>]*)@')


def masked(text: str) -> str:
    """Return a text with the login of every address in it replaced: `sftp://***@host/folder`."""
    return _LOGIN.sub(rf'\1{HIDDEN}@', text) if '@' in text and '://' in text else text


def secret_values(secrets: Mapping[str, str]) -> list[str]:
    """Return the values of a profile's secrets that must not appear anywhere."""
    return [value for name, value in secrets.items() if name not in OPEN_SECRETS]


class Scrubber:
    """Replaces secrets in any text with `***`, in their own form and as they appear in JSON and URLs.

    A secret of fewer than three characters is not replaced: that would black out every line and could still be guessed.
    Each line of a secret with several is a secret of its own, since output is logged line by line.
    """

    def __init__(self) -> None:
        self._secrets: dict[str, frozenset[str]] = {}
        self._pattern: re.Pattern[str] | None = None
        self._forms: list[str] = []

    def hide(self, owner: str, secrets: Iterable[str]) -> None:
        """Hide these until `unhide`, instead of what was hidden for the same owner."""
        self._secrets[owner] = frozenset(form for secret in secrets for form in forms_of(secret))
        self._compile()

    def unhide(self, owner: str) -> None:
        """Stop hiding the secrets of this owner that no other owner has."""
        if self._secrets.pop(owner, None) is not None:
            self._compile()

    @property
    def is_idle(self) -> bool:
        """Whether there are no secrets to hide, so that ASCII text is returned unchanged."""
        return self._pattern is None

    def text(self, text: str) -> str:
        """Return the text without secrets, as valid Unicode."""
        if self._pattern is not None:
            text = self._pattern.sub(HIDDEN, text)
        try:
            text.encode()
        except UnicodeEncodeError:  # half a surrogate pair, as in file names that are not UTF-8
            text = text.encode(errors='backslashreplace').decode()
        return text

    def unfinished(self, text: str) -> str:
        """As `text`, for a text that may be cut in the middle of a secret: what may be the start of one is hidden."""
        text = self.text(text)
        ends = (
            size
            for form in self._forms
            for size in range(len(form) - 1, SHORTEST_SECRET - 1, -1)
            if text.endswith(form[:size])
        )
        size = max(ends, default=0)
        return text[:-size] + HIDDEN if size else text

    def value(self, value: Any, *, depth: int = 0) -> Any:
        """Return the value as plain JSON, without secrets; what JSON cannot hold becomes its `str`."""
        if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) <= _LARGEST_NUMBER):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        if isinstance(value, Mapping) and depth < _DEEPEST:
            return {self.text(_text_of(key)): self.value(item, depth=depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset) and depth < _DEEPEST:
            return [self.value(item, depth=depth + 1) for item in value]
        return self.text(_text_of(value))[:LONGEST_TEXT]

    def fields(self, fields: Mapping[Any, Any]) -> dict[str, Any]:
        """Return fields as plain JSON of at most 65,536 characters; `left_out` counts those that did not fit."""
        kept: dict[str, Any] = {}
        room = LARGEST_FIELDS
        for name, value in fields.items():
            key, item = self.text(str(name))[:LONGEST_TEXT], self.value(value)
            room -= len(key) + (len(item) if isinstance(item, str) else len(json.dumps(item)))
            if room < 0:
                return kept | {'left_out': len(fields) - len(kept)}
            kept[key] = item
        return kept

    def _compile(self) -> None:
        # Longest first: where one secret starts with another, the rest of the longer one must not stay readable.
        forms = self._forms = sorted(frozenset().union(*self._secrets.values()), key=len, reverse=True)
        self._pattern = re.compile('|'.join(map(re.escape, forms))) if forms else None


def forms_of(secret: str) -> Iterable[str]:
    """Yield how a secret may appear in a text; nothing if it is too short to be hidden."""
    for part in (secret, *secret.splitlines()):
        if len(part.strip()) >= SHORTEST_SECRET:
            yield from (part, part.strip(), json.dumps(part)[1:-1], quote(part, safe=''))


def _text_of(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # a class of the caller's own; the entry must not be lost because of it
        return f'<{type(value).__name__}>'
