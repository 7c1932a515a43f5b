"""Runs that a previous start left unfinished: what their hosts had done by then, and how they end."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from storage.files import StorageError
from synapse.engine.leftovers import Leftover
from synapse.language import N_, _, _n
from synapse.log.log import Level
from synapse.protocol.messages import Kind
from synapse.records import Problem, now_utc
from synapse.runs import transitions
from synapse.runs.context import RunContext
from synapse.runs.ending import interrupted, names_of
from synapse.runs.lines.lifecycle_log import SOURCE, LifecycleLog
from synapse.runs.lines.reasons import with_reason
from synapse.runs.messages import LeftoversFound, RunChanged
from synapse.runs.records import RunRecord, RunState, StepState
from synapse.runs.starting.jobs import RunJobs

from .resuming import Resuming

log = logging.getLogger(__name__)

MOST_JUST_ENDED = 64


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is known of a run whose control room is gone; see `RunFolders.result`.

    `run` has the steps and artifacts that the host had reported, `end` is what it said of the end, if it came to that.
    """

    run: RunRecord
    end: Mapping[str, Any] | None = None

    @property
    def ended_at(self) -> datetime | None:
        return _moment(self.end.get('at')) if self.end else None

    @property
    def state(self) -> RunState:
        """How the run ends: as its host said, or because all its steps had succeeded; else it was interrupted."""
        said = str(self.end.get('state')) if self.end else ''
        if said == RunState.SUCCEEDED or self.run.is_all_done:
            return RunState.SUCCEEDED
        # Stopped it was by a person, or because the control room was closing: that is no longer known.
        return RunState.FAILED if said == RunState.FAILED else RunState.INTERRUPTED

    @property
    def was_stopping(self) -> bool:
        return self.end is not None and self.end.get('state') == RunState.CANCELLED


def _runs_of(leftovers: Iterable[Leftover]) -> list[str]:
    return [*dict.fromkeys(left.run_id for left in leftovers)]


def aftermath_of(run: RunRecord, left: Mapping[str, Any], now: datetime) -> Aftermath:
    """Apply what the host left on disk to the run as it was saved last."""
    reports = left.get('reports')
    for report in reports if isinstance(reports, list) else []:
        if isinstance(report, dict):
            run = _applied(run, report, now)
    saved_at = _between(run, left.get('saved_at'), now)
    for step in [step for step in run.steps if step.name in left.get('done', ()) and not step.state.is_final]:
        for state in (StepState.RUNNING, StepState.SUCCEEDED):
            report = {'name': step.name, 'state': state, 'attempt': step.attempt or 1}
            run = transitions.step_reported(run, report, saved_at)
    end = left.get('end')
    return Aftermath(run, end if isinstance(end, dict) else None)


def _applied(run: RunRecord, report: Mapping[str, Any], now: datetime) -> RunRecord:
    match report.get('t'):
        case Kind.STEPS:
            return transitions.steps_named(run, [str(name) for name in report.get('names') or []])
        case Kind.STEP:
            return transitions.step_reported(run, report, _between(run, report.get('at'), now))
        case Kind.ATTEMPT:
            return transitions.attempt_failed(run, report, _between(run, report.get('at'), now))
        case Kind.ARTIFACT:
            return transitions.artifact_kept(run, report)
    return run


def _between(run: RunRecord, at: object, now: datetime) -> datetime:
    """Return a moment of the last start, kept between the start of the run and now."""
    return min(now, max(_moment(at) or now, run.started_at or run.created_at))


def _moment(at: object) -> datetime | None:
    try:
        moment = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
    except ValueError:
        return None
    return moment.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Settled:
    """Runs of the last start as they ended, and those that should be retried now.

    The latter were interrupted, now or by the last closing, and their pipelines say that it is safe.
    """

    ended: tuple[RunRecord, ...] = ()
    resumed: tuple[RunRecord, ...] = ()


class RunRecovery:
    """Takes runs that were live when the control room died to an honest end. Used once, before anything starts."""

    def __init__(self, context: RunContext, jobs: RunJobs, resuming: Resuming) -> None:
        self._context = context
        self._jobs = jobs
        self._resuming = resuming
        self._lifecycle = LifecycleLog(context.log)

    async def settle(self, runs: Sequence[RunRecord], leftovers: Sequence[Leftover]) -> Settled:
        """Save, log and publish how these runs have ended.

        :param leftovers: what still lived of these and other runs at this start
        """
        await self._recover_last_lines()
        settled, resumed = [], []
        left = {run_id: [item for item in leftovers if item.run_id == run_id] for run_id in _runs_of(leftovers)}
        for run in runs:
            with self._jobs.hiding(run) as hidden:
                alive = self._report(run, left.pop(run.id, []))
                ended, may_go_on = await self._settle(run, hidden, alive)
            settled.append(ended)
            if may_go_on and not alive and await self._resuming.applies_to(ended):
                resumed.append(ended)
        for run_id, found in left.items():
            document = await asyncio.to_thread(self._context.store.get, run_id) if run_id else None
            if document is None:
                self._report(None, found)
                continue
            run = RunRecord.model_validate(document)
            with self._jobs.hiding(run):
                self._report(run, found)
        return Settled(tuple(settled), (*await self._resuming.noted(), *resumed))

    async def _recover_last_lines(self) -> None:
        """Log what runs had printed that had just ended: their end may have been saved before their last lines."""
        for document in await asyncio.to_thread(self._context.store.recent, None, limit=MOST_JUST_ENDED):
            run = RunRecord.model_validate(document)
            if await asyncio.to_thread(self._context.folders.has_last_lines, run.id):
                with self._jobs.hiding(run) as hidden:
                    await self._jobs.recover_log(run, hidden)
                await asyncio.to_thread(self._context.folders.forget_result, run.id)

    def _report(self, run: RunRecord | None, leftovers: Sequence[Leftover]) -> list[Leftover]:
        """Log and publish what was left of a run, and return what could not be ended. Its secrets are hidden now."""
        # Without the run it isn't known which of its arguments are secrets.
        commands = [self._context.log.scrub(left.command) if run else left.command.split()[0] for left in leftovers]
        named = [replace(left, command=command) for left, command in zip(leftovers, commands, strict=True)]
        ended, alive = [left for left in named if left.is_ended], [left for left in named if not left.is_ended]
        whose = _('run #{number}', number=run.number) if run else _('an earlier start')
        for say, items, level in ((_ended_leftovers, ended, Level.WARNING), (_left_alive, alive, Level.ERROR)):
            if items:
                text = say(len(items), whose, names_of(items))
                fields = {'pids': [left.pid for left in items]}
                self._context.log.append(level, text, source=SOURCE, run=run.id if run else None, fields=fields)
        if alive:
            self._context.bus.publish(LeftoversFound(run, tuple(alive)))
        return alive

    async def _settle(
        self, run: RunRecord, hidden: Sequence[str], leftovers: Sequence[Leftover]
    ) -> tuple[RunRecord, bool]:
        now = now_utc()
        last_sign = await self._last_sign(run, now)
        await self._jobs.recover_log(run, hidden)
        left = await asyncio.to_thread(self._context.folders.result, run.id)
        after = aftermath_of(run, left, now)
        problem = await self._problem_of(after, last_sign, leftovers)
        at = _between(run, after.ended_at or last_sign, now)
        ended = transitions.ended(after.run, after.state, at, error=problem)
        await self._context.store.group.commit(self._context.store.save, ended.as_document())
        self._log(run, ended)
        await asyncio.to_thread(self._context.folders.forget_result, run.id)
        self._context.bus.publish(RunChanged(ended))
        return ended, ended.state is RunState.INTERRUPTED and not after.was_stopping

    async def _problem_of(self, after: Aftermath, last_sign: datetime, leftovers: Sequence[Leftover]) -> Problem | None:
        if after.state is RunState.INTERRUPTED:
            return interrupted(
                after.run, last_sign, self._context.zone, was_stopping=after.was_stopping, leftovers=leftovers
            )
        problem = transitions.problem_from(after.end.get('error')) if after.end else None
        if after.state is RunState.SUCCEEDED or problem is None:
            return (
                None if after.state is RunState.SUCCEEDED else Problem(message=_('The run failed and gave no reason.'))
            )
        step = after.run.failed_step
        return await with_reason(problem, self._context.log, after.run.id, step.name if step else None)

    async def _last_sign(self, run: RunRecord, now: datetime) -> datetime:
        """Return when the run gave its last sign of life: it wrote a file or a line, or one of its steps moved.

        For one on another machine that is also when this machine was heard last, see `RemoteHost`.
        """
        signs = [run.started_at, *(moment for step in run.steps for moment in (step.started_at, step.finished_at))]
        signs.append(await asyncio.to_thread(self._context.folders.last_change, run.id))
        try:
            signs += [entry.timestamp for entry in await self._context.log.query(run=run.id, limit=1)]
        except StorageError as error:
            log.warning(N_('the log of run %s could not be read: %s'), run.id, error)
        return min(now, max((sign for sign in signs if sign is not None), default=now))

    def _log(self, before: RunRecord, ended: RunRecord) -> None:
        known = {step.name: step.state for step in before.steps}
        for step in ended.steps:
            if step.state is not known.get(step.name) and step.state is not StepState.SKIPPED:
                self._lifecycle.step_moved(ended, step)
        if ended.state is not RunState.INTERRUPTED:
            text = _(
                'The control room stopped when run #{number} had ended; how it ended was found in its folder',
                number=ended.number,
            )
            self._lifecycle.write(ended, text, level=Level.INFO)
        self._lifecycle.ended(ended)


def _ended_leftovers(count: int, whose: str, names: str) -> str:
    return _n(
        'Ended {count} program that {whose} had left alive: {names}',
        'Ended {count} programs that {whose} had left alive: {names}',
        count,
        whose=whose,
        names=names,
    )


def _left_alive(count: int, whose: str, names: str) -> str:
    return _n(
        'Could not end {count} program that {whose} had left alive: {names}',
        'Could not end {count} programs that {whose} had left alive: {names}',
        count,
        whose=whose,
        names=names,
    )
