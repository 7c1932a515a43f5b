"""`python -m synapse.engine.warden TAG`: outlives the control room, then ends every process that carries its tag.

Processes of a run are found by variables in their environment, which a new session, parent or name does not remove.
Its input says which runs are live: lines of JSON, `[true, ["NAME=value", ...]]` when one starts, with false when it has
ended. It needs nothing but psutil.
"""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Collection, Iterable
from pathlib import Path

import psutil

ROOM = 'SYNAPSE_ROOM'
SECONDS = 5.0
_ROUND_SECONDS = 0.05
_ENVIRONMENTS = Path('/proc/self/environ')


def tagged_processes(variable: str, value: str) -> list[psutil.Process]:
    """Return all living processes, except this one, whose environment holds `variable=value`.

    Processes of other users cannot be read and are skipped.
    """
    return marked_processes([frozenset({f'{variable}={value}'})])


def marked_processes(marks: Collection[frozenset[str]]) -> list[psutil.Process]:
    """Return all living processes, except this one, whose environment holds all entries of one of the marks."""
    found: list[psutil.Process] = []
    wanted = [frozenset(entry.encode() for entry in mark) for mark in marks]
    for pid in psutil.pids():
        if pid != os.getpid() and _has_any(pid, wanted):
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
    return found


def kill_all(variable: str, value: str) -> tuple[list[int], list[int]]:
    """Kill every process whose environment holds `variable=value`; see `kill_marked`."""
    return kill_marked([frozenset({f'{variable}={value}'})])


def kill_marked(marks: Collection[frozenset[str]]) -> tuple[list[int], list[int]]:
    """Kill every marked process, until two scans in a row find none, for at most 5 s.

    :return: the pids that are gone, and those that survived
    """
    killed: dict[int, None] = {}
    until, empty_scans = time.monotonic() + SECONDS, 0
    while empty_scans < 2 and time.monotonic() < until:
        present = marked_processes(marks)
        empty_scans = 0 if present else empty_scans + 1
        for process in present:
            killed[process.pid] = None
            with contextlib.suppress(psutil.Error):  # it exited by itself, or belongs to another user by now
                process.kill()
        # Our own children must be waited for, or they remain as zombies; for others this only waits for their exit.
        psutil.wait_procs(present, timeout=_ROUND_SECONDS)
    survivors = [process.pid for process in marked_processes(marks)]
    return [pid for pid in killed if pid not in survivors], survivors


def _has_any(pid: int, marks: Iterable[frozenset[bytes]]) -> bool:
    entries = entries_of(pid)
    return any(mark <= entries for mark in marks)


def entries_of(pid: int) -> set[bytes]:
    """Return the environment of a process, entries `NAME=value`; empty if it is gone or cannot be read."""
    if _ENVIRONMENTS.exists():
        # A tenth of the time that psutil needs to make a dictionary of every environment.
        try:
            return set(Path(f'/proc/{pid}/environ').read_bytes().split(b'\0'))
        except OSError:
            return set()
    try:
        return {f'{name}={value}'.encode() for name, value in psutil.Process(pid).environ().items()}
    except (psutil.Error, OSError):
        return set()


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not arguments[0]:
        print('usage: python -m synapse.engine.warden TAG', file=sys.stderr)
        return 2
    if sys.platform != 'win32':
        # Ctrl-C and a closed terminal end the control room, which is what the warden waits for.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if os.getpgrp() != os.getpid():
            os.setsid()
    live: set[frozenset[str]] = set()
    for line in sys.stdin.buffer:
        is_live, mark = json.loads(line)
        (live.add if is_live else live.discard)(frozenset(mark))
    _, survivors = kill_marked([frozenset({f'{ROOM}={arguments[0]}'}), *live])
    return 1 if survivors else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
