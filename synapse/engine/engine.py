"""Starts and ends the processes in which runs do their work. What a run is, is up to `synapse/runs/`."""

import asyncio
import json
import logging
from typing import Any, Protocol

from storage import descriptors
from storage.foreign_words import program_words
from synapse.errors import NotReady, SynapseError
from synapse.language import N_, _, spoken
from synapse.protocol.environment import Mark, mark_of
from synapse.protocol.messages import HostCommand, Job

from .children import child_environment, host_command, new_session
from .host_process import LEFT, REMOVED, HostExit, HostProcess, OnLine, OnMessage
from .process_tree import Activity, MemoryUse
from .zygotes import Zygotes

__all__ = [
    'LEFT', 'REMOVED', 'Engine', 'HostExit', 'HostHandle', 'HostNotStarted', 'LocalEngine', 'OnLine', 'OnMessage',
]  # fmt: skip

log = logging.getLogger(__name__)

SPARE_AFTER_SECONDS = 2.0
READY_SECONDS = 30.0
"""How long a host may take to say hello; on an idle machine it needs a quarter of a second."""
WARDEN_SECONDS = 6.0
MAX_BACKOFF_SECONDS = 30.0


class HostNotStarted(SynapseError):
    """No process could be started for a run; the message ends with the last lines of the attempt."""

    status = 503

    def __init__(self, reason: str) -> None:
        hint = _('Check the free memory and the process limit, then try again.')
        if descriptors.are_used_up():  # the event loop has no better words for it than "Unknown error -1"
            reason, hint = spoken(descriptors.finding()), spoken(descriptors.way_out())
        super().__init__(
            'host_not_started', _('No process could be started for the run: {reason}', reason=reason), hint
        )


class HostHandle(Protocol):
    """One run host, wherever it runs."""

    host_id: str
    pid: int

    @property
    def started_at(self) -> float:
        """When it started, in seconds since the epoch."""

    def send(self, message: HostCommand) -> None:
        """Write one control message; does nothing if the host no longer reads."""

    async def stop(self, *, now: bool = False) -> HostExit:
        """End it with everything it started, gently first unless `now`, and return when that is done."""

    async def wait(self) -> HostExit:
        """Return the outcome once the host is gone, its leftovers are ended and its last line is passed on."""

    async def tree(self) -> list[dict[str, Any]]:
        """Return its processes right now: `{pid, command, cpu_percent, memory_bytes, state}`."""

    async def memory(self, limit: int) -> MemoryUse:
        """Return what its processes take together; exactly only near and above `limit`."""

    async def activity(self) -> Activity:
        """Return what its processes have done so far."""


class Engine(Protocol):
    """Where runs are executed."""

    async def start(self) -> None:
        """Get ready to run jobs."""

    async def run(self, job: Job, on_message: OnMessage, on_line: OnLine, *, machine: str = '') -> HostHandle:
        """Send a job to a host and return the host as soon as the job is on its way.

        :param on_message: called on the loop with each message of the host, in order; awaited if it returns an
            awaitable, while the host has to wait
        :param on_line: the same for each raw line that bypassed the protocol
        :param machine: the name of another machine; empty for this one
        :raises HostNotStarted: if no host could be started
        :raises NotReady: before `start` and after `close`
        """

    async def close(self) -> None:
        """Kill every host and release what the engine holds."""


class LocalEngine:
    """Executes runs on this machine: one process per run, in a session of its own, forked or taken from warm spares.

    Every process of ours has the room's tag in its environment, and every program of a run the mark of the run. By
    these the warden ends them when this process dies.

    :param room_tag: unique for this start of the control room
    :param zygotes: what to fork from, where the system can do that
    :param spares: otherwise, how many hosts to keep warm; each takes about 16 MB
    """

    def __init__(self, room_tag: str, zygotes: Zygotes | None = None, *, spares: int = 1) -> None:
        self.room_tag = room_tag
        self.zygotes = zygotes
        self._spare_count = spares
        self._spares: list[HostProcess] = []
        self._hosts: set[HostProcess] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._spares_wanted = asyncio.Event()
        self._warden: asyncio.subprocess.Process | None = None
        self._live: set[Mark] = set()
        self._is_open = False

    @property
    def spare_pids(self) -> list[int]:
        return [host.pid for host in self._spares if host.is_alive]

    @property
    def warden_pid(self) -> int | None:
        return self._warden.pid if self._warden and self._warden.returncode is None else None

    async def start(self) -> None:
        """Start the warden; what runs are forked from, or the spares, follow when the program has started.

        :raises HostNotStarted: if not even the warden starts
        """
        try:
            self._warden = await self._spawn_warden()
        except OSError as error:
            raise HostNotStarted(str(error)) from error
        self._is_open = True
        self._want_spares_soon()
        self._tasks = [asyncio.create_task(self._keep_warden()), asyncio.create_task(self._keep_spares())]

    async def run(self, job: Job, on_message: OnMessage, on_line: OnLine, *, machine: str = '') -> HostProcess:
        """See `Engine.run`."""
        if not self._is_open:
            raise NotReady('engine_closed', _('Synapse is starting or stopping, so no run can start.'))
        host = await self._forked(job) or await self._ready_host()
        self._hosts.add(host)
        mark = mark_of(job)
        self._note(mark, is_live=True)
        host.begin(on_message, on_line, job)
        host.on_end(lambda: self._ended(host, mark))
        return host

    def _ended(self, host: HostProcess, mark: Mark) -> None:
        self._hosts.discard(host)
        self._note(mark, is_live=False)

    def _note(self, mark: Mark, *, is_live: bool) -> None:
        """Tell the warden whose programs to end if this process dies."""
        (self._live.add if is_live else self._live.discard)(mark)
        if self._warden is not None:
            _write_to(self._warden, mark, is_live=is_live)

    async def close(self) -> None:
        """Kill every host, spare and leftover process of this room, then end the warden."""
        self._is_open = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(host.stop(now=True) for host in [*self._hosts, *self._spares]))
        self._spares.clear()
        if self.zygotes is not None:
            await self.zygotes.close()
        if self._warden is not None:
            await self._stop_warden(self._warden)

    async def _forked(self, job: Job) -> HostProcess | None:
        """Return a host for this job; None if it has to be spawned."""
        if self.zygotes is None or not self.zygotes.is_usable:
            return None
        try:
            return await self.zygotes.fork('host', job['file'], job['origin'], run=job['id'])
        except OSError as error:
            log.warning(N_('no run host could be forked: %s'), program_words(str(error)))
            return None

    async def _ready_host(self) -> HostProcess:
        reason = ''
        for __ in range(self._spare_count + 2):
            host = self._spares.pop(0) if self._spares else await self._spawn()
            self._want_spares_soon()
            try:
                if await host.is_ready(READY_SECONDS):
                    return host
            except asyncio.CancelledError:
                self._give_up(host)
                raise
            outcome = await host.stop(now=True)
            reason = '; '.join(host.last_lines) or _(
                'it ended with {signal}', signal=outcome.signal or outcome.returncode
            )
        raise HostNotStarted(reason)

    def _want_spares_soon(self) -> None:
        # A spare takes a third of a second of a processor: that of the start, or of the run which begins now.
        asyncio.get_running_loop().call_later(SPARE_AFTER_SECONDS, self._spares_wanted.set)

    async def _spawn(self) -> HostProcess:
        try:
            return await HostProcess.spawn(self.room_tag)
        except OSError as error:
            raise HostNotStarted(str(error)) from error

    def _give_up(self, host: HostProcess) -> None:
        self._hosts.add(host)
        host.on_end(lambda: self._hosts.discard(host))
        host.end_soon()

    async def _keep_spares(self) -> None:
        """Replace each spare that was used or died; with growing delays while they die before their hello."""
        backoff = 0.0
        while True:
            await self._spares_wanted.wait()
            self._spares_wanted.clear()
            if await self._can_fork():
                continue
            self._spares = [host for host in self._spares if host.is_alive]
            while len(self._spares) < self._spare_count:
                await asyncio.sleep(backoff)
                backoff = 0.0 if await self._add_spare() else min(MAX_BACKOFF_SECONDS, 2 * backoff or 0.5)

    async def _can_fork(self) -> bool:
        """Whether hosts are forked, so that no spares are needed."""
        if self.zygotes is not None and self.zygotes.is_usable:
            try:
                await self.zygotes.start()
            except OSError as error:
                log.warning(N_('run hosts cannot be forked, so each is started: %s'), program_words(str(error)))
        return self.zygotes is not None and self.zygotes.is_usable

    async def _add_spare(self) -> bool:
        """Start one spare; whether it became ready."""
        try:
            host = await self._spawn()
        except HostNotStarted as error:
            log.warning(N_('no warm spare: %s'), error)
            return False
        self._spares.append(host)
        host.on_end(self._spares_wanted.set)
        if await host.is_ready(READY_SECONDS):
            return True
        if host in self._spares:
            self._spares.remove(host)
            log.warning(N_('a warm spare ended before its hello: %s'), '; '.join(host.last_lines))
            self._give_up(host)
        return False

    async def _spawn_warden(self) -> asyncio.subprocess.Process:
        warden = await asyncio.create_subprocess_exec(
            *host_command('synapse.engine.warden', self.room_tag),
            env=child_environment({}),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            **new_session(),
        )
        for mark in self._live:
            _write_to(warden, mark, is_live=True)
        return warden

    async def _keep_warden(self) -> None:
        while self._warden is not None:
            code = await self._warden.wait()
            log.warning(N_('the warden ended with %s; starting another one'), code)
            await asyncio.sleep(0.5)
            try:
                self._warden = await self._spawn_warden()
            except OSError:
                log.exception(N_('no warden could be started'))
                await asyncio.sleep(MAX_BACKOFF_SECONDS)

    async def _stop_warden(self, warden: asyncio.subprocess.Process) -> None:
        """Close its input: it ends what is left of this room, then exits."""
        if warden.stdin is not None:
            warden.stdin.close()
        try:
            await asyncio.wait_for(warden.wait(), WARDEN_SECONDS)
        except TimeoutError:
            warden.kill()
            await warden.wait()


def _write_to(warden: asyncio.subprocess.Process, mark: Mark, *, is_live: bool) -> None:
    if warden.stdin is not None and not warden.stdin.is_closing():
        warden.stdin.write(json.dumps([is_live, sorted(mark)]).encode() + b'\n')
