"""What a backup costs, verified by reading it back, beside `tar czf`: `python -m benchmarks.backup [ROUNDS]`.

Two trees: 50,000 files of 76 bytes, and four of 64 MB, half of it random and half text. Each round runs both, so that
they meet the same machine; the least of each is compared. Verifying is part of our time, and `tar` does not do it.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from synapse.archives.packing import Packer, Unpacker
from synapse.archives.reading import problem_in
from synapse.archives.walk import find
from synapse.archives.writing import write_tree
from tests.parts.one_run import OneRun

FOLDERS, IN_EACH, BYTES = 500, 100, 76
LARGE, LARGE_BYTES = 4, 64_000_000


def make_small(top: Path) -> Path:
    chance = random.Random(1)  # noqa: S311 - the same tree in each run
    words = [f'word{number}' for number in range(2000)]
    for folder in range(FOLDERS):
        place = top / f'{folder // 25}' / f'{folder}'
        place.mkdir(parents=True)
        for number in range(IN_EACH):
            (place / f'{number}.txt').write_text(' '.join(chance.choices(words, k=16))[:BYTES])
    return top


def make_large(top: Path) -> Path:
    top.mkdir()
    text = b''.join(path.read_bytes() for path in sorted(Path(__file__).parents[1].glob('[ps]*/**/*.py')))
    for number in range(LARGE):
        half = LARGE_BYTES // 2
        (top / f'{number}.bin').write_bytes(os.urandom(half) + (text * (half // len(text) + 1))[:half])
    return top


def tar(top: Path, work: Path) -> float:
    start = time.perf_counter()
    subprocess.run(['tar', '-czf', str(work / 'beside.tar.gz'), '-C', str(top.parent), top.name], check=True)
    return time.perf_counter() - start


def archive_and_verify(top: Path, work: Path) -> tuple[float, float]:
    start = time.perf_counter()
    with (work / 'ours.tar.gz').open('wb') as file:
        written = write_tree(top, top.name, find(top), Packer(file))
    archived = time.perf_counter()
    with (work / 'ours.tar.gz').open('rb') as file:
        assert problem_in(Unpacker(file), written.sums) == ''
    return archived - start, time.perf_counter() - archived


def steps_of_a_run(top: Path, work: Path) -> dict[str, float]:
    """Return the seconds of each step of `BackupFolder` in a new host process."""
    moments: dict[tuple[str, str], float] = {}

    def note(run: OneRun, message: dict[str, object]) -> None:
        if message['t'] == 'step':
            moments[str(message['name']), str(message['state'])] = time.perf_counter()

    place = Path(tempfile.mkdtemp(dir=work))
    run = OneRun(place, 'BackupFolder', {'folder': str(top)}, destination=place / 'out', on_message=note).finish(
        timeout=600
    )
    assert run.state == 'succeeded', run.error
    return {name: moments[name, 'succeeded'] - moments[name, 'running'] for name in ('archive', 'verify', 'prune')}


def compare(what: str, top: Path, work: Path, rounds: int) -> None:
    beside, ours, runs = [], [], []
    for _ in range(rounds):
        beside.append(tar(top, work))
        ours.append(archive_and_verify(top, work))
        runs.append(steps_of_a_run(top, work))
    base, both = min(beside), min(sum(pair) for pair in ours)
    steps = min(runs, key=lambda steps: sum(steps.values()))
    sizes = [(work / name).stat().st_size / 1e6 for name in ('ours.tar.gz', 'beside.tar.gz')]
    print(f'{what}: tar {base:.2f} s, {sizes[1]:.1f} MB')
    print(f'  archive {min(a for a, _ in ours):.2f} s, verify {min(v for _, v in ours):.2f} s, {sizes[0]:.1f} MB')
    print(f'  both together {both:.2f} s, {both / base:.2f} times tar')
    parts = ', '.join(f'{name} {seconds:.2f} s' for name, seconds in steps.items())
    print(f'  as a run: {parts}, {sum(steps.values()) / base:.2f} times tar')


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        compare(f'{FOLDERS * IN_EACH:,} files of {BYTES} bytes', make_small(work / 'small'), work, rounds)
        compare(f'{LARGE} files of {LARGE_BYTES / 1e6:.0f} MB', make_large(work / 'large'), work, rounds)


if __name__ == '__main__':
    main()
