"""What a channel is, and what is to be sent through it, as they are kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import Field

from synapse.bus import Message
from synapse.records import Record

MAX_LABEL = 80


@dataclass(frozen=True, slots=True)
class ChannelsChanged(Message):
    """A channel was added, changed or removed, or something was sent through one or could not be sent."""


class Note(Record):
    """Something to tell; what has the same `key` is told once, with its count."""

    key: str
    kind: str
    title: str
    text: str = ''
    look: str = 'warning'
    target: str
    """The page with the details, an address without its server."""
    count: int = 1
    first_at: datetime
    last_at: datetime


class Channel(Record):
    """A way to tell a person something: an address of Apprise, or a command.

    `url` is sealed: only `as_shown` leaves the core.
    """

    id: str = Field(pattern=r'^[A-Za-z0-9_-]{1,64}$')
    label: str = Field(min_length=1, max_length=MAX_LABEL)
    url: str = ''
    shown: str = ''
    """The address without its secrets; empty for a command."""
    command: tuple[str, ...] = ()
    kinds: tuple[str, ...]
    enabled: bool = True
    last_error: str | None = None
    """Why the last message was not sent; None if it was."""
    last_error_at: datetime | None = None
    last_sent_at: datetime | None = None

    def as_shown(self, *, waiting: int) -> dict[str, Any]:
        """Return it as JSON for programs and people.

        :param waiting: how much has happened that is still to be sent
        """
        shown = self.as_json()
        return shown | {'url': shown.pop('shown'), 'waiting': waiting}
