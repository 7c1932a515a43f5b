"""One run host as the control room sees it: a process, its messages, and how it is ended for certain."""

import asyncio
import contextlib
import inspect
import json
import logging
import os
import secrets
import signal
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from synapse import zone_data
from synapse.language import N_, _
from synapse.protocol.environment import HOST_TAG, ROOM_TAG, mark_of
from synapse.protocol.line_cutter import LineCutter, readable
from synapse.protocol.messages import Do, HostCommand, Job, Kind, Silent

from .child import Child, SpawnedChild
from .pipes import FairShare
from .process_tree import (
    Activity,
    KillReport,
    MemoryUse,
    Seen,
    activity_of,
    end_all,
    figures_of,
    is_suspended_by_system,
    marks_of_host,
    memory_of,
    start_time,
    tree_of,
)

log = logging.getLogger(__name__)

OnMessage = Callable[[dict[str, Any]], Awaitable[None] | None]
OnLine = Callable[[str], Awaitable[None] | None]

MAX_MESSAGE_BYTES = 8 * 1000**2
MAX_LINE_BYTES = 16 * 1024
KILLED_SECONDS = 5.0
"""A process that is still there this long after SIGKILL is kept alive by the system."""
GRACE_SECONDS = 2.0
"""Between cancel and SIGTERM, and again between SIGTERM and SIGKILL, unless the host asks for more."""
MOST_GRACE_SECONDS = 3600.0
LINGER_SECONDS = 5.0
"""How long a host may live after it reported the end of its run, or closed its output."""
SILENT_PIPE_SECONDS = 0.5
ASK_SECONDS = 4.0
"""How often a host that says nothing is asked to."""
MOST_UNANSWERED = 3
"""Questions in a row after which it counts as silent. Counted, since time also passes while this machine sleeps."""
MAX_AFTER_EXIT_BYTES = 4 * 1024**2


REMOVED, LEFT = 'removed', 'left'


@dataclass(frozen=True, slots=True)
class HostExit:
    """How a host ended.

    `ended` are the commands of processes that were ended with it or found left over; `survivors` is how many of them
    could not be ended; `fault` says why the engine ended it unasked; `lost` names the machine it was on if that is
    gone, and `parting` how it went: `REMOVED` by a person, `LEFT` as its worker was told to end, empty in silence.
    `stuck` says why something of the run could not be brought to where it is needed, and `hint` what to do about that:
    such a run has failed, even if all its steps have done their work.
    """

    returncode: int
    signal: str | None
    ended: tuple[str, ...] = ()
    survivors: int = 0
    fault: str = ''
    lost: str = ''
    parting: str = ''
    stuck: str = ''
    hint: str = ''


class HostProcess:
    """A run host in a session of its own. Use it on the event loop only."""

    def __init__(self, host_id: str, child: Child) -> None:
        self.host_id = host_id
        self.pid = child.pid
        self.last_lines: deque[str] = deque(maxlen=20)
        self._child = child
        self._marks = marks_of_host(host_id)
        self._pipes = child.pipes
        self._on_message: OnMessage | None = None
        self._on_line: OnLine | None = None
        self._hello = asyncio.Event()
        self._at_once = asyncio.Event()
        self._known: dict[Any, Seen] = {}
        self._watched: dict[Any, Any] = {}
        self._fault = ''
        self._grace = GRACE_SECONDS
        self._busy_until = 0.0
        self._asking: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._lingering: asyncio.Task[None] | None = None
        self._readers = [asyncio.create_task(self._read_messages()), asyncio.create_task(self._read_lines())]
        self._life = asyncio.create_task(self._run_to_end())

    @classmethod
    async def spawn(
        cls,
        room_tag: str,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
    ) -> 'HostProcess':
        """Start one with an interpreter of its own; it waits for a job, or does what `arguments` say.

        :param environment: variables added to our own
        :param descriptors: further ones that it inherits
        :raises OSError: if the system cannot start another process
        """
        host_id = secrets.token_hex(8)
        tags = {ROOM_TAG: room_tag, HOST_TAG: host_id, **zone_data.environment_for_host()}
        return cls(host_id, await SpawnedChild.start(arguments, {**(environment or {}), **tags}, descriptors))

    def begin(self, on_message: OnMessage, on_line: OnLine, job: Job | None = None) -> None:
        """Send the job, and from now on pass on every message and every raw line, each kind in order."""
        self._on_message, self._on_line = on_message, on_line
        if job is not None:
            self._marks = marks_of_host(self.host_id, mark_of(job))
            self.send(HostCommand(do=Do.RUN, run=job))
            self._asking = asyncio.create_task(self._keep_asking())

    async def is_ready(self, timeout: float) -> bool:
        """Whether it says hello within `timeout` seconds and is alive."""
        hello = asyncio.create_task(self._hello.wait())
        await asyncio.wait({hello, self._life}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        hello.cancel()
        return self._hello.is_set() and self.is_alive

    @cached_property
    def started_at(self) -> float:
        """When it started, in seconds since the epoch; 0 if it was gone when first asked."""
        return start_time(self.pid)

    @property
    def is_alive(self) -> bool:
        return not self._pipes.exited.is_set()

    def send(self, message: Mapping[str, Any]) -> None:
        """Write one control message; does nothing if the host no longer reads."""
        self._child.write(json.dumps(message).encode() + b'\n')

    def close_input(self) -> None:
        """Send nothing more: one that only answers questions ends then."""
        self._child.close_input()

    async def tree(self) -> list[dict[str, Any]]:
        """Return its processes right now as `{pid, command, cpu_percent, memory_bytes, state}`, the host first."""
        return await asyncio.to_thread(self._tree_figures)

    def _tree_figures(self) -> list[dict[str, Any]]:
        # The objects of the last call are used again: CPU use is the difference between two calls on the same object.
        # Their commands are not: a child seen between its fork and its exec still had that of its parent.
        tree = tree_of(self.pid, self._marks)
        self._watched = {seen.process: self._watched.get(seen.process, seen.process) for seen in tree}
        again = [replace(seen, process=self._watched[seen.process]) for seen in tree]
        return [figures for figures in map(figures_of, again) if figures is not None]

    async def memory(self, limit: int) -> MemoryUse:
        """Return what all its processes take; see `memory_of`."""
        return await asyncio.to_thread(lambda: memory_of(tree_of(self.pid, self._marks), limit))

    async def activity(self) -> Activity:
        """Return what all its processes have done so far."""
        return await asyncio.to_thread(lambda: activity_of(tree_of(self.pid, self._marks)))

    async def wait(self) -> HostExit:
        """Return the outcome once the process is gone, its leftovers are ended and its last line is passed on."""
        return await asyncio.shield(self._life)

    async def stop(self, *, now: bool = False, fault: str = '') -> HostExit:
        """End it: ask, 2 s later SIGTERM to its group, 2 s later SIGKILL to everything that belongs to it.

        A host that answers gets the time it says: for its programs to end, and for its step to tidy up.

        :param now: straight to SIGKILL, even when a gentle stop is under way
        :param fault: why, if no one asked for it; appears in the outcome
        """
        self.note_fault(fault)
        if now:
            self.end_soon()
        elif self._stopping is None:
            self._stopping = asyncio.create_task(self._escalate())
        return await self.wait()

    def end_soon(self) -> None:
        """Start to kill it, without waiting for its end."""
        self._at_once.set()
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._escalate())

    def on_end(self, callback: Callable[[], object]) -> None:
        """Call `callback` on the loop when `wait` would return."""
        self._life.add_done_callback(lambda _: callback())

    async def _escalate(self) -> None:
        await asyncio.to_thread(self._remember_tree)
        if not self._at_once.is_set():
            self.send(HostCommand(do=Do.CANCEL))
            if await self._ends_within(GRACE_SECONDS):
                return
        if not self._at_once.is_set():
            self.signal_group(signal.SIGTERM)
            if await self._ends_within(self._grace):
                return
        await asyncio.to_thread(self._remember_tree)
        self.signal_group(getattr(signal, 'SIGKILL', signal.SIGTERM))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._pipes.exited.wait(), KILLED_SECONDS)
        if self.is_alive:
            log.error(N_('host %s (pid %s) cannot be killed; the system keeps it alive'), self.host_id, self.pid)
            self._pipes.exited.set()

    async def _ends_within(self, seconds: float) -> bool:
        """Wait for its end this long, or longer while it is busy ending programs, but not if it is hurried."""
        until = time.monotonic() + seconds
        waits = [asyncio.create_task(event.wait()) for event in (self._pipes.exited, self._at_once)]
        while (left := max(until, self._busy_until + seconds) - time.monotonic()) > 0:
            done, __ = await asyncio.wait(waits, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if done:
                break
        for task in waits:
            task.cancel()
        return self._pipes.exited.is_set()

    def _remember_tree(self) -> None:
        for seen in tree_of(self.pid, self._marks):
            self._known.setdefault(seen.process, seen)

    def signal_group(self, number: int) -> None:
        """Send a signal to the host and everything still in its group; does nothing if it is gone."""
        if not self.is_alive:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, 'killpg'):
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)

    def note_fault(self, fault: str) -> None:
        """Record why it is ended, for the outcome; the first reason counts."""
        self._fault = self._fault or fault

    async def _run_to_end(self) -> HostExit:
        await self._pipes.exited.wait()
        ending = await self._end_leftovers()
        await self._drain()
        self._child.close()
        if self._asking:
            self._asking.cancel()
        if self._lingering:
            self._lingering.cancel()
        return self._outcome(ending)

    async def _end_leftovers(self) -> KillReport:
        """End what it left behind. Where that has happened already, nothing needs to be searched for."""
        left = self._child.left
        if left is not None and not self._known:
            return KillReport(tuple(command for _, command in left), ())
        found = await asyncio.to_thread(end_all, self.pid, self._marks, list(self._known.values()))
        known = {process.pid for process in self._known}
        more = tuple(command for pid, command in left or () if pid not in known)
        return replace(found, ended=(*found.ended, *more))

    def _outcome(self, ending: KillReport) -> HostExit:
        code = -9 if self._child.returncode is None else self._child.returncode
        return HostExit(code, signal_name(code), ending.ended, len(ending.survivors), self._fault)

    async def _drain(self) -> None:
        """Let the readers finish. A process that escaped may hold the pipes open: silence or a flood ends the wait."""
        at_exit = self._pipes.received
        while True:
            received = self._pipes.received
            __, unfinished = await asyncio.wait(self._readers, timeout=SILENT_PIPE_SECONDS)
            if not unfinished:
                return
            is_silent = received == self._pipes.received and not self._pipes.is_paused
            if is_silent or self._pipes.received - at_exit > MAX_AFTER_EXIT_BYTES:
                break
        self._pipes.end()
        await asyncio.wait(self._readers)

    async def _read_messages(self) -> None:
        """Pass on messages one by one; while a receiver is busy, the host has to wait."""
        cutter, fair_share = LineCutter(MAX_MESSAGE_BYTES), FairShare()
        while chunk := await self._pipes.messages.read():
            lines = (line for line, length in cutter.feed(chunk) if length <= MAX_MESSAGE_BYTES)
            for message in _without_outdated(map(self._parsed, lines)):
                await self._receive(message)
                await fair_share.yield_if_due()
            if cutter.length > MAX_MESSAGE_BYTES:
                self._end_after(
                    0,
                    _(
                        'It sent a message of more than {most} MB.',
                        most=MAX_MESSAGE_BYTES // 1000**2,
                    ),
                )
                return
        self._end_after(LINGER_SECONDS, _('It closed its output to the control room but kept running.'))

    def _parsed(self, line: bytes) -> dict[str, Any]:
        """Return the message in a line, empty if it isn't one."""
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if isinstance(message, dict):
            return message
        # Without its text, which may hold a secret.
        log.warning(N_('host %s sent %d bytes that are not a message'), self.host_id, len(line))
        return {}

    async def _receive(self, message: dict[str, Any]) -> None:
        if message.get('t') == Kind.HELLO:
            self._hello.set()
            return
        if message.get('t') == Kind.ALIVE:
            return
        if message.get('t') == Kind.STOPPING:
            self._busy_until = max(self._busy_until, time.monotonic() + _seconds_in(message, 'wait'))
            self._grace = max(self._grace, _seconds_in(message, 'grace'))
        if message and self._on_message is not None:
            await pass_on(self._on_message, message)
            if message.get('t') == Kind.END:
                self._end_after(LINGER_SECONDS)

    async def _keep_asking(self) -> None:
        """Ask the host whether it is alive, and report when it doesn't answer and when it does again."""
        heard, unanswered = self._pipes.received, 0
        while self.is_alive:
            self.send(HostCommand(do=Do.PING))
            await asyncio.sleep(ASK_SECONDS)
            # Whatever it says is an answer. What has arrived and waits to be read is not its fault.
            is_heard = self._pipes.received != heard or self._pipes.is_paused
            if is_heard and unanswered >= MOST_UNANSWERED:
                await self._report_silence(0)
            elif not is_heard and unanswered >= MOST_UNANSWERED - 1:
                await self._report_silence((unanswered + 1) * ASK_SECONDS)
            heard, unanswered = self._pipes.received, 0 if is_heard else unanswered + 1

    async def _report_silence(self, seconds: float) -> None:
        is_suspended = bool(seconds) and await asyncio.to_thread(is_suspended_by_system, self.pid)
        if self._on_message is not None:
            message = Silent(t=Kind.SILENT, seconds=seconds, pid=self.pid, is_suspended=is_suspended)
            await pass_on(self._on_message, {**message})

    async def _read_lines(self) -> None:
        """Pass on lines that bypass the protocol: of C code, inherited children, a dying interpreter."""
        cutter, fair_share = LineCutter(MAX_LINE_BYTES, drops_redrawn=True), FairShare()
        while chunk := await self._pipes.lines.read():
            for line, length in cutter.feed(chunk):
                await self._receive_line(line, length)
                await fair_share.yield_if_due()
        for line, length in cutter.rest():
            await self._receive_line(line, length)

    async def _receive_line(self, line: bytes, length: int) -> None:
        for text in readable(line, length):
            self.last_lines.append(text)
            if self._on_line is not None:
                await pass_on(self._on_line, text)

    def _end_after(self, seconds: float, fault: str = '') -> None:
        async def end() -> None:
            await asyncio.sleep(seconds)
            log.warning(N_('host %s (pid %s) had to be ended. %s'), self.host_id, self.pid, fault)
            await self.stop(now=True, fault=fault)

        if self._lingering is None and self.is_alive:
            self._lingering = asyncio.create_task(end())


def _without_outdated(messages: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Drop a message about the size of the spool that another one follows at once: the last one says it all."""
    pending: dict[str, Any] | None = None
    for message in messages:
        is_spool = message.get('t') == Kind.SPOOL
        if pending is not None and not is_spool:
            yield pending
        pending = message if is_spool else None
        if not is_spool:
            yield message
    if pending is not None:
        yield pending


def _seconds_in(message: Mapping[str, Any], name: str) -> float:
    seconds = message.get(name)
    return min(max(0.0, seconds), MOST_GRACE_SECONDS) if isinstance(seconds, int | float) else 0.0


async def pass_on(receiver: Callable[[Any], Awaitable[None] | None], value: Any) -> None:
    """Call the receiver and await it if it is async. If it fails, later messages must still be received."""
    try:
        result = receiver(value)
        if inspect.isawaitable(result):
            await result
    except Exception:
        log.exception(N_('a message of a host could not be handled'))


def signal_name(returncode: int) -> str | None:
    """Return `SIGSEGV` for -11, None for an ordinary exit."""
    try:
        return signal.Signals(-returncode).name if returncode < 0 else None
    except ValueError:
        return f'signal {-returncode}'
