"""At which addresses others reach this machine."""

import ipaddress
import socket

import psutil

ELSEWHERE = ('192.0.2.1', 9)
"""An address that nobody has (RFC 5737): nothing is sent to it, the system only says which way it would go."""
LOOPBACK = '127.0.0.1'
_INSIDE = ('docker', 'br-', 'veth', 'virbr', 'podman', 'cni', 'lxc', 'vboxnet', 'vmnet')
"""How interfaces are called that lead to programs on this machine only."""


def own_hosts() -> list[str]:
    """Return the IPv4 addresses of this machine, first the one that leads to most others; loopback if it has none.

    A machine may have no way to the rest of the world and still be in a network with others.
    """
    hosts = list(dict.fromkeys([*_towards(ELSEWHERE), *_of_interfaces()]))
    return hosts or [LOOPBACK]


def _towards(target: tuple[str, int]) -> list[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(target)
        except OSError:
            return []
        return [host for host in [str(probe.getsockname()[0])] if _is_for_others(host)]


def _of_interfaces() -> list[str]:
    states = psutil.net_if_stats()
    return [
        address.address
        for name, addresses in psutil.net_if_addrs().items()
        if name in states and states[name].isup and not name.startswith(_INSIDE)
        for address in addresses
        if address.family == socket.AF_INET and _is_for_others(address.address)
    ]


def _is_for_others(host: str) -> bool:
    address = ipaddress.ip_address(host)
    return not (address.is_loopback or address.is_link_local or address.is_unspecified)
