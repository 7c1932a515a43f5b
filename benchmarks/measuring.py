"""Benchmarks and their rounds, in which Synapse, a reference and an earlier build take turns on the same machine."""

import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.builds import Bench

OURS, REFERENCE, OLD = 'ours', 'reference', 'old'
TURNS = (OURS, REFERENCE, OLD)
"""The order within a round."""

Figures = Mapping[str, float]
Sides = Mapping[str, Callable[[], Figures]]
"""How to measure each of `TURNS` once; a benchmark has at least `OURS`."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A line of the table and its targets: limits of the value itself, and of its ratio to the others.

    The limits are maxima, or minima if more is better.
    """

    what: str
    unit: str = 'ms'
    is_more_better: bool = False
    limit: float | None = None
    of_reference: float | None = None
    of_old: float | None = None


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A function that prepares everything and yields the `Sides` to measure; see `benchmark`."""

    name: str
    what: str
    reference: str
    figures: Mapping[str, Figure]
    rounds: int
    is_optional: bool
    """Whether it runs only if it is named."""
    sides: Callable[[Bench], Iterator[Sides]]


BENCHMARKS: dict[str, Benchmark] = {}


def benchmark(
    name: str,
    what: str,
    *,
    reference: str,
    figures: Mapping[str, Figure],
    rounds: int = 5,
    is_optional: bool = False,
) -> Callable[[Callable[[Bench], Iterator[Sides]]], Callable[[Bench], Iterator[Sides]]]:
    """Add the decorated function to `BENCHMARKS`.

    :param figures: by the keys under which the sides return them
    """

    def add(sides: Callable[[Bench], Iterator[Sides]]) -> Callable[[Bench], Iterator[Sides]]:
        BENCHMARKS[name] = Benchmark(
            name=name,
            what=what,
            reference=reference,
            figures=figures,
            rounds=rounds,
            is_optional=is_optional,
            sides=sides,
        )
        return sides

    return add


@dataclass(frozen=True)
class Spread:
    """Median, minimum and maximum over the rounds."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> 'Spread | None':
        return cls(statistics.median(values), min(values), max(values)) if values else None


@dataclass
class Result:
    """The figures of each side, round by round, and the sides that failed."""

    benchmark: Benchmark
    rounds: dict[str, list[Figures]] = field(default_factory=lambda: {side: [] for side in TURNS})
    failed: list[str] = field(default_factory=list)

    def spread(self, figure: str, side: str) -> Spread | None:
        return Spread.of([one[figure] for one in self.rounds[side] if figure in one])

    def ratio(self, figure: str, side: str) -> Spread | None:
        """Our figure divided by that of this side, over the rounds that have both."""
        both = zip(self.rounds[OURS], self.rounds[side], strict=False)
        return Spread.of([mine[figure] / other[figure] for mine, other in both if other.get(figure)])


def measure(benchmark: Benchmark, bench: Bench, rounds: int) -> Result:
    """Run the rounds. A side that fails is skipped from then on; its traceback goes to standard error."""
    result = Result(benchmark)
    try:
        with contextmanager(benchmark.sides)(bench) as sides:
            for number in range(rounds):
                for side in TURNS:
                    if side in sides and side not in result.failed:
                        _take_turn(result, side, sides[side], f'{number + 1} of {rounds}')
    except Exception:
        _note_failure(result, OURS)
    return result


def _take_turn(result: Result, side: str, work: Callable[[], Figures], which: str) -> None:
    since = time.monotonic()
    try:
        figures = work()
    except Exception:
        _note_failure(result, side)
        return
    result.rounds[side].append(figures)
    shown = ', '.join(f'{name} {value:.4g}' for name, value in figures.items())
    tell(f'{result.benchmark.name} {which}, {side}: {shown} (took {time.monotonic() - since:.0f} s)')


def _note_failure(result: Result, side: str) -> None:
    result.failed.append(side)
    tell(f'{result.benchmark.name}: {side} failed')
    traceback.print_exc()


def tell(words: str) -> None:
    """Show progress on standard error."""
    print(words, file=sys.stderr, flush=True)


def p50(values: Sequence[float]) -> float:
    return statistics.median(values)


def p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20, method='inclusive')[18]


def p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100, method='inclusive')[98]


def milliseconds(work: Callable[[], Any]) -> float:
    """Return how long this takes."""
    since = time.perf_counter()
    work()
    return (time.perf_counter() - since) * 1000
