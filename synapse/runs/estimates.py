"""How long runs usually take, and so how long a live one still needs and when a waiting one may start."""

import asyncio
import heapq
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Protocol

from synapse.records import now_utc

from .records import RunRecord, StepRun, StepState

Typical = Mapping[str, float]
"""Seconds that each step usually takes, by its name."""

LAST_RUNS = 10
LEAST_PERCENT = 1.0
"""A speed isn't measured over less than this."""
SURE_PERCENT = 10.0
"""From here on a step is judged by its own speed alone: a film of an hour says nothing about one of a minute."""


class StepTimes(Protocol):
    """What estimates need from the store."""

    def step_seconds(self, pipeline: str, *, limit: int = ...) -> dict[str, list[float]]: ...


class Estimates:
    """The usual time of each step: the median over the last ten runs that succeeded. Cached until a run ends."""

    def __init__(self, store: StepTimes) -> None:
        self._store = store
        self._known: dict[str, Typical] = {}

    async def typical(self, pipeline: str) -> Typical:
        """Return seconds by step; empty if no run has succeeded yet."""
        if pipeline not in self._known:
            times = await asyncio.to_thread(self._store.step_seconds, pipeline, limit=LAST_RUNS)
            self._known[pipeline] = {step: median(seconds) for step, seconds in times.items() if seconds}
        return self._known[pipeline]

    def known(self, pipeline: str) -> Typical:
        """Return what is cached, without reading the disk."""
        return self._known.get(pipeline, {})

    def seconds_left(self, run: RunRecord) -> float | None:
        """Return how long a run still needs, None where that cannot be estimated."""
        return seconds_left(run, self.known(run.pipeline), now_utc())

    async def refresh(self, pipeline: str) -> None:
        """Read the times again, since a run of this pipeline has ended."""
        self._known.pop(pipeline, None)
        await self.typical(pipeline)


def seconds_left(run: RunRecord, typical: Typical, now: datetime) -> float | None:
    """Return the seconds a run still needs, None where that cannot be estimated.

    A running step is judged by its usual time and, the nearer it is to `SURE_PERCENT`, by its own speed.
    """
    total = 0.0
    for step in run.steps:
        left = _step_left(step, typical.get(step.name), now)
        if left is None:
            return None
        total += left
    return total if run.steps and not run.state.is_final else None


def _step_left(step: StepRun, usual: float | None, now: datetime) -> float | None:
    if step.state is StepState.PENDING:
        return usual
    if step.state is not StepState.RUNNING or step.started_at is None:
        return 0.0
    spent = max(0.0, (now - step.started_at).total_seconds())
    by_speed = _by_speed(step, spent, now)
    if usual is None:
        return by_speed
    by_habit = max(0.0, usual - spent)
    if by_speed is None:
        return by_habit
    weight = min(1.0, step.progress / SURE_PERCENT)
    return weight * by_speed + (1 - weight) * by_habit


def _by_speed(step: StepRun, spent: float, now: datetime) -> float | None:
    """Return the seconds left at the speed since the first progress, for what came before isn't the work itself."""
    done = step.progress
    if step.pace and step.progress - step.pace.percent >= LEAST_PERCENT:
        done -= step.pace.percent
        spent = max(0.0, (now - step.pace.at).total_seconds())
    return spent * (100 - step.progress) / done if done >= LEAST_PERCENT else None


def expected_starts(
    waiting: Sequence[RunRecord],
    live: Iterable[RunRecord],
    *,
    workers: int,
    typical: Callable[[str], Typical],
    limit: Callable[[str], int | None],
    now: datetime,
) -> dict[str, datetime]:
    """Return when each waiting run may start, by id, without those for which that cannot be estimated.

    :param limit: returns how many runs of a pipeline may run at the same time, None for no limit
    """
    free = [0.0] * workers
    slots: dict[str, list[float]] = {}
    for run in live:
        left = seconds_left(run, typical(run.pipeline), now)
        _occupy(free, slots.setdefault(run.pipeline, []), math.inf if left is None else left)
    starts: dict[str, datetime] = {}
    for run in waiting:
        own = slots.setdefault(run.pipeline, [])
        start = max(free[0], _slot_free(own, limit(run.pipeline)))
        if math.isfinite(start):
            starts[run.id] = now + timedelta(seconds=start)
        takes = seconds_left(run, typical(run.pipeline), now)
        _occupy(free, own, math.inf if takes is None else start + takes)
    return starts


def _occupy(free: list[float], own: list[float], until: float) -> None:
    heapq.heapreplace(free, until)
    own.append(until)


def _slot_free(ends: list[float], limit: int | None) -> float:
    return 0.0 if limit is None or len(ends) < limit else sorted(ends)[-limit]
