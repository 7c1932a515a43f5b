"""How other machines are: what they have free, and which Synapse and Python they have, as they say it themselves."""

import platform
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from . import __version__
from .bus import Bus, Message

PYTHON = platform.python_version()


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineLoad:
    """One measurement; sizes in bytes. The disk is the one where runs are kept."""

    cpu_percent: float
    memory_used: int
    memory_total: int
    disk_free: int
    version: str
    """Of Synapse."""
    python: str

    @property
    def is_other_synapse(self) -> bool:
        """Whether its Synapse is another one than this."""
        return self.version != __version__

    @property
    def is_other_python(self) -> bool:
        """Whether its Python may know another language than this: `3.12.1` and `3.11.9`, but not `3.11.1`."""
        return self.python.split('.')[:2] != PYTHON.split('.')[:2]

    def as_json(self) -> dict[str, Any]:
        return {
            'cpu_percent': self.cpu_percent,
            'memory_used_bytes': self.memory_used,
            'memory_bytes': self.memory_total,
            'disk_free_bytes': self.disk_free,
        }


def measured(folder: Path) -> MachineLoad:
    """Measure this machine now; CPU is the mean since the last call in this thread, or since its start.

    :param folder: on the disk where runs are kept
    :raises OSError: if that disk cannot be read
    """
    memory = psutil.virtual_memory()
    return MachineLoad(
        cpu_percent=psutil.cpu_percent(),
        memory_used=memory.total - memory.available,
        memory_total=memory.total,
        disk_free=psutil.disk_usage(str(folder)).free,
        version=__version__,
        python=PYTHON,
    )


@dataclass(frozen=True, slots=True)
class MachineReported(Message):
    """Another machine has said how it is."""

    name: str


class MachineLoads:
    """The last measurement of each of the other machines."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._loads: dict[str, MachineLoad] = {}

    def get(self, name: str) -> MachineLoad | None:
        """Return the last measurement of a machine; None if it has not said anything yet."""
        return self._loads.get(name)

    def disk_free(self, name: str) -> int | None:
        """Return the free bytes where a machine keeps runs; None if it has not said that yet."""
        load = self._loads.get(name)
        return None if load is None else load.disk_free

    def report(self, name: str, load: MachineLoad) -> None:
        """Take a measurement of a machine, and publish it."""
        self._loads[name] = load
        self._bus.publish(MachineReported(name))

    def keep(self, names: Collection[str]) -> None:
        """Forget all machines but these."""
        self._loads = {name: load for name, load in self._loads.items() if name in names}
