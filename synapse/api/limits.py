"""Rate limits for each caller: token buckets in memory, in a table of bounded size."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from synapse.errors import TooMany
from synapse.language import _

from .problems import response_of

MAX_CALLERS = 1000


@dataclass(frozen=True)
class Rate:
    """A sustained rate, and how much may come at once."""

    per_second: float
    burst: float


LOG_WRITES = Rate(200, 1000)
RUN_STARTS = Rate(200, 1000)
"""About as fast as empty runs can be carried out; how many may wait has a limit of its own."""
OTHER_WRITES = Rate(50, 100)
LOG_ENTRIES = Rate(2_000, 10_000)
LOG_BYTES = Rate(500_000, 10_000_000)
"""What one caller may log. Half a megabyte a second fills no disk in a night that was not nearly full already, and
entries of other programs are refused before the last of it is used."""


class Buckets:
    """One bucket for each caller; the callers seen longest ago are forgotten first."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, count: int = 1) -> float:
        """Take `count` tokens, or none. Returns 0 on success, else the seconds until there are enough.

        :param count: at most the burst of the rate
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
    """Limits what each caller may log. `WriteLimits` counts a request before it is read; this counts its bytes before
    they are parsed, and its entries as soon as their number is known."""

    def __init__(self) -> None:
        self._entries = Buckets(LOG_ENTRIES)
        self._bytes = Buckets(LOG_BYTES)

    def take_bytes(self, caller: str, count: int) -> None:
        """:raises TooMany: if the caller has to wait"""
        if wait := self._bytes.take(caller, count):
            raise _too_many(
                _('More than {per_second:,} bytes a second were logged.', per_second=LOG_BYTES.per_second),
                wait,
                _('Send less'),
            )

    def take_entries(self, caller: str, count: int) -> None:
        """:raises TooMany: if the caller has to wait"""
        if wait := self._entries.take(caller, count):
            raise _too_many(
                _('More than {per_second:,} log entries a second were sent.', per_second=LOG_ENTRIES.per_second),
                wait,
                _('Send fewer'),
            )


class WriteLimits:
    """ASGI middleware in front of the API: responds with 429 and Retry-After to callers that change too much."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._buckets = {rate: Buckets(rate) for rate in (LOG_WRITES, RUN_STARTS, OTHER_WRITES)}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope['type'] == 'http' and scope['method'] not in ('GET', 'HEAD', 'OPTIONS'):
            refusal = self._refusal(scope)
            if refusal is not None:
                await response_of(refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Any) -> TooMany | None:
        rate = _rate_of(scope)
        if not (wait := self._buckets[rate].take(rate_limit_key(scope))):
            return None
        hint = _('Send many entries as one JSON array') if rate is LOG_WRITES else _('Slow down')
        return _too_many(
            _('More than {per_second:,} changes a second were requested.', per_second=rate.per_second), wait, hint
        )


def _rate_of(scope: Any) -> Rate:
    if scope['method'] == 'POST' and scope['path'].endswith('/logs'):
        return LOG_WRITES
    return RUN_STARTS if scope['method'] == 'POST' and scope['path'].endswith('/runs') else OTHER_WRITES


def rate_limit_key(scope: Any) -> str:
    """What is counted together: a token or a session at one address; without credentials, everyone at one address."""
    return f'{scope.get("synapse.caller", "anyone")} {client_address(scope)}'


def client_address(scope: Any) -> str:
    return str((scope.get('client') or ('nowhere',))[0])


def _too_many(message: str, wait: float, hint: str) -> TooMany:
    seconds = math.ceil(wait)
    return TooMany(
        _('{message} Nothing was changed.', message=message),
        retry_after=wait,
        hint=_('{hint}, and repeat this after {seconds} s (Retry-After).', hint=hint, seconds=seconds),
    )
