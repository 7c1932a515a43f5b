"""The final state of a run: from what its host reported, how its process ended, and what was asked of it."""

from dataclasses import dataclass

from synapse.pipelines.problems import StepTimeout, problem_of
from synapse.records import Problem

from .records import RunRecord, RunState, StepRun, StepState
from .transitions import label_of

CLOSED = Problem(message='The control room was closed during this run.', type='interrupted')

_SIGNAL_HINTS = {
    'SIGSEGV': 'A library written in C crashed; the last lines of the log name the place.',
    'SIGABRT': 'A library gave up; the last lines of the log say why.',
    'SIGKILL': 'Something outside Synapse killed it, often the system when memory ran out.',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """All that is known when the process of a run is gone.

    `reported` is the state in the host's `end` message, None if none came; `signal` the name of the signal that ended
    the process, `why_killed` what is known about that; `fault` why the engine ended it unasked; `timed_out` a step that
    the control room had to end, and `overran` the seconds that its event allows, if they have passed.
    """

    reported: RunState | None = None
    error: Problem | None = None
    returncode: int = 0
    signal: str | None = None
    why_killed: str = ''
    fault: str = ''
    timed_out: StepRun | None = None
    timeout_seconds: float = 0.0
    overran: float = 0.0
    is_stopping: bool = False
    is_closing: bool = False


def outcome(ending: Ending) -> tuple[RunState, Problem | None]:
    """Return the final state of a run, with the reason where there is one."""
    if ending.reported is RunState.SUCCEEDED:
        return RunState.SUCCEEDED, None
    if ending.is_closing:
        return RunState.INTERRUPTED, CLOSED
    if ending.overran and not ending.is_stopping:
        return RunState.FAILED, _overrun(ending.overran)
    if ending.is_stopping or ending.reported is RunState.CANCELLED:
        return RunState.CANCELLED, None
    if ending.reported is RunState.FAILED:
        return RunState.FAILED, ending.error or Problem(message='The run failed and gave no reason.')
    return RunState.FAILED, _why_it_died(ending)


def _overrun(seconds: float) -> Problem:
    return Problem(
        message=f'It took longer than the {seconds:g} s that its event allows.',
        hint='Allow more time in the event, or find out why it takes so long.',
        type='timeout',
    )


def _why_it_died(ending: Ending) -> Problem:
    if ending.timed_out is not None:
        return problem_of(StepTimeout(ending.timed_out.name, ending.timeout_seconds))
    if ending.fault:
        return Problem(message=f'The process of this run had to be ended. {ending.fault}', type='host')
    if ending.signal is not None:
        return Problem(
            message=f'The process of this run was killed by {ending.signal} ({-ending.returncode}).',
            hint=ending.why_killed or _SIGNAL_HINTS.get(ending.signal, 'Something outside Synapse ended it.'),
            type='signal',
            exit_code=ending.returncode,
        )
    return Problem(
        message=f'The process of this run ended with code {ending.returncode} before its work was done.',
        hint='The last lines of the log may say why.',
        type='exit',
        exit_code=ending.returncode,
    )


def interrupted(run: RunRecord) -> Problem:
    """Return why a run that a previous start left unfinished has ended."""
    succeeded = any(step.state is StepState.SUCCEEDED for step in run.steps)
    step = run.active_step or next((step for step in run.steps if step.state is StepState.PENDING), None)
    hint = f'Retry it from {label_of(step.name)}.' if step and succeeded else 'Retry it.'
    return Problem(message='The control room stopped during this run.', hint=hint, type='interrupted')
