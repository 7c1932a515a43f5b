"""The page that the others are held against: Starlette, one WebSocket, one `textContent` for each message.

`python -m benchmarks.bare_page` serves it on a free port; `BarePage` does so in a process of its own.
"""

import asyncio
import contextlib
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

RATE = 20
JITTER = 0.02
"""Seconds a line is early or late at most: exactly 20 a second would keep in step with the frames of a screen."""

PAGE = """<!doctype html><title>Bare</title><pre id="line"></pre><script>
const line = document.getElementById('line');
const bare = new WebSocket(`ws://${location.host}/ws`);
bare.onmessage = (event) => { line.textContent = event.data; };
</script>"""


def moments(count: int) -> Iterator[float]:
    """Seconds after the beginning at which the lines are to be said."""
    chance = random.Random(count)  # noqa: S311 - the same moments in each way
    return (number / RATE + chance.uniform(-JITTER, JITTER) for number in range(1, count + 1))


@contextlib.contextmanager
def served() -> Iterator[str]:
    """Address of the page while it is served."""
    command = [sys.executable, '-m', 'benchmarks.bare_page']
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def _page(_: Request) -> HTMLResponse:
    return HTMLResponse(PAGE)


async def _talk(socket: WebSocket) -> None:
    """Say so many samples as the page asks for: `NAME COUNT`."""
    await socket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            name, count = (await socket.receive_text()).split()
            begin = time.monotonic()
            for number, moment in enumerate(moments(int(count))):
                await asyncio.sleep(begin + moment - time.monotonic())
                await socket.send_text(f'sample {name}-{number} at {time.time()}')


def main() -> None:
    app = Starlette(routes=[Route('/', _page), WebSocketRoute('/ws', _talk)])
    with socket.create_server(('127.0.0.1', 0)) as listener:
        print(f'http://127.0.0.1:{listener.getsockname()[1]}/', flush=True)
        config = uvicorn.Config(app, log_level='error', ws_per_message_deflate=False, timeout_graceful_shutdown=1)
        uvicorn.Server(config).run([listener])


if __name__ == '__main__':
    main()
