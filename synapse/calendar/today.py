"""How many runs ended today, and how many occurrences were missed: the counts in the status."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from storage.daily_sums import DailySums
from storage.ledger import Ledger
from storage.runs import RunStore
from synapse.bus import Bus
from synapse.language import N_
from synapse.recurrence.zones import zone as zone_of
from synapse.runs.history.figures import midnight
from synapse.runs.messages import RunChanged
from synapse.status import Status, StatusChanged, no_runs_today
from synapse.waiting import Throttle, Timer

from .messages import OccurrencesChanged

log = logging.getLogger(__name__)

COUNT_SECONDS = 0.1
"""The least time between counts for what changes, since all of the day is counted each time."""


class Today:
    """Counts again when a run ends, when an occurrence changes, and at midnight. Used on the event loop only.

    :param zone: its midnight begins a day
    :param now: the wall clock; tests move it
    """

    def __init__(
        self, *, store: RunStore, ledger: Ledger, status: Status, bus: Bus, zone: str, now: Callable[[], datetime]
    ) -> None:
        self._sums = DailySums(store)
        self._ledger = ledger
        self._status = status
        self._bus = bus
        self._zone = zone_of(zone)
        self._now = now
        self._counting: asyncio.Task[None] | None = None
        self._must_count = False
        self._midnight = Timer()
        self._changed = Throttle(COUNT_SECONDS, self._soon)
        self._subscriptions: list[Callable[[], None]] = []

    async def start(self) -> None:
        self._subscriptions = [
            self._bus.subscribe(RunChanged, self._run_changed),
            self._bus.subscribe(OccurrencesChanged, self._occurrences_changed),
        ]
        self._soon()

    async def stop(self) -> None:
        for unsubscribe in self._subscriptions:
            unsubscribe()
        self._changed.cancel()
        if self._counting is not None:
            await self._counting
        self._midnight.cancel()

    def _run_changed(self, message: RunChanged) -> None:
        if message.moved and message.run.state.is_final:
            self._changed()

    def _occurrences_changed(self, _: OccurrencesChanged) -> None:
        self._changed()

    def _soon(self) -> asyncio.Task[None]:
        """Count in the background; all changes during a count lead to one more."""
        self._must_count = True
        if self._counting is None or self._counting.done():
            self._counting = asyncio.create_task(self._count_while_asked())
        return self._counting

    async def _count_while_asked(self) -> None:
        while self._must_count:
            self._must_count = False
            try:
                await self._count()
            except Exception:
                log.exception(N_('the runs that ended today could not be counted'))

    async def _count(self) -> None:
        now = self._now().astimezone(self._zone)
        today = now.date()
        counts = Counter[str]()
        for _, state, _, count in await asyncio.to_thread(self._sums.between, today, today, self._zone):
            counts[state] += count
        missed = await asyncio.to_thread(self._ledger.missed_since, midnight(today, now))
        self._wait_for_midnight()
        if (counted := no_runs_today() | counts | {'missed': missed}) != self._status.counts:
            self._status.counts = counted
            self._bus.publish(StatusChanged())

    def _wait_for_midnight(self) -> None:
        now = self._now().astimezone(self._zone)
        wait = (midnight(now.date() + timedelta(days=1), now).astimezone(UTC) - now).total_seconds()
        self._midnight.start(wait + 1, self._soon)
