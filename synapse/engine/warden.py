"""`python -m synapse.engine.warden TAG`: outlives the control room, then ends every process that carries its tag.

Processes of a run are found by a variable in their environment, which a new session, a new parent or a new name of the
program cannot shake off. It needs no more than psutil.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

ROOM = 'SYNAPSE_ROOM'
SECONDS = 5.0
_ROUND_SECONDS = 0.05
_ENVIRONMENTS = Path('/proc/self/environ')


def tagged_processes(variable: str, value: str) -> list[psutil.Process]:
    """All living processes whose environment holds `variable=value`, this one left out.

    Processes of other users cannot be looked into and are passed over.
    """
    found: list[psutil.Process] = []
    for pid in psutil.pids():
        if pid != os.getpid() and _is_tagged(pid, variable, value):
            found += _living(pid)
    return found


def kill_all(variable: str, value: str, *, seconds: float = SECONDS) -> tuple[list[int], list[int]]:
    """Kill every process whose environment holds `variable=value`, until two looks in a row find none.

    :param seconds: for how long; then what is left is given up
    :return: the pids that are gone, and those that survived
    """
    killed: dict[int, psutil.Process] = {}
    until, empty_looks = time.monotonic() + seconds, 0
    while empty_looks < 2 and time.monotonic() < until:
        present = tagged_processes(variable, value)
        empty_looks = 0 if present else empty_looks + 1
        for process in present:
            killed[process.pid] = process
            _kill(process)
        # Our own children must be waited for, else they stay as zombies; for others this only watches them go.
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


def _living(pid: int) -> Iterator[psutil.Process]:
    try:
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            yield process
    except psutil.Error:
        return


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.Error:
        return  # gone by itself, or another user's by now


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not arguments[0]:
        print('usage: python -m synapse.engine.warden TAG', file=sys.stderr)
        return 2
    if sys.platform != 'win32':
        # Ctrl-C and a closed terminal end the control room first; that is what the warden waits for.
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
