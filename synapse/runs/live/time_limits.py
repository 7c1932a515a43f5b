"""Ends a live run that takes longer than its event allows, or whose host cannot even watch its own timeouts."""

import time
from collections.abc import Callable

from synapse.language import _
from synapse.records import now_utc
from synapse.runs.context import RunContext
from synapse.runs.ending_programs import EndingPrograms
from synapse.runs.lines.lifecycle_log import LifecycleLog
from synapse.runs.records import RunRecord, RunState, StepRun
from synapse.waiting import Timer

BACKSTOP_SECONDS = 5.0
BACKOFF_SECONDS = 600.0
"""Added where a step may be retried: only the host knows how long it waits between attempts."""


class TimeLimits:
    """The limit of the run and, as a backstop, that of its step.

    :param run: returns the run as it is now
    :param stop: ends its process, at once if `now`
    """

    def __init__(
        self,
        context: RunContext,
        ending_programs: EndingPrograms,
        *,
        run: Callable[[], RunRecord],
        stop: Callable[..., object],
    ) -> None:
        self.overran = 0.0
        """The seconds that its event allows, once they have passed."""
        self.timed_out: tuple[StepRun, float] | None = None
        """The step that was ended, and the seconds that it had."""
        self.is_behind = False
        """Whether output is being logged, so that what the host said after it is still unread."""
        self._catalog, self._ending_programs = context.catalog, ending_programs
        self._run, self._stop = run, stop
        self._lifecycle = LifecycleLog(context.log)
        self._of_step, self._of_run = Timer(), Timer()

    def start_run(self) -> None:
        """Time for which it waits for an answer doesn't count."""
        run = self._run()
        if run.timeout_seconds is not None and run.started_at is not None:
            spent = (now_utc() - run.started_at).total_seconds() - run.waited_seconds
            self._of_run.start(max(0.0, run.timeout_seconds - spent), self._run_timed_out)

    def start_step(self) -> None:
        """Watch the step that is active now, if it has a timeout, instead of any other."""
        self.cancel_step()
        run = self._run()
        step, info = run.active_step, self._catalog.find(run.pipeline)
        if step is None or info is None or run.state is not RunState.RUNNING:
            return
        options = next((known for known in info.steps if known['name'] == step.name), {})
        if not options.get('timeout'):
            return
        seconds = float(options['timeout'])
        may_retry = step.attempt <= int(options.get('retries') or 0)
        wait = seconds + BACKSTOP_SECONDS + (BACKOFF_SECONDS if may_retry else 0.0)
        self._of_step.start(wait, self._step_timed_out, step, seconds)

    def cancel_step(self) -> None:
        self._of_step.cancel()

    def cancel(self) -> None:
        self._of_step.cancel()
        self._of_run.cancel()

    def _run_timed_out(self) -> None:
        run = self._run()
        self.overran = run.timeout_seconds or 0.0
        self._lifecycle.write(
            run, _('Run #{number} is stopped: its event allows {seconds:g} s', number=run.number, seconds=self.overran)
        )
        self._stop(now=False)

    def _step_timed_out(self, step: StepRun, seconds: float) -> None:
        busy = self._ending_programs.busy_until - time.monotonic()
        if self.is_behind or busy > 0:  # the end of the step may be among what is unread, or its program is ending
            self._of_step.start(max(0.0, busy) + BACKSTOP_SECONDS, self._step_timed_out, step, seconds)
            return
        self.timed_out = (step, seconds)
        self._stop(now=True)
