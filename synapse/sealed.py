"""Hides the secrets among the parameters of runs and events from everyone who reads the files with them.

They are encrypted by AES-SIV (RFC 5297) with a key in a private file of its own. It needs no nonce, so that equal
secrets have equal texts, as comparing parameters needs.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage.damage import Damage
from storage.twins import TwinFile
from synapse.language import _

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

PREFIX = 'sealed:1:'
SHOWN = '••••••••'
_KEY_BYTES = 64


class CannotOpen(Exception):
    """A sealed value of another data folder, or a damaged one."""


class Seal:
    """Seals and opens values.

    :param path: of the key, which is made when something is first sealed
    """

    def __init__(self, path: Path) -> None:
        self._file = TwinFile(
            path,
            lambda content: len(content) == _KEY_BYTES,
            missing=_('Secrets among the parameters of runs and events can no longer be read.'),
            hint=_('Put the key of a backup in its place, or delete {path} and enter the secrets again.', path=path),
            is_replaced=False,
        )
        self._key = self._file.read() or b''
        self._making = threading.Lock()

    @property
    def damage(self) -> Damage | None:
        """Whether the key was found damaged."""
        return self._file.damage

    def sealed(self, value: Any) -> str:
        """Return a text that stands for a JSON value.

        :raises CannotOpen: if the key is damaged
        :raises storage.files.StorageError: if the key cannot be saved
        """
        hidden = self._cipher().encrypt(json.dumps(value).encode(), None)
        return PREFIX + base64.urlsafe_b64encode(hidden).decode()

    def open(self, text: str) -> Any:
        """Return the value that a text stands for; other texts stand for themselves.

        :raises CannotOpen: if it was sealed with another key
        """
        if not is_sealed(text):
            return text
        from cryptography.exceptions import InvalidTag

        cipher = self._cipher()
        try:
            return json.loads(cipher.decrypt(base64.urlsafe_b64decode(text.removeprefix(PREFIX)), None))
        except InvalidTag as error:
            raise CannotOpen from error
        except ValueError:  # a text of the person that merely begins alike
            return text

    def opened(self, value: Any) -> Any:
        """Return a JSON value with everything in it opened.

        :raises CannotOpen: if that is impossible
        """
        if isinstance(value, str):
            return self.open(value)
        if isinstance(value, Mapping):
            return {name: self.opened(item) for name, item in value.items()}
        return [self.opened(item) for item in value] if isinstance(value, list) else value

    def with_sealed(self, values: Mapping[str, Any], places: Iterable[Sequence[str | int]]) -> dict[str, Any]:
        """Return a copy of these values with those at some places sealed, unless they are empty."""
        copy = json.loads(json.dumps(values)) if places else dict(values)
        for *path, last in places:
            target = copy
            for key in path:
                target = target[key]
            if target[last] not in ('', None):
                target[last] = self.sealed(target[last])
        return dict(copy)

    def digest(self, value: Any) -> str:
        """Return a text that is the same for equal JSON values, and tells nothing about them without the key.

        :raises storage.files.StorageError: if the key cannot be saved
        """
        text = f'synapse digest {json.dumps(value, sort_keys=True)}'
        return hmac.new(self._known_key(), text.encode(), hashlib.sha256).hexdigest()[:16]

    def texts_in(self, value: Any) -> list[str]:
        """Return the texts of all secrets in a JSON value; those that cannot be opened are left out."""
        found = []
        for text in _sealed_in(value):
            try:
                found.append(str(self.open(text)))
            except CannotOpen:
                continue
        return found

    def _cipher(self) -> 'AESSIV':
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # 11 ms, which most starts can save

        return AESSIV(self._known_key())

    def _known_key(self) -> bytes:
        """Return the key, made if there is none.

        :raises CannotOpen: if it is damaged
        """
        with self._making:  # two threads that find no key must not make one each
            if not self._key:
                self._key = secrets.token_bytes(_KEY_BYTES)
                self._file.write(self._key)
        if len(self._key) != _KEY_BYTES:
            raise CannotOpen(_('{path} is damaged', path=self._file.path))
        return self._key


def is_sealed(value: object) -> bool:
    return isinstance(value, str) and value.startswith(PREFIX)


def has_sealed(value: Any) -> bool:
    """Whether anything in a JSON value is sealed."""
    return next(_sealed_in(value), None) is not None


def masked(value: Any) -> Any:
    """Return a JSON value for screens, with dots for everything that is sealed."""
    if is_sealed(value):
        return SHOWN
    if isinstance(value, Mapping):
        return {name: masked(item) for name, item in value.items()}
    return [masked(item) for item in value] if isinstance(value, list) else value


def _sealed_in(value: Any) -> Iterator[str]:
    if isinstance(value, str) and is_sealed(value):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _sealed_in(item)
