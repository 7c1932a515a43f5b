"""What strangers try: wrong links and tokens are answered at a pace, and told to the owner in one line a minute.

Only wrong ones are counted. A right one is let in whatever came before it, so nobody can lock the owner out by trying.
"""

import asyncio
import logging

from synapse.api.limits import Buckets, Rate
from synapse.errors import TooMany

log = logging.getLogger(__name__)

SIGN_INS = Rate(5 / 60, 5)
"""So many wrong sign-ins of one address are told why they are wrong; the others have to wait for that."""
REPORT_SECONDS = 60.0
MAX_ADDRESSES = 3


class FailedSignIns:
    """Use it on the event loop only."""

    def __init__(self) -> None:
        self._sign_ins = Buckets(SIGN_INS)
        self._count = 0
        self._peers: dict[str, None] = {}
        self._telling: asyncio.TimerHandle | None = None

    def check_rate(self, peer: str) -> None:
        """Of a sign-in that is wrong.

        :raises TooMany: if this address tried too many
        """
        if wait := self._sign_ins.take(peer):
            raise TooMany(
                'Too many wrong sign-ins from this address.',
                retry_after=wait,
                hint='A right link or token works at once. For a fresh link run: python main.py open',
            )

    def add(self, peer: str) -> None:
        """Somebody came with a wrong link, token or secret address."""
        self._count += 1
        if len(self._peers) < MAX_ADDRESSES:
            self._peers[peer] = None
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(REPORT_SECONDS, self._tell)

    def _tell(self) -> None:
        tried = f'{self._count:,} attempt{"" if self._count == 1 else "s"} with a wrong link or token'
        log.warning('%s in the last minute, from %s; all were refused', tried, ', '.join(self._peers))
        self._count, self._telling = 0, None
        self._peers.clear()
