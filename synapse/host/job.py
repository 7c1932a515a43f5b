"""Carries out one run: its steps in order, with their retries and timeouts, and a checkpoint after each.

Steps run in the main thread, where a signal can interrupt them; one that ignores even that ends with the process.
"""

import contextlib
import errno
import inspect
import json
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from storage.files import StorageError, write_atomically
from synapse.language import _
from synapse.language.figures import number
from synapse.pipelines.load import load_pipeline
from synapse.pipelines.options import options_of
from synapse.pipelines.pipeline import Pipeline, Step, StepFailed, steps_of, takes_run
from synapse.pipelines.problems import StepTimeout, problem_of
from synapse.pipelines.state import restored, state_of
from synapse.protocol.environment import TOKEN
from synapse.protocol.home import FOLDER, Home, set_home
from synapse.protocol.long_lines import LONG_LINES, LongLines
from synapse.protocol.messages import (
    RESULT,
    AttemptFailed,
    CheckpointSaved,
    End,
    HomeAsked,
    Job,
    Kind,
    StepMoved,
    Steps,
    Stopping,
)
from synapse.protocol.spool import ECHO, SPOOL, Echo, Spool
from synapse.records import Problem
from synapse.scrubber import Scrubber, secret_values
from synapse.sentences import sentences

from .asking import Asking
from .channel import Channel
from .children import offer, silence_pools
from .control import Cancelled, Control
from .deadline import Deadline
from .interrupts import Interrupts
from .profile import RunProfile, Secrets
from .run import Run
from .shell import kill_descendants
from .stopping import StopRule
from .surroundings import apply, enter, enter_step

if TYPE_CHECKING:
    import asyncio

CLOSE_SECONDS = 2.0
SYNC_SECONDS = 1.0


class Runner:
    """The one run of this process.

    :param finish_lines: sends printed text that has no line end yet
    """

    def __init__(
        self,
        job: Job,
        channel: Channel,
        control: Control,
        interrupts: Interrupts,
        finish_lines: Callable[[], None],
    ) -> None:
        self._job = job
        self._channel = channel
        self._control = control
        self._finish_lines = finish_lines
        self._folder = Path(job['folder'])
        self._origin: str | None = job.get('origin') or job.get('file')
        self._done: list[str] = []
        self._scrubber = Scrubber()
        self._warned_of: set[str] = set()
        self._asking = Asking(job.get('answers') or (), channel, control)
        self._interrupts = interrupts
        channel.after_output = self._interrupts.raise_pending
        self._async: asyncio.Runner | None = None
        self._synced_at = time.monotonic()

    def carry_out(self) -> None:
        """Run to the end and report how it ended; never raises."""
        state, problem = 'failed', None
        try:
            self._work()
            state = 'succeeded'
        except Cancelled:
            state = 'cancelled'
        except _Failed as failed:
            problem = failed.problem
        except BaseException as error:  # the edge: what fails before or between steps is reported too
            problem = self._problem_of(error)
            self._log_problem(problem)
        finally:
            self._close_loop()
        self._report_end(state, problem)

    def interrupt(self) -> None:
        """Raise `Cancelled` in a sync step, wherever it is; for signal handlers."""
        self._interrupts.interrupt(Cancelled())

    def _work(self) -> None:
        for name in ('work', 'artifacts'):
            (self._folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        scrubber = self._scrubber
        of_profile = secret_values((self._job.get('profile') or {}).get('secrets') or {})
        token = (self._job.get('environment') or {}).get(TOKEN)
        scrubber.hide('run', [*of_profile, *(self._job.get('secrets') or ()), *([token] if token else [])])
        self._channel.long_lines = LongLines(self._folder / LONG_LINES, scrubber.text)
        self._channel.spool, self._channel.echo = Spool(self._folder / SPOOL), Echo(self._folder / ECHO)
        if self._job.get('is_elsewhere'):
            set_home(Home(self._ask_home, self._folder / FOLDER))
        os.chdir(self._folder / 'work')
        enter(self._job)
        self._control.gate()
        file = self._job.get('file')
        pipeline = load_pipeline(self._job['pipeline'], file, self._origin)
        if file is not None:
            offer(sys.modules[pipeline.__module__], file, self._origin, self._folder)
            silence_pools(lambda: self._control.cancelled)
        options = options_of(pipeline)
        apply(options, self._warn)
        self._stop = StopRule.of(options, self._job.get('stop_signal'), self._job.get('grace_seconds'))
        self._control.on_cancel(self._report_stop)
        steps = steps_of(pipeline)
        self._channel.send(Steps(t=Kind.STEPS, names=[step.name for step in steps]))
        steps = self._steps_to_run(steps)
        self._instance = self._instance_of(pipeline)
        self._run = self._run_of()
        for step in steps:
            self._carry_out_step(step)

    def _ask_home(self, request: Mapping[str, Any]) -> Any:
        if self._channel.is_fork:
            raise OSError(errno.ENOTSUP, _('a copy of the process of a run cannot deliver from another machine'))
        id = f'home-{secrets.token_hex(8)}'
        self._channel.send(HomeAsked(t=Kind.HOME, id=id, request=dict(request)))
        return self._control.wait_for_answer(id)

    def _steps_to_run(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        names = [step.name for step in steps]
        first = self._job.get('from_step')
        if first is None:
            return steps
        if first not in names:
            raise StepFailed(
                _('The pipeline no longer has a step called {first!r}.', first=first), _('Run it again from its start.')
            )
        self._done = names[: names.index(first)]
        return steps[names.index(first) :]

    def _instance_of(self, pipeline: type[Pipeline]) -> Pipeline:
        state = self._job.get('state')
        try:
            if state is not None:
                return restored(pipeline, state, self._job.get('parameters') or {})
            return pipeline.model_validate(self._job.get('parameters') or {})
        except ValidationError as error:
            wrong = ' '.join(f'{name}: {text}' for name, text in sentences(error).items())
            text = _('The saved state does not fit the pipeline. {wrong}', wrong=wrong)
            if state is None:
                text = _('The parameters do not fit the pipeline. {wrong}', wrong=wrong)
            raise StepFailed(text, _('Start a new run from its form.')) from error

    def _run_of(self) -> Run:
        return Run(
            id=self._job['id'],
            number=self._job.get('number') or 0,
            pipeline=self._job['pipeline'],
            folder=self._folder,
            profile=self._profile(),
            channel=self._channel,
            control=self._control,
            save=self._save_within,
            asking=self._asking,
            stop=self._stop,
            force_color=self._instance.force_color,
        )

    def _profile(self) -> RunProfile | None:
        profile = self._job.get('profile')
        if profile is None:
            return None
        keys = ('id', 'label', 'destination', 'defaults', 'known_hosts')
        values = {key: profile[key] for key in keys if profile.get(key)}
        return RunProfile(**values, secrets=Secrets(profile.get('secrets') or {}))

    # One step

    def _carry_out_step(self, step: Step) -> None:
        self._control.gate()
        self._channel.step = step.name
        enter_step(step.name)
        self._channel.watch()
        for attempt in range(1, step.retries + 2):
            self._run.attempt, self._run._failed_program = attempt, ''
            self._report_step(step, 'running')
            self._asking.begin(attempt)
            problem = self._attempt(step)
            if problem is None:
                break
            if attempt > step.retries:
                self._log_problem(problem)
                self._report_step(step, 'failed', problem)
                raise _Failed(problem)
            self._wait_to_retry(step, attempt, problem)
        self._done.append(step.name)
        self._save()
        if any(report.get('step') == step.name for report in self._channel.reports):
            self._save_reports()  # its artifacts
        self._report_step(step, 'succeeded')
        self._channel.step = None

    def _attempt(self, step: Step) -> Problem | None:
        """Call the step once and return its failure, None if it succeeded.

        :raises Cancelled: if the run was asked to stop
        """
        deadline = Deadline(step, self._control, self._interrupts, self._give_up)
        problem = None
        try:
            with deadline:
                self._call(step, deadline)
        except Cancelled:
            self._report_step(step, 'cancelled')
            raise
        except SystemExit as error:
            problem = self._problem_of(error) if error.code else None
        except BaseException as error:  # the edge of the pipeline's code: whatever it raises is a failed step
            problem = self._problem_of(error)
            if isinstance(error, StepFailed | RuntimeError) and not problem.program:
                problem = problem.changed(program=self._run._failed_program)  # most likely it failed because of that
        finally:
            with self._channel.without_waiting():
                self._finish_lines()
        # A step that catches everything has caught the timeout too, and whatever it did then came too late.
        return self._problem_of(deadline.timeout()) if deadline.has_passed else problem

    def _problem_of(self, error: BaseException) -> Problem:
        return problem_of(error, self._origin, self._job.get('machine', ''))

    def _call(self, step: Step, deadline: 'Deadline') -> None:
        method = getattr(self._instance, step.name)
        arguments = (self._run,) if takes_run(method) else ()
        if not inspect.iscoroutinefunction(method):
            with self._interrupts.armed():
                method(*arguments)
            return
        import asyncio  # with TLS and all: a tenth of the start of a host, and few steps are async

        self._async = self._async or asyncio.Runner()
        self._async.run(self._await(method(*arguments), deadline))

    async def _await(self, step: Any, deadline: 'Deadline') -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(step)

        def cancel_soon() -> None:
            loop.call_soon_threadsafe(task.cancel)

        remove_callback = self._control.on_cancel(cancel_soon)
        deadline.cancel_task = cancel_soon
        try:
            await task
        except asyncio.CancelledError:
            if deadline.has_passed:
                raise deadline.timeout() from None
            self._control.gate()
            raise
        finally:
            remove_callback()

    def _wait_to_retry(self, step: Step, attempt: int, problem: Problem) -> None:
        wait = step.backoff * 2 ** (attempt - 1)
        zone = ZoneInfo(self._job.get('zone') or 'UTC')  # log lines are shown in its wall time
        at = f'{datetime.now(zone) + timedelta(seconds=wait):%H:%M:%S}'
        reason = problem.message if problem.message.endswith(('.', '!', '?')) else f'{problem.message}.'
        text = _(
            'Attempt {attempt} of {most} failed: {reason} Next attempt in {wait} s, at {at}.',
            attempt=attempt,
            most=step.retries + 1,
            reason=reason,
            wait=number(wait),
            at=at,
        )
        where = {'file': problem.file, 'line': problem.line} if problem.file else None
        with self._channel.without_waiting():
            self._channel.log('warning', step.name, text, where)
            failed = AttemptFailed(
                t=Kind.ATTEMPT, name=step.name, attempt=attempt, error=problem.as_document(), at=_now()
            )
            self._channel.send(failed)
        try:
            self._control.sleep(wait)
        except Cancelled:
            self._report_step(step, 'cancelled')
            raise

    def _save_within(self) -> None:
        """Save a checkpoint within a step; to a control room elsewhere it is brought at once."""
        self._save()
        if self._job.get('is_elsewhere') and not self._channel.is_fork:
            self._channel.send(CheckpointSaved(t=Kind.CHECKPOINT, done=len(self._done)))

    def _save(self) -> None:
        try:
            state, left_out = state_of(self._instance)
            document = {'pipeline': self._job['pipeline'], 'state': state, 'done': self._done}
            write_atomically(self._folder / 'checkpoint.json', json.dumps(document).encode(), sync=self._is_sync_due())
        except Exception as error:  # the step has succeeded all the same; only a retry from the next one is lost
            self._warn(_('The checkpoint could not be saved: {error}', error=error))
            return
        for name in left_out:
            if name not in self._warned_of:
                self._warned_of.add(name)
                self._warn(
                    _('{name} cannot be saved as JSON, so a retry from a later step starts without it.', name=name)
                )

    def _save_reports(self, **end: Any) -> None:
        """Put on disk what was said: the control room may be gone in this moment, and all work be done."""
        document = {'reports': [self._without_secrets(report) for report in self._channel.reports], **end}
        # One that lives hears it all the same.
        with contextlib.suppress(StorageError):
            write_atomically(self._folder / RESULT, json.dumps(document).encode(), sync=self._is_sync_due())

    def _without_secrets(self, message: Mapping[str, Any]) -> dict[str, Any]:
        error = message.get('error')
        return {**message, 'error': self._scrubber.value(error)} if error else {**message}

    def _is_sync_due(self) -> bool:
        """Whether a power failure could cost more than a sync does: steps of milliseconds are soon repeated."""
        now = time.monotonic()
        if now - self._synced_at < SYNC_SECONDS:
            return False
        self._synced_at = now
        return True

    # Reports

    def _report_step(self, step: Step, state: str, problem: Problem | None = None) -> None:
        error = problem.as_document() if problem else None
        # The time is taken here, as for every line that the step prints, so that all are in order.
        attempt = self._run.attempt
        self._channel.send(StepMoved(t=Kind.STEP, name=step.name, state=state, attempt=attempt, error=error, at=_now()))

    def _report_stop(self) -> None:
        """Say how long a step may tidy up. One that holds the interpreter cannot say it, and is not waited for."""
        with self._channel.without_waiting():
            self._channel.send(Stopping(t=Kind.STOPPING, wait=0, grace=self._stop.grace, program='', signal=''))

    def _warn(self, text: str) -> None:
        with self._channel.without_waiting():
            self._channel.log('warning', self._channel.step or self._job['pipeline'], text)

    def _log_problem(self, problem: Problem) -> None:
        hint = '' if problem.is_hint_at_log else problem.hint  # its reader is looking at it
        stop = '' if not hint or problem.message.endswith(('.', '!', '?')) else '.'
        text = f'{problem.message}{stop} {hint}'.rstrip()
        if problem.traceback:
            text = f'{text}\n{problem.traceback}'
        where = {'file': problem.file, 'line': problem.line} if problem.file else None
        with self._channel.without_waiting():
            self._channel.log('error', self._channel.step or self._job['pipeline'], text, where)

    def _report_end(self, state: str, problem: Problem | None = None) -> None:
        with self._channel.without_waiting():
            self._finish_lines()
        end = End(t=Kind.END, state=state, error=problem.as_document() if problem else None)
        self._save_reports(end={**self._without_secrets(end), 'at': _now()})
        self._channel.send(end)

    def _give_up(self, step: Step, timeout: StepTimeout) -> None:
        # Called in another thread than the step's: what hangs there ends only with the process.
        problem = self._problem_of(timeout)
        kill_descendants()
        self._log_problem(problem)
        self._report_step(step, 'failed', problem)
        self._report_end('failed', problem)
        os._exit(0)

    def _close_loop(self) -> None:
        """End the tasks and threads that async steps left behind, and give up on them after 2 s."""
        if self._async is None:
            return
        late = threading.Timer(CLOSE_SECONDS, self._interrupts.interrupt, [TimeoutError(_('some are still running'))])
        late.daemon = True
        late.start()
        try:
            with self._interrupts.armed():
                self._async.close()
        except BaseException as error:  # what a step left behind may raise; the run is over all the same
            self._warn(_('Tasks or threads that async steps left behind could not be ended: {error!r}', error=error))
        finally:
            late.cancel()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec='microseconds')


class _Failed(Exception):
    """A step has failed after its last attempt, and that has been reported."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem
