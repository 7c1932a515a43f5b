"""Changing the calendar: planning, moving and deleting events, and undoing a change."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from storage.files import DiskFull
from synapse import recurrence
from synapse.errors import Conflict, DiskIsFull, Invalid
from synapse.language import N_, _, filled, formats
from synapse.records import Record

from . import series
from .event_store import EventStore, new_id
from .events import Event
from .firing import Firing
from .left import LeftEvent, left_among
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
        self._imports = 0

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
            await self._event_store.write(edit, _because(_('{title} was planned', title=event.title), because))
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
        return await self._edit(id, scope, due, lambda event, part: dict(changes), _('Changed'), because=because)

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

        sentence = _('Moved to {day}, {time}', day=formats.moment('MMMd', to), time=f'{to:%H:%M}')
        return await self._edit(id, scope, due, moved, sentence)

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
            scope, since = self._scope(event, scope, due, now)
            if scope == 'all':
                removed = [event, *series.overrides_of(self._events, id)]
                edit = await self._removal([item.id for item in removed], now)
            elif scope == 'one':
                edit = Edit(saved=[_revised(event, series.changes_to_exclude(event, since), now)])
            else:
                wall = recurrence.wall_of(since, event.timezone)
                later = [item.id for item in series.overrides_of(self._events, id, since=wall)]
                kept = _revised(event, series.changes_to_end_before(event, since), now)
                edit = replace(await self._removal(later, now), saved=[kept])
            sentence = _because(filled(_DELETED[scope], title=event.title), because)
            change_id = await self._event_store.write(edit, sentence)
        return Change(id=change_id, event=self._events.get(id), sentence=_('Deleted {title}', title=event.title))

    @contextmanager
    def importing(self) -> Iterator[None]:
        """Say that thousands of events are on their way: see `is_importing`."""
        self._imports += 1
        try:
            yield
        finally:
            self._imports -= 1

    @property
    def is_importing(self) -> bool:
        """Whether old garbage had better be collected later, since what an import has made is still alive."""
        return self._imports > 0

    async def change_many(
        self,
        values: Mapping[str, Mapping[str, Any]],
        removed: Sequence[str],
        *,
        because: str = '',
        count: Callable[[int, int], None] = lambda *_: None,
        is_import: bool = False,
    ) -> str:
        """Create, change and delete many events in one write, and return the id for `undo`.

        :param values: by the id of an existing or new event; internal fields are taken too
        :param count: called for each event with its number and how many there are; if it raises, nothing changes
        :param is_import: whether a calendar file, and no person, removes what is removed
        :raises Invalid: for the first invalid event; then nothing has changed
        :raises Conflict: `too_many_events`
        """
        checked = []
        for number, (id, changes) in enumerate(values.items(), 1):
            count(number, len(values))
            await asyncio.sleep(0)  # so that others on the loop get a turn
            checked.append(await self._checked(id, changes))
        # Events that are due wait for this lock, so that only what needs it is done in it.
        async with self._firing.changing:
            new = sum(event.id not in self._events for _before, event in checked)
            self.require_room(new)
            saved = []
            for before, event in checked:
                if self._events.get(event.id) is not before:  # others have changed it meanwhile
                    before, event = await self._checked(event.id, values[event.id])
                # A new event is armed from when it was checked: what has been due since then has to fire.
                saved.append(event if before is None else event.changed(armed_from=await self._account_for(event.id)))
            removed = [id for id in removed if id in self._events]
            for id in removed:
                await self._account_for(id)
            sentence = _(
                '{planned} events were planned, {changed} changed, {deleted} deleted',
                planned=formats.number(new),
                changed=formats.number(len(saved) - new),
                deleted=formats.number(len(removed)),
            )
            removal = await self._removal(removed, self._now(), is_deleted=not is_import)
            return await self._event_store.write(replace(removal, saved=saved), _because(sentence, because))

    def left(self, source: str) -> Sequence[LeftEvent]:
        """Return the events that a subscribed calendar had before, as they were left."""
        return [item for item in self._event_store.left.values() if item.source == source]

    async def forget_left(self, source: str) -> None:
        """:raises DiskIsFull: if that cannot be saved"""
        async with self._firing.changing:
            await self._event_store.forget_left(source)

    async def _removal(self, ids: Sequence[str], now: datetime, *, is_deleted: bool = True) -> Edit:
        # In a thread: of thousands it takes a second to tell whether they are over. The lock keeps others from writing.
        left = await asyncio.to_thread(left_among, ids, self._events, now, is_deleted=is_deleted)
        return Edit(removed=ids, left=left)

    def require_room(self, new: int) -> None:
        """Check that this many more events are allowed.

        :raises Conflict: `too_many_events`
        """
        if len(self._events) + new > MAX_EVENTS:
            message = _(
                'A calendar holds at most {most} events. It has {count}, and {new} are new.',
                most=formats.number(MAX_EVENTS),
                count=formats.number(len(self._events)),
                new=formats.number(new),
            )
            raise Conflict('too_many_events', message, _('Delete some first, or add fewer.'))

    async def _checked(self, id: str, changes: Mapping[str, Any]) -> tuple[Event | None, Event]:
        """Return an event as it is, and as it would be; an import brings its version, to be compared with later."""
        before = self._events.get(id)
        merged = self._validator.merged(before, changes, is_trusted=True)
        return before, await self._validator.validated(merged, self._now(), id=id, before=before)

    async def undo(self, change_id: str, *later_ids: str) -> None:
        """Restore the events as they were before a change.

        :param later_ids: changes of the same events since, oldest first, that are undone too
        :raises Conflict: `nothing_to_undo`, if they have changed since, or the change is too old
        """
        async with self._firing.changing:
            edit = self._event_store.undo_edit([change_id, *later_ids], self._now())
            for id in [*(event.id for event in edit.saved), *edit.removed]:
                if id in self._events:
                    await self._account_for(id)
            await self._event_store.write(edit, _('A change of the calendar was undone'))

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
                logged = _because(filled(_CHANGED[kind], title=event.title), because)
                change_id = await self._event_store.write(edit, logged)
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
            raise Invalid(_('The scope is unknown.'), {'scope': _('Use one, following or all.')})
        if scope == 'all':
            return scope, now
        if due is None:
            raise Invalid(_('An occurrence is required.'), {'due': _('Give the moment at which it is due.')})
        if not recurrence.is_in_series(event.plan, due):
            fields = {'due': _('Give the moment of an occurrence.')}
            raise Invalid(_('The event has no occurrence at that moment.'), fields)
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
            raise DiskIsFull(_('Nothing was changed: {reason}', reason=error)) from error


def _revised(event: Event, changes: Mapping[str, Any], now: datetime) -> Event:
    """Return the next version of an event."""
    return event.changed(**changes, sequence=event.sequence + 1, updated_at=now, armed_from=now)


def _over() -> Invalid:
    return Invalid(_('That occurrence is in the past.'), {'due': _('Choose an upcoming one.')})


_CHANGED: Mapping[EditScope, str] = {
    'one': N_('{title} was changed once'),
    'following': N_('{title} was changed from one occurrence on'),
    'all': N_('{title} was changed'),
}
_DELETED: Mapping[EditScope, str] = {
    'one': N_('{title} was deleted once'),
    'following': N_('{title} was deleted from one occurrence on'),
    'all': N_('{title} was deleted'),
}


def _because(change: str, because: str) -> str:
    return _('{change}: {reason}', change=change, reason=because) if because else change
