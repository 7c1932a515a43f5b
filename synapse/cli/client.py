"""`python main.py open`, `run`, `answer`, `why`, `crontab`: clients of a control room that runs on this data folder."""

import difflib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from storage.folder_lock import FolderLock
from synapse.auth import Auth
from synapse.credentials.scope import Scope
from synapse.language import _, _n
from synapse.runs import causes
from synapse.settings import Settings, command_with_data

from .calls import Api, Refused, trusting
from .following import INTERRUPTED, Follower, OutputClosed, end_quietly, say, write
from .values import typed, with_advice


def open_link(settings: Settings, *, only_print: bool, only_looks: bool = False, at: str = '') -> int:
    """Open or print a fresh sign-in link; returns 1 if no control room runs on this data folder.

    A browser is opened at the address on this machine; what is printed is for people, who may be elsewhere.

    :param only_looks: whether who opens it may only look
    :param at: where it is reached from there, such as `http://127.0.0.1:9000/`; the link is printed
    """
    base = url_of(settings)
    if base is None:
        return _nothing_runs(settings)
    path = f'auth#{Auth(settings.data).mint_code(Scope.READ if only_looks else Scope.ADMIN)}'
    if settings.native and not (only_print or only_looks or at):
        from .window import open_window, problem_of_windows

        problem = problem_of_windows()
        if not problem:
            open_window(settings)
            return 0
        say(_('{problem} Opening the browser instead.', problem=problem))
    if not only_print and not at and _opened(base + path):
        return 0
    shown = at or FolderLock(settings.data).info().get('people_url') or base
    try:
        write(shown + path)
    except OutputClosed:
        return end_quietly()
    if shown == base and os.environ.get('SSH_CONNECTION'):
        port = urlsplit(base).port
        say(
            _(
                'This is for a browser on this machine. For one on yours, run there: ssh -L '
                '{port}:127.0.0.1:{port} HOST',
                port=port,
            )
        )
    return 0


def signed_in_link(settings: Settings, base: str) -> str:
    """Return a link to the control room at `base` that signs a browser in, once."""
    return f'{base}auth#{Auth(settings.data).mint_code()}'


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
    base = url_of(settings)
    if base is None:
        return _nothing_runs(settings)
    # Takes as long to import as all the rest, and `open` does without it.
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect

    headers = {'Authorization': f'Bearer {Auth(settings.data).token}'}
    api = Api(base, headers, certificate=_certificate(settings))
    schema: dict[str, Any] = {}
    try:
        schema = api.get(f'pipelines/{quote(pipeline, safe="")}')['schema']
        body = {'pipeline': pipeline, 'parameters': typed(values, schema), 'because': causes.COMMAND_LINE}
        if profile is not None:
            body['profile'] = profile
        # Connect first, then start the run, so that no line is missed.
        socket_url = base.replace('http', 'ws', 1) + 'ws/updates'
        # Close without a handshake: its answer would come after all messages that are still unread.
        tls = trusting(_certificate(settings)) if base.startswith('https') else None
        with connect(socket_url, additional_headers=headers, max_size=None, close_timeout=0, ssl=tls) as socket:
            return Follower(api, base, api.post('runs', body)).follow(socket)
    except Refused as refusal:
        say(refusal.words(lambda name, text: with_advice(text, name, schema)))
        return 1
    except (HTTPException, WebSocketException, OSError, ValueError) as error:
        say(_('The connection to the control room at {base} was lost: {error}.', base=base, error=error))
        return 1


def set_password(settings: Settings) -> int:
    """Ask for a password and set it, see `synapse.cli.password`."""
    from .password import set_password

    base = url_of(settings)
    return set_password(settings, None if base is None else api_of(settings, base))


def print_crontab(settings: Settings) -> int:
    """Print the events that are switched on as a crontab; returns 1 if no control room runs on this data folder."""
    return ask(settings, lambda api: api.text('scheduler/crontab').rstrip('\n'))


def say_why(settings: Settings, event: str, at: str) -> int:
    """Print why an event did or did not run at a moment; returns 1 if that cannot be said.

    :param event: the id of the event, or its name
    :param at: a time of the event, or a moment, see `GET /api/v1/scheduler/{id}/why`
    """

    def answer(api: Api) -> str | None:
        events = api.get('scheduler/list')['events']
        found = _named(event, events)
        if len(found) != 1:
            say(_choices(event, found, [item['title'] for item in events]))
            return None
        sentence: str = api.get(f'scheduler/{quote(found[0]["id"], safe="")}/why?at={quote(at, safe="")}')['sentence']
        return sentence

    return ask(settings, answer)


def _named(event: str, events: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the event with this id, or those with this title, in any case if there is none in this."""
    by_id = [item for item in events if item['id'] == event]
    by_title = [item for item in events if item['title'] == event]
    return by_id or by_title or [item for item in events if item['title'].casefold() == event.casefold()]


def _choices(event: str, found: Sequence[Mapping[str, Any]], titles: Sequence[str]) -> str:
    if found:
        once = _('once')
        lines = [f'  {item["id"]}  {item["start"]}  {item["rrule"] or once}' for item in found]
        text = _n(
            '{count} event is called {event}. Give the id of one:',
            '{count} events are called {event}. Give the id of one:',
            len(found),
            event=event,
        )
        return '\n'.join([text, *lines])
    folded = {title.casefold(): title for title in titles}
    similar = difflib.get_close_matches(event.casefold(), folded, n=1, cutoff=0.5)
    text = _('No event is called {event}.', event=event)
    return ' '.join((text, _('Did you mean {name}?', name=folded[similar[0]]))) if similar else text


def answer_run(settings: Settings, run: str, text: str) -> int:
    """Answer the open question of a run; returns 1 if it has none, or the answer does not fit.

    :param run: its number or id
    :param text: one of the choices or any text or, for a form, its fields as a JSON object
    """

    def answer(api: Api) -> str | None:
        paused = api.get('runs?state=paused&limit=500')['runs']
        asking = [item for item in paused if item['question'] and run.lstrip('#') in (item['id'], str(item['number']))]
        if not asking:
            say(_('Run {run} has no open question.', run=run))
            return None
        question = asking[0]['question']
        try:
            given = json.loads(text) if question['schema'] is not None else text
        except ValueError:
            say(
                _(
                    "The answer has to be a JSON object, such as '{example}'.",
                    example=json.dumps(_example(question['schema'])),
                )
            )
            return None
        api.post(f'runs/{asking[0]["id"]}/answer', {'question': question['id'], 'answer': given})
        return _('Run #{number} has its answer.', number=asking[0]['number'])

    return ask(settings, answer)


def _example(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: field.get('default', '...') for name, field in schema.get('properties', {}).items()}


def ask(settings: Settings, question: Callable[[Api], str | None], *, timeout: float = 60) -> int:
    """Print what the running control room answers; returns 1 if none runs, it refuses, or the answer is None.

    :param timeout: seconds for each answer
    """
    base = url_of(settings)
    if base is None:
        return _nothing_runs(settings)
    try:
        answer = question(api_of(settings, base, timeout=timeout))
        if answer is None:
            return 1
        write(answer)
    except OutputClosed:
        return end_quietly()
    except Refused as refusal:
        say(refusal.words())
        return 1
    except (HTTPException, OSError, ValueError) as error:
        say(_('The connection to the control room at {base} was lost: {error}.', base=base, error=error))
        return 1
    return 0


def url_of(settings: Settings) -> str | None:
    """The URL of the control room that runs on this data folder, or None."""
    try:
        base = (settings.data / 'url').read_text(encoding='utf-8').strip()
        Api(base, {}, timeout=5, certificate=_certificate(settings)).get('health')
    except (OSError, HTTPException, ValueError, Refused):
        return None
    return base


def api_of(settings: Settings, base: str, *, timeout: float = 60) -> Api:
    headers = {'Authorization': f'Bearer {Auth(settings.data).token}'}
    return Api(base, headers, timeout=timeout, certificate=_certificate(settings))


def _certificate(settings: Settings) -> Path | None:
    """The certificate of the control room that runs on this data folder, if it has one."""
    path = settings.data / 'tls.pem'
    return path if path.exists() else None


def _nothing_runs(settings: Settings) -> int:
    start = command_with_data(settings)
    say(_('Synapse is not running on {data}. Start it with: {command}', data=settings.data, command=start))
    return 1
