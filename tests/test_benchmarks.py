"""What all benchmarks share: rounds, ratios, sides that fail, the table, processor time of a process tree."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil

from benchmarks.builds import Bench
from benchmarks.measuring import OLD, OURS, REFERENCE, Benchmark, Figure, Result, Sides, measure
from benchmarks.processes import Tree
from benchmarks.report import page, table
from tests.parts.harness import ROOT, wait_until

WORK = """
import subprocess, sys
subprocess.run([sys.executable, '-c', 'import time\\nwhile time.process_time() < 0.5: pass'])
print('done', flush=True)
sys.stdin.read()
"""


def measured(sides: Mapping[str, Callable[[], Mapping[str, float]]], **limits: float) -> Result:
    def yielded(_: Bench) -> Iterator[Sides]:
        yield sides

    known = Benchmark(
        name='a-name',
        what='What it is.',
        reference='something known',
        figures={'time': Figure(what='a time', **limits)},
        rounds=2,
        is_optional=False,
        sides=yielded,
    )
    return measure(known, Bench(Path(), {}), 2)


def test_the_sides_take_turns_and_ratios_are_those_of_a_round() -> None:
    turns = []
    seconds = {OURS: iter([10.0, 30.0]), REFERENCE: iter([5.0, 10.0])}

    def take(side: str) -> Mapping[str, float]:
        turns.append(side)
        return {'time': next(seconds[side])}

    result = measured({REFERENCE: lambda: take(REFERENCE), OURS: lambda: take(OURS)}, of_reference=2.6, limit=15)

    assert turns == [OURS, REFERENCE, OURS, REFERENCE]
    (line,) = table([result]).splitlines()[2:]
    assert '| 20 (10 to 30) | 7.5 (5 to 10) | 2.5 (2 to 3) |' in line
    assert line.endswith('| ≤ 15: **no**; ≤ 2.6 of the reference: yes |')


def test_a_side_that_fails_is_named_and_does_not_stop_the_others() -> None:
    def fail() -> Mapping[str, float]:
        raise AssertionError('no such route')

    result = measured({OURS: lambda: {'time': 1.0}, OLD: fail}, of_old=0.5)

    assert result.failed == [OLD]
    assert len(result.rounds[OURS]) == 2
    (line,) = table([result]).splitlines()[2:]
    assert '| failed |' in line
    assert line.endswith(': not measured |')


def test_the_page_says_where_it_was_measured_without_a_path() -> None:
    said = page([measured({OURS: lambda: {'time': 1.0}})], '140.0')

    assert 'Chromium 140.0' in said
    assert '- `a-name`: What it is. Reference: something known. Rounds: 2.' in said
    assert str(ROOT) not in said


def test_the_time_of_a_tree_includes_processes_that_have_ended() -> None:
    command = [sys.executable, '-c', WORK]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == 'done\n'
        wait_until(lambda: not psutil.Process(process.pid).children(), timeout=10)

        assert Tree(process.pid).cpu > 0.4
        assert Tree(process.pid).own_cpu < Tree(process.pid).cpu - 0.4
        process.stdin.close()
