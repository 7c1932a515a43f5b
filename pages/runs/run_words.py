"""A run in words: its state, its facts, and what stopping or retrying it means. Nothing here draws."""

from collections.abc import Sequence
from pathlib import PurePath

from pages.parts.html import WORDS
from pages.parts.words import (
    clock_of,
    day_and_clock_of,
    day_of,
    length_of,
    limits_of,
    moment_of,
    percent_of,
    profile_label,
    size_of,
    step_seconds,
    step_title,
)
from synapse.control_room import ControlRoom
from synapse.inbox.inputs import files_among
from synapse.language import _, _n, spoken
from synapse.language.formats import listed as listed
from synapse.runs.causes import cause_words
from synapse.runs.pauses import Pause
from synapse.runs.records import Cut, RunRecord, RunState, StepRun, StepState

MOST_NAMES = 6
"""More steps than this are only counted."""


def state_word(run: RunRecord) -> str:
    """Return `Running`, `Pausing`, `Stopping` and so on; `Held, asks` if it is to stay paused when it is answered."""
    if run.is_stopping and not run.state.is_final:
        return _('Stopping')
    if run.is_held_asking:
        return _('Held, asks')
    return _('Pausing') if run.is_pausing and not run.is_held else WORDS[run.state]


def state_words(room: ControlRoom, run: RunRecord) -> str:
    """Return the state, with the step at which a run failed, and what a paused one waits for."""
    if run.state is RunState.FAILED and run.failed_step is not None:
        return _('Failed at {step}', step=_name(room, run, run.failed_step))
    if run.is_waiting and not run.is_held and not run.is_stopping:
        if run.question is None:
            return _('Paused: waits for a worker')
        state = _('Held') if run.is_held_asking else state_word(run)
        step = run.question.step
        if not step:
            return _('{state}: it asks', state=state)
        return _('{state}: {step} asks', state=state, step=step_title(room, run.pipeline, step))
    return state_word(run)


def pause_words(room: ControlRoom, pause: Pause) -> str:
    """Return `since 14:02 by the dashboard, until 15 Oct 08:00: a new disk`."""
    words = _('since {time}', time=moment_of(room, pause.since))
    if pause.by:
        words = _('since {time} by {who}', time=moment_of(room, pause.since), who=cause_words(pause.by))
    if pause.until:
        words = _('{since}, until {time}', since=words, time=moment_of(room, pause.until))
    return f'{words}: {cause_words(pause.because)}' if pause.because else words


def pause_of_run(room: ControlRoom, run: RunRecord) -> str:
    """Return `paused since 14:02 by the page`, with `pausing` or `held` as it is; empty if no one has paused it."""
    state = _('held') if run.is_held_asking else state_word(run).lower()
    return f'{state} {pause_words(room, run.pause)}' if run.pause else ''


def state_in_list(room: ControlRoom, run: RunRecord) -> str:
    """Return the state as a list shows it: with the progress of a running step, or the reason of a failure."""
    words = state_words(room, run)
    if run.question is not None and not run.is_stopping:
        return f'{words}: {run.question.text}'
    is_moving = run.state is RunState.RUNNING and not (run.is_stopping or run.is_pausing)
    if is_moving and run.active_step is not None:
        return f'{_name(room, run, run.active_step)} {percent_of(run.active_step.progress)}'
    if run.state is RunState.FAILED and run.failed_step is not None and run.error is not None:
        return f'{words}: {run.error.reason or spoken(run.error.message)}'
    return words


def facts_of(room: ControlRoom, run: RunRecord) -> list[str]:
    """Return when a run went, how long it took, as whom and why; of a waiting one, its place in the queue."""
    facts = [
        _when(room, run),
        length_of(run.took_seconds),
        _('profile {profile}', profile=profile_label(room, run.profile)) if run.profile else '',
        _cause(run),
        room.runs.worker_of(run.id) or (run.machine and _('on {machine}', machine=run.machine)),
        pause_of_run(room, run) if not run.is_stopping else '',
        _place_in_queue(room, run) if run.state is RunState.QUEUED else '',
        *_limits(room, run),
    ]
    return [fact for fact in facts if fact]


def _when(room: ControlRoom, run: RunRecord) -> str:
    if run.started_at is None:
        return _('{day}, queued {time}', day=day_of(room, run.created_at), time=clock_of(room, run.created_at))
    start = day_and_clock_of(room, run.started_at)
    return _('{start} to {end}', start=start, end=clock_of(room, run.finished_at)) if run.finished_at else start


def _cause(run: RunRecord) -> str:
    because = cause_words(run.because).removeprefix('the ').removeprefix('a ')
    is_retry = run.retry_of is not None and '#' in because  # it says of which run
    return _('started by {cause}', cause=because) if because and not is_retry else because


def _limits(room: ControlRoom, run: RunRecord) -> list[str]:
    info = room.catalog.find(run.pipeline)
    if info is None:
        return []
    said = {'needs_free'} if run.waits_for else set()
    return limits_of({name: value for name, value in info.limits.items() if name not in said})


def cut_words(cut: Cut | None) -> str:
    """Return how much of the output of a run is not in its log, empty if all is."""
    if cut is None:
        return ''
    size = size_of(cut.bytes)
    return _n('{count} line ({size}) was not kept', '{count} lines ({size}) were not kept', cut.lines, size=size)


def _place_in_queue(room: ControlRoom, run: RunRecord) -> str:
    if run.waits_for:
        return _('waits for {what}', what=run.waits_for)
    ahead = next((place for place, item in enumerate(room.runs.waiting()) if item.id == run.id), 0)
    start = room.runs.expected_starts().get(run.id)
    words = [
        _('{count} ahead', count=ahead) if ahead else _('next in the queue'),
        _('the queue is paused') if room.runs.is_queue_paused else '',
        _('starts about {time}', time=clock_of(room, start)[:5]) if start else '',
    ]
    return ', '.join(filter(None, words))


def beginning_words(room: ControlRoom, run: RunRecord) -> str:
    """Return what goes on before the first step of a run that a worker has."""
    if not run.machine:
        return _('Starting')
    info = room.catalog.find(run.pipeline)
    if info is not None and any(True for _name in files_among(info.schema, run.parameters)):
        return _('Its files are on their way to {machine}', machine=run.machine)
    return _('Starts on {machine}', machine=run.machine)


def what_stops(room: ControlRoom, run: RunRecord) -> str:
    """`RENDER ends now, at 63 %. INGEST and CAPTION are kept, so you can retry from RENDER later.`"""
    if run.state is RunState.QUEUED:
        return _("It hasn't started yet. It is removed from the queue.")
    active = run.active_step
    if active is None:
        return _('It ends now, with every process it started.')
    name = _name(room, run, active)
    ends = _('{step} ends now', step=name)
    if active.progress >= 1:
        ends = _('{step} ends now, at {percent}', step=name, percent=percent_of(active.progress))
    kept = [step for step in run.steps if step.state is StepState.SUCCEEDED]
    if not kept:
        return _('{ends}, with every process it started.', ends=ends)
    return _('{ends}. {kept}, so you can retry from {step} later.', ends=ends, kept=_kept(room, run, kept), step=name)


def step_to_retry(run: RunRecord) -> StepRun | None:
    """Return the first step that did not succeed, if there are steps before it that a retry can keep."""
    if not run.is_retryable or run.is_recovered or run.state is RunState.SUCCEEDED:
        return None
    place = next((place for place, step in enumerate(run.steps) if step.state is not StepState.SUCCEEDED), 0)
    return run.steps[place] if place else None


def why_not_again(room: ControlRoom, run: RunRecord) -> str:
    """Return why a run cannot be repeated as things are now; empty if nothing speaks against it."""
    info = room.catalog.find(run.pipeline)
    if info is None:
        return _('The pipeline {pipeline} no longer exists.', pipeline=run.pipeline)
    if not info.is_runnable:
        reason = (info.error or {}).get('message') or _('its file has an error')
        return _('{pipeline} cannot run now: {reason}', pipeline=info.title, reason=reason)
    known = {profile.id for profile in room.profiles.all()}
    if run.profile and run.profile not in known:
        return _('The profile {profile} no longer exists.', profile=run.profile)
    return ''


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
    words = _kept(room, run, kept)
    if saved < 1:
        return f'{words}.'
    name = _name(room, run, step)
    return _('{kept}, so a retry from {step} saves {time}.', kept=words, step=name, time=length_of(saved))


def _kept(room: ControlRoom, run: RunRecord, steps: Sequence[StepRun]) -> str:
    if len(steps) > MOST_NAMES:
        return _n('{count} step is kept', '{count} steps are kept', len(steps))
    names = listed([_name(room, run, step) for step in steps])
    return _n('{steps} is kept', '{steps} are kept', len(steps), steps=names)


def _name(room: ControlRoom, run: RunRecord, step: StepRun) -> str:
    return step_title(room, run.pipeline, step.name)
