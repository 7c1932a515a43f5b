"""One run while a worker has it: its process, what the process says, and what people ask of it."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from storage.copies import CopyStopped
from storage.files import DiskFull, StorageError
from storage.runs import RunStore
from synapse.engine.engine import Engine, HostHandle
from synapse.errors import SynapseError
from synapse.log.log import Level, Log
from synapse.protocol.messages import Do, HostCommand, Job, Kind
from synapse.records import Problem, now_utc

from . import transitions
from .ending import Ending, not_started, outcome
from .intake import Intake
from .jobs import GoOn
from .lifecycle_log import LifecycleLog
from .records import RunRecord, RunState, StepRun, StepState

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 0.05
"""Mere progress of a run is shown at most once in this time."""
BACKSTOP_SECONDS = 5.0
BACKOFF_SECONDS = 600.0
"""Added where a step may try again: its wait between tries is known to the host alone."""
SAVE_AGAIN_SECONDS = 2.0

Rule = Callable[[RunRecord], RunRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What a live run needs of the house.

    `prepare` gives the run with its inputs taken over, and the job for its host; `taken_over` then lets go of what the
    run had before, and `make_own` gives it alone what others have still; `show` tells everyone of a change, the flag
    being whether it is more than progress.
    """

    store: RunStore
    engine: Engine
    log: Log
    show: Callable[[RunRecord, bool], None]
    prepare: Callable[[RunRecord, GoOn], Awaitable[tuple[RunRecord, Job]]]
    taken_over: Callable[[RunRecord], Awaitable[None]]
    make_own: Callable[[RunRecord, GoOn], Awaitable[None]]
    steps: Callable[[RunRecord], Iterable[Mapping[str, Any]]]


class LiveRun:
    """Carries one run to its end. States move one at a time, each kept on disk before it is shown."""

    def __init__(self, run: RunRecord, worker: str, context: RunContext) -> None:
        self.run = run
        self.worker = worker
        self._context = context
        self._say = LifecycleLog(context.log)
        self._moving = asyncio.Lock()
        self._handle: HostHandle | None = None
        self._intake: Intake | None = None
        self._is_stopping = self._stop_now = self._is_closing = False
        self._is_pausing = False
        self._said: RunState | None = None
        self._error: Problem | None = None
        self._timed_out: tuple[StepRun, float] | None = None
        self._backstop: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._overran = 0.0
        self._later: asyncio.TimerHandle | None = None
        self._shown_at = 0.0
        self._stops: set[asyncio.Task[Any]] = set()
        self._is_disk_trouble_said = False

    async def carry_out(self) -> None:
        """From queued to a final state; raises only when cancelled, and then the process is gone as well."""
        try:
            await self._move(
                lambda run: transitions.started(run, now_utc()), say=lambda run: self._say.started(run, self.worker)
            )
            self._arm_deadline()
            state, problem = await self._work()
        except asyncio.CancelledError:
            if self._handle is not None:
                self._stop_handle(now=True)
            raise
        except SynapseError as error:
            state, problem = RunState.FAILED, not_started(error)
        except (StorageError, OSError) as error:
            hint = 'Look at the disk of the data folder, then retry.'
            state, problem = RunState.FAILED, Problem(message=str(error), hint=hint, type=type(error).__name__)
        except Exception as error:  # the edge of a background task: whatever breaks, the run gets a final state
            log.exception('run %s could not be carried out', self.run.id)
            state, problem = (
                RunState.FAILED,
                Problem(message=f'Synapse itself failed: {error}', type=type(error).__name__),
            )
        finally:
            self._disarm()
            if self._deadline is not None:
                self._deadline.cancel()
        await self._end(state, problem)

    def stop(self, *, now: bool = False, closing: bool = False) -> None:
        """Begin to stop it, or hurry a stop under way; the final state comes when all its processes are gone."""
        self._is_closing = self._is_closing or (closing and not self._is_stopping)
        self._is_stopping = True
        self._stop_now = self._stop_now or now
        self._is_pausing = False
        self._show_flags()
        if self._handle is not None:
            self._stop_handle(now=now)

    def pause(self) -> None:
        """Ask it to hold at its next progress, checkpoint or step edge."""
        self._is_pausing = True
        self._show_flags()
        self._send(Do.PAUSE)

    def resume(self) -> None:
        """Let it go on, also if it has not come to hold yet."""
        self._is_pausing = False
        self._show_flags()
        self._send(Do.RESUME)

    async def tree(self) -> list[dict[str, Any]]:
        """Its processes right now; a secret that a step put into an argument is hidden."""
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
        self._intake = Intake.of_job(self._context.log, job)
        self._handle = await self._context.engine.run(job, self._heard, self._line)
        if self._must_end():
            self._stop_handle(now=self._stop_now)
        elif self._is_pausing:
            self._send(Do.PAUSE)
        host_exit = await self._handle.wait()
        await self._intake.take_rest()
        self._tell_of_ended(host_exit.killed, host_exit.survivors)
        return outcome(self._ending(returncode=host_exit.returncode, signal=host_exit.signal, fault=host_exit.fault))

    async def _take_over(self) -> Job:
        asked = self.run
        prepared, job = await self._context.prepare(asked, self._goes_on)
        if prepared.parameters != asked.parameters:
            await self._move(lambda run: run.changed(parameters=prepared.parameters))
            await self._context.taken_over(asked)
            await self._context.make_own(asked, self._goes_on)
        return job

    def _goes_on(self) -> bool:
        return not self._must_end()

    def _must_end(self) -> bool:
        return self._is_stopping or self._overran > 0

    def _ending(self, **how: Any) -> Ending:
        step, seconds = self._timed_out or (None, 0.0)
        return Ending(
            said=self._said,
            error=self._error,
            timed_out=step,
            timeout_seconds=seconds,
            overran=self._overran,
            is_stopping=self._is_stopping,
            is_closing=self._is_closing,
            **how,
        )

    async def _end(self, state: RunState, problem: Problem | None) -> None:
        self._is_stopping = self._is_pausing = False
        now = now_utc()
        if self.run.state is RunState.QUEUED:  # not even its start could be kept
            await self._move(lambda run: transitions.started(run, now))
        await self._move(lambda run: transitions.ended(run, state, now, error=problem), say=self._say_end)

    def _say_end(self, run: RunRecord) -> None:
        before = {step.name: step for step in self.run.steps}
        for step in run.steps:
            if before[step.name].state is StepState.RUNNING:
                self._say.step_moved(run, step)
        self._say.ended(run)

    def _tell_of_ended(self, killed: list[str], survivors: int) -> None:
        if killed:
            these = f'{len(killed)} process{"es" if len(killed) > 1 else ""}'
            self._say.say(self.run, f'Ended {these} of this run', level=Level.DEBUG, commands=killed[:20])
        if survivors:
            self._say.say(self.run, f'{survivors} of its processes could not be ended', level=Level.ERROR)

    # What the process says

    async def _heard(self, message: Mapping[str, Any]) -> None:
        kind = message.get('t')
        if kind in (Kind.LOGS, Kind.RAW, Kind.SPOOL) and self._intake is not None:
            await self._intake.take(message)
            return
        message = self._without_secrets(message)
        match kind:
            case Kind.PROGRESS:
                await self._progress(message)
            case Kind.STEP:
                await self._step(message)
            case Kind.STEPS:
                names = [str(name) for name in message.get('names') or []]
                await self._move(lambda run: transitions.steps_named(run, names))
            case Kind.ARTIFACT:
                await self._move(lambda run: transitions.artifact_left(run, message))
            case Kind.PAUSED:
                await self._paused()
            case Kind.RESUMED:
                await self._move(transitions.resumed, say=self._say_resumed)
                self._arm(self.run.active_step)
            case Kind.END:
                self._ended(message)

    def _without_secrets(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        # Log entries are scrubbed by the log; these two become part of the run.
        told = {name: message[name] for name in ('note', 'error') if message.get(name)}
        return {**message, **self._context.log.scrub(told)} if told else message

    async def _line(self, line: str) -> None:
        """A line that came around the protocol: C code, a child that kept our descriptor, a dying interpreter."""
        level = Level.ERROR if line.startswith(('Fatal Python error', 'Segmentation fault')) else Level.INFO
        step = self.run.active_step
        self._context.log.append(level, line, source='stderr', run=self.run.id, step=step.name if step else None)
        await self._context.log.room_to_write()

    async def _progress(self, message: Mapping[str, Any]) -> None:
        async with self._moving:
            after = transitions.progressed(self.run, message)
            if after is self.run:
                return
            self.run = after
        self._show_progress()

    def _show_progress(self) -> None:
        loop = asyncio.get_running_loop()
        if self._later is not None:
            return
        due = self._shown_at + PROGRESS_SECONDS
        if loop.time() >= due:
            self._show_now()
        else:
            self._later = loop.call_at(due, self._show_now)

    def _show_now(self) -> None:
        self._forget_later()
        self._shown_at = asyncio.get_running_loop().time()
        self._context.show(self.run, False)

    def _forget_later(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None

    async def _step(self, message: Mapping[str, Any]) -> None:
        if self._is_stopping and message.get('state') == StepState.FAILED:
            message = {**message, 'state': 'cancelled', 'error': None}  # what broke is what we broke off
        name = message.get('name')
        now = self._moment_of(message.get('at'))

        def say(run: RunRecord) -> None:
            self._say.step_moved(run, next(step for step in run.steps if step.name == name))

        await self._move(lambda run: transitions.step_reported(run, message, now), say=say)
        self._arm(self.run.active_step)

    def _moment_of(self, at: object) -> datetime:
        """When the host says it was; never before this run began, and never in the future."""
        now = now_utc()
        try:
            moment = datetime.fromisoformat(str(at)).astimezone(UTC)
        except ValueError:
            return now
        return min(now, max(moment, self.run.started_at or moment))

    async def _paused(self) -> None:
        self._disarm()
        self._is_pausing = False
        await self._move(transitions.paused, say=lambda run: self._say.say(run, f'Run #{run.number} is paused'))

    def _say_resumed(self, run: RunRecord) -> None:
        if not self._is_stopping:  # a stop lets go of what holds, only to end it
            self._say.say(run, f'Run #{run.number} goes on')

    def _ended(self, message: Mapping[str, Any]) -> None:
        self._disarm()
        with contextlib.suppress(ValueError):
            said = RunState(str(message.get('state')))
            self._said = said if said.is_final and said is not RunState.INTERRUPTED else None
            self._error = transitions.problem_from(message.get('error'))

    # The backstop for a host that cannot even count its own time

    def _arm(self, step: StepRun | None) -> None:
        self._disarm()
        options = next((known for known in self._context.steps(self.run) if step and known['name'] == step.name), None)
        if step is None or options is None or not options.get('timeout') or self.run.state is not RunState.RUNNING:
            return
        seconds = float(options['timeout'])
        may_try_again = step.attempt <= int(options.get('retries') or 0)
        wait = seconds + BACKSTOP_SECONDS + (BACKOFF_SECONDS if may_try_again else 0.0)
        self._backstop = asyncio.get_running_loop().call_later(wait, self._time_is_over, step, seconds)

    def _disarm(self) -> None:
        if self._backstop is not None:
            self._backstop.cancel()
            self._backstop = None

    def _arm_deadline(self) -> None:
        if self.run.timeout_seconds is not None:
            self._deadline = asyncio.get_running_loop().call_later(self.run.timeout_seconds, self._deadline_is_over)

    def _deadline_is_over(self) -> None:
        self._overran = self.run.timeout_seconds or 0.0
        self._say.say(self.run, f'Run #{self.run.number} is stopped: its event allows {self._overran:g} s')
        self._stop_handle(now=False)

    def _time_is_over(self, step: StepRun, seconds: float) -> None:
        self._timed_out = (step, seconds)
        self._stop_handle(now=True)

    # Moves

    async def _move(self, rule: Rule, *, say: Callable[[RunRecord], None] | None = None) -> None:
        """Apply a rule: keep the result on disk, then say it in the log, then show it."""
        async with self._moving:
            after = rule(self.run)
            if after is self.run:
                return
            await self._keep(after)
            if say is not None:
                say(after)
            self.run = self._with_flags(after)
            self._forget_later()
            self._context.show(self.run, True)

    async def _keep(self, run: RunRecord) -> None:
        """Keep it, however long the disk takes to have room again: the work of a run is not thrown away for that."""
        while True:
            try:
                await asyncio.to_thread(self._context.store.save, run.as_json())
                return
            except StorageError as error:
                self._say_disk_trouble(error)
                await asyncio.sleep(SAVE_AGAIN_SECONDS)

    def _say_disk_trouble(self, error: StorageError) -> None:
        if not self._is_disk_trouble_said:
            self._is_disk_trouble_said = True
            why = 'No room is left on the disk' if isinstance(error, DiskFull) else str(error)
            self._say.say(self.run, f'{why}: run #{self.run.number} waits until it can be saved', level=Level.ERROR)

    def _with_flags(self, run: RunRecord) -> RunRecord:
        is_live = not run.state.is_final
        flags = {'is_stopping': is_live and self._is_stopping, 'is_pausing': is_live and self._is_pausing}
        return run.changed(**flags)

    def _show_flags(self) -> None:
        # A flag is no state: it is shown at once, also while a move is being written.
        self.run = self._with_flags(self.run)
        self._context.show(self.run, True)

    def _send(self, what: Do) -> None:
        if self._handle is not None:
            self._handle.send(HostCommand(do=what))

    def _stop_handle(self, *, now: bool) -> None:
        if self._handle is not None:
            task = asyncio.create_task(self._handle.stop(now=now))
            self._stops.add(task)
            task.add_done_callback(self._stops.discard)
