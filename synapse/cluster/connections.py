"""Connections with the workers of a cluster, one of each made ahead: making one takes as long as starting a run."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from distributed.comm import Comm, connect
from distributed.security import Security

AGAIN_SECONDS = 0.25
"""How long after one was taken the next one is made: not while the run that took it starts."""
STALE_SECONDS = 2.0
"""How long one that was made ahead has for its answer. It may have died in silence; then another one is made."""


class Connections:
    """Use it on the event loop only.

    :param security: the certificates
    """

    def __init__(self, security: Security) -> None:
        self.security = security
        self._ahead: dict[str, asyncio.Task[Comm]] = {}

    def keep(self, addresses: Iterable[str]) -> None:
        """Have a connection ready with each of these workers, and with no other."""
        wanted = set(addresses)
        for address in self._ahead.keys() - wanted:
            _drop(self._ahead.pop(address))
        for address in wanted - self._ahead.keys():
            self._ahead[address] = asyncio.create_task(self._connect(address))

    def renew(self, security: Security) -> None:
        """Use these certificates from now on."""
        self.security = security
        addresses = list(self._ahead)
        self.keep(())
        self.keep(addresses)

    async def ask(self, address: str, message: Mapping[str, Any]) -> tuple[Comm, Any]:
        """Return a connection on which this was written, and what came back.

        :raises OSError: if the worker cannot be reached
        """
        if (ahead := self._take(address)) is not None:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(STALE_SECONDS):
                    return await _ask(ahead, message)
        return await _ask(await self._connect(address), message)

    def _take(self, address: str) -> Comm | None:
        """Return the connection that is ready, if one is, and have another one made soon."""
        task = self._ahead.get(address)
        if task is None or not task.done():
            return None
        self._ahead[address] = asyncio.create_task(self._connect(address, AGAIN_SECONDS))
        return None if task.cancelled() or task.exception() else task.result()

    async def _connect(self, address: str, delay: float = 0) -> Comm:
        await asyncio.sleep(delay)
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
