"""How often one caller may change things: token buckets in memory, in a table of bounded size."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .answers import Answer, error_body

MAX_CALLERS = 1000


@dataclass(frozen=True)
class Rate:
    """So many a second, and so many at once."""

    per_second: float
    burst: float


LOG_WRITES = Rate(200, 1000)
OTHER_WRITES = Rate(50, 100)


class Buckets:
    """One bucket for each caller; the caller longest unseen is forgotten first."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> float:
        """Take one token. 0 if there was one, else the seconds until there is."""
        now = self._clock()
        tokens, at = self._buckets.pop(caller, (self._rate.burst, now))
        tokens = min(self._rate.burst, tokens + (now - at) * self._rate.per_second)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._rate.per_second
        self._buckets[caller] = (tokens - 1 if wait == 0 else tokens, now)
        if len(self._buckets) > MAX_CALLERS:
            self._buckets.popitem(last=False)
        return wait


class WriteLimits:
    """ASGI middleware in front of the API: 429 with Retry-After for who changes too much at once."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._log_writes = Buckets(LOG_WRITES)
        self._other_writes = Buckets(OTHER_WRITES)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope['type'] == 'http' and scope['method'] not in ('GET', 'HEAD', 'OPTIONS'):
            buckets = self._log_writes if _is_log_write(scope) else self._other_writes
            wait = buckets.take(scope.get('synapse.caller', 'anyone'))
            if wait:
                body = error_body('too_many_requests', 'That is too much at once.', 'Slow down, then try again.')
                await Answer(body, 429, {'retry-after': str(math.ceil(wait))})(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _is_log_write(scope: Any) -> bool:
    return bool(scope['method'] == 'POST' and scope['path'].endswith('/logs'))
