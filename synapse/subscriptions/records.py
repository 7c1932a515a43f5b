"""A subscribed calendar as it is kept, and the message that it has changed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field

from synapse.bus import Message
from synapse.records import Record

from .address import place_of, shown_address

EVERY = timedelta(hours=1)
ALARMING = 3
"""After this many failures in a row a person is told."""


class Counts(Record):
    """What the last read that brought something new did."""

    created: int = 0
    updated: int = 0
    deleted: int = 0
    disabled: int = 0
    skipped: int = 0
    without_pipeline: int = 0


class Subscription(Record):
    """A calendar of others that is read every hour. Its address may hold a secret: only `as_shown` leaves the core."""

    id: str
    label: str = Field(min_length=1, max_length=80)
    url: str
    turns_on: bool = False
    """Whether new events are switched on at once, if a rule of the person says all that they run."""
    created_at: datetime
    tried_at: datetime | None = None
    read_at: datetime | None = None
    """When it was last read, or had not changed."""
    failures: int = 0
    """How often it could not be read since then."""
    error: str = ''
    """Why, in a sentence or two."""
    empty_since: datetime | None = None
    """When it suddenly had no events, which is not believed before it has had none for an hour."""
    counts: Counts = Counts()
    etag: str = ''
    last_modified: str = ''
    seen: str = ''
    """Of what was read, and of the rules, to tell whether any of it is new."""

    def due_at(self, now: datetime) -> datetime:
        """Return when it is read next; a clock that was set back does not put that off."""
        return now if self.tried_at is None or self.tried_at > now else self.tried_at + EVERY

    @property
    def place(self) -> str:
        return place_of(self.url)

    @property
    def is_encrypted(self) -> bool:
        return self.url.startswith('https:')

    def as_shown(self) -> dict[str, Any]:
        """Return it as JSON for programs and people, with its address shortened."""
        shown = self.as_json()
        for name in ('etag', 'last_modified', 'seen'):
            del shown[name]
        next_at = None if self.tried_at is None else self.tried_at + EVERY
        return shown | {
            'url': shown_address(self.url),
            'is_encrypted': self.is_encrypted,
            'next_at': None if next_at is None else next_at.isoformat().replace('+00:00', 'Z'),
        }


@dataclass(frozen=True, slots=True)
class SubscriptionChanged(Message):
    """A subscribed calendar was added, changed or removed, or a read of it began or ended."""

    subscription: Subscription
    is_removed: bool = False


@dataclass(frozen=True, slots=True)
class SubscriptionRead(Message):
    """A read of a subscribed calendar ended, well or not."""

    subscription: Subscription
