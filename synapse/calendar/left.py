"""Events of subscribed calendars that are no longer planned, kept so that they come back as they were left."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from synapse import recurrence
from synapse.records import Record

from .events import Event

MAX_LEFT = 5_000
"""The newest ones are kept."""
MARK = 'left'
"""The field by which its document differs from that of an event."""


class LeftEvent(Record):
    """An event that went.

    :param source: the id of its calendar; one that a person moved by hand has that of its series
    :param is_deleted: whether a person deleted it; else its calendar no longer had it
    """

    event: Event
    source: str
    is_deleted: bool

    def as_document(self) -> dict[str, Any]:
        return self.event.as_json() | {MARK: {'source': self.source, 'is_deleted': self.is_deleted}}

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> 'LeftEvent':
        """:raises ValidationError: if it isn't one"""
        event = {name: value for name, value in document.items() if name != MARK}
        return cls.model_validate({'event': event, **document[MARK]})


def left_among(
    removed: Iterable[str], events: Mapping[str, Event], now: datetime, *, is_deleted: bool
) -> list[LeftEvent]:
    """Return what to keep of events that are removed: those of subscribed calendars that are not over.

    :param events: by id, before they are removed
    """
    left = []
    for id in removed:
        event = events[id]
        source = event.source or events.get(event.override_of or '', event).source
        if source and recurrence.next_after(event.plan, now):
            left.append(LeftEvent(event=event, source=source, is_deleted=is_deleted))
    return left
