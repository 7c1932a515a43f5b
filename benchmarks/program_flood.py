"""A program of a step prints 100,000 lines as fast as it can, through a pipe and through a terminal."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial

from benchmarks.builds import Bench, Program
from benchmarks.measuring import OLD, Figure, Sides, benchmark

LINES = 100_000
PIPELINE = """
import sys

from synapse import Pipeline, Run, step


class Seq(Pipeline):
    lines: int
    terminal: bool = False

    @step
    def go(self, run: Run) -> None:
        options = {'terminal': True} if self.terminal else {}
        run.shell(['seq', '-f', 'line %06.f of a flood that goes on and on', str(self.lines)], **options)
"""


@benchmark(
    'program-flood',
    f'`run.shell` of a program that prints {LINES:,} lines, until its run has ended with all of them in the log. The '
    'earlier build has no terminals: there its pipe is compared with both.',
    reference='none',
    figures={
        'pipe': Figure(what=f'a program prints {LINES:,} lines through a pipe', of_old=1.1),
        'terminal': Figure(what='the same through a terminal', of_old=2.0),
    },
)
def program_flood(bench: Bench) -> Iterator[Sides]:
    with bench.programs(pipelines={'Seq': PIPELINE}) as programs:
        count = bench.count(LINES)
        yield {side: partial(measured, program, count, has_terminals=side != OLD) for side, program in programs.items()}


def measured(program: Program, lines: int, *, has_terminals: bool) -> Mapping[str, float]:
    return {name: _seconds(program, lines, terminal=has_terminals and name == 'terminal') * 1000 for name in _NAMES}


_NAMES = ('pipe', 'terminal')


def _seconds(program: Program, lines: int, *, terminal: bool) -> float:
    program.tree.calm()
    run = program.wait_for_run(program.create_run('Seq', lines=lines, terminal=terminal)['id'], timeout=300)
    assert run['state'] == 'succeeded', run['error']
    begun, ended = (datetime.fromisoformat(run[name]) for name in ('started_at', 'finished_at'))
    return (ended - begun).total_seconds()
