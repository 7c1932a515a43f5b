"""How long runs usually take, and so how long a live one still needs and when a waiting one may start."""

import asyncio
import hashlib
import heapq
import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Protocol

from synapse.records import now_utc

from .records import RunRecord, RunState, StepRun, StepState

Typical = Mapping[str, float]
"""Seconds that each step usually takes, by its name."""

LAST_RUNS = 10
COMMANDS = ('RunCommand',)
"""Pipelines whose runs are as alike as the commands that they run."""
READ_RUNS = 500
"""How many of the last runs of such a pipeline are searched for those of the same command."""
READ_OTHERS = 100
"""The same for other pipelines, and runs with the same parameters."""
MOST_COMMANDS = 500
LEAST_PERCENT = 1.0
"""A speed isn't measured over less than this."""
LEAST_HABIT = 0.1
"""With less than this fraction of its usual time left, a step without progress isn't judged by that time."""
SLOWER = (0.1, 20.0)
"""How much faster or slower than usual a run is expected to become."""
HEAD_START_SECONDS = 1.0
"""Added to usual and real times alike before they are compared: short steps say little about long ones."""
SURE_PERCENT = 10.0
"""From here on a step is judged by its own speed alone: a film of an hour says nothing about one of a minute."""


class StepTimes(Protocol):
    """What estimates need from the store."""

    def step_seconds(self, pipeline: str, *, limit: int = ...) -> dict[str, list[float]]: ...

    def last_succeeded(self, pipeline: str, *, limit: int) -> Sequence[Mapping[str, Any]]: ...


def kind_of(pipeline: str, parameters: Mapping[str, Any], run_id: str = '') -> str:
    """Return a key that is the same for runs which usually take as long: for those of a pipeline, or of a command.

    :param run_id: of the run, whose folder may be in the parameters
    """
    if pipeline not in COMMANDS:
        return pipeline
    # Words and the same command line in one text are the same command.
    command = parameters.get('command')
    words = [parameters.get('script') or '', *(command if isinstance(command, list) else [command])]
    what = ' '.join(map(str, words))
    return f'{pipeline} {hashlib.sha256((what.replace(run_id, "") if run_id else what).encode()).hexdigest()[:16]}'


def kind_of_run(run: RunRecord) -> str:
    return kind_of(run.pipeline, run.parameters, run.id)


def same_work(pipeline: str, parameters: Mapping[str, Any], run_id: str) -> str:
    """Return a key that is the same for runs which do the same: of one command, or with the same parameters."""
    if pipeline in COMMANDS:
        return kind_of(pipeline, parameters, run_id)
    # A file that a run took over is in the folder of the run, so its path contains the id.
    given = json.dumps(parameters, sort_keys=True, default=str).replace(run_id, '')
    return f'{pipeline} {hashlib.sha256(given.encode()).hexdigest()[:16]}'


class Estimates:
    """The usual time of each step: the median over the last ten runs that succeeded. Read once, then kept current.

    Runs of a command are compared with runs of the same command.
    """

    def __init__(self, store: StepTimes) -> None:
        self._store = store
        self._times: dict[str, dict[str, deque[float]]] = {}
        self._known: dict[str, Typical] = {}

    async def typical(self, pipeline: str) -> Typical:
        """Return seconds by step; empty if no run has succeeded yet."""
        if pipeline not in self._known:
            times = await asyncio.to_thread(self._store.step_seconds, pipeline, limit=LAST_RUNS)
            await self._read_works(pipeline)
            self._times[pipeline] = {step: deque(seconds, LAST_RUNS) for step, seconds in times.items()}
            self._count(pipeline)
        return self._known[pipeline]

    async def usual(self, pipeline: str, parameters: Mapping[str, Any], run_id: str = '') -> Typical:
        """Return seconds by step for runs with these parameters; see `kind_of`."""
        await self.typical(pipeline)
        return self._known.get(kind_of(pipeline, parameters, run_id), {})

    def known(self, pipeline: str) -> Typical:
        """Return what is cached for all runs of a pipeline, without reading the disk."""
        return self._known.get(pipeline, {})

    def known_of(self, run: RunRecord) -> Typical:
        """Return what is cached for runs like this one, without reading the disk."""
        return self._known.get(kind_of_run(run), {})

    def of_work(self, run: RunRecord) -> Typical:
        """Return what is cached for runs that do the same as this one, or else for runs like it."""
        return self._known.get(same_work(run.pipeline, run.parameters, run.id)) or self.known_of(run)

    async def _read_works(self, pipeline: str) -> None:
        def read() -> list[RunRecord]:
            limit = READ_RUNS if pipeline in COMMANDS else READ_OTHERS
            documents = self._store.last_succeeded(pipeline, limit=limit)
            return [RunRecord.model_validate(document) for document in documents]

        for run in reversed(await asyncio.to_thread(read)):
            self._add(same_work(run.pipeline, run.parameters, run.id), run)

    def seconds_left(self, run: RunRecord) -> float | None:
        """Return how long a run still needs, None where that cannot be estimated."""
        return seconds_left(run, self.of_work(run), now_utc())

    async def ended(self, run: RunRecord) -> None:
        """Count a run that has ended, and is saved."""
        if run.pipeline not in self._known:
            await self.typical(run.pipeline)
            return
        if run.state is not RunState.SUCCEEDED:
            return
        for kind in {run.pipeline, same_work(run.pipeline, run.parameters, run.id)}:
            self._add(kind, run)

    def _add(self, kind: str, run: RunRecord) -> None:
        times = self._times.pop(kind, {})
        for step in run.steps:
            if step.state is StepState.SUCCEEDED and step.started_at is not None and step.finished_at is not None:
                seconds = step.worked_seconds(step.finished_at) or 0.0
                times.setdefault(step.name, deque(maxlen=LAST_RUNS)).appendleft(seconds)
        self._times[kind] = times
        self._count(kind)
        if len(self._times) > MOST_COMMANDS:
            oldest = next((known for known in self._times if ' ' in known), kind)  # ran longest ago
            del self._times[oldest], self._known[oldest]

    def _count(self, kind: str) -> None:
        times = self._times[kind]
        self._known[kind] = {step: median(seconds) for step, seconds in times.items() if seconds}


def seconds_left(run: RunRecord, typical: Typical, now: datetime) -> float | None:
    """Return the seconds a run still needs, None where that cannot be estimated.

    A running step is judged by its usual time and, the nearer it is to `SURE_PERCENT` or to the end of that time, by
    its own speed. Usual times are scaled by how much slower or faster than usual the steps before were.
    """
    if run.state.is_final or not run.steps:
        return None
    total = real = habitual = 0.0
    for step in run.steps:
        usual = typical.get(step.name)
        left = _step_left(step, None if usual is None else usual * _slower(real, habitual), now)
        if left is None:
            return None
        total += left
        worked = step.worked_seconds(now)
        if usual is not None and worked is not None and not step.is_kept:
            real += worked + left
            habitual += usual
    return total


def _slower(real: float, habitual: float) -> float:
    """Return by how much the steps that took `real` seconds instead of `habitual` ones were slower than usual."""
    least, most = SLOWER
    return min(most, max(least, (real + HEAD_START_SECONDS) / (habitual + HEAD_START_SECONDS)))


def _step_left(step: StepRun, usual: float | None, now: datetime) -> float | None:
    if step.state is StepState.PENDING:
        return usual
    spent = step.worked_seconds(now)
    if step.state is not StepState.RUNNING or spent is None:
        return 0.0
    by_speed = _by_speed(step, spent, now)
    if usual is None or usual - spent < LEAST_HABIT * usual:
        return by_speed
    by_habit = usual - spent
    if by_speed is None:
        return by_habit
    weight = min(1.0, max(step.progress / SURE_PERCENT, spent / usual))
    return weight * by_speed + (1 - weight) * by_habit


def _by_speed(step: StepRun, spent: float, now: datetime) -> float | None:
    """Return the seconds left at the speed since the first progress, for what came before isn't the work itself."""
    done = step.progress
    if step.pace and step.progress - step.pace.percent >= LEAST_PERCENT:
        done -= step.pace.percent
        spent = max(0.0, ((step.held_at or now) - step.pace.at).total_seconds())
    return spent * (100 - step.progress) / done if done >= LEAST_PERCENT else None


def expected_starts(
    waiting: Sequence[RunRecord],
    live: Iterable[RunRecord],
    *,
    workers: int,
    typical: Callable[[RunRecord], Typical],
    limit: Callable[[str], int | None],
    now: datetime,
) -> dict[str, datetime]:
    """Return when each waiting run may start, by id, without those for which that cannot be estimated.

    :param limit: returns how many runs of a pipeline may run at the same time, None for no limit
    """
    free = [0.0] * workers
    slots: dict[str, list[float]] = {}
    for run in live:
        left = seconds_left(run, typical(run), now)
        _occupy(free, slots.setdefault(run.pipeline, []), math.inf if left is None else left)
    starts: dict[str, datetime] = {}
    for run in waiting:
        own = slots.setdefault(run.pipeline, [])
        start = max(free[0], _slot_free(own, limit(run.pipeline)))
        if math.isfinite(start):
            starts[run.id] = now + timedelta(seconds=start)
        takes = seconds_left(run, typical(run), now)
        _occupy(free, own, math.inf if takes is None else start + takes)
    return starts


def _occupy(free: list[float], own: list[float], until: float) -> None:
    heapq.heapreplace(free, until)
    own.append(until)


def _slot_free(ends: list[float], limit: int | None) -> float:
    return 0.0 if limit is None or len(ends) < limit else sorted(ends)[-limit]
