"""How the server ends: work first, then its connections; and why it does not start."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from pages.server import GRACE_SECONDS, IN_USE, NOT_WRITABLE, PORT_IN_USE, _Server, serve
from storage.folder_lock import FolderLock
from synapse.service.job import STOP_SECONDS
from synapse.settings import Settings


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


def test_who_starts_it_as_a_service_waits_longer_for_its_end_than_it_takes() -> None:
    assert GRACE_SECONDS + 30 < STOP_SECONDS


# Why it cannot start


def settings(folder: Path, **values: Any) -> Settings:
    return Settings(data=folder / 'data', **{'port': 0, 'no_browser': True} | values)


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / 'data').write_text('a file where the folder should be')

    assert serve(settings(tmp_path)) == NOT_WRITABLE
    assert f'The data folder {tmp_path / "data"} cannot be written' in capsys.readouterr().err


def test_a_data_folder_in_use_names_who_uses_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / 'data').mkdir()
    first = FolderLock(tmp_path / 'data')
    first.acquire({'pid': 4242, 'url': 'http://127.0.0.1:8123/'})
    try:
        assert serve(settings(tmp_path)) == IN_USE
    finally:
        first.release()
    assert '(pid 4242, http://127.0.0.1:8123/)' in capsys.readouterr().err


def test_a_port_in_use_starts_nothing_and_leaves_the_folder_free(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert serve(settings(tmp_path, port=port)) == PORT_IN_USE
    assert f'Port {port} at 127.0.0.1 is not free' in capsys.readouterr().err
    assert not (tmp_path / 'data' / 'runs.db').exists()
    again = FolderLock(tmp_path / 'data')
    again.acquire({})
    again.release()
