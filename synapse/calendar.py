"""The calendar: events that people plan, what they lead to, and the month in which both are seen."""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from storage.documents import Documents
from storage.files import DiskFull
from storage.ledger import Ledger
from storage.runs import RunStore

from . import inputs, month, recurrence, rule_words, series
from .alarm_clock import Absence, Clocks, read_clocks
from .bus import Bus, ScheduleChanged
from .catalog import Catalog
from .errors import Conflict, DiskIsFull, Invalid, NotFound
from .event_rules import EventRules
from .events import CalendarEntry, Event, Occurrence, Preview
from .firing import Firing
from .log import Level, Log
from .profiles import Profiles
from .records import Record, RunRecord, now_utc
from .runs import Runs
from .series import Edit, Scope
from .status import Status
from .zones import local_zone

SOURCE = 'scheduler'
MOST_EVENTS = 20_000
KEPT_CHANGES = 100
SHOWN = 5
"""Moments in a preview, and in `next` of an event."""


class Change(Record):
    """What a change did: its id takes it back, `event` is the one that stands for it now, None if it is gone."""

    id: str
    event: Event | None
    sentence: str


class Calendar:
    """Use it on the event loop only; whatever takes time is awaited.

    :param alive: a file whose time says when this program was last seen alive
    :param now: the wall clock, and `clocks` what the alarm clock compares; tests move them
    """

    def __init__(
        self,
        *,
        documents: Documents,
        store: RunStore,
        ledger: Ledger,
        runs: Runs,
        catalog: Catalog,
        profiles: Profiles,
        status: Status,
        log: Log,
        bus: Bus,
        alive: Path,
        zone: str | None = None,
        now: Callable[[], datetime] = now_utc,
        clocks: Callable[[], Clocks] = read_clocks,
    ) -> None:
        self.zone = zone or local_zone()
        """Days of the month are days of this zone: the one of this machine."""
        self._documents = documents
        self._store = store
        self._ledger = ledger
        self._runs = runs
        self._status = status
        self._log = log
        self._bus = bus
        self._now = now
        self._unreadable: list[str] = []
        self._events = self._read()
        self._rules = EventRules(catalog, profiles, runs, self.zone)
        self._expansion = month.Expansion()
        self._changes: dict[str, tuple[dict[str, Event | None], dict[str, Event | None]]] = {}
        self._firing = Firing(
            events=self._events,
            ledger=ledger,
            runs=runs,
            bus=bus,
            log=log,
            alive=alive,
            now=now,
            clocks=clocks,
            armed=self._show_next,
        )
        runs.kept_in_inbox = lambda: [(event.pipeline, event.parameters) for event in self._events.values()]
        profiles.in_use = lambda id: [event.title for event in self.using_profile(id)]

    async def start(self) -> None:
        """Account for what fell due while nobody was there, then fire what comes."""
        await self._firing.start()

    async def stop(self) -> None:
        """Fire nothing more."""
        await self._firing.stop()

    def close(self) -> None:
        """Let go of the file."""
        self._documents.close()

    # What there is

    @property
    def notices(self) -> 'Sequence[str]':
        """What was restored or left out when the events were read, a sentence each."""
        return [*self._documents.notices, *self._unreadable]

    @property
    def last_absence(self) -> Absence | None:
        """The last stretch of time in which something was missed."""
        return self._firing.absence

    def events(self) -> 'Sequence[Event]':
        """Every event, in the order they were made."""
        return [*self._events.values()]

    def get(self, id: str) -> Event:
        """:raises NotFound: `event_not_found`"""
        event = self._events.get(id)
        if event is None:
            raise NotFound('event_not_found', f'No event has the id {id!r}.', 'It may have been deleted.')
        return event

    def find_uid(self, uid: str) -> 'Sequence[Event]':
        """The events with this UID of iCalendar: a series and what replaces single occurrences of it."""
        return [event for event in self._events.values() if uid in (event.uid, f'{event.id}@synapse')]

    def using_profile(self, id: str) -> 'Sequence[Event]':
        return [event for event in self._events.values() if event.profile == id]

    def using_pipeline(self, name: str) -> 'Sequence[Event]':
        return [event for event in self._events.values() if event.pipeline == name]

    def next_due(self, id: str, count: int = SHOWN) -> 'Sequence[datetime]':
        """The next moments at which an event falls due."""
        event = self.get(id)
        if not event.enabled:
            return []
        return recurrence.next_after(event.plan, self._firing.cursor_of(event), limit=count)

    def upcoming(self, count: int = 3) -> 'Sequence[tuple[datetime, Event]]':
        """What falls due next, the first one first; of one event also what comes after."""
        soon = sorted((due, id) for id, due in self._firing.armed().items())[:count]
        found = [(due, id) for _, id in soon for due in self.next_due(id, count)]
        return [(due, self._events[id]) for due, id in sorted(found)[:count]]

    async def list(self, start: datetime, end: datetime) -> 'tuple[Sequence[Event], Sequence[Occurrence]]':
        """Events that show from `start` on and before `end`, and their occurrences: accounted ones and those to come.

        :raises Invalid: if there are more than 50,000 to come
        """
        rows = await asyncio.to_thread(self._ledger.between, start, end)
        past = [Occurrence.model_validate(row) for row in rows]
        planned = await self._planned(start, end)
        if sum(len(dues) for _, dues in planned) > 50_000:
            raise Invalid('That are more than 50,000 occurrences.', {'end': 'Ask for a shorter time.'})
        ahead = [month.pending_of(event, due) for event, dues in planned for due in dues]
        occurrences = sorted([*past, *ahead], key=lambda occurrence: occurrence.due)
        shown = {occurrence.event_id for occurrence in occurrences}
        return [event for event in self._events.values() if event.id in shown], occurrences

    async def entries(self, start: datetime, end: datetime) -> 'Sequence[CalendarEntry]':
        """What a month shows from `start` on and before `end`: occurrences, and runs that none led to; by time."""
        pairs = await asyncio.to_thread(self._ledger.between_with_runs, start, end)
        documents = await asyncio.to_thread(self._store.created_between, start, end)
        planned = await self._planned(start, end)
        titles = {name: self._runs.title_of(name) for name in {document['pipeline'] for document in documents}}
        live = {run.id: run for run in [*self._runs.live(), *self._runs.waiting()]}
        typical = {event.pipeline: await self._usual_seconds(event.pipeline) for event, _ in planned}
        return await asyncio.to_thread(
            month.entries_of,
            pairs,
            documents,
            planned,
            live=live,
            titles=titles,
            typical=typical,
            repeating={event.id for event in self._events.values() if event.is_repeating},
            now=self._now(),
        )

    async def _planned(self, start: datetime, end: datetime) -> month.Planned:
        wanted = [(event, self._firing.cursor_of(event)) for event in self._events.values() if event.enabled]
        return await asyncio.to_thread(self._expansion.between, wanted, start, end)

    async def _usual_seconds(self, pipeline: str) -> float | None:
        typical = await self._runs.typical_seconds(pipeline)
        return sum(typical.values()) or None

    # Changed

    async def create(self, values: Mapping[str, Any], *, because: str = '', trusted: bool = False) -> Event:
        """A new event. Without a title it has that of its pipeline, without a zone that of this machine.

        :param trusted: takes `uid`, `sequence`, `override_of` and `override_at` too, as an import does
        :raises Invalid: with a sentence for each field that does not fit
        :raises DiskIsFull: if it could not be kept; then there is no event
        """
        if len(self._events) >= MOST_EVENTS:
            raise Conflict('too_many_events', f'There are {MOST_EVENTS:,} events already.', 'Delete some first.')
        merged = self._rules.merged(None, values, is_trusted=trusted)
        # It owes what falls due from here on, also while its values are being checked.
        event = await self._checked(merged, self._now(), id=_new_id())
        async with self._firing.changing:
            await self._write(Edit(puts=[event], event=event), f'{event.title} was planned{_why(because)}')
        return event

    async def update(
        self,
        id: str,
        changes: Mapping[str, Any],
        *,
        scope: Scope = 'all',
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

    async def move(self, id: str, due: datetime, to: datetime, *, scope: Scope = 'one') -> Change:
        """Shift an occurrence, and with it later or all ones, to a naive wall time of the zone of this calendar.

        :raises Invalid: if it would be in the past
        """
        event = self.get(id)
        wall = recurrence.wall_of(recurrence.instant_of(to, self.zone), event.timezone)

        def moved(event: Event, part: Event) -> dict[str, Any]:
            try:
                return series.moved_values(part, due, wall) if part.is_repeating else {'start': wall}
            except recurrence.RuleError as error:
                raise Invalid(error.sentence, {error.field: error.sentence}) from error

        return await self._edit(id, scope, due, moved, f'Moved to {to.day} {to:%b}, {to:%H:%M}')

    async def delete(self, id: str, *, scope: Scope = 'all', due: datetime | None = None, because: str = '') -> Change:
        """Take an event, one occurrence of it, or this one and all later ones off the calendar. Its past stays.

        :raises NotFound: `event_not_found`
        :raises Invalid: if `due` is no occurrence that is still to come
        """
        async with self._firing.changing:
            event = self.get(id)
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
                edit = Edit(puts=[self._revised(event, series.ended_before(event, moment), now)], removed=later)
            change_id = await self._write(edit, f'{event.title} was deleted{_scope_words(scope)}{_why(because)}')
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
            if len(self._events) + new > MOST_EVENTS:
                raise Conflict('too_many_events', f'That are more than {MOST_EVENTS:,} events.', 'Delete some first.')
            puts = [await self._one_of_many(id, changes) for id, changes in values.items()]
            gone = [id for id in removed if id in self._events]
            for id in gone:
                await self._settled(id)
            sentence = f'{new:,} events were planned, {len(puts) - new:,} changed, {len(gone):,} deleted{_why(because)}'
            return await self._write(Edit(puts=puts, removed=gone), sentence)

    async def _one_of_many(self, id: str, changes: Mapping[str, Any]) -> Event:
        await asyncio.sleep(0)  # so that many do not keep everybody else waiting
        before = self._events.get(id)
        now = self._now() if before is None else await self._settled(id)
        merged = self._rules.merged(before, changes, is_trusted=True)
        return self._revised(await self._checked(merged, now, id=id, before=before), {}, now, is_trusted=True)

    async def undo(self, change_id: str) -> None:
        """Take a change back: the events are again what they were before it.

        :raises Conflict: `nothing_to_undo`, if they have been changed since, or it is too long ago
        """
        async with self._firing.changing:
            before, after = self._changes.get(change_id, ({}, {}))
            if not before or any(self._events.get(id) != event for id, event in after.items()):
                raise Conflict('nothing_to_undo', 'That cannot be undone any more.', 'Change it by hand.')
            for id in after:
                if id in self._events:
                    await self._settled(id)
            now = self._now()
            puts = [
                event.changed(armed_from=now, updated_at=now, sequence=event.sequence + 2)
                for event in before.values()
                if event is not None
            ]
            removed = [id for id, event in before.items() if event is None]
            del self._changes[change_id]
            await self._write(Edit(puts=puts, removed=removed), 'A change of the calendar was undone')

    async def _edit(
        self,
        id: str,
        scope: Scope,
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
            event, now = self.get(id), self._now()
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
                change_id = await self._write(edit, f'{event.title} was changed{_scope_words(kind)}{_why(because)}')
            return Change(id=change_id, event=edit.event, sentence=sentence)

    async def _all_edited(self, event: Event, changes: Mapping[str, Any], now: datetime, is_trusted: bool) -> Edit:
        merged = self._rules.merged(event, changes, is_trusted=is_trusted)
        edited = await self._checked(merged, now, id=event.id, before=event)
        edited = self._revised(edited, {}, now, is_trusted=is_trusted)
        return Edit(puts=[edited], event=edited)

    async def _part_edited(
        self,
        event: Event,
        scope: Scope,
        due: datetime,
        changes_of: Callable[[Event, Event], Mapping[str, Any]],
        now: datetime,
        is_trusted: bool,
    ) -> Edit:
        make = series.one_of if scope == 'one' else series.rest_of
        values = make(event, due, _new_id()) | {'created_at': now, 'updated_at': now, 'armed_from': now}
        part = Event.model_validate(values)
        merged = self._rules.merged(part, changes_of(event, part), is_trusted=is_trusted)
        part = await self._checked(merged, now, id=part.id, before=part, is_new_plan=True)
        if scope == 'one':
            kept = self._revised(event, series.without_occurrence(event, due), now)
            return Edit(puts=[kept, part], event=part)
        kept = self._revised(event, series.ended_before(event, due), now)
        wall = recurrence.wall_of(due, event.timezone)
        later = [
            self._revised(item, {'override_of': part.id}, now)
            for item in series.overrides_of(self._events, event.id, since=wall)
        ]
        return Edit(puts=[kept, part, *later], event=part)

    async def _checked(
        self,
        merged: dict[str, Any],
        now: datetime,
        *,
        id: str,
        before: Event | None = None,
        is_new_plan: bool = False,
    ) -> Event:
        stamps = {'created_at': now, 'updated_at': now, 'armed_from': now}
        values = stamps | merged
        is_new = is_new_plan or before is None or _plan_of(values) != _plan_of(before.model_dump())
        return await self._rules.checked(values, now=now, id=id, is_new_plan=is_new)

    def _revised(self, event: Event, changes: Mapping[str, Any], now: datetime, *, is_trusted: bool = False) -> Event:
        known = self._events.get(event.id)
        stamps = {'sequence': 0 if known is None else known.sequence + 1, 'updated_at': now}
        if is_trusted:  # an import says which version it is, so that the next one can be told from it
            stamps = {'sequence': event.sequence, 'updated_at': event.updated_at}
        return event.changed(**{**stamps, **changes, 'armed_from': now})

    def _scope(self, event: Event, scope: Scope, due: datetime | None, now: datetime) -> tuple[Scope, datetime]:
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

    async def _write(self, edit: Edit, sentence: str) -> str:
        """Keep an edit in one write, show it, and remember how to take it back."""
        touched = [*(event.id for event in edit.puts), *edit.removed]
        before = {id: self._events.get(id) for id in touched}
        puts = {event.id: event.as_json() for event in edit.puts}
        try:
            await asyncio.to_thread(self._documents.change, puts, edit.removed)
        except DiskFull as error:
            raise DiskIsFull('The calendar was not changed: the disk is full.') from error
        for id in edit.removed:
            self._events.pop(id, None)
        self._events.update({event.id: event for event in edit.puts})
        change_id = _new_id()
        self._changes[change_id] = (before, {id: self._events.get(id) for id in touched})
        while len(self._changes) > KEPT_CHANGES:
            del self._changes[next(iter(self._changes))]
        if self._firing.is_open:
            self._firing.changed(touched)
        self._log.append(Level.INFO, sentence, source=SOURCE)
        for id in touched:
            event, earlier = self._events.get(id), before[id]
            if event is not None:
                self._bus.publish(ScheduleChanged('created' if earlier is None else 'updated', event))
            elif earlier is not None:
                self._bus.publish(ScheduleChanged('deleted', earlier))
        return change_id

    # Asked

    async def run_now(self, id: str, *, parameters: Mapping[str, Any] | None = None) -> RunRecord:
        """A run of this event, now and besides its plan.

        :raises NotFound: `event_not_found`
        :raises SynapseError: as `Runs.create`, or `InputGone` if no file is there
        """
        event = self.get(id)
        wanted = event.parameters | dict(parameters or {})
        chosen = await asyncio.to_thread(inputs.chosen, wanted)
        because = f'{event.title}, run by hand'
        return await self._runs.create(
            event.pipeline, chosen, profile=event.profile, because=because, event_id=event.id
        )

    async def problems(self, values: Mapping[str, Any], *, id: str | None = None) -> dict[str, str]:
        """What does not fit of these values, a sentence for each field; see `preview`."""
        before = self._events.get(id) if id is not None else None
        merged = self._rules.merged(before, values, is_trusted=True)
        try:
            await self._checked(merged, self._now(), id=id or _new_id(), before=before)
        except Invalid as error:
            return error.fields
        return {}

    async def preview(self, values: Mapping[str, Any], *, id: str | None = None) -> Preview:
        """What an event with these values would do; what does not fit is in its `problems`.

        :param id: of the event that would be changed, None for a new one
        """
        now = self._now()
        merged = self._rules.merged(self._events.get(id or ''), values, is_trusted=True)
        problems = await self.problems(values, id=id)
        plan = self._rules.plan_of(merged)
        if plan is None or any(name in problems for name in ('rrule', 'timezone', 'exdates')):
            wrong = next((problems[name] for name in ('rrule', 'timezone', 'start', 'exdates') if name in problems), '')
            return Preview(sentence=wrong, problems=problems)
        moments = rule_words.moments(plan, now, SHOWN)
        load = await self._load(plan, moments, str(merged.get('pipeline') or ''), id)
        return Preview(
            sentence=rule_words.in_words(plan),
            problems=problems,
            moments=moments,
            overlap=load[0],
            is_overloaded=load[1],
        )

    async def _load(
        self, plan: recurrence.Plan, moments: Sequence[Any], pipeline: str, id: str | None
    ) -> tuple[str, bool]:
        if not moments:
            return '', False
        workers = max(1, len(self._status.workers))
        own = await self._usual_seconds(pipeline) if pipeline else None
        reach = timedelta(hours=6)
        for moment in moments:
            others = [
                entry
                for entry in await self.entries(moment.due - reach, moment.due + timedelta(seconds=own or 60))
                if entry.event_id != id and entry.state in ('planned', 'queued', 'running', 'paused')
            ]
            most = month.most_at_once(others, moment.due, own) + 1
            if most > workers:
                when = f'{moment.due:%a} {moment.due.day} {moment.due:%b} at {moment.due:%H:%M}'
                return f'{most} runs at once on {when}, for {workers} workers: some wait.', True
        free = f'{workers} workers are' if workers > 1 else '1 worker is'
        return f'No overlap. {free} there at {moments[0].due:%H:%M}.', False

    async def open_missed(self) -> 'Sequence[Occurrence]':
        """What was missed or run late and nobody has answered for, newest first."""
        return await self._firing.unanswered()

    async def answer_missed(
        self,
        occurrences: 'Iterable[Occurrence | tuple[str, datetime]]',
        do: str,
        *,
        parameters: Mapping[str, Any] | None = None,
    ) -> 'Sequence[RunRecord]':
        """`run` missed occurrences after all, or `skip` them: they stand in *While you were away* no more.

        :raises Conflict: `already_answered` or `event_gone`; then none is run
        """
        if do not in ('run', 'skip'):
            raise Invalid('That is no answer.', {'do': 'One of run, skip.'})
        keys = [item if isinstance(item, tuple) else (item.event_id, item.due) for item in occurrences]
        return await self._firing.answer(keys, is_run=do == 'run', parameters=parameters)

    # Small

    def _show_next(self) -> None:
        found = self._firing.next()
        event = None if found is None else self._events.get(found[1])
        following = (
            None
            if found is None or event is None
            else {'event_id': event.id, 'title': event.title, 'due': found[0].isoformat()}
        )
        self._runs.show_next(following)

    def _read(self) -> dict[str, Event]:
        events = {}
        for document in self._documents.all():
            id = str(document.get('id', ''))
            try:
                event = Event.model_validate(document)
                recurrence.next_after(event.plan, self._now())  # one that is over stays; one without a meaning cannot
                events[event.id] = event
            except (ValidationError, recurrence.RuleError) as error:
                what = error.sentence if isinstance(error, recurrence.RuleError) else error.errors()[0]['msg']
                title = document.get('title') or id
                self._unreadable.append(f'The event {title!r} is left out: {what} Mend it in events.json.')
        return events


def _over() -> Invalid:
    return Invalid('That occurrence is over.', {'due': 'Only what is still to come can be changed.'})


def _plan_of(values: Mapping[str, Any]) -> tuple[Any, ...]:
    start = values.get('start')
    moment = start if isinstance(start, datetime) else str(start)
    return moment, values.get('timezone'), values.get('rrule'), values.get('enabled')


def _new_id() -> str:
    return secrets.token_hex(6)


def _scope_words(scope: Scope) -> str:
    return {'one': ' once', 'following': ' from one occurrence on', 'all': ''}[scope]


def _why(because: str) -> str:
    return f': {because}' if because else ''
