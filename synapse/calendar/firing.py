"""Accounts for every occurrence, once: it fires into the queue, or it is missed or skipped with a reason.

What is due is counted from the last occurrence that is accounted for, never from "now": whatever stopped or held up
the program in between, nothing is passed over. A row of the ledger and the run it leads to are kept in one
transaction, and only then is the run handed over.
"""

import asyncio
import logging
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from storage.files import StorageError
from storage.ledger import Ledger
from synapse.bus import Bus
from synapse.errors import SynapseError
from synapse.inbox import inputs
from synapse.log.log import Level, Log
from synapse.recurrence import next_after, occurrences
from synapse.runs.records import RunRecord
from synapse.runs.runs import Runs

from .alarm_clock import Absence, AlarmClock, Clocks
from .events import Event, Occurrence, OccurrenceState
from .messages import EventsWritten, OccurrencesChanged
from .misfires import GRACE, Decision, decide
from .retries import Retries

log = logging.getLogger(__name__)

SOURCE = 'scheduler'
AGAIN_SECONDS = 5.0
"""After a disk would not keep what fell due, it is tried again; by then it may be late, never lost."""
AT_ONCE = 250
"""So many events share one transaction: a thousand of one second do not wait for the last of them, nor do the pages."""
MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Due:
    """One accounted occurrence on its way to the disk, with its run if it fires."""

    row: Occurrence
    run: RunRecord | None


class Firing:
    """Use it on the event loop only.

    :param events: the present events by id
    :param alive: a file whose time says when this program was last seen alive
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
        now: Callable[[], datetime],
        clocks: Callable[[], Clocks],
    ) -> None:
        self.changing = asyncio.Lock()
        """Held while occurrences are accounted for or events are changed: never both."""
        self.absence: Absence | None = None
        """The last stretch of time in which something was missed."""
        self._events = events
        self._ledger = ledger
        self._runs = runs
        self._bus = bus
        self._log = log
        self._alive = alive
        self._now = now
        self._alarm = AlarmClock(self._ring, self._jumped, clocks)
        self._cursors: dict[str, datetime] = {}
        self._broken: dict[str, str] = {}
        self._retries = Retries(events=events, ledger=ledger, runs=runs, bus=bus, now=now, later=self._later)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._beating: asyncio.Task[None] | None = None
        self._is_open = False
        self._pending_absence: Absence | None = None
        self._is_disk_trouble_said = False
        bus.subscribe(EventsWritten, self._written)

    async def start(self) -> None:
        """Give what fell due while the program was down its state, then wait for what is to come."""
        now = self._now()
        alive_at = await asyncio.to_thread(_time_of, self._alive)
        if alive_at is not None and alive_at < now:
            self._pending_absence = Absence(alive_at, now, 'off')
        self._cursors = await asyncio.to_thread(self._read_cursors, list(self._events))
        await self._finish_claims()
        self._is_open = True
        async with self.changing:
            await self._settle(self._events, grace=timedelta(0))
        self._alarm.start()
        for event in self._events.values():
            self._arm(event)
        self._alarm.resume()
        self._show_next()
        await self._retries.start()
        self._beating = asyncio.create_task(self._be_alive(), name='alive')

    async def stop(self) -> None:
        """Fire nothing more. What falls due from here on is found at the next start."""
        self._is_open = False
        self._retries.stop()
        await self._alarm.stop()
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, *self._tasks, return_exceptions=True)
            await asyncio.to_thread(_touch, self._alive)

    @property
    def notices(self) -> Sequence[str]:
        """Which events are left out because they are broken, a sentence each."""
        return [*self._broken.values()]

    @property
    def is_open(self) -> bool:
        return self._is_open

    def cursor_of(self, event: Event) -> datetime:
        """Everything up to and including this moment is accounted for, or never was owed."""
        return max(event.armed_from, self._cursors.get(event.id, event.armed_from))

    def pending(self, event: Event, start: datetime, end: datetime) -> list[datetime]:
        """What is still to come of an event from `start` on and before `end`."""
        if not event.enabled:
            return []
        return occurrences(event.plan, max(start, self.cursor_of(event) + MOMENT), end)

    def armed(self) -> Mapping[str, datetime]:
        """The next moment of each event that has one."""
        return self._alarm.armed()

    async def settle(self, event_id: str) -> datetime:
        """Account for everything of an event up to now, before it is changed; gives that now. Needs `changing`.

        :raises StorageError: if it could not be kept; then nothing may be changed either
        """
        now = self._now()
        await self._settle([event_id], now=now, must_keep=True)
        return now

    def _written(self, message: EventsWritten) -> None:
        if self._is_open:
            self._rearm(message.ids)

    def _rearm(self, event_ids: Iterable[str]) -> None:
        """Wait for what these events are now, or no more for those that are gone."""
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

    async def _ring(self, event_ids: Collection[str]) -> None:
        if not self._is_open:
            return
        async with self.changing:
            is_kept = await self._settle(event_ids)
        if is_kept:
            self._rearm(event_ids)

    async def _settle(
        self,
        event_ids: Iterable[str],
        *,
        grace: timedelta = GRACE,
        now: datetime | None = None,
        must_keep: bool = False,
    ) -> bool:
        """Whether all is kept that fell due; if not, it will be tried again by itself."""
        now = now or self._now()
        absence, self._pending_absence = self._pending_absence, None
        ids, is_kept = list(event_ids), True
        for begin in range(0, len(ids), AT_ONCE):
            some = ids[begin : begin + AT_ONCE]
            decided = [pair for id in some for pair in self._decide(id, now, grace, absence)]
            is_kept = await self._settle_some(decided, now, absence, must_keep=must_keep) and is_kept
        return is_kept

    async def _settle_some(
        self,
        decided: Sequence[tuple[Event, Decision]],
        now: datetime,
        absence: Absence | None,
        *,
        must_keep: bool,
    ) -> bool:
        if not decided:
            await asyncio.sleep(0)
            return True
        if absence is not None and any(decision.is_late for _, decision in decided):
            self.absence = absence
        dues = await self._with_runs(decided, now)
        try:
            await self._keep(dues)
        except StorageError as error:
            self._say_disk_trouble(error)
            self._pending_absence = absence
            self._alarm.again({event.id for event, _ in decided}, AGAIN_SECONDS)
            if must_keep:
                raise
            return False
        return True

    def _decide(
        self, event_id: str, now: datetime, grace: timedelta, absence: Absence | None
    ) -> list[tuple[Event, Decision]]:
        event = self._events.get(event_id)
        if event is None:
            return []
        try:
            dues = self.pending(event, self.cursor_of(event) + MOMENT, now + MOMENT)
        except Exception as error:  # one broken event must not keep the others from firing
            self._break(event, error)
            return []
        cause = '' if absence is None else absence.sentence
        return [(event, decision) for decision in decide(dues, event.misfire, now, grace=grace, cause=cause)]

    async def _with_runs(self, decided: Sequence[tuple[Event, Decision]], now: datetime) -> list[Due]:
        unfinished = dict(self._runs.unfinished_of_events())
        chosen = await self._files_of({event.id: event for event, decision in decided if decision.fires})
        dues = []
        for event, decision in decided:
            due = self._due(event, decision, now, unfinished.get(event.id, 0), chosen.get(event.id))
            if due.run is not None:
                unfinished[event.id] = unfinished.get(event.id, 0) + 1
            dues.append(due)
        return dues

    async def _files_of(self, events: Mapping[str, Event]) -> Mapping[str, Mapping[str, Any] | SynapseError]:
        """Parameters of those events whose files are chosen when they fall due, or why there are none."""
        later = {id: event for id, event in events.items() if inputs.is_unresolved(event.parameters)}

        def choose(event: Event) -> Mapping[str, Any] | SynapseError:
            try:
                return inputs.resolved(event.parameters)
            except SynapseError as error:
                return error

        return await asyncio.to_thread(lambda: {id: choose(event) for id, event in later.items()}) if later else {}

    def _due(
        self,
        event: Event,
        decision: Decision,
        now: datetime,
        unfinished: int,
        chosen: Mapping[str, Any] | SynapseError | None,
    ) -> Due:
        row = Occurrence(
            event_id=event.id,
            due=decision.due,
            reason=decision.reason,
            title=event.title,
            pipeline=event.pipeline,
            profile=event.profile,
            since=decision.since,
            count=decision.count,
            is_open=decision.is_late,
        )
        if not decision.fires:
            return Due(row.changed(state=OccurrenceState.MISSED), None)
        why_skipped = _why_skipped(event, unfinished) if not decision.is_late else ''
        if why_skipped:
            return Due(row.changed(state=OccurrenceState.SKIPPED, reason=why_skipped), None)
        if isinstance(chosen, SynapseError):
            return Due(_not_run(row, chosen), None)
        try:
            run = self._runs.scheduled(event.request(decision.due, event.parameters if chosen is None else chosen))
        except SynapseError as error:
            return Due(_not_run(row, error), None)
        return Due(row.changed(state=OccurrenceState.CLAIMED, run=run.id), run)

    async def _keep(self, dues: Sequence[Due]) -> None:
        """Claim rows and runs in one transaction, then hand the runs over."""
        pairs = [(due.row.as_json(), None if due.run is None else due.run.as_json()) for due in dues]
        added = await asyncio.to_thread(self._ledger.account, pairs)
        self._is_disk_trouble_said = False
        for due in dues:
            cursor = self._cursors.get(due.row.event_id)
            self._cursors[due.row.event_id] = due.row.due if cursor is None else max(cursor, due.row.due)
        rows = [Occurrence.model_validate(row) for row, _ in added]
        self._runs.admit([RunRecord.model_validate(run) for _, run in added if run is not None])
        await self._hand_over(rows)

    async def _hand_over(self, rows: Sequence[Occurrence]) -> None:
        now = self._now()
        fired = [row.fired(now) if row.state is OccurrenceState.CLAIMED else row for row in rows]
        for row in fired:
            self._say(row)
        self._bus.publish(OccurrencesChanged(tuple(fired)))
        claimed = [row.as_json() for row in fired if row.state is OccurrenceState.FIRED]
        try:
            await asyncio.to_thread(self._ledger.save, claimed)
        except StorageError as error:
            # The runs are kept and on their way; the rows say `claimed` until the next start says `fired`.
            log.warning('%d occurrences stay claimed: %s', len(claimed), error)

    async def _finish_claims(self) -> None:
        """Runs whose occurrence was claimed just before a crash are in the queue again: they have fired."""
        rows = [Occurrence.model_validate(row) for row in await asyncio.to_thread(self._ledger.claimed)]
        now = self._now()
        fired = [row.fired(now).as_json() for row in rows]
        if fired:
            await asyncio.to_thread(self._ledger.save, fired)

    def _arm(self, event: Event) -> None:
        try:
            following = next_after(event.plan, self.cursor_of(event)) if event.enabled else []
            self._alarm.arm(event.id, following[0] if following else None)
            self._broken.pop(event.id, None)
        except Exception as error:  # nor the program from starting
            self._break(event, error)

    def _break(self, event: Event, error: Exception) -> None:
        """Leave this event out until it is changed, and say so."""
        self._alarm.disarm(event.id)
        why = str(error).rstrip('.') or type(error).__name__
        text = f'{event.title} does not fire: {why}. Change or delete it.'
        if self._broken.get(event.id) != text:
            self._broken[event.id] = text
            trace = ''.join(traceback.format_exception(error))
            self._log.append(Level.ERROR, text, source=SOURCE, fields={'event': event.id, 'traceback': trace})

    def _say(self, row: Occurrence) -> None:
        if row.state is OccurrenceState.FIRED:
            return  # its run says so itself
        what = f'{row.title} was {row.state}: {row.reason}'
        level = Level.WARNING if row.state is OccurrenceState.MISSED else Level.INFO
        self._log.append(level, what, source=SOURCE, fields={'event': row.event_id, 'due': row.due.isoformat()})

    def _say_disk_trouble(self, error: StorageError) -> None:
        if not self._is_disk_trouble_said:
            self._is_disk_trouble_said = True
            self._log.append(
                Level.ERROR, f'What fell due could not be kept, and waits until it can: {error}', source=SOURCE
            )

    # Clocks

    def _jumped(self, moved: float, slept: float, before: Clocks) -> None:
        now = self._now()
        if slept > abs(moved):
            message = f'This machine was asleep for {timedelta(seconds=round(slept))}'
            self._pending_absence = Absence(before.wall, now, 'asleep')
        else:
            message = f'The clock of this machine was set {"forward" if moved > 0 else "back"} by '
            message += str(timedelta(seconds=round(abs(moved))))
            self._pending_absence = Absence(before.wall, now, 'clock') if moved > 0 else None
        self._log.append(Level.WARNING, message, source=SOURCE)
        self._later(self._ring(list(self._events)))

    async def _be_alive(self) -> None:
        while True:
            await asyncio.to_thread(_touch, self._alive)
            await asyncio.sleep(1.0)

    # Small

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(self._safely(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _safely(self, work: Any) -> None:
        try:
            await work
        except StorageError as error:
            self._say_disk_trouble(error)
        except Exception:  # the edge of a background task
            log.exception('an occurrence could not be followed up')

    def _read_cursors(self, event_ids: Sequence[str]) -> dict[str, datetime]:
        last = {id: self._ledger.last_due(id) for id in event_ids}
        return {id: due for id, due in last.items() if due is not None}


def _why_skipped(event: Event, unfinished: int) -> str:
    if event.overlap == 'skip' and unfinished:
        return 'Its last run was still going.'
    if event.overlap == 'queue' and unfinished > 1:
        return 'Its last run was still going, and one waits already.'
    return ''


def _not_run(row: Occurrence, error: SynapseError) -> Occurrence:
    reason = f'{error.message} {error.hint}'.strip()
    return row.changed(state=OccurrenceState.MISSED, reason=reason, is_open=True)


def _touch(path: Path) -> None:
    try:
        path.touch(mode=0o600)
    except OSError as error:
        log.warning('%s cannot be written: %s', path, error)


def _time_of(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None
