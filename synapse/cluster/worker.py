"""A worker of Dask that carries out runs of Synapse: each in a host of its own, as on the control room's machine."""

import asyncio
import contextlib
import dataclasses
import logging
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
from distributed import Worker, get_worker
from distributed.core import Status

from storage.files import StorageError
from storage.folders import remove_folder
from synapse.engine.engine import Engine, LocalEngine
from synapse.engine.zygotes import Zygotes
from synapse.language import N_
from synapse.machine_loads import measured
from synapse.offers import Offer

from . import dask_set_up  # noqa: F401 - before anything of Dask is used
from .code_cache import CodeCache
from .identity import forget_code, replace_code, security_of
from .link import Connection
from .relay import Relay
from .removal import renew
from .words import GOODBYE, LEAVE, LOAD, OPERATION, RESOURCE, TAKE_CODE

log = logging.getLogger(__name__)

LOAD_SECONDS, FIRST_SECONDS = 2.0, 0.5
"""How often a machine says how it is, and how soon for the first time."""
LEAVE_SECONDS = 5.0
"""How long what runs may take to end when a machine leaves."""
REACHED_SECONDS = 30.0
"""How long a control room and the task of its run may wait for each other."""


class RunWorker(Worker):  # type: ignore[misc]  # its types are not read
    """Joins a scheduler and offers places for runs.

    :param folder: private to this worker; has its runs while they last
    :param engine: what carries them out, else one on this machine
    """

    def __init__(
        self, scheduler: str, *, folder: Path, offer: Offer, name: str, engine: Engine | None = None, **options: Any
    ) -> None:
        super().__init__(
            scheduler,
            name=name,
            nthreads=offer.places,  # an async task counts as one, though it takes no thread
            resources={**offer.has, RESOURCE: offer.places},
            local_directory=str(folder / 'dask'),
            memory_limit=0,  # what runs take is not in this process
            **options,
        )
        tag = f'worker-{secrets.token_hex(8)}'
        self.run_engine = engine or LocalEngine(tag, Zygotes(tag) if sys.platform == 'linux' else None)
        self._root = folder
        self._cache = CodeCache(folder / 'pipelines')
        self._relays: dict[str, Relay] = {}
        self._arrived = asyncio.Condition()
        # psutil remembers the last CPU times of each thread, so all measurements are made by the same one.
        self._measuring = ThreadPoolExecutor(max_workers=1, thread_name_prefix='load')
        self._telling: asyncio.Task[None] | None = None
        self.is_removed = asyncio.Event()
        """Set once a person has taken this machine out of the cluster."""
        self.handlers |= {OPERATION: self.relay_run, TAKE_CODE: self.take_code, LEAVE: self.leave}

    async def start_unsafe(self) -> Any:
        # What a worker that was killed has left here: nobody else has this folder.
        with contextlib.suppress(StorageError):
            await asyncio.to_thread(remove_folder, self._root / 'runs')
        await self.run_engine.start()
        await super().start_unsafe()
        self._telling = asyncio.create_task(self._tell_load())
        return self

    async def _tell_load(self) -> None:
        """Say how this machine is, again and again."""
        loop, problem = asyncio.get_running_loop(), ''
        await loop.run_in_executor(self._measuring, psutil.cpu_percent)  # the first one has nothing to compare with
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            try:
                load = await loop.run_in_executor(self._measuring, measured, self._root)
                self.log_event(LOAD, {'name': str(self.name), **dataclasses.asdict(load)})
                problem = ''
            except OSError as error:
                if str(error) != problem:  # it may last for days
                    log.warning(N_('This machine could not be measured: %s'), error)
                problem = str(error)
            await asyncio.sleep(LOAD_SECONDS)

    async def depart(self) -> None:
        """Leave the cluster as it is wanted here, so that nobody takes this machine for lost."""
        leaving = [asyncio.create_task(relay.leave()) for relay in self._relays.values()]
        if leaving:
            await asyncio.wait(leaving, timeout=LEAVE_SECONDS)
        self.log_event(GOODBYE, {'address': self.address})
        await self.close(reason='left')

    async def close(self, *arguments: Any, **options: Any) -> Any:
        """Leave the cluster; every process of every run is ended."""
        if self._telling is not None:
            self._telling.cancel()
        self._measuring.shutdown(wait=False)
        await self.run_engine.close()
        return await super().close(*arguments, **options)

    async def carry_out(self, run_id: str, key: str) -> None:
        """Carry out a run; called by its task. `key` is what the control room calls this attempt."""
        relay = Relay(self.run_engine, self._root, self._cache, run_id, str(self.name))
        async with self._arrived:
            self._relays[key] = relay
            self._arrived.notify_all()
        try:
            await relay.work()
        finally:
            del self._relays[key]

    async def relay_run(self, comm: Any, key: str, has: int) -> Any:
        """Connect a control room with a run for as long as `comm` lasts."""
        relay = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REACHED_SECONDS), self._arrived:
                await self._arrived.wait_for(lambda: key in self._relays)
                relay = self._relays[key]
        await comm.write({'has': relay.link.received if relay else -1})
        if relay is not None:
            connection: Connection = comm
            await relay.link.carry(connection, has)
        return Status.dont_reply

    async def take_code(self, comm: Any, code: str) -> str:
        """Use a new code of the cluster; whoever is connected by the old one has to connect again."""
        await asyncio.to_thread(replace_code, self._root, code)
        renew(self, await asyncio.to_thread(security_of, code, self._root / 'machine'), 'worker')
        for other in [other for other in self._comms if other is not comm]:
            other.abort()
        return 'done'

    async def leave(self) -> str:
        """Leave the cluster for good: this machine was removed."""
        await asyncio.to_thread(forget_code, self._root)
        self.is_removed.set()
        return 'done'


async def carry_out(run_id: str, key: str) -> None:
    """The task of a run: occupies a place of the worker until the run is over."""
    await get_worker().carry_out(run_id, key)
