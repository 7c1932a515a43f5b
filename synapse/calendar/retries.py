"""Retries failed runs of events, as often as their event says, across restarts too."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from storage.ledger import Ledger
from synapse.bus import Bus
from synapse.errors import Conflict, SynapseError
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord, RunState
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
    """

    events: Mapping[str, Event]
    ledger: Ledger
    runs: Runs
    bus: Bus
    now: Callable[[], datetime]
    changing: asyncio.Lock
    in_background: Callable[[Coroutine[Any, Any, None]], None]
    _waiting: dict[tuple[str, datetime], asyncio.TimerHandle] = field(default_factory=dict, init=False)
    _unsubscribe: Callable[[], None] | None = field(default=None, init=False)

    async def start(self) -> None:
        """Watch for failed runs, and restore the retries that were waiting before a restart."""
        self._unsubscribe = self.bus.subscribe(RunChanged, self._run_changed)
        await self._restore()

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
            row = row.changed(state=OccurrenceState.CANCELLED, reason='Its run was taken out of the queue.')
            await self.ledger.group.commit(self.ledger.save, [row.as_json()])
        elif run.state is RunState.FAILED and event and event.enabled and row.retries < event.retry.attempts:
            at = (run.finished_at or self.now()) + timedelta(seconds=event.retry.delay_seconds)
            row = row.changed(retry_at=at)
            await self.ledger.group.commit(self.ledger.save, [row.as_json()])
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
            if run is not None and run['state'] == RunState.FAILED and found.get('retry_at') is None:
                await self._ended(RunRecord.model_validate(run))

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
        try:
            if event is None:
                raise Conflict('event_gone', 'Its event was deleted.')
            if not event.enabled:
                raise Conflict('event_off', 'Its event is switched off.')
            because = f'{row.title}, try {retried.retries + 1} of {event.retry.attempts + 1}'
            record = await self.runs.retry_record(row.run, event.request(row.due, {}, because=because))
        except SynapseError as error:
            retried = retried.changed(reason=f'It could not be retried: {error.message}')
            await self.ledger.group.commit(self.ledger.save, [retried.as_json()])
            self.bus.publish(OccurrencesChanged((retried,)))
            return
        retried = retried.changed(run=record.id)
        run = await self.ledger.group.commit(
            self.ledger.replace_run, retried.as_json(), record.as_json(), before=row.run
        )
        if run is not None:
            self.runs.admit([RunRecord.model_validate(run)])
            self.bus.publish(OccurrencesChanged((retried,)))
