"""The process behind a run host, however it was started: its pipes, its exit, and what it left behind."""

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .children import child_environment, host_command, new_session
from .pipes import HostPipes

Leftovers = tuple[tuple[int, str], ...]
"""Pid and command of processes that were ended after their host."""


class Child(Protocol):
    """A process whose output goes to `pipes`, which also say when it is gone."""

    pid: int
    pipes: HostPipes

    @property
    def returncode(self) -> int | None:
        """Its exit code once it is gone, negative for a signal."""

    @property
    def left(self) -> Leftovers | None:
        """What was ended after it, once it is gone; None where leftovers have to be searched for."""

    def write(self, data: bytes) -> None:
        """Write to its standard input; does nothing if it no longer reads."""

    def close_input(self) -> None:
        """Close its standard input when everything is written."""

    def close(self) -> None:
        """Release its pipes."""


class SpawnedChild:
    """A process with an interpreter of its own."""

    left: Leftovers | None = None

    def __init__(self, transport: asyncio.SubprocessTransport, pipes: HostPipes) -> None:
        self.pid = transport.get_pid()
        self.pipes = pipes
        self._transport = transport

    @classmethod
    async def start(
        cls, arguments: Sequence[str], environment: Mapping[str, str], descriptors: Sequence[int] = ()
    ) -> 'SpawnedChild':
        """Start `python -m synapse.host` in a session of its own.

        :param descriptors: further ones that it inherits
        :raises OSError: if the system cannot start another process
        """
        transport, pipes = await asyncio.get_running_loop().subprocess_exec(
            HostPipes,
            *host_command('synapse.host', *arguments),
            env=child_environment(environment),
            pass_fds=descriptors,
            **new_session(),
        )
        return cls(transport, pipes)

    @property
    def returncode(self) -> int | None:
        return self._transport.get_returncode()

    def write(self, data: bytes) -> None:
        _write(self._transport.get_pipe_transport(0), data)

    def close_input(self) -> None:
        pipe = self._transport.get_pipe_transport(0)
        if pipe is not None:
            pipe.close()

    def close(self) -> None:
        self._transport.close()


class ForkedChild:
    """A process that a zygote has forked; the zygote says when it is gone."""

    def __init__(self) -> None:
        self.pid = 0
        self.pipes = HostPipes()
        self.returncode: int | None = None
        self.left: Leftovers | None = None
        self._transports: list[Any] = []

    async def connect(self) -> list[int]:
        """Make its pipes and return the descriptors that the process gets; the caller closes them.

        :raises OSError: if there are too many open files
        """
        theirs: list[int] = []
        try:
            for number in range(3):
                reading, writing = os.pipe()
                mine = writing if number == 0 else reading
                theirs.append(reading if number == 0 else writing)
                await self._connect(number, mine)
        except BaseException:
            for descriptor in theirs:
                os.close(descriptor)
            self.close()
            raise
        self.pipes.messages.transport, self.pipes.lines.transport = self._transports[1:]
        return theirs

    async def _connect(self, number: int, descriptor: int) -> None:
        loop = asyncio.get_running_loop()
        transport: Any
        if number == 0:
            transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(descriptor, 'wb', 0))
        else:
            transport, _ = await loop.connect_read_pipe(
                lambda: _Reader(self.pipes, number), os.fdopen(descriptor, 'rb', 0)
            )
        self._transports.append(transport)

    def end(self, code: int, left: Leftovers | None = None) -> None:
        """Note that it is gone.

        :param left: what was ended with it; None where that isn't known
        """
        if self.returncode is None:
            self.returncode, self.left = code, left
            self.pipes.exited.set()

    def write(self, data: bytes) -> None:
        _write(self._transports[0], data)

    def close_input(self) -> None:
        self._transports[0].close()

    def close(self) -> None:
        for transport in self._transports:
            with contextlib.suppress(OSError):
                transport.close()


class _Reader(asyncio.Protocol):
    def __init__(self, pipes: HostPipes, number: int) -> None:
        self._pipes, self._number = pipes, number

    def data_received(self, data: bytes) -> None:
        self._pipes.pipe_data_received(self._number, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._pipes.pipe_connection_lost(self._number, exc)


def _write(pipe: Any, data: bytes) -> None:
    if pipe is not None and not pipe.is_closing():
        pipe.write(data)
