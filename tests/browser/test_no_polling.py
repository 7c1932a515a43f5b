"""Every route is fed by push: nothing is polled, and no timer reads state again."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts.harness import ROOT

ROUTES = ('/', '/runs', '/logs', '/scheduler', '/pipelines', '/profiles', '/settings', '/help')
PROGRAM = """
import asyncio, os, sys
from pathlib import Path
from synapse.control_room import ControlRoom
from synapse.settings import Settings
from pages.app import build_app

async def main() -> None:
    import httpx
    from nicegui import binding
    room = ControlRoom.build(Settings(data=Path(sys.argv[1]), port=8123))
    app = build_app(room)
    await room.start()
    run = await room.runs.create('RunCommand', {'command': ['echo', 'hello']}, because='a test')
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url='http://127.0.0.1:8123', timeout=60) as client:
            for route in [*sys.argv[2:], f'/runs/{run.id}']:
                answer = await client.get(route)
                links = [(type(source).__name__, name, type(target).__name__)
                         for source, name, target, *_ in binding.active_links]
                print(route, answer.status_code, links, flush=True)
                assert answer.status_code == 200, answer.text[:2000]
                assert not links, f'{route} polls {links}'
    await room.stop(grace=0)

asyncio.run(main())
"""


def test_no_binding_is_polled_on_any_route(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM, str(tmp_path / 'data'), *ROUTES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(' 200 []') == len(ROUTES) + 1


@pytest.mark.parametrize('folder', ['pages', 'synapse'])
def test_no_timer_reads_state_again(folder: str) -> None:
    timers = [
        f'{path.name}:{number}'
        for path in (ROOT / folder).rglob('*.py')
        for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), start=1)
        if re.search(r'\b(ui|app)\.timer\(', line)
    ]

    assert timers == []
