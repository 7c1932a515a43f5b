"""A run in words: its state, its facts, and what stopping or retrying it means. Nothing here draws."""

from collections.abc import Sequence
from pathlib import PurePath

from pages.parts.html import WORDS
from pages.parts.words import clock_of, day_of, length_of, step_seconds, step_title
from synapse.control_room import ControlRoom
from synapse.runs.records import RunRecord, RunState, StepRun, StepState


def state_word(run: RunRecord) -> str:
    """Return `Running`, `Pausing`, `Stopping` and so on."""
    if run.is_stopping and not run.state.is_final:
        return 'Stopping'
    return 'Pausing' if run.is_pausing else WORDS[run.state]


def state_words(room: ControlRoom, run: RunRecord) -> str:
    """Return the state, with the step at which a run failed."""
    if run.state is RunState.FAILED and run.failed_step is not None:
        return f'Failed at {_name(room, run, run.failed_step)}'
    return state_word(run)


def state_in_list(room: ControlRoom, run: RunRecord) -> str:
    """Return the state as a list shows it: with the progress of a running step, or the reason of a failure."""
    words = state_words(room, run)
    if words == WORDS[RunState.RUNNING] and run.active_step is not None:
        return f'{_name(room, run, run.active_step)} {run.active_step.progress:.0f} %'
    if run.state is RunState.FAILED and run.failed_step is not None and run.error is not None:
        return f'{words}: {run.error.reason or run.error.message}'
    return words


def facts_of(room: ControlRoom, run: RunRecord) -> list[str]:
    """Return when a run went, how long it took, as whom and why; of a waiting one, its place in the queue."""
    begin = run.started_at or run.created_at
    because = run.because.removeprefix('the ').removeprefix('a ')
    facts = [
        f'{day_of(room, begin)}{" " if run.started_at else ", queued "}{clock_of(room, begin)}'
        + (f' to {clock_of(room, run.finished_at)}' if run.started_at and run.finished_at else ''),
        length_of(run.took_seconds),
        f'profile {run.profile}' if run.profile else '',
        f'started by {because}' if because and not because.startswith('retry') else because,
        room.runs.worker_of(run.id) or '',
        _place_in_queue(room, run) if run.state is RunState.QUEUED else '',
    ]
    return [fact for fact in facts if fact]


def _place_in_queue(room: ControlRoom, run: RunRecord) -> str:
    ahead = next((place for place, item in enumerate(room.runs.waiting()) if item.id == run.id), 0)
    start = room.runs.expected_starts().get(run.id)
    words = f'{ahead} ahead' if ahead else 'next in the queue'
    if room.runs.is_queue_paused:
        words += ', the queue is paused'
    return words + (f', starts about {clock_of(room, start)[:5]}' if start else '')


def what_stops(room: ControlRoom, run: RunRecord) -> str:
    """`RENDER ends now, at 63 %. INGEST and CAPTION are kept, so you can retry from RENDER later.`"""
    if run.state is RunState.QUEUED:
        return "It hasn't started yet. It is removed from the queue."
    active = run.active_step
    if active is None:
        return 'It ends now, with every process it started.'
    name = _name(room, run, active)
    at = f', at {active.progress:.0f} %' if active.progress >= 1 else ''
    kept = [step for step in run.steps if step.state is StepState.SUCCEEDED]
    if not kept:
        return f'{name} ends now{at}, with every process it started.'
    return f'{name} ends now{at}. {_kept(room, run, kept)}, so you can retry from {name} later.'


def step_to_retry(run: RunRecord) -> StepRun | None:
    """Return the first step that did not succeed, if there are steps before it that a retry can keep."""
    if not run.is_retryable or run.state is RunState.SUCCEEDED:
        return None
    place = next((place for place, step in enumerate(run.steps) if step.state is not StepState.SUCCEEDED), 0)
    return run.steps[place] if place else None


def is_input_refused(run: RunRecord) -> bool:
    """Whether the first step refused a file that the run was given: the same file would only be refused again."""
    first = run.steps[0] if run.steps else None
    if first is None or first.state is not StepState.FAILED or first.error is None or first.error.type != 'StepFailed':
        return False
    paths = (PurePath(value) for value in run.parameters.values() if isinstance(value, str))
    return any(path.is_absolute() and path.name in first.error.message for path in paths)


def what_is_kept(room: ControlRoom, run: RunRecord) -> str:
    """`INGEST and CAPTION are kept, so a retry from RENDER saves 2:42.`; empty if a retry can keep nothing."""
    step = step_to_retry(run)
    if step is None:
        return ''
    kept = run.steps[: run.steps.index(step)]
    saved = sum(step_seconds(item) or 0 for item in kept)
    saves = f', so a retry from {_name(room, run, step)} saves {length_of(saved)}' if saved >= 1 else ''
    return f'{_kept(room, run, kept)}{saves}.'


def _kept(room: ControlRoom, run: RunRecord, steps: Sequence[StepRun]) -> str:
    return f'{listed([_name(room, run, step) for step in steps])} {"are" if len(steps) > 1 else "is"} kept'


def _name(room: ControlRoom, run: RunRecord, step: StepRun) -> str:
    return step_title(room, run.pipeline, step.name)


def listed(names: Sequence[str]) -> str:
    """Return `A`, `A and B`, `A, B and C`; empty for no names."""
    return f'{", ".join(names[:-1])} and {names[-1]}' if len(names) > 1 else ''.join(names)
