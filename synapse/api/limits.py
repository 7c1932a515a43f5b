"""How often one caller may change things: token buckets in memory, in a table of bounded size."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from synapse.errors import TooMany

from .problems import answer_of

MAX_CALLERS = 1000


@dataclass(frozen=True)
class Rate:
    """So many a second, and so many at once."""

    per_second: float
    burst: float


LOG_WRITES = Rate(200, 1000)
OTHER_WRITES = Rate(50, 100)
LOG_ENTRIES = Rate(2_000, 10_000)
LOG_BYTES = Rate(500_000, 10_000_000)
"""What one caller may put into the log for long, and at once: half a megabyte a second fills no disk in a night that
was not full already, and entries of other programs are refused before the last of it is gone."""


class Buckets:
    """One bucket for each caller; the caller longest unseen is forgotten first."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, count: int = 1) -> float:
        """Take so many tokens, or none. 0 if there were enough, else the seconds until there are.

        :param count: no more than the burst of the rate
        """
        now = self._clock()
        tokens, at = self._buckets.pop(caller, (self._rate.burst, now))
        tokens = min(self._rate.burst, tokens + (now - at) * self._rate.per_second)
        wait = 0.0 if tokens >= count else (count - tokens) / self._rate.per_second
        self._buckets[caller] = (tokens - count if wait == 0 else tokens, now)
        if len(self._buckets) > MAX_CALLERS:
            self._buckets.popitem(last=False)
        return wait


class LogBudget:
    """What callers may put into the log. A request is counted by `WriteLimits` before it is read; here its bytes are
    before they are understood, and its entries as soon as it is known how many they are."""

    def __init__(self) -> None:
        self._entries = Buckets(LOG_ENTRIES)
        self._bytes = Buckets(LOG_BYTES)

    def take_bytes(self, caller: str, count: int) -> None:
        """:raises TooMany: if the caller has to wait"""
        if wait := self._bytes.take(caller, count):
            raise _too_many(f'More than {LOG_BYTES.per_second:,} bytes a second for the log.', wait, 'Send less')

    def take_entries(self, caller: str, count: int) -> None:
        """:raises TooMany: if the caller has to wait"""
        if wait := self._entries.take(caller, count):
            raise _too_many(f'More than {LOG_ENTRIES.per_second:,} log entries a second.', wait, 'Send fewer')


class WriteLimits:
    """ASGI middleware in front of the API: 429 with Retry-After for who changes too much at once."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._log_writes = Buckets(LOG_WRITES)
        self._other_writes = Buckets(OTHER_WRITES)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope['type'] == 'http' and scope['method'] not in ('GET', 'HEAD', 'OPTIONS'):
            refusal = self._refusal(scope)
            if refusal is not None:
                await answer_of(refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Any) -> TooMany | None:
        if _is_log_write(scope):
            wait, rate, way = (
                self._log_writes.take(rate_limit_key(scope)),
                LOG_WRITES,
                'Send many entries as one JSON array',
            )
        else:
            wait, rate, way = self._other_writes.take(rate_limit_key(scope)), OTHER_WRITES, 'Slow down'
        return _too_many(f'More than {rate.per_second:,} changes a second.', wait, way) if wait else None


def rate_limit_key(scope: Any) -> str:
    """Who is counted together: a token or a session at one address; without credentials, all of one address."""
    return f'{scope.get("synapse.caller", "anyone")} {client_address(scope)}'


def client_address(scope: Any) -> str:
    """The address that a request comes from."""
    return str((scope.get('client') or ('nowhere',))[0])


def _too_many(message: str, wait: float, way: str) -> TooMany:
    seconds = math.ceil(wait)
    return TooMany(
        f'{message} Nothing was changed.',
        retry_after=wait,
        hint=f'{way}, and send this again after {seconds} s (Retry-After).',
    )


def _is_log_write(scope: Any) -> bool:
    return bool(scope['method'] == 'POST' and scope['path'].endswith('/logs'))
