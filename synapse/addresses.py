"""Addresses of a Synapse: the names that people give to it, and what one request says."""

import ipaddress
import re
import socket
from dataclasses import dataclass
from functools import lru_cache

from synapse.language import _

DEFAULT_PORTS = {'http': 80, 'https': 443}
LOOPBACK_NAMES = ('127.0.0.1', 'localhost', '[::1]')
_NAME = r'[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\]'
_AUTHORITY = re.compile(rf'({_NAME})(?::(\d{{1,5}}))?')
_ALLOWED = re.compile(rf'(?:(https?)://)?({_NAME})(?::(\d{{1,5}}))?/?')


@dataclass(frozen=True, slots=True)
class AllowedHost:
    """A name under which Synapse may be reached.

    :param scheme: `http` or `https`; empty if both are meant
    :param port: the only one that is meant; None for that of the scheme, or for any without a scheme
    """

    name: str
    scheme: str = ''
    port: int | None = None

    @classmethod
    def read(cls, text: str) -> 'AllowedHost':
        """Read `NAME`, `NAME:PORT` or `https://NAME:PORT`.

        :raises ValueError: if it is none of these
        """
        found = _ALLOWED.fullmatch(text.strip().lower())
        if found is None:
            raise ValueError(
                _('{text!r} is no name such as synapse.example.com or https://synapse.example.com.', text=text.strip())
            )
        scheme, name, port = found.groups()
        return cls(name, scheme or '', int(port) if port else None)

    def matches(self, host: str) -> bool:
        """Whether this is the Host header, in lower case, of a browser that uses this name."""
        name, port = name_and_port(host)
        if name != self.name:
            return False
        meant = self.port or DEFAULT_PORTS.get(self.scheme)
        return meant is None or (port or DEFAULT_PORTS.get(self.scheme, 443)) == meant

    def __str__(self) -> str:
        return f'{self.scheme}://' * bool(self.scheme) + self.name + (f':{self.port}' if self.port else '')

    @property
    def origin(self) -> str:
        """The start of its URLs; `https` unless something else was said, since a name usually belongs to a proxy."""
        return f'{self.scheme or "https"}://{self.name}' + (f':{self.port}' if self.port else '')


@dataclass(frozen=True, slots=True)
class Address:
    """The address of Synapse in one request, as who sends it sees it.

    :param client: IP address of the sender
    :param host: name and port, in lower case
    :param scheme: `http` or `https`; empty if only the proxy knows
    :param base: path below which Synapse is, such as `/synapse`; empty for the root
    """

    client: str
    host: str
    scheme: str
    base: str = ''

    @property
    def origins(self) -> tuple[str, ...]:
        """What a browser may send as Origin from our own pages."""
        return tuple(
            f'{scheme}://{self.host.removesuffix(f":{DEFAULT_PORTS[scheme]}")}'
            for scheme in ((self.scheme,) if self.scheme else DEFAULT_PORTS)
        )

    @property
    def url(self) -> str:
        """The start of its URLs, with a slash at its end."""
        return f'{self.scheme or "https"}://{self.host}{self.base}/'

    @property
    def is_private(self) -> bool:
        """Whether nobody on the way can read along: it is encrypted, or there is no way."""
        return self.scheme != 'http' or self.is_loopback

    @property
    def is_loopback(self) -> bool:
        return name_and_port(self.host)[0] in LOOPBACK_NAMES


def own_names() -> set[str]:
    """What this machine is called in its network: its IP addresses, its host name, and that name below `.local`."""
    import psutil

    found = {
        address.address.partition('%')[0]
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family in (socket.AF_INET, socket.AF_INET6)
    }
    name = socket.gethostname().lower()
    return {f'[{address}]' if ':' in address else address for address in found} | {name, f'{name}.local'}


def address_in_network() -> str:
    """The IPv4 address by which this machine would reach others; empty if it is in no network. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(('192.0.2.1', 9))  # of TEST-NET-1 (RFC 5737): for UDP, only the route is looked up
        except OSError:
            return ''
        return str(probe.getsockname()[0])


def name_and_port(authority: str) -> tuple[str, int | None]:
    """Split `name:port`, in lower case; the name is empty if it cannot be one."""
    found = _AUTHORITY.fullmatch(authority)
    return (found[1], int(found[2]) if found[2] else None) if found else ('', None)


def is_loopback(address: str) -> bool:
    """Whether an IP address, as text, is of this machine."""
    found = parsed(address)
    return found is not None and found.is_loopback


@lru_cache(maxsize=256)
def parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an IP address, that of IPv4 if it is written in IPv6; None if the text is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, 'ipv4_mapped', None) or address
