"""What a previous start of the control room left alive on this data folder. Scans `/proc`; call it from a thread."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from storage.files import StorageError, write_atomically
from synapse.protocol.environment import DATA, ROOM_TAG, RUN_ID

from .process_tree import command_of, is_gone
from .warden import entries_of

TAG = 'room'
"""In the data folder: the tag of the processes of the last start."""
SECONDS = 5.0
"""How long the control room waits at its start for what it kills."""
ROUND_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Leftover:
    """A process of a run of a previous start; `run_id` is empty for one of ours."""

    pid: int
    command: str
    run_id: str
    is_ended: bool = False


def sweep(data: Path, room_tag: str) -> list[Leftover]:
    """End what the previous start on this folder left alive, as `end_leftovers` does, and note the tag of this one."""
    note = data / TAG
    before = ''
    with contextlib.suppress(OSError, ValueError):
        before = note.read_text('utf-8').strip()
    found = end_leftovers(data, before)
    with contextlib.suppress(StorageError):  # then the next start finds the programs of runs only
        write_atomically(note, room_tag.encode(), sync=False)
    return found


def end_leftovers(data: Path, room_tag: str = '') -> list[Leftover]:
    """Kill what lives from a previous start, with all descendants, and return what that was.

    That is every program of a run on this folder, even if all processes of ours, the warden too, were killed at once.
    Nobody else may have the folder open. This process and those it descends from are spared: a step may have started
    it. Blocks up to 5 s, and some milliseconds if there is nothing.

    :param room_tag: the tag of the processes of the previous start, empty if it isn't known
    """
    seen: dict[psutil.Process, Leftover] = {}
    spared = _ourselves()
    until, empty_scans = time.monotonic() + SECONDS, 0
    while empty_scans < (2 if seen else 1) and time.monotonic() < until:
        living = [(process, run) for process, run in _found(data, room_tag, spared) if not is_gone(process)]
        for process, run in living:
            seen.setdefault(process, Leftover(process.pid, command_of(process), run))
            with contextlib.suppress(psutil.Error):  # gone meanwhile, or the system keeps it from us
                process.kill()
        empty_scans = 0 if living else empty_scans + 1
        psutil.wait_procs([process for process, _ in living], timeout=ROUND_SECONDS)
    return [Leftover(left.pid, left.command, left.run_id, is_gone(process)) for process, left in seen.items()]


def _found(data: Path, room_tag: str, spared: set[int]) -> Iterator[tuple[psutil.Process, str]]:
    """Yield what carries our marks, and its descendants, each with the id of its run."""
    ours = f'{ROOM_TAG}={room_tag}'.encode() if room_tag else b'\0'
    for pid in psutil.pids():
        if pid in spared:
            continue
        entries = entries_of(pid)
        run_id = _run_on(data, entries)
        if run_id is None and ours not in entries:
            continue
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            yield process, run_id or ''
            for child in process.children(recursive=True):
                if child.pid not in spared:
                    yield child, run_id or ''


def _run_on(data: Path, entries: set[bytes]) -> str | None:
    """Return the run to which a process with this environment belongs, None if it is none of this folder."""
    run_id = _value(entries, RUN_ID)
    folder = _value(entries, DATA)
    return run_id if run_id and folder and os.path.realpath(folder) == os.path.realpath(data) else None


def _value(entries: set[bytes], name: str) -> str:
    start = f'{name}='.encode()
    return next((os.fsdecode(entry[len(start) :]) for entry in entries if entry.startswith(start)), '')


def _ourselves() -> set[int]:
    here = psutil.Process()
    return {here.pid, *(parent.pid for parent in here.parents())}
