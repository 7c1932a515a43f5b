"""A run and its steps, and the arrows along which their states move."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import ConfigDict, Field

from synapse.inbox.arriving import FoundFile
from synapse.language import _
from synapse.records import Kept, Problem, Record, Retold, RetoldRecord, is_unset

from .made_of import MadeOf
from .pauses import Pause

EVENT_WORK = 'event '
"""The prefix of `work_of` for the runs of an event, before the id of the event."""


KEPT_FROM = 'kept from'
"""How the note of a step begins that a retry has kept, before the number of the run."""


class RunState(StrEnum):
    """`queued → running ⇄ paused → succeeded / failed / cancelled / interrupted`."""

    QUEUED = 'queued'
    RUNNING = 'running'
    PAUSED = 'paused'
    SUCCEEDED = 'succeeded'
    FAILED = 'failed'
    CANCELLED = 'cancelled'
    INTERRUPTED = 'interrupted'

    @property
    def is_final(self) -> bool:
        return not RUN_ARROWS[self]

    @property
    def is_live(self) -> bool:
        """Whether a process works (or holds) for this run right now."""
        return self in (RunState.RUNNING, RunState.PAUSED)


class StepState(StrEnum):
    """`pending → running → succeeded / failed / skipped / cancelled`."""

    PENDING = 'pending'
    RUNNING = 'running'
    SUCCEEDED = 'succeeded'
    FAILED = 'failed'
    SKIPPED = 'skipped'
    CANCELLED = 'cancelled'

    @property
    def is_final(self) -> bool:
        return not STEP_ARROWS[self]


_RUN_ENDS = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.INTERRUPTED})


_STEP_ENDS = frozenset({StepState.SUCCEEDED, StepState.FAILED, StepState.SKIPPED, StepState.CANCELLED})


RUN_ARROWS: dict[RunState, frozenset[RunState]] = {
    # A queued run is interrupted only if the control room died between its claim and its start.
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.CANCELLED, RunState.INTERRUPTED}),
    RunState.RUNNING: _RUN_ENDS | {RunState.PAUSED},
    RunState.PAUSED: _RUN_ENDS | {RunState.RUNNING},
} | {state: frozenset() for state in _RUN_ENDS}


STEP_ARROWS: dict[StepState, frozenset[StepState]] = {
    StepState.PENDING: frozenset({StepState.RUNNING, StepState.SKIPPED, StepState.CANCELLED}),
    StepState.RUNNING: _STEP_ENDS,
} | {state: frozenset() for state in _STEP_ENDS}


class Pace(Record):
    """The first progress that an attempt of a step reported: its speed is measured from here, not from its start."""

    at: datetime
    percent: float


class Silence(RetoldRecord):
    """The process of a run does not answer, since a moment; only while it is so."""

    since: datetime
    message: Retold
    hint: Retold


class StepAttempt(Record):
    """One call of a step that was called more than once.

    Its lines are the entries of the step in the log whose `seq` is above `after_seq` and up to `last_seq`, which is
    None until it has ended.
    """

    attempt: int
    started_at: datetime
    finished_at: datetime | None = None
    error: Problem | None = None
    after_seq: int = 0
    last_seq: int | None = None


class Stall(RetoldRecord):
    """A step that has given no sign of life for far longer than ever before, since a moment; only while it is so."""

    step: str
    since: datetime
    longest_seconds: float | None = None
    """The longest silence before, None if no earlier run of the same work is known."""
    message: Retold
    hint: Retold


class Cut(Record):
    """What a run has printed beyond its limit, and the log does not have; `bytes` of text."""

    lines: int = 0
    bytes: int = 0

    def plus(self, other: 'Cut') -> 'Cut':
        return Cut(lines=self.lines + other.lines, bytes=self.bytes + other.bytes)


class StepRun(Record):
    """One step inside one run; `progress` is 0–100."""

    name: str
    state: StepState = StepState.PENDING
    progress: float = 0.0
    note: str = ''
    attempt: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: Problem | None = None
    attempts: tuple[StepAttempt, ...] = Field(default=(), exclude_if=is_unset)
    """Its calls, if there was more than one; of many the last."""
    held_seconds: float = Field(default=0.0, exclude_if=is_unset)
    """How long it has been paused, without a pause that isn't over; like `held_at` only in JSON if it was paused."""
    held_at: datetime | None = Field(default=None, exclude_if=is_unset)
    """Since when it is paused."""
    quiet_seconds: float = Field(default=0.0, exclude_if=is_unset)
    """The longest time without a sign of life; only of a step that took a minute or more."""
    pace: Pace | None = Field(default=None, exclude=True)
    """Only in memory, as long as the step runs; None before its first progress."""

    @property
    def is_kept(self) -> bool:
        """Whether a retry has kept it from the run before."""
        return self.note.startswith(KEPT_FROM)

    @property
    def shown_note(self) -> str:
        """Its note as people see it."""
        number = self.note.removeprefix(f'{KEPT_FROM} #')
        return _('kept from #{number}', number=number) if self.is_kept else self.note

    @property
    def counts_from(self) -> datetime | None:
        """The moment from which its clock counts, pauses left out; None before its start and while it is paused."""
        if self.started_at is None or self.held_at is not None:
            return None
        return self.started_at + timedelta(seconds=self.held_seconds)

    def worked_seconds(self, now: datetime) -> float | None:
        """Return how long it has worked until `now` or its end, pauses left out; None before its start."""
        if self.started_at is None:
            return None
        until = self.finished_at or self.held_at or now
        return max(0.0, (until - self.started_at).total_seconds() - self.held_seconds)


class Artifact(Record):
    """A file that a run left in its run folder; `name` is its path below `runs/ID/artifacts/`."""

    name: str
    size: int
    step: str | None = None
    media_type: str = 'application/octet-stream'


class Question(Record):
    """What a step asks, and until when it waits; one of `choices`, a form for `schema`, or any text answers it."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    id: str
    step: str | None
    number: int = 1
    """Which question of its step it is, counted from 1."""
    text: str
    choices: tuple[str, ...] | None = None
    form: dict[str, Any] | None = Field(default=None, alias='schema')
    model: str = Field(default='', exclude_if=is_unset)
    """The model in the pipeline's file that an answer has to fit, as `load_model` names it."""
    asked_at: datetime
    expires_at: datetime | None = None
    default: Any = None


class Answer(Record):
    """The answer to a question: by whom and when, or that no one gave one in time."""

    id: str
    """That of the question."""
    step: str | None
    number: int = 1
    text: str
    """The question."""
    answer: Any
    by: Kept
    because: Kept = ''
    answered_at: datetime
    is_expired: bool = Field(default=False, exclude_if=is_unset)


@dataclass(frozen=True)
class RunRequest:
    """What to run; its fields are those of the `RunRecord` that is created from it."""

    pipeline: str
    parameters: Mapping[str, Any]
    """As given: defaults of the profile fill in what is missing."""
    _: KW_ONLY
    profile: str | None = None
    because: str = ''
    event_id: str | None = None
    due: datetime | None = None
    timeout_seconds: float | None = None
    stop_signal: str | None = None
    grace_seconds: float | None = None
    is_alone: bool = False
    subject: str = ''
    """The title of its event, if it has one: see `inputs.subject_of`."""
    found: tuple[FoundFile, ...] = ()


class RunRecord(Record):
    """One execution of a pipeline, with the field names of the API."""

    id: str
    number: int
    pipeline: str
    profile: str | None = None
    parameters: dict[str, Any]
    state: RunState = RunState.QUEUED
    because: Kept = ''
    event_id: str | None = None
    due: datetime | None = None
    retry_of: str | None = None
    steps: tuple[StepRun, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    error: Problem | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    subject: str = ''
    """What the run is about, which pages show as its name."""
    timeout_seconds: float | None = None
    """How long it may take from its start, as its event says."""
    stop_signal: str | None = None
    grace_seconds: float | None = None
    """How its programs are asked to end, as its event says; None for what the pipeline says."""
    is_alone: bool = False
    """Whether it waits until no other run of its event is live."""
    found: tuple[FoundFile, ...] = Field(default=(), exclude_if=is_unset)
    """The files among its parameters that a watch folder or an event has found for it."""
    is_pausing: bool = False
    """Whether it was asked to pause and still runs."""
    pause: Pause | None = Field(default=None, exclude_if=is_unset)
    """Why, since when and until when it is paused, or was asked to be."""
    is_stopping: bool = False
    question: Question | None = None
    """What it waits for while it is paused, if a step has asked."""
    answers: tuple[Answer, ...] = Field(default=(), exclude_if=is_unset)
    is_waiting: bool = Field(default=False, exclude_if=is_unset)
    """Whether it waits for an answer, or after that for a worker: its step can be called again with the answers."""
    waited_seconds: float = Field(default=0.0, exclude_if=is_unset)
    """How long it has waited like this, without a wait that isn't over."""
    silence: Silence | None = Field(default=None, exclude_if=is_unset)
    made_of: MadeOf | None = Field(default=None, exclude_if=is_unset)
    """What it was made of when it started; None before that, and for runs of earlier builds."""
    stall: Stall | None = Field(default=None, exclude_if=is_unset)
    machine: str = Field(default='', exclude_if=is_unset)
    """The name of the other machine that carries it out, or did so last; empty for this one."""
    waits_for: str = Field(default='', exclude_if=is_unset)
    """Why it stays in the queue although a worker is free."""
    cut: Cut | None = Field(default=None, exclude_if=is_unset)
    is_recovered: bool = Field(default=False, exclude_if=is_unset)
    """Whether it was made of what was left of a damaged file: its parameters are not known."""
    work: str = ''
    """For a retry: the work of the run that it retries, as `work_of` names it."""

    @property
    def active_step(self) -> StepRun | None:
        return next((step for step in self.steps if step.state is StepState.RUNNING), None)

    @property
    def latest_step(self) -> StepRun | None:
        """The step that works, else the last one that did."""
        started = [step for step in self.steps if step.state not in (StepState.PENDING, StepState.SKIPPED)]
        return self.active_step or (started[-1] if started else None)

    @property
    def failed_step(self) -> StepRun | None:
        return next((step for step in self.steps if step.state is StepState.FAILED), None)

    @property
    def held_at(self) -> datetime | None:
        """Since when it is paused, in a step or between two."""
        if self.active_step is not None:
            return self.active_step.held_at
        return self.pause.since if self.pause is not None and self.is_held else None

    @property
    def is_pause_offered(self) -> bool:
        """Whether to offer a person to pause it: what waits for an answer stands still already."""
        return self.is_pausable and not self.is_waiting

    @property
    def is_held(self) -> bool:
        """Whether a person has paused it, and it does not wait for an answer."""
        is_waiting = self.question is not None or (self.is_waiting and not self.is_pausing)
        return self.state is RunState.PAUSED and not is_waiting

    @property
    def is_held_asking(self) -> bool:
        """Whether it asks, and is to stay paused once it is answered."""
        return self.question is not None and self.is_pausing and self.state is RunState.PAUSED

    @property
    def is_beginning(self) -> bool:
        """Whether a worker has it, and none of its steps has begun: its files may be on their way to its machine."""
        return self.state is RunState.RUNNING and all(
            step.state is StepState.PENDING or step.is_kept for step in self.steps
        )

    @property
    def is_cancellable(self) -> bool:
        return not self.state.is_final

    @property
    def is_pausable(self) -> bool:
        return self.state.is_live and not (self.is_held or self.is_pausing or self.is_stopping)

    @property
    def is_resumable(self) -> bool:
        return self.is_held or self.is_pausing

    @property
    def is_retryable(self) -> bool:
        return self.state.is_final

    @property
    def is_all_done(self) -> bool:
        """Whether all its steps have succeeded, however it ended: running them again would do everything twice."""
        return bool(self.steps) and all(step.state is StepState.SUCCEEDED for step in self.steps)

    @property
    def took_seconds(self) -> float | None:
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


def work_of(run: RunRecord) -> str:
    """Return a key that is the same for all attempts at the same work.

    That is for all runs of an event, for a run and its retries, and for runs started by hand with the same pipeline,
    profile and parameters.
    """
    if run.work or run.event_id:
        return run.work or f'{EVENT_WORK}{run.event_id}'
    if run.is_recovered:
        return f'work {run.id}'
    # A file from the inbox is in the folder of its run by now, so its path contains the id.
    given = json.dumps([run.pipeline, run.profile, run.parameters], sort_keys=True, default=str).replace(run.id, '')
    return f'work {hashlib.sha256(given.encode()).hexdigest()[:16]}'


class IllegalMove(AssertionError):
    """A state was to move where no arrow leads: a bug in Synapse."""


def moved(run: RunRecord, state: RunState, **changes: Any) -> RunRecord:
    """Return the run in its next state.

    :raises IllegalMove: if no arrow leads from the present state to `state`
    """
    if state not in RUN_ARROWS[run.state]:
        raise IllegalMove(f'run {run.id}: no arrow from {run.state} to {state}')
    return run.changed(state=state, **changes)


def step_moved(step: StepRun, state: StepState, **changes: Any) -> StepRun:
    """Return the step in its next state.

    :raises IllegalMove: if no arrow leads from the present state to `state`
    """
    if state not in STEP_ARROWS[step.state]:
        raise IllegalMove(f'step {step.name}: no arrow from {step.state} to {state}')
    return step.changed(state=state, pace=None, **changes)
