"""Whether the kernel killed a process because memory ran out."""

from collections.abc import Callable
from pathlib import Path

from synapse.language import N_, translated

CERTAIN = N_('The kernel killed it because memory ran out. Give it less to do at once, or allow it more memory.')
LIKELY = N_('The kernel killed processes of this machine because memory ran out, most likely this one too.')

_PROC, _CGROUPS = Path('/proc'), Path('/sys/fs/cgroup')


def memory_watch(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> Callable[[], str]:
    """Start to count what the kernel kills for lack of memory.

    The source is `oom_kill` in `memory.events` of the control group of this process, or `memory.oom_control` before
    version 2 of control groups, and in `/proc/vmstat` for the whole machine (cgroup-v2 and cgroup-v1/memory in the
    documentation of the kernel; proc(5)).

    :return: a function that returns, in a sentence, why a process that SIGKILL ended since then was killed; an empty
        text if memory is not the reason, or where that cannot be known
    """
    group, machine = _of_group(proc, cgroups), _count_in(proc / 'vmstat')

    def why_killed() -> str:
        if _of_group(proc, cgroups) > group:
            return translated(CERTAIN)
        return translated(LIKELY) if _count_in(proc / 'vmstat') > machine else ''

    return why_killed


def _of_group(proc: Path, cgroups: Path) -> int:
    try:
        lines = (proc / 'self' / 'cgroup').read_text().splitlines()
    except OSError:
        return 0
    count = 0
    for line in lines:
        _, controllers, path = line.split(':', 2)
        if 'memory' in controllers.split(','):
            count += _count_in(cgroups / 'memory' / path.lstrip('/') / 'memory.oom_control')
        elif not controllers:
            count += _count_in(cgroups / path.lstrip('/') / 'memory.events')
    return count


def _count_in(path: Path) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith('oom_kill ')), 0)
