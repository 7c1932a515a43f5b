"""Ends a program that a step has started: asks by a signal, passes on what it still prints, then kills what is left."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from synapse.pipelines.options import ProcessOptions

GRACE_SECONDS = 10.0
LAST_WORDS_SECONDS = 0.5
"""How long the output is read after the program is gone: a process that escaped may keep it open."""
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class StopRule:
    """By which signal a program is asked to end, such as `SIGINT`, and how many seconds later it is killed."""

    signal: str = 'SIGTERM'
    grace: float = GRACE_SECONDS

    @classmethod
    def of(cls, options: ProcessOptions, name: str | None = None, grace: float | None = None) -> 'StopRule':
        """Return what these arguments say, and otherwise the options of the pipeline."""
        name = name or options.stop_signal or 'SIGTERM'
        chosen = options.grace_seconds if grace is None else grace
        return cls(name, GRACE_SECONDS if chosen is None else chosen)

    @property
    def number(self) -> int:
        return getattr(signal, self.signal, signal.SIGTERM)


PLAIN_STOP = StopRule()

Listen = Callable[[float], bool]
"""Passes on what the program prints within so many seconds; returns whether there was anything."""


def end_program(process: 'subprocess.Popen[bytes]', rule: StopRule, listen: Listen) -> int:
    """Ask a program and its children to end, and kill them if they don't.

    :return: how many processes had to be killed
    """
    family = descendants(process.pid)
    try:
        if rule.grace > 0:
            _ask(process.pid, family, rule.number)
            until = time.monotonic() + rule.grace
            while not _are_gone(process, family) and time.monotonic() < until:
                if not listen(_POLL_SECONDS):
                    time.sleep(_POLL_SECONDS)
    finally:
        family = list({*family, *descendants(process.pid)})
        killed = sum(not is_gone(member) for member in family) + (process.poll() is None)
        kill_family(process.pid, family)
        process.wait()
    until = time.monotonic() + LAST_WORDS_SECONDS
    while listen(_POLL_SECONDS) and time.monotonic() < until:
        continue
    return killed


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return []


def is_gone(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)
    return True


def kill_family(leader: int, family: Sequence[psutil.Process]) -> None:
    """Kill the group that this process leads, and its children in other groups."""
    _signal_group(leader, signal.SIGTERM if sys.platform == 'win32' else signal.SIGKILL)
    for_each(family, psutil.Process.kill)


def for_each(family: Sequence[psutil.Process], do: Callable[[psutil.Process], None]) -> None:
    for process in family:
        with contextlib.suppress(psutil.Error):
            do(process)


def _ask(leader: int, family: Sequence[psutil.Process], number: int) -> None:
    """Send a signal to each process once: many programs take a second Ctrl-C as the wish to end without tidying up."""
    others = [member for member in family if not _is_in_group(member.pid, leader)]
    _signal_group(leader, number)
    for_each(others, lambda member: member.send_signal(number))


def _is_in_group(pid: int, leader: int) -> bool:
    if sys.platform == 'win32':
        return False
    try:
        return os.getpgid(pid) == leader
    except OSError:
        return False


def _signal_group(leader: int, number: int) -> None:
    with contextlib.suppress(OSError):
        if sys.platform == 'win32':
            os.kill(leader, number)
        else:
            os.killpg(leader, number)


def _are_gone(process: 'subprocess.Popen[bytes]', family: Sequence[psutil.Process]) -> bool:
    return process.poll() is not None and all(map(is_gone, family))
