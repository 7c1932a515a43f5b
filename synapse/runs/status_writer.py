"""What `Status` shows of runs: state, current job, workers, queue. Written when something moved, told once per turn."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from synapse.bus import Bus
from synapse.status import Status, StatusChanged, StatusState

from .records import RunRecord, RunState


def state_of(live: Sequence[RunRecord], *, is_queue_paused: bool, is_failed: bool) -> StatusState:
    """One word for all: `busy` while a run works, `paused` while nothing can go on, `error` after a failure.

    :param is_failed: whether the run that ended last has failed, and nobody has looked at it since
    """
    if any(run.state is not RunState.PAUSED for run in live):
        return 'busy'
    if live or is_queue_paused:
        return 'paused'
    return 'error' if is_failed else 'idle'


def job_of(run: RunRecord, title: str, eta_seconds: float | None) -> Mapping[str, Any]:
    """The current job as the API gives it; `progress` is that of the step."""
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


class StatusWriter:
    """Gathers the wish to write: however many runs move in one turn of the loop, `Status` changes once.

    :param values: the present values of the fields, asked at the time of writing
    """

    def __init__(self, status: Status, bus: Bus, values: Callable[[], Mapping[str, Any]]) -> None:
        self._status = status
        self._bus = bus
        self._values = values
        self._is_due = False

    def soon(self) -> None:
        """Write at the end of this turn of the loop."""
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self.write)

    def write(self) -> None:
        """Write what is different, and tell if anything was."""
        self._is_due = False
        changes = {name: value for name, value in self._values().items() if getattr(self._status, name) != value}
        for name, value in changes.items():
            setattr(self._status, name, value)
        if changes:
            self._bus.publish(StatusChanged())
