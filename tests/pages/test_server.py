"""How the server ends: work first, then its connections."""

import asyncio
import socket

import uvicorn

from pages.server import _Server


async def test_the_server_ends_after_its_work() -> None:
    is_ready, is_stopping, has_ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def stop_work() -> None:
        is_stopping.set()
        await has_ended.wait()

    async def nothing(scope: object, receive: object, send: object) -> None: ...

    config = uvicorn.Config(nothing, lifespan='off', log_config=None)
    server = _Server(config, on_ready=is_ready.set, stop_work=stop_work)
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await is_ready.wait()
        server.stop()
        await is_stopping.wait()
        assert not server.should_exit

        has_ended.set()
        await serving
