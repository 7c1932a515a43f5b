"""One zygote as the control room sees it: its process, its socket, and what was forked from it."""

import asyncio
import contextlib
import json
import os
import secrets
import socket
from typing import Any

from synapse.language import own_language
from synapse.protocol.messages import Fork

from .child import ForkedChild
from .host_process import HostProcess

MESSAGE_BYTES = 64 * 1024
AT_ONCE = 8
"""How many requests may wait in its socket; it answers one after the other."""

Key = tuple[str, str]
"""A snapshot of a pipeline file, and the file itself; empty for the built-in pipelines."""

GONE = 'the process that others are forked from has ended'


class NotForked(OSError):
    """A process could not be forked; the message says why."""


class Zygote:
    """A process from which others are forked. Use it on the event loop only."""

    def __init__(self, process: HostProcess, link: socket.socket) -> None:
        self.process = process
        self.reason: str | None = None
        """Why no run should be forked from it, or empty; None until it is ready."""
        self._link = link
        self._forks: dict[str, asyncio.Future[int]] = {}
        self._living: dict[str, ForkedChild] = {}
        self._is_retired = False
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._news = asyncio.Event()
        link.setblocking(False)
        asyncio.get_running_loop().add_reader(link, self._receive)
        process.on_end(self._close)

    @property
    def is_alive(self) -> bool:
        return self.process.is_alive and self._link.fileno() >= 0

    @property
    def is_idle(self) -> bool:
        return not self._living

    async def is_ready(self, seconds: float) -> bool:
        """Whether it is ready within `seconds` and alive."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        return self.is_alive and self.reason is not None

    async def fork(self, do: str, key: Key, *passed: socket.socket, run: str = '') -> HostProcess:
        """Return a new process.

        :param do: see `synapse.protocol.messages.Fork`
        :param passed: sockets that it gets
        :param run: the id of the run that a host is for
        :raises NotForked: if what was imported has changed, if this process is gone, or if the system refuses
        :raises OSError: if there are too many open files
        """
        async with self._turns:
            return await self._fork(do, key, passed, run)

    async def _fork(self, do: str, key: Key, passed: tuple[socket.socket, ...], run: str) -> HostProcess:
        host_id, child = secrets.token_hex(8), ForkedChild()
        descriptors = await child.connect()
        pid = self._forks[host_id] = asyncio.get_running_loop().create_future()
        self._living[host_id] = child
        try:
            if not self.is_alive:
                raise NotForked(GONE)
            request = Fork(do=do, id=host_id, file=key[0], origin=key[1], run=run, language=own_language())
            every = [*descriptors, *(item.fileno() for item in passed)]
            socket.send_fds(self._link, [json.dumps(request).encode()], every)
            child.pid = await pid
        except BaseException:
            self._living.pop(host_id, None)
            child.close()
            raise
        finally:
            self._forks.pop(host_id, None)
            for descriptor in descriptors:
                os.close(descriptor)
        return HostProcess(host_id, child)

    def retire(self) -> None:
        """End it as soon as nothing that was forked from it is left."""
        self._is_retired = True
        if self.is_idle:
            self.end_soon()

    def end_soon(self) -> None:
        """End it and everything forked from it, without waiting for that."""
        self._close()
        self.process.end_soon()

    def _receive(self) -> None:
        try:
            data = self._link.recv(MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        if not data:
            self._close()
            return
        message = json.loads(data)
        match message['t']:
            case 'ready':
                self.reason = message['reason']
                self._news.set()
            case 'forked':
                self._forked(message)
            case 'exit':
                self._exited(message)

    def _forked(self, message: dict[str, Any]) -> None:
        pid = self._forks.get(message['id'])
        if pid is None or pid.done():
            return
        if message['error']:
            pid.set_exception(NotForked(message['error']))
        else:
            pid.set_result(message['pid'])

    def _exited(self, message: dict[str, Any]) -> None:
        child = self._living.pop(message['id'], None)
        if child is not None:
            left = message['left']
            child.end(message['code'], None if left is None else tuple((pid, command) for pid, command in left))
        if self._is_retired and self.is_idle:
            self.end_soon()

    def _close(self) -> None:
        """Give up on it: what was forked from it dies with it, and its leftovers have to be searched for."""
        if self._link.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._link)
            self._link.close()
        self._news.set()
        for pid in self._forks.values():
            if not pid.done():
                pid.set_exception(NotForked(GONE))
        living, self._living = self._living, {}
        for child in living.values():
            child.end(-9)
