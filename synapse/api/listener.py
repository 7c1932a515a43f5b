"""What one client of `/ws/updates` is still to be told: filtered, bounded, and honest about what it was spared."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from synapse.log import Level

from .feed import Feed, Update, framed

QUEUE_MESSAGES = 1000
_MAX_GAPS = 100


@dataclass(frozen=True)
class Interest:
    """What a client subscribed to. `level` is the least, for log entries; `run` is for log entries and runs."""

    types: frozenset[str] | None = None
    level: Level = Level.DEBUG
    run: str | None = None

    def covers(self, update: Update) -> bool:
        if self.types is not None and update.type not in self.types:
            return False
        if update.level is not None and update.level.rank < self.level.rank:
            return False
        return self.run is None or update.type not in ('log_entry', 'run_update') or update.run == self.run


class Listener:
    """The queue of one client. Filled by the feed without ever waiting, emptied by `texts` as fast as the client reads.

    When it is full, updates are left out until half of it is read; then `lagged` says how many and which.
    """

    def __init__(self, feed: Feed) -> None:
        self.interest = Interest()
        self._feed = feed
        self._again: deque[Update | str] = deque()
        self._queue: deque[Update | str] = deque()
        self._news = asyncio.Event()
        self._skipped: tuple[int, int, int] | None = None
        # What never came through here: all before it connected, and later what it was spared.
        self._gaps: deque[tuple[int, int]] = deque([(1, feed.seq)], maxlen=_MAX_GAPS)
        self._stop = feed.listen(self._offer)

    def close(self) -> None:
        self._stop()
        self._again.clear()
        self._queue.clear()

    @property
    def seq(self) -> int:
        """Up to which number this client was told all it wanted, once its queue is read."""
        return self._feed.seq if self._skipped is None else self._skipped[1] - 1

    def say(self, type: str, data: Any) -> None:
        """Say something to this client alone, after all it was told before. It carries the number it is now at.

        A client that asks and never reads gets no answers rather than all the memory.
        """
        if len(self._queue) < 2 * QUEUE_MESSAGES:
            self._queue.append(framed(type, self.seq, data))
            self._news.set()

    def resume(self, after: int) -> None:
        """Tell again, before anything else, what is remembered of what came later than `after` and not through here."""
        missed = [(max(first, after + 1), last) for first, last in self._gaps if last > after]
        self._gaps.clear()
        for first, last in missed:
            known = max(first, self._feed.first_seq)
            if first < known and first <= last:
                lost = min(known - 1, last)
                self._again.append(self._lagged(lost - first + 1, first, lost))
            self._again.extend(self._feed.between(known, last))
        self._news.set()

    def say_all_missed(self) -> None:
        """Tell that nothing from before this connection can be told again."""
        first, last = self._gaps.popleft() if self._gaps and self._gaps[0][0] == 1 else (1, 0)
        self._again.append(self._lagged(last, first, last))
        self._news.set()

    async def wait(self, seconds: float) -> bool:
        """Whether there is something to tell, after waiting for it at most so long."""
        if not self._again and not self._queue and self._skipped is None:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), max(0.0, seconds))
            except TimeoutError:
                return False
        return True

    def next_text(self) -> str | None:
        """The next thing to tell this client; None if there is nothing."""
        while self._again or self._queue:
            item = (self._again or self._queue).popleft()
            if isinstance(item, str):
                return item
            if self.interest.covers(item):
                return item.text
        if self._skipped is not None:
            return self._tell_skipped()
        return None

    def _offer(self, updates: Sequence[Update]) -> None:
        for update in updates:
            if not self.interest.covers(update):
                continue
            if self._skipped is not None and len(self._queue) <= QUEUE_MESSAGES // 2:
                self._queue.append(self._tell_skipped())
            if self._skipped is not None or len(self._queue) >= QUEUE_MESSAGES:
                self._skip(update)
            else:
                self._queue.append(update)
        self._news.set()

    def _skip(self, update: Update) -> None:
        count, first, _ = self._skipped or (0, update.seq, update.seq)
        self._skipped = (count + 1, first, update.seq)

    def _tell_skipped(self) -> str:
        assert self._skipped is not None  # noqa: S101
        count, first, last = self._skipped
        self._skipped = None
        self._gaps.append((first, last))
        return self._lagged(count, first, last)

    def _lagged(self, count: int, first: int, last: int) -> str:
        return framed('lagged', last, {'missed': count, 'from': first, 'to': last})
