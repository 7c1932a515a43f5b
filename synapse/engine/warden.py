"""`python -m synapse.engine.warden TAG`: outlives the control room, then ends every process that carries its tag.

Processes of a run are found by a variable in their environment, which a new session, parent or name does not remove.
It needs nothing but psutil.
"""

import contextlib
import os
import signal
import sys
import time
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
    found: list[psutil.Process] = []
    for pid in psutil.pids():
        if pid != os.getpid() and _is_tagged(pid, variable, value):
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
    return found


def kill_all(variable: str, value: str) -> tuple[list[int], list[int]]:
    """Kill every process whose environment holds `variable=value`, until two scans in a row find none, for at most 5 s.

    :return: the pids that are gone, and those that survived
    """
    killed: dict[int, None] = {}
    until, empty_scans = time.monotonic() + SECONDS, 0
    while empty_scans < 2 and time.monotonic() < until:
        present = tagged_processes(variable, value)
        empty_scans = 0 if present else empty_scans + 1
        for process in present:
            killed[process.pid] = None
            with contextlib.suppress(psutil.Error):  # it exited by itself, or belongs to another user by now
                process.kill()
        # Our own children must be waited for, or they remain as zombies; for others this only waits for their exit.
        psutil.wait_procs(present, timeout=_ROUND_SECONDS)
    survivors = [process.pid for process in tagged_processes(variable, value)]
    return [pid for pid in killed if pid not in survivors], survivors


def _is_tagged(pid: int, variable: str, value: str) -> bool:
    if _ENVIRONMENTS.exists():
        # A tenth of the time that psutil needs to make a dictionary of every environment.
        try:
            environment = Path(f'/proc/{pid}/environ').read_bytes()
        except OSError:
            return False
        return f'{variable}={value}'.encode() in environment.split(b'\0')
    try:
        return psutil.Process(pid).environ().get(variable) == value
    except (psutil.Error, OSError):
        return False


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
    while sys.stdin.buffer.read(4096):
        pass
    _, survivors = kill_all(ROOM, arguments[0])
    return 1 if survivors else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
