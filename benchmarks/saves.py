"""What it costs to save one event among many: time, how long the event loop is held, memory."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from playwright.sync_api import BrowserContext

from benchmarks import planned
from benchmarks.builds import Bench, Program
from benchmarks.chromium import browser
from benchmarks.measuring import OURS, REFERENCE, Figure, Figures, Sides, benchmark, milliseconds, p50
from benchmarks.pages import opened
from benchmarks.start import FEW, MANY, many
from synapse.records import now_utc

SAVES, HELD_SAVES, MEMORY_SAVES = 40, 30, 1_000
MONTH_SECONDS, PAUSE_SECONDS = 5.0, 0.2
REST_SECONDS = 0.025
"""Between two calls: at most 50 changes a second are accepted."""
FOLD_SECONDS = 5.0
"""Until a journal has been put into its file, which holds the event loop too, if anything does."""

_titles = itertools.count()


@benchmark(
    'save',
    f'One of {MANY:,} recurring events is changed, one is created and one deleted, {SAVES} times each through the API; '
    'all of it is on disk when it is answered.',
    reference=f'the same among {FEW} events',
    figures={
        'change': Figure(what=f'PATCH of one of {MANY:,} events to 200, p50', of_reference=3.0),
        'create': Figure(what='POST of one more to 201, p50', of_reference=3.0),
        'delete': Figure(what='DELETE of one to 204, p50', of_reference=3.0),
    },
)
def save(bench: Bench) -> Iterator[Sides]:
    with ExitStack() as stack:
        stores = {side: (side, many(bench, side)) for side in bench.builds}
        stores[REFERENCE] = OURS, bench.store(OURS, events=planned.recurring(FEW))
        programs = {turn: stack.enter_context(bench.program(side, data=data)) for turn, (side, data) in stores.items()}
        yield {turn: partial(of_save, program, bench.count(SAVES)) for turn, program in programs.items()}


def of_save(program: Program, count: int) -> Figures:
    calls, event = program.calls(), planned.recurring(1)[0]
    new = {name: event[name] for name in ('pipeline', 'parameters', 'start', 'timezone', 'rrule')}
    created: list[str] = []

    def change() -> None:
        calls.patch(f'/scheduler/e{next(_titles) % FEW}', {'title': f'changed {next(_titles)}'})

    def create() -> None:
        created.append(calls.created('/scheduler/create', new))

    def delete() -> None:
        calls.delete(f'/scheduler/{created.pop()}')

    return {work.__name__: p50(list(_timed(work, count))) for work in (change, create, delete)}


def _timed(work: Callable[[], object], count: int) -> Iterator[float]:
    for _ in range(count):
        time.sleep(REST_SECONDS)
        yield milliseconds(work)


@benchmark(
    'save-held',
    f'The longest time for which the event loop is held while one of {MANY:,} recurring events is changed {HELD_SAVES} '
    f'times, with a pause of {PAUSE_SECONDS} s after each: without any page, and while a Chromium shows this month. By '
    'the clock, which includes the other processes of the machine, and in processor time of its own. The first change '
    'after the start is not counted.',
    reference='none',
    figures={
        'held': Figure(what=f'event loop held, save among {MANY:,} events, longest', limit=50.0),
        'own': Figure(what='in processor time of its own, longest', limit=50.0),
        'month_held': Figure(what='event loop held, while the month is shown, longest', limit=50.0),
        'month_own': Figure(what='in processor time of its own, longest', limit=50.0),
    },
)
def save_held(bench: Bench) -> Iterator[Sides]:
    with ExitStack() as stack:
        context = stack.enter_context(browser())
        sides: dict[str, Callable[[], Figures]] = {}
        for side in bench.builds:
            notes = bench.new_folder()
            hook = (str(Path(__file__).with_name('held.py')), str(notes))
            program = stack.enter_context(bench.program(side, data=many(bench, side), hook=hook))
            sides[side] = partial(of_held, context, program, notes, bench.count(HELD_SAVES))
        yield sides


def of_held(context: BrowserContext, program: Program, notes: Path, count: int) -> Figures:
    # The first change after a start holds the loop for 50 ms once, among ten events too.
    program.calls().patch('/scheduler/e0', {'title': 'first'})
    program.tree.calm()
    held, own = _held(program, notes, count)
    page = opened(context, f'{program.url}scheduler?day={now_utc():%Y-%m-%d}')
    time.sleep(MONTH_SECONDS)
    program.tree.calm()
    month_held, month_own = _held(program, notes, count)
    page.context.close()
    return {'held': held, 'own': own, 'month_held': month_held, 'month_own': month_own}


def _held(program: Program, notes: Path, count: int) -> tuple[float, float]:
    """Return how long the loop was held at most, and its own processor time, in milliseconds."""
    read, calls = len(notes.read_text()), program.calls()
    for _ in range(count):
        calls.patch(f'/scheduler/e{next(_titles) % FEW}', {'title': f'changed {next(_titles)}'})
        time.sleep(PAUSE_SECONDS)
    time.sleep(FOLD_SECONDS)
    holds = [[float(word) for word in line.split()] for line in notes.read_text()[read:].splitlines()]
    held, own = (max(column) * 1000 for column in zip(*holds, strict=True))
    return held, own


@benchmark(
    'save-memory',
    f'Memory in use (RSS) of the control room with {MANY:,} recurring events after the first {SAVES} changes, and how '
    f'much more it is {MEMORY_SAVES:,} changes later.',
    reference='none',
    rounds=1,
    figures={
        'memory': Figure(what=f'memory with {MANY:,} events after {SAVES} changes', unit='MB', of_old=1.0),
        'more': Figure(what=f'more after {MEMORY_SAVES:,} further changes', unit='MB', limit=10.0),
    },
)
def save_memory(bench: Bench) -> Iterator[Sides]:
    yield {side: partial(of_memory, bench, side) for side in bench.builds}


def of_memory(bench: Bench, side: str) -> Figures:
    with bench.program(side, data=many(bench, side)) as program:

        def changed(count: int) -> float:
            calls = program.calls()
            for _ in range(count):
                calls.patch(f'/scheduler/e{next(_titles) % bench.count(MANY)}', {'title': f'changed {next(_titles)}'})
                time.sleep(REST_SECONDS)
            time.sleep(FOLD_SECONDS)
            return program.tree.own_megabytes

        before = changed(bench.count(SAVES))
        return {'memory': before, 'more': changed(bench.count(MEMORY_SAVES)) - before}
