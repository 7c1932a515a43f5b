"""One run while a worker has it: its process, the messages of that process, and stop, pause and resume."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from storage.copies import CopyStopped
from storage.files import DiskFull, StorageError
from synapse.engine.engine import HostHandle
from synapse.errors import SynapseError
from synapse.failures.memory import memory_watch
from synapse.log.log import Entry, Level
from synapse.protocol.messages import Do, HostCommand, Job, Kind
from synapse.records import Problem, now_utc
from synapse.waiting import Throttle, Timer

from . import transitions
from .context import RunContext
from .ending import Ending, outcome
from .intake import Intake
from .jobs import RunJobs
from .lifecycle_log import LifecycleLog
from .messages import RunChanged
from .read_progress import ReadProgress
from .reasons import with_reason
from .records import RunRecord, RunState, StepRun, StepState

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 0.05
"""Mere progress of a run is published at most once in this time."""
BACKSTOP_SECONDS = 5.0
BACKOFF_SECONDS = 600.0
"""Added where a step may be retried: only the host knows how long it waits between attempts."""
SAVE_AGAIN_SECONDS = 2.0

MOST_UNSAVED = 100
"""The most changes that share a save; a host that reports more has to wait."""

Rule = Callable[[RunRecord], RunRecord]
OnSaved = Callable[[RunRecord], None]


class LiveRun:
    """Carries one run to its end. Each change of its state is saved before it is logged and published.

    Changes that come while another one is being saved share the next save.
    """

    def __init__(self, run: RunRecord, worker: str, context: RunContext, jobs: RunJobs) -> None:
        self.run = run
        self.worker = worker
        self._context = context
        self._jobs = jobs
        self._lifecycle = LifecycleLog(context.log)
        self._unsaved: list[tuple[RunRecord, OnSaved | None]] = []
        self._newest: RunRecord | None = None
        self._saving: asyncio.Task[None] | None = None
        self._handle: HostHandle | None = None
        self._intake: Intake | None = None
        self._is_stopping = self._stop_now = self._is_closing = False
        self._is_pausing = False
        self._is_behind = False
        """Whether output is being logged, so that what the host said after it is still unread."""
        self._stopped_at: datetime | None = None
        self._failed_before = False
        """Whether a step had failed before the stop; then the run failed, however late its messages are read."""
        self._read: ReadProgress | None = None
        self._reported: RunState | None = None
        self._error: Problem | None = None
        self._timed_out: tuple[StepRun, float] | None = None
        self._backstop, self._deadline = Timer(), Timer()
        self._overran = 0.0
        self._publish_progress = Throttle(
            PROGRESS_SECONDS, lambda: context.bus.publish(RunChanged(self.run, moved=False))
        )
        self._stops: set[asyncio.Task[Any]] = set()
        self._is_disk_failure_logged = False

    async def carry_out(self) -> None:
        """Run it from queued to a final state; raises only `CancelledError`, and then its process is being killed."""
        try:
            await self._end(*await self._outcome())
        finally:
            if self._intake is not None:
                self._intake.close()
            if self._saving is not None:
                self._saving.cancel()

    async def _outcome(self) -> tuple[RunState, Problem | None]:
        state, problem = RunState.FAILED, None
        try:
            await self._move(
                lambda run: transitions.started(run, now_utc()),
                on_saved=lambda run: self._lifecycle.started(run, self.worker),
            )
            self._arm_deadline()
            state, problem = await self._work()
        except asyncio.CancelledError:
            if self._handle is not None:
                self._stop_handle(now=True)
            raise
        except SynapseError as error:
            problem = Problem(message=error.message, hint=error.hint)
        except (StorageError, OSError) as error:
            hint = 'Check the disk of the data folder, then retry.'
            problem = Problem(message=str(error), hint=hint, type=type(error).__name__)
        except Exception as error:  # the edge of a background task: whatever breaks, the run gets a final state
            log.exception('run %s could not be carried out', self.run.id)
            problem = Problem(message=f'Synapse itself failed: {error}', type=type(error).__name__)
        finally:
            self._backstop.cancel()
            self._deadline.cancel()
        return state, problem

    def stop(self, *, now: bool = False, closing: bool = False) -> None:
        """Start to stop it, or hurry a stop under way; it reaches its final state when all its processes are gone.

        :param now: kill it instead of asking it to stop first
        :param closing: because the control room is closing, so that the run counts as interrupted
        """
        self._is_closing = self._is_closing or (closing and not self._is_stopping)
        self._is_stopping = True
        self._stopped_at = self._stopped_at or now_utc()
        self._stop_now = self._stop_now or now
        self._is_pausing = False
        self._publish_flags()
        if self._handle is not None:
            self._stop_handle(now=now)

    def pause(self) -> None:
        """Ask it to pause at its next progress, checkpoint or step boundary."""
        self._is_pausing = True
        self._publish_flags()
        self._send(Do.PAUSE)

    def resume(self) -> None:
        """Resume it, or withdraw a pause it has not reached yet."""
        self._is_pausing = False
        self._publish_flags()
        self._send(Do.RESUME)

    async def tree(self) -> list[dict[str, Any]]:
        """Return its processes right now; secrets in their arguments are hidden."""
        if self._handle is None:
            return []
        tree = await self._handle.tree()
        return [{**process, 'command': self._context.log.scrub(process['command'])} for process in tree]

    # From the start of the process to its end

    async def _work(self) -> tuple[RunState, Problem | None]:
        if self._must_end():
            return outcome(self._ending())
        try:
            job = await self._take_over()
        except CopyStopped:
            return outcome(self._ending())
        if self._must_end():
            return outcome(self._ending())
        why_killed = memory_watch()
        self._intake = Intake.of_job(
            self._context.log, job, self._read_progress, most_bytes=self._context.run_log_bytes()
        )
        self._handle = await self._context.engine.run(job, self._receive, self._log_line)
        if self._must_end():
            self._stop_handle(now=self._stop_now)
        elif self._is_pausing:
            self._send(Do.PAUSE)
        host_exit = await self._handle.wait()
        await self._intake.finish()
        self._log_killed(host_exit.ended, host_exit.survivors)
        state, problem = outcome(
            self._ending(
                returncode=host_exit.returncode,
                signal=host_exit.signal,
                fault=host_exit.fault,
                why_killed=why_killed() if host_exit.signal == 'SIGKILL' else '',
            )
        )
        return state, problem and await self._with_reason(problem)

    async def _with_reason(self, problem: Problem) -> Problem:
        step = (self._newest or self.run).latest_step
        return await with_reason(problem, self._context.log, self.run.id, step.name if step else None)

    async def _take_over(self) -> Job:
        created = self.run
        prepared, job = await self._jobs.prepare(created, lambda: not self._must_end())
        if prepared.parameters != created.parameters:
            await self._move(lambda run: run.changed(parameters=prepared.parameters))
            await self._jobs.settle_inputs(created, lambda: not self._must_end())
        return job

    def _must_end(self) -> bool:
        return self._is_stopping or self._overran > 0

    def _ending(self, **how: Any) -> Ending:
        step, seconds = self._timed_out or (None, 0.0)
        return Ending(
            reported=self._reported,
            error=self._error,
            timed_out=step,
            timeout_seconds=seconds,
            overran=self._overran,
            is_stopping=self._is_stopping and not self._failed_before,
            is_closing=self._is_closing and not self._failed_before,
            **how,
        )

    async def _end(self, state: RunState, problem: Problem | None) -> None:
        await self._shown()
        self._is_stopping = self._is_pausing = False
        now = now_utc()
        if self.run.state is RunState.QUEUED:  # not even its start could be saved
            await self._move(lambda run: transitions.started(run, now))
        await self._move(lambda run: transitions.ended(run, state, now, error=problem), on_saved=self._log_end)

    def _log_end(self, run: RunRecord) -> None:
        before = {step.name: step for step in self.run.steps}
        for step in run.steps:
            if before[step.name].state is StepState.RUNNING:
                self._lifecycle.step_moved(run, step)
        self._lifecycle.ended(run)

    def _log_killed(self, killed: Sequence[str], survivors: int) -> None:
        if killed:
            these = f'{len(killed)} process{"es" if len(killed) > 1 else ""}'
            self._lifecycle.write(self.run, f'Ended {these} of this run', level=Level.DEBUG, commands=killed[:20])
        if survivors:
            self._lifecycle.write(self.run, f'{survivors} of its processes could not be ended', level=Level.ERROR)

    # Messages of the process

    async def _receive(self, message: Mapping[str, Any]) -> None:
        kind = message.get('t')
        if kind in (Kind.LOGS, Kind.RAW, Kind.SPOOL) and self._intake is not None:
            await self._shown()  # the line that says that a step has started comes before what the step prints
            self._is_behind = True
            try:
                await self._intake.take(message)
            finally:
                self._is_behind = False
            return
        message = self._without_secrets(message)
        match kind:
            case Kind.PROGRESS:
                await self._progressed(message)
            case Kind.STEP:
                self._context.log.publish_at_once()
                await self._step_moved(message)
            case Kind.STEPS:
                names = [str(name) for name in message.get('names') or []]
                await self._move_soon(lambda run: transitions.steps_named(run, names))
            case Kind.ARTIFACT:
                await self._move_soon(lambda run: transitions.artifact_kept(run, message))
            case Kind.PAUSED:
                await self._paused()
            case Kind.RESUMED:
                now = now_utc()
                await self._move(lambda run: transitions.resumed(run, now), on_saved=self._log_resumed)
                self._arm_backstop()
            case Kind.END:
                self._ended(message)

    def _without_secrets(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        # Log entries are scrubbed by the log; these two become part of the run.
        texts = {name: message[name] for name in ('note', 'error') if message.get(name)}
        return {**message, **self._context.log.scrub(texts)} if texts else message

    async def _log_line(self, line: str) -> None:
        """Log a line that bypassed the protocol: C code, a child that kept our descriptor, a dying interpreter."""
        level = Level.ERROR if line.startswith(('Fatal Python error', 'Segmentation fault')) else Level.INFO
        step = (self._newest or self.run).latest_step  # it comes by a pipe of its own, perhaps after the step's end
        if self._intake is not None:
            await self._intake.take_line(line, step.name if step else None, level)
        await self._context.log.room_to_write()

    async def _progressed(self, message: Mapping[str, Any]) -> None:
        await self._shown()
        self._read = None  # the step knows better than its programs
        self._apply_progress(message)

    def _read_progress(self, rows: Sequence[Entry]) -> None:
        """Take the progress of a step that does not report it from the rows that are redrawn."""
        step = self.run.active_step
        if self._read is None or step is None or self._saving is not None:
            return
        if found := self._read.of([row for row in rows if row.step == step.name]):
            self._apply_progress({'step': step.name, 'percent': found[0], 'note': found[1]})

    def _apply_progress(self, message: Mapping[str, Any]) -> None:
        after = transitions.progressed(self.run, message, now_utc())
        if after is not self.run:
            self.run = after
            self._publish_progress()

    async def _step_moved(self, message: Mapping[str, Any]) -> None:
        now = self._moment_of(message.get('at'))
        if self._stopped_at is not None and message.get('state') == StepState.FAILED:
            self._failed_before = now < self._stopped_at
            if not self._failed_before:
                message = {**message, 'state': 'cancelled', 'error': None}  # it failed because we are stopping it
        if message.get('state') == StepState.RUNNING:
            self._read = ReadProgress()
        elif self._read is not None and message.get('state') == StepState.SUCCEEDED:
            self._apply_progress({'step': message.get('name'), 'note': ''})  # that it was read matters no more
        name = message.get('name')
        if self._intake is not None:
            await self._intake.log_last_lines()
        if problem := transitions.problem_from(message.get('error')):
            if self._intake is not None:
                self._intake.settle()  # a traceback at the end of the step may have the reason
            problem = await self._with_reason(problem)
            message = {**message, 'error': problem.as_json()}
            if self._failed_before:
                self._reported, self._error = RunState.FAILED, problem  # it may be killed before it says so

        def log_step(run: RunRecord) -> None:
            self._lifecycle.step_moved(run, next(step for step in run.steps if step.name == name))

        await self._move_soon(lambda run: transitions.step_reported(run, message, now), on_saved=log_step)
        self._arm_backstop()

    def _moment_of(self, at: object) -> datetime:
        """Return the time the host gave, kept between the start of this run and now."""
        now = now_utc()
        try:
            moment = datetime.fromisoformat(str(at)).astimezone(UTC)
        except ValueError:
            return now
        return min(now, max(moment, self.run.started_at or moment))

    async def _paused(self) -> None:
        self._backstop.cancel()
        self._is_pausing = False
        now = now_utc()
        await self._move(
            lambda run: transitions.paused(run, now),
            on_saved=lambda run: self._lifecycle.write(run, f'Run #{run.number} is paused'),
        )

    def _log_resumed(self, run: RunRecord) -> None:
        if not self._is_stopping:  # a stop resumes a paused run only to end it
            self._lifecycle.write(run, f'Run #{run.number} is resumed')

    def _ended(self, message: Mapping[str, Any]) -> None:
        self._backstop.cancel()
        with contextlib.suppress(ValueError):
            state = RunState(str(message.get('state')))
            self._reported = state if state.is_final and state is not RunState.INTERRUPTED else None
            self._error = transitions.problem_from(message.get('error'))

    # The backstop for a host that cannot even watch its own timeouts

    def _arm_backstop(self) -> None:
        self._backstop.cancel()
        run = self._newest or self.run
        step, info = run.active_step, self._context.catalog.find(run.pipeline)
        if step is None or info is None or run.state is not RunState.RUNNING:
            return
        options = next((known for known in info.steps if known['name'] == step.name), {})
        if not options.get('timeout'):
            return
        seconds = float(options['timeout'])
        may_retry = step.attempt <= int(options.get('retries') or 0)
        wait = seconds + BACKSTOP_SECONDS + (BACKOFF_SECONDS if may_retry else 0.0)
        self._backstop.start(wait, self._step_timed_out, step, seconds)

    def _arm_deadline(self) -> None:
        if self.run.timeout_seconds is not None:
            self._deadline.start(self.run.timeout_seconds, self._run_timed_out)

    def _run_timed_out(self) -> None:
        self._overran = self.run.timeout_seconds or 0.0
        text = f'Run #{self.run.number} is stopped: its event allows {self._overran:g} s'
        self._lifecycle.write(self.run, text)
        self._stop_handle(now=False)

    def _step_timed_out(self, step: StepRun, seconds: float) -> None:
        if self._is_behind:  # the end of the step may be among what is unread
            self._backstop.start(BACKSTOP_SECONDS, self._step_timed_out, step, seconds)
            return
        self._timed_out = (step, seconds)
        self._stop_handle(now=True)

    # Changes of state

    async def _move(self, rule: Rule, *, on_saved: OnSaved | None = None) -> None:
        """Apply a rule: save the result, call `on_saved` to log it, then publish it."""
        await self._move_soon(rule, on_saved=on_saved)
        await self._shown()

    async def _move_soon(self, rule: Rule, *, on_saved: OnSaved | None = None) -> None:
        """As `_move`, but don't wait for it, unless very much is unsaved."""
        before = self._newest or self.run
        after = rule(before)
        if after is before:
            return
        self._newest = after
        self._unsaved.append((after, on_saved))
        if self._saving is None:
            self._saving = asyncio.create_task(self._save_all(), name=f'saves of run {after.id}')
        if len(self._unsaved) >= MOST_UNSAVED:
            await self._shown()

    async def _shown(self) -> None:
        """Wait until every change is saved, logged and published."""
        while self._saving is not None:
            await asyncio.shield(self._saving)

    async def _save_all(self) -> None:
        try:
            while self._unsaved:
                moves, self._unsaved = self._unsaved, []
                await self._save(moves[-1][0])
                self._show(moves)
        finally:
            self._unsaved, self._newest, self._saving = [], None, None

    def _show(self, moves: Sequence[tuple[RunRecord, OnSaved | None]]) -> None:
        for run, on_saved in moves:
            if on_saved is not None:
                on_saved(run)
            self.run = self._with_flags(run)
        self._publish_progress.cancel()
        self._context.bus.publish(RunChanged(self.run))

    async def _save(self, run: RunRecord) -> None:
        """Save it, and wait while the disk is full: the work of a run is not thrown away for that."""
        store = self._context.store
        while True:
            try:
                await store.group.commit(store.save, run.as_json())
                return
            except StorageError as error:
                self._log_disk_failure(error)
                await asyncio.sleep(SAVE_AGAIN_SECONDS)

    def _log_disk_failure(self, error: StorageError) -> None:
        if not self._is_disk_failure_logged:
            self._is_disk_failure_logged = True
            why = 'No room is left on the disk' if isinstance(error, DiskFull) else str(error)
            text = f'{why}: run #{self.run.number} waits until it can be saved'
            self._lifecycle.write(self.run, text, level=Level.ERROR)

    def _with_flags(self, run: RunRecord) -> RunRecord:
        is_live = not run.state.is_final
        stopping, pausing = is_live and self._is_stopping, is_live and self._is_pausing
        if (run.is_stopping, run.is_pausing) == (stopping, pausing):
            return run
        return run.changed(is_stopping=stopping, is_pausing=pausing)

    def _publish_flags(self) -> None:
        # Flags are not part of the state: they are published at once, even while a change of state is being saved.
        self.run = self._with_flags(self.run)
        self._context.bus.publish(RunChanged(self.run))

    def _send(self, command: Do) -> None:
        if self._handle is not None:
            self._handle.send(HostCommand(do=command))

    def _stop_handle(self, *, now: bool) -> None:
        if self._handle is not None:
            task = asyncio.create_task(self._handle.stop(now=now))
            self._stops.add(task)
            task.add_done_callback(self._stops.discard)
