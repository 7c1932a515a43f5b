"""Every route of the application, found by walking it, is closed to strangers, including routes added later."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

# In a process of its own, since NiceGUI's application is a global that other tests need unchanged.
WALK = '''
import asyncio, json, sys
from pathlib import Path
from starlette.routing import Mount, WebSocketRoute
from synapse.api.gate.gate import Gate
from synapse.api.gate.reach import Reach
from synapse.control_room import ControlRoom
from synapse.settings import Settings
from pages.app import build_app

def walk(routes, prefix=''):
    for route in routes:
        path = prefix + getattr(route, 'path', '')
        inner = getattr(route, 'routes', None) or getattr(getattr(route, 'app', None), 'routes', None) or []
        inner = inner or getattr(getattr(route, 'original_router', None), 'routes', None) or []
        if isinstance(route, WebSocketRoute) or type(route).__name__ == 'APIWebSocketRoute':
            yield 'WEBSOCKET', path
        for method in getattr(route, 'methods', None) or (['GET', 'POST'] if isinstance(route, Mount) else []):
            yield method, path
        yield from walk(inner, path)

async def statuses(gate, method, path):
    """What a stranger gets: a status, or the code with which a socket is closed before it is accepted."""
    got = []
    async def receive():
        return {'type': 'websocket.connect'} if method == 'WEBSOCKET' else {'type': 'http.request', 'body': b''}
    async def send(message):
        if message['type'] == 'http.response.start':
            got.append(message['status'])
        elif message['type'].startswith('websocket'):
            got.append(message['type'] + ' ' + str(message.get('code')))
    scope = {'type': 'websocket' if method == 'WEBSOCKET' else 'http', 'method': method, 'path': path,
             'raw_path': path.encode(), 'query_string': b'', 'root_path': '', 'client': ('1.2.3.4', 1),
             'scheme': 'http', 'server': ('127.0.0.1', 8000), 'headers': [(b'host', b'127.0.0.1:8000')]}
    await gate(scope, receive, send)
    return got[0]

async def main():
    room = ControlRoom.build(Settings(data=Path(sys.argv[1]), port=8000))
    app = build_app(room)
    gate = Gate(app, auth=room.auth, reach=Reach({'127.0.0.1:8000'}))
    calls = sorted(set(walk(app.routes)))
    answers = {}
    for method, path in calls:
        for concrete in {path, path.replace('{', '').replace('}', '').replace(':path', ''), path.rstrip('/') + '/x'}:
            answers[f'{method} {concrete}'] = await statuses(gate, method, concrete)
    print(json.dumps(answers))

asyncio.run(main())
'''


def test_every_route_is_closed_to_strangers(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, '-c', WALK, str(tmp_path / 'data')],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])

    # The walk reaches the API, the socket, the pages and NiceGUI's own routes.
    assert {'POST /api/v1/runs', 'DELETE /api/v1/logs', 'WEBSOCKET /ws/updates', 'GET /'} <= set(answers)
    assert any('_nicegui' in call for call in answers)
    is_open = {call for call, answer in answers.items() if answer not in (401, 303, 'websocket.close 1008')}
    assert is_open <= {'GET /api/v1/health', 'HEAD /api/v1/health', 'GET /favicon.ico', 'HEAD /favicon.ico'}
