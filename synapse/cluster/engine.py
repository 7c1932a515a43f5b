"""The engine that carries out runs on other machines: each is one task of Dask, which starts an ordinary run host."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from distributed import Client, KilledWorker
from distributed.security import Security

from synapse.engine.engine import REMOVED, HostNotStarted, OnLine, OnMessage
from synapse.errors import NotReady, SynapseError
from synapse.language import N_, _
from synapse.machine_loads import MachineLoad
from synapse.offers import Offer
from synapse.protocol.messages import Job
from synapse.waiting import Latest

from . import dask_set_up  # noqa: F401 - before anything of Dask is used
from .connections import Connections
from .remote_host import CarryOut, RemoteHost
from .removal import is_told, renew
from .words import GOODBYE, LEAVE, LOAD, RESOURCE, TAKE_CODE

log = logging.getLogger(__name__)

SILENT_SECONDS = 6.0
"""A machine that has not said for this long how it is gets no runs, unless it answers."""
REACH_SECONDS = 1.0
"""How long a machine that has just joined is waited for; it is used later if it takes longer to be reached."""
START_SECONDS = 10.0

PathsOf = Callable[[Job], Iterable[Path]]


class NoCluster(SynapseError):
    """The scheduler of the cluster is not there."""

    status = 503

    def __init__(self, message: str, hint: str = '') -> None:
        super().__init__('no_cluster', message, hint)


@dataclass(frozen=True, slots=True)
class Machine:
    """A worker of ours."""

    name: str
    address: str
    offer: Offer


def _offer_of(resources: Mapping[str, float]) -> Offer:
    has = {name: much for name, much in resources.items() if name != RESOURCE}
    return Offer(int(resources[RESOURCE]), has)


class DaskEngine:
    """Carries out runs on the workers of a cluster; see `Engine`.

    :param address: of the scheduler, such as `tls://10.0.0.5:8786`
    :param paths_of: returns the files and folders outside of its folder that a job reads, which are sent along
    :param carry_out: called in a thread with what a run elsewhere asks of a folder here
    """

    def __init__(
        self,
        address: str,
        security: Security | None = None,
        paths_of: PathsOf = lambda job: (),
        carry_out: CarryOut = lambda request, folder, job: {'value': None},
    ) -> None:
        self._address = address
        self._connections = Connections(security or Security())
        self._look_soon = Latest(self._look_now, self._started)
        self._connections.on_news = self._look_soon
        self.paths_of, self._carry_out = paths_of, carry_out
        self._client: Client | None = None
        self._hosts: set[RemoteHost] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking = asyncio.Lock()
        self.machines: dict[str, Machine] = {}
        """Our workers, by name."""
        self.unreached: dict[str, Machine] = {}
        """Those that have joined, but cannot be reached from here."""
        self.on_machines: Callable[[set[str]], object] = lambda left: None
        """Called when one of these has changed, with the names of those that have said goodbye or were removed."""
        self._joined: dict[str, Machine] = {}
        """All that the scheduler knows, also those that are silent at the moment."""
        self._left: set[str] = set()
        self._met: set[str] = set()
        self._heard: dict[str, float] = {}
        """When each machine has said how it is, by the clock of the loop; addresses."""
        self.on_load: Callable[[str, MachineLoad], object] = lambda name, load: None
        """Called with how one of them is, every few seconds."""

    async def start(self) -> None:
        """Connect with the scheduler.

        :raises NoCluster: if it cannot be reached
        """
        try:
            self._client = await Client(
                self._address,
                security=self._connections.security,
                asynchronous=True,
                set_as_default=False,
                timeout=START_SECONDS,
                name='synapse',
            )
        except OSError as error:
            text = _('The cluster at {address} cannot be reached: {reason}', address=self._address, reason=error)
            raise NoCluster(text) from error
        self._client.subscribe_topic('all', self._hear)
        self._client.subscribe_topic(LOAD, self._hear_load)
        self._client.subscribe_topic(GOODBYE, lambda event: self._left.add(event[1]['address']))
        await self.look()

    def _hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        """Follow which workers there are; the scheduler says it in the moment it happens."""
        action = event[1].get('action')
        if action in ('add-worker', 'remove-worker'):
            self._look_soon()

    def _hear_load(self, event: tuple[float, Mapping[str, Any]]) -> None:
        """Take what a machine says about itself; one of another version may say more."""
        said = event[1]
        with contextlib.suppress(KeyError):
            machine = self.machines[said['name']]
            self._heard[machine.address] = asyncio.get_running_loop().time()
            values = {field.name: said[field.name] for field in fields(MachineLoad)}
            self.on_load(machine.name, MachineLoad(**values))

    async def look(self) -> None:
        """Ask the scheduler which workers there are; runs of those that are gone are lost.

        :raises OSError: if the scheduler is gone
        """
        async with self._looking:  # of two answers the older one must not come last
            if self._client is None:
                return
            found = (await self._client.scheduler.identity(n_workers=-1))['workers']
            machines = {
                str(worker['name']): Machine(str(worker['name']), address, _offer_of(worker['resources']))
                for address, worker in found.items()
                if worker['resources'].get(RESOURCE)
            }
            present = {machine.address for machine in machines.values()}
            for host in [host for host in self._hosts if host.address not in present]:
                host.lose()
            self._connections.keep(present)
            self._doubt_silent(present)
            await self._connections.first(REACH_SECONDS)
            if self._client is not None:
                self._take_up(machines)

    def _doubt_silent(self, present: set[str]) -> None:
        """A cable that is pulled breaks no connection: for minutes the scheduler takes such a machine for present."""
        now = asyncio.get_running_loop().time()
        for address, at in [*self._heard.items()]:
            if address not in present:
                del self._heard[address]  # it is met anew if it comes back
            elif now - at > SILENT_SECONDS:
                self._heard[address] = now
                self._connections.doubt(address)

    def _take_up(self, joined: Mapping[str, Machine]) -> None:
        """Use the machines that have joined and can be reached."""
        reached, failed = self._connections.reached, self._connections.failed
        present = {machine.address for machine in joined.values()}
        self._met = (self._met | reached) & present
        now = asyncio.get_running_loop().time()
        self._heard |= dict.fromkeys(self._met - self._heard.keys(), now)
        machines = {name: machine for name, machine in joined.items() if machine.address in reached}
        unreached = {name: machine for name, machine in joined.items() if machine.address in failed - self._met}
        left = {name for name, machine in self._joined.items() if machine.address in self._left - present}
        is_news = bool(left) or (machines, unreached) != (self.machines, self.unreached)
        self._joined, self.machines, self.unreached = dict(joined), machines, unreached
        self._left &= present
        if is_news:
            self.on_machines(left)

    async def _look_now(self) -> None:
        with contextlib.suppress(OSError):
            await self.look()

    def _started(self, work: Coroutine[Any, Any, None]) -> 'asyncio.Task[None]':
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def run(self, job: Job, on_message: OnMessage, on_line: OnLine, *, machine: str = '') -> RemoteHost:
        """See `Engine.run`.

        :param machine: the name of a worker; without one the first that there is
        :raises HostNotStarted: if there is no such worker
        """
        if self._client is None:
            raise NotReady('engine_closed', _('Synapse is starting or stopping, so no run can start.'))
        name = machine or next(iter(self.machines), '')
        if name not in self.machines:
            raise HostNotStarted(_('the machine {name} is not there', name=name) if name else _('there is no machine'))
        address = self.machines[name].address
        host = RemoteHost(job, name, address, on_message, on_line, self.paths_of(job), self._carry_out)
        from .worker import carry_out

        future = self._client.submit(
            carry_out,
            job['id'],
            host.key,
            key=host.key,
            workers=[address],
            allow_other_workers=False,
            resources={RESOURCE: 1},
            retries=0,
            pure=False,
        )
        self._hosts.add(host)
        host.connect(self._connections)
        self._started(self._watch(host, future))
        return host

    async def _watch(self, host: RemoteHost, future: Any) -> None:
        """Give a run up as soon as Dask knows that its worker is gone."""
        ended = asyncio.create_task(host.wait())
        task = asyncio.ensure_future(future.result())
        await asyncio.wait({ended, task}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done() and (error := task.exception()) is not None:
            if not isinstance(error, KilledWorker | CancelledError):  # the end of the run says that its machine is gone
                reason = f'{type(error).__name__}: {error}'
                log.warning(N_('run #%s could not be carried out on %s: %s'), host.number, host.machine, reason)
            host.lose()
        await ended
        self._hosts.discard(host)
        await asyncio.gather(task, return_exceptions=True)
        future.release()

    async def part_with(self, name: str, code: str) -> list[Machine]:
        """Tell a machine that it is removed, if it is there, and all others the new code.

        The runs of the removed one are lost at once. `renew` has to follow.

        :return: the machines that do not have the new code
        """
        security = self._connections.security
        others = [machine for machine in self._joined.values() if machine.name != name]
        told = [is_told(other.address, security, TAKE_CODE, code=code) for other in others]
        removed = [self._joined[name]] if name in self._joined else []
        for machine in removed:
            self._left.add(machine.address)
            for host in [host for host in self._hosts if host.address == machine.address]:
                host.lose(REMOVED)
            told.append(is_told(machine.address, security, LEAVE))
        have = await asyncio.gather(*told)
        return removed + [other for other, has in zip(others, have, strict=False) if not has]

    def renew(self, security: Security) -> None:
        """Connect with these certificates from now on; connections that are there stay."""
        self._connections.renew(security)
        if self._client is not None:
            renew(self._client, security, 'client')

    def lose_all(self, parting: str = '') -> None:
        """Give all runs up, as when the scheduler is gone: their machines end them.

        :param parting: see `HostExit`
        """
        for host in [*self._hosts]:
            host.lose(parting)

    async def close(self) -> None:
        """Kill every host and leave the cluster."""
        client, self._client = self._client, None
        self._connections.keep(())
        await asyncio.gather(*(host.stop(now=True) for host in self._hosts))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if client is not None:
            await client.close()
