"""A control room for real programs, and a local web server for those that load something."""

import functools
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.parts.api_room import api_room
from tests.parts.program_runs import Programs


@pytest.fixture
async def programs(tmp_path: Path) -> AsyncIterator[Programs]:
    """Runs programs in a control room of this test's own."""
    async with api_room(tmp_path / 'data') as room:
        yield Programs(room)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def website(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a web server, ending in `/`, and the folder with its files; anything else there is a 404."""
    folder = tmp_path / 'website'
    folder.mkdir()
    with ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f'http://127.0.0.1:{server.server_port}/', folder
        finally:
            server.shutdown()
            thread.join()
