"""Programs that are stopped in the middle of their work tidy up in their own way, and a retry goes on with it."""

import contextlib
import os
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from synapse.runs.records import RunRequest, RunState
from tests.parts.api_room import run_in
from tests.parts.hosts import eventually
from tests.parts.program_runs import Programs, need, python_program


async def stopped(programs: Programs, command: list[str], when: Callable[[], bool], **more: Any) -> str:
    """Start a command, stop it when this holds, and return the id of its run."""
    parameters = {'command': command, 'env': more.pop('env', {})}
    run = await programs.room.runs.request(RunRequest('RunCommand', parameters, **more))
    await eventually(when, 30, 'it has not come so far')
    await programs.room.runs.cancel(run.id)
    assert (await run_in(programs.room, run.id)).state is RunState.CANCELLED
    return run.id


async def retried(programs: Programs, id: str, **parameters: Any) -> None:
    run = await programs.room.runs.retry(id, parameters=parameters)
    ended = await run_in(programs.room, run.id, timeout=60)
    assert ended.state is RunState.SUCCEEDED, ended.error


async def test_restic_leaves_no_lock_when_it_is_interrupted(programs: Programs, tmp_path: Path) -> None:
    need('restic')
    photos, repository = tmp_path / 'photos', tmp_path / 'repository'
    photos.mkdir()
    (photos / 'one.raw').write_bytes(os.urandom(60_000_000))
    env = {'RESTIC_REPOSITORY': str(repository), 'RESTIC_PASSWORD': 'right', 'HOME': str(tmp_path)}
    assert (await programs.run('restic', 'init', env=env)).state == 'succeeded'
    command = ['restic', 'backup', str(photos)]

    def has_begun() -> bool:
        return any((repository / 'locks').iterdir()) and any((repository / 'data').rglob('*-tmp-*'))

    run_id = await stopped(
        programs, [*command, '--limit-upload', '4000'], has_begun, env=env, stop_signal='SIGINT', grace_seconds=20
    )

    assert list((repository / 'locks').iterdir()) == []
    await retried(programs, run_id, command=command)
    listed = await programs.run('restic', 'snapshots', '--json', env=env)
    assert len(re.findall('"short_id"', '\n'.join(listed.lines))) == 1


async def test_rsync_keeps_what_it_had_and_goes_on_from_there(programs: Programs, tmp_path: Path) -> None:
    need('rsync')
    film, copy = tmp_path / 'film.mp4', tmp_path / 'to' / 'film.mp4'
    film.write_bytes(os.urandom(8_000_000))
    copy.parent.mkdir()
    command = ['rsync', '--append-verify', '--partial', '--stats', str(film), str(copy.parent)]

    run_id = await stopped(
        programs,
        [*command, '--bwlimit=1000'],
        lambda: any(path.stat().st_size > 500_000 for path in copy.parent.iterdir()),
    )

    assert [path.name for path in copy.parent.iterdir()] == ['film.mp4']
    had = copy.stat().st_size
    assert 0 < had < 8_000_000
    await retried(programs, run_id, command=command)
    assert copy.read_bytes() == film.read_bytes()
    entries = await programs.room.log.query(limit=200)
    sent = [entry.message for entry in entries if entry.message.startswith('Literal data: ')]
    assert int(re.sub(r'\D', '', sent[0])) == 8_000_000 - had


class _Slow(BaseHTTPRequestHandler):
    """Serves a film slowly, from where it is asked to, until `hurry` is set."""

    film = b''
    hurry = threading.Event()
    begun: list[int]

    def do_GET(self) -> None:
        first = int((re.findall(r'bytes=(\d+)', self.headers.get('Range', '')) or ['0'])[0])
        self.begun.append(first)
        self.send_response(206 if first else 200)
        self.send_header('Content-Type', 'video/mp4')
        self.send_header('Accept-Ranges', 'bytes')
        self.send_header('Content-Length', str(len(self.film) - first))
        if first:
            self.send_header('Content-Range', f'bytes {first}-{len(self.film) - 1}/{len(self.film)}')
        self.end_headers()
        for place in range(first, len(self.film), 16_384):
            self.wfile.write(self.film[place : min(place + 16_384, len(self.film))])
            self.hurry.wait(0.05)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # it was stopped
            super().handle()


@pytest.fixture
def slow() -> Iterator[tuple[str, type[_Slow]]]:
    handler = type('Slow', (_Slow,), {'hurry': threading.Event(), 'begun': []})
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f'http://127.0.0.1:{server.server_port}/film.mp4', handler
        handler.hurry.set()
        server.shutdown()
        thread.join()


async def test_yt_dlp_goes_on_where_it_was_stopped(
    programs: Programs, tmp_path: Path, slow: tuple[str, type[_Slow]]
) -> None:
    need('yt_dlp')
    address, handler = slow
    handler.film = os.urandom(3_000_000)
    film, part = tmp_path / 'film.mp4', tmp_path / 'film.mp4.part'
    command = python_program('yt_dlp', '--no-check-formats', '-o', str(film), address)

    run_id = await stopped(programs, command, lambda: part.exists() and part.stat().st_size > 100_000)

    had = part.stat().st_size
    assert not film.exists()
    handler.hurry.set()
    await retried(programs, run_id)
    assert film.read_bytes() == handler.film
    assert had in handler.begun
