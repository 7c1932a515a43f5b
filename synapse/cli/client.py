"""`python main.py open` and `run`: clients of a control room that is running on the same data folder."""

from collections.abc import Mapping, Sequence
from http.client import HTTPException
from typing import Any
from urllib.parse import quote

from synapse.auth import Auth
from synapse.settings import Settings

from .calls import Api, Refused
from .following import INTERRUPTED, Follower, OutputClosed, end_quietly, say, write
from .values import typed, with_advice


def open_link(settings: Settings, *, only_print: bool) -> int:
    """Open or print a fresh sign-in link; returns 1 if no control room runs on this data folder."""
    base = _base_url(settings)
    if base is None:
        return _nothing_runs(settings)
    link = f'{base}auth#{Auth(settings.data).mint_code()}'
    if only_print or not _opened(link):
        try:
            write(link)
        except OutputClosed:
            return end_quietly()
    return 0


def _opened(link: str) -> bool:
    import webbrowser

    return webbrowser.open(link)


def run_pipeline(settings: Settings, pipeline: str, values: Mapping[str, Sequence[str]], *, profile: str | None) -> int:
    """Start a run and print its log until it ends; returns 0 if it succeeded, else 1.

    After Ctrl-C, or if nobody reads the log any more, the run continues, and the exit code is that of a program that
    such a signal has ended.
    """
    try:
        return _run_pipeline(settings, pipeline, values, profile)
    except OutputClosed:
        return end_quietly()
    except KeyboardInterrupt:
        return INTERRUPTED


def _run_pipeline(settings: Settings, pipeline: str, values: Mapping[str, Sequence[str]], profile: str | None) -> int:
    base = _base_url(settings)
    if base is None:
        return _nothing_runs(settings)
    # Takes as long to import as all the rest, and `open` does without it.
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect

    headers = {'Authorization': f'Bearer {Auth(settings.data).token}'}
    api = Api(base, headers)
    schema: dict[str, Any] = {}
    try:
        schema = api.get(f'pipelines/{quote(pipeline, safe="")}')['schema']
        body = {'pipeline': pipeline, 'parameters': typed(values, schema), 'because': 'the command line'}
        if profile is not None:
            body['profile'] = profile
        # Connect first, then start the run, so that no line is missed.
        socket_url = base.replace('http', 'ws', 1) + 'ws/updates'
        # Close without a handshake: its answer would come after all messages that are still unread.
        with connect(socket_url, additional_headers=headers, max_size=None, close_timeout=0) as socket:
            return Follower(api, base, api.post('runs', body)).follow(socket)
    except Refused as refusal:
        say(refusal.words(lambda name, text: with_advice(text, name, schema)))
        return 1
    except (HTTPException, WebSocketException, OSError, ValueError) as error:
        say(f'The connection to the control room at {base} was lost: {error}.')
        return 1


def _base_url(settings: Settings) -> str | None:
    """The URL of the control room that runs on this data folder, or None."""
    try:
        base = (settings.data / 'url').read_text(encoding='utf-8').strip()
        Api(base, {}, timeout=5).get('health')
    except (OSError, HTTPException, ValueError, Refused):
        return None
    return base


def _nothing_runs(settings: Settings) -> int:
    say(f'Synapse is not running on {settings.data}. Start it with: python main.py')
    return 1
