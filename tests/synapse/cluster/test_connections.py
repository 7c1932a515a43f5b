"""Connections made ahead, with a real server of Dask."""

from collections.abc import AsyncIterator
from typing import Any

import dask
import pytest
from distributed.core import Server
from distributed.security import Security

from synapse.cluster import connections as module
from synapse.cluster.connections import Connections
from tests.parts.hosts import eventually
from tests.parts.receivers import free_port


class Worker:
    """Counts who connects, and can go silent on the connections that are there."""

    def __init__(self) -> None:
        self.server = Server({'greet': self._greet})
        self.comms: list[Any] = []

    async def start(self) -> None:
        await self.server.listen('tcp://127.0.0.1:0')
        accept = self.server.handle_comm

        async def count(comm: Any) -> None:
            self.comms.append(comm)
            await accept(comm)

        for listener in self.server.listeners:
            listener.comm_handler = count

    async def _greet(self, name: str) -> str:
        return f'hello {name}'


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    found = Worker()
    await found.start()
    yield found
    await found.server.close()


@pytest.fixture
async def connections() -> AsyncIterator[Connections]:
    found = Connections(Security())
    yield found
    found.keep(())


async def greet(connections: Connections, worker: Worker) -> str:
    comm, answer = await connections.ask(worker.server.address, {'op': 'greet', 'name': 'Ana'})
    comm.abort()
    return str(answer)


async def test_one_made_ahead_is_used_and_then_the_next_one_is_made(
    connections: Connections, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, 'NEXT_SECONDS', 0.01)
    connections.keep([worker.server.address])
    await eventually(lambda: len(worker.comms) == 1, 5)
    first = worker.comms[0].peer_address

    comm, answer = await connections.ask(worker.server.address, {'op': 'greet', 'name': 'Ana'})

    assert (answer, comm.local_address) == ('hello Ana', first)
    comm.abort()
    await eventually(lambda: len(worker.comms) == 2, 5)


async def test_one_that_has_died_meanwhile_is_replaced(connections: Connections, worker: Worker) -> None:
    connections.keep([worker.server.address])
    await eventually(lambda: len(worker.comms) == 1, 5)
    worker.comms[0].abort()

    assert await greet(connections, worker) == 'hello Ana'


async def test_one_that_has_gone_silent_is_replaced(
    connections: Connections, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, 'STALE_SECONDS', 0.1)
    silent: list[Any] = []

    async def say_nothing(comm: Any) -> None:
        silent.append(comm)

    usual = worker.server.listeners[0].comm_handler
    worker.server.listeners[0].comm_handler = say_nothing
    connections.keep([worker.server.address])
    await eventually(lambda: len(silent) == 1, 5)
    worker.server.listeners[0].comm_handler = usual

    assert await greet(connections, worker) == 'hello Ana'


async def test_none_is_kept_with_a_machine_that_is_gone_or_with_old_certificates(
    connections: Connections, worker: Worker
) -> None:
    connections.keep([worker.server.address])
    await eventually(lambda: len(worker.comms) == 1, 5)

    connections.renew(Security())
    await eventually(lambda: len(worker.comms) == 2 and worker.comms[0].closed(), 5)

    connections.keep([])
    await eventually(lambda: worker.comms[1].closed(), 5)


async def test_it_tells_which_workers_can_be_reached(
    connections: Connections, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, 'AGAIN_SECONDS', 0.01)
    news: list[tuple[set[str], set[str]]] = []
    connections.on_news = lambda: news.append((set(connections.reached), set(connections.failed)))
    there, closed = worker.server.address, f'tcp://127.0.0.1:{free_port()}'

    with dask.config.set({'distributed.comm.timeouts.connect': '0.2s'}):
        connections.keep([there, closed])
        await connections.first(5)
        assert connections.reached == {there}
        await eventually(lambda: connections.failed == {closed}, 5)

        opened = Server({})
        await opened.listen(closed)
        await eventually(lambda: connections.reached == {there, closed}, 5)
        await opened.close()

    assert news == [({there}, set()), ({there}, {closed}), ({there, closed}, set())]
