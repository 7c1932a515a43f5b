"""CPU, memory and disk of this machine: measured often while a page shows them, else now and then."""

import asyncio
import contextlib
import logging
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from synapse.language import N_
from synapse.waiting import is_set_within

from .bus import Bus, Message
from .status import Status

log = logging.getLogger(__name__)

WATCHED_SECONDS = 2.0
UNWATCHED_SECONDS = 10.0
HISTORY = 150
"""Samples kept: five minutes while a page shows them."""


@dataclass(frozen=True, slots=True)
class MachineMeasured(Message):
    """The disk with the data folder; sizes in bytes."""

    folder: str
    disk_free: int
    disk_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement, with the names of `Status`; sizes in bytes."""

    cpu_percent: float
    ram_percent: float
    ram_used: int
    ram_total: int
    disk_usage: float
    disk_free: int
    disk_total: int


def take_sample(folder: Path, *, first_cpu: float | None = None) -> Sample:
    """Measure now. CPU is the mean since the last sample of this thread.

    :param first_cpu: takes its place in the first sample of a thread, which has nothing to compare with
    :raises OSError: if the disk of `folder` cannot be read
    """
    cpu = psutil.cpu_percent()
    memory = psutil.virtual_memory()
    disk = psutil.disk_usage(str(folder))
    return Sample(
        cpu_percent=cpu if first_cpu is None else first_cpu,
        ram_percent=memory.percent,
        ram_used=memory.total - memory.available,
        ram_total=memory.total,
        disk_usage=disk.percent,
        disk_free=disk.free,
        disk_total=disk.total,
    )


class Machine:
    """Samples the machine into `Status`, and keeps the last few minutes in `history`, oldest first."""

    def __init__(self, status: Status, folder: Path, bus: Bus) -> None:
        self.history: deque[Sample] = deque(maxlen=HISTORY)
        self._status = status
        self._folder = folder
        self._bus = bus
        self._watchers = 0
        self._problem = ''
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        # psutil remembers the last CPU times of each thread, so all samples are taken by the same one.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix='machine')

    async def start(self) -> None:
        """Take the first sample, then continue sampling until `stop`."""
        self._status.cores = psutil.cpu_count() or 1
        # In the thread that imported psutil this is the mean since then: a figure without waiting for one.
        await self._sample(first_cpu=psutil.cpu_percent())
        self._task = asyncio.create_task(self._run(), name='machine')

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._thread.shutdown(wait=False)

    @property
    def is_watched(self) -> bool:
        return self._watchers > 0

    def add_watcher(self) -> None:
        """Sample often from now on; call `remove_watcher` once for each call."""
        self._watchers += 1
        if self._watchers == 1:
            self._wake.set()

    def remove_watcher(self) -> None:
        self._watchers = max(0, self._watchers - 1)

    async def _run(self) -> None:
        while True:
            await self._pause()
            await self._sample()

    async def _pause(self) -> None:
        self._wake.clear()
        await is_set_within(self._wake, WATCHED_SECONDS if self.is_watched else UNWATCHED_SECONDS)

    async def _sample(self, *, first_cpu: float | None = None) -> None:
        loop = asyncio.get_running_loop()
        try:
            sample = await loop.run_in_executor(self._thread, lambda: take_sample(self._folder, first_cpu=first_cpu))
        except OSError as error:
            if str(error) != self._problem:  # it may last for days
                self._problem = str(error)
                log.warning(N_('the machine could not be measured: %s'), error)
            return
        self._problem = ''
        self.history.append(sample)
        for name, value in asdict(sample).items():
            setattr(self._status, name, value)
        self._bus.publish(MachineMeasured(str(self._folder), sample.disk_free, sample.disk_total))
