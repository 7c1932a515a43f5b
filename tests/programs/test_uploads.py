"""Files uploaded by the clients that people use arrive with the names that they have on disk."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from synapse.control_room import ControlRoom
from tests.parts.api_room import api_room, gated, run_in
from tests.parts.program_runs import need
from tests.parts.serving import served

NAMES = [
    'plain.txt',
    'sp ace.txt',
    'über.txt',
    'nai\u0308ve.txt',
    '日本.txt',
    '50% off.txt',
    'sp%20ace.txt',
    '100%25.txt',
    '12" single.txt',
    "it's.txt",
    'semi;colon=x.txt',
    'Screenshot 10.00.00\u202fAM.txt',
    '👩\u200d🚀.txt',
]

CLIENTS: dict[str, str] = {
    'httpx': """
import httpx
httpx.post(url, headers=headers, files={'file': open(path, 'rb')}).raise_for_status()
""",
    'requests': """
import requests
requests.post(url, headers=headers, files={'file': open(path, 'rb')}).raise_for_status()
""",
    'aiohttp': """
import aiohttp, asyncio
async def main():
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(url, data={'file': open(path, 'rb')}) as answer:
            answer.raise_for_status()
asyncio.run(main())
""",
}


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[tuple[ControlRoom, str]]:
    async with api_room(tmp_path / 'data') as room, served(lambda port: gated(room, port)) as authority:
        yield room, f'http://{authority}/api/v1/uploads'


def curl(path: Path, url: str, token: str) -> list[str]:
    written = str(path).replace('\\', '\\\\').replace('"', '\\"')
    return ['curl', '-sSf', '-H', f'Authorization: Bearer {token}', '-F', f'file=@"{written}"', url]


def python_client(client: str) -> Callable[[Path, str, str], list[str]]:
    def command(path: Path, url: str, token: str) -> list[str]:
        given = f"url, path, headers = {url!r}, {str(path)!r}, {{'Authorization': 'Bearer {token}'}}"
        return [sys.executable, '-c', given + CLIENTS[client]]

    return command


def wget(path: Path, url: str, token: str) -> list[str]:
    """wget makes no forms; a person writes the body by hand, as here with the name percent-encoded."""
    body = path.parent / 'body'
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{quote(path.name)}"\r\n\r\n'
    body.write_bytes(head.encode() + path.read_bytes() + b'\r\n--b--\r\n')
    headers = (f'Authorization: Bearer {token}', 'Content-Type: multipart/form-data; boundary=b')
    return ['wget', '-qO-', *(f'--header={header}' for header in headers), f'--post-file={body}', url]


SENDERS = {'curl': curl, 'wget': wget} | {name: python_client(name) for name in CLIENTS}


@pytest.mark.parametrize('client', SENDERS)
async def test_each_name_arrives_as_it_is_on_disk(place: tuple[ControlRoom, str], tmp_path: Path, client: str) -> None:
    need(client)
    room, url = place
    files = tmp_path / 'files'
    files.mkdir()

    for name in NAMES:
        (files / name).write_text('x')
        command = SENDERS[client](files / name, url, room.auth.token)
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr

    assert sorted(item.name for item in room.inbox.all()) == sorted(NAMES)


async def test_a_run_gets_the_file_under_that_name(place: tuple[ControlRoom, str], tmp_path: Path) -> None:
    need('aiohttp')
    room, url = place
    path = tmp_path / 'Screenshot 100% 10.00.00\u202fAM.txt'
    path.write_text('hello')
    command = SENDERS['aiohttp'](path, url, room.auth.token)
    await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=60, check=True)
    [item] = room.inbox.all()

    run = await room.runs.create('Reads', {'file': f'inbox:{item.id}'})
    ended = await run_in(room, run.id)

    assert ended.state == 'succeeded'
    assert Path(ended.parameters['file']).name == path.name
