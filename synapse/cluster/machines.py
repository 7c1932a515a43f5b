"""What carries out the runs of a control room on other machines: the cluster, with its scheduler and its code."""

import asyncio
import contextlib
import errno
import json
import logging
import math
import os
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from distributed.security import Security

from storage.foreign_words import system_words, text_of
from synapse.engine.children import child_environment, host_command, new_session
from synapse.engine.engine import REMOVED, HostHandle, HostNotStarted, OnLine, OnMessage
from synapse.errors import Conflict, NotFound, SynapseError
from synapse.language import N_, _, joined, own_language
from synapse.machine_loads import MachineLoad
from synapse.protocol.environment import ROOM_TAG
from synapse.protocol.messages import Job

from .engine import DaskEngine, Machine, NoCluster, PathsOf
from .identity import (
    CODE_VARIABLE,
    WrongCode,
    has_own_certificates,
    new_code,
    newest_code,
    read_code,
    save_code,
    saved_code,
    security_of,
)
from .knocking import NotJoined, OtherCode, knock
from .own_address import LOOPBACK, own_hosts
from .remote_host import CarryOut
from .words import LANGUAGE

log = logging.getLogger(__name__)

AGAIN_SECONDS = 3.0
LOOK_SECONDS = 2.0
ANSWER_SECONDS = 8.0
REMOVE_SECONDS = 10.0
HOSTS_SECONDS = 10.0
"""How long the addresses of this machine are taken for the same: pages ask for them again and again."""


class NoCode(NoCluster):
    """A scheduler elsewhere needs a code, and none that could be its own was given."""


OnChange = Callable[[Mapping[str, Machine], Collection[str], Mapping[str, Machine]], object]


class Machines:
    """Starts and keeps the scheduler of the cluster, unless it is one elsewhere.

    :param room_tag: unique for this start of the control room
    :param address: of a scheduler elsewhere; else where to listen, such as `tls://0.0.0.0:8786`
    :param folder: keeps the code of the cluster
    :param given_code: that of a scheduler elsewhere, empty for the one that is kept
    :param on_change: called with the machines whenever another one is there, or one is gone; with the names of those
        that have gone by themselves; and with the machines that have joined but cannot be reached
    :param on_load: called with the name of one and how it is, every few seconds
    """

    def __init__(
        self,
        *,
        room_tag: str,
        address: str,
        is_elsewhere: bool,
        folder: Path,
        given_code: str = '',
        paths_of: PathsOf,
        carry_out: CarryOut,
        on_change: OnChange,
        on_load: Callable[[str, MachineLoad], object],
    ) -> None:
        self._room_tag = room_tag
        self._at = ''
        self._hosts: list[str] = []
        self._hosts_at = -math.inf
        self._listen, self._is_elsewhere, self._folder = address, is_elsewhere, folder
        self._given_code = given_code
        self._paths_of, self._carry_out = paths_of, carry_out
        self._on_change, self._on_load = on_change, on_load
        self._remote: DaskEngine | None = None
        self._scheduler: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None
        self.problem = ''
        """Why other machines cannot join now, with what to do; empty if they can."""
        self.code = ''
        self._removing = asyncio.Lock()

    @property
    def addresses(self) -> list[str]:
        """At which machines join, the best one first; none until the scheduler is there."""
        if self._is_elsewhere and self._remote is None:
            return []
        if not self._at or self._is_elsewhere or '://0.0.0.0:' not in self._listen:
            return [self._at] if self._at else []
        if time.monotonic() - self._hosts_at > HOSTS_SECONDS:
            self._hosts, self._hosts_at = own_hosts(), time.monotonic()
        return [f'tls://{host}:{self._at.rpartition(":")[2]}' for host in self._hosts]

    async def start(self) -> None:
        """Read the code, or make one; the cluster follows in the background.

        :raises StorageError: if a new code cannot be saved
        """
        self.code = await asyncio.to_thread(self._own_code)
        self._keeping = asyncio.create_task(self._keep())

    async def run(self, job: Job, on_message: OnMessage, on_line: OnLine, *, machine: str) -> HostHandle:
        """See `Engine.run`."""
        if self._remote is None:
            raise HostNotStarted(_('the machine {name} is not there', name=machine))
        return await self._remote.run(job, on_message, on_line, machine=machine)

    async def remove(self, name: str, *, is_lost: bool = False) -> bool:
        """Take a machine out: its runs are lost, and neither its certificate nor the code it has is accepted any more.

        All others get a new code and go on. One that does not answer is taken out with it, and has to join anew.

        :param is_lost: whether it is not there now
        :return: whether there is a new code: where the scheduler is not ours, it decides who joins
        :raises NotFound: if it is not there
        :raises Conflict: if the scheduler is not ours, unless the machine is lost
        :raises NoCluster: if the scheduler is not there, so that nobody can be told
        :raises StorageError: if the new code cannot be kept; nothing has changed then
        """
        if self._is_elsewhere and is_lost:
            return False
        if self._is_elsewhere:
            text = _('The scheduler of this cluster runs elsewhere, and decides who joins.')
            raise Conflict('scheduler_elsewhere', text, _('Stop the worker on that machine, or drain it here.'))
        async with self._removing:
            remote = self._remote
            if remote is None:
                raise NoCluster(_('The scheduler of the cluster is not there yet.'), self.problem)
            if name not in remote.machines | remote.unreached and not is_lost:
                raise NotFound('machine_not_found', _('No machine is called {name!r}.', name=name))
            code = new_code()
            await asyncio.to_thread(save_code, self._folder, code)
            self.code = code
            parted = await remote.part_with(name, code)
            for machine in parted:
                if machine.name != name:
                    log.warning(N_('machine %s did not answer, and has to join anew with the new code'), machine.name)
            await self._shut_out([machine.address for machine in parted])
            remote.renew(await asyncio.to_thread(security_of, code, self._folder / 'room'))
            with contextlib.suppress(OSError):
                await remote.look()
        return True

    async def _shut_out(self, addresses: list[str]) -> None:
        """Let the scheduler refuse these workers and the old code; one that does not answer is started again."""
        scheduler = self._scheduler
        if scheduler is None or scheduler.stdin is None or scheduler.stdout is None:
            return
        try:
            scheduler.stdin.write(f'{json.dumps(addresses)}\n'.encode())
            async with asyncio.timeout(REMOVE_SECONDS):
                is_done = bool(await scheduler.stdout.readline())
        except (OSError, TimeoutError):
            is_done = False
        if not is_done and scheduler.returncode is None:
            scheduler.kill()

    async def close(self) -> None:
        """Lose every run, whose machine then ends it, and end the scheduler."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._remote is not None:
            self._remote.lose_all(REMOVED)
            await self._remote.close()
        await self._end_scheduler()

    def _own_code(self) -> str:
        if self._is_elsewhere:
            return self._code_of_elsewhere()
        code = saved_code(self._folder)
        if not code:
            code = new_code()
            save_code(self._folder, code)
        return code

    def _code_of_elsewhere(self) -> str:
        """Return the code of a scheduler elsewhere, empty where none is needed or known."""
        with contextlib.suppress(WrongCode):  # the start of the cluster says so
            if self._given_code:
                save_code(self._folder, newest_code(self._folder, read_code(self._given_code)))
        return saved_code(self._folder) if self._is_by_code or self._given_code else ''

    @property
    def _is_by_code(self) -> bool:
        """Whether who belongs to the cluster is told by a code: others have certificates of their own."""
        return self._listen.startswith('tls:') and not has_own_certificates()

    async def _keep(self) -> None:
        """Stay in the cluster: start the scheduler again, and connect again, whenever one is gone."""
        while True:
            try:
                self._check_code()
                await self._join()
            except NoCode as error:
                self._say_problem(joined(error.message, error.hint))
                return  # which only another start can give
            except OSError as error:
                self._say_problem(system_words(error))
            except SynapseError as error:
                self._say_problem(joined(error.message, error.hint))
            except Exception as error:  # the edge: nobody would hear of it
                log.exception(N_('the cluster could not be joined'))
                self._say_problem(f'{type(error).__name__}: {error}')
            await asyncio.sleep(AGAIN_SECONDS)

    def _say_problem(self, problem: str) -> None:
        if problem != self.problem:
            log.warning(N_('other machines cannot join: %s'), problem)
            self.problem = problem
            self._on_change({}, (), {})

    def _check_code(self) -> None:
        """:raises NoCode: if a scheduler elsewhere needs a code, and there is none that could be one"""
        if not self._is_elsewhere:
            return
        if self._given_code:
            try:
                read_code(self._given_code)
            except WrongCode as error:
                raise NoCode(joined(f'{CODE_VARIABLE}:', text_of(error))) from error
        elif self._is_by_code and not self.code:
            raise NoCode(
                _('The code of the cluster at {address} is missing.', address=self._listen),
                _('Start Synapse with it in the variable {variable}; it is kept then.', variable=CODE_VARIABLE),
            )

    async def _join(self) -> None:
        """Be in the cluster until it is gone."""
        remote = await self._opened()
        try:
            await remote.start()
        except BaseException:  # also if Synapse stops meanwhile
            await self._end_scheduler()
            raise
        self._remote, self.problem = remote, ''
        self._on_change(remote.machines, (), remote.unreached)  # there is an address to join at now
        await self._until_gone(remote)
        log.warning(N_('the scheduler of the cluster is gone'))
        await self._leave(remote)

    async def _opened(self) -> DaskEngine:
        """Return an engine for the scheduler, which is started unless it is one elsewhere."""
        security = Security()
        if self._listen.startswith('tls:') and self.code:
            security = await asyncio.to_thread(security_of, self.code, self._folder / 'room')
        self._at = self._listen if self._is_elsewhere else await self._start_scheduler()
        if self._is_elsewhere:
            await self._knock(security)
        remote = DaskEngine(self._at, security, self._paths_of, self._carry_out)
        remote.on_load = self._on_load
        remote.on_machines = lambda left: self._on_change(remote.machines, left, remote.unreached)
        return remote

    async def _knock(self, security: Security) -> None:
        """:raises NoCluster: if a scheduler elsewhere does not answer, or refuses this machine"""
        try:
            await knock(self._at, security, 'client')
        except NotJoined as error:
            text = _('The cluster at {address} cannot be reached: {reason}', address=self._at, reason=error.message)
            if not isinstance(error, OtherCode):
                raise NoCluster(text) from error
            text = _('The cluster at {address} refuses this machine, whose code is another one.', address=self._at)
            hint = _('Start Synapse with its code in the variable {variable}.', variable=CODE_VARIABLE)
            raise NoCluster(text, hint) from error

    async def _leave(self, remote: DaskEngine) -> None:
        self._remote = None
        remote.lose_all()
        self._on_change({}, (), {})
        await remote.close()
        await self._end_scheduler()

    async def _until_gone(self, remote: DaskEngine) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            while self._scheduler is None or self._scheduler.returncode is None:
                # Besides a sign of life: which machines there are, should their news have been missed.
                async with asyncio.timeout(ANSWER_SECONDS):
                    await remote.look()
                await asyncio.sleep(LOOK_SECONDS)

    async def _start_scheduler(self) -> str:
        self._scheduler = await asyncio.create_subprocess_exec(
            *host_command('synapse.cluster.scheduler', self._listen, str(self._folder)),
            env=child_environment({ROOM_TAG: self._room_tag, LANGUAGE: own_language()}),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            **new_session(),
        )
        output = self._scheduler.stdout
        line = await output.readline() if output is not None else b''
        if not line or line.startswith(b'error '):
            await self._end_scheduler()
            raise _not_started(self._listen, int(line.split()[1]) if line else 0)
        # Machines come back to where they were: a port that was any free one is kept from now on.
        self._listen = line.decode().strip()
        return self._listen.replace('://0.0.0.0:', f'://{LOOPBACK}:')

    async def _end_scheduler(self) -> None:
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None and scheduler.returncode is None:
            scheduler.kill()
            await scheduler.wait()


def _not_started(address: str, number: int) -> NoCluster:
    """Say why the scheduler did not start; `number` is that of the error of the system, 0 if it said nothing."""
    port = address.rpartition(':')[2]
    if number == errno.EADDRINUSE:
        text = _('Port {port} is used by another program.', port=port)
        return NoCluster(text, _('Choose another port with --cluster-port.'))
    if number == errno.EACCES:
        text = _('This user may not listen on port {port}.', port=port)
        return NoCluster(text, _('Choose another port with --cluster-port.'))
    if number:
        reason = system_words(OSError(number, os.strerror(number)))
        return NoCluster(_('Nothing can listen at {address}: {reason}', address=address, reason=reason))
    return NoCluster(_('The scheduler at {address} ended at its start.', address=address), _('The log says why.'))
