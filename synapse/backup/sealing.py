"""Encrypts the secrets of a backup: Argon2id (RFC 9106) makes a key of the passphrase, AES-256-GCM hides and proves."""

import base64
import json
import secrets
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from synapse.errors import Invalid
from synapse.language import _
from synapse.records import Record

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

LEAST_CHARACTERS = 10
MOST_CHARACTERS = 1_000
_KEY_BYTES, _SALT_BYTES, _NONCE_BYTES = 32, 16, 12
_OF_BACKUPS = b'synapse backup secrets 1'


class Lock(Record):
    """What is needed beside the passphrase; public. The limits keep a forged file from using up the memory."""

    kdf: Literal['argon2id'] = 'argon2id'
    time_cost: int = Field(default=3, ge=1, le=16)
    memory_kib: int = Field(default=64 * 1024, ge=8, le=1024 * 1024)
    """With three passes, what RFC 9106 recommends where memory is scarce (section 4)."""
    parallelism: int = Field(default=4, ge=1, le=16)
    salt: str
    cipher: Literal['AES-256-GCM'] = 'AES-256-GCM'
    nonce: str


class WrongPassphrase(Exception):
    """The passphrase is another, or what it opens was changed."""


def passphrase_problem(text: str) -> str:
    """Say what a passphrase should be instead; empty if it will do."""
    if len(text.strip()) >= LEAST_CHARACTERS and len(text) <= MOST_CHARACTERS:
        return ''
    return _('Use at least {least} characters; four or five words are easy to remember.', least=LEAST_CHARACTERS)


def require_good(passphrase: str) -> None:
    """:raises Invalid: if it is too short to protect anything"""
    if problem := passphrase_problem(passphrase):
        raise Invalid(_('The passphrase is too short or too long.'), {'passphrase': problem})


def seal(files: Mapping[str, bytes], passphrase: str) -> tuple[Lock, bytes]:
    """Encrypt some small files together. Takes a tenth of a second and 64 MB."""
    lock = Lock(salt=_text(secrets.token_bytes(_SALT_BYTES)), nonce=_text(secrets.token_bytes(_NONCE_BYTES)))
    plain = json.dumps({name: _text(content) for name, content in files.items()}).encode()
    return lock, _cipher(lock, passphrase).encrypt(_bytes(lock.nonce), plain, _OF_BACKUPS)


def unseal(lock: Lock, sealed: bytes, passphrase: str) -> dict[str, bytes]:
    """Return the files again.

    :raises WrongPassphrase: if that is impossible
    """
    from cryptography.exceptions import InvalidTag

    try:
        plain = _cipher(lock, passphrase).decrypt(_bytes(lock.nonce), sealed, _OF_BACKUPS)
    except (InvalidTag, ValueError) as error:
        raise WrongPassphrase(_('The passphrase is wrong, or the secrets of this backup are damaged.')) from error
    return {str(name): _bytes(text) for name, text in json.loads(plain).items()}


def _cipher(lock: Lock, passphrase: str) -> 'AESGCM':
    from argon2.low_level import Type, hash_secret_raw
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    # A Mac types é as two characters and others as one; the passphrase is the same.
    secret = unicodedata.normalize('NFKC', passphrase).encode()
    key = hash_secret_raw(
        secret,
        _bytes(lock.salt),
        time_cost=lock.time_cost,
        memory_cost=lock.memory_kib,
        parallelism=lock.parallelism,
        hash_len=_KEY_BYTES,
        type=Type.ID,
    )
    return AESGCM(key)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
