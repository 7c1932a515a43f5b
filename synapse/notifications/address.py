"""The address of a channel: what a person may type, what of it may be shown, and what must not be logged."""

import re
from urllib.parse import SplitResult, unquote, urlsplit

from synapse.errors import Invalid
from synapse.language import N_, _, translated
from synapse.language.formats import number

HIDDEN = '***'
MAX_LENGTH = 4_000
EXAMPLES = {
    N_('Mail'): 'mailtos://user:password@mail.example.org?to=me@example.org',
    'ntfy': 'ntfys://ntfy.example.org/my-topic',
    'Telegram': 'tgram://bot-token/chat-id',
    'Discord': 'discord://webhook-id/webhook-token',
    'Slack': 'slack://token-a/token-b/token-c/#channel',
    'Matrix': 'matrixs://user:password@matrix.example.org/#room',
    'Gotify': 'gotifys://gotify.example.org/token',
    N_('Webhook (JSON)'): 'jsons://example.org/path',
}
_SCHEME = re.compile(r'([A-Za-z][A-Za-z0-9+.-]*)://')
_SERVICES = ['form', 'gotify', 'hassio', 'json', 'mailto', 'matrix', 'mmost', 'mqtt', 'ncloud', 'ntfy', 'signal', 'xml']
_SERVERS = frozenset(scheme for service in _SERVICES for scheme in (service, f'{service}s'))
"""After these the first part is the name of a server; after others it may be a token."""
_CLOUD = ('ntfy', 'ntfys')
"""Without a path, what looks like the server is a topic, as secret as a password."""
_SHORTEST = 6
MORE = N_('How each is written: https://appriseit.com/services/')
_NEEDS = {
    'mailto': N_('a server and who sends: the part before @, or from='),
    'ntfy': N_('a topic after the server, of letters, digits, - and _'),
    'tgram': N_('the token of the bot, with its digits and colon, then the chat'),
    'discord': N_('the id and then the token of the webhook'),
    'slack': N_('the three parts of the token of the webhook'),
    'matrix': N_('a user with a password, and a room'),
    'gotify': N_('the server and then the token of the application'),
    'json': N_('a server after ://'),
}
"""What an address of these has to have, and what is forgotten most often."""
_FOR_WEB = {
    'https': N_('begin with jsons://, as in jsons://example.org/path'),
    'http': N_('begin with json://, as in json://example.org/path'),
}
_VAGUE = re.compile(r'Unparseable|invalid|~From~|to notify')


def checked_address(text: str) -> str:
    """Return the address without blanks around it; whether its service accepts it is for Apprise to say.

    :raises Invalid: for `url`; the message never has the address, which may be secret
    """
    address = text.strip()
    if not address:
        raise _invalid(_('Enter an address.'))
    if len(address) > MAX_LENGTH:
        raise _invalid(_('The address has more than {count} characters.', count=number(MAX_LENGTH)))
    if not address.isprintable():
        raise _invalid(_('The address has characters that cannot be seen. Copy it again.'))
    if HIDDEN in address:
        raise _invalid(_('The hidden part of this address is not known. Enter the whole address.'))
    if _SCHEME.match(address) is None:
        raise _invalid(_('Begin with the service, such as {ntfy}.', ntfy=EXAMPLES['ntfy']))
    try:
        port = urlsplit(address).port
    except ValueError:  # some services have no port there: Apprise knows
        port = 0 if address.partition('://')[0].lower() in _SERVERS else None
    if port == 0:
        raise _invalid(_('The port is not possible: it is a number up to 65535.'))
    if ' ' in re.split('[/?#]', address.partition('://')[2])[0].rpartition('@')[2]:
        like = _example(address.partition('://')[0].lower()) or EXAMPLES['ntfy']
        raise _invalid(_('The name of the server has a blank. Leave it out, as in {like}.', like=like))
    return address


def shown_address(address: str) -> str:
    """Return an address without its secrets: `mailtos://mail.example.org/***`, `tgram://***`."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or '', parts.port
    except ValueError:
        return f'{address.partition("://")[0]}://{HIDDEN}'
    if not _names_server(parts):
        return f'{parts.scheme}://{HIDDEN}'
    host = f'[{host}]' if ':' in host else host
    return f'{parts.scheme}://{host}{"" if port is None else f":{port}"}/{HIDDEN}'


def secrets_of(address: str) -> list[str]:
    """Return what must not appear in an error: the address, and each part of it that may be secret."""
    found = [address, address.partition('://')[2]]
    try:
        parts = urlsplit(address)
    except ValueError:
        return found
    pieces = [*parts.path.split('/'), *re.split('[&=?]', parts.query), parts.fragment]
    pieces += [] if _names_server(parts) else re.split('[:@]', parts.netloc)
    # A short piece is no secret, and would black out words.
    found += [piece for piece in pieces if len(piece) >= _SHORTEST] + [parts.password or '']
    return list(dict.fromkeys(part for piece in found for part in (piece, unquote(piece)) if part))


def why_refused(address: str, said: str) -> str:
    """Return in our words why an address does not work, with how it is written and what is missing most often.

    :param said: what Apprise says about it
    """
    scheme = address.partition('://')[0].lower()
    if said.startswith('Unparseable URL'):
        if hint := _FOR_WEB.get(scheme):
            return _('{scheme}:// is no service. For a webhook {hint}.', scheme=scheme, hint=translated(hint))
        return ' '.join((_('No service is {scheme}://.', scheme=scheme), translated(MORE)))
    if 'disabled on this system' in said:
        text = _('{scheme}:// needs a Python package that is not installed here.', scheme=scheme)
        return f'{text} {translated(MORE)}'
    needs = _NEEDS.get(scheme.removesuffix('s'))
    if needs and _VAGUE.search(said):
        return _(
            'This address is not complete: it needs {needs}. Write it like {example}.',
            needs=translated(needs),
            example=_example(scheme),
        )
    more = _('Write it like {example}.', example=_example(scheme)) if needs else translated(MORE)
    return ' '.join((_('This address does not work: {why}.', why=said.rstrip('.: ')), more))


def _example(scheme: str) -> str:
    """Return how an address of the same service is written; empty if there is no example."""
    of_same = (text for text in EXAMPLES.values() if text.partition('://')[0] in (scheme, f'{scheme}s'))
    return next(of_same, '')


def _invalid(sentence: str) -> Invalid:
    return Invalid(_('The channel was not saved.'), {'url': sentence}, _('Fix the named fields.'))


def _names_server(parts: SplitResult) -> bool:
    is_topic = parts.scheme in _CLOUD and not parts.path.strip('/')
    return parts.scheme in _SERVERS and bool(parts.hostname) and not is_topic
