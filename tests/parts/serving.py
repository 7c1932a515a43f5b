"""A real server on a free port, in the event loop of the test."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import uvicorn


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield  # signals belong to pytest


@contextlib.asynccontextmanager
async def served(app_at: Callable[[int], Any]) -> AsyncIterator[str]:
    """Serve the application that `app_at` builds for a port; yields `127.0.0.1:PORT`."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        port = listener.getsockname()[1]
        config = uvicorn.Config(
            app_at(port), log_config=None, lifespan='off', timeout_graceful_shutdown=1, ws_max_size=1_000_000
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await asyncio.wait_for(server.is_up.wait(), 10)
        try:
            yield f'127.0.0.1:{port}'
        finally:
            server.should_exit = True
            await serving
