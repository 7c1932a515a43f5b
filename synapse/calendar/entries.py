"""The entries of a stretch of the calendar: past runs, occurrences without a run, and planned ones."""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from operator import attrgetter
from typing import Any

from storage.database import micros
from synapse.recurrence import TICK, occurrences
from synapse.runs.estimates import kind_of
from synapse.runs.records import RunRecord

from .events import CalendarEntry, EntryState, Event, Occurrence, OccurrenceState, work_in_words

CACHED_DAYS = 3
"""Shorter stretches are not cached, only cut out of a longer one."""
MAX_WORK_LENGTH = 400
"""How many characters each entry of a switched-off event says of what it would run."""

Dues = tuple[datetime, ...]
"""A tuple, since the garbage collector need not look into one of moments: a busy month has a hundred thousand."""
Planned = list[tuple[Event, Dues]]
Work = tuple[str, str | None]
"""A pipeline and a profile."""


class OccurrenceCache:
    """Caches the occurrences of each version of an event in the stretch that was requested last."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Event, datetime, datetime, Dues]] = {}
        self._lock = threading.Lock()

    def between(self, events: Iterable[tuple[Event, datetime]], start: datetime, end: datetime) -> Planned:
        """Return the events that have upcoming occurrences from `start` up to but not including `end`, with those.

        :param events: each with its cursor: occurrences up to that moment, inclusive, are accounted for
        """
        with self._lock:
            found = [(event, self._of(event, max(start, cursor + TICK), end, start)) for event, cursor in events]
            if len(self._known) > len(found):  # some events were removed
                self._known = {event.id: self._known[event.id] for event, _ in found if event.id in self._known}
        return [(event, dues) for event, dues in found if dues]

    def _of(self, event: Event, start: datetime, end: datetime, asked: datetime) -> Dues:
        if start >= end:
            return ()
        known = self._known.get(event.id)
        if known is None or known[0] is not event or not (known[1] <= start and end <= known[2]):
            dues = tuple(occurrences(event.plan, start, end))
            if end - asked > timedelta(days=CACHED_DAYS):
                self._known[event.id] = (event, start, end, dues)
            return dues
        dues = known[3]
        return dues[bisect_left(dues, start) : bisect_left(dues, end)]


def cut(planned: Planned, start: datetime, end: datetime) -> Planned:
    """Return what is planned from `start` up to but not including `end`."""
    found = [(event, dues[bisect_left(dues, start) : bisect_left(dues, end)]) for event, dues in planned]
    return [(event, dues) for event, dues in found if dues]


def pending_of(event: Event, due: datetime) -> Occurrence:
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
    problems: Mapping[Work, str],
    now: datetime,
) -> list[CalendarEntry]:
    """Return all entries, by time and without doubles.

    :param rows: of the ledger, each with its run or the trace of it
    :param documents: runs, or their traces, that were created in this time
    :param live: runs as they are now, which may be ahead of what is on disk
    :param typical: how many seconds a run usually takes, by its `kind_of`
    :param problems: why what cannot run can't
    """
    past = [(Occurrence.model_validate(row), run) for row, run in rows]
    entries = [_of_row(row, run, live, repeating, now) for row, run in past if not _is_forgotten(row, run, live)]
    accounted = {entry.key for entry in entries}
    alone = [document for document in documents if document.get('due') is None]
    entries += [_of_run(live.get(run['id']) or RunRecord.model_validate(run), titles, now) for run in alone]
    for event, dues in planned:
        seconds = typical.get(kind_of(event.pipeline, event.parameters))
        reason = problems.get((event.pipeline, event.profile), '') if event.enabled else _work_of(event)
        for due in dues:
            key = key_of(event.id, due)
            if key not in accounted:
                entries.append(_of_event(event, due, key, seconds, reason))
    return _in_order(entries)


def _in_order(entries: Iterable[CalendarEntry]) -> list[CalendarEntry]:
    """Return entries by time. Sorted all at once, 20,000 would hold up the event loop, since sorting has no pauses."""
    by_hour: dict[datetime, list[CalendarEntry]] = {}
    for entry in entries:
        by_hour.setdefault(entry.at.replace(minute=0, second=0, microsecond=0), []).append(entry)
    return [entry for hour in sorted(by_hour) for entry in sorted(by_hour[hour], key=attrgetter('at', 'title', 'key'))]


def key_of(event_id: str, due: datetime) -> str:
    return f'{event_id}@{micros(due)}'


def most_at_once(entries: Sequence[CalendarEntry], start: datetime, seconds: float | None) -> int:
    """Return how many of these overlap at the busiest moment in the `seconds` from `start` on.

    An entry of unknown length counts for its first second only.
    """
    end = start + timedelta(seconds=seconds or 1)
    steps: list[tuple[datetime, int]] = []
    for entry in entries:
        finish = entry.at + timedelta(seconds=entry.seconds or 1)
        if entry.at < end and start < finish:
            steps += [(max(entry.at, start), 1), (finish, -1)]
    # At the same moment one that ends goes before one that begins: -1 sorts first.
    return max(accumulate((step for _, step in sorted(steps)), initial=0))


_STATES: Mapping[OccurrenceState, EntryState] = {
    OccurrenceState.PENDING: 'planned',
    OccurrenceState.CLAIMED: 'queued',
    OccurrenceState.FIRED: 'queued',
    OccurrenceState.MISSED: 'missed',
    OccurrenceState.SKIPPED: 'skipped',
    OccurrenceState.CANCELLED: 'cancelled',
}


def _is_forgotten(row: Occurrence, run: Mapping[str, Any] | None, live: Mapping[str, RunRecord]) -> bool:
    """Whether its run is so old that its result is no longer known: then no entry is better than a wrong one."""
    return row.state is OccurrenceState.FIRED and run is None and row.run not in live


def _of_row(
    row: Occurrence,
    document: Mapping[str, Any] | None,
    live: Mapping[str, RunRecord],
    repeating: set[str],
    now: datetime,
) -> CalendarEntry:
    run = live.get(row.run or '') or (None if document is None else RunRecord.model_validate(document))
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
        late_seconds=_late_seconds(row, run),
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
        state='off' if not event.enabled else 'broken' if reason else 'planned',
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
    """Return what it would run if it were switched on, shortened, since each entry repeats it."""
    work = ', '.join(work_in_words(event.pipeline, event.parameters, event.profile))
    return work if len(work) <= MAX_WORK_LENGTH else f'{work[: MAX_WORK_LENGTH - 1]}…'


def _late_seconds(row: Occurrence, run: RunRecord | None) -> float | None:
    since = (run.started_at if run is not None else None) or row.fired_at
    return None if since is None else max(0.0, (since - row.due).total_seconds())


def _reason(run: RunRecord | None) -> str:
    return run.error.message if run is not None and run.error is not None else ''


def _seconds(run: RunRecord, now: datetime) -> float | None:
    if run.started_at is None:
        return None
    return max(0.0, ((run.finished_at or now) - run.started_at).total_seconds())
