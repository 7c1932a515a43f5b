"""The events in memory and on disk: read once, changed in one write; a change can be undone."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from storage.documents import Documents
from storage.files import DiskFull
from synapse import recurrence
from synapse.bus import Bus
from synapse.errors import Conflict, DiskIsFull, NotFound
from synapse.log.log import Level, Log

from .events import Event
from .messages import EventsWritten, ScheduleChanged
from .series import Edit

SOURCE = 'scheduler'
KEPT_CHANGES = 100
"""This many changes can be undone."""

Before = dict[str, Event | None]


class EventStore:
    """`events` by id, in the order of their creation; only `write` changes them."""

    def __init__(self, documents: Documents, log: Log, bus: Bus) -> None:
        self.events: dict[str, Event] = {}
        self._documents = documents
        self._log = log
        self._bus = bus
        self._skipped: list[str] = []
        self._changes: dict[str, tuple[Before, Before]] = {}
        self._read()

    @property
    def notices(self) -> Sequence[str]:
        """A sentence for each thing that was restored or skipped when the events were read."""
        return [*self._documents.notices, *self._skipped]

    def close(self) -> None:
        self._documents.close()

    def get(self, id: str) -> Event:
        """:raises NotFound: `event_not_found`"""
        event = self.events.get(id)
        if event is None:
            raise NotFound('event_not_found', f'No event has the id {id!r}.', 'It may have been deleted.')
        return event

    def planned_work(self) -> Sequence[tuple[str, Mapping[str, Any]]]:
        return [(event.pipeline, event.parameters) for event in self.events.values()]

    def titles_using(self, profile: str) -> Sequence[str]:
        return [event.title for event in self.events.values() if event.profile == profile]

    async def write(self, edit: Edit, sentence: str) -> str:
        """Save an edit in one write, publish and log it, and return the id by which it can be undone.

        :raises DiskIsFull: if there is no room; then nothing has changed
        """
        touched = [*(event.id for event in edit.saved), *edit.removed]
        before: Before = {id: self.events.get(id) for id in touched}
        saved = {event.id: event.as_json() for event in edit.saved}
        try:
            await asyncio.to_thread(self._documents.change, saved, edit.removed)
        except DiskFull as error:
            raise DiskIsFull('The calendar was not changed: the disk is full.') from error
        for id in edit.removed:
            self.events.pop(id, None)
        self.events.update({event.id: event for event in edit.saved})
        change_id = self._remember(before)
        self._bus.publish(EventsWritten(touched))
        self._log.append(Level.INFO, sentence, source=SOURCE)
        self._publish_changes(before)
        return change_id

    def undo_edit(self, change_id: str, now: datetime) -> Edit:
        """Return the edit that undoes a change; restored events don't catch up on occurrences before `now`.

        :raises Conflict: `nothing_to_undo`, if the events have changed since, or the change is too old
        """
        before, after = self._changes.get(change_id, ({}, {}))
        if not before or any(self.events.get(id) != event for id, event in after.items()):
            raise Conflict('nothing_to_undo', 'That change can no longer be undone.', 'Change the event by hand.')
        del self._changes[change_id]
        saved = [
            event.changed(armed_from=now, updated_at=now, sequence=event.sequence + 2)
            for event in before.values()
            if event is not None
        ]
        return Edit(saved=saved, removed=[id for id, event in before.items() if event is None])

    def _remember(self, before: Before) -> str:
        change_id = new_id()
        self._changes[change_id] = (before, {id: self.events.get(id) for id in before})
        while len(self._changes) > KEPT_CHANGES:
            del self._changes[next(iter(self._changes))]
        return change_id

    def _publish_changes(self, before: Before) -> None:
        for id, earlier in before.items():
            event = self.events.get(id)
            if event is not None:
                self._bus.publish(ScheduleChanged('created' if earlier is None else 'updated', event))
            elif earlier is not None:
                self._bus.publish(ScheduleChanged('deleted', earlier))

    def _read(self) -> None:
        for document in self._documents.all():
            try:
                event = Event.model_validate(document)
                recurrence.series_of(event.plan)  # a past one is kept; one that makes no sense raises
                self.events[event.id] = event
            except Exception as error:  # one broken event must not keep out the others
                problem = error.errors()[0]['msg'] if isinstance(error, ValidationError) else str(error)
                title = document.get('title') or document.get('id')
                self._skipped.append(f'The event {title!r} is skipped: {problem} Fix it in events.json.')


def new_id() -> str:
    """Return an id that no event has."""
    return secrets.token_hex(6)
