"""Notices that a step has given no sign of life for far longer than ever before in the same work."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

from synapse.durations import spoken
from synapse.engine.engine import HostHandle
from synapse.engine.process_tree import Activity
from synapse.language import _
from synapse.records import now_utc
from synapse.runs.estimates import COMMANDS, READ_RUNS, kind_of_run
from synapse.runs.records import RunRecord, RunState, Stall, StepRun, StepState
from synapse.runs.transitions import label_of

LOOK_SECONDS = 15.0
"""How often a step that says nothing is looked at."""
TIMES = 3.0
"""How much longer than ever before is far longer."""
LEAST_SECONDS, FIRST_SECONDS = 600.0, 1800.0
"""The shortest silence to report; and the shortest while fewer than `FEW` earlier runs are known."""
FEW = 3
EARLIER_RUNS = 50
BUSY_SHARE, BUSY_SECONDS, BUSY_BYTES = 0.01, 0.05, 64 * 1024
"""Of one processor, at least so many seconds of it, or read and written between two looks: less may be a program that
waits in a loop. The system counts in hundredths of a second."""


class Past(NamedTuple):
    """How many earlier runs of the same work are known, and the longest silence of the step in them."""

    runs: int
    longest: float


class Store(Protocol):
    """What is needed of the history."""

    def last_succeeded(self, pipeline: str, *, limit: int) -> Sequence[Mapping[str, Any]]: ...


def past_of(store: Store, run: RunRecord, step: str) -> Past:
    """Read the silences of a step in earlier runs of the same work; blocks.

    A step from before silences were recorded was silent for as long as it took, at most.
    """
    limit, kind = READ_RUNS if run.pipeline in COMMANDS else EARLIER_RUNS, kind_of_run(run)
    earlier = [RunRecord.model_validate(document) for document in store.last_succeeded(run.pipeline, limit=limit)]
    steps = [known for other in earlier if kind_of_run(other) == kind for known in other.steps if known.name == step]
    silences = [_silence_of(known) for known in steps if known.state is StepState.SUCCEEDED and not known.is_kept]
    return Past(len(silences), max(silences, default=0.0))


def _silence_of(step: StepRun) -> float:
    return step.quiet_seconds or step.worked_seconds(step.finished_at or now_utc()) or 0.0


def threshold(past: Past) -> float:
    """Return after how many seconds of silence a step is reported."""
    return max(TIMES * past.longest, LEAST_SECONDS if past.runs >= FEW else FIRST_SECONDS)


class StallWatch:
    """Follows the step of a live run. What counts is time in which it works: never while it is paused, asks or stops.

    :param after: seconds of silence to report, 0 for never; None to learn it from `past`
    :param run: returns the run as it is now
    :param past: returns what is known of a step; it is asked rarely, and may block
    :param report: called with each stall, and with None when it is over
    """

    def __init__(
        self,
        after: float | None,
        *,
        run: Callable[[], RunRecord],
        past: Callable[[RunRecord, str], Past],
        report: Callable[[Stall | None], object],
    ) -> None:
        self.longest = 0.0
        """Seconds of the longest silence since the step started."""
        self._after, self._run, self._past, self._report = after, run, past, report
        self._heard_at = time.monotonic()
        self._known: dict[str, Past] = {}
        self._seen: tuple[float, Activity] | None = None
        self._is_stalled = False

    def heard(self) -> None:
        """It has given a sign of life."""
        now = time.monotonic()
        self.longest, self._heard_at = max(self.longest, now - self._heard_at), now
        self._end()

    def begin(self) -> None:
        """A step starts."""
        self.longest, self._heard_at = 0.0, time.monotonic()
        self._end()

    def _end(self) -> None:
        if self._is_stalled:
            self._is_stalled = False
            self._report(None)

    async def watch(self, handle: HostHandle) -> None:
        """Look now and then, until cancelled."""
        if self._after == 0:
            return
        pause = min(LOOK_SECONDS, (self._after or LOOK_SECONDS) / 2)
        while True:
            await asyncio.sleep(pause)
            step = _working_step(self._run())
            if step is None:
                self._heard_at = time.monotonic()
                self._end()
                continue
            if time.monotonic() - self._heard_at < pause:
                self._seen = None
                continue
            is_busy = self._is_busy(await handle.activity())
            if is_busy:
                self.heard()
            elif is_busy is not None:
                await self._judge(step)

    def _is_busy(self, activity: Activity) -> bool | None:
        """Whether its processes have worked since the last look; None if this is the first one."""
        before, now = self._seen, time.monotonic()
        self._seen = now, activity
        if before is None:
            return None
        cpu, io = activity.cpu_seconds - before[1].cpu_seconds, activity.io_bytes - before[1].io_bytes
        # Less than before, if one of them has ended.
        is_idle = 0 <= cpu < max(BUSY_SECONDS, BUSY_SHARE * (now - before[0])) and 0 <= io < BUSY_BYTES
        return not is_idle

    async def _judge(self, step: StepRun) -> None:
        quiet, run = time.monotonic() - self._heard_at, self._run()
        if self._is_stalled or quiet < (LEAST_SECONDS if self._after is None else self._after):
            return
        if self._after is None and step.name not in self._known:
            self._known[step.name] = await asyncio.to_thread(self._past, run, step.name)
        past = self._known.get(step.name, Past(0, 0.0))
        quiet = time.monotonic() - self._heard_at
        if quiet >= (threshold(past) if self._after is None else self._after) and _working_step(self._run()):
            self._is_stalled = True
            self._report(_stall_of(step, self._run().pipeline, quiet, past))


def _working_step(run: RunRecord) -> StepRun | None:
    """Return the step that should give signs of life; a process that does not answer at all is said elsewhere."""
    is_working = run.state is RunState.RUNNING and not run.is_stopping and run.silence is None
    return run.active_step if is_working else None


def _stall_of(step: StepRun, pipeline: str, quiet: float, past: Past) -> Stall:
    label, length = label_of(step.name, pipeline), spoken(quiet)
    message = _('{step} has been silent for {length}.', step=label, length=length)
    if past.runs:
        longest = spoken(past.longest)
        message = _(
            '{step} has been silent for {length}; the longest before was {longest}.',
            step=label,
            length=length,
            longest=longest,
        )
    return Stall(
        step=step.name,
        since=now_utc() - timedelta(seconds=quiet),
        longest_seconds=past.longest if past.runs else None,
        message=message,
        hint=_('Nothing is printed or written, and no processor is used. See what it waits for, or stop the run.'),
    )
