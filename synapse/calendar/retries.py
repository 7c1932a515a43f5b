"""Retries failed runs of events, as often as their event says, across restarts too."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from storage.ledger import Ledger
from synapse.bus import Bus
from synapse.errors import SynapseError
from synapse.inbox.newest import Chosen
from synapse.language import _, own
from synapse.restored import Restored
from synapse.runs.ending import MACHINE_LOST
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord, RunRequest, RunState
from synapse.runs.recovery.resuming import MACHINE_ENDS_SECONDS, interrupted_because, unfinished_step
from synapse.runs.runs import Runs

from .events import Event, Occurrence, OccurrenceState
from .messages import OccurrencesChanged

REACH = timedelta(hours=1)
"""A retry that was due this long before the program started is still made."""


@dataclass(kw_only=True, eq=False)
class Retries:
    """Follows the runs of occurrences until they end. Used on the event loop only.

    :param changing: see `Firing`: a run may end before its occurrence is saved as fired
    :param in_background: runs a coroutine as a task and logs its errors
    :param restored: from which backup the data folder came back: what was due before that was made is not retried
    """

    events: Mapping[str, Event]
    ledger: Ledger
    runs: Runs
    bus: Bus
    now: Callable[[], datetime]
    changing: asyncio.Lock
    in_background: Callable[[Coroutine[Any, Any, None]], None]
    restored: Restored | None = None
    _waiting: dict[tuple[str, datetime], asyncio.TimerHandle] = field(default_factory=dict, init=False)
    _unsubscribe: Callable[[], None] | None = field(default=None, init=False)

    async def start(self) -> None:
        """Watch for failed runs, and restore the retries that were waiting before a restart."""
        self._unsubscribe = self.bus.subscribe(RunChanged, self._run_changed)
        for run in self.runs.settled.resumed:
            if run.due is not None:
                await self.runs.resuming.go_on(run, self._resume)
        await self._restore()
        for run in self.runs.settled.ended:  # however long ago: nobody has looked at them before
            if run.due is not None:
                await self._ended(run)

    def stop(self) -> None:
        """Stop retrying until the next start."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        for handle in self._waiting.values():
            handle.cancel()

    def _run_changed(self, message: RunChanged) -> None:
        run = message.run
        if message.moved and run.due is not None and run.event_id is not None and run.state.is_final:
            self.in_background(self._ended(run))

    async def _ended(self, run: RunRecord) -> None:
        async with self.changing:
            row = await self._row_after(run)
        if row is not None:
            self.bus.publish(OccurrencesChanged((row,)))

    async def _row_after(self, run: RunRecord) -> Occurrence | None:
        """Return the row of a run that has ended, saved with what follows from that."""
        found = await asyncio.to_thread(self.ledger.of_run, run.id)
        event = self.events.get(run.event_id or '')
        if found is None:
            return None
        row = Occurrence.model_validate(found)
        if run.state is RunState.CANCELLED and run.started_at is None:
            row = row.changed(state=OccurrenceState.CANCELLED, reason=own(_('Its run was taken out of the queue.')))
            await self.ledger.group.commit(self.ledger.save, [row.as_document()])
        elif event and was_lost(run) and await self.runs.resuming.applies_to(run):
            await self.runs.resuming.go_on(run, self._resume)
        elif event and row.retry_at is None and self._is_retried(run, row, event):
            least = MACHINE_ENDS_SECONDS if was_lost(run) else 0.0
            at = (run.finished_at or self.now()) + timedelta(seconds=max(event.retry.delay_seconds, least))
            row = row.changed(retry_at=at)
            await self.ledger.group.commit(self.ledger.save, [row.as_document()])
            self._retry_at(row, at)
        return row

    async def _restore(self) -> None:
        """Schedule retries that were waiting, and those of runs that failed just before a crash."""
        for found in await asyncio.to_thread(self.ledger.to_retry):
            row = Occurrence.model_validate(found)
            if row.retry_at is not None:
                self._retry_at(row, row.retry_at)
        events = [event for event in self.events.values() if event.retry.attempts]
        if not events:
            return
        reach = REACH + timedelta(seconds=max(event.retry.delay_seconds for event in events))
        now = self.now()
        for found, run in await asyncio.to_thread(self.ledger.between_with_runs, now - reach, now):
            ended = run is not None and run['state'] in (RunState.FAILED, RunState.INTERRUPTED)
            if run is not None and ended and found.get('retry_at') is None:
                record = RunRecord.model_validate(run)
                if self.restored is None or record.created_at > self.restored.made_at:
                    await self._ended(record)

    def _is_retried(self, run: RunRecord, row: Occurrence, event: Event) -> bool:
        """Whether the event retries this run: an interrupted one only if it says so, and it isn't retried anyway."""
        if not event.enabled or row.retries >= event.retry.attempts or run.is_all_done:
            return False
        if run.state is RunState.INTERRUPTED:
            return event.retry.interrupted and run not in self.runs.settled.resumed
        return run.state is RunState.FAILED

    async def _resume(self, run: RunRecord) -> None:
        """Retry a run whose pipeline may be retried after an interruption, from that step; no attempt is used up."""
        found = await asyncio.to_thread(self.ledger.of_run, run.id)
        event = self.events.get(run.event_id or '')
        if found is None or event is None or run.due is None:
            return
        row = Occurrence.model_validate(found)
        await self._replace(
            row, row, event.request(run.due, Chosen({}), because=interrupted_because(run)), unfinished_step(run)
        )

    def _retry_at(self, row: Occurrence, at: datetime) -> None:
        wait = max(0.0, (at - self.now()).total_seconds())
        key = (row.event_id, row.due)
        loop = asyncio.get_running_loop()
        self._waiting[key] = loop.call_later(wait, lambda: self.in_background(self._retry(row)))

    async def _retry(self, row: Occurrence) -> None:
        self._waiting.pop((row.event_id, row.due), None)
        event = self.events.get(row.event_id)
        if self._unsubscribe is None or row.run is None:
            return
        retried = row.changed(retry_at=None, retries=row.retries + 1)
        if event is None or not event.enabled:
            gone = _('Its event was deleted.') if event is None else _('Its event is switched off.')
            await self._give_up(retried, gone)
            return
        tries, most = retried.retries + 1, event.retry.attempts + 1
        because = _('{title}, try {number} of {count}', title=row.title, number=tries, count=most)
        await self._replace(row, retried, event.request(row.due, Chosen({}), because=own(because)))

    async def _replace(
        self, row: Occurrence, retried: Occurrence, wanted: RunRequest, from_step: str | None = None
    ) -> None:
        """Give a row a run that retries its present one, and queue that."""
        try:
            record = await self.runs.retry_record(row.run or '', wanted, from_step)
        except SynapseError as error:
            await self._give_up(retried, error.message)
            return
        retried = retried.changed(run=record.id)
        run = await self.ledger.group.commit(
            self.ledger.replace_run, retried.as_document(), record.as_document(), before=row.run
        )
        if run is not None:
            self.runs.admit([RunRecord.model_validate(run)])
            self.bus.publish(OccurrencesChanged((retried,)))

    async def _give_up(self, row: Occurrence, why: str) -> None:
        row = row.changed(reason=own(_('It could not be retried: {reason}', reason=why)))
        await self.ledger.group.commit(self.ledger.save, [row.as_document()])
        self.bus.publish(OccurrencesChanged((row,)))


def was_lost(run: RunRecord) -> bool:
    """Whether a run has ended because its machine is gone."""
    return run.state is RunState.INTERRUPTED and run.error is not None and run.error.type == MACHINE_LOST
