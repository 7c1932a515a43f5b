"""What trusted proxies say about the browser behind them: `X-Forwarded-*`, or `Forwarded` as in RFC 7239.

If there is any `X-Forwarded-*`, `Forwarded` is ignored: most proxies that set the one pass on whatever a browser sends
as the other.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import Scope

from synapse.settings import BASE_PATH

from .rules import header_values

_SCHEMES = {'http': 'http', 'https': 'https', 'ws': 'http', 'wss': 'https'}
_PAIR = re.compile(r'\s*([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^\s,;"]+)\s*([;,]|$)')
_WITH_PORT = re.compile(r'\[(.+)\](?::\w+)?|([^:]+):\w+')


@dataclass(frozen=True, slots=True)
class Hop:
    """A connection on the way here, as the proxy that accepted it describes it; empty where it says nothing.

    :param client: IP address of who connected
    :param base: the path that the proxy has removed from the front of the address
    """

    client: str = ''
    host: str = ''
    scheme: str = ''
    base: str = ''


def outermost(scope: Scope, is_trusted: Callable[[str], bool]) -> Hop:
    """The connection that the outermost of the trusted proxies accepted; call it only if the nearest one is trusted."""
    hops = _x_forwarded(scope) or _forwarded(scope)
    return next((hop for hop in reversed(hops) if not is_trusted(hop.client)), hops[0] if hops else Hop())


def _x_forwarded(scope: Scope) -> list[Hop]:
    """The hops, the nearest one last."""
    clients, hosts, schemes, bases = (
        [value.strip() for line in header_values(scope, b'x-forwarded-' + name) for value in line.split(',')]
        for name in (b'for', b'host', b'proto', b'prefix')
    )

    def at(values: list[str], back: int) -> str:
        # A header with fewer values than there are hops was set by one of the outer proxies.
        return values[max(0, len(values) - back)] if values else ''

    count = len(clients) or bool(hosts or schemes or bases)
    return [
        _hop(at(clients, back), at(hosts, back), at(schemes, back), at(bases, back)) for back in range(count, 0, -1)
    ]


def _forwarded(scope: Scope) -> list[Hop]:
    text = ','.join(header_values(scope, b'forwarded'))
    hops: list[Hop] = []
    pairs: dict[str, str] = {}
    place = 0
    while place < len(text):
        found = _PAIR.match(text, place)
        if found is None:
            return []  # half understood is not understood
        name, value, end = found.groups()
        pairs[name.lower()] = re.sub(r'\\(.)', r'\1', value[1:-1]) if value.startswith('"') else value
        if end != ';':
            hops.append(_hop(pairs.get('for', ''), pairs.get('host', ''), pairs.get('proto', '')))
            pairs = {}
        place = found.end()
    return hops


def _hop(client: str, host: str, scheme: str, base: str = '') -> Hop:
    base = base.rstrip('/')
    return Hop(
        _ip_address(client),
        host.lower(),
        _SCHEMES.get(scheme.lower(), ''),
        base if BASE_PATH.fullmatch(base) else '',
    )


def _ip_address(text: str) -> str:
    """The address without brackets and port; empty for anything else, such as `unknown` or `_hidden`."""
    found = _WITH_PORT.fullmatch(text)
    try:
        return str(ipaddress.ip_address((found[1] or found[2]) if found else text))
    except ValueError:
        return ''
