"""The calendar: events that people plan, what they lead to, and the month in which both are seen."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from heapq import nsmallest
from typing import Any

from storage.ledger import Ledger
from storage.runs import RunStore
from synapse import recurrence
from synapse.bus import Bus
from synapse.errors import Invalid
from synapse.inbox import inputs
from synapse.recurrence import words as rule_words
from synapse.runs.records import RunRecord
from synapse.runs.runs import Runs
from synapse.status import Status

from .alarm_clock import Absence
from .entries import OccurrenceCache, Planned, entries_of, most_at_once, pending_of
from .event_store import EventStore, new_id
from .events import CalendarEntry, Event, Occurrence, Preview
from .firing import Firing
from .missed import Missed
from .today import Today
from .validation import EventValidator

SHOWN = 5
"""Moments in a preview, and in `next` of an event."""


class Calendar:
    """What is planned and what it led to; `EventEditor` changes what is planned.

    Use it on the event loop only; whatever takes time is awaited.

    :param zone: days and times of the month are those of this zone
    :param now: the wall clock; tests move it
    """

    def __init__(
        self,
        *,
        event_store: EventStore,
        validator: EventValidator,
        firing: Firing,
        store: RunStore,
        ledger: Ledger,
        runs: Runs,
        status: Status,
        bus: Bus,
        zone: str,
        now: Callable[[], datetime],
    ) -> None:
        self.zone = zone
        self._event_store = event_store
        self._events = event_store.events
        self._validator = validator
        self._firing = firing
        self._now = now
        self._store = store
        self._ledger = ledger
        self._runs = runs
        self._status = status
        self._today = Today(store=store, ledger=ledger, status=status, bus=bus, zone=zone, now=now)
        self._missed = Missed(
            events=event_store.events, ledger=ledger, runs=runs, bus=bus, now=now, changing=firing.changing
        )
        self._cache = OccurrenceCache()
        self._off_cache = OccurrenceCache()

    async def start(self) -> None:
        """Account for what fell due while nobody was there, then fire what comes."""
        await self._today.start()
        await self._firing.start()

    async def stop(self) -> None:
        """Fire nothing more."""
        await self._firing.stop()
        await self._today.stop()

    def close(self) -> None:
        """Let go of the file."""
        self._event_store.close()

    # What there is

    @property
    def notices(self) -> 'Sequence[str]':
        """What was restored or left out when the events were read, a sentence each."""
        return [*self._event_store.notices, *self._firing.notices]

    @property
    def last_absence(self) -> Absence | None:
        """The last stretch of time in which something was missed."""
        return self._firing.absence

    def get(self, id: str) -> Event:
        """:raises NotFound: `event_not_found`"""
        return self._event_store.get(id)

    def events(self) -> 'Sequence[Event]':
        """Every event, in the order they were made."""
        return [*self._events.values()]

    def next_due(self, id: str, count: int = SHOWN) -> 'Sequence[datetime]':
        """The next moments at which an event falls due."""
        event = self.get(id)
        if not event.enabled:
            return []
        return recurrence.next_after(event.plan, self._firing.cursor_of(event), limit=count)

    def upcoming(self, count: int = 3) -> 'Sequence[tuple[datetime, Event]]':
        """What falls due next, the first one first; of one event also what comes after."""
        soon = nsmallest(count, ((due, id) for id, due in self._firing.armed().items()))
        found = [(due, id) for _, id in soon for due in self.next_due(id, count)]
        return [(due, self._events[id]) for due, id in sorted(found)[:count]]

    async def between(self, start: datetime, end: datetime) -> tuple[Sequence[Event], Sequence[Occurrence]]:
        """Events that show from `start` on and before `end`, and their occurrences: accounted ones and those to come.

        :raises Invalid: if there are more than 50,000 to come
        """
        rows = await asyncio.to_thread(self._ledger.between, start, end)
        past = [Occurrence.model_validate(row) for row in rows]
        planned = await self._planned(start, end)
        if sum(len(dues) for _, dues in planned) > 50_000:
            raise Invalid('That are more than 50,000 occurrences.', {'end': 'Ask for a shorter time.'})
        ahead = [pending_of(event, due) for event, dues in planned for due in dues]
        occurrences = sorted([*past, *ahead], key=lambda occurrence: occurrence.due)
        shown = {occurrence.event_id for occurrence in occurrences}
        return [event for event in self._events.values() if event.id in shown], occurrences

    async def entries(self, start: datetime, end: datetime) -> 'Sequence[CalendarEntry]':
        """What a month shows from `start` on and before `end`: occurrences, and runs that none led to; by time."""
        pairs = await asyncio.to_thread(self._ledger.between_with_runs, start, end)
        documents = await asyncio.to_thread(self._store.created_between, start, end)
        planned = [*await self._planned(start, end), *await self._planned(start, end, is_on=False)]
        titles = {name: self._runs.title_of(name) for name in {document['pipeline'] for document in documents}}
        live = {run.id: run for run in [*self._runs.live(), *self._runs.waiting()]}
        pipelines = {event.pipeline for event, _ in planned}
        typical = {pipeline: await self._usual_seconds(pipeline) for pipeline in pipelines}
        return await asyncio.to_thread(
            entries_of,
            pairs,
            documents,
            planned,
            live=live,
            titles=titles,
            typical=typical,
            repeating={event.id for event in self._events.values() if event.is_repeating},
            now=self._now(),
        )

    async def _planned(self, start: datetime, end: datetime, *, is_on: bool = True) -> Planned:
        """What is to come of the events that are switched on, or of those that are off, from now on."""
        since = None if is_on else self._now()
        shown = [event for event in self._events.values() if event.enabled is is_on]
        wanted = [(event, since or self._firing.cursor_of(event)) for event in shown]
        cache = self._cache if is_on else self._off_cache
        return await asyncio.to_thread(cache.between, wanted, start, end)

    async def _usual_seconds(self, pipeline: str) -> float | None:
        typical = await self._runs.estimates.typical(pipeline)
        return sum(typical.values()) or None

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
        merged = self._validator.merged(before, values, is_trusted=True)
        try:
            await self._validator.checked(merged, self._now(), id=id or new_id(), before=before)
        except Invalid as error:
            return error.fields
        return {}

    async def preview(self, values: Mapping[str, Any], *, id: str | None = None) -> Preview:
        """What an event with these values would do; what does not fit is in its `problems`.

        :param id: of the event that would be changed, None for a new one
        """
        now = self._now()
        merged = self._validator.merged(self._events.get(id or ''), values, is_trusted=True)
        problems = await self.problems(values, id=id)
        plan = self._validator.plan_of(merged)
        if plan is None or any(name in problems for name in ('rrule', 'timezone', 'exdates')):
            wrong = next((problems[name] for name in ('rrule', 'timezone', 'start', 'exdates') if name in problems), '')
            return Preview(sentence=wrong, problems=problems)
        moments = rule_words.preview_lines(plan, now, SHOWN)
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
            most = most_at_once(others, moment.due, own) + 1
            if most > workers:
                when = f'{moment.due:%a} {moment.due.day} {moment.due:%b} at {moment.due:%H:%M}'
                return f'{most} runs at once on {when}, for {workers} workers: some wait.', True
        free = f'{workers} workers are' if workers > 1 else '1 worker is'
        return f'No overlap. {free} there at {moments[0].due:%H:%M}.', False

    async def open_missed(self) -> 'Sequence[Occurrence]':
        """What was missed or run late and nobody has answered for, newest first."""
        return await self._missed.unanswered()

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
        return await self._missed.answer(keys, is_run=do == 'run', parameters=parameters)
