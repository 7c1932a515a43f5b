"""What whoever signs in may do."""

import hashlib
from enum import StrEnum


class Scope(StrEnum):
    """From the smallest to the largest; each includes the one before."""

    READ = 'read'
    """Look at everything but secrets, and write log lines."""
    RUN = 'run'
    """Also upload files, and start, stop and answer runs."""
    ADMIN = 'admin'
    """Everything that a person can do here."""


def hashed(value: str) -> str:
    """The form in which a secret of 256 random bits is kept: it needs no slow hash, and is useless to a thief."""
    return hashlib.sha256(value.encode(errors='replace')).hexdigest()
