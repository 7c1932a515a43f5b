"""Many runs are saved at once while the process is killed or its disk fills up: what was acknowledged is kept."""

import contextlib
import random
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from storage.runs import RunStore
from tests.parts.group_writer import STATES

pytestmark = pytest.mark.fault

ROOT = Path(__file__).parents[2]
KILLS = 15
ORDER = ('queued', *STATES)


def start(path: Path, *more: str) -> 'subprocess.Popen[str]':
    command = [sys.executable, '-m', 'tests.parts.group_writer', str(path), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def acknowledged(lines: Iterable[str]) -> dict[str, str]:
    """The last acknowledged state of each run, which only moves forward."""
    said: dict[str, str] = {}
    for line in lines:
        id, state = line.split()
        assert ORDER.index(state) == (ORDER.index(said[id]) + 1 if id in said else 0)
        said[id] = state
    return said


def kept_in(path: Path) -> dict[str, str]:
    with contextlib.closing(RunStore(path)) as store:
        assert store.notices == []
        return {run['id']: run['state'] for run in store.page(limit=1_000_000)}


def assert_nothing_is_lost(said: dict[str, str], path: Path) -> None:
    kept = kept_in(path)
    for id, state in said.items():
        assert ORDER.index(kept[id]) >= ORDER.index(state), id


def test_a_kill_at_any_instant_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / 'runs.db'
    chance = random.Random(12)  # noqa: S311 - not for secrets
    said: dict[str, str] = {}

    for _ in range(KILLS):
        with start(path) as process:
            assert process.stdout is not None
            first = [process.stdout.readline() for _ in range(chance.randint(1, 300))]
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().splitlines(keepends=True)
        said |= acknowledged([*first, *(line for line in rest if line.endswith('\n'))])
        assert_nothing_is_lost(said, path)

    assert len(said) > KILLS


def test_a_disk_that_fills_up_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / 'runs.db'

    with start(path, '300000') as process:
        output, _ = process.communicate(timeout=60)

    *lines, last = output.splitlines()
    assert last == 'full'
    said = acknowledged(lines)
    assert_nothing_is_lost(said, path)
    # What was refused was not created either; a change of state may be on disk although it was not acknowledged.
    assert set(kept_in(path)) == set(said)
