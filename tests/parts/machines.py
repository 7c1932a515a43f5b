"""Other machines: workers in processes of their own, with data folders of their own."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import psutil

from synapse.control_room import ControlRoom
from synapse.engine.warden import marked_processes
from synapse.offers import Offer
from synapse.protocol.environment import DATA, mark

from .harness import ROOT, SynapseUnderTest, wait_until

DESKTOP, NODE = 'DESKTOP-7KQ2L1A', 'render-node-eu-central-1b.studio.example'


class MachineUnderTest:
    """`python main.py worker`, and what it prints."""

    def __init__(self, folder: Path, *arguments: str, variables: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, 'main.py', 'worker', *arguments, '--data', str(folder)],
            cwd=ROOT, env=os.environ | dict(variables or {}),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip())

    def wait_for(self, text: str) -> None:
        wait_until(lambda: any(text in line for line in self.lines), timeout=60, what=lambda: '\n'.join(self.lines))

    def programs(self) -> list[str]:
        """The programs of runs on this machine."""
        found = marked_processes([mark([(DATA, str(self.folder / 'machine'))])])
        commands = []
        for process in found:
            with contextlib.suppress(psutil.Error):  # it has just ended
                commands.append(' '.join(process.cmdline()))
        return commands

    def wait_until_empty(self) -> None:
        wait_until(lambda: self.programs() == [], timeout=15, what=lambda: f'{self.programs()}')

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(60)
        self._reader.join(60)
        return code


def join_line(room: SynapseUnderTest, *, start: int = 1) -> list[str]:
    """The line by which machines join, as its start of this number has printed it."""
    found: list[str] = []

    def is_printed() -> bool:
        found[:] = [line for line in room.output if 'worker tls://' in line]
        return len(found) >= start

    wait_until(is_printed, timeout=40, what=lambda: '\n'.join(room.output))
    return found[start - 1].split(' worker ')[1].split()


class _Elsewhere:
    addresses, code, problem = (), '', ''

    def __init__(self, room: ControlRoom) -> None:
        self._room = room
        self.run = room.engine.local.run

    async def remove(self, name: str, *, is_lost: bool) -> bool:
        self._room.roster.update(
            {other: offer for other, offer in self._room.roster.here.items() if other != name}, [name]
        )
        return True

    async def close(self) -> None: ...


def others_join() -> None:
    """Give each room of this process the machines `DESKTOP` and `NODE`, whose runs it carries out itself."""
    start = ControlRoom.start

    async def start_with_others(room: ControlRoom) -> None:
        room.engine.others = cast(Any, _Elsewhere(room))
        await start(room)
        room.roster.update({DESKTOP: Offer(4), NODE: Offer(5)}, ())

    ControlRoom.start = start_with_others  # type: ignore[method-assign]
