"""What one client of `/ws/updates` still has to receive: filtered, in order, and with every gap reported."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from synapse.log.log import Level
from synapse.waiting import is_set_within

from .buffer import Update, UpdateBuffer, framed

MAX_REPLIES = 100


@dataclass(frozen=True)
class Subscription:
    """What a client subscribed to. `level` is the minimum, for log entries; `run` applies to log entries and runs."""

    types: frozenset[str] | None = None
    level: Level = Level.DEBUG
    run: str | None = None

    def covers(self, update: Update) -> bool:
        if self.types is not None and update.type not in self.types:
            return False
        if update.level is not None and update.level.rank < self.level.rank:
            return False
        return self.run is None or update.type not in ('log_entry', 'run_update') or update.run == self.run


ALL_UPDATES = Subscription()


@dataclass(slots=True)
class _Span:
    """Numbers still to read, both ends inclusive; the current span has no end."""

    first: int
    last: int | None


@dataclass(frozen=True, slots=True)
class _Gap:
    """Missed updates: how many, and the numbers of the first and the last of them."""

    count: int
    first: int
    last: int


class Listener:
    """How far one client has read in the buffer, and which earlier updates it still wants; it stores no message itself.

    If the buffer drops updates before a slow client has read them, the client continues in the middle of what is left,
    and `lagged` reports how many it missed and which.
    """

    def __init__(self, buffer: UpdateBuffer) -> None:
        self.subscription = ALL_UPDATES
        self._buffer = buffer
        # Still to read, in order; updates from before this client connected are added when it resumes.
        self._spans: deque[_Span] = deque([_Span(buffer.seq + 1, None)])
        self._before: int | None = buffer.seq
        # Missed and not yet reported, up to which number that goes, and reported already.
        self._lost: deque[_Gap] = deque()
        self._lost_to = 0
        self._gaps: deque[_Gap] = deque()
        # Replies to this client alone, each with the number after which it is sent.
        self._answers: deque[tuple[int, str, Any]] = deque()
        self._news = asyncio.Event()
        self._stop = buffer.listen(self)

    def close(self) -> None:
        self._stop()

    @property
    def seq(self) -> int:
        return self._buffer.seq

    def send(self, type: str, data: Any) -> None:
        """Send something to this client alone, after everything that has happened so far.

        Replies beyond a limit are dropped, so that a client that asks and never reads cannot fill the memory.
        """
        if len(self._answers) < MAX_REPLIES:
            self._answers.append((self._buffer.seq, type, data))
            self._news.set()

    def resume(self, after: int) -> None:
        """Send the updates after `after` that were not sent on this connection, before anything else, each once."""
        gaps = [_Gap(self._before or 0, 1, self._before or 0), *self._gaps]
        self._before = None
        self._gaps.clear()
        for gap in gaps:
            first, known = max(gap.first, after + 1), self._buffer.first_seq
            if first < known and first <= gap.last:
                lost = min(gap.last, known - 1)
                self._lost.append(_Gap(lost - first + 1, first, lost))
            if max(first, known) <= gap.last:
                self._spans.append(_Span(max(first, known), gap.last))
        self._spans = deque(sorted(self._spans, key=lambda span: span.first))
        self._lost = deque(sorted(self._lost, key=lambda gap: gap.first))
        self._lost_to = 0
        self._news.set()

    def report_all_missed(self) -> None:
        """Report once that updates from before this connection cannot be sent again."""
        if self._before is not None:
            self._lost.append(_Gap(self._before, 1, self._before))
            self._before = None
            self._news.set()

    async def wait(self, seconds: float) -> bool:
        """Wait up to `seconds` for something to send; returns whether there may be something."""
        if not self._lost and not self._answers and self._spans[0].first > self._buffer.seq:
            self._news.clear()
            return await is_set_within(self._news, max(0.0, seconds))
        return True

    def next_text(self) -> str | None:
        """The next message for this client, or None."""
        while self._answers or self._lost or self._spans[0].first <= self._buffer.seq:
            number = self._lost[0].first if self._lost else self._spans[0].first
            if self._answers and self._answers[0][0] < number:
                _, type, data = self._answers.popleft()
                return framed(type, number - 1, data)
            if self._lost:
                return self._lagged()
            self._advance_to(number + 1)
            update = self._buffer[number]
            if self.subscription.covers(update):
                return self._buffer.text_of(update)
        return None

    def wake(self) -> None:
        self._news.set()

    def drop_before(self, before: int) -> None:
        """Continue in the middle of what is left, so that a slow reader gets one large gap, not many small ones."""
        if self._spans[0].first >= before:
            return
        resume_at = (before + self._buffer.seq + 1) // 2
        while (span := self._spans[0]).first < resume_at:
            end = resume_at if span.last is None else min(resume_at, span.last + 1)
            self._lose(span.first, end)
            self._advance_to(end)

    def _advance_to(self, number: int) -> None:
        span = self._spans[0]
        if span.last is not None and number > span.last:
            self._spans.popleft()
        else:
            span.first = number

    def _lose(self, first: int, end: int) -> None:
        seqs: Sequence[int] = range(first, end)
        if self.subscription != ALL_UPDATES:
            seqs = [seq for seq in seqs if self.subscription.covers(self._buffer[seq])]
        continues = bool(self._lost) and self._lost_to == first
        if seqs:
            earlier = self._lost.pop() if continues else _Gap(0, seqs[0], seqs[-1])
            self._lost.append(_Gap(earlier.count + len(seqs), earlier.first, seqs[-1]))
        if seqs or continues:
            self._lost_to = end

    def _lagged(self) -> str:
        gap = self._lost.popleft()
        while self._gaps and self._gaps[0].last < self._buffer.first_seq:
            self._gaps.popleft()
        self._gaps.append(gap)
        return framed('lagged', gap.last, {'missed': gap.count, 'from': gap.first, 'to': gap.last})
