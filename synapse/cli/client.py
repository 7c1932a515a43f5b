"""`python main.py open` and `run`: clients of a control room that is running on the same data folder."""

import json
import sys
import uuid
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from synapse.auth import Auth
from synapse.log.text import plain, visible
from synapse.settings import Settings

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

FINAL = ('succeeded', 'failed', 'cancelled', 'interrupted')


def open_link(settings: Settings, *, only_print: bool) -> int:
    """Open or print a fresh sign-in link; returns 1 if no control room runs on this data folder."""
    base = _base_url(settings)
    if base is None:
        return _nothing_runs(settings)
    link = f'{base}auth#{Auth(settings.data).mint_code()}'
    if only_print or not _opened(link):
        print(link, flush=True)
    return 0


def _opened(link: str) -> bool:
    import webbrowser

    return webbrowser.open(link)


def run_pipeline(settings: Settings, pipeline: str, values: dict[str, str], *, profile: str | None) -> int:
    """Start a run and print its log until it ends; returns 0 if it succeeded, else 1."""
    base = _base_url(settings)
    if base is None:
        return _nothing_runs(settings)
    # Takes as long to import as all the rest, and `open` does without it.
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect

    headers = {'Authorization': f'Bearer {Auth(settings.data).token}'}
    api = _Api(base, headers)
    try:
        schema = api.get(f'pipelines/{quote(pipeline, safe="")}')['schema']
        body = {'pipeline': pipeline, 'parameters': _typed(values, schema), 'because': 'the command line'}
        if profile is not None:
            body['profile'] = profile
        # Connect first, then start the run, so that no line is missed.
        socket_url = base.replace('http', 'ws', 1) + 'ws/updates'
        with connect(socket_url, additional_headers=headers, max_size=None) as socket:
            return _follow(api, socket, api.post('runs', body))
    except _Refused as refusal:
        print(refusal, file=sys.stderr, flush=True)
        return 1
    except (HTTPException, WebSocketException, OSError, ValueError) as error:
        print(f'The connection to the control room at {base} was lost: {error}.', file=sys.stderr, flush=True)
        return 1


def _follow(api: '_Api', socket: 'ClientConnection', run: dict[str, Any]) -> int:
    socket.send(json.dumps({'type': 'subscribe', 'types': ['log_entry', 'run_update', 'lagged'], 'run': run['id']}))
    print(f'Run #{run["number"]} of {run["pipeline"]}', flush=True)
    last_seq = _catch_up(api, run['id'], 0)
    # The run may have ended before we subscribed; from here on every change reaches us.
    state = api.get(f'runs/{run["id"]}')['state']
    while state not in FINAL:
        message = json.loads(socket.recv())
        data = message['data']
        if message['type'] == 'log_entry' and data['run'] == run['id']:
            if data['seq'] > last_seq:
                last_seq = data['seq']
                _print_entry(data)
        elif message['type'] == 'lagged':
            last_seq = _catch_up(api, run['id'], last_seq)
        elif message['type'] == 'run_update' and data['id'] == run['id']:
            state = data['state']
    _catch_up(api, run['id'], last_seq)
    run = api.get(f'runs/{run["id"]}')
    if run['state'] == 'succeeded':
        return 0
    error = run['error'] or {}
    print(f'The run {run["state"]}. {error.get("message", "")} {error.get("hint", "")}'.strip(), file=sys.stderr)
    return 1


def _catch_up(api: '_Api', run_id: str, after: int) -> int:
    """Print the entries after `after`; returns the last number printed."""
    while True:
        page = api.get(f'runs/{run_id}/logs?{urlencode({"limit": 1000, "order": "asc", "after": after})}')
        for entry in page['entries']:
            after = entry['seq']
            _print_entry(entry)
        if page['next'] is None:
            return after


def _print_entry(entry: dict[str, Any]) -> None:
    # Output of a program must not move the cursor, set the title or fill the clipboard of this terminal.
    time, message = entry['timestamp'][11:23], visible(plain(entry['message']))
    source = visible(plain(entry['step'] or entry['source']))
    print(f'{time} {entry["level"].upper():<8} {source:<10} {message}', flush=True)


def _typed(values: dict[str, str], schema: dict[str, Any]) -> dict[str, Any]:
    """Keep text where the schema expects text, make paths absolute, and read other values as JSON."""
    typed: dict[str, Any] = {}
    for name, text in values.items():
        wanted = schema.get('properties', {}).get(name, {})
        kinds = list(_kinds(wanted, schema))
        if any(kind.get('format') == 'path' for kind in kinds):
            is_as_typed = not text.strip() or text.startswith('inbox:')
            typed[name] = text if is_as_typed else str(Path(text).expanduser().absolute())
        elif any(kind.get('type') == 'string' for kind in kinds):
            typed[name] = text
        else:
            typed[name] = _as_json(text)
    return typed


def _kinds(wanted: dict[str, Any], schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what a parameter may be, with references to definitions, such as that of an `Enum`, resolved."""
    name = str(wanted.get('$ref', '')).rsplit('/', 1)[-1]
    kind = schema.get('$defs', {}).get(name, wanted)
    yield kind
    for choice in kind.get('anyOf', []):
        yield from _kinds(choice, schema)


def _as_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


class _Refused(Exception):
    """The control room refused a request; the text is its message."""


class _Api:
    """Calls of a control room, a connection for each. `http.client` is imported five times as fast as httpx.

    Each raises `_Refused` if it answers with an error, and `OSError`, `HTTPException` or `ValueError` if none comes.
    """

    def __init__(self, base: str, headers: dict[str, str], *, timeout: float = 60) -> None:
        self._address = urlsplit(base)
        self._headers = headers
        self._timeout = timeout

    def get(self, path: str) -> dict[str, Any]:
        return self._call('GET', path)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {'Content-Type': 'application/json', 'Idempotency-Key': uuid.uuid4().hex}
        return self._call('POST', path, json.dumps(body).encode(), headers)

    def _call(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        connection = HTTPConnection(self._address.hostname or '', self._address.port, timeout=self._timeout)
        try:
            connection.request(method, f'/api/v1/{path}', body, {**self._headers, **(headers or {})})
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        if response.status < 400:
            return dict(answer)
        error = answer.get('error') if isinstance(answer, dict) else None
        if not isinstance(error, dict):
            raise ValueError(f'the answer {response.status} is not one of Synapse')
        raise _Refused(_refusal(error))


def _refusal(error: dict[str, Any]) -> str:
    message, fields = error['message'], error.get('fields', {})
    for name, text in fields.items():
        # The message may repeat what is wrong with the fields, for programs that show nothing else.
        message = message.replace(f'{name}: {text}', '').replace(text, '')
    said = ' '.join(f'{message} {error.get("hint", "")}'.split())
    return '\n  '.join(filter(None, (said, *(f'{name}: {text}' for name, text in fields.items()))))


def _base_url(settings: Settings) -> str | None:
    """The URL of the control room that runs on this data folder, or None."""
    try:
        base = (settings.data / 'url').read_text(encoding='utf-8').strip()
        _Api(base, {}, timeout=5).get('health')
    except (OSError, HTTPException, ValueError, _Refused):
        return None
    return base


def _nothing_runs(settings: Settings) -> int:
    print(f'Synapse is not running on {settings.data}. Start it with: python main.py', file=sys.stderr, flush=True)
    return 1
