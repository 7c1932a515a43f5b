"""A running program seen from outside: its processor time and memory, and when it is idle."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil

CALM_CPU, CALM_SECONDS = 0.1, 15
"""Processor seconds in one second, below which a program counts as calm, and for how long that is waited for."""


class Tree:
    """A process and all that descend from it."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    @property
    def cpu(self) -> float:
        """Seconds of processor time of the whole tree, including processes that ended and were waited for."""
        return float(sum(sum(times[:4]) for times in self._each('cpu_times')))

    @property
    def own_cpu(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    @property
    def pss_megabytes(self) -> float:
        """Memory of the whole tree; what processes share is counted once (PSS)."""
        return float(sum(memory.pss for memory in self._each('memory_full_info'))) / 1e6

    @property
    def own_megabytes(self) -> float:
        return float(self._process.memory_info().rss) / 1e6

    def _each(self, ask: str) -> Iterator[Any]:
        for process in (self._process, *self._process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                yield getattr(process, ask)()

    def calm(self) -> None:
        """Wait until it is idle, for a limited time: open pages get something now and then."""
        for _ in range(CALM_SECONDS):
            before = self.cpu
            time.sleep(1)
            if self.cpu - before < CALM_CPU:
                return

    @contextmanager
    def watched(self) -> Iterator[list[float]]:
        """The memory in use by the first process, in megabytes, several times a second."""
        found = [self.own_megabytes]
        is_over = threading.Event()

        def watch() -> None:
            while not is_over.wait(0.1):
                found.append(self.own_megabytes)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield found
        finally:
            is_over.set()
            watcher.join()
