"""Hands one message to Apprise, or asks it whether an address is one: `python -m synapse.notifications.deliver`.

A process of its own: it can be ended in time whatever a server does, Apprise never takes memory from the control room,
and what Apprise logs, addresses included, goes nowhere. Imports nothing of ours.
"""

import contextlib
import json
import logging
import re
import signal
import sys
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

CAUSE = 'Exception: '
LOCAL = ('dbus:', 'glib:', 'gnome:', 'kde:', 'macosx:', 'qt:', 'syslog:', 'windows:')
"""Services of this desktop, which nothing here could hold back, and which have nobody to name."""
WAYS_OUT = ('socket.', 'subprocess.', 'os.exec', 'os.posix_spawn', 'os.system', 'syslog.')
LIMIT_SECONDS = 60
"""It ends itself after this time, should the control room be gone."""


Told = tuple[str, dict[str, str] | None]
"""A text with its values, for `sending` to translate, or words of Apprise and None."""
NOTHING: Told = ('', None)


def N_(message: str) -> str:
    """Mark a text to be translated, as `synapse.language` does."""
    return message


def main() -> None:
    said = _Said()
    logger = logging.getLogger('apprise')
    logger.handlers, logger.propagate = [said], False
    logger.setLevel(logging.DEBUG)
    _load()
    order = sys.stdin.read()
    if not order:  # nobody needs it any more
        return
    if hasattr(signal, 'alarm'):
        signal.alarm(LIMIT_SECONDS)
    text, values = _done(json.loads(order), said)
    print(json.dumps({'error': text, 'values': values}))


def _load() -> None:
    """Load Apprise with all of its services before there is an order: the answer then comes at once."""
    with contextlib.suppress(ImportError):
        import apprise

        apprise.Apprise.instantiate('json://localhost', suppress_exceptions=True)


def _done(order: dict[str, Any], said: '_Said') -> Told:
    """Return what went wrong, empty if nothing did."""
    try:
        import apprise
    except ImportError as error:
        text = N_('Apprise cannot be loaded ({error}). Install it with: python -m pip install apprise')
        return text, {'error': str(error)}
    # No plugins, no stored state, no attachments: nothing of the person is read but this address.
    asset = apprise.AppriseAsset(
        app_id='Synapse',
        app_desc='Synapse',
        app_url='',
        plugin_paths=[],
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )
    server = apprise.Apprise.instantiate(order['url'], asset=asset, suppress_exceptions=True)
    if server is None or (order['is_check'] and said.lines):
        return said.told(N_('No service of this kind is known.'))
    if order['is_check']:
        url = order['url']
        return _without_recipient(url, getattr(server, 'targets', ())) or _without_way(url, server, said)
    sender = apprise.Apprise(asset=asset)
    sender.add(server)
    # As text: otherwise a mail is sent as HTML, without what looks like a tag, such as `<module>`.
    is_sent = sender.notify(
        title=order['title'],
        body=order['body'],
        body_format=apprise.NotifyFormat.TEXT,
        notify_type=order['type'],
        interpret_escapes=False,
    )
    return NOTHING if is_sent else said.told(N_('The service did not accept it.'))


def _without_way(url: str, server: Any, said: '_Said') -> Told:
    """Return why a message would reach nobody, such as a missing topic: many services only say so when they send.

    So one is sent with every way out of this process shut; what asks for the network has somebody to reach.
    """
    if url.lower().startswith(LOCAL):
        return NOTHING
    tried: list[str] = []

    def shut(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(WAYS_OUT):
            tried.append(event)
            raise ConnectionRefusedError

    sys.addaudithook(shut)
    try:
        is_sent = server.send(body='.', title='.')
    except Exception as error:
        if tried:
            return NOTHING
        return (str(error), None) if str(error) else (N_('It cannot be used'), {})
    return NOTHING if tried or is_sent else said.told(N_('It has nobody to tell'))


def _without_recipient(url: str, understood: Iterable[Any]) -> Told | None:
    """Return who would get no mail, None if all do: Apprise leaves out what it cannot read, and says nothing.

    :param understood: the recipients as Apprise has them, a name and an address each
    """
    recipients = re.search(r'^mailtos?://.*[?&]to=([^&]*)', url)
    if recipients is None:
        return None
    given = re.sub('"[^"]*"', '', unquote(recipients[1]))
    # Words without @ may be names, where addresses are in angle brackets.
    wanted = [word for word in re.split(r'[,;\s<>]+', given) if '@' in word or (word and '<' not in given)]
    known = {str(target[1]).lower() for target in understood}
    lost = next((word for word in wanted if word.lower() not in known), None)
    return None if lost is None else (N_('{word} cannot be a recipient'), {'word': lost})


class _Said(logging.Handler):
    """Keeps what Apprise says: its results only tell that something failed, and why is for its debug log."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._cause = ''

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            self.lines = [*self.lines, text][-20:]
        elif CAUSE in text and self.lines:
            self._cause = _cause_in(text.partition(CAUSE)[2])

    @property
    def _first(self) -> str:
        return self.lines[0].rstrip('.').replace('., error=', ', error ') if self.lines else ''

    def told(self, otherwise: str) -> Told:
        """What was said first, as the last words only say that it failed; if nothing was, this text."""
        words = ': '.join(part for part in [self._first, self._cause] if part)
        return (words, None) if words else (otherwise, {})


def _cause_in(text: str) -> str:
    """Return the innermost of nested errors, such as `Connection refused`, or the answer of a mail server."""
    answer = re.fullmatch(r"\((\d+), b'(.*)'\)", text)
    return f'{answer[1]} {answer[2]}' if answer else re.sub(r'["\']\)*$', '', text.rpartition(': ')[2])


if __name__ == '__main__':
    main()
