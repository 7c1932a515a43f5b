"""What changes the calendar: events are planned, moved, deleted, and a change is taken back."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
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

MOST_EVENTS = 20_000


class Change(Record):
    """What a change did: its id takes it back, `event` is the one that stands for it now, None if it is gone."""

    id: str
    event: Event | None
    sentence: str


class EventEditor:
    """Changes events: each change is checked first, written whole, and counts from the moment it was asked for.

    :param zone: days and times of the month are those of this zone
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
        """A new event. Without a title it has that of its pipeline, without a zone that of this machine.

        :param trusted: takes `uid`, `sequence`, `override_of` and `override_at` too, as an import does
        :raises Invalid: with a sentence for each field that does not fit
        :raises DiskIsFull: if it could not be kept; then there is no event
        """
        if len(self._events) >= MOST_EVENTS:
            raise Conflict('too_many_events', f'There are {MOST_EVENTS:,} events already.', 'Delete some first.')
        merged = self._validator.merged(None, values, is_trusted=trusted)
        # It owes what falls due from here on, also while its values are being checked.
        event = await self._validator.checked(merged, self._now(), id=new_id())
        async with self._firing.changing:
            await self._event_store.write(Edit(puts=[event], event=event), f'{event.title} was planned{_why(because)}')
        return event

    async def update(
        self,
        id: str,
        changes: Mapping[str, Any],
        *,
        scope: EditScope = 'all',
        due: datetime | None = None,
        because: str = '',
        trusted: bool = False,
    ) -> Change:
        """Change an event, one occurrence of it, or this one and all later ones.

        :param due: the occurrence, needed for `one` and `following`
        :raises NotFound: `event_not_found`
        :raises Invalid: with a sentence for each field that does not fit; then nothing has changed
        """
        return await self._edit(
            id, scope, due, lambda event, part: dict(changes), 'Changed', because=because, is_trusted=trusted
        )

    async def move(self, id: str, due: datetime, to: datetime, *, scope: EditScope = 'one') -> Change:
        """Shift an occurrence, and with it later or all ones, to a naive wall time of the zone of this calendar.

        :raises Invalid: if it would be in the past
        """
        event = self._event_store.get(id)
        wall = recurrence.wall_of(recurrence.instant_of(to, self._zone), event.timezone)

        def moved(event: Event, part: Event) -> dict[str, Any]:
            try:
                return series.moved_values(part, due, wall) if part.is_repeating else {'start': wall}
            except recurrence.RuleError as error:
                raise Invalid(error.sentence, {error.field: error.sentence}) from error

        return await self._edit(id, scope, due, moved, f'Moved to {to.day} {to:%b}, {to:%H:%M}')

    async def delete(
        self, id: str, *, scope: EditScope = 'all', due: datetime | None = None, because: str = ''
    ) -> Change:
        """Take an event, one occurrence of it, or this one and all later ones off the calendar. Its past stays.

        :raises NotFound: `event_not_found`
        :raises Invalid: if `due` is no occurrence that is still to come
        """
        async with self._firing.changing:
            event = self._event_store.get(id)
            now = await self._settled(id)
            scope, moment = self._scope(event, scope, due, now)
            if scope == 'all':
                gone = [event, *series.overrides_of(self._events, id)]
                edit = Edit(removed=[item.id for item in gone])
            elif scope == 'one':
                edit = Edit(puts=[self._revised(event, series.without_occurrence(event, moment), now)])
            else:
                wall = recurrence.wall_of(moment, event.timezone)
                later = [item.id for item in series.overrides_of(self._events, id, since=wall)]
                edit = Edit(puts=[self._revised(event, series.rule_ending_before(event, moment), now)], removed=later)
            change_id = await self._event_store.write(
                edit, f'{event.title} was deleted{_scope_words(scope)}{_why(because)}'
            )
        return Change(id=change_id, event=self._events.get(id), sentence=f'Deleted {event.title}')

    async def change_many(
        self, values: Mapping[str, Mapping[str, Any]], removed: Sequence[str], *, because: str = ''
    ) -> str:
        """Make, change and delete many events in one write, as an import does; gives the id by which `undo` takes
        all of it back.

        :param values: by the id of an event that is there, or of a new one; they may say which version it is
        :raises Invalid: for the first that does not fit; then nothing has changed
        :raises Conflict: `too_many_events`
        """
        async with self._firing.changing:
            new = sum(id not in self._events for id in values)
            self.require_room(new)
            puts = [await self._one_of_many(id, changes) for id, changes in values.items()]
            gone = [id for id in removed if id in self._events]
            for id in gone:
                await self._settled(id)
            sentence = f'{new:,} events were planned, {len(puts) - new:,} changed, {len(gone):,} deleted{_why(because)}'
            return await self._event_store.write(Edit(puts=puts, removed=gone), sentence)

    def require_room(self, new: int) -> None:
        """:raises Conflict: `too_many_events`, if so many more would be"""
        if len(self._events) + new > MOST_EVENTS:
            raise Conflict('too_many_events', f'That are more than {MOST_EVENTS:,} events.', 'Delete some first.')

    async def _one_of_many(self, id: str, changes: Mapping[str, Any]) -> Event:
        await asyncio.sleep(0)  # so that many do not keep everybody else waiting
        before = self._events.get(id)
        now = self._now() if before is None else await self._settled(id)
        merged = self._validator.merged(before, changes, is_trusted=True)
        return self._revised(await self._validator.checked(merged, now, id=id, before=before), {}, now, is_trusted=True)

    async def undo(self, change_id: str) -> None:
        """Take a change back: the events are again what they were before it.

        :raises Conflict: `nothing_to_undo`, if they have been changed since, or it is too long ago
        """
        async with self._firing.changing:
            edit = self._event_store.undoing(change_id, self._now())
            for id in [*(event.id for event in edit.puts), *edit.removed]:
                if id in self._events:
                    await self._settled(id)
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
        is_trusted: bool = False,
    ) -> Change:
        """:param changes_of: from the event and the part of it that is changed to the changes"""
        while True:
            # Checked before anything is locked: a slow check must not hold up what falls due.
            event, now = self._event_store.get(id), self._now()
            kind, moment = self._scope(event, scope, due, now)
            if kind == 'all':
                edit = await self._all_edited(event, changes_of(event, event), now, is_trusted)
            else:
                edit = await self._part_edited(event, kind, moment, changes_of, now, is_trusted)
            async with self._firing.changing:
                if self._events.get(id) is not event:
                    continue  # somebody else was quicker: judge again by what it is now
                settled = await self._settled(id)
                if kind != 'all' and moment <= settled:
                    raise _over()
                change_id = await self._event_store.write(
                    edit, f'{event.title} was changed{_scope_words(kind)}{_why(because)}'
                )
            return Change(id=change_id, event=edit.event, sentence=sentence)

    async def _all_edited(self, event: Event, changes: Mapping[str, Any], now: datetime, is_trusted: bool) -> Edit:
        merged = self._validator.merged(event, changes, is_trusted=is_trusted)
        edited = await self._validator.checked(merged, now, id=event.id, before=event)
        if edited.exdates == event.exdates:
            edited = edited.changed(exdates=series.shifted_exdates(event, edited.start))
        edited = self._revised(edited, {}, now, is_trusted=is_trusted)
        return Edit(puts=[edited], event=edited)

    async def _part_edited(
        self,
        event: Event,
        scope: EditScope,
        due: datetime,
        changes_of: Callable[[Event, Event], Mapping[str, Any]],
        now: datetime,
        is_trusted: bool,
    ) -> Edit:
        make = series.one_of if scope == 'one' else series.rest_of
        values = make(event, due, new_id()) | {'created_at': now, 'updated_at': now, 'armed_from': now}
        part = Event.model_validate(values)
        merged = self._validator.merged(part, changes_of(event, part), is_trusted=is_trusted)
        whole, part = part, await self._validator.checked(merged, now, id=part.id, before=part, is_new_plan=True)
        if part.exdates == whole.exdates:
            part = part.changed(exdates=series.shifted_exdates(whole, part.start))
        if scope == 'one':
            kept = self._revised(event, series.without_occurrence(event, due), now)
            return Edit(puts=[kept, part], event=part)
        kept = self._revised(event, series.rule_ending_before(event, due), now)
        wall = recurrence.wall_of(due, event.timezone)
        later = [
            self._revised(item, {'override_of': part.id}, now)
            for item in series.overrides_of(self._events, event.id, since=wall)
        ]
        return Edit(puts=[kept, part, *later], event=part)

    def _revised(self, event: Event, changes: Mapping[str, Any], now: datetime, *, is_trusted: bool = False) -> Event:
        known = self._events.get(event.id)
        stamps = {'sequence': 0 if known is None else known.sequence + 1, 'updated_at': now}
        if is_trusted:  # an import says which version it is, so that the next one can be told from it
            stamps = {'sequence': event.sequence, 'updated_at': event.updated_at}
        return event.changed(**{**stamps, **changes, 'armed_from': now})

    def _scope(self, event: Event, scope: EditScope, due: datetime | None, now: datetime) -> tuple[EditScope, datetime]:
        """What is really changed, and from which moment on (now, where all of it is)."""
        if scope not in ('one', 'following', 'all'):
            raise Invalid('That is no scope.', {'scope': 'One of one, following, all.'})
        if scope == 'all':
            return scope, now
        if due is None:
            raise Invalid('Which occurrence is meant?', {'due': 'Give the moment at which it falls due.'})
        if not recurrence.occurrences(event.plan, due, due + timedelta(microseconds=1)):
            raise Invalid('The event does not fall due then.', {'due': 'Give the moment of one of its occurrences.'})
        if due <= now:
            raise _over()
        return series.effective_scope(event, scope, due), due

    async def _settled(self, id: str) -> datetime:
        """Everything of the event up to this moment is accounted for: from here on its new plan counts."""
        if not self._firing.is_open:
            return self._now()
        try:
            return await self._firing.settle(id)
        except DiskFull as error:
            raise DiskIsFull(f'Nothing was changed: {error}') from error


def _over() -> Invalid:
    return Invalid('That occurrence is over.', {'due': 'Only what is still to come can be changed.'})


def _scope_words(scope: EditScope) -> str:
    return {'one': ' once', 'following': ' from one occurrence on', 'all': ''}[scope]


def _why(because: str) -> str:
    return f': {because}' if because else ''
