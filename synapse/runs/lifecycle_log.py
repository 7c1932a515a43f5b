"""What the control room itself writes to the log of a run: queued, started, each step, the end."""

from datetime import datetime
from typing import Any

from synapse.durations import clock
from synapse.log.log import Level, Log

from .records import RunRecord, RunState, StepRun, StepState
from .transitions import label_of

SOURCE = 'runs'


class LifecycleLog:
    """Writes entries about runs. Those about steps carry a field `rule`, so that a page can draw them as rules."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def write(
        self,
        run: RunRecord,
        message: str,
        *,
        level: Level = Level.INFO,
        step: str | None = None,
        at: datetime | None = None,
        **fields: Any,
    ) -> None:
        self._log.append(level, message, source=SOURCE, run=run.id, step=step, fields=fields or None, timestamp=at)

    def queued(self, run: RunRecord) -> None:
        about = f', {run.subject}' if run.subject else ''
        because = f' ({run.because})' if run.because else ''
        self.write(run, f'Run #{run.number} of {run.pipeline}{about} is queued{because}')

    def started(self, run: RunRecord, worker: str) -> None:
        self.write(run, f'Run #{run.number} has started on {worker}')

    def step_moved(self, run: RunRecord, step: StepRun) -> None:
        """Log that a step has started, is being retried, or has ended."""
        label = label_of(step.name)
        if step.state is StepState.RUNNING:
            again = f', try {step.attempt}' if step.attempt > 1 else ''
            at = None if again else step.started_at
            about: dict[str, Any] = {'rule': 'started', 'attempt': step.attempt, **_before(run, step)}
            self.write(run, f'{label} started{again}', step=step.name, at=at, **about)
            return
        seconds = seconds_of(step)
        text = f'{label} {step.state}{_after(seconds)}'
        self.write(run, text, step=step.name, at=step.finished_at, rule=str(step.state), seconds=seconds)

    def ended(self, run: RunRecord) -> None:
        where = f' in {label_of(run.failed_step.name)}' if run.state is RunState.FAILED and run.failed_step else ''
        reason = f': {run.error.words}' if run.error else ''
        message = f'Run #{run.number} {_ENDS[run.state]}{where}{_after(run.took_seconds)}{reason}'
        fields: dict[str, Any] = {'hint': run.error.hint} if run.error and run.error.hint else {}
        self.write(run, message, level=_LEVELS[run.state], **fields)


_ENDS = {
    RunState.SUCCEEDED: 'has succeeded',
    RunState.FAILED: 'has failed',
    RunState.CANCELLED: 'was cancelled',
    RunState.INTERRUPTED: 'was interrupted',
}
_LEVELS = {
    RunState.SUCCEEDED: Level.SUCCESS,
    RunState.FAILED: Level.ERROR,
    RunState.CANCELLED: Level.WARNING,
    RunState.INTERRUPTED: Level.WARNING,
}


def _before(run: RunRecord, step: StepRun) -> dict[str, Any]:
    """Return the step that ended before this one started, and how long it took, as fields."""
    ended = [known for known in run.steps if known.finished_at is not None and known.name != step.name]
    if not ended:
        return {}
    last = max(ended, key=lambda known: known.finished_at or known.started_at or run.created_at)
    return {'before': label_of(last.name), 'before_seconds': seconds_of(last)}


def seconds_of(step: StepRun) -> float | None:
    """Return how long a step took, None if it has not started and ended."""
    if step.started_at is None or step.finished_at is None:
        return None
    return round((step.finished_at - step.started_at).total_seconds(), 3)


def _after(seconds: float | None) -> str:
    if seconds is None:
        return ''
    return f' after {seconds:.1f} s' if seconds < 60 else f' after {clock(seconds)}'
