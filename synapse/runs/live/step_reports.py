"""Applies to a live run what its process says of the steps: their moves, attempts and progress."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from synapse.log.log import Entry, Log
from synapse.records import Problem, now_utc
from synapse.runs import transitions
from synapse.runs.lines.intake import Intake
from synapse.runs.lines.lifecycle_log import LifecycleLog
from synapse.runs.lines.reasons import with_reason
from synapse.runs.records import RunRecord, StepState

from .guards import Guards
from .read_progress import ReadProgress
from .saving import SavedRun


class StepReports:
    """Use it on the event loop, with one message after the other.

    :param is_continued: whether the process was started to call a step again that had asked
    """

    def __init__(self, log: Log, saved: SavedRun, guards: Guards, *, is_continued: bool) -> None:
        self.intake: Intake | None = None
        """Of the output of its process, once that has started."""
        self.failed_before = False
        """Whether a step had failed before the stop; then the run failed, however late its messages are read."""
        self._log, self._saved, self._guards = log, saved, guards
        self._lifecycle = LifecycleLog(log)
        self._is_continued = is_continued
        self._stopped_at: datetime | None = None
        self._read: ReadProgress | None = None

    def stopped(self) -> None:
        """The run is being stopped from now on."""
        self._stopped_at = self._stopped_at or now_utc()

    async def moved(self, message: Mapping[str, Any]) -> Problem | None:
        """Apply a step that has started or ended; return why the run has failed, if that was before it was stopped."""
        now, name = self._moment_of(message.get('at')), message.get('name')
        message = self._judged(message, now)
        quiet = self._guards.longest_silence
        if message.get('state') == StepState.RUNNING:
            self._guards.begin_step()
            self._read = ReadProgress()
        elif self._read is not None and message.get('state') == StepState.SUCCEEDED:
            self._apply_progress({'step': name, 'note': ''})  # that it was read matters no more
        message, problem = await self._explained(message)
        is_again = message.get('state') == StepState.RUNNING and self._has_waited_in(name)

        def log_step(run: RunRecord) -> None:
            if not is_again:
                self._lifecycle.step_moved(run, next(step for step in run.steps if step.name == name))

        last_seq = self._log.last_seq
        await self._saved.move_soon(
            lambda run: transitions.step_reported(run, message, now, last_seq, quiet=quiet), on_saved=log_step
        )
        return problem if self.failed_before else None

    async def attempt_failed(self, message: Mapping[str, Any]) -> None:
        """Apply a try of a step that failed, and is made again."""
        now = self._moment_of(message.get('at'))
        message, _ = await self._explained(message)
        last_seq = self._log.last_seq
        await self._saved.move_soon(lambda run: transitions.attempt_failed(run, message, now, last_seq))

    async def progressed(self, message: Mapping[str, Any]) -> None:
        """Show the progress that a step reports itself."""
        await self._saved.shown()
        self._read = None  # the step knows better than its programs
        self._apply_progress(message)

    def read_progress(self, rows: Sequence[Entry]) -> None:
        """Take the progress of a step that does not report it from the rows that are redrawn."""
        step = self._saved.run.active_step
        if self._read is None or step is None or self._saved.is_saving:
            return
        if found := self._read.of([row for row in rows if row.step == step.name]):
            self._apply_progress({'step': step.name, 'percent': found[0], 'note': found[1]})

    async def with_reason(self, problem: Problem) -> Problem:
        """Return the problem of the latest step with what its program said, see `reasons.with_reason`."""
        run = self._saved.newest
        return await with_reason(problem, self._log, run.id, run.latest_step.name if run.latest_step else None)

    def _apply_progress(self, message: Mapping[str, Any]) -> None:
        after = transitions.progressed(self._saved.run, message, now_utc())
        if after is not self._saved.run:
            self._saved.show_progress(after)

    def _judged(self, message: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """Return what a message means for a run that is being stopped, or ended for the memory that it took."""
        if self._stopped_at is not None and message.get('state') == StepState.FAILED:
            self.failed_before = now < self._stopped_at
            if not self.failed_before:
                message = {**message, 'state': 'cancelled', 'error': None}  # it failed because we are stopping it
        excess = self._guards.excess
        if excess is not None and message.get('state') != StepState.RUNNING:
            message = {**message, 'state': 'failed', 'error': excess.as_document()}
        return message

    async def _explained(self, message: Mapping[str, Any]) -> tuple[Mapping[str, Any], Problem | None]:
        """Return the message and its problem, with what the program said for a reason; all it printed is logged."""
        if self.intake is not None:
            await self.intake.log_last_lines()
        problem = transitions.problem_from(message.get('error'))
        if problem is None:
            return message, None
        if self.intake is not None:
            self.intake.settle()  # a traceback at the end of the step may have the reason
        problem = await self.with_reason(problem)
        return {**message, 'error': problem.as_document()}, problem

    def _has_waited_in(self, name: object) -> bool:
        step = self._saved.newest.active_step
        has_waited, self._is_continued = self._is_continued, False
        return has_waited and step is not None and step.name == name

    def _moment_of(self, at: object) -> datetime:
        """Return the time the host gave, kept between the start of this run and now."""
        now = now_utc()
        try:
            moment = datetime.fromisoformat(str(at)).astimezone(UTC)
        except ValueError:
            return now
        return min(now, max(moment, self._saved.run.started_at or moment))
