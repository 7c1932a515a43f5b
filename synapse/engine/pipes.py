"""The pipes of one child process, read in chunks and never faster than the chunks are used."""

import asyncio
import time
from typing import Any

MAX_WAITING_BYTES = 256 * 1024
FAIR_SHARE_SECONDS = 0.004


class Pipe:
    """Chunks of one output of the process. Above 256 KB it is no longer read, so that the writer has to wait."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0
        self._is_ended = False
        self._news = asyncio.Event()
        self.transport: Any = None
        self.is_paused = False

    def feed(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._size += len(chunk)
        self._news.set()
        if self._size > MAX_WAITING_BYTES and not self.is_paused:
            self.is_paused = True
            self.transport.pause_reading()

    def end(self) -> None:
        self._is_ended = True
        self._news.set()

    async def read(self) -> bytes:
        """Return all that has arrived, empty when the pipe has ended. Always lets other tasks run first."""
        await asyncio.sleep(0)
        while not self._chunks and not self._is_ended:
            self._news.clear()
            await self._news.wait()
        data = b''.join(self._chunks)
        self._chunks.clear()
        self._size = 0
        if self.is_paused:
            self.is_paused = False
            self.transport.resume_reading()
        return data


class HostPipes(asyncio.SubprocessProtocol):
    """Receives output and exit of the process from asyncio; `exited` is set even while a child keeps the pipes open."""

    def __init__(self) -> None:
        self.messages, self.lines = Pipe(), Pipe()
        self.exited = asyncio.Event()
        self.received = 0

    @property
    def is_paused(self) -> bool:
        return self.messages.is_paused or self.lines.is_paused

    def connection_made(self, transport: Any) -> None:
        self.messages.transport = transport.get_pipe_transport(1)
        self.lines.transport = transport.get_pipe_transport(2)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.received += len(data)
        (self.messages if fd == 1 else self.lines).feed(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd in (1, 2):
            (self.messages if fd == 1 else self.lines).end()

    def process_exited(self) -> None:
        self.exited.set()

    def end(self) -> None:
        self.messages.end()
        self.lines.end()


class FairShare:
    """Lets other tasks on the loop run after every few milliseconds of ours."""

    def __init__(self, seconds: float = FAIR_SHARE_SECONDS) -> None:
        self._seconds = seconds
        self._since = time.perf_counter()

    async def yield_if_due(self, pause: float = 0.0) -> None:
        """Sleep for `pause` seconds, which lets other tasks and processes run, if this task ran long enough."""
        if time.perf_counter() - self._since > self._seconds:
            await asyncio.sleep(pause)
            self._since = time.perf_counter()
