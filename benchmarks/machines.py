"""`python -m benchmarks.machines`: what a run on another machine costs beside the same run here, in turns.

The other machine is a worker on this one, over TLS: what its network adds is not in the figures.
"""

import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measuring import tell
from tests.parts.harness import ROOT, SynapseUnderTest, wait_until

ROUNDS, LINES = 15, 200_000
WAYS = ('Here', 'There')
PIPELINES = """
from synapse import Pipeline, step

class {name}(Pipeline):
    needs = {needs}
    lines: int = 1

    @step
    def go(self, run):
        for number in range(self.lines):
            print(number, 'x' * 80)
"""


@contextmanager
def machines(folder: Path) -> Iterator[SynapseUnderTest]:
    """A control room, and a worker that has joined it."""
    room = SynapseUnderTest(folder / 'room', '--cluster', '--cluster-port', '0', '--workers', '1')
    (folder / 'room' / 'pipelines').mkdir(parents=True)
    for name, needs in zip(WAYS, ({}, {'annex': 1}), strict=True):
        (folder / 'room' / 'pipelines' / f'{name}.py').write_text(PIPELINES.format(name=name, needs=needs))
    room.start()
    wait_until(lambda: any('worker tls://' in line for line in room.output), timeout=60)
    line = next(line for line in room.output if 'worker tls://' in line).split(' worker ')[1].split()
    worker = subprocess.Popen(
        [
            sys.executable,
            'main.py',
            'worker',
            *line,
            '--name',
            'annex',
            '--offer',
            'annex',
            '--data',
            str(folder / 'annex'),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    reader = threading.Thread(target=worker.communicate, daemon=True)
    reader.start()
    try:
        yield room
    finally:
        worker.terminate()
        reader.join(30)
        room.stop()


def first_line(room: SynapseUnderTest, name: str) -> float:
    """Return the seconds from the creation of a run to its first line."""
    run = room.create_run(name)
    ended = room.wait_for_run(run['id'], 'succeeded')
    with room.api as api:
        lines = api.get('/logs', params={'run': run['id'], 'limit': 50}).json()['entries']
    printed = next(line for line in lines if line['message'].startswith('0 x'))
    return (moment(printed['timestamp']) - moment(ended['created_at'])).total_seconds()


def flood(room: SynapseUnderTest, name: str) -> tuple[float, float]:
    """Return the lines a second, and the microseconds of processor time that each takes the control room."""
    assert room.process is not None
    process = psutil.Process(room.process.pid)
    before = sum(process.cpu_times()[:2])
    run = room.create_run(name, lines=LINES)
    ended = room.wait_for_run(run['id'], 'succeeded', timeout=120)
    seconds = (moment(ended['finished_at']) - moment(ended['started_at'])).total_seconds()
    return LINES / seconds, (sum(process.cpu_times()[:2]) - before) / LINES * 1e6


def moment(text: Any) -> datetime:
    return datetime.fromisoformat(str(text))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, machines(Path(folder)) as room:
        for name in WAYS:
            first_line(room, name)  # the first one imports the file
        starts: dict[str, list[float]] = {name: [] for name in WAYS}
        for _ in range(ROUNDS):
            for name in WAYS:
                starts[name].append(first_line(room, name))
        floods: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
        for _ in range(3):
            for name in WAYS:
                floods[name].append(flood(room, name))
    here, there = (statistics.median(starts[name]) * 1000 for name in WAYS)
    tell(f'start to first line: here {here:.0f} ms, there {there:.0f} ms, {there / here:.2f} times')
    for number, what in enumerate(('lines a second', 'µs of the control room a line')):
        here, there = (statistics.median(one[number] for one in floods[name]) for name in WAYS)
        tell(f'{what}: here {here:,.1f}, there {there:,.1f}, {there / here:.2f} times')


if __name__ == '__main__':
    main()
