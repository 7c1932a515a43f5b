"""At which address a request came, directly or through a proxy, and whether Synapse answers there."""

import ipaddress
from collections.abc import Collection, Sequence

from starlette.types import Scope

from synapse.addresses import LOOPBACK_NAMES, Address, AllowedHost, is_loopback, name_and_port, parsed
from synapse.api.responses import HttpError
from synapse.language import _, formats

from .forwarded import Hop, outermost
from .rules import header, header_values

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Reach:
    """The addresses at which Synapse answers.

    :param own: exact `host:port` values, in lower case
    :param names: further names
    :param proxies: the only ones whose headers about their clients are believed
    :param base: the path below which browsers find Synapse, unless a proxy names another one
    """

    def __init__(
        self,
        own: Collection[str],
        names: Sequence[AllowedHost] = (),
        proxies: Sequence[Network] = (),
        base: str = '',
    ) -> None:
        self._own = own
        self._names = names
        self._proxies = proxies
        self._base = base

    def address_of(self, scope: Scope) -> Address:
        """The address, not checked yet."""
        peer = _peer(scope)
        hop = outermost(scope, self._is_trusted) if self._is_trusted(peer) else Hop()
        host = hop.host or header(scope, b'host').lower()
        name = next((name for name in self._names if name.matches(host)), None)
        scheme = hop.scheme or (name.scheme if name else 'https' if scope['scheme'] in ('https', 'wss') else 'http')
        return Address(hop.client or peer, host, scheme, hop.base or self._base)

    def answers_to(self, host: str, scope: Scope) -> bool:
        """Whether a Host header, in lower case, is one of ours.

        A loopback name with another port is one if the connection comes from this machine: `ssh -L` and editors forward
        ports like that. No other site can have such a name, so this lets no page in that could not call us anyway.
        """
        if host in self._own or any(name.matches(host) for name in self._names):
            return True
        return name_and_port(host)[0] in LOOPBACK_NAMES and is_loopback(_peer(scope))

    def check_host(self, scope: Scope, address: Address) -> None:
        """Require exactly one Host header, and an allowed one, which keeps DNS rebinding out.

        What a trusted proxy says about the host has to be allowed as well. It can not replace the header: a rebound
        page may send `X-Forwarded-Host` too, through no proxy at all.

        :raises HttpError: 421
        """
        hosts = header_values(scope, b'host')
        if len(hosts) == 1 and all(self.answers_to(host, scope) for host in (hosts[0].lower(), address.host)):
            return
        refused = [address.host] if len(hosts) == 1 and self.answers_to(hosts[0].lower(), scope) else hosts
        shown = ', '.join(repr(host[:100]) for host in refused) or 'none'
        hint = _('Use http://{own}{base}/.', own=min(self._own, default='127.0.0.1'), base=self._base)
        name = name_and_port(refused[0].lower())[0] if len(refused) == 1 else ''
        if name and len(name) <= 100:
            more = _('If you have given this name to Synapse yourself, start it with: --allow-host {name}', name=name)
            hint = f'{hint} {more}'
        raise HttpError(421, 'wrong_host', _('Synapse does not answer to the host {shown}.', shown=shown), hint)

    def check_origin(self, scope: Scope, address: Address) -> None:
        """Require that a page that sends something is our own.

        :raises HttpError: 403
        """
        foreign = [origin for origin in header_values(scope, b'origin') if origin not in address.origins]
        if not foreign:
            return
        host = foreign[0].partition('://')[2]
        hint = _('Open Synapse itself, or use a script with the token.')
        if any(name.matches(host) for name in self._names):
            hint = _(
                'The request arrived for {origins}. A proxy in between has to pass on the Host that the '
                'browser sends, with its port, and X-Forwarded-Proto; start Synapse with: --trusted-proxy '
                '{proxy}',
                origins=formats.listed(address.origins, style='or')[:200],
                proxy=_peer(scope),
            )
        raise HttpError(
            403, 'foreign_origin', _('Pages of {foreign!r} may not use Synapse.', foreign=foreign[0][:100]), hint
        )

    def _is_trusted(self, address: str) -> bool:
        found = parsed(address)
        return found is not None and any(found in network for network in self._proxies)


def _peer(scope: Scope) -> str:
    return str((scope.get('client') or ('',))[0])
