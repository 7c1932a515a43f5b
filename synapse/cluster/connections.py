"""Connections with the workers of a cluster, one of each made ahead: making one takes as long as starting a run.

They also show which workers can be reached at all: one behind a firewall joins the scheduler, and that is all.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from distributed.comm import Comm, connect
from distributed.security import Security

NEXT_SECONDS = 0.25
"""How long after one was taken the next one is made: not while the run that took it starts."""
AGAIN_SECONDS = 5.0
"""How long after one could not be made that is tried again."""
STALE_SECONDS = 2.0
"""How long one that was made ahead has for its answer. It may have died in silence; then another one is made."""


class Connections:
    """Use it on the event loop only.

    :param security: the certificates
    """

    def __init__(self, security: Security) -> None:
        self.security = security
        self.on_news: Callable[[], object] = lambda: None
        """Called when a worker was reached for the first time, or could not be reached at first."""
        self.reached: set[str] = set()
        """The addresses with which a connection has been made."""
        self.failed: set[str] = set()
        """Those with which none could be made so far."""
        self._ahead: dict[str, asyncio.Task[Comm]] = {}
        self._new: set[str] = set()
        """The addresses that `first` has not waited for."""

    def keep(self, addresses: Collection[str]) -> None:
        """Have a connection ready with each of these workers, and with no other."""
        for address in self._ahead.keys() - set(addresses):
            _drop(self._ahead.pop(address))
            self.reached.discard(address)
            self.failed.discard(address)
        for address in set(addresses) - self._ahead.keys():
            self._make(address)
            self._new.add(address)

    def doubt(self, address: str) -> None:
        """Find out anew whether a worker can be reached, which has been silent for too long."""
        if address in self._ahead:
            self.reached.discard(address)
            _drop(self._ahead[address])
            self._make(address)
            self._new.add(address)
            self.on_news()

    async def first(self, seconds: float) -> None:
        """Return when each worker that is new or was doubted is reached, at the latest after so many seconds."""
        new, self._new = self._new & self._ahead.keys(), set()
        if tasks := [self._ahead[address] for address in new]:
            await asyncio.wait(tasks, timeout=seconds)

    def renew(self, security: Security) -> None:
        """Use these certificates from now on."""
        self.security = security
        for address, task in [*self._ahead.items()]:
            _drop(task)
            self._make(address)

    async def ask(self, address: str, message: Mapping[str, Any]) -> tuple[Comm, Any]:
        """Return a connection on which this was written, and what came back.

        :raises OSError: if the worker cannot be reached
        """
        ahead = self._ahead.get(address)
        if ahead is not None and ahead.done():
            self._make(address, NEXT_SECONDS)
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(STALE_SECONDS):
                    return await _ask(ahead.result(), message)
        return await _ask(await self._connect(address), message)

    def _make(self, address: str, delay: float = 0) -> None:
        self._ahead[address] = asyncio.create_task(self._made(address, delay))

    async def _made(self, address: str, delay: float) -> Comm:
        await asyncio.sleep(delay)
        while True:
            try:
                comm = await self._connect(address)
            except OSError:
                if address not in self.reached | self.failed:
                    self.failed.add(address)
                    self.on_news()
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            if address not in self.reached:
                self.reached.add(address)
                self.failed.discard(address)
                self.on_news()
            return comm

    async def _connect(self, address: str) -> Comm:
        return await connect(address, **self.security.get_connection_args('client'))


async def _ask(comm: Comm, message: Mapping[str, Any]) -> tuple[Comm, Any]:
    try:
        await comm.write(message)
        return comm, await comm.read()
    except BaseException:
        comm.abort()
        raise


def _drop(task: 'asyncio.Task[Comm]') -> None:
    task.cancel()
    if task.done() and not task.cancelled() and not task.exception():
        task.result().abort()
