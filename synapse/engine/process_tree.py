"""Finds and ends the processes that belong to a run host. Everything here scans `/proc`; call it from a thread."""

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psutil

from synapse.protocol.environment import HOST_TAG, Mark

from .warden import marked_processes

END_SECONDS = 3.0
"""How long `end_all` keeps killing what keeps appearing."""
COMMAND_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Seen:
    """A process and the command it had when seen; `process` compares by pid and start time, so a reused pid differs."""

    process: psutil.Process
    command: str


@dataclass(frozen=True, slots=True)
class KillReport:
    """What `end_all` did: the commands of the processes that are gone, and of those that are not."""

    ended: tuple[str, ...]
    survivors: tuple[str, ...]


def marks_of_host(host_id: str, run: Mark | None = None) -> list[Mark]:
    """Return what a host itself has in its environment, and what the programs of its run have."""
    return [frozenset({f'{HOST_TAG}={host_id}'}), *([run] if run else [])]


def tree_of(pid: int, marks: Collection[Mark]) -> list[Seen]:
    """Return the process, its descendants, and whatever else carries a mark although it left the tree."""
    family: dict[psutil.Process, None] = {}
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        family[root] = None
        family |= dict.fromkeys(root.children(recursive=True))
    family |= dict.fromkeys(marked_processes(marks))
    return [Seen(process, command_of(process)) for process in family if not is_gone(process)]


def end_all(pid: int, marks: Collection[Mark], known: Iterable[Seen]) -> KillReport:
    """Kill what is known, marked or in the session of `pid`, with all descendants, until two scans find nothing.

    Blocks up to 3 s. A known process that has exited by itself counts as ended.
    """
    seen = {item.process: item.command for item in known}
    deadline = time.monotonic() + END_SECONDS
    # Two scans: one takes milliseconds, in which a process may fork a child where the scan has already been.
    empty_scans = 0
    while empty_scans < 2 and time.monotonic() < deadline:
        candidates = {*seen, *marked_processes(marks), *_session_members(pid)}
        living = {process for process in candidates if not is_gone(process)}
        living |= _descendants(living)
        seen |= {process: command_of(process) for process in living if process not in seen}
        for process in living:
            with contextlib.suppress(psutil.Error):
                process.kill()
        empty_scans = 0 if living else empty_scans + 1
        time.sleep(0.01 if living else 0)
    gone = {process: is_gone(process) for process in seen}
    return KillReport(
        ended=tuple(command for process, command in seen.items() if gone[process]),
        survivors=tuple(command for process, command in seen.items() if not gone[process]),
    )


def _session_members(pid: int) -> Iterator[psutil.Process]:
    """Yield what never left the session, even if it hides its environment.

    The number of a session that still has members is not given to a new process.
    """
    if not hasattr(os, 'getsid'):
        return
    for other in psutil.pids():
        with contextlib.suppress(OSError, psutil.Error):
            if os.getsid(other) == pid:
                yield psutil.Process(other)


def _descendants(processes: Iterable[psutil.Process]) -> set[psutil.Process]:
    found: set[psutil.Process] = set()
    for process in processes:
        with contextlib.suppress(psutil.Error):
            found.update(child for child in process.children(recursive=True) if not is_gone(child))
    return found


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """How much memory processes take together, in bytes, and which of them takes most."""

    total: int
    biggest: Seen | None = None
    biggest_bytes: int = 0
    elsewhere: tuple[int, str] | None = None
    """Pid and command of the biggest, if it is on another machine."""

    @property
    def name(self) -> tuple[int, str] | None:
        """Pid and command of the biggest; None if there are no processes."""
        return (self.biggest.process.pid, self.biggest.command) if self.biggest is not None else self.elsewhere


def memory_of(tree: Iterable[Seen], limit: int) -> MemoryUse:
    """Measure what these processes take. What several share counts once, in the time it takes only near the limit.

    Memory that they have reserved but not touched doesn't count, nor what the system has swapped out.
    """
    seen = [*tree]
    use = _memory_of(seen, _resident)
    return use if use.total <= limit else _memory_of(seen, _own_share)


def _memory_of(tree: Iterable[Seen], measure: Callable[[psutil.Process], int]) -> MemoryUse:
    sizes = {seen: measure(seen.process) for seen in tree}
    biggest = max(sizes, key=sizes.__getitem__, default=None)
    return MemoryUse(sum(sizes.values()), biggest, sizes[biggest] if biggest else 0)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _own_share(process: psutil.Process) -> int:
    """Return the memory of a process, with its share of what it shares (PSS) where the system knows that."""
    try:
        full = process.memory_full_info()
    except (psutil.Error, OSError):
        return _resident(process)
    return int(getattr(full, 'pss', 0) or full.uss)


@dataclass(frozen=True, slots=True)
class Activity:
    """What processes have done so far: seconds of CPU, with ended children, and bytes read and written."""

    cpu_seconds: float
    io_bytes: int


def activity_of(tree: Iterable[Seen]) -> Activity:
    cpu, io = 0.0, 0
    for seen in tree:
        with contextlib.suppress(psutil.Error, AttributeError):  # macOS doesn't count bytes
            times = seen.process.cpu_times()
            cpu += times.user + times.system + times.children_user + times.children_system
            counters = seen.process.io_counters()
            is_linux = hasattr(counters, 'read_chars')  # there `read_bytes` are only those from the disk
            io += counters.read_chars + counters.write_chars if is_linux else counters.read_bytes + counters.write_bytes
    return Activity(cpu, io)


def kill(seen: Seen) -> None:
    """Kill one process, unless it is gone; another one with its pid is left alone."""
    with contextlib.suppress(psutil.Error):
        seen.process.kill()


def is_gone(process: psutil.Process) -> bool:
    """Whether it has exited; a zombie that was not waited for yet counts as gone."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


def is_suspended_by_system(pid: int) -> bool:
    """Whether a signal such as SIGSTOP, or a debugger, keeps this process from working."""
    try:
        return psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    except psutil.Error:
        return False


def start_time(pid: int) -> float:
    """Return when the process started, in seconds since the epoch, 0 if it is gone. With the pid it is unique."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0


def command_of(process: psutil.Process) -> str:
    """Return its command line, at most 300 characters, or only its name where the rest is hidden."""
    try:
        return (' '.join(process.cmdline()) or process.name())[:COMMAND_LENGTH]
    except psutil.Error:
        return f'process {process.pid}'


def figures_of(seen: Seen) -> dict[str, Any] | None:
    """Return what a page shows of a process, None if it is gone. CPU is measured since the last call."""
    process = seen.process
    try:
        with process.oneshot():
            return {
                'pid': process.pid,
                'command': seen.command,
                'cpu_percent': process.cpu_percent(),
                'memory_bytes': process.memory_info().rss,
                'state': process.status(),
            }
    except psutil.Error:
        return None
