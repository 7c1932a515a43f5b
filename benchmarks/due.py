"""From the moment at which an event is due to the first line of its step, compared with starting a Python process."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

from benchmarks import planned
from benchmarks.builds import WORKERS, Bench, Program
from benchmarks.measuring import REFERENCE, Figure, Figures, Sides, benchmark, p50, p95
from tests.parts.harness import wait_until

ONE, SECONDS_APART, TOGETHER = 20, 2, 100
LEAD_SECONDS = 20
"""From the planning to the first moment: meanwhile the program starts and becomes calm."""

FIRST = """
import time

from synapse import Pipeline, step


class First(Pipeline):
    due: float

    @step
    def first(self, run):
        late = time.time() - self.due
        (run.workdir / 'late.part').write_text(str(late))
        (run.workdir / 'late.part').rename(run.workdir / 'late')
"""


def _first_line(what: str) -> dict[str, Figure]:
    return {
        'p50': Figure(what=f'due to the first line of a step, {what}, p50', of_reference=1.0),
        'p95': Figure(what=f'due to the first line of a step, {what}, p95', of_reference=1.5),
    }


@benchmark(
    'due-one',
    f'{ONE} events, one every {SECONDS_APART} s: from the moment at which it is due to the first line of its step.',
    reference='from the same moment to the first line of `python -c`, which a sleeping program starts',
    rounds=3,
    figures=_first_line('one event'),
)
def due_one(bench: Bench) -> Iterator[Sides]:
    offsets = [number * SECONDS_APART for number in range(bench.count(ONE))]
    yield _sides(bench, offsets)


@benchmark(
    'due-together',
    f'{TOGETHER} events of one second, {WORKERS} runs at a time: from their moment to the first line of each step.',
    reference=f'from one moment to the first line of each of {TOGETHER} `python -c`, {WORKERS} at a time',
    rounds=3,
    figures=_first_line(f'{TOGETHER} together'),
)
def due_together(bench: Bench) -> Iterator[Sides]:
    yield _sides(bench, [0] * bench.count(TOGETHER))


def _sides(bench: Bench, offsets: Sequence[int]) -> Sides:
    sides = {side: partial(of_steps, bench, side, offsets) for side in bench.builds}
    return sides | {REFERENCE: partial(of_python, offsets)}


def of_steps(bench: Bench, side: str, offsets: Sequence[int]) -> Figures:
    begin = after(LEAD_SECONDS)
    dues = [begin + timedelta(seconds=offset) for offset in offsets]
    events = [
        planned.event(number, due, pipeline='First', parameters={'due': due.timestamp()})
        for number, due in enumerate(dues)
    ]
    with fired(bench, side, events, begin, pipelines={'First': FIRST}) as program:

        def late() -> list[float]:
            return [float(file.read_text()) * 1000 for file in program.data.glob('runs/*/work/late')]

        wait_until(lambda: len(late()) == len(dues), timeout=600, what=lambda: f'{len(late())} of {len(dues)} ran')
        return _percentiles(late())


def of_python(offsets: Sequence[int]) -> Figures:
    begin = after(3)

    def start(offset: int) -> float:
        due = begin.timestamp() + offset
        time.sleep(max(0, due - time.time()))
        code = 'import time; print(time.time())'
        said = subprocess.run([sys.executable, '-c', code], stdout=subprocess.PIPE, text=True, check=True)
        return (float(said.stdout) - due) * 1000

    with ThreadPoolExecutor(WORKERS) as pool:
        return _percentiles(list(pool.map(start, offsets)))


def after(seconds: float) -> datetime:
    """A whole second, as events have."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0)


def _percentiles(late: Sequence[float]) -> Figures:
    return {'p50': p50(late), 'p95': p95(late)}


@contextmanager
def fired(
    bench: Bench,
    side: str,
    events: Sequence[planned.Document],
    begin: datetime,
    pipelines: Mapping[str, str] | None = None,
) -> Iterator[Program]:
    """A program with these events, before the first is due."""
    data = bench.new_folder()
    bench.seed(side, data, events=events)
    with bench.program(side, data=data, pipelines=pipelines) as program:
        assert datetime.now(UTC) < begin, 'the program was not up in time on this machine'
        yield program
