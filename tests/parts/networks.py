"""Machines with networks of their own, joined by a cable that can be pulled: namespaces of Linux, as root."""

import contextlib
import ctypes
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

CLONE_NEWNET = 0x40000000
_numbers = itertools.count()


_TRY = (
    'ip link add name end1 type veth peer name end2 && ip link add name switch1 type bridge && '
    'tc qdisc add dev end1 root tbf rate 8mbit burst 32kbit latency 400ms'
)


def problem_of_networks() -> str:
    """Why no networks can be made here, empty if they can."""
    if sys.platform != 'linux' or os.geteuid():
        return 'only root of a Linux may make networks'
    made = subprocess.run(['unshare', '-n', 'sh', '-c', _TRY], capture_output=True, text=True, check=False)
    return made.stderr.strip()


class Network:
    """Some machines on one cable each, which end in a switch. Nothing of it leads anywhere else."""

    def __init__(self, *names: str) -> None:
        self._prefix = f'sy{os.getpid()}x{next(_numbers)}'
        self._switch = f'{self._prefix}-switch'
        self.hosts = {name: f'10.77.0.{number}' for number, name in enumerate(names, start=1)}

    def __enter__(self) -> 'Network':
        self._ip('netns', 'add', self._switch)
        self._on_switch('link', 'add', 'bridge', 'type', 'bridge')
        self._on_switch('link', 'set', 'bridge', 'up')
        for name, host in self.hosts.items():
            own = f'{self._prefix}-{name}'
            self._ip('netns', 'add', own)
            self._on_switch('link', 'add', name, 'type', 'veth', 'peer', 'name', 'cable', 'netns', own)
            self._on_switch('link', 'set', name, 'master', 'bridge', 'up')
            for what in (
                ['link', 'set', 'lo', 'up'],
                ['link', 'set', 'cable', 'up'],
                ['addr', 'add', f'{host}/24', 'dev', 'cable'],
            ):
                self._ip('-n', own, *what)
        return self

    def __exit__(self, *exc: object) -> None:
        for name in (*self.hosts, 'switch'):
            self._ip('netns', 'del', f'{self._prefix}-{name}')

    @contextlib.contextmanager
    def on(self, name: str) -> Iterator[None]:
        """Have this thread, and the processes it starts, on this machine."""
        with Path('/proc/thread-self/ns/net').open() as before:
            with Path(f'/run/netns/{self._prefix}-{name}').open() as there:
                _enter(there.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())

    def pull(self, name: str) -> None:
        """Pull the cable of a machine: nothing gets through, and nobody is told."""
        self._on_switch('link', 'set', name, 'down')

    def plug_in(self, name: str) -> None:
        self._on_switch('link', 'set', name, 'up')

    def slow_down(self, name: str, rate: str) -> None:
        """Let no more than this through to a machine, such as `2mbit`."""
        self._ip(
            'netns', 'exec', self._switch,
            'tc', 'qdisc', 'replace', 'dev', name, 'root', 'tbf', 'rate', rate, 'burst', '32kbit', 'latency', '400ms',
        )  # fmt: skip

    def _on_switch(self, *what: str) -> None:
        self._ip('-n', self._switch, *what)

    def _ip(self, *what: str) -> None:
        subprocess.run(['ip', *what], check=True, capture_output=True, text=True)


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), 'setns')
