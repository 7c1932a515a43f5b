"""Failed sign-ins: responses to wrong links and tokens are rate-limited, and one line a minute reports them.

Only failures count. A right link or token works whatever came before, so no one can lock the owner out by guessing.
"""

import asyncio
import logging

from synapse import program
from synapse.api.limits import Buckets, Rate
from synapse.errors import TooMany
from synapse.language import N_, _, _n

log = logging.getLogger(__name__)

SIGN_INS = Rate(5 / 60, 5)
"""How many wrong sign-ins of one address learn why they failed; after that it has to wait for the reason."""
REPORT_SECONDS = 60.0
MAX_ADDRESSES = 3


class FailedSignIns:
    """Use it on the event loop only."""

    def __init__(self) -> None:
        self._sign_ins = Buckets(SIGN_INS)
        self._count = 0
        self._addresses: dict[str, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def check_rate(self, address: str) -> None:
        """Count a failed sign-in.

        :raises TooMany: if there were too many from this address
        """
        if wait := self._sign_ins.take(address):
            raise TooMany(
                _('Too many wrong sign-ins from this address.'),
                retry_after=wait,
                hint=_(
                    'A right link or token works at once. For a fresh link run: {program} open', program=program.NAME
                ),
            )

    def add(self, address: str) -> None:
        """Remember an attempt with a wrong link, token or secret address."""
        self._count += 1
        if len(self._addresses) < MAX_ADDRESSES:
            self._addresses[address] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(REPORT_SECONDS, self._report)

    def _report(self) -> None:
        text = _n(
            '{count} attempt with a wrong link or token in the last minute, from {addresses}; all refused',
            '{count} attempts with a wrong link or token in the last minute, from {addresses}; all refused',
            self._count,
            addresses=', '.join(self._addresses),
        )
        log.warning(N_('%s'), text)
        self._count, self._timer = 0, None
        self._addresses.clear()
