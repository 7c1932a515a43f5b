"""A step that prints 100,000 lines as fast as it can, beside the same prints into a file: `python -m benchmarks.flood`.

The step takes turns with itself: into a file, through Synapse, and the same with a program that it runs. Meanwhile the
control room must stay responsive, and all lines must be in its log soon after the last print.
"""

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from pages.server import CALM_LINES, SWITCH_SECONDS
from synapse.control_room import ControlRoom
from synapse.garbage import GarbageCollector
from synapse.log.messages import LinesLogged
from synapse.runs.messages import RunChanged
from synapse.settings import Settings

LINES = 100_000
ROUNDS = 15
IDLE_SECONDS = 3
PIPELINE = f"""
import re, subprocess, sys, time
from synapse import Pipeline, Run, step

PRINTS = 'for n in range({LINES}): print(f"line {{n:06}} of a flood that goes on and on")'
PROGRAM = ['env', '-u', 'PYTHONUNBUFFERED', sys.executable, '-c', PRINTS]

def peak():
    return int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1024

class Flood(Pipeline):
    @step
    def flood(self, run: Run):
        for turn in range({ROUNDS}):
            with open('plain.txt', 'w') as file:
                begun, worked = time.perf_counter(), time.process_time()
                for n in range({LINES}):
                    print(f'line {{n:06}} of a flood that goes on and on', file=file)
                file.flush()
            plain, plain_work = time.perf_counter() - begun, time.process_time() - worked
            before = peak()
            begun, worked = time.perf_counter(), time.process_time()
            for n in range({LINES}):
                print(f'line {{n:06}} of a flood that goes on and on')
            sys.stdout.flush()
            ours, ours_work, ended = time.perf_counter() - begun, time.process_time() - worked, time.time()
            work = {{'plain_work': plain_work, 'ours_work': ours_work}}
            run.log.info('round', plain=plain, ours=ours, ended=ended, grown=peak() - before, **work)
            while not (run.workdir / f'round-{{turn}}').exists():
                time.sleep(0.01)
        for turn in range({ROUNDS}):
            with open('plain.txt', 'w') as file:
                begun = time.perf_counter()
                subprocess.run(PROGRAM, stdout=file, check=True)
            plain, begun = time.perf_counter() - begun, time.perf_counter()
            run.shell(PROGRAM)
            run.log.info('program', plain=plain, ours=time.perf_counter() - begun)
            time.sleep(2)
"""


class Watch:
    """What happens in the control room meanwhile: its longest gap, its memory, when each last line came."""

    def __init__(self, room: ControlRoom) -> None:
        self.last_lines: list[float] = []
        self.gaps: list[tuple[float, float]] = []
        """Of each turn of the loop more than a millisecond: seconds it took, and of them those of its own work."""
        self.most_bytes = 0
        self._room = room
        self._news = asyncio.Event()
        room.bus.subscribe(LinesLogged, self._look)

    def _look(self, news: LinesLogged) -> None:
        last = f'line {LINES - 1:06} of a flood that goes on and on'
        self.last_lines += [time.time() for entry in news.entries if entry.message == last and entry.source == 'stdout']
        self._news.set()

    async def count(self) -> None:
        """Note how long each turn of the loop takes; a sleep of a millisecond that takes more met somebody's work."""
        process = psutil.Process()
        while True:
            since, worked = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.001)
            self.gaps.append((time.perf_counter() - since - 0.001, time.thread_time() - worked))
            if len(self.gaps) % 50 == 0:
                self.most_bytes = max(self.most_bytes, process.memory_info().rss)

    async def until(self, rounds: int) -> None:
        while len(self.last_lines) < rounds:
            self._news.clear()
            await self._news.wait()


@contextlib.contextmanager
def counting(watch: Watch) -> Iterator[None]:
    task = asyncio.create_task(watch.count())
    yield
    task.cancel()


async def measured(folder: Path) -> None:
    (folder / 'pipelines').mkdir()
    (folder / 'pipelines' / 'flood.py').write_text(PIPELINE)
    room = ControlRoom.build(Settings(data=folder, workers=1, min_free_bytes=0))
    await room.start()
    garbage = GarbageCollector(lambda: room.log.rate.per_second() < CALM_LINES)
    garbage.start()  # this and the next as the program does once it is up
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        idle = Watch(room)
        with counting(idle):
            await asyncio.sleep(IDLE_SECONDS)
        before = psutil.Process().memory_info().rss
        watch = Watch(room)
        ended = room.bus.next(RunChanged, timeout=600, where=lambda news: news.run.state.is_final)
        run = await room.runs.create('Flood', {})
        with counting(watch):
            for turn in range(ROUNDS):
                await watch.until(turn + 1)
                (room.runs.folder_of(run.id) / 'work' / f'round-{turn}').touch()
        await ended
        notes = await room.log.query(run=run.id, source='flood', limit=1_000, oldest_first=True)
        printed = [entry.message async for page in room.log.pages(run=run.id, source='stdout') for entry in page]
        program = [entry.message async for page in room.log.pages(run=run.id, source='env') for entry in page]
    finally:
        garbage.stop()
        await room.stop(grace=0)
    wanted = [f'line {number:06} of a flood that goes on and on' for number in range(LINES)] * ROUNDS
    assert printed == wanted, f'{len(printed):,} of {len(wanted):,} lines are in the log'
    assert program == wanted, f'{len(program):,} of {len(wanted):,} lines of the program are in the log'
    rounds = [entry.fields for entry in notes if entry.message == 'round']
    shown('prints of a step', rounds)
    work = statistics.median(said['ours_work'] / said['plain_work'] for said in rounds)
    print(f'  processor time of the step, ratio {work:.2f}')
    late = [came - said['ended'] for came, said in zip(watch.last_lines, rounds, strict=True)]
    print(f'  last print to last line in the log: {statistics.median(late):.2f} s, longest {max(late):.2f} s')
    gaps, held = zip(*watch.gaps, strict=True)
    at_rest = [gap for gap, _ in idle.gaps]
    for name, each in (('gaps of the event loop', gaps), ('held by its own work', held), ('gaps when idle', at_rest)):
        p99, longest = statistics.quantiles(each, n=100)[98] * 1000, max(each) * 1000
        print(f'  {name}: p99 {p99:.1f} ms, longest {longest:.1f} ms')
    print(
        f'  memory: step + {rounds[0]["grown"]:.1f} MB in the first round, + {rounds[-1]["grown"]:.1f} MB in the last;'
    )
    print(f'    control room {before / 1e6:.0f} MB before, at most {watch.most_bytes / 1e6:.0f} MB')
    print(f'  in the log: {len(printed):,} lines of the step and {len(program):,} of the program, all in their order')
    shown('a program of a step', [entry.fields for entry in notes if entry.message == 'program'])


def shown(name: str, rounds: list[dict[str, Any]]) -> None:
    """Print the medians of both ways, and of the ratio within a round, between which the machine changes its pace."""
    plain, ours = ([said[way] for said in rounds] for way in ('plain', 'ours'))
    low, ratio, high = statistics.quantiles([o / p for o, p in zip(ours, plain, strict=True)], n=4)
    print(f'{name}: into a file {statistics.median(plain):.3f} s, through Synapse {statistics.median(ours):.3f} s')
    print(f'  ratio {ratio:.2f}, half of the rounds between {low:.2f} and {high:.2f}')


def main() -> None:
    print(f'{LINES:,} lines, {ROUNDS} times each')
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measured(Path(folder)))


if __name__ == '__main__':
    main()
