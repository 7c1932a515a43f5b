"""Sign-ins with the password: slow to guess, and never in the way of who knows it or has a link."""

import asyncio
import ipaddress
from collections.abc import Callable

from synapse import program
from synapse.addresses import parsed
from synapse.api.limits import Buckets, Rate
from synapse.errors import TooMany
from synapse.language import _

OF_AN_ADDRESS = Rate(5 / 60, 5)
IN_ALL = Rate(30 / 60, 30)
MOST_WAITING = 10


class PasswordAttempts:
    """Use it on the event loop only.

    :param is_known: whether a browser from this address is signed in: strangers cannot use up its turn
    """

    def __init__(self, is_known: Callable[[str], bool]) -> None:
        self._is_known = is_known
        self._of_address, self._in_all = Buckets(OF_AN_ADDRESS), Buckets(IN_ALL)
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def try_one(self, address: str, attempt: Callable[[], str | None]) -> str | None:
        """Return the result of an attempt, made in a thread; one at a time, as each takes 64 MB.

        :raises TooMany: if there were too many from this address, or from all together
        """
        wait = self._of_address.take(_network_of(address))
        if not wait and not self._is_known(address):
            wait = self._in_all.take('all')
        if not wait and self._waiting >= MOST_WAITING:
            wait = 5.0
        if wait:
            raise TooMany(
                _('Too many passwords were tried.'),
                retry_after=wait,
                hint=_(
                    'A link works at once. On the machine of Synapse, run: {program} open --print', program=program.NAME
                ),
            )
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(attempt)
        finally:
            self._waiting -= 1


def _network_of(address: str) -> str:
    """What counts as one sender: an IPv4 address, or the 64 bits of an IPv6 address that a household gets."""
    found = parsed(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found or address)
