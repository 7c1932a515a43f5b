"""The real program, asked for page after page by a script that never opens one; prints what that cost as JSON.

`python -m tests.fault.page_visits FOLDER COUNT`
"""

import asyncio
import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import httpx
import psutil

from pages import server
from synapse.settings import Settings

FIRST = 75
"""Load pages until the process is as large as it gets: by the fiftieth it has grown by a tenth, however many follow."""
MOST_GROWTH = 1.05
SETTLE_SECONDS = 5.0


class Watched(server._Server):
    """Measures the longest turn of its event loop, in CPU time of its thread, since the machine may be busy."""

    longest_turn = 0.0
    is_measured = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._watch = asyncio.create_task(self._measure())

    async def _measure(self) -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            if self.is_measured:
                Watched.longest_turn = max(self.longest_turn, time.thread_time() - before)
            await asyncio.sleep(0.001)


def visit(data: Path, count: int) -> None:
    try:
        while not (data / 'url').exists():
            threading.Event().wait(0.05)
        headers = {'Authorization': f'Bearer {(data / "token").read_text().strip()}'}
        with httpx.Client(base_url=(data / 'url').read_text(), headers=headers, timeout=60) as client:
            ask(client, FIRST)
            before = memory()
            Watched.is_measured = True
            ask(client, count)
            settled = time.monotonic() + SETTLE_SECONDS
            while memory() > MOST_GROWTH * before and time.monotonic() < settled:
                threading.Event().wait(0.05)
            print(json.dumps({'before': before, 'after': memory(), 'longest_turn': Watched.longest_turn}))
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


def ask(client: httpx.Client, count: int) -> None:
    for _ in range(count):
        client.get('/').raise_for_status()


def memory() -> int:
    return psutil.Process().memory_info().rss


def main(folder: str, count: str) -> int:
    server._Server = Watched  # type: ignore[misc]
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    settings = Settings(data=Path(folder), port=port, no_browser=True)
    threading.Thread(target=visit, args=(settings.data, int(count)), daemon=True).start()
    return server.serve(settings)


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
