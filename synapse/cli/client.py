"""`python main.py open` and `run`: clients of a control room that is running on the same data folder."""

import json
import sys
import uuid
import webbrowser
from pathlib import Path
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from synapse.auth import Auth
from synapse.log.text import plain, visible
from synapse.settings import Settings

FINAL = ('succeeded', 'failed', 'cancelled', 'interrupted')


def open_link(settings: Settings, *, only_print: bool) -> int:
    """Open or print a fresh sign-in link; returns 1 if no control room runs on this data folder."""
    base = _base_url(settings)
    if base is None:
        return _nothing_runs(settings)
    link = f'{base}auth#{Auth(settings.data).mint_code()}'
    if only_print or not webbrowser.open(link):
        print(link, flush=True)
    return 0


def run_pipeline(settings: Settings, pipeline: str, values: dict[str, str], *, profile: str | None) -> int:
    """Start a run and print its log until it ends; returns 0 if it succeeded, else 1."""
    base = _base_url(settings)
    if base is None:
        return _nothing_runs(settings)
    token = Auth(settings.data).token
    headers = {'Authorization': f'Bearer {token}'}
    with httpx.Client(base_url=f'{base}api/v1/', headers=headers, timeout=60) as api:
        try:
            schema = _checked(api.get(f'pipelines/{pipeline}'))['schema']
            body = {'pipeline': pipeline, 'parameters': _typed(values, schema), 'because': 'the command line'}
            if profile is not None:
                body['profile'] = profile
            # Connect first, then start the run, so that no line is missed.
            socket_url = base.replace('http', 'ws', 1) + 'ws/updates'
            with connect(socket_url, additional_headers=headers, max_size=None) as socket:
                run = _checked(api.post('runs', json=body, headers={'Idempotency-Key': uuid.uuid4().hex}))
                return _follow(api, socket, run)
        except _Refused as refusal:
            print(refusal, file=sys.stderr, flush=True)
            return 1
        except (httpx.HTTPError, ConnectionClosed, OSError) as error:
            print(f'The connection to the control room at {base} was lost: {error}.', file=sys.stderr, flush=True)
            return 1


def _follow(api: httpx.Client, socket: ClientConnection, run: dict[str, Any]) -> int:
    socket.send(json.dumps({'type': 'subscribe', 'types': ['log_entry', 'run_update', 'lagged'], 'run': run['id']}))
    print(f'Run #{run["number"]} of {run["pipeline"]}', flush=True)
    last_seq = _catch_up(api, run['id'], 0)
    # The run may have ended before we subscribed; from here on every change reaches us.
    state = _checked(api.get(f'runs/{run["id"]}'))['state']
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
    run = _checked(api.get(f'runs/{run["id"]}'))
    if run['state'] == 'succeeded':
        return 0
    error = run['error'] or {}
    print(f'The run {run["state"]}. {error.get("message", "")} {error.get("hint", "")}'.strip(), file=sys.stderr)
    return 1


def _catch_up(api: httpx.Client, run_id: str, after: int) -> int:
    """Print the entries after `after`; returns the last number printed."""
    while True:
        query: dict[str, int | str] = {'limit': 1000, 'order': 'asc', 'after': after}
        page = _checked(api.get(f'runs/{run_id}/logs', params=query))
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
        kinds = [wanted, *wanted.get('anyOf', [])]
        if any(kind.get('format') == 'path' for kind in kinds):
            is_as_typed = not text.strip() or text.startswith('inbox:')
            typed[name] = text if is_as_typed else str(Path(text).expanduser().absolute())
        elif any(kind.get('type') == 'string' for kind in kinds):
            typed[name] = text
        else:
            typed[name] = _as_json(text)
    return typed


def _as_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


class _Refused(Exception):
    """The control room refused a request; the text is its message."""


def _checked(response: httpx.Response) -> dict[str, Any]:
    if response.is_success:
        return dict(response.json())
    error = response.json()['error']
    message, fields = error['message'], error.get('fields', {})
    for name, text in fields.items():
        # The message may repeat what is wrong with the fields, for programs that show nothing else.
        message = message.replace(f'{name}: {text}', '').replace(text, '')
    said = ' '.join(f'{message} {error.get("hint", "")}'.split())
    raise _Refused('\n  '.join(filter(None, (said, *(f'{name}: {text}' for name, text in fields.items())))))


def _base_url(settings: Settings) -> str | None:
    """The URL of the control room that runs on this data folder, or None."""
    try:
        base = (settings.data / 'url').read_text(encoding='utf-8').strip()
        httpx.get(f'{base}api/v1/health', timeout=5).raise_for_status()
    except (OSError, httpx.HTTPError, httpx.InvalidURL):
        return None
    return base


def _nothing_runs(settings: Settings) -> int:
    print(f'Synapse is not running on {settings.data}. Start it with: python main.py', file=sys.stderr, flush=True)
    return 1
