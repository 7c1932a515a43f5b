"""The address of a subscribed calendar: what a person may type, and what of it may be shown."""

import re
from urllib.parse import SplitResult, urlsplit

from synapse.errors import Invalid
from synapse.language import N_, _, translated
from synapse.language.formats import number

MAX_LENGTH = 4_000
LIKE_A_SECRET = 20
_LIKE_A_SERVER = re.compile(r'(localhost|[^:/]+\.[^:/]+):\d')
"""A server with its port, which looks like a scheme: `example.org:8443/a.ics`."""
WRITTEN = N_('Write one like https://example.org/calendar.ics.')


def checked_address(text: str) -> str:
    """Return the address to read; `webcal:` stands for `https:`, as calendar programs take it.

    :raises Invalid: for `url`; the message never has the address, which may be secret
    """
    address = text.strip()
    if not address:
        raise _invalid(_('Enter an address.'))
    if len(address) > MAX_LENGTH:
        raise _invalid(_('The address has more than {count} characters.', count=number(MAX_LENGTH)))
    if ' ' in address:
        raise _invalid(_('An address has no blanks; write %20 for one in a name.'))
    if not address.isprintable():
        raise _invalid(_('The address has characters that cannot be seen. Copy it again.'))
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        raise _invalid(' '.join((_('The address cannot be read.'), translated(WRITTEN)))) from None
    if not _has_possible_port(parts):
        raise _invalid(_('The port is not possible: it is a number up to 65535.'))
    scheme = {'webcal': 'https', 'webcals': 'https'}.get(parts.scheme.lower(), parts.scheme.lower())
    if not scheme or (parts.netloc == '' and _LIKE_A_SERVER.match(address)):
        raise _invalid(' '.join((_('Put https:// before it.'), translated(WRITTEN))))
    if scheme not in ('http', 'https'):
        raise _invalid(
            ' '.join((_('The address begins with something other than https:, http: or webcal:.'), translated(WRITTEN)))
        )
    if not host:
        raise _invalid(' '.join((_('The address names no server.'), translated(WRITTEN))))
    return parts._replace(scheme=scheme).geturl()


def shown_address(address: str) -> str:
    """Return an address without its secrets: `https://example.org/…`."""
    return f'{urlsplit(address).scheme}://{place_of(address)}/…'


def place_of(address: str) -> str:
    """Return the server of an address, with the port if it names one."""
    parts = urlsplit(address)
    host = parts.hostname or ''
    host = f'[{host}]' if ':' in host else host
    return host if parts.port is None else f'{host}:{parts.port}'


def secrets_of(address: str) -> list[str]:
    """Return what must not appear in the log."""
    parts = urlsplit(address)
    target = parts.path + (f'?{parts.query}' if parts.query else '')
    # A short path is no secret, and would black out the folders of that name.
    return [address, *([target] if len(target) >= LIKE_A_SECRET else []), *filter(None, [parts.password])]


def _has_possible_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def _invalid(sentence: str) -> Invalid:
    return Invalid(_('This address cannot be read.'), {'url': sentence})
