"""Retries or stops many runs: which can be, why the others can't, and what became of each."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from synapse.errors import NotFound, SynapseError
from synapse.language import _n
from synapse.language.formats import number

from .history.run_filter import RunFilter
from .records import RunRecord, RunState
from .recovery.resuming import unfinished_step
from .runs import Runs

MOST = 1_000
"""The most runs of one go."""


class BulkAction(StrEnum):
    RETRY = 'retry'
    CANCEL = 'cancel'


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """The runs that can be retried or stopped, oldest first, and how many can't for each reason.

    `for_count` says a reason of as many, in the language of the reader.
    """

    able: tuple[RunRecord, ...]
    unable: Mapping[str, int]
    keeping: int
    """How many of them have steps that a retry can keep."""


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What became of one run: the new or stopped one as `done`, or the `error`."""

    run: RunRecord
    done: RunRecord | None = None
    error: SynapseError | None = None


class Bulk:
    """Use it on the event loop."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    async def chosen(self, ids: Iterable[str]) -> list[RunRecord]:
        """Return the runs with these ids as they are now; those that were removed meanwhile are left out."""
        found = []
        for id in dict.fromkeys(ids):
            with contextlib.suppress(NotFound):
                found.append(await self._runs.get(id))
        return found

    async def plan_numbers(self, action: BulkAction, numbers: Collection[int]) -> BulkPlan:
        """Return the plan for the newest of the runs with these numbers."""
        newest = sorted(numbers, reverse=True)[:MOST]
        plan = self.plan(action, await self._runs.finder.numbered(newest))
        return _beyond(plan, len(numbers) - len(newest))

    async def plan_all(self, action: BulkAction, only: RunFilter, spared: Collection[int] = ()) -> BulkPlan:
        """Return the plan for the newest runs that fit and can be retried or stopped, but for those `spared`."""
        finder, states = self._runs.finder, only.states or frozenset(RunState)
        unable = Counter[str]()
        for state in sorted(states - _ABLE[action]):
            unable[_obstacle_of(state)] += (await finder.count(replace(only, states=frozenset({state})))).number
        if not states & _ABLE[action]:
            return BulkPlan((), +unable, 0)
        fitting = replace(only, states=states & _ABLE[action])
        runs: list[RunRecord] = []
        async for some in finder.all(fitting):
            runs += [run for run in some if run.number not in spared]
            if len(runs) >= MOST:
                break
        plan = self.plan(action, runs[:MOST])
        unable.update(plan.unable)
        beyond = (await finder.count(fitting)).number - len(spared) - MOST if len(runs) >= MOST else 0
        return _beyond(replace(plan, unable=+unable), beyond)

    def plan(self, action: BulkAction, chosen: Sequence[RunRecord]) -> BulkPlan:
        """Return what `carry_out` would do, and for how many runs it can't do it."""
        able: list[RunRecord] = []
        unable = Counter[str]()
        retried = {run.retry_of for run in chosen}
        for run in sorted(chosen, key=lambda run: run.number):
            reason = self.obstacle(action, run)
            if not reason and action is BulkAction.RETRY and run.id in retried:
                reason = RETRIED  # else the same work would be done twice
            if reason:
                unable[reason] += 1
            else:
                able.append(run)
        return BulkPlan(tuple(able), unable, sum(unfinished_step(run) is not None for run in able))

    def obstacle(self, action: BulkAction, run: RunRecord) -> str:
        """Return why a run can't be retried or stopped, such as `has succeeded`; empty if it can."""
        if run.state not in _ABLE[action]:
            return _obstacle_of(run.state)
        if action is BulkAction.CANCEL:
            return _n('is being stopped already', 'are being stopped already', 1) if run.is_stopping else ''
        if run.is_all_done:
            return _n('had done all its steps', 'had done all their steps', 1)
        info = self._runs.pipeline_of(run)
        if info is None:
            return _n(
                'is of the pipeline {pipeline}, which is gone',
                'are of the pipeline {pipeline}, which is gone',
                1,
                pipeline=run.pipeline,
            )
        if run.is_recovered and info.schema.get('properties'):
            return _n('has lost its parameters in a damaged file', 'have lost their parameters in a damaged file', 1)
        if info.is_runnable:
            return ''
        return _n(
            'is of the pipeline {pipeline}, which is broken',
            'are of the pipeline {pipeline}, which is broken',
            1,
            pipeline=info.title,
        )

    async def carry_out(
        self, action: BulkAction, chosen: Sequence[RunRecord], *, keeps_steps: bool = True, because: str = ''
    ) -> AsyncIterator[BulkResult]:
        """Retry or stop these runs one after the other, and yield what became of each.

        :param keeps_steps: whether a retry begins at the first step that has not succeeded, if there are some before it
        """
        for run in chosen:
            try:
                yield BulkResult(run, done=await self._do(action, run, keeps_steps, because))
            except SynapseError as error:
                yield BulkResult(run, error=error)

    async def _do(self, action: BulkAction, run: RunRecord, keeps_steps: bool, because: str) -> RunRecord:
        if action is BulkAction.CANCEL:
            return await self._runs.cancel(run.id, because=because)
        return await self._runs.retry(run.id, from_step=unfinished_step(run) if keeps_steps else None, because=because)


def _obstacle_of(state: RunState) -> str:
    return _ENDED.get(state) or _n('has not ended', 'have not ended', 1)


def _beyond(plan: BulkPlan, count: int) -> BulkPlan:
    """Return the plan, with those that are too many for one go among the ones left out."""
    reason = _n(
        'is older than the newest {most}, the most at once',
        'are older than the newest {most}, the most at once',
        1,
        most=number(MOST),
    )
    return replace(plan, unable=Counter(plan.unable) + Counter({reason: count})) if count > 0 else plan


RETRIED = _n('was retried already by another of these', 'were retried already by another of these', 1)
_ABLE = {
    BulkAction.RETRY: frozenset({RunState.FAILED, RunState.INTERRUPTED}),
    BulkAction.CANCEL: frozenset({RunState.QUEUED, RunState.RUNNING, RunState.PAUSED}),
}
_ENDED = {
    RunState.SUCCEEDED: _n('has succeeded', 'have succeeded', 1),
    RunState.FAILED: _n('has failed', 'have failed', 1),
    RunState.CANCELLED: _n('was stopped', 'were stopped', 1),
    RunState.INTERRUPTED: _n('was interrupted', 'were interrupted', 1),
}
