"""A program whose N-th change of its files fails or kills it, whatever makes that change: Python, SQLite or C (Linux).

The kernel asks the test before each such system call (seccomp_unotify(2)), so nothing in the program takes part in it.
"""

import contextlib
import ctypes
import errno
import multiprocessing
import os
import select
import signal
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path
from typing import TextIO

from tests.parts.forked import Forked
from tests.parts.harness import Process, wait_until

try:
    _library = ctypes.CDLL('libseccomp.so.2', use_errno=True)
except OSError:
    _library = None

_ALLOW, _NOTIFY, _MASKED_EQUAL = 0x7FFF0000, 0x7FC00000, 7
_CONTINUE = 1
_BY_DESCRIPTOR = ('write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'fsync', 'fdatasync', 'ftruncate')
_BY_PATH = {'rename': 0, 'truncate': 0, 'unlink': 0, 'mkdir': 0, 'link': 1}
_BY_PATH_AT = {'renameat': 1, 'renameat2': 1, 'unlinkat': 1, 'mkdirat': 1, 'linkat': 3}
"""Which argument is a path."""
_CREATING = {'open': (0, 1), 'openat': (1, 2)}
"""Which arguments are the path and the flags."""
_NEEDS_SPACE = frozenset({'write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'mkdir', 'mkdirat', 'link', 'linkat'})
_NEEDS_SPACE |= _CREATING.keys()
_MOST_PATH = 4096

FAULTS = ('kill', 'EIO', 'ENOSPC')
"""`kill -9` before the call, one call that fails, and a disk that is full from the call on."""


def can_inject() -> bool:
    return _library is not None and os.geteuid() == 0


class _Compare(ctypes.Structure):
    _fields_ = (
        ('arg', ctypes.c_uint),
        ('op', ctypes.c_int),
        ('mask', ctypes.c_uint64),
        ('value', ctypes.c_uint64),
    )


class _Call(ctypes.Structure):
    """`struct seccomp_notif`."""

    _fields_ = (
        ('id', ctypes.c_uint64),
        ('pid', ctypes.c_uint32),
        ('flags', ctypes.c_uint32),
        ('number', ctypes.c_int),
        ('arch', ctypes.c_uint32),
        ('instruction', ctypes.c_uint64),
        ('args', ctypes.c_uint64 * 6),
    )


class _Answer(ctypes.Structure):
    """`struct seccomp_notif_resp`."""

    _fields_ = (
        ('id', ctypes.c_uint64),
        ('value', ctypes.c_int64),
        ('error', ctypes.c_int32),
        ('flags', ctypes.c_uint32),
    )


def _number_of(name: str) -> int:
    return int(_library.seccomp_syscall_resolve_name(name.encode()))


def _ask_before_changes() -> int:
    """Have this process and all that it starts ask before they change files; return the descriptor of the questions."""
    _library.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(_library.seccomp_init(_ALLOW))
    for name in (*_BY_DESCRIPTOR, *_BY_PATH, *_BY_PATH_AT):
        if (number := _number_of(name)) >= 0:
            _library.seccomp_rule_add_array(rules, _NOTIFY, number, 0, None)
    for name, (_, flags) in _CREATING.items():
        if (number := _number_of(name)) >= 0:
            compare = _Compare(flags, _MASKED_EQUAL, os.O_CREAT, os.O_CREAT)
            _library.seccomp_rule_add_array(rules, _NOTIFY, number, 1, ctypes.byref(compare))
    if code := _library.seccomp_load(rules):
        raise OSError(-code, 'the kernel does not take the filter')
    return int(_library.seccomp_notify_fd(rules))


@dataclass
class Change:
    """A call that changes a file of the folder."""

    name: str
    path: str
    pid: int

    def __str__(self) -> str:
        return f'{self.name}({Path(self.path).name})'


class Disk:
    """Answers for the kernel, in a thread of the test, until no process with the filter is left.

    :param folder: only changes in this folder are counted, and fail
    """

    def __init__(self, descriptor: int, folder: Path) -> None:
        self.changes: list[Change] = []
        """The changes since the last `fail`."""
        self.failed: Change | None = None
        self._descriptor, self._folder = descriptor, str(folder)
        self._fault, self._at = '', 0
        self._names = {_number_of(name): name for name in (*_BY_DESCRIPTOR, *_BY_PATH, *_BY_PATH_AT, *_CREATING)}
        _library.seccomp_api_get()  # else the library does not know yet that the kernel can do this
        threading.Thread(target=self._answer_all, daemon=True).start()

    def fail(self, fault: str, at: int) -> None:
        """Count from here on, and have the change with this number fail; 0 for none."""
        self.changes, self.failed = [], None
        self._fault, self._at = fault, at

    def heal(self) -> None:
        """Let nothing fail any more; go on counting."""
        self._at = 0

    def _answer_all(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        while not poll.poll()[0][1] & select.POLLHUP:
            call = _Call()
            if _library.seccomp_notify_receive(self._descriptor, ctypes.byref(call)) == 0:
                self._answer(call)
        os.close(self._descriptor)

    def _answer(self, call: _Call) -> None:
        answer = _Answer(call.id, 0, 0, _CONTINUE)
        change = self._change_of(call)
        if change is not None:
            self.changes.append(change)
            if self._is_failing(change):
                self.failed = self.failed or change
                if self._fault == 'kill':
                    os.kill(change.pid, signal.SIGKILL)
                    return
                answer = _Answer(call.id, 0, -getattr(errno, self._fault), 0)
        # The process may be gone meanwhile.
        _library.seccomp_notify_respond(self._descriptor, ctypes.byref(answer))

    def _is_failing(self, change: Change) -> bool:
        count = len(self.changes)
        is_full = self._fault == 'ENOSPC' and 0 < self._at < count and change.name in _NEEDS_SPACE
        return count == self._at or is_full

    def _change_of(self, call: _Call) -> Change | None:
        name = self._names.get(call.number, '')
        with contextlib.suppress(OSError, ValueError):
            if name in _BY_DESCRIPTOR:
                path = str(Path(f'/proc/{call.pid}/fd/{ctypes.c_int(call.args[0]).value}').readlink())
            else:
                place = {**_BY_PATH, **_BY_PATH_AT}.get(name)
                path = _text_at(call.pid, call.args[_CREATING[name][0] if place is None else place])
            if path.startswith(self._folder):
                return Change(name, path, _process_of(call.pid))
        return None


def _text_at(pid: int, address: int) -> str:
    with open(f'/proc/{pid}/mem', 'rb', buffering=0) as memory:  # noqa: PTH123 - no file that has a size
        data = os.pread(memory.fileno(), _MOST_PATH, address)
    return os.fsdecode(data.partition(b'\0')[0])


def _process_of(thread: int) -> int:
    lines = Path(f'/proc/{thread}/status').read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith('Tgid:'))


class FaultyProgram(Forked):
    """`python main.py` on a disk that can be made to fail."""

    disk: Disk

    def _launch(self, arguments: list[str]) -> tuple[Process, TextIO]:
        here, there = multiprocessing.Pipe()
        with here, there:
            self.before = _Filter(there)
            found = super()._launch(arguments)
            self.disk = Disk(recv_handle(here), self.data)
        return found

    def settle(self, seconds: float = 0.1) -> None:
        """Wait until it has changed nothing for this long."""
        seen = -1

        def is_quiet() -> bool:
            nonlocal seen
            before, seen = seen, len(self.disk.changes)
            return before == seen

        wait_until(is_quiet, timeout=10)


@dataclass
class _Filter:
    """What the new process does first."""

    _pipe: Connection

    def __call__(self) -> None:
        with self._pipe:
            descriptor = _ask_before_changes()
            send_handle(self._pipe, descriptor, os.getppid())
            os.close(descriptor)
