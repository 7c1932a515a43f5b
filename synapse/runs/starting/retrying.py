"""What a retry would keep, save and find changed, before it starts; and the retries of a run, each visible."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from storage.pruned_runs import PrunedRuns
from synapse.errors import Invalid, NotFound, SynapseError
from synapse.language import _, _n, in_thread
from synapse.language.figures import number
from synapse.records import Record
from synapse.runs.comparison.changes import Change, Unknown
from synapse.runs.comparison.comparing import Comparisons
from synapse.runs.context import RunContext
from synapse.runs.records import RunRecord, RunRequest, RunState, StepRun, StepState
from synapse.runs.transitions import label_of
from synapse.sizes import size_of

from .creation import NewRuns, steps_of_retry

MOST_RETRIES = 100
"""Of a longer chain of retries the oldest are not looked up."""
MOST_FILES = 50


class KeptStep(Record):
    """A step whose work a retry keeps, with the time it took."""

    name: str
    seconds: float | None


class KeptFile(Record):
    """An output of a kept step."""

    name: str
    size: int


class Start(Record):
    """A step, and whether a retry can start from it; `reason` says why not."""

    name: str
    is_possible: bool
    reason: str = ''


class RetryPlan(Record):
    """What a retry would do. It is possible unless there is a `reason`; `fields` has values that do not fit.

    `kept_count` and `kept_bytes` are of all files that it takes over, `kept_files` are the outputs among them.
    With `is_all_done` every step had succeeded, so that a retry would do everything twice.
    """

    run: str
    number: int
    from_step: str | None
    is_possible: bool
    is_all_done: bool
    summary: str
    reason: str = ''
    hint: str = ''
    fields: dict[str, str] = Field(default_factory=dict)
    runs: tuple[str, ...] = ()
    kept_steps: tuple[KeptStep, ...] = ()
    kept_files: tuple[KeptFile, ...] = ()
    kept_count: int = 0
    kept_bytes: int = 0
    saves_seconds: float = 0.0
    steps: tuple[Start, ...] = ()
    changes: tuple[Change, ...] = ()
    unknown: tuple[Unknown, ...] = ()


class RunAttempt(Record):
    """One run of a chain of retries: `from_step` is where it began, `step` where it failed or is now.

    Of a run that was removed only number, state and times are known.
    """

    id: str
    number: int
    state: RunState
    retry_of: str | None
    from_step: str | None = None
    step: str | None = None
    message: str = ''
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    is_removed: bool = False


class Retries:
    """Use it on the event loop; what reads the disk is awaited."""

    def __init__(self, context: RunContext, new: NewRuns, compared: Comparisons) -> None:
        self._catalog, self._folders, self._unfinished = context.catalog, context.folders, context.unfinished
        self._store = context.store
        self._pruned = PrunedRuns(context.store)
        self._new = new
        self._compared = compared

    async def plan(
        self, old: RunRecord, from_step: str | None = None, parameters: Mapping[str, Any] | None = None
    ) -> RetryPlan:
        """Return what a retry of this run would do; nothing is changed.

        :param parameters: those that are to be other ones
        """
        problem: SynapseError | None = None
        steps: Sequence[StepRun] = ()
        whole = old.parameters
        try:
            steps, whole = await self._new.checked_retry(old, RunRequest(old.pipeline, parameters or {}), from_step)
        except SynapseError as error:
            problem = error
        changes, unknown = await self._compared.since_then(old, whole)
        kept = [step for step in steps if step.is_kept]
        count, size = await asyncio.to_thread(self._folders.size_of, old.id) if kept else (0, 0)
        saved = sum(step.worked_seconds(step.finished_at) or 0.0 for step in kept if step.finished_at)
        outputs = [item for item in old.artifacts if item.step in {step.name for step in kept}]
        return RetryPlan(
            run=old.id,
            number=old.number,
            from_step=from_step,
            is_possible=problem is None,
            is_all_done=old.is_all_done,
            summary=_summary(old, kept, saved, count, size) if problem is None else problem.message,
            reason=problem.message if problem else '',
            hint=problem.hint if problem else '',
            fields=dict(problem.fields) if isinstance(problem, Invalid) else {},
            runs=tuple(step.name for step in steps if not step.is_kept),
            kept_steps=tuple(KeptStep(name=step.name, seconds=_seconds(step)) for step in kept),
            kept_files=tuple(KeptFile(name=item.name, size=item.size) for item in outputs[:MOST_FILES]),
            kept_count=count,
            kept_bytes=size,
            saves_seconds=round(saved, 3),
            steps=tuple(await in_thread(self._starts, old)),
            changes=tuple(changes),
            unknown=tuple(unknown),
        )

    async def chain(self, run: RunRecord) -> list[RunAttempt]:
        """Return this run with those it retries and those that retry it, oldest first; alone if there are none."""
        unfinished = {known.id: known for known in self._unfinished}
        return await asyncio.to_thread(self._chain, run, unfinished)

    def _starts(self, old: RunRecord) -> list[Start]:
        info = self._catalog.find(old.pipeline)
        return [self._start(old, str(step['name'])) for step in info.steps] if info is not None else []

    def _start(self, old: RunRecord, name: str) -> Start:
        try:
            steps = steps_of_retry(old, self._catalog.get(old.pipeline), name)
            done = [step.name for step in steps if step.is_kept]
            if done:
                self._folders.checkpoint_of(old, done)
        except SynapseError as error:
            return Start(name=name, is_possible=False, reason=error.message)
        return Start(name=name, is_possible=True)

    def _chain(self, run: RunRecord, unfinished: Mapping[str, RunRecord]) -> list[RunAttempt]:
        found: dict[str, RunAttempt] = {}
        first: str | None = run.id
        while first is not None and first not in found and len(found) < MOST_RETRIES:
            try:
                found[first] = self._attempt(first, unfinished)
            except NotFound:  # removed long ago
                break
            first = found[first].retry_of
        waiting = [*found]
        while waiting and len(found) < MOST_RETRIES:
            for document in self._store.retries_of(waiting.pop(0)):
                if document['id'] not in found:
                    found[document['id']] = self._attempt(document['id'], unfinished)
                    waiting.append(document['id'])
        return sorted(found.values(), key=lambda attempt: attempt.number)

    def _attempt(self, id: str, unfinished: Mapping[str, RunRecord]) -> RunAttempt:
        known = unfinished.get(id)
        document = None if known is not None else self._store.get(id)
        if document is not None:
            known = RunRecord.model_validate(document)
        if known is not None:
            return attempt_of(known)
        trace = self._pruned.find(id=id)
        if trace is None:
            raise NotFound('run_not_found', _('No run has the id {id!r}.', id=id))
        return RunAttempt(**{name: trace.get(name) for name in _OF_TRACE}, is_removed=True)


_OF_TRACE = ('id', 'number', 'state', 'retry_of', 'created_at', 'started_at', 'finished_at')


def attempt_of(run: RunRecord) -> RunAttempt:
    """Return a run as one of a chain."""
    kept = [step for step in run.steps if step.is_kept]
    rest = [step for step in run.steps if not step.is_kept]
    at = run.failed_step or run.active_step or next((step for step in rest if step.error), None)
    if at is None and run.state in (RunState.CANCELLED, RunState.INTERRUPTED):
        at = next((step for step in rest if step.state is not StepState.SUCCEEDED), None)
    return RunAttempt(
        id=run.id,
        number=run.number,
        state=run.state,
        retry_of=run.retry_of,
        from_step=rest[0].name if kept and rest else None,
        step=at.name if at else None,
        message=run.error.words if run.error else '',
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
    )


def _seconds(step: StepRun) -> float | None:
    seconds = step.worked_seconds(step.finished_at) if step.finished_at else None
    return None if seconds is None else round(seconds, 3)


def _summary(old: RunRecord, kept: Sequence[StepRun], saved: float, count: int, size: int) -> str:
    if old.is_all_done:
        return _(
            'All steps of #{number} had succeeded, so nothing is left to do: a retry would do everything twice.',
            number=old.number,
        )
    if not kept:
        return _('All steps run again; nothing is kept.')
    names = ', '.join(label_of(step.name, old.pipeline) for step in kept)
    seconds = number(saved, digits=0)
    if not count:
        return _n(
            '{steps} is kept, which saves {seconds} s.',
            '{steps} are kept, which saves {seconds} s.',
            len(kept),
            steps=names,
            seconds=seconds,
        )
    files = _n('{count} file ({size})', '{count} files ({size})', count, size=size_of(size))
    return _n(
        '{steps} is kept with {files}, which saves {seconds} s.',
        '{steps} are kept with {files}, which saves {seconds} s.',
        len(kept),
        steps=names,
        files=files,
        seconds=seconds,
    )
