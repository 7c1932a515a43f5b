"""The rules by which a run changes: pure functions from a run and a message to the next run.

Whatever a run host sends, and in whatever order, states move only along the arrows of `records`; a message that no
arrow allows changes nothing, and the same object is returned.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from synapse.catalog.info import BUILT_IN
from synapse.language import N_, Text, _, text_from, translated
from synapse.records import Problem

from .records import (
    KEPT_FROM,
    RUN_ARROWS,
    STEP_ARROWS,
    Answer,
    Artifact,
    Pace,
    Question,
    RunRecord,
    RunState,
    StepAttempt,
    StepRun,
    StepState,
    moved,
    step_moved,
)

NOTE_LENGTH = 500
MOST_ATTEMPTS = 20
_NO_FLAGS = {
    'is_pausing': False,
    'is_stopping': False,
    'silence': None,
    'stall': None,
    'waits_for': '',
    'question': None,
    'is_waiting': False,
    'pause': None,
}
QUIET_SECONDS = 60.0
"""Of a shorter step it is not recorded how long it was silent."""


def started(run: RunRecord, now: datetime, machine: str = '') -> RunRecord:
    """Start a queued run, or continue one that has its answer; any other is unchanged.

    :param machine: the name of another one that carries it out from now on
    """
    if run.is_waiting and run.question is None:
        return resumed(run.changed(machine=machine), now)
    if run.state is not RunState.QUEUED:
        return run
    return moved(run, RunState.RUNNING, started_at=now, waits_for='', machine=machine)


def paused(run: RunRecord, now: datetime) -> RunRecord:
    """The host reports that it holds: running becomes paused, and the clocks of its running steps stop."""
    if run.state is not RunState.RUNNING:
        return run
    return moved(run, RunState.PAUSED, steps=_held(run, now))


def asked(run: RunRecord, question: Question, now: datetime) -> RunRecord:
    """A step asks: running becomes paused; it may be paused already, by a person. One question at a time is open."""
    if not run.state.is_live or run.question is not None:
        return run
    if run.state is RunState.PAUSED:
        return run.changed(question=question, is_waiting=True)
    return moved(run, RunState.PAUSED, steps=_held(run, now), question=question, is_waiting=True)


def answered(run: RunRecord, answer: Answer, *, is_held: bool = False) -> RunRecord:
    """The question has its answer; still paused, until a worker is free. Unchanged if it is not this question.

    :param is_held: whether it was asked to pause meanwhile, so that it now is paused like any other
    """
    question = run.question
    if question is None or question.id != answer.id:
        return run
    waited = run.waited_seconds + max(0.0, (answer.answered_at - question.asked_at).total_seconds())
    more = (*run.answers, answer)
    return run.changed(question=None, answers=more, is_waiting=not is_held, waited_seconds=waited)


def question_from(message: Mapping[str, Any], now: datetime) -> Question | None:
    """Return the question in a message of a host, None if it is malformed."""
    timeout = message.get('timeout')
    try:
        expires_at = now + timedelta(seconds=timeout) if timeout is not None else None
        known = {name: message.get(name) for name in ('id', 'step', 'number', 'text', 'choices', 'model', 'default')}
        return Question.model_validate(
            {**known, 'schema': message.get('schema'), 'asked_at': now, 'expires_at': expires_at}
        )
    except (ValueError, TypeError, OverflowError):
        return None


def resumed(run: RunRecord, now: datetime) -> RunRecord:
    """The host reports that it continues: paused becomes running."""
    if run.state is not RunState.PAUSED:
        return run
    waited = run.waited_seconds
    if run.is_waiting and run.answers:  # since the answer it has waited for a worker
        waited += max(0.0, (now - run.answers[-1].answered_at).total_seconds())
    steps = tuple(_released(step, now) for step in run.steps)
    return moved(run, RunState.RUNNING, steps=steps, is_waiting=False, waited_seconds=waited)


def steps_named(run: RunRecord, names: Iterable[str]) -> RunRecord:
    """Take the steps the host found in the pipeline, in its order; a step that has started is never dropped."""
    known = {step.name: step for step in run.steps}
    names = list(dict.fromkeys(names))
    kept = tuple(step for step in run.steps if step.name not in names and step.state is not StepState.PENDING)
    steps = kept + tuple(known.get(name) or StepRun(name=name) for name in names)
    return run if run.state.is_final or steps == run.steps else run.changed(steps=steps)


def attempt_failed(run: RunRecord, message: Mapping[str, Any], now: datetime, last_seq: int | None = None) -> RunRecord:
    """Apply an `attempt` message of the host: a call of a step has failed, and another one follows.

    :param last_seq: the number of the last entry in the log by then
    """
    step = _step(run, message.get('name'))
    if step is None or step.state is not StepState.RUNNING or step.started_at is None or not run.state.is_live:
        return run
    number = _attempt(message.get('attempt'), step.attempt)
    known = step.attempts or (StepAttempt(attempt=number, started_at=step.started_at),)
    if known[-1].attempt != number or known[-1].finished_at is not None:
        return run  # said before
    ended = _attempt_ended(known, now, problem_from(message.get('error')), last_seq)
    return _with_step(run, step.changed(attempts=ended))


def step_reported(
    run: RunRecord, message: Mapping[str, Any], now: datetime, last_seq: int | None = None, *, quiet: float = 0.0
) -> RunRecord:
    """Apply a `step` message of the host: a step starts, is retried, or ends.

    :param last_seq: as in `attempt_failed`
    :param quiet: seconds of its longest silence
    """
    step = _step(run, message.get('name'))
    state = _step_state(message.get('state'))
    if step is None or state is None or not run.state.is_live:
        return run
    attempt = _attempt(message.get('attempt'), step.attempt)
    if state is StepState.RUNNING and step.state is StepState.RUNNING:
        attempts = _attempt_started(step.attempts, attempt, now)
        return _with_step(run, step.changed(attempt=attempt, progress=0.0, note='', pace=None, attempts=attempts))
    if state not in STEP_ARROWS[step.state]:
        return run
    if state is StepState.RUNNING:
        return _with_step(run, step_moved(step, state, attempt=max(attempt, 1), started_at=now))
    problem = problem_from(message.get('error'))
    changes: dict[str, Any] = {'finished_at': now, 'attempt': attempt, 'error': problem}
    changes['attempts'] = _attempt_ended(step.attempts, now, problem, last_seq)
    if state is StepState.SUCCEEDED:
        changes['progress'] = 100.0
        changes['quiet_seconds'] = round(quiet, 1) if (step.worked_seconds(now) or 0.0) >= QUIET_SECONDS else 0.0
    return _with_step(run, step_moved(_released(step, now), state, **changes))


def progressed(run: RunRecord, message: Mapping[str, Any], now: datetime) -> RunRecord:
    """Apply a `progress` message: percent is clamped to 0 to 100, and only a running step advances."""
    step = _step(run, message.get('step'))
    percent = message.get('percent')
    if step is None or step.state is not StepState.RUNNING or not run.state.is_live:
        return run
    if not isinstance(percent, int | float) or not math.isfinite(percent):
        percent = step.progress
    percent = min(100.0, max(0.0, float(percent)))
    note = str(message.get('note') or '')[:NOTE_LENGTH]
    # A step that falls back behind its first progress, as with another encoder, starts its work again.
    pace = step.pace if step.pace and step.pace.percent <= percent else Pace(at=now, percent=percent)
    return _with_step(run, step.changed(progress=percent, note=note, pace=pace))


def artifact_kept(run: RunRecord, message: Mapping[str, Any]) -> RunRecord:
    """Apply an `artifact` message; it replaces an artifact of the same name."""
    name, size, step = message.get('name'), message.get('size'), message.get('step')
    if run.state.is_final or not isinstance(name, str) or not name:
        return run
    artifact = Artifact(
        name=name,
        size=size if isinstance(size, int) else 0,
        step=step if isinstance(step, str) else None,
        media_type=str(message.get('media_type') or 'application/octet-stream'),
    )
    others = tuple(known for known in run.artifacts if known.name != name)
    return run.changed(artifacts=(*others, artifact))


def ended(run: RunRecord, state: RunState, now: datetime, *, error: Problem | None = None) -> RunRecord:
    """Return the run in its final state, with every step in one too; a run that has ended is unchanged.

    A running step ends as the run does; one that never started is skipped, with a note that says why.
    """
    if state not in RUN_ARROWS[run.state]:
        return run
    note = _why_skipped(run, state)
    steps = tuple(_explained(_step_ended(step, state, now, error, note), error) for step in run.steps)
    return moved(run, state, steps=steps, finished_at=now, error=error, **_NO_FLAGS)


def kept_from(steps: tuple[StepRun, ...], from_step: str, number: int) -> tuple[StepRun, ...]:
    """Return the steps of a retry: those before `from_step` are kept from run `number`, the others are pending.

    :param steps: of the run that is retried, all before `from_step` succeeded
    """
    names = [step.name for step in steps]
    place = names.index(from_step)
    kept = [step if step.is_kept else _kept(step, number) for step in steps[:place]]
    return (*kept, *(StepRun(name=name) for name in names[place:]))


def problem_from(value: Any) -> Problem | None:
    """Return the problem in a message of a host, however malformed it is."""
    if not isinstance(value, Mapping):
        return None
    line, exit_code, seq = (value.get(name) for name in ('line', 'exit_code', 'seq'))
    parts = value.get('parts')
    parts = parts if isinstance(parts, Mapping) else {}
    message, hint = (text_from(str(value.get(name) or ''), parts.get(name)) for name in ('message', 'hint'))
    return Problem(
        message=message or _('No reason was given.'),
        hint=hint,
        type=str(value.get('type') or ''),
        file=str(value['file']) if value.get('file') else None,
        line=line if isinstance(line, int) else None,
        traceback=str(value['traceback']) if value.get('traceback') else None,
        program=str(value.get('program') or ''),
        exit_code=exit_code if isinstance(exit_code, int) else None,
        reason=str(value.get('reason') or ''),
        seq=seq if isinstance(seq, int) else None,
    )


def label_of(step: str, pipeline: str = '') -> str:
    """Return a step's name as it is shown in sentences: `RENDER`; of a built-in pipeline in the reader's language."""
    label = step.replace('_', ' ').upper()
    return Text(translated(label), label) if pipeline in BUILT_IN else label


def state_words(state: RunState) -> str:
    """Return a state as it is shown in sentences: `queued`, `running`, ..."""
    return Text(translated(_STATES[state]), _STATES[state])


_STATES = {
    RunState.QUEUED: N_('queued'),
    RunState.RUNNING: N_('running'),
    RunState.PAUSED: N_('paused'),
    RunState.SUCCEEDED: N_('succeeded'),
    RunState.FAILED: N_('failed'),
    RunState.CANCELLED: N_('cancelled'),
    RunState.INTERRUPTED: N_('interrupted'),
}


def _step(run: RunRecord, name: Any) -> StepRun | None:
    return next((step for step in run.steps if step.name == name), None)


def _step_state(value: Any) -> StepState | None:
    try:
        return StepState(value)
    except ValueError:
        return None


def _attempt(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and value > 0 else otherwise


def _attempt_started(known: tuple[StepAttempt, ...], number: int, now: datetime) -> tuple[StepAttempt, ...]:
    """Return the attempts with the next one, if the first one is known: of a single one nothing is kept."""
    if not known or number <= known[-1].attempt:
        return known
    started = StepAttempt(attempt=number, started_at=now, after_seq=known[-1].last_seq or 0)
    return (*known, started)[-MOST_ATTEMPTS:]


def _attempt_ended(
    known: tuple[StepAttempt, ...], now: datetime, problem: Problem | None, last_seq: int | None
) -> tuple[StepAttempt, ...]:
    if not known or known[-1].finished_at is not None:
        return known
    error = problem and problem.changed(traceback=None)  # which is in the log
    return (*known[:-1], known[-1].changed(finished_at=now, error=error, last_seq=last_seq))


def _with_step(run: RunRecord, step: StepRun) -> RunRecord:
    return run.changed(steps=tuple(step if known.name == step.name else known for known in run.steps))


def _held(run: RunRecord, now: datetime) -> tuple[StepRun, ...]:
    return tuple(step.changed(held_at=now) if step.state is StepState.RUNNING else step for step in run.steps)


def _released(step: StepRun, now: datetime) -> StepRun:
    """Return the step with its pause, if there is one, added to the time that doesn't count."""
    if step.held_at is None:
        return step
    held = max(timedelta(), now - step.held_at)
    pace = step.pace and step.pace.changed(at=step.pace.at + held)
    return step.changed(held_at=None, held_seconds=step.held_seconds + held.total_seconds(), pace=pace)


def _kept(step: StepRun, number: int) -> StepRun:
    return step.changed(note=f'{KEPT_FROM} #{number}')


def _explained(step: StepRun, error: Problem | None) -> StepRun:
    """Return the step with the reason of the run's failure, if only that was found once the whole log was there."""
    known = step.error
    if error is None or known is None or not error.reason or known.reason:
        return step
    is_same = (known.program, known.exit_code, known.type) == (error.program, error.exit_code, error.type)
    return step.changed(error=error) if is_same else step


def _why_skipped(run: RunRecord, state: RunState) -> str:
    at = run.failed_step or run.active_step
    if state is RunState.SUCCEEDED:
        return ''
    who = label_of(at.name, run.pipeline) if at else _('the run')
    if state is RunState.FAILED:
        return _('{step} failed', step=who)
    return _('{step} was cancelled', step=who) if state is RunState.CANCELLED else _('{step} was interrupted', step=who)


_STEP_FATE = {
    RunState.SUCCEEDED: StepState.SUCCEEDED,
    RunState.FAILED: StepState.FAILED,
    RunState.CANCELLED: StepState.CANCELLED,
    RunState.INTERRUPTED: StepState.CANCELLED,
}


def _step_ended(step: StepRun, state: RunState, now: datetime, error: Problem | None, note: str) -> StepRun:
    if step.state is StepState.PENDING:
        return step_moved(step, StepState.SKIPPED, note=note)
    if step.state is not StepState.RUNNING:
        return step
    fate = _STEP_FATE[state]
    error = error if fate is StepState.FAILED else None
    attempts = _attempt_ended(step.attempts, now, error, None)
    return step_moved(_released(step, now), fate, finished_at=now, error=error, attempts=attempts)
