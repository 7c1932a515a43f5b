"""Changing the calendar: planning, moving and deleting events, and undoing a change."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from storage.files import DiskFull
from synapse import recurrence
from synapse.errors import Conflict, DiskIsFull, Invalid
from synapse.records import Record

from . import series
from .event_store import EventStore, new_id
from .events import Event
from .firing import Firing
from .series import Edit, EditScope
from .validation import EventValidator

MAX_EVENTS = 20_000


class Change(Record):
    id: str
    """For `EventEditor.undo`."""
    event: Event | None
    """The changed event, or the new one for a part of a series; None if it was removed."""
    sentence: str


class EventEditor:
    """Changes events. Each change is validated first, written as a whole, and applies from the moment it was requested.

    :param zone: the zone of the times that `move` takes
    """

    def __init__(
        self,
        event_store: EventStore,
        validator: EventValidator,
        firing: Firing,
        *,
        zone: str,
        now: Callable[[], datetime],
    ) -> None:
        self._zone = zone
        self._event_store = event_store
        self._events = event_store.events
        self._validator = validator
        self._firing = firing
        self._now = now

    async def create(self, values: Mapping[str, Any], *, because: str = '', trusted: bool = False) -> Event:
        """Create an event. Its title defaults to that of the pipeline, its zone to that of this machine.

        :param trusted: whether internal fields such as `uid` and `sequence` are taken too
        :raises Invalid: with a sentence for each invalid field
        :raises Conflict: `too_many_events`
        :raises DiskIsFull: if it could not be saved; then there is no event
        """
        self.require_room(1)
        merged = self._validator.merged(None, values, is_trusted=trusted)
        # The moment is taken first: an occurrence that is due during the validation has to fire.
        event = await self._validator.validated(merged, self._now(), id=new_id())
        async with self._firing.changing:
            edit = Edit(saved=[event], result=event)
            await self._event_store.write(edit, f'{event.title} was planned{_reason(because)}')
        return event

    async def update(
        self,
        id: str,
        changes: Mapping[str, Any],
        *,
        scope: EditScope = 'all',
        due: datetime | None = None,
        because: str = '',
    ) -> Change:
        """Change an event, one occurrence of it, or this one and all later ones.

        :param due: the occurrence, required for `one` and `following`
        :raises NotFound: `event_not_found`
        :raises Invalid: with a sentence for each invalid field; then nothing has changed
        """
        return await self._edit(id, scope, due, lambda event, part: dict(changes), 'Changed', because=because)

    async def move(self, id: str, due: datetime, to: datetime, *, scope: EditScope = 'one') -> Change:
        """Move an occurrence, and with it the later ones or all, to a naive wall time in the zone of this calendar.

        :raises Invalid: if it would be in the past
        """
        event = self._event_store.get(id)
        wall = recurrence.wall_of(recurrence.instant_of(to, self._zone), event.timezone)

        def moved(event: Event, part: Event) -> dict[str, Any]:
            try:
                return series.changes_to_move(part, due, wall) if part.is_repeating else {'start': wall}
            except recurrence.RuleError as error:
                raise Invalid(error.sentence, {error.field: error.sentence}) from error

        return await self._edit(id, scope, due, moved, f'Moved to {to.day} {to:%b}, {to:%H:%M}')

    async def delete(
        self, id: str, *, scope: EditScope = 'all', due: datetime | None = None, because: str = ''
    ) -> Change:
        """Delete an event, one occurrence of it, or this one and all later ones. Past occurrences are kept.

        :raises NotFound: `event_not_found`
        :raises Invalid: if `due` is not an upcoming occurrence
        """
        async with self._firing.changing:
            event = self._event_store.get(id)
            now = await self._account_for(id)
            scope, moment = self._scope(event, scope, due, now)
            if scope == 'all':
                removed = [event, *series.overrides_of(self._events, id)]
                edit = Edit(removed=[item.id for item in removed])
            elif scope == 'one':
                edit = Edit(saved=[_revised(event, series.changes_to_exclude(event, moment), now)])
            else:
                wall = recurrence.wall_of(moment, event.timezone)
                later = [item.id for item in series.overrides_of(self._events, id, since=wall)]
                kept = _revised(event, series.changes_to_end_before(event, moment), now)
                edit = Edit(saved=[kept], removed=later)
            sentence = f'{event.title} was deleted{_scope_words(scope)}{_reason(because)}'
            change_id = await self._event_store.write(edit, sentence)
        return Change(id=change_id, event=self._events.get(id), sentence=f'Deleted {event.title}')

    async def change_many(
        self, values: Mapping[str, Mapping[str, Any]], removed: Sequence[str], *, because: str = ''
    ) -> str:
        """Create, change and delete many events in one write, and return the id for `undo`.

        :param values: by the id of an existing or new event; internal fields are taken too
        :raises Invalid: for the first invalid event; then nothing has changed
        :raises Conflict: `too_many_events`
        """
        async with self._firing.changing:
            new = sum(id not in self._events for id in values)
            self.require_room(new)
            saved = [await self._one_of_many(id, changes) for id, changes in values.items()]
            removed = [id for id in removed if id in self._events]
            for id in removed:
                await self._account_for(id)
            sentence = f'{new:,} events were planned, {len(saved) - new:,} changed, {len(removed):,} deleted'
            return await self._event_store.write(Edit(saved=saved, removed=removed), f'{sentence}{_reason(because)}')

    def require_room(self, new: int) -> None:
        """Check that this many more events are allowed.

        :raises Conflict: `too_many_events`
        """
        if len(self._events) + new > MAX_EVENTS:
            raise Conflict('too_many_events', f'A calendar holds at most {MAX_EVENTS:,} events.', 'Delete some first.')

    async def _one_of_many(self, id: str, changes: Mapping[str, Any]) -> Event:
        await asyncio.sleep(0)  # so that others on the loop get a turn
        before = self._events.get(id)
        now = self._now() if before is None else await self._account_for(id)
        merged = self._validator.merged(before, changes, is_trusted=True)
        # An import brings its version, with which the next import is compared.
        return (await self._validator.validated(merged, now, id=id, before=before)).changed(armed_from=now)

    async def undo(self, change_id: str) -> None:
        """Restore the events as they were before a change.

        :raises Conflict: `nothing_to_undo`, if they have changed since, or the change is too old
        """
        async with self._firing.changing:
            edit = self._event_store.undo_edit(change_id, self._now())
            for id in [*(event.id for event in edit.saved), *edit.removed]:
                if id in self._events:
                    await self._account_for(id)
            await self._event_store.write(edit, 'A change of the calendar was undone')

    async def _edit(
        self,
        id: str,
        scope: EditScope,
        due: datetime | None,
        changes_of: Callable[[Event, Event], Mapping[str, Any]],
        sentence: str,
        *,
        because: str = '',
    ) -> Change:
        """:param changes_of: takes the event and the edited part of it, and returns the changes"""
        while True:
            # Validated before taking the lock: a slow validation must not hold up due events.
            event, now = self._event_store.get(id), self._now()
            kind, moment = self._scope(event, scope, due, now)
            if kind == 'all':
                edit = await self._all_edited(event, changes_of(event, event), now)
            else:
                edit = await self._part_edited(event, kind, moment, changes_of, now)
            async with self._firing.changing:
                if self._events.get(id) is not event:
                    continue  # it was changed meanwhile: start again from the new version
                accounted_at = await self._account_for(id)
                if kind != 'all' and moment <= accounted_at:
                    raise _over()
                change_id = await self._event_store.write(
                    edit, f'{event.title} was changed{_scope_words(kind)}{_reason(because)}'
                )
            return Change(id=change_id, event=edit.result, sentence=sentence)

    async def _all_edited(self, event: Event, changes: Mapping[str, Any], now: datetime) -> Edit:
        merged = self._validator.merged(event, changes)
        edited = await self._validator.validated(merged, now, id=event.id, before=event)
        if edited.exdates == event.exdates:
            edited = edited.changed(exdates=series.shifted_exdates(event, edited.start))
        edited = _revised(edited, {}, now)
        return Edit(saved=[edited], result=edited)

    async def _part_edited(
        self,
        event: Event,
        scope: EditScope,
        due: datetime,
        changes_of: Callable[[Event, Event], Mapping[str, Any]],
        now: datetime,
    ) -> Edit:
        make = series.override_values if scope == 'one' else series.remainder_values
        values = make(event, due, new_id()) | {'created_at': now, 'updated_at': now, 'armed_from': now}
        part = Event.model_validate(values)
        merged = self._validator.merged(part, changes_of(event, part))
        whole, part = part, await self._validator.validated(merged, now, id=part.id, before=part, is_new_plan=True)
        if part.exdates == whole.exdates:
            part = part.changed(exdates=series.shifted_exdates(whole, part.start))
        if scope == 'one':
            kept = _revised(event, series.changes_to_exclude(event, due), now)
            return Edit(saved=[kept, part], result=part)
        kept = _revised(event, series.changes_to_end_before(event, due), now)
        wall = recurrence.wall_of(due, event.timezone)
        later = [
            _revised(item, {'override_of': part.id}, now)
            for item in series.overrides_of(self._events, event.id, since=wall)
        ]
        return Edit(saved=[kept, part, *later], result=part)

    def _scope(self, event: Event, scope: EditScope, due: datetime | None, now: datetime) -> tuple[EditScope, datetime]:
        """Return what is really edited, and from which moment on, which is now for all of it."""
        if scope not in ('one', 'following', 'all'):
            raise Invalid('The scope is unknown.', {'scope': 'Use one, following or all.'})
        if scope == 'all':
            return scope, now
        if due is None:
            raise Invalid('An occurrence is required.', {'due': 'Give the moment at which it is due.'})
        if not recurrence.is_in_series(event.plan, due):
            raise Invalid('The event has no occurrence at that moment.', {'due': 'Give the moment of an occurrence.'})
        if due <= now:
            raise _over()
        return series.effective_scope(event, scope, due), due

    async def _account_for(self, id: str) -> datetime:
        """Account for the event up to now, and return that moment: its new plan applies from there on."""
        if not self._firing.is_running:
            return self._now()
        try:
            return await self._firing.account_for(id)
        except DiskFull as error:
            raise DiskIsFull(f'Nothing was changed: {error}') from error


def _revised(event: Event, changes: Mapping[str, Any], now: datetime) -> Event:
    """Return the next version of an event."""
    return event.changed(**changes, sequence=event.sequence + 1, updated_at=now, armed_from=now)


def _over() -> Invalid:
    return Invalid('That occurrence is in the past.', {'due': 'Choose an upcoming one.'})


def _scope_words(scope: EditScope) -> str:
    return {'one': ' once', 'following': ' from one occurrence on', 'all': ''}[scope]


def _reason(because: str) -> str:
    return f': {because}' if because else ''
