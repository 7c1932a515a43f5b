"""What machines are called in a cluster."""

import re
import socket
import unicodedata

from synapse.language import _

RESERVED = ('local', 'worker')
"""The first machine is called `local` in the API, and its workers `worker-1` and so on."""
MOST_LETTERS = 63
"""As many as a name of a host has at most (RFC 1123, 2.1)."""


def name_of(wanted: str = '') -> str:
    """Return what this machine is called in the cluster, by default as its system calls it.

    :raises ValueError: if it cannot be called as wanted
    """
    letters = re.sub(r'[\u0300-\u036f]', '', unicodedata.normalize('NFKD', wanted or socket.gethostname()))
    name = re.sub(r'[^0-9A-Za-z._]+', '-', letters)[:MOST_LETTERS].strip('-.')
    if not wanted:
        return f'{name}-machine'.lstrip('-') if name in (*RESERVED, '') else name
    if name in RESERVED:
        raise ValueError(_('Synapse itself uses the name {name}: choose another one with --name.', name=name))
    if not name:
        text = _('{name!r} has neither letters from A to Z nor digits: choose another name with --name.', name=wanted)
        raise ValueError(text)
    return name


def names_of_first() -> frozenset[str]:
    """Return how the first machine is called, for that very machine: no other one may be called so."""
    return frozenset({socket.gethostname(), name_of()})
