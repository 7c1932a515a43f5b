"""What a stretch of the calendar shows: runs that were, occurrences that did not become one, and what is planned."""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from storage.database import micros
from synapse.recurrence import occurrences
from synapse.runs.records import RunRecord

from .events import CalendarEntry, EntryState, Event, Occurrence, OccurrenceState
from .work import work_in_words

CACHED_DAYS = 3
"""Shorter stretches are cut out of a longer one that is known, and not remembered themselves."""
MOMENT = timedelta(microseconds=1)
TOLD = 400
"""So many characters of what a switched-off event would run are told with each of its moments."""

Planned = list[tuple[Event, list[datetime]]]


class OccurrenceCache:
    """Remembers, for each event as it is now, its occurrences of the stretch that was asked for last."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Event, datetime, datetime, list[datetime]]] = {}
        self._lock = threading.Lock()

    def between(self, events: Iterable[tuple[Event, datetime]], start: datetime, end: datetime) -> Planned:
        """Each event with what is to come of it from `start` on and before `end`; those with nothing are left out.

        :param events: each with its cursor: what is due at that moment or before is accounted for
        """
        with self._lock:
            found = [(event, self._of(event, max(start, cursor + MOMENT), end, start)) for event, cursor in events]
            if len(self._known) > len(found):  # some events are gone
                self._known = {event.id: self._known[event.id] for event, _ in found if event.id in self._known}
        return [(event, dues) for event, dues in found if dues]

    def _of(self, event: Event, start: datetime, end: datetime, asked: datetime) -> list[datetime]:
        if start >= end:
            return []
        known = self._known.get(event.id)
        if known is None or known[0] is not event or not (known[1] <= start and end <= known[2]):
            dues = occurrences(event.plan, start, end)
            if end - asked > timedelta(days=CACHED_DAYS):
                self._known[event.id] = (event, start, end, dues)
            return dues
        dues = known[3]
        return dues[bisect_left(dues, start) : bisect_left(dues, end)]


def pending_of(event: Event, due: datetime) -> Occurrence:
    """An occurrence that is still to come."""
    return Occurrence(event_id=event.id, due=due, title=event.title, pipeline=event.pipeline, profile=event.profile)


def entries_of(
    rows: Iterable[tuple[Mapping[str, Any], Mapping[str, Any] | None]],
    documents: Iterable[Mapping[str, Any]],
    planned: Planned,
    *,
    live: Mapping[str, RunRecord],
    titles: Mapping[str, str],
    typical: Mapping[str, float | None],
    repeating: set[str],
    now: datetime,
) -> list[CalendarEntry]:
    """Everything by time, each thing once.

    :param rows: of the ledger, each with its run, or the trace of it
    :param documents: of the runs, or their traces, that were created in this time
    :param live: runs as they are now, which may be further than what is on disk
    :param typical: seconds that a run of a pipeline usually takes
    """
    past = [(Occurrence.model_validate(row), run) for row, run in rows]
    entries = [_of_row(row, run, live, repeating, now) for row, run in past if not _is_forgotten(row, run, live)]
    accounted = {entry.key for entry in entries}
    alone = [document for document in documents if document.get('due') is None]
    entries += [_of_run(live.get(run['id']) or _record(run), titles, now) for run in alone]
    for event, dues in planned:
        seconds = typical.get(event.pipeline)
        reason = '' if event.enabled else _work_of(event)
        for due in dues:
            key = key_of(event.id, due)
            if key not in accounted:
                entries.append(_of_event(event, due, key, seconds, reason))
    return sorted(entries, key=attrgetter('at', 'title', 'key'))


def key_of(event_id: str, due: datetime) -> str:
    """The key of an occurrence's chip."""
    return f'{event_id}@{micros(due)}'


def most_at_once(entries: Sequence[CalendarEntry], start: datetime, seconds: float | None) -> int:
    """How many of these go at the same time at the busiest moment from `start` on, for so many seconds.

    An entry of unknown length counts at its beginning only.
    """
    end = start + timedelta(seconds=seconds or 1)
    spans = [(entry.at, entry.at + timedelta(seconds=entry.seconds or 1)) for entry in entries]
    moments = [start, *(begin for begin, _ in spans if start <= begin < end)]
    return max(sum(begin <= moment < finish for begin, finish in spans) for moment in moments)


_STATES: Mapping[OccurrenceState, EntryState] = {
    OccurrenceState.PENDING: 'planned',
    OccurrenceState.CLAIMED: 'queued',
    OccurrenceState.FIRED: 'queued',
    OccurrenceState.MISSED: 'missed',
    OccurrenceState.SKIPPED: 'skipped',
    OccurrenceState.CANCELLED: 'cancelled',
}


def _is_forgotten(row: Occurrence, run: Mapping[str, Any] | None, live: Mapping[str, RunRecord]) -> bool:
    """Whether its run ended so long ago that nobody knows how: then it says nothing rather than something wrong."""
    return row.state is OccurrenceState.FIRED and run is None and row.run not in live


def _of_row(
    row: Occurrence,
    document: Mapping[str, Any] | None,
    live: Mapping[str, RunRecord],
    repeating: set[str],
    now: datetime,
) -> CalendarEntry:
    run = live.get(row.run or '') or (None if document is None else _record(document))
    return CalendarEntry(
        key=key_of(row.event_id, row.due),
        at=row.due,
        state=_STATES[row.state] if run is None else run.state.value,
        title=row.title,
        pipeline=row.pipeline,
        profile=row.profile,
        event_id=row.event_id,
        due=row.due,
        run=row.run,
        seconds=None if run is None else _seconds(run, now),
        is_repeating=row.event_id in repeating,
        reason=row.reason or _reason(run),
        count=row.count,
    )


def _of_run(run: RunRecord, titles: Mapping[str, str], now: datetime) -> CalendarEntry:
    return CalendarEntry(
        key=f'run:{run.id}',
        at=run.created_at,
        state=run.state.value,
        title=run.subject or titles.get(run.pipeline, run.pipeline),
        pipeline=run.pipeline,
        profile=run.profile,
        event_id=run.event_id,
        run=run.id,
        seconds=_seconds(run, now),
        reason=_reason(run),
    )


def _of_event(event: Event, due: datetime, key: str, seconds: float | None, reason: str) -> CalendarEntry:
    return CalendarEntry(
        key=key,
        at=due,
        state='planned' if event.enabled else 'off',
        title=event.title,
        pipeline=event.pipeline,
        profile=event.profile,
        event_id=event.id,
        due=due,
        seconds=seconds,
        is_repeating=event.is_repeating,
        reason=reason,
    )


def _work_of(event: Event) -> str:
    """What it would run, if it were switched on; of a long one the beginning, since each chip carries it."""
    told = ', '.join(work_in_words(event.pipeline, event.parameters, event.profile))
    return told if len(told) <= TOLD else f'{told[: TOLD - 1]}…'


def _reason(run: RunRecord | None) -> str:
    return run.error.message if run is not None and run.error is not None else ''


def _seconds(run: RunRecord, now: datetime) -> float | None:
    if run.started_at is None:
        return None
    return max(0.0, ((run.finished_at or now) - run.started_at).total_seconds())


def _record(document: Mapping[str, Any]) -> RunRecord:
    return RunRecord.model_validate(document)
