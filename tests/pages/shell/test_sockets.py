"""What waits for a browser that does not read: so much and no more."""

from collections.abc import Iterator

import pytest
from engineio import AsyncServer
from engineio.async_socket import AsyncSocket
from engineio.packet import MESSAGE, Packet

from pages.shell import sockets


@pytest.fixture
def bounded() -> Iterator[None]:
    send = AsyncSocket.send
    sockets.bound_queues()
    yield
    AsyncSocket.send = send


async def test_a_socket_that_nobody_reads_is_given_up_with_all_that_waits(bounded: None) -> None:
    server, left = AsyncServer(async_mode='asgi'), []
    server.on('disconnect', lambda sid: left.append(sid))
    socket = AsyncSocket(server, 'slow')
    for number in range(sockets.MOST_WAITING):
        await socket.send(Packet(MESSAGE, str(number)))
    assert not socket.closed

    await socket.send(Packet(MESSAGE, 'one too many'))

    assert socket.closed
    assert socket.queue.qsize() == 0
    assert left == ['slow']
