"""What every store promises: acknowledged writes survive a kill -9, and a full disk loses nothing."""

import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.parts.writers import KINDS, open_store

ROOT = Path(__file__).parents[2]
KILLS = 12
LIMITS = {'documents': 5_000, 'journal': 200_000, 'runs': 500_000, 'logs': 200_000}
"""How many bytes a file may have: the disk is full then."""


def start_writer(kind: str, path: Path, *more: str) -> 'subprocess.Popen[str]':
    command = [sys.executable, '-m', 'tests.parts.writers', kind, str(path), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def kill_after(process: 'subprocess.Popen[str]', lines: int) -> Sequence[int]:
    """The numbers that the process printed until it was killed."""
    assert process.stdout is not None
    said = [int(process.stdout.readline()) for _ in range(lines)]
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().splitlines(keepends=True)
    process.wait(timeout=10)
    process.stdout.close()
    return [*said, *(int(line) for line in rest if line.endswith('\n'))]


def kept_in(kind: str, path: Path) -> set[int]:
    _, has, close = open_store(kind, path)
    try:
        return has()
    finally:
        close()


@pytest.mark.parametrize('kind', KINDS)
def test_no_acknowledged_write_is_lost_however_often_the_writer_is_killed(kind: str, tmp_path: Path) -> None:
    path = tmp_path / 'store'
    chance = random.Random(7)  # noqa: S311 - not for secrets
    said: set[int] = set()

    for _ in range(KILLS):
        said |= set(kill_after(start_writer(kind, path), chance.randint(1, 40)))
        assert said <= kept_in(kind, path)

    assert len(said) >= KILLS
    assert not list(tmp_path.glob('*.corrupt-*'))


@pytest.mark.parametrize('kind', KINDS)
def test_a_full_disk_is_reported_and_everything_acknowledged_is_kept(kind: str, tmp_path: Path) -> None:
    path = tmp_path / 'store'
    limit = LIMITS[kind]

    with start_writer(kind, path, str(limit)) as process:
        out, _ = process.communicate(timeout=30)

    *said, last = out.splitlines()
    assert process.returncode == 0
    assert last.startswith(f'full No room is left on the disk for {path}')
    assert {int(number) for number in said} == kept_in(kind, path) - {0}
    assert not list(tmp_path.glob('*.tmp'))


@pytest.mark.parametrize('kind', KINDS)
def test_writing_resumes_once_there_is_room_again(kind: str, tmp_path: Path) -> None:
    path = tmp_path / 'store'
    limit = LIMITS[kind]
    with start_writer(kind, path, str(limit)) as process:
        process.communicate(timeout=30)
    before = kept_in(kind, path)

    said = kill_after(start_writer(kind, path), 3)

    assert before | set(said) <= kept_in(kind, path)
    assert min(said) == max(before) + 1


@pytest.mark.parametrize('kind', KINDS)
def test_what_cannot_be_read_is_kept_aside_and_reported(kind: str, tmp_path: Path) -> None:
    path = tmp_path / 'store'
    garbage = b'\x00this is no store of ours' * 100
    path.write_bytes(garbage)

    put, has, close = open_store(kind, path)
    put(1)

    assert 1 in has()
    assert [aside.read_bytes() for aside in tmp_path.glob('store.corrupt-*')] == [garbage]
    close()
