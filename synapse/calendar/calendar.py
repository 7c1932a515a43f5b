"""The calendar: planned events, their occurrences, and the entries of a month, week or agenda."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from heapq import nsmallest
from itertools import pairwise
from typing import Any

from storage.ledger import Ledger
from storage.runs import RunStore
from synapse import recurrence
from synapse.bus import Bus
from synapse.catalog.catalog import Catalog
from synapse.errors import Invalid
from synapse.inbox import newest
from synapse.language import _, _n, formats, in_thread, own
from synapse.recurrence import words as rule_words
from synapse.recurrence.words import PreviewLine
from synapse.runs.estimates import kind_of
from synapse.runs.records import RunRecord
from synapse.runs.runs import Runs
from synapse.status import Status

from .alarm_clock import Absence
from .entries import OccurrenceCache, Planned, Work, cut, entries_of, most_at_once, pending_of
from .event_store import EventStore, new_id
from .events import CalendarEntry, Event, Occurrence, Preview
from .firing import Firing, cursor_of
from .missed import Missed
from .plan_history import PlanHistory
from .today import Today
from .validation import EventValidator

PREVIEWED = 5
"""Occurrences in a preview, and in `next` of an event."""
PLAN_FIELDS = ('rrule', 'timezone', 'start', 'exdates')
"""What decides when an event occurs, the most telling one first."""
MAX_LISTED = 50_000
AT_ONCE = 5_000
"""More entries than this are made day by day."""
DAY = timedelta(days=1)
_UNFINISHED = ('planned', 'queued', 'running', 'paused')
_LOAD_REACH = timedelta(hours=6)
"""How long before an occurrence other runs may have started that still run."""


class Calendar:
    """Planned events and their occurrences; `EventEditor` changes the events. Used on the event loop only.

    :param zone: the zone in which pages show days and times
    :param now: the wall clock; tests move it
    """

    def __init__(
        self,
        *,
        event_store: EventStore,
        validator: EventValidator,
        firing: Firing,
        history: PlanHistory,
        store: RunStore,
        ledger: Ledger,
        runs: Runs,
        catalog: Catalog,
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
        self._history = history
        self._now = now
        self._store = store
        self._ledger = ledger
        self._runs = runs
        self._catalog = catalog
        self._status = status
        self._today = Today(store=store, ledger=ledger, status=status, bus=bus, zone=zone, now=now)
        self._missed = Missed(
            events=event_store.events, ledger=ledger, runs=runs, bus=bus, now=now, changing=firing.changing
        )
        self._cache = OccurrenceCache()

    async def start(self) -> None:
        """Account for what was due while the program was down, then fire events."""
        await self._history.start()
        await self._today.start()
        await self._firing.start()

    async def stop(self) -> None:
        await self._firing.stop()
        await self._history.stop()
        await self._today.stop()

    def close(self) -> None:
        self._event_store.close()

    @property
    def notices(self) -> 'Sequence[str]':
        """A sentence for each thing that was restored or skipped when the events were read, or that is broken now."""
        return [*self._event_store.notices, *self._firing.notices]

    @property
    def last_absence(self) -> Absence | None:
        """The last stretch of time in which occurrences were missed."""
        return self._firing.absence

    def get(self, id: str) -> Event:
        """:raises NotFound: `event_not_found`"""
        return self._event_store.get(id)

    def events(self) -> 'Sequence[Event]':
        """Return all events in the order of their creation."""
        return [*self._events.values()]

    @property
    def is_empty(self) -> bool:
        """Whether there is no event; `events` copies them all."""
        return not self._events

    def next_due(self, id: str, count: int = PREVIEWED) -> 'Sequence[datetime]':
        """Return the next occurrences of an event; none if it is switched off."""
        event = self.get(id)
        if not event.enabled:
            return []
        return recurrence.next_after(event.plan, self._firing.cursor_of(event), limit=count)

    def problem_of(self, event: Event) -> str:
        """Return why runs of this event could not start, and what to do; empty if nothing is known to be wrong."""
        return self._validator.problem_of(event)

    def upcoming(self, count: int = 3, *, pipeline: str = '') -> 'Sequence[tuple[datetime, Event]]':
        """Return the next occurrences of all events, the earliest first; an event may be in it more than once.

        :param pipeline: only of events that run this one
        """
        armed = self._firing.armed().items()
        soon = nsmallest(count, ((due, id) for id, due in armed if pipeline in ('', self._events[id].pipeline)))
        found = [(due, id) for _soon, id in soon for due in self.next_due(id, count)]
        return [(due, self._events[id]) for due, id in sorted(found)[:count]]

    async def between(self, start: datetime, end: datetime) -> tuple[Sequence[Event], Sequence[Occurrence]]:
        """Return the events with occurrences from `start` up to but not including `end`, and all those occurrences.

        :raises Invalid: if there are more than 50,000 upcoming ones
        """
        rows = await asyncio.to_thread(self._ledger.between, start, end)
        past = [Occurrence.model_validate(row) for row in rows]
        planned = [(event, dues) for event, dues in await self._planned(start, end) if event.enabled]
        if sum(len(dues) for _event, dues in planned) > MAX_LISTED:
            message = _('There are more than {count} occurrences in that time.', count=formats.number(MAX_LISTED))
            raise Invalid(message, {'end': _('Ask for a shorter time.')})
        ahead = [pending_of(event, due) for event, dues in planned for due in dues]
        occurrences = sorted([*past, *ahead], key=lambda occurrence: occurrence.due)
        shown = {occurrence.event_id for occurrence in occurrences}
        return [event for event in self._events.values() if event.id in shown], occurrences

    async def entries(self, start: datetime, end: datetime) -> 'Sequence[CalendarEntry]':
        """Return the entries from `start` up to but not including `end`, by time: occurrences, and runs without one."""
        days = range(1, max(1, -((start - end) // DAY)))
        edges = [start, *(start + DAY * number for number in days), end]
        return [entry async for _start, _end, entries in self.parts(edges) for entry in entries]

    async def parts(self, edges: Sequence[datetime]) -> AsyncIterator[tuple[datetime, datetime, list[CalendarEntry]]]:
        """Yield the entries between the first and the last of these moments, cut at some of them: start, end, entries.

        Few entries come in one part. A busy month has a hundred thousand, and whatever handles all of them at once
        holds up the event loop, even in a thread: their parts are cut at each of the moments.
        """
        planned = await self._planned(edges[0], edges[-1])
        kinds = await asyncio.to_thread(_kinds_of, planned)
        typical = {kind: await self._usual_seconds(event.pipeline, event.parameters) for kind, event in kinds.items()}
        works = await asyncio.to_thread(_works_of, planned)
        problems = {work: problem for work, event in works.items() if (problem := self.problem_of(event))}
        if await asyncio.to_thread(self._count, planned, edges[0], edges[-1]) <= AT_ONCE:
            yield edges[0], edges[-1], await self._entries(edges[0], edges[-1], planned, typical, problems)
            return
        for start, end in pairwise(edges):
            part = await asyncio.to_thread(cut, planned, start, end)
            yield start, end, await self._entries(start, end, part, typical, problems)

    def _count(self, planned: Planned, start: datetime, end: datetime) -> int:
        """Return how many entries there are at most."""
        ahead = sum(len(dues) for _event, dues in planned)
        return ahead + self._ledger.count(start, end) + self._store.count_created(start, end)

    async def _entries(
        self,
        start: datetime,
        end: datetime,
        planned: Planned,
        typical: Mapping[str, float | None],
        problems: Mapping[Work, str],
    ) -> list[CalendarEntry]:
        pairs = await asyncio.to_thread(self._ledger.between_with_runs, start, end)
        documents = await asyncio.to_thread(self._store.created_between, start, end)
        titles = {name: self._catalog.title_of(name) for name in {document['pipeline'] for document in documents}}
        live = {run.id: run for run in [*self._runs.live(), *self._runs.waiting()]}
        of_rows = (self._events.get(row['event_id']) for row, _run in pairs)
        return await asyncio.to_thread(
            entries_of,
            pairs,
            documents,
            planned,
            live=live,
            titles=titles,
            typical=typical,
            problems=problems,
            repeating={event.id for event in of_rows if event is not None and event.is_repeating},
            now=self._now(),
        )

    async def _planned(self, start: datetime, end: datetime) -> Planned:
        """Return the upcoming occurrences of all events; of those that are switched off, from now on."""
        events, cursors, now = [*self._events.values()], self._firing.cursors(), self._now()

        def planned() -> Planned:  # in a thread, since ten thousand events hold up the event loop
            from_each = ((event, cursor_of(event, cursors) if event.enabled else now) for event in events)
            return self._cache.between(from_each, start, end)

        return await asyncio.to_thread(planned)

    async def _usual_seconds(self, pipeline: str, parameters: Mapping[str, Any]) -> float | None:
        typical = await self._runs.estimates.usual(pipeline, parameters)
        return sum(typical.values()) or None

    async def run_now(self, id: str, *, parameters: Mapping[str, Any] | None = None) -> RunRecord:
        """Run this event now, in addition to its plan.

        :raises NotFound: `event_not_found`
        :raises SynapseError: as `Runs.request`, or `InputGone` if there is no file to choose
        """
        event = self.get(id)
        wanted = event.parameters | dict(parameters or {})
        chosen = await asyncio.to_thread(newest.resolved, wanted, event.owner)
        return await self._runs.request(
            event.request(None, chosen, because=own(_('{title}, run by hand', title=event.title)))
        )

    async def problems(self, values: Mapping[str, Any], *, id: str | None = None) -> dict[str, str]:
        """Return a sentence for each invalid field; see `preview`."""
        before = self._events.get(id or '')
        merged = self._validator.merged(before, values, is_trusted=True)
        try:
            await self._validator.validated(merged, self._now(), id=id or new_id(), before=before)
        except Invalid as error:
            return error.fields
        return {}

    async def preview(self, values: Mapping[str, Any], *, id: str | None = None) -> Preview:
        """Return what an event with these values would do; invalid fields are in its `problems`.

        :param id: of the event to be changed, None for a new one
        """
        problems = await self.problems(values, id=id)
        preview = await self.preview_of_plan(values, id=id)
        overlap, is_overloaded = await self.load_at(preview.moments, values, id=id)
        return preview.changed(
            # As they were said: `changed` turns texts that are kept into our own language.
            sentence=preview.sentence or str(next((problems[name] for name in PLAN_FIELDS if name in problems), '')),
            problems=problems,
            overlap=str(overlap),
            is_overloaded=is_overloaded,
        )

    async def preview_of_plan(self, values: Mapping[str, Any], *, id: str | None = None) -> Preview:
        """Return when an event with these values would run: the part of `preview` that takes milliseconds.

        Its `problems` are those of the plan alone.
        """
        now, before = self._now(), self._events.get(id or '')
        merged = self._validator.merged(before, values, is_trusted=True)
        # In a thread: a rule that hardly ever matches is searched for a hundred years.
        return await in_thread(self._preview_of_plan, merged, now, before)

    def _preview_of_plan(self, merged: Mapping[str, Any], now: datetime, before: Event | None) -> Preview:
        plan, problems = self._validator.plan_of(merged, now, before=before)
        if plan is None or any(name in problems for name in ('rrule', 'timezone', 'exdates')):
            wrong = next((problems[name] for name in PLAN_FIELDS if name in problems), '')
            return Preview(sentence=wrong, problems=problems)
        moments = rule_words.preview_lines(plan, now, PREVIEWED)
        sentence, when = rule_words.sentence_and_when(plan)
        return Preview(sentence=sentence, when=when, problems=problems, moments=moments)

    async def load_at(
        self, moments: Sequence[PreviewLine], values: Mapping[str, Any], *, id: str | None = None
    ) -> tuple[str, bool]:
        """Return a sentence on the load at the moments of a preview, and whether some runs would have to wait.

        Takes as long as there are many events.
        """
        if not moments:
            return '', False
        values = self._validator.merged(self._events.get(id or ''), values, is_trusted=True)
        workers = max(1, len(self._status.workers))
        pipeline, parameters = values.get('pipeline'), values.get('parameters')
        usual = await self._usual_seconds(str(pipeline), parameters or {}) if pipeline else None
        for moment in moments:
            entries = await self.entries(moment.due - _LOAD_REACH, moment.due + timedelta(seconds=usual or 60))
            most = await asyncio.to_thread(_most_beside, entries, id, moment.due, usual) + 1
            if most > workers:
                return _crowded(most, workers, moment.due), True
        return _n(
            'No overlap. {count} worker is available at {time}.',
            'No overlap. {count} workers are available at {time}.',
            workers,
            time=f'{moments[0].due:%H:%M}',
        ), False

    async def open_missed(self) -> 'Sequence[Occurrence]':
        """Return occurrences that were missed or run late and not answered yet, newest first."""
        return await self._missed.unanswered()

    async def answer_missed(
        self,
        occurrences: 'Iterable[Occurrence | tuple[str, datetime]]',
        do: str,
        *,
        parameters: Mapping[str, Any] | None = None,
    ) -> 'Sequence[RunRecord]':
        """`run` missed occurrences after all, or `skip` them; either removes them from *While you were away*.

        :raises Conflict: `already_answered`, `event_gone` or `event_off`; then none is run
        """
        if do not in ('run', 'skip'):
            raise Invalid(_('The answer is unknown.'), {'do': _('Use run or skip.')})
        keys = [item if isinstance(item, tuple) else (item.event_id, item.due) for item in occurrences]
        return await self._missed.answer(keys, is_run=do == 'run', parameters=parameters)


def _crowded(most: int, workers: int, due: datetime) -> str:
    return _n(
        '{most} runs at once on {day} at {time}, for {count} worker: some will wait.',
        '{most} runs at once on {day} at {time}, for {count} workers: some will wait.',
        workers,
        most=most,
        day=formats.moment('MMMEd', due),
        time=f'{due:%H:%M}',
    )


def _most_beside(entries: Sequence[CalendarEntry], id: str | None, start: datetime, seconds: float | None) -> int:
    """Return how many others than this event run at once from `start` on, see `most_at_once`."""
    others = [entry for entry in entries if entry.event_id != id]
    return most_at_once([entry for entry in others if entry.state in _UNFINISHED], start, seconds)


def _works_of(planned: Planned) -> dict[Work, Event]:
    """Return an event for each pipeline with each profile, of which there are few."""
    return {(event.pipeline, event.profile): event for event, _dues in planned}


def _kinds_of(planned: Planned) -> dict[str, Event]:
    """Return an event for each kind of run; in a thread, since it encodes the parameters of thousands."""
    return {kind_of(event.pipeline, event.parameters): event for event, _dues in planned}
