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
from synapse.language import _, own
from synapse.log.log import Level, Log
from synapse.sentences import sentence_of

from .events import Event
from .left import MARK, MAX_LEFT, LeftEvent
from .messages import EventsWritten, ScheduleChanged
from .series import Edit

SOURCE = 'scheduler'
KEPT_CHANGES, KEPT_CHARACTERS = 100, 4_000_000
"""This many changes can be undone, of events with so many characters in all; the newest one whatever its size."""
PUBLISHED_AT_ONCE = 20
"""How many changed events are armed and shown in one turn of the event loop; an import has thousands."""

Before = dict[str, Event | None]


class EventStore:
    """`events` by id, in the order of their creation; only `write` changes them.

    `left` are those that went, oldest first, by id too.
    """

    def __init__(self, documents: Documents, log: Log, bus: Bus) -> None:
        self.events: dict[str, Event] = {}
        self.left: dict[str, LeftEvent] = {}
        self._documents = documents
        self._log = log
        self._bus = bus
        self._skipped: list[str] = []
        self._changes: dict[str, tuple[Before, Before, int]] = {}
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
            raise NotFound('event_not_found', _('No event has the id {id!r}.', id=id), _('It may have been deleted.'))
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
        try:
            size = await asyncio.to_thread(self._save, edit)
        except DiskFull as error:
            raise DiskIsFull(_('The calendar was not changed: the disk is full.')) from error
        for id in edit.removed:
            self.events.pop(id, None)
        self.events.update({event.id: event for event in edit.saved})
        self._keep_left(edit)
        change_id = self._remember(before, size)
        self._log.append(Level.INFO, sentence, source=SOURCE)
        await self._publish(before)
        return change_id

    def _save(self, edit: Edit) -> int:
        left = {item.event.id: item.as_document() for item in edit.left}
        puts = left | {event.id: event.as_json() for event in edit.saved}
        return self._documents.change(puts, {*edit.removed, *self._outdated(edit)} - puts.keys())

    def _outdated(self, edit: Edit) -> list[str]:
        """Return the oldest of what is left that has to make room."""
        back = {event.id for event in edit.saved}
        others = [id for id in self.left if id not in back]
        return others[: max(0, len(others) + len(edit.left) - MAX_LEFT)]

    def _keep_left(self, edit: Edit) -> None:
        for id in [*self._outdated(edit), *(event.id for event in edit.saved)]:
            self.left.pop(id, None)
        self.left |= {item.event.id: item for item in edit.left}

    async def forget_left(self, source: str) -> None:
        """Forget the events that a calendar left here.

        :raises DiskIsFull: if that cannot be saved
        """
        ids = [id for id, item in self.left.items() if item.source == source]
        try:
            await asyncio.to_thread(self._documents.change, {}, ids)
        except DiskFull as error:
            raise DiskIsFull(_('The calendar was not changed: the disk is full.')) from error
        for id in ids:
            self.left.pop(id, None)

    def undo_edit(self, change_ids: Sequence[str], now: datetime) -> Edit:
        """Return the edit that undoes changes, oldest first; restored events don't catch up on what is before `now`.

        :raises Conflict: `nothing_to_undo`, if the events have changed otherwise, or a change is too old
        """
        before: Before = {}
        after: Before = {}
        for change_id in change_ids:
            was, became, _size = self._changes.get(change_id, ({}, {}, 0))
            if not was or any(id in after and after[id] != event for id, event in was.items()):
                raise _nothing_to_undo()
            before, after = was | before, after | became
        if any(self.events.get(id) != event for id, event in after.items()):
            raise _nothing_to_undo()
        for change_id in change_ids:
            del self._changes[change_id]
        saved = [
            event.changed(armed_from=now, updated_at=now, sequence=event.sequence + 2)
            for event in before.values()
            if event is not None
        ]
        return Edit(saved=saved, removed=[id for id, event in before.items() if event is None])

    def _remember(self, before: Before, size: int) -> str:
        change_id = new_id()
        self._changes[change_id] = (before, {id: self.events.get(id) for id in before}, size)
        total = sum(size for _was, _became, size in self._changes.values())
        while len(self._changes) > KEPT_CHANGES or (total > KEPT_CHARACTERS and len(self._changes) > 1):
            total -= self._changes.pop(next(iter(self._changes)))[2]
        return change_id

    async def _publish(self, before: Before) -> None:
        """Publish what has changed, in batches: others on the event loop get a turn after each."""
        ids = [*before]
        for begin in range(0, len(ids), PUBLISHED_AT_ONCE):
            if begin:
                await asyncio.sleep(0)
            batch = ids[begin : begin + PUBLISHED_AT_ONCE]
            self._bus.publish(EventsWritten(batch))
            for id in batch:
                self._publish_change(before[id], self.events.get(id))

    def _publish_change(self, before: Event | None, now: Event | None) -> None:
        if now is not None:
            self._bus.publish(ScheduleChanged('created' if before is None else 'updated', now, before))
        elif before is not None:
            self._bus.publish(ScheduleChanged('deleted', before))

    def _read(self) -> None:
        for document in self._documents.all():
            try:
                if MARK in document:
                    self.left[document['id']] = LeftEvent.of_document(document)
                    continue
                event = Event.model_validate(document)
                recurrence.series_of(event.plan)  # a past one is kept; one that makes no sense raises
                self.events[event.id] = event
            except Exception as error:  # one broken event must not keep out the others
                problem = sentence_of(error.errors()[0]) if isinstance(error, ValidationError) else str(error)
                title = document.get('title') or document.get('id')
                text = _(
                    'The event {title!r} is skipped: {problem} Fix it in events.json.', title=title, problem=problem
                )
                self._skipped.append(own(text))


def _nothing_to_undo() -> Conflict:
    return Conflict('nothing_to_undo', _('That change can no longer be undone.'), _('Change the event by hand.'))


def new_id() -> str:
    """Return an id that no event has."""
    return secrets.token_hex(6)
