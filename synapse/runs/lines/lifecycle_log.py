"""What the control room itself writes to the log of a run: queued, started, each step, the end."""

from datetime import datetime
from typing import Any

from synapse.durations import clock
from synapse.language import N_, _, filled, joined, own
from synapse.language.figures import number
from synapse.log.log import Level, Log
from synapse.runs.causes import cause_words
from synapse.runs.records import Answer, RunRecord, RunState, StepRun, StepState
from synapse.runs.transitions import label_of

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
        self._log.append(level, own(message), source=SOURCE, run=run.id, step=step, fields=fields or None, timestamp=at)

    def queued(self, run: RunRecord) -> None:
        what = f'{run.pipeline}, {run.subject}' if run.subject else run.pipeline
        because = joined(' (', cause_words(run.because), ')', by='') if run.because else ''
        self.write(run, filled(QUEUED, number=run.number, pipeline=what, because=because))

    def started(self, run: RunRecord, worker: str) -> None:
        self.write(run, filled(STARTED, number=run.number, worker=worker))

    def step_moved(self, run: RunRecord, step: StepRun) -> None:
        """Log that a step has started, is being retried, or has ended."""
        label = label_of(step.name, run.pipeline)
        if step.state is StepState.RUNNING:
            text = _('{step} started', step=label)
            if step.attempt > 1:
                text = _('{step} started, try {attempt}', step=label, attempt=step.attempt)
            at = None if step.attempt > 1 else step.started_at
            about: dict[str, Any] = {'rule': 'started', 'attempt': step.attempt, **_before(run, step)}
            self.write(run, text, step=step.name, at=at, **about)
            return
        seconds = seconds_of(step)
        text = _step_ended(label, step.state, seconds)
        self.write(run, text, step=step.name, at=step.finished_at, rule=str(step.state), seconds=seconds)

    def asked(self, run: RunRecord) -> None:
        """Log the open question of a run."""
        if (question := run.question) is None:
            return
        choices = f' ({" / ".join(question.choices)})' if question.choices else ''
        fields: dict[str, Any] = {'question': question.id}
        if question.expires_at is not None:
            fields['expires_at'] = question.expires_at.isoformat()
        asked = f'{question.text}{choices}'
        text = _('{step} asks: {question}', step=_asker(run, question.step), question=asked)
        self.write(run, text, level=Level.WARNING, step=question.step, **fields)

    def answered(self, run: RunRecord, answer: Answer) -> None:
        """Log who has answered what."""
        fields = {'question': answer.id, 'by': answer.by, 'answer': answer.answer}
        why = f' ({answer.because})' if answer.because else ''
        if answer.is_expired:
            text = _('No one answered {step} in time', step=_asker(run, answer.step))
        else:
            text = _(
                '{step} is answered by {someone}: {answer}',
                step=_asker(run, answer.step),
                someone=cause_words(answer.by),
                answer=f'{in_words(answer.answer)}{why}',
            )
        self.write(run, text, step=answer.step, **fields)

    def continued(self, run: RunRecord, worker: str) -> None:
        self.write(run, _('Run #{number} continues on {worker}', number=run.number, worker=worker))

    def ended(self, run: RunRecord) -> None:
        reason = f': {run.error.words}' if run.error else ''
        message = _run_ended(run, reason)
        fields: dict[str, Any] = {'hint': run.error.hint} if run.error and run.error.hint else {}
        self.write(run, message, level=_LEVELS[run.state], **fields)


def in_words(answer: Any) -> str:
    """Return an answer as people read it: a text, or the fields of a form."""
    if isinstance(answer, dict):
        return ', '.join(f'{name}: {value}' for name, value in answer.items())
    return str(answer)


def _asker(run: RunRecord, step: str | None) -> str:
    return label_of(step, run.pipeline) if step else _('Run #{number}', number=run.number)


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
    return {'before': label_of(last.name, run.pipeline), 'before_seconds': seconds_of(last)}


def seconds_of(step: StepRun) -> float | None:
    """Return how long a step took, None if it has not started and ended."""
    if step.started_at is None or step.finished_at is None:
        return None
    return round((step.finished_at - step.started_at).total_seconds(), 3)


def _run_ended(run: RunRecord, reason: str) -> str:
    """Return how a run has ended, where it failed, and after what time.

    :param reason: with a colon before it, or empty
    """
    values: dict[str, Any] = {'number': run.number, 'reason': reason}
    has_time = run.took_seconds is not None
    if run.took_seconds is not None:
        values['time'] = _time(run.took_seconds)
    if run.state is RunState.FAILED and run.failed_step:
        step = label_of(run.failed_step.name, run.pipeline)
        return filled(FAILED_IN_AFTER if has_time else FAILED_IN, step=step, **values)
    return filled((ENDED_AFTER if has_time else ENDED)[run.state], **values)


def _step_ended(step: str, state: StepState, seconds: float | None) -> str:
    if seconds is None:
        return filled(_STEP_ENDS[state], step=step)
    return filled(_STEP_ENDS_AFTER[state], step=step, time=_time(seconds))


def _time(seconds: float) -> str:
    return _('{seconds} s', seconds=number(seconds, digits=1)) if seconds < 60 else clock(seconds)


QUEUED = N_('Run #{number} of {pipeline} is queued{because}')
STARTED = N_('Run #{number} has started on {worker}')
UNQUEUED = N_('Run #{number} was removed from the queue{why}')
FAILED_IN = N_('Run #{number} has failed in {step}{reason}')
FAILED_IN_AFTER = N_('Run #{number} has failed in {step} after {time}{reason}')
ENDED = {
    RunState.SUCCEEDED: N_('Run #{number} has succeeded{reason}'),
    RunState.FAILED: N_('Run #{number} has failed{reason}'),
    RunState.CANCELLED: N_('Run #{number} was cancelled{reason}'),
    RunState.INTERRUPTED: N_('Run #{number} was interrupted{reason}'),
}
ENDED_AFTER = {
    RunState.SUCCEEDED: N_('Run #{number} has succeeded after {time}{reason}'),
    RunState.FAILED: N_('Run #{number} has failed after {time}{reason}'),
    RunState.CANCELLED: N_('Run #{number} was cancelled after {time}{reason}'),
    RunState.INTERRUPTED: N_('Run #{number} was interrupted after {time}{reason}'),
}
_STEP_ENDS = {
    StepState.PENDING: N_('{step} pending'),
    StepState.SUCCEEDED: N_('{step} succeeded'),
    StepState.FAILED: N_('{step} failed'),
    StepState.SKIPPED: N_('{step} skipped'),
    StepState.CANCELLED: N_('{step} cancelled'),
}
_STEP_ENDS_AFTER = {
    StepState.PENDING: N_('{step} pending after {time}'),
    StepState.SUCCEEDED: N_('{step} succeeded after {time}'),
    StepState.FAILED: N_('{step} failed after {time}'),
    StepState.SKIPPED: N_('{step} skipped after {time}'),
    StepState.CANCELLED: N_('{step} cancelled after {time}'),
}
