"""News about who may come in."""

from dataclasses import dataclass

from synapse.bus import Message


@dataclass(frozen=True, slots=True)
class SessionsChanged(Message):
    """A browser signed in or out."""


@dataclass(frozen=True, slots=True)
class TokensChanged(Message):
    """A token was created or deleted."""
