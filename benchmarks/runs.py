"""What runs cost through the HTTP API: their rate and processor time, the response to each, and idle memory."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.builds import WORKERS, Bench, Program
from benchmarks.measuring import OLD, REFERENCE, Figure, Figures, Sides, benchmark, milliseconds, p50
from synapse.records import now_utc
from tests.parts.harness import make_video

RUNS, OLD_RUNS, CLIENTS = 500, 50, 4
POLL_SECONDS = 0.25
"""Rarely, since each poll is work for the program that is measured."""
CALLS = 50
SETTLE_SECONDS = 5.0

EMPTY = """
from synapse import Pipeline, step


class Empty(Pipeline):
    number: int = 0

    @step
    def first(self, run):
        pass

    @step
    def second(self, run):
        pass

    @step
    def third(self, run):
        pass
"""


@benchmark(
    'runs',
    f'{RUNS} runs of three empty steps through the HTTP API, each state change on disk ({OLD_RUNS} in the old build), '
    'from the first request to the end of the last run, and the processor time of the program with all its processes.',
    reference=f'`python -c pass` {RUNS} times, {WORKERS} at a time, as many as runs',
    rounds=3,
    figures={
        'rate': Figure(
            what='runs of three empty steps', unit='1/s', is_more_better=True, of_reference=1.0, of_old=10.0
        ),
        'cpu': Figure(what='processor time of such a run', of_old=0.1),
    },
)
def runs(bench: Bench) -> Iterator[Sides]:
    with bench.programs(pipelines={'Empty': EMPTY}) as programs:
        counts = {side: bench.count(OLD_RUNS if side == OLD else RUNS) for side in programs}
        sides = {side: partial(of_runs, program, counts[side]) for side, program in programs.items()}
        yield sides | {REFERENCE: partial(of_python, bench.count(RUNS))}


def of_runs(program: Program, count: int) -> Figures:
    tree = program.tree
    tree.calm()
    cpu, since = tree.cpu, time.time()

    def start(number: int) -> None:
        calls = program.calls()
        for _ in range(number, count, CLIENTS):
            calls.post('/runs', {'pipeline': 'Empty'})

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(start, range(CLIENTS)))
    with program.api as api:
        for state in ('queued', 'running'):
            while api.get('/runs', params={'state': state, 'limit': 1}).raise_for_status().json()['runs']:
                time.sleep(POLL_SECONDS)
        ended = api.get('/runs', params={'limit': count}).raise_for_status().json()['runs']
    assert all(run['state'] == 'succeeded' for run in ended), {run['state'] for run in ended}
    took = max(datetime.fromisoformat(run['finished_at']).timestamp() for run in ended) - since
    tree.calm()
    return {'rate': count / took, 'cpu': (tree.cpu - cpu) / count * 1000}


def of_python(count: int) -> Figures:
    cpu, since = children_cpu(), time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda _: subprocess.run([sys.executable, '-c', 'pass'], check=True), range(count)))
    took = time.perf_counter() - since
    return {'rate': count / took, 'cpu': (children_cpu() - cpu) / count * 1000}


def children_cpu() -> float:
    times = os.times()
    return times.children_user + times.children_system


@benchmark(
    'post',
    f'{CALLS} calls one after the other, while the queue is paused: a run that is accepted, one whose parameters are '
    'refused, and the preview of an event; the median of their answers.',
    reference='none',
    figures={
        'accepted': Figure(what='POST /runs to 201, p50', of_old=0.05),
        'refused': Figure(what='POST /runs with wrong parameters to 422, p50', limit=5.0),
        'preview': Figure(what='POST /scheduler/preview to 200, p50'),
    },
)
def post(bench: Bench) -> Iterator[Sides]:
    with bench.programs(pipelines={'Empty': EMPTY}) as programs:
        for program in programs.values():
            program.calls().post('/queue/pause', {}, status=202)
        yield {side: partial(of_calls, program, bench.count(CALLS)) for side, program in programs.items()}


def of_calls(program: Program, count: int) -> Figures:
    calls = program.calls()
    run: dict[str, Any] = {'pipeline': 'Empty'}
    event = {
        **run,
        'parameters': {'number': 1},
        'start': (now_utc() + timedelta(days=2)).replace(microsecond=0, tzinfo=None).isoformat(),
    }
    wrong = run | {'parameters': {'number': 'none'}}
    asked = {
        'accepted': lambda: calls.post('/runs', run),
        'refused': lambda: calls.post('/runs', wrong, status=422),
        'preview': lambda: calls.post('/scheduler/preview', event, status=200),
    }
    program.tree.calm()
    return {name: p50([milliseconds(ask) for _ in range(count)]) for name, ask in asked.items()}


@benchmark(
    'memory',
    'Memory of the program with all its processes (PSS) when nothing runs, after each built-in pipeline has run.',
    reference='none',
    rounds=3,
    figures={'idle': Figure(what='memory, idle with all built-ins warm', unit='MB', of_old=1.3)},
)
def memory(bench: Bench) -> Iterator[Sides]:
    film = make_video(bench.folder / 'film.mp4', seconds=1)
    yield {side: partial(of_idle, bench, side, film) for side in bench.builds}


def of_idle(bench: Bench, side: str, film: Path) -> Figures:
    out = bench.new_folder()
    kept = out / 'kept'
    kept.mkdir(parents=True)
    (kept / 'file.txt').write_text('a file to keep')
    with bench.program(side) as program, program.api as api:
        works: dict[str, dict[str, Any]] = {
            'RunCommand': {'command': ['true']},
            'BackupFolder': {'folder': str(kept), 'destination': str(out / 'to')},
            'RestoreFolder': {'into': str(out / 'back'), 'folder': kept.name, 'destination': str(out / 'to')},
            'PublishVideo': {'video': str(film), 'height': 480, 'quality': 'draft', 'destination': str(out / 'to')},
        }
        known = {pipeline['name'] for pipeline in api.get('/pipelines').raise_for_status().json()}
        for name in [name for name in works if name in known]:
            run = program.wait_for_run(program.create_run(name, **works[name])['id'], timeout=120)
            assert run['state'] == 'succeeded', run['error']
        program.tree.calm()
        time.sleep(SETTLE_SECONDS)
        return {'idle': program.tree.pss_megabytes}
