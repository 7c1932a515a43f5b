"""From the command to the first answer, compared with a NiceGUI hello-world page."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import planned
from benchmarks.builds import Bench
from benchmarks.measuring import OURS, REFERENCE, Figure, Figures, Sides, benchmark
from benchmarks.processes import Tree

RUNS, LINES = 100_000, 1_000_000
MANY, FEW = 10_000, 10
HELLO = """
import sys

from nicegui import ui


@ui.page('/')
def hello():
    ui.label('Hello, world!')


ui.run(host='127.0.0.1', port=int(sys.argv[1]), reload=False, show=False, show_welcome_message=False)
"""


@dataclass(frozen=True)
class Served:
    """A program that answers, and what it took until its first answer."""

    url: str
    tree: Tree
    seconds: float
    cpu: float


def synapse(root: Path, data: Path) -> tuple[list[str], Path]:
    """Return the command that starts a control room on this folder, for `served`, and its working directory."""
    return [sys.executable, 'main.py', '--data', str(data), '--no-login', '--no-browser', '--port'], root


def hello(bench: Bench) -> tuple[list[str], Path]:
    file = bench.folder / 'hello.py'
    file.write_text(HELLO)
    return [sys.executable, file.name], bench.folder


@contextmanager
def served(command: Sequence[str], folder: Path, *, timeout: float = 120) -> Iterator[Served]:
    """Run the command with a free port as its last argument, and wait until it answers `/`."""
    with socket.create_server(('127.0.0.1', 0)) as free:
        port = free.getsockname()[1]
    since = time.perf_counter()
    process = subprocess.Popen(
        [*command, str(port)], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        while not _answers(port):
            assert process.poll() is None, f'it ended with {process.returncode}'
            assert time.perf_counter() - since < timeout, f'no answer in {timeout:.0f} s'
            time.sleep(0.002)
        seconds, tree = time.perf_counter() - since, Tree(process.pid)
        yield Served(f'http://127.0.0.1:{port}/', tree, seconds, tree.cpu)
    finally:
        _end(process)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
    with suppress(OSError):
        connection.request('GET', '/')
        answer = connection.getresponse()
        answer.read()
        return answer.status == 200
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def of_start(command: Sequence[str], folder: Path) -> Figures:
    with served(command, folder) as program:
        figures = {'answer': program.seconds * 1000, 'cpu': program.cpu * 1000}
        program.tree.calm()  # what it still has to do must not slow down the next turn
        return figures


def _figures(store: str, limit: float) -> dict[str, Figure]:
    return {
        'answer': Figure(what=f'command to the first answer, {store}', of_reference=limit),
        'cpu': Figure(what='processor time until then', of_reference=limit),
    }


@benchmark(
    'start',
    'From the command to the first answer of `/` with status 200, on an empty folder that has been opened before.',
    reference='a NiceGUI hello-world page',
    figures=_figures('empty', 1.3),
)
def start(bench: Bench) -> Iterator[Sides]:
    sides = {side: partial(of_start, *synapse(bench.builds[side], bench.store(side))) for side in bench.builds}
    yield sides | {REFERENCE: partial(of_start, *hello(bench))}


@benchmark(
    'start-full',
    f'The same with {RUNS:,} runs and {LINES:,} lines of the log in the folder.',
    reference='Synapse on an empty folder',
    figures=_figures(f'{RUNS:,} runs, {LINES:,} lines', 1.1),
)
def start_full(bench: Bench) -> Iterator[Sides]:
    sides = {side: partial(of_start, *synapse(bench.builds[side], full(bench, side))) for side in bench.builds}
    yield sides | {REFERENCE: partial(of_start, *synapse(bench.builds[OURS], bench.store(OURS)))}


@benchmark(
    'start-events',
    f'The same with {MANY:,} recurring events.',
    reference=f'Synapse with {FEW} events',
    figures=_figures(f'{MANY:,} events', 1.5),
)
def start_events(bench: Bench) -> Iterator[Sides]:
    sides = {side: partial(of_start, *synapse(bench.builds[side], many(bench, side))) for side in bench.builds}
    few = bench.store(OURS, events=planned.recurring(FEW))
    yield sides | {REFERENCE: partial(of_start, *synapse(bench.builds[OURS], few))}


def full(bench: Bench, side: str) -> Path:
    """A data folder with many runs and lines."""
    return bench.store(side, runs=bench.count(RUNS), lines=bench.count(LINES))


def many(bench: Bench, side: str) -> Path:
    """A data folder with many recurring events."""
    return bench.store(side, events=planned.recurring(bench.count(MANY)))
