"""The password of a data folder: for sign-in from other machines, kept as an Argon2id hash in `DATA/password`."""

import contextlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from storage.files import write_atomically
from synapse.errors import Invalid
from synapse.language import _

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LEAST_CHARACTERS = 10
MOST_CHARACTERS = 200


def problem_of(text: str) -> str:
    """Say what a password should be instead; empty if it will do."""
    if len(text.strip()) >= LEAST_CHARACTERS and len(text) <= MOST_CHARACTERS:
        return ''
    return _(
        'Use {least_characters} to {most_characters} characters; three or four words are easy to remember.',
        least_characters=LEAST_CHARACTERS,
        most_characters=MOST_CHARACTERS,
    )


def first_line(file: Path) -> str:
    """The password in a file.

    :raises OSError: if it cannot be read
    :raises ValueError: if it isn't text
    """
    return file.read_text(encoding='utf-8').partition('\n')[0].rstrip('\r')


class Password:
    """Safe to use from any thread. What it hashes takes a tenth of a second and 64 MB: one at a time.

    :param path: of the hash
    :param given: the password itself, from `--password-file`; the hash on the disk does not count then
    """

    def __init__(self, path: Path, given: str | None = None) -> None:
        self._path = path
        self._given = given
        self._lock = threading.Lock()
        self._hash = '' if given is not None else _read(path)

    @property
    def is_set(self) -> bool:
        return bool(self._hash) or self._given is not None

    @property
    def is_given(self) -> bool:
        """Whether it comes from a file of the person, so that it cannot be changed here."""
        return self._given is not None

    def set(self, text: str) -> None:
        """Set or replace it. Writes to the disk.

        :raises Invalid: if it is too short or long, or comes from `--password-file`
        :raises StorageError: if it could not be saved
        """
        self._check_changeable()
        if words := problem_of(text):
            raise Invalid(_('This password was not set.'), {'password': words})
        with self._lock:
            hashed = _hasher().hash(text)
            write_atomically(self._path, f'{hashed}\n'.encode())
            self._hash = hashed

    def remove(self) -> None:
        """Remove it. Writes to the disk.

        :raises Invalid: if it comes from `--password-file`
        """
        self._check_changeable()
        self._path.unlink(missing_ok=True)
        self._hash = ''

    def check(self, text: str) -> bool:
        """Whether this is the password. Takes a tenth of a second, right or wrong."""
        from argon2.exceptions import InvalidHashError, VerifyMismatchError

        with self._lock:
            if self._given is not None and not self._hash:
                self._hash = _hasher().hash(self._given)
            if not self._hash or len(text) > MOST_CHARACTERS:
                return False
            with contextlib.suppress(VerifyMismatchError, InvalidHashError):
                return bool(_hasher().verify(self._hash, text))
            return False

    def _check_changeable(self) -> None:
        if self.is_given:
            hint = _('Change the file that --password-file names, and start Synapse again.')
            raise Invalid(_('The password comes from a file.'), {'password': hint}, hint)


def _hasher() -> 'PasswordHasher':
    from argon2 import PasswordHasher  # not needed on a machine of one's own

    return PasswordHasher()


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ''
