"""Accounts for every occurrence exactly once: it fires, or it is missed or skipped with a reason.

Due occurrences are counted from the last one accounted for, never from "now", so that nothing is lost however the
program was stopped or held up. A ledger row and the run it leads to are written in one transaction, and only then is
the run queued.
"""

import asyncio
import contextlib
import logging
import traceback
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from storage.files import StorageError
from storage.ledger import Ledger, Pairs
from synapse.bus import Bus
from synapse.language import N_, _, _n, own, spoken
from synapse.log.log import Level, Log
from synapse.recurrence import TICK, next_after, occurrences
from synapse.restored import Restored
from synapse.runs.runs import Runs

from .alarm_clock import Absence, AlarmClock, Clocks
from .claims import Claim, Claims
from .events import Event, Occurrence, OccurrenceState
from .messages import Absent, EventsWritten, OccurrencesChanged
from .misfires import GRACE, FiringDecision, decide
from .retries import Retries

log = logging.getLogger(__name__)

SOURCE = 'scheduler'
AHEAD = timedelta(seconds=2)
"""How long before their moment claims are prepared; it is looked for them every second."""
BATCH = 250
"""How many events share a transaction: a thousand in one second need not wait for the last, nor do the pages."""

Saving = tuple[Sequence[Claim], asyncio.Future[Pairs]]
"""Claims, and what the ledger adds of them once it is on disk."""


class Firing:
    """Fires due occurrences. Used on the event loop only.

    :param events: the current events by id
    :param alive: a file whose modification time says when this program was last running
    :param restored: from which backup the data folder came back: nothing fires late that was due since that was made
    :param now: the wall clock
    """

    def __init__(
        self,
        *,
        events: Mapping[str, Event],
        ledger: Ledger,
        runs: Runs,
        bus: Bus,
        log: Log,
        alive: Path,
        restored: Restored | None = None,
        now: Callable[[], datetime],
        clocks: Callable[[], Clocks],
    ) -> None:
        self.changing = asyncio.Lock()
        """Held while occurrences are accounted for, and while events are changed, so that they never overlap."""
        self.absence: Absence | None = None
        """The last stretch of time in which something was missed."""
        self._events = events
        self._ledger = ledger
        self._runs = runs
        self._bus = bus
        self._log = log
        self._alive = alive
        self._restored = restored
        self._now = now
        self._alarm = AlarmClock(self._events_due, self._clock_jumped, clocks)
        self._cursors: dict[str, datetime] = {}
        self._broken: dict[str, str] = {}
        self._claims = Claims(events=events, runs=runs, cursor_of=self.cursor_of, now=now)
        self._unpublished: list[tuple[Occurrence, datetime]] = []
        self._retries = Retries(
            events=events,
            ledger=ledger,
            runs=runs,
            bus=bus,
            now=now,
            changing=self.changing,
            in_background=self._in_background,
            restored=restored,
        )
        self._tasks: set[asyncio.Task[Any]] = set()
        self._alive_task: asyncio.Task[None] | None = None
        self.is_running = False
        self._pending_absence: Absence | None = None
        self._has_logged_disk_error = False
        bus.subscribe(EventsWritten, self._events_written)

    async def start(self) -> None:
        """Account for what was due while the program was down, then wait for the next occurrences."""
        now = self._now()
        alive_at = await asyncio.to_thread(_modified_at, self._alive)
        if self._restored is not None and not self._restored.is_settled:
            self._pending_absence = Absence(self._restored.made_at, now, 'restored')
        elif alive_at is not None and alive_at < now:
            self._pending_absence = Absence(alive_at, now, 'off')
        self._cursors = await asyncio.to_thread(self._ledger.last_dues, [*self._events])
        await self._finish_claims()
        self.is_running = True
        self._alarm.start()
        begin, absence = partial(self._begin, now=now), self._take_absence()
        event_ids = [*self._events]
        await begin(event_ids[:BATCH], absence)
        self._alarm.resume()
        if absence is not None and absence.why == 'restored':  # it is noted as settled, so all of it has to be
            await begin(event_ids[BATCH:], absence)
        elif len(event_ids) > BATCH:  # those can wait until the program answers
            self._in_background(begin(event_ids[BATCH:], absence))
        await self._retries.start()
        self._alive_task = asyncio.create_task(self._keep_alive(), name='alive')

    async def stop(self) -> None:
        """Stop firing. Occurrences from now on are accounted for at the next start."""
        self.is_running = False
        self._retries.stop()
        await self._alarm.stop()
        if self._alive_task is not None:
            self._alive_task.cancel()
            await asyncio.gather(self._alive_task, *self._tasks, return_exceptions=True)
            await asyncio.to_thread(_touch, self._alive)

    @property
    def notices(self) -> Sequence[str]:
        """A sentence for each event that doesn't fire because it is broken."""
        return [*self._broken.values()]

    def cursor_of(self, event: Event) -> datetime:
        """Return the moment up to which, inclusive, the event is accounted for or didn't have to fire."""
        return cursor_of(event, self._cursors)

    def cursors(self) -> dict[str, datetime]:
        """Return the last moments accounted for, by event id, as they are now: for `cursor_of` in a thread."""
        return dict(self._cursors)

    def armed(self) -> Mapping[str, datetime]:
        """Return the next due moment of each event that has one, by event id."""
        return self._alarm.armed()

    async def account_for(self, event_id: str) -> datetime:
        """Account for an event up to now, before it is changed, and return that moment. Hold `changing`.

        :raises StorageError: if it could not be saved; then the event must not be changed
        """
        now = self._now()
        await self._account_batch([event_id], now, GRACE, self._take_absence())
        await self._publish()
        return now

    async def _begin(self, event_ids: Sequence[str], absence: Absence | None, *, now: datetime) -> None:
        """Account for what was due before this start, then set the alarms, without holding up the event loop."""
        for begin in range(0, len(event_ids), BATCH):
            if not self.is_running:  # the next start continues
                return
            async with self.changing:
                events = [self._events[id] for id in event_ids[begin : begin + BATCH] if id in self._events]
                overdue = [event.id for event in events if not self._arm(event, after=now)]
                with contextlib.suppress(StorageError):  # it is logged and retried
                    await self._account_batch(overdue, now, timedelta(0), absence)
                await self._publish()
                self._rearm(overdue)

    def _events_written(self, message: EventsWritten) -> None:
        if self.is_running:
            self._rearm(message.ids)

    def _rearm(self, event_ids: Iterable[str]) -> None:
        """Set the alarm of these events to their next occurrence; those that are removed have none."""
        for event_id in event_ids:
            event = self._events.get(event_id)
            if event is None:
                self._alarm.disarm(event_id)
                self._broken.pop(event_id, None)
            else:
                self._arm(event)
        self._show_next()

    def _show_next(self) -> None:
        due, event_id = self._alarm.next() or (None, '')
        event = self._events.get(event_id)
        shown = due and event and {'event_id': event.id, 'title': event.title, 'due': due.isoformat()}
        self._runs.status.set_next(shown or None)

    # Due

    async def _events_due(self, event_ids: Collection[str]) -> None:
        if not self.is_running:
            return
        async with self.changing:
            is_saved = await self._account(event_ids)
        if is_saved:
            self._rearm(event_ids)

    async def _account(self, event_ids: Iterable[str], *, now: datetime | None = None) -> bool:
        """Account for events up to now; return whether all is saved. What isn't is retried."""
        now, absence = now or self._now(), self._take_absence()
        ids, is_saved = list(event_ids), True
        saving: Saving | None = None
        try:
            for begin in range(0, len(ids), BATCH):
                claims = await self._claimed(ids[begin : begin + BATCH], now, GRACE, absence)
                before, saving = saving, self._save(claims)
                is_saved &= await self._is_queued(before, absence)
        finally:  # whatever failed above, what is saved must not miss its queue
            is_saved &= await self._is_queued(saving, absence)
        await self._publish()
        return is_saved

    def _take_absence(self) -> Absence | None:
        absence, self._pending_absence = self._pending_absence, None
        if absence is not None:
            self._bus.publish(Absent(absence))
        return absence

    async def _account_batch(
        self, event_ids: Sequence[str], now: datetime, grace: timedelta, absence: Absence | None
    ) -> None:
        await self._queued(self._save(await self._claimed(event_ids, now, grace, absence)), absence)

    async def _claimed(
        self, event_ids: Sequence[str], now: datetime, grace: timedelta, absence: Absence | None
    ) -> list[Claim]:
        await asyncio.sleep(0)  # the transaction of the batch before begins
        decided = [pair for id in event_ids for pair in self._decide(id, now, grace, absence)]
        if absence is not None and any(decision.is_late for _, decision in decided):
            self.absence = absence
        return await self._claims.made(decided) if decided else []

    def _decide(
        self, event_id: str, now: datetime, grace: timedelta, absence: Absence | None
    ) -> list[tuple[Event, FiringDecision]]:
        event = self._events.get(event_id)
        if event is None or not event.enabled:
            return []
        prepared = self._claims.decision_of(event, now)
        if prepared is not None and now - prepared.due <= grace:
            return [(event, prepared)]
        try:
            dues = occurrences(event.plan, self.cursor_of(event) + TICK, now + TICK)
        except Exception as error:  # one broken event must not keep the others from firing
            self._mark_broken(event, error)
            return []
        cause = '' if absence is None else own(absence.sentence)
        misfire = None if absence is not None and absence.why == 'restored' else event.misfire
        return [(event, decision) for decision in decide(dues, misfire, now, grace=grace, cause=cause)]

    def _save(self, claims: Sequence[Claim]) -> Saving | None:
        """Begin to write claimed rows and their runs, in one transaction."""
        documents = [claim.documents for claim in claims]
        return (claims, self._ledger.group.submit(self._ledger.account, documents)) if documents else None

    async def _is_queued(self, saving: Saving | None, absence: Absence | None) -> bool:
        try:
            await self._queued(saving, absence)
        except StorageError:
            return False
        return True

    async def _queued(self, saving: Saving | None, absence: Absence | None) -> None:
        """Wait until claims are saved, then queue their runs.

        :raises StorageError: if they could not be saved; it is logged, and their events are retried
        """
        if saving is None:
            return
        claims, saved = saving
        try:
            added = await saved
        except StorageError as error:
            self._log_disk_error(error)
            self._pending_absence = absence
            self._alarm.retry({claim.row.event_id for claim in claims})
            raise
        self._has_logged_disk_error = False
        await asyncio.sleep(0)  # the transaction of the next batch begins
        for row in [claim.row for claim in claims]:
            self._cursors[row.event_id] = max(row.due, self._cursors.get(row.event_id, row.due))
        saved_runs = {(row['event_id'], row['due']): run for row, run in added}
        fresh = [claim for claim in claims if claim.key in saved_runs]
        runs = [run for claim in fresh if (run := claim.run_of(saved_runs[claim.key]))]
        self._runs.queue_up(runs)
        now = self._now()
        self._runs.announce(runs)
        for claim in fresh:
            self._log_unfired(claim.row)
            self._unpublished.append((claim.row, now))

    async def _publish(self) -> None:
        """Save that claimed occurrences have fired, then publish them: once all that are due together are queued."""
        rows = [row.fired(at) if row.state is OccurrenceState.CLAIMED else row for row, at in self._unpublished]
        self._unpublished = []
        for begin in range(0, len(rows), BATCH):
            batch = rows[begin : begin + BATCH]
            fired = [row.as_document() for row in batch if row.state is OccurrenceState.FIRED]
            try:
                await self._ledger.group.commit(self._ledger.save, fired)
            except StorageError as error:
                # The runs are saved and queued; the rows stay `claimed` until the next start makes them `fired`.
                log.warning(N_('%d occurrences are still claimed: %s'), len(fired), error)
            self._bus.publish(OccurrencesChanged(tuple(batch)))

    async def _finish_claims(self) -> None:
        """Mark occurrences as fired that were claimed just before a crash: their runs are in the queue again."""
        rows = [Occurrence.model_validate(row) for row in await asyncio.to_thread(self._ledger.claimed)]
        now = self._now()
        fired = [row.fired(now).as_document() for row in rows]
        if fired:
            await asyncio.to_thread(self._ledger.save, fired)

    def _arm(self, event: Event, *, after: datetime | None = None) -> bool:
        """Set the alarm to the first moment that isn't accounted for, unless that isn't `after` this one.

        :return: whether it is set, or nothing is to come
        """
        try:
            due = next(iter(next_after(event.plan, self.cursor_of(event)) if event.enabled else ()), None)
            if due is not None and after is not None and due <= after:
                return False
            self._alarm.arm(event.id, due)
            self._broken.pop(event.id, None)
        except Exception as error:  # one broken event must not keep the program from starting
            self._mark_broken(event, error)
        return True

    def _mark_broken(self, event: Event, error: Exception) -> None:
        """Log that this event doesn't fire until it is changed."""
        self._alarm.disarm(event.id)
        reason = own(getattr(error, 'sentence', '') or spoken(error)).rstrip('.') or type(error).__name__
        text = own(_('{title} does not fire: {reason}. Change or delete it.', title=event.title, reason=reason))
        if self._broken.get(event.id) != text:
            self._broken[event.id] = text
            trace = ''.join(traceback.format_exception(error))
            self._log.append(Level.ERROR, text, source=SOURCE, fields={'event': event.id, 'traceback': trace})

    def _log_unfired(self, row: Occurrence) -> None:
        if row.state is OccurrenceState.CLAIMED:
            return  # its run is logged
        if row.state is OccurrenceState.MISSED:
            level, text = Level.WARNING, _('{title} was missed: {reason}', title=row.title, reason=row.reason)
        else:
            level, text = Level.INFO, _('{title} was skipped: {reason}', title=row.title, reason=row.reason)
        self._log.append(level, text, source=SOURCE, fields={'event': row.event_id, 'due': row.due.isoformat()})

    def _log_disk_error(self, error: StorageError) -> None:
        if not self._has_logged_disk_error:
            self._has_logged_disk_error = True
            text = _('Due events could not be saved and will run once they can: {reason}', reason=error)
            self._log.append(Level.ERROR, text, source=SOURCE)

    # Clocks

    def _clock_jumped(self, moved: float, slept: float, before: Clocks) -> None:
        now = self._now()
        if slept > abs(moved):
            message = _('This machine was asleep for {length}', length=_length(slept))
            self._pending_absence = Absence(before.wall, now, 'asleep')
        else:
            length = _length(abs(moved))
            if moved > 0:
                message = _('The clock of this machine was set forward by {length}', length=length)
            else:
                message = _('The clock of this machine was set back by {length}', length=length)
            self._pending_absence = Absence(before.wall, now, 'clock') if moved > 0 else None
        self._log.append(Level.WARNING, message, source=SOURCE)
        self._in_background(self._events_due(list(self._events)))

    async def _keep_alive(self) -> None:
        known = ''
        while True:
            problem = await asyncio.to_thread(_touch, self._alive)
            if problem and problem != known:  # it may last for days
                log.warning(N_('%s could not be written: %s'), self._alive, problem)
            known = problem
            self._in_background(self._claims.prepare(self._alarm.soon(self._now() + AHEAD)))
            await asyncio.sleep(1.0)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._safely(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _safely(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except StorageError as error:
            self._log_disk_error(error)
        except Exception:  # the edge of a background task
            log.exception(N_('an occurrence could not be handled'))


def cursor_of(event: Event, cursors: Mapping[str, datetime]) -> datetime:
    """See `Firing.cursor_of`.

    :param cursors: the last moments accounted for, by event id
    """
    return max(event.armed_from, cursors.get(event.id, event.armed_from))


def _length(seconds: float) -> str:
    days, rest = divmod(round(seconds), 86_400)
    clock = f'{timedelta(seconds=rest)}'
    return _n('{count} day, {time}', '{count} days, {time}', days, time=clock) if days else clock


def _touch(path: Path) -> str:
    try:
        path.touch(mode=0o600)
    except OSError as error:
        return str(error)
    return ''


def _modified_at(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None
