"""One run while a worker has it: its process, the messages of that process, and stop, pause and resume."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from storage.copies import CopyStopped
from storage.files import StorageError
from synapse.engine.engine import HostHandle
from synapse.errors import SynapseError
from synapse.failures.memory import memory_watch
from synapse.language import N_, _, _n, spoken
from synapse.log.log import Level
from synapse.protocol.messages import Do, HostCommand, Job, Kind
from synapse.records import Problem, now_utc
from synapse.runs import transitions
from synapse.runs.context import RunContext
from synapse.runs.ending import Ending, outcome
from synapse.runs.ending_programs import EndingPrograms
from synapse.runs.lines.intake import Intake
from synapse.runs.lines.lifecycle_log import LifecycleLog
from synapse.runs.pauses import Pause, PauseTimer
from synapse.runs.records import Answer, Cut, RunRecord, RunState, Silence, StepState
from synapse.runs.recovery.recovery import aftermath_of
from synapse.runs.starting.jobs import RunJobs

from .guards import Guards
from .saving import SavedRun
from .silence import silence_of
from .step_reports import StepReports
from .time_limits import TimeLimits

log = logging.getLogger(__name__)

_STEP_NEWS = frozenset({Kind.STEP, Kind.ATTEMPT, Kind.PROGRESS, Kind.QUESTION, Kind.PAUSED, Kind.RESUMED})
_ENDS_OF_PARKING = (None, RunState.CANCELLED)


class LiveRun:
    """Carries one run to its end."""

    def __init__(self, run: RunRecord, worker: str, context: RunContext, jobs: RunJobs, *, machine: str = '') -> None:
        self.worker, self.machine = worker, machine
        self.ending_programs = EndingPrograms()
        self._context = context
        self._jobs = jobs
        self._lifecycle = LifecycleLog(context.log)
        self._handle: HostHandle | None = None
        self._intake: Intake | None = None
        self._is_stopping = self._stop_now = self._is_closing = False
        self._is_pausing = self._is_parking = False
        self._pause: Pause | None = run.pause
        self._pause_timer = PauseTimer(self._pause_is_over, self._pause_moved)
        self._reply: Answer | None = None
        """Saved, and not passed on yet: its step continues when it has a worker again."""
        self._silence: Silence | None = None
        self._cut_before = run.cut or Cut()
        """What was left out while it had another process."""
        self._reported: RunState | None = None
        self._error: Problem | None = None
        self._stops: set[asyncio.Task[Any]] = set()
        self._saved = SavedRun(run, context, self._with_flags)
        self._guards = Guards(
            context, run=lambda: self._saved.newest, stop=self._stop_handle, publish=self._saved.show_flags
        )
        self._limits = TimeLimits(context, self.ending_programs, run=lambda: self._saved.newest, stop=self._stop_handle)
        self._steps = StepReports(context.log, self._saved, self._guards, is_continued=run.is_waiting)

    @property
    def run(self) -> RunRecord:
        """The run as it is shown."""
        return self._saved.run

    async def carry_out(self) -> None:
        """Run it to a final state, or until it waits for an answer without a process.

        Raises only `CancelledError`, and then its process is being killed.
        """
        try:
            state, problem = await self._outcome()
            await self._saved.shown()
            if not self.is_parked:
                await self._end(state, problem)
            elif self._is_pausing:
                await self._saved.move(lambda run: run.changed(is_pausing=True, pause=self._pause))
        finally:
            self._guards.close()
            if self._intake is not None:
                self._intake.close()
            self._pause_timer.cancel()
            self._saved.close()

    async def _outcome(self) -> tuple[RunState, Problem | None]:
        state, problem = RunState.FAILED, None
        try:
            say = self._lifecycle.continued if self.run.is_waiting else self._lifecycle.started
            await self._saved.move(
                lambda run: transitions.started(run, now_utc(), self.machine),
                on_saved=lambda run: say(run, self.worker),
            )
            self._limits.start_run()
            state, problem = await self._work()
        except asyncio.CancelledError:
            if self._handle is not None:
                self._stop_handle(now=True)
            raise
        except SynapseError as error:
            problem = Problem(message=error.message, hint=error.hint)
        except (StorageError, OSError) as error:
            hint = _('Check the disk of the data folder, then retry.')
            problem = Problem(message=spoken(error), hint=hint, type=type(error).__name__)
        except Exception as error:  # the edge of a background task: whatever breaks, the run gets a final state
            log.exception(N_('run %s could not be carried out'), self.run.id)
            problem = Problem(message=_('Synapse itself failed: {error}', error=error), type=type(error).__name__)
        finally:
            self._limits.cancel()
        return state, problem

    def stop(self, *, now: bool = False, closing: bool = False) -> None:
        """Start to stop it, or hurry a stop under way; it reaches its final state when all its processes are gone.

        :param now: kill it instead of asking it to stop first
        :param closing: because the control room is closing, so that the run counts as interrupted
        """
        if closing and self.run.is_waiting and not self._is_stopping:
            self.park(now=now)
            return
        self._is_closing = self._is_closing or (closing and not self._is_stopping)
        self._is_stopping = True
        self._steps.stopped()
        self._stop_now = self._stop_now or now
        self._is_pausing, self._pause = False, None
        self._pause_timer.cancel()
        self._saved.show_flags()
        if self._handle is not None:
            self._stop_handle(now=now)

    def park(self, *, now: bool = False) -> None:
        """End its process, for it waits: its step is called again when it has its answer and a worker."""
        self._is_parking = True
        self._stop_handle(now=now)

    @property
    def is_closing(self) -> bool:
        """Whether it ends because the control room does."""
        return self._is_closing

    @property
    def is_parked(self) -> bool:
        """Whether it still waits when its process is gone."""
        return self._is_parking and not self._is_stopping and self.run.is_waiting and self._reported in _ENDS_OF_PARKING

    async def answer(self, answer: Answer) -> bool:
        """Answer its question; whether it was still open. It continues with `go_on`."""
        question = self._saved.newest.question
        if question is None or question.id != answer.id:
            await self._saved.shown()  # an answer that came a moment earlier may still be being saved
            return False
        is_held = self._is_pausing and not self._is_parking

        def saved(run: RunRecord) -> None:
            self._lifecycle.answered(run, answer)
            self._reply = answer
            self._is_pausing = self._is_pausing and not is_held

        await self._saved.move(lambda run: transitions.answered(run, answer, is_held=is_held), on_saved=saved)
        return True

    @property
    def wants_worker(self) -> bool:
        """Whether its process waits to continue with an answer."""
        return self._reply is not None and not self._is_parking

    def go_on(self, worker: str) -> None:
        """Pass the answer on to its process, with this worker from now on."""
        reply, self._reply, self.worker = self._reply, None, worker
        if reply is not None and self._handle is not None:
            command = HostCommand(do=Do.ANSWER, question=reply.id, answer=reply.answer, is_expired=reply.is_expired)
            self._handle.send(command)

    def pause(self, pause: Pause) -> None:
        """Ask it to pause at its next progress, checkpoint or step boundary; change what is said of a pause."""
        self._pause = pause
        self._pause_timer.start(pause)
        if not self.run.is_held:
            self._is_pausing = True
            self._send(Do.PAUSE)
        self._saved.show_flags()

    def resume(self) -> None:
        """Resume it, or withdraw a pause it has not reached yet."""
        self._pause_timer.cancel()
        if self._is_pausing:
            self._is_pausing, self._pause = False, None
        self._saved.show_flags()
        self._send(Do.RESUME)

    def _pause_is_over(self) -> None:
        self._lifecycle.write(self.run, _('The pause of run #{number} is over', number=self.run.number))
        self.resume()

    def _pause_moved(self, until: datetime) -> None:
        self._pause = self._pause and self._pause.changed(until=until)
        self._saved.show_flags()

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
        limits = self._context.limits_of(self.run.pipeline)
        self._steps.intake = self._intake = Intake.of_job(
            self._context.log,
            job,
            self._steps.read_progress,
            most_bytes=limits.get('output_limit') or self._context.run_log_bytes(),
        )
        self._handle = await self._context.engine.run(job, self._receive, self._log_line, machine=self.machine)
        self._guards.start(self._handle, limits)
        if self._must_end() or self._is_parking:
            self._stop_handle(now=self._stop_now)
        elif self._is_pausing:
            self._send(Do.PAUSE)
        host_exit = await self._handle.wait()
        self._guards.close()
        await self._intake.finish()
        if self._reported is None and not self._must_end() and not self._is_parking and not host_exit.stuck:
            await self._find_end()
        self._count_cut()
        self._log_killed(host_exit.ended, host_exit.survivors)
        state, problem = outcome(
            self._ending(
                returncode=host_exit.returncode,
                signal=host_exit.signal,
                fault=host_exit.fault,
                lost=host_exit.lost,
                parting=host_exit.parting,
                stuck=host_exit.stuck,
                hint=host_exit.hint,
                lost_at=self._saved.newest.active_step,
                why_killed=why_killed() if host_exit.signal == 'SIGKILL' else '',
            )
        )
        return state, problem and await self._steps.with_reason(problem)

    async def _find_end(self) -> None:
        """Take from its folder how it ended, if its process was killed before it could say so."""
        await self._saved.shown()
        left = await asyncio.to_thread(self._context.folders.result, self.run.id)
        after = aftermath_of(self.run, left, now_utc())
        if after.state is not RunState.INTERRUPTED:
            await self._saved.move(lambda run: after.run)
            self._ended({**(after.end or {}), 'state': after.state})

    async def _take_over(self) -> Job:
        created = self.run
        prepared, job = await self._jobs.prepare(created, lambda: not self._must_end())
        # Saved with the next change, as it is not worth one of its own.
        self._saved.run = self.run.changed(made_of=prepared.made_of)
        if prepared.parameters != created.parameters:
            await self._saved.move(lambda run: run.changed(parameters=prepared.parameters))
            await self._jobs.settle_inputs(created, lambda: not self._must_end())
        return job

    def _must_end(self) -> bool:
        return self._is_stopping or self._limits.overran > 0 or self._guards.excess is not None

    def _ending(self, **how: Any) -> Ending:
        step, seconds = self._limits.timed_out or (None, 0.0)
        return Ending(
            pipeline=self.run.pipeline,
            reported=self._reported,
            error=self._error,
            excess=self._guards.excess,
            timed_out=step,
            timeout_seconds=seconds,
            overran=self._limits.overran,
            is_stopping=self._is_stopping and not self._steps.failed_before,
            is_closing=self._is_closing and not self._steps.failed_before,
            is_all_done=self._saved.newest.is_all_done,
            **how,
        )

    async def _end(self, state: RunState, problem: Problem | None) -> None:
        await self._saved.shown()
        self._is_stopping = self._is_pausing = False
        now = now_utc()
        if self.run.state is RunState.QUEUED:  # not even its start could be saved
            await self._saved.move(lambda run: transitions.started(run, now, self.machine))
        await self._saved.move(lambda run: transitions.ended(run, state, now, error=problem), on_saved=self._log_end)

    def _log_end(self, run: RunRecord) -> None:
        before = {step.name: step for step in self.run.steps}
        for step in run.steps:
            if before[step.name].state is StepState.RUNNING:
                self._lifecycle.step_moved(run, step)
        self._lifecycle.ended(run)

    def _log_killed(self, killed: Sequence[str], survivors: int) -> None:
        if killed:
            text = _n('Ended {count} process of this run', 'Ended {count} processes of this run', len(killed))
            self._lifecycle.write(self.run, text, level=Level.DEBUG, commands=killed[:20])
        if survivors:
            self._lifecycle.write(
                self.run,
                _n(
                    '{count} of its processes could not be ended',
                    '{count} of its processes could not be ended',
                    survivors,
                ),
                level=Level.ERROR,
            )

    # Messages of the process

    async def _receive(self, message: Mapping[str, Any]) -> None:
        kind = message.get('t')
        if kind != Kind.SILENT:
            self._guards.heard()
        if kind in (Kind.LOGS, Kind.RAW, Kind.SPOOL) and self._intake is not None:
            self._limits.is_behind = True
            try:
                await self._saved.shown()  # the line that a step has started comes before what the step prints
                await self._intake.take(message)
            finally:
                self._limits.is_behind = False
            self._count_cut()
            return
        if self._is_parking and kind in _STEP_NEWS:
            return  # of a step that is only ended to be called again
        message = self._without_secrets(message)
        match kind:
            case Kind.PROGRESS:
                await self._steps.progressed(message)
            case Kind.STEP:
                self._context.log.publish_at_once()
                if failure := await self._steps.moved(message):
                    self._reported, self._error = RunState.FAILED, failure  # it may be killed before it says so
                self._limits.start_step()
            case Kind.ATTEMPT:
                await self._steps.attempt_failed(message)
            case Kind.STEPS:
                names = [str(name) for name in message.get('names') or []]
                await self._saved.move_soon(lambda run: transitions.steps_named(run, names))
            case Kind.ARTIFACT:
                await self._saved.move_soon(lambda run: transitions.artifact_kept(run, message))
            case Kind.QUESTION:
                await self._asked_a_question(message)
            case Kind.PAUSED:
                await self._paused()
            case Kind.RESUMED:
                now, self._pause = now_utc(), None
                self._pause_timer.cancel()
                await self._saved.move(lambda run: transitions.resumed(run, now), on_saved=self._log_resumed)
                self._limits.start_step()
                self._limits.start_run()
            case Kind.STOPPING:
                self.ending_programs.heard(message)
            case Kind.SILENT:
                self._show_silence(message)
            case Kind.END:
                self._ended(message)

    def _show_silence(self, message: Mapping[str, Any]) -> None:
        before, self._silence = self._silence, silence_of(message, now_utc())
        if self._silence and before:
            self._silence = self._silence.changed(since=before.since)
        if (self._silence is None) != (before is None):
            level = Level.WARNING if self._silence else Level.INFO
            text = f'{self._silence.message} {self._silence.hint}' if self._silence else _('Its process answers again')
            self._lifecycle.write(self.run, text, level=level)
        if self._silence != before:
            self._saved.show_flags()

    def _without_secrets(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        # Log entries are scrubbed by the log; these become part of the run.
        texts = {name: message[name] for name in ('note', 'error', 'text', 'choices', 'default') if message.get(name)}
        return {**message, **self._context.log.scrub(texts)} if texts else message

    async def _log_line(self, line: str) -> None:
        """Log a line that bypassed the protocol: C code, a child that kept our descriptor, a dying interpreter."""
        self._guards.heard()
        level = Level.ERROR if line.startswith(('Fatal Python error', 'Segmentation fault')) else Level.INFO
        step = self._saved.newest.latest_step  # it comes by a pipe of its own, perhaps after the step's end
        if self._intake is not None:
            await self._intake.take_line(line, step.name if step else None, level)
        await self._context.log.room_to_write()

    async def _asked_a_question(self, message: Mapping[str, Any]) -> None:
        question = transitions.question_from(message, now_utc())
        if question is None or self._must_end():
            return
        self._limits.cancel()
        now = question.asked_at
        await self._saved.move(lambda run: transitions.asked(run, question, now), on_saved=self._lifecycle.asked)
        if message.get('can_end') is True and not self._must_end():
            self.park()

    async def _paused(self) -> None:
        self._limits.cancel_step()
        if self._saved.newest.is_waiting:
            return
        self._is_pausing = False
        now = now_utc()
        self._pause = (self._pause or Pause(since=now)).changed(since=now)
        await self._saved.move(
            lambda run: transitions.paused(run, now),
            on_saved=lambda run: self._lifecycle.write(run, _('Run #{number} is paused', number=run.number)),
        )

    def _log_resumed(self, run: RunRecord) -> None:
        if not self._is_stopping:  # a stop resumes a paused run only to end it
            self._lifecycle.write(run, _('Run #{number} is resumed', number=run.number))

    def _ended(self, message: Mapping[str, Any]) -> None:
        self._limits.cancel_step()
        with contextlib.suppress(ValueError):
            state = RunState(str(message.get('state')))
            self._reported = state if state.is_final and state is not RunState.INTERRUPTED else None
            self._error = transitions.problem_from(message.get('error'))

    # Flags: no part of the state, so they are published at once

    def _with_flags(self, run: RunRecord) -> RunRecord:
        is_live = not run.state.is_final
        stopping, pausing = is_live and self._is_stopping, is_live and self._is_pausing
        silence, stall, pause = (self._silence, self._guards.stall, self._pause) if is_live else (None, None, None)
        flags: dict[str, Any] = {
            'is_stopping': stopping,
            'is_pausing': pausing,
            'silence': silence,
            'stall': stall,
            'cut': self._cut,
            'pause': pause,
        }
        return run.changed(**flags) if any(getattr(run, name) != value for name, value in flags.items()) else run

    @property
    def _cut(self) -> Cut | None:
        """What of its output the log does not have."""
        cut = self._cut_before.plus(self._intake.cut) if self._intake is not None else self._cut_before
        return cut if cut.lines else None

    def _count_cut(self) -> None:
        if self._cut != self.run.cut:
            self._saved.show_progress(self._with_flags(self.run))

    def _send(self, command: Do) -> None:
        if self._handle is not None:
            self._handle.send(HostCommand(do=command))

    def _stop_handle(self, *, now: bool) -> None:
        if self._handle is not None:
            task = asyncio.create_task(self._handle.stop(now=now))
            self._stops.add(task)
            task.add_done_callback(self._stops.discard)
