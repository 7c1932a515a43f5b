"""A real control room behind the real gate, and what API tests share."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from synapse.api.gate.gate import Gate
from synapse.api.gate.reach import Reach
from synapse.api.rest.app import build_api
from synapse.api.updates.socket import Updates
from synapse.control_room import ControlRoom
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord
from synapse.settings import Settings
from tests.parts.harness import PLAIN

PIPELINES = '''
import time
from pathlib import Path
from synapse import Pipeline, Run, StepFailed, step

class Hello(Pipeline):
    """Says hello and leaves it in a file."""
    name: str = 'you'
    times: int = 1

    @step
    def greet(self, run: Run):
        for _ in range(self.times):
            run.log.success(f'hello {self.name}')
        target = run.workdir / 'hello.html'
        target.write_text(f'<h1>hello {self.name}</h1>')
        run.artifact(target)

class Endless(Pipeline):
    @step
    def first(self, run: Run):
        pass

    @step
    def turn(self, run: Run):
        while True:
            run.progress(50, 'turning')
            time.sleep(0.02)

class Reads(Pipeline):
    file: Path

    @step
    def read(self, run: Run):
        run.log.info(self.file.read_text())

class Breaks(Pipeline):
    @step
    def first(self, run: Run):
        pass

    @step
    def second(self, run: Run):
        raise StepFailed('it broke', hint='mend it')
'''

MAX_UPLOAD_BYTES = 3_000_000


@contextlib.asynccontextmanager
async def api_room(data: Path, port: int = 8000, *, is_new: bool = True, **clock: Any) -> AsyncIterator[ControlRoom]:
    if is_new:
        (data / 'pipelines').mkdir(parents=True)
        (data / 'pipelines' / 'samples.py').write_text(PIPELINES)
    settings = Settings(data=data, port=port, workers=2, max_upload_bytes=MAX_UPLOAD_BYTES, min_free_bytes=0)
    room = ControlRoom.build(settings, **clock)
    await room.start()
    try:
        yield room
    finally:
        await room.stop(grace=0)


def gated(room: ControlRoom, port: int, updates: Updates | None = None) -> Gate:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.mount('/api/v1', build_api(room))
    if updates is not None:
        app.add_api_websocket_route('/ws/updates', updates.endpoint)
    hosts = frozenset({f'127.0.0.1:{port}'})
    return Gate(
        app,
        auth=room.auth,
        reach=Reach(hosts),
        max_upload_bytes=room.settings.max_upload_bytes,
    )


def client_of(room: ControlRoom, authority: str) -> httpx.AsyncClient:
    headers = {'Authorization': f'Bearer {room.auth.token}'}
    return httpx.AsyncClient(base_url=f'http://{authority}/api/v1', headers=headers, timeout=20, verify=PLAIN)


async def run_in(room: ControlRoom, id: str, *states: str, timeout: float = 20) -> RunRecord:
    """Wait until the run is in one of these states (default: any final one) and return it."""

    def is_there(run: RunRecord) -> bool:
        return run.id == id and (run.state.value in states if states else run.state.is_final)

    news = asyncio.ensure_future(
        room.bus.next(RunChanged, timeout=timeout, where=lambda message: is_there(message.run))
    )
    await asyncio.sleep(0)  # so that it is subscribed before we check
    run = await room.runs.get(id)
    if is_there(run):
        news.cancel()
        return run
    return (await news).run


def error_of(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The error of a response, which must have exactly this shape."""
    assert response.status_code == status, response.text
    assert response.headers['content-type'] == 'application/json'
    body = response.json()
    assert set(body) == {'error'}
    assert set(body['error']) - {'fields'} == {'code', 'message', 'hint'}
    assert body['error']['code'] == code
    assert 'Traceback' not in response.text
    return dict(body['error'])
