import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from synapse.failures.memory import CERTAIN, LIKELY, memory_watch


class Kernel:
    """The files in which a kernel tells what it has killed."""

    def __init__(self, folder: Path, lines: str, counter: str = '') -> None:
        self.proc, self.cgroups = folder / 'proc', folder / 'cgroup'
        (self.proc / 'self').mkdir(parents=True)
        (self.proc / 'self' / 'cgroup').write_text(lines)
        self._counter = self.cgroups / counter
        self._counter.parent.mkdir(parents=True)
        self.killed(group=0, machine=0)

    def killed(self, *, group: int, machine: int) -> None:
        if self._counter != self.cgroups:
            self._counter.write_text(f'low 0\noom 9\noom_kill {group}\n')
        (self.proc / 'vmstat').write_text(f'nr_free_pages 1\noom_kill {machine}\n')


V2 = ('0::/user.slice/app\n', 'user.slice/app/memory.events')
V1 = ('4:memory:/docker/x\n3:cpu,cpuacct:/\n0::/\n', 'memory/docker/x/memory.oom_control')


@pytest.mark.parametrize(('lines', 'counter'), [V2, V1])
def test_a_kill_in_the_own_group_is_certain(tmp_path: Path, lines: str, counter: str) -> None:
    kernel = Kernel(tmp_path, lines, counter)
    why_killed = memory_watch(kernel.proc, kernel.cgroups)
    assert why_killed() == ''

    kernel.killed(group=1, machine=1)

    assert why_killed() == CERTAIN


def test_a_kill_elsewhere_on_the_machine_is_likely(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path, *V2)
    why_killed = memory_watch(kernel.proc, kernel.cgroups)

    kernel.killed(group=0, machine=2)

    assert why_killed() == LIKELY


def test_where_nothing_can_be_known_nothing_is_said(tmp_path: Path) -> None:
    assert memory_watch(tmp_path / 'none', tmp_path / 'none')() == ''


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A real control group that allows 64 MB."""
    folder = Path('/sys/fs/cgroup/memory/synapse-test-of-memory')
    try:
        folder.mkdir()
        (folder / 'memory.limit_in_bytes').write_text(str(64_000_000))
    except OSError:
        pytest.skip('this machine lets us make no control group')
    yield folder
    with contextlib.suppress(OSError):
        folder.rmdir()


def test_a_real_kill_is_noticed(small_group: Path) -> None:
    why_killed = memory_watch()
    eats = f'open({str(small_group / "cgroup.procs")!r}, "w").write("0"); data = bytearray(400_000_000)'

    done = subprocess.run([sys.executable, '-c', eats], check=False)

    assert done.returncode == -9
    assert why_killed() in (CERTAIN, LIKELY)
