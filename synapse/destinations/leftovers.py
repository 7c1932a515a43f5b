"""Names of files that are being written, which say whose they are, so that what a dead process left can be removed."""

import functools
import hashlib
import os
import platform
import re
import secrets
import time
from collections.abc import Iterable
from pathlib import Path

from .server import Entry

ABANDONED_SECONDS = 7 * 86_400
"""After this time without a write, a file of another machine counts as left behind: whether its writer lives can't be
seen from here."""

_OURS = re.compile(r'\.synapse-([0-9a-f]{8})-(\d+)-(\d+)-[0-9a-f]{8}[.~].*', re.DOTALL)
_EARLIER = re.compile(r'\..+\.[0-9a-f]{8}\.part', re.DOTALL)
"""As builds before this naming wrote them."""

_open: set[str] = set()


def new_part() -> str:
    """Return the name under which a file is written until it is complete."""
    return f'{_stem()}.part'


def new_trial(name: str) -> str:
    """Return a hidden name that ends with `name`, to find out whether a server takes such a name."""
    return f'{_stem()}~{name}'


def new_mark() -> str:
    """Return the name of a small file that tells of an upload which can't be seen itself."""
    return f'{_stem()}.upload'


def is_mark(name: str) -> bool:
    return _OURS.fullmatch(name) is not None and name.endswith('.upload') and '~' not in name


def hold(name: str) -> None:
    """Keep a file of this process from counting as left behind, until `release`."""
    _open.add(name)


def release(name: str) -> None:
    _open.discard(name)


def left_behind(entries: Iterable[Entry]) -> list[str]:
    """Return the names of those files that were being written by a process that is gone."""
    return [entry.name for entry in entries if _is_left_behind(entry)]


def _is_left_behind(entry: Entry) -> bool:
    ours = _OURS.fullmatch(entry.name)
    if ours is None:
        return bool(_EARLIER.fullmatch(entry.name)) and _is_abandoned(entry)
    machine, pid, started = ours[1], int(ours[2]), int(ours[3])
    if machine != _machine():
        return _is_abandoned(entry)
    if pid == os.getpid() and started == _started(pid):
        return entry.name not in _open
    return _started(pid) != started


def _is_abandoned(entry: Entry) -> bool:
    return entry.modified is not None and time.time() - entry.modified > ABANDONED_SECONDS


def _stem() -> str:
    pid = os.getpid()
    return f'.synapse-{_machine()}-{pid}-{_started(pid)}-{secrets.token_hex(4)}'


@functools.cache
def _machine() -> str:
    """Stands for this machine, and in a container for that: process ids mean something only within it."""
    facts = [platform.node()]
    for known in ('/etc/machine-id', '/proc/self/ns/pid'):
        try:
            facts.append(str(Path(known).readlink()) if known.startswith('/proc') else Path(known).read_text())
        except OSError:
            continue
    return hashlib.sha256('\n'.join(facts).encode()).hexdigest()[:8]


def _started(pid: int) -> int:
    """When a process was started, 0 if there is none: since a process id is used again after a while."""
    # On Linux in ticks since boot, proc_pid_stat(5), which do not move when the clock is set.
    stat = Path(f'/proc/{pid}/stat')
    if Path('/proc/self/stat').exists():
        try:
            return int(stat.read_text().rpartition(')')[2].split()[19])
        except OSError:
            return 0
    import psutil

    try:
        return int(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0
