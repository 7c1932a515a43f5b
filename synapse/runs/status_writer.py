"""What `Status` shows of runs: state, current job, workers, queue. Written at most once per turn of the event loop."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from synapse.status import Status, StatusChanged, StatusState

from .context import RunContext
from .dispatch.dispatcher import Dispatcher
from .estimates import Estimates
from .messages import QueueChanged, RunChanged, RunDispatched, RunsRemoved
from .pauses import Pause
from .records import RunRecord, RunState


def state_of(
    live: Sequence[RunRecord], *, is_queue_paused: bool, is_failed: bool, is_at_fault: bool = False
) -> StatusState:
    """`busy` while a run works, `paused` while everything is held, `error` after a failure, else `idle`.

    :param is_failed: whether the last run to end failed and no one has looked at it since
    :param is_at_fault: whether nothing can be saved, which is an error whatever runs
    """
    if is_at_fault:
        return 'error'
    if any(run.state is not RunState.PAUSED for run in live):
        return 'busy'
    if live or is_queue_paused:
        return 'paused'
    return 'error' if is_failed else 'idle'


def job_of(run: RunRecord, title: str, eta_seconds: float | None) -> Mapping[str, Any]:
    """The current job as the API returns it; `progress` is that of the running step."""
    step = run.active_step
    return {
        'run': run.id,
        'pipeline': run.pipeline,
        'name': run.subject or title,
        'step': step.name if step else None,
        'progress': round(step.progress, 1) if step else 0.0,
        'note': step.note if step else '',
        'eta_seconds': None if eta_seconds is None else round(eta_seconds, 1),
    }


def pause_as_json(pause: Pause | None, *, is_drained: bool) -> Mapping[str, Any] | None:
    """Return why the queue is paused, as the API says it; None while it is not."""
    if pause is None:
        return None
    said = pause.changed(is_length=False).as_json()
    is_drain = said.pop('is_drain', False)
    return {**said, 'drain': is_drain, 'drained': is_drained}


class StatusWriter:
    """Follows runs and queue on the bus, and updates `Status` at the end of each turn in which one of them changed."""

    def __init__(self, context: RunContext, status: Status, dispatcher: Dispatcher, estimates: Estimates) -> None:
        self._status = status
        self._dispatcher = dispatcher
        self._estimates = estimates
        self._bus, self._catalog, self._unfinished = context.bus, context.catalog, context.unfinished
        self._next: Mapping[str, Any] | None = None
        self._unseen_failure: str | None = None
        self._fault = ''
        self._is_due = False
        self._bus.subscribe(RunChanged, self._run_changed)
        self._bus.subscribe(RunDispatched, lambda _: self.mark_failure_seen())
        self._bus.subscribe(RunsRemoved, self._runs_removed)
        self._bus.subscribe(QueueChanged, lambda _: self._write_soon())

    def set_next(self, following: Mapping[str, Any] | None) -> None:
        """Show this as the occurrence that falls due next."""
        self._next = following
        self._write_soon()

    def set_fault(self, fault: str) -> None:
        """Show `error` with this sentence; with an empty one no longer."""
        self._fault = fault
        self._write_soon()

    def mark_failure_seen(self, id: str | None = None) -> None:
        """Stop showing `error` for this failed run, or for any."""
        if id is None or id == self._unseen_failure:
            self._unseen_failure = None
            self._write_soon()

    def write(self) -> None:
        """Update the fields that differ, and publish `StatusChanged` if any did."""
        self._is_due = False
        changes = {name: value for name, value in self._values().items() if getattr(self._status, name) != value}
        for name, value in changes.items():
            setattr(self._status, name, value)
        if changes:
            self._bus.publish(StatusChanged())

    def _run_changed(self, message: RunChanged) -> None:
        if message.run.state is RunState.FAILED:
            self._unseen_failure = message.run.id
        self._write_soon()

    def _runs_removed(self, message: RunsRemoved) -> None:
        for id in message.ids:
            self.mark_failure_seen(id)

    def _write_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self.write)

    def _job_of(self, run: RunRecord) -> Mapping[str, Any]:
        return job_of(run, self._catalog.title_of(run.pipeline), self._estimates.seconds_left(run))

    def _values(self) -> Mapping[str, Any]:
        working = [run for run in self._unfinished.working() if run.is_held or not run.is_waiting]
        queue, workers = self._unfinished.queue, self._dispatcher.workers.as_json(self._unfinished.get)
        running = [run for run in working if not run.is_held]
        current = next(iter(running or working), None)
        return {
            'state': state_of(
                working,
                is_queue_paused=queue.is_paused,
                is_failed=self._unseen_failure is not None,
                is_at_fault=bool(self._fault),
            ),
            'fault': self._fault,
            'job': self._job_of(current) if current else None,
            'waiting': len(self._unfinished.waiting()),
            'running': len(running),
            'held': len(working) - len(running),
            'queue_paused': queue.is_paused,
            'queue_pause': pause_as_json(queue.pause, is_drained=self._unfinished.is_drained),
            'workers': workers,
            'busy_workers': sum(worker['state'] not in ('idle', 'paused') for worker in workers),
            'next': self._next,
            'notice': self._dispatcher.notice if len(queue) else '',
        }
