"""The final state of a run: from what its host reported, how its process ended, and what was asked of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from synapse.engine.engine import LEFT, REMOVED
from synapse.engine.leftovers import Leftover
from synapse.language import N_, _, filled, own_language, translated
from synapse.language.formats import moment
from synapse.pipelines.problems import StepTimeout, problem_of
from synapse.records import Problem
from synapse.recurrence.wall_time import wall_of

from .records import RunRecord, RunState, StepRun, StepState
from .transitions import label_of


def closed() -> Problem:
    """Return why a run has ended with the control room."""
    return Problem(message=_('The control room was closed during this run.'), type='interrupted')


MOST_NAMED = 3
MACHINE_LOST = 'machine_lost'
"""The type of the problem of a run whose machine is gone; what it has started there may live for some seconds yet."""
STUCK = 'not_brought'
"""The type of the problem of a run of which something could not be brought to where it is needed."""
_SIGNAL_HINTS = {
    'SIGSEGV': N_('A library written in C crashed; the last lines of the log name the place.'),
    'SIGABRT': N_('A library gave up; the last lines of the log say why.'),
    'SIGKILL': N_('Something outside Synapse killed it, often the system when memory ran out.'),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """All that is known when the process of a run is gone.

    `reported` is the state in the host's `end` message, None if none came; `signal` the name of the signal that ended
    the process, `why_killed` what is known about that; `fault` why the engine ended it unasked; `lost` the machine that
    is gone with it, `parting` how that went, `stuck` and `hint` why something of it could not be brought to where it is
    needed (see `HostExit`), and `lost_at` the step it was in; `excess` why it was ended for the memory that it took;
    `timed_out` a step that the control room had to end, and `overran` the seconds that its event allows, if they have
    passed. `is_all_done` says whether all steps had succeeded.
    """

    pipeline: str = ''
    reported: RunState | None = None
    error: Problem | None = None
    returncode: int = 0
    signal: str | None = None
    why_killed: str = ''
    fault: str = ''
    lost: str = ''
    parting: str = ''
    stuck: str = ''
    hint: str = ''
    lost_at: StepRun | None = None
    excess: Problem | None = None
    timed_out: StepRun | None = None
    timeout_seconds: float = 0.0
    overran: float = 0.0
    is_stopping: bool = False
    is_closing: bool = False
    is_all_done: bool = False


def outcome(ending: Ending) -> tuple[RunState, Problem | None]:
    """Return the final state of a run, with the reason where there is one."""
    if ending.excess is not None:  # also if the step did not notice that a process of it was ended
        return RunState.FAILED, ending.excess
    was_stopped = ending.is_stopping and not ending.is_closing
    if ending.stuck and not ending.is_stopping and not ending.is_closing and ending.reported is not RunState.FAILED:
        return RunState.FAILED, Problem(message=ending.stuck, hint=ending.hint, type=STUCK)
    if ending.reported is RunState.SUCCEEDED:
        return RunState.SUCCEEDED, None
    if ending.is_all_done and ending.reported is not RunState.FAILED and not was_stopped:
        return RunState.SUCCEEDED, None  # its host just had no time to say so
    if ending.is_closing:
        return RunState.INTERRUPTED, closed()
    if ending.lost:
        return RunState.INTERRUPTED, _lost(ending)
    if ending.overran and not ending.is_stopping:
        return RunState.FAILED, _overrun(ending.overran)
    if ending.is_stopping or ending.reported is RunState.CANCELLED:
        return RunState.CANCELLED, None
    if ending.reported is RunState.FAILED:
        return RunState.FAILED, ending.error or Problem(message=_('The run failed and gave no reason.'))
    return RunState.FAILED, _why_it_died(ending)


def _lost(ending: Ending) -> Problem:
    at = ending.lost_at
    values = {'machine': ending.lost, 'step': label_of(at.name, ending.pipeline) if at else ''}
    if ending.parting == REMOVED:
        said = N_('The machine {machine} was removed at {step}.') if at else N_('The machine {machine} was removed.')
    elif ending.parting == LEFT:
        said = N_('The worker on {machine} was ended at {step}.') if at else N_('The worker on {machine} was ended.')
    else:
        said = N_('The machine {machine} was lost at {step}.') if at else N_('The machine {machine} was lost.')
    hint = _('Retry it.') if ending.parting == LEFT else _('What ran there ends by itself within 15 s. Then retry it.')
    return Problem(message=filled(said, **values), hint=hint, type=MACHINE_LOST, step=at.name if at else '')


def _overrun(seconds: float) -> Problem:
    return Problem(
        message=_('It took longer than the {seconds:g} s that its event allows.', seconds=seconds),
        hint=_('Allow more time in the event, or find out why it takes so long.'),
        type='timeout',
    )


def _why_it_died(ending: Ending) -> Problem:
    if ending.timed_out is not None:
        return problem_of(StepTimeout(ending.timed_out.name, ending.timeout_seconds))
    if ending.fault:
        return Problem(message=_('The process of this run had to be ended. {fault}', fault=ending.fault), type='host')
    if ending.signal is not None:
        return Problem(
            message=_(
                'The process of this run was killed by {signal} ({number}).',
                signal=ending.signal,
                number=-ending.returncode,
            ),
            hint=ending.why_killed or _signal_hint(ending.signal),
            type='signal',
            exit_code=ending.returncode,
        )
    return Problem(
        message=_(
            'The process of this run ended with code {code} before its work was done.',
            code=ending.returncode,
        ),
        hint=_('The last lines of the log may say why.'),
        type='exit',
        exit_code=ending.returncode,
    )


def _signal_hint(signal: str) -> str:
    return translated(_SIGNAL_HINTS[signal]) if signal in _SIGNAL_HINTS else _('Something outside Synapse ended it.')


def interrupted(
    run: RunRecord,
    last_sign_at: datetime,
    zone: str,
    *,
    was_stopping: bool = False,
    leftovers: Sequence[Leftover] = (),
) -> Problem:
    """Return why a run that a previous start left unfinished has ended.

    :param last_sign_at: when it gave its last sign of life; named in the wall time of `zone`
    :param was_stopping: whether its host had already ended its work because it was asked to
    :param leftovers: programs of the run that still lived at this start and could not be ended
    """
    succeeded = any(step.state is StepState.SUCCEEDED for step in run.steps)
    step = run.active_step or next((step for step in run.steps if step.state is StepState.PENDING), None)
    hint = _('Retry it from {step}.', step=label_of(step.name, run.pipeline)) if step and succeeded else _('Retry it.')
    if leftovers:
        hint = _('End {names} first, which could not be ended. {hint}', names=names_of(leftovers), hint=hint)
    if run.machine:
        hint = _('What ran on {machine} ends by itself within 15 s. {hint}', machine=run.machine, hint=hint)
    at = wall_of(last_sign_at, zone)
    what = _('The control room stopped during this run')
    if was_stopping:
        what = _('The control room stopped while this run was being stopped')
    if step and run.active_step:
        what = _('{what}, in {step}', what=what, step=label_of(step.name, run.pipeline))
    elif step:
        what = _('{what}, before {step}', what=what, step=label_of(step.name, run.pipeline))
    day, time = moment('MMMd', at, own_language()), moment('Hms', at, own_language())
    return Problem(
        message=_('{what}. Its last sign of life was on {day} at {time}.', what=what, day=day, time=time),
        hint=hint,
        type='interrupted',
        step=step.name if step else '',
        last_sign_at=last_sign_at,
    )


def names_of(leftovers: Sequence[Leftover]) -> str:
    """Return the commands of these, each with its pid; of many the first three."""
    named = ', '.join(f'{left.command} (pid {left.pid})' for left in leftovers[:MOST_NAMED])
    more = len(leftovers) - MOST_NAMED
    return _('{names} and {count} more', names=named, count=more) if more > 0 else named
