"""Makes values safe to keep and to show: secrets become `***`, odd values plain JSON, endless texts short."""

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
_LARGEST_NUMBER = 2**63 - 1  # more than that few readers of JSON take


class Scrubber:
    """Replaces the secrets it was told of, in whatever text, as they are and as JSON or a URL would write them.

    A secret of fewer than three characters is not looked for: it would blacken every line and still be guessed.
    Each line of a secret with several is a secret, since output travels line by line.
    """

    def __init__(self) -> None:
        self._secrets: dict[str, frozenset[str]] = {}
        self._pattern: re.Pattern[str] | None = None

    def hide(self, owner: str, secrets: Iterable[str]) -> None:
        """Hide these until `unhide`, in place of what was hidden for the same owner."""
        self._secrets[owner] = frozenset(form for secret in secrets for form in _forms(secret))
        self._compile()

    def unhide(self, owner: str) -> None:
        """Stop looking for the secrets of this owner that no other has."""
        if self._secrets.pop(owner, None) is not None:
            self._compile()

    @property
    def is_idle(self) -> bool:
        """Whether there are no secrets to look for: then it returns ASCII text as it is."""
        return self._pattern is None

    def text(self, text: str) -> str:
        """The text without secrets, as valid Unicode."""
        if self._pattern is not None:
            text = self._pattern.sub(HIDDEN, text)
        try:
            text.encode()
        except UnicodeEncodeError:  # half a surrogate pair, as in names of files that are not UTF-8
            text = text.encode(errors='backslashreplace').decode()
        return text

    def value(self, value: Any, *, depth: int = 0) -> Any:
        """The same as plain JSON, without secrets; what JSON cannot say becomes its text."""
        if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) <= _LARGEST_NUMBER):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        if isinstance(value, Mapping) and depth < _DEEPEST:
            return {self.text(str(key)): self.value(item, depth=depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset) and depth < _DEEPEST:
            return [self.value(item, depth=depth + 1) for item in value]
        return self.text(_text_of(value))[:LONGEST_TEXT]

    def fields(self, fields: Mapping[Any, Any]) -> dict[str, Any]:
        """What belongs to an entry: as plain JSON of 65,536 characters, and in `left_out` how many did not fit."""
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
        # Longest first: where one secret begins another, the rest of the longer must not stay readable.
        forms = sorted(frozenset().union(*self._secrets.values()), key=len, reverse=True)
        self._pattern = re.compile('|'.join(map(re.escape, forms))) if forms else None


def _forms(secret: str) -> Iterable[str]:
    for part in (secret, *secret.splitlines()):
        if len(part.strip()) >= SHORTEST_SECRET:
            yield from (part, part.strip(), json.dumps(part)[1:-1], quote(part, safe=''))


def _text_of(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # somebody's own class; its line must not get lost over it
        return f'<{type(value).__name__}>'
