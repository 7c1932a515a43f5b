"""What the control room itself writes into the log of a run: queued, started, each step, the end."""

from datetime import datetime
from typing import Any

from synapse.log.log import Level, Log

from .records import RunRecord, RunState, StepRun, StepState
from .transitions import label_of

SOURCE = 'runs'


class LifecycleLog:
    """Writes entries about runs. Those about steps carry a field `rule`, so that a page can draw them as rules."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def say(
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
        self.say(run, f'Run #{run.number} of {run.pipeline}{about} is queued{because}')

    def started(self, run: RunRecord, worker: str) -> None:
        self.say(run, f'Run #{run.number} has started on {worker}')

    def step_moved(self, run: RunRecord, step: StepRun) -> None:
        """A step has begun, began another try, or came to its end."""
        label = label_of(step.name)
        if step.state is StepState.RUNNING:
            again = f', try {step.attempt}' if step.attempt > 1 else ''
            at = None if again else step.started_at
            about: dict[str, Any] = {'rule': 'started', 'attempt': step.attempt, **_before(run, step)}
            self.say(run, f'{label} started{again}', step=step.name, at=at, **about)
            return
        seconds = seconds_of(step)
        took = f' after {clock(seconds)}' if seconds is not None else ''
        words, at = f'{label} {step.state}{took}', step.finished_at
        self.say(run, words, step=step.name, at=at, rule=str(step.state), seconds=seconds)

    def ended(self, run: RunRecord) -> None:
        took = f' after {clock(run.took_seconds)}' if run.took_seconds is not None else ''
        where = f' in {label_of(run.failed_step.name)}' if run.failed_step else ''
        reason = f': {run.error.message}' if run.error else ''
        message = f'Run #{run.number} {_ENDS[run.state]}{where if run.state is RunState.FAILED else ""}{took}{reason}'
        fields: dict[str, Any] = {'hint': run.error.hint} if run.error and run.error.hint else {}
        self.say(run, message, level=_LEVELS[run.state], **fields)


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
    """The step that ended before this one began, and how long it took."""
    ended = [known for known in run.steps if known.finished_at is not None and known.name != step.name]
    if not ended:
        return {}
    last = max(ended, key=lambda known: known.finished_at or known.started_at or run.created_at)
    return {'before': label_of(last.name), 'before_seconds': seconds_of(last)}


def seconds_of(step: StepRun) -> float | None:
    """How long a step took, if it began and ended."""
    if step.started_at is None or step.finished_at is None:
        return None
    return round((step.finished_at - step.started_at).total_seconds(), 3)


def clock(seconds: float) -> str:
    """`4.2 s`, `2:18`, `1:02:18`."""
    if seconds < 60:
        return f'{seconds:.1f} s'
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02}:{rest:02}' if hours else f'{minutes}:{rest:02}'
