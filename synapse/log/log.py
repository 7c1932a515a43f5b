"""The one log of everything: numbered entries, pushed at once, saved a moment later, free of secrets."""

import asyncio
import itertools
import secrets
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event
from typing import Any

from storage.files import StorageError
from storage.logs.store import LogStore
from synapse.bus import Bus
from synapse.records import now_utc
from synapse.scrubber import LONGEST_TEXT, Scrubber

from .counters import LogCounters as LogCounters
from .entry import LEVELS
from .entry import Entry as Entry
from .entry import Level as Level
from .messages import LinesLogged
from .pruning import LogPruner
from .queries import Histogram as Histogram
from .queries import Matches as Matches
from .queries import bucket_grid, raise_if_slow, store_filters, user_errors
from .rate import SECONDS as RATE_SECONDS
from .rate import LogRate
from .search import Search
from .writer import MOST_UNSAVED, LogWriter

RING = 5_000
SEARCH_SECONDS = 3.0
TELL_AT_ONCE = 4_000
MOST_UNTOLD = 8_000
FEW = 100
TOLD_A_SECOND = 10_000
"""In a flood lines are told no faster, each time those of up to 50 ms: to be told costs everyone as much for one line
as for a thousand."""
MOST_APART = 0.05
_PAGE = 1_000


class Log:
    """What was said, newest last in `ring`, all of it in the store. Used on the event loop only.

    Entries are published as `LinesLogged` in one batch per turn of the loop, in a flood every 50 ms or 4,000 entries,
    and are on screens before they are on the disk. The oldest go when they are told to, see `retain`.
    """

    def __init__(self, store: LogStore, bus: Bus) -> None:
        self.counters = LogCounters()
        self.rate = LogRate()
        self.ring: deque[Entry] = deque(maxlen=RING)
        self.last_seq = store.last_seq()
        self.is_publishing = False
        self._bus, self._store = bus, store
        # Numbers that a power loss took back are given again: so the id also names this start.
        self._boot = secrets.token_hex(4)
        self._fresh: deque[Entry] = deque()
        self._next_tell = 0.0
        self._is_due = False
        self._late: asyncio.TimerHandle | None = None
        self._scrubber = Scrubber()
        self._writer = LogWriter(store, on_trouble=self._say_trouble, on_recovery=self._say_recovery)
        self._pruner = LogPruner(self._writer, bus, self.ring, self._take_off)

    async def start(self) -> None:
        """Recall the newest entries and the counts of an earlier start, and begin to save."""
        async with self._writer.lock:
            rows = await self._writer.in_thread(self._store.query, limit=RING)
            recent = [*map(Entry.from_json, reversed(rows)), *self.ring]
            self.ring.clear()
            self.ring.extend(recent)
            await self._recount()
            since = int(time.time()) - RATE_SECONDS
            seconds = await self._writer.in_thread(self._store.seconds, since)
            self.rate.recall((second, LEVELS[level], lines) for second, level, lines in seconds)
        self._writer.start()
        for notice in self._store.notices:
            self.append(Level.WARNING, notice, source='storage')

    async def stop(self) -> None:
        """Save what is left and let go of the store; what is logged after this is lost."""
        self._tell_all()
        await self._writer.stop()

    # -- saying -----------------------------------------------------------------------------------------------------

    def append(
        self,
        level: Level | str,
        message: str,
        *,
        source: str,
        run: str | None = None,
        step: str | None = None,
        fields: Mapping[str, Any] | None = None,
        timestamp: datetime | str | None = None,
    ) -> Entry:
        """Log one line; it is published before this turn of the loop ends, in a flood soon after.

        :param level: an unknown word counts as `info`, since what a step says must not get lost over it
        :param message: of more than 16,384 characters the beginning, with the length in the field `cut`
        :param timestamp: when it was said; ISO 8601 with offset if it is a text; now if not given
        """
        entry = self._entry(level, message, source, run, step, fields, timestamp)
        self._take([entry])
        return entry

    def extend(self, rows: Iterable[Mapping[str, Any]]) -> list[Entry]:
        """Log many lines: each a mapping of what `append` takes, by name."""
        entries = [
            self._entry(
                row['level'],
                row['message'],
                row['source'],
                row.get('run'),
                row.get('step'),
                row.get('fields'),
                row.get('timestamp'),
            )
            for row in rows
        ]
        self._take(entries)
        return entries

    def append_lines(
        self,
        lines: Sequence[tuple[str, str]],
        *,
        level: Level | str,
        source: str,
        run: str | None = None,
        step: str | None = None,
    ) -> list[Entry]:
        """Log what a process printed: of each line when it was said, as ISO 8601 with offset, and its text.

        The same as `extend`, for less than half the time. Of a thousand lines at most, if the loop is not to be held.
        """
        known, source, boot, seq = LEVELS.get(level, Level.INFO), self._scrubber.text(source), self._boot, self.last_seq
        is_bare, text_of = self._scrubber.is_idle, self._scrubber.text
        nothing: dict[str, Any] = {}
        said_at, moment, entries = '', now_utc(), []
        for timestamp, line in lines:
            seq += 1
            if timestamp != said_at:
                said_at, moment = timestamp, _moment(timestamp)
            text, fields = line if is_bare and line.isascii() else text_of(line), nothing
            if len(text) > LONGEST_TEXT:
                text, fields = text[:LONGEST_TEXT], {'cut': len(text)}
            entries.append(_made((f'{boot}-{seq}', seq, moment, known, text, source, run, step, fields)))
        self.last_seq = seq
        self._take(entries)
        return entries

    def hide(self, run_id: str, secrets: Iterable[str]) -> None:
        """Show `***` for these values in whatever is logged from now on, until `unhide`."""
        self._scrubber.hide(run_id, secrets)

    def unhide(self, run_id: str) -> None:
        """The secrets of this run can occur no more."""
        self._scrubber.unhide(run_id)

    def scrub(self, value: Any) -> Any:
        """The same plain JSON value without hidden secrets: for what is shown elsewhere, such as errors of a run."""
        return self._scrubber.value(value)

    async def room_to_write(self) -> None:
        """Wait while more entries are untold or unsaved than may be: what makes a chatty step wait for the disk."""
        while len(self._fresh) > MOST_UNTOLD:  # noqa: ASYNC110 - each turn of the loop tells some
            await asyncio.sleep(0)
        await self._writer.room()

    # -- asking -----------------------------------------------------------------------------------------------------

    def recent(self, n: int, *, run: str | None = None) -> list[Entry]:
        """At most `n` of the entries in memory, newest last."""
        newest_first = (entry for entry in reversed(self.ring) if run is None or entry.run == run)
        return list(itertools.islice(newest_first, n))[::-1]

    async def query(self, *, search: Search | None = None, **filters: Any) -> list[Entry]:
        """Entries from the store that fit, including those of this very moment, newest first.

        :param filters: as of `storage.logs.store.LogStore.query`; times may be aware datetimes
        :raises Invalid: if the regular expression of `search` takes too long
        """
        await self.saved(self.last_seq)
        return await self._read(search=search, **filters)

    async def pages(self, **filters: Any) -> AsyncIterator[list[Entry]]:
        """All entries that fit and exist now, oldest first, a thousand at a time: for an export of any length.

        :param filters: as of `query`; `oldest_first=False` turns the order round
        """
        filters = {name: value for name, value in filters.items() if value is not None and name != 'limit'}
        is_forward = filters.setdefault('oldest_first', True)
        filters['before'] = min(filters.get('before') or self.last_seq + 1, self.last_seq + 1)
        await self.saved(self.last_seq)
        while page := await self._read(**filters, limit=_PAGE):
            yield page
            filters['after' if is_forward else 'before'] = page[-1].seq

    async def matching(self, search: Search, *, limit: int = 10_000, **filters: Any) -> Matches:
        """Where something is found: the newest `limit` entries, or those that three seconds were enough for.

        Given up as soon as whoever asks is cancelled.
        """
        await self.saved(self.last_seq)
        given_up, deadline = Event(), time.monotonic() + SEARCH_SECONDS

        def is_over() -> bool:
            return search.is_too_slow or given_up.is_set() or time.monotonic() > deadline

        asked = store_filters({**filters, 'search': search})
        try:
            with user_errors():
                return await asyncio.to_thread(self._matching, search, limit=limit, is_over=is_over, **asked)
        finally:
            given_up.set()

    async def histogram(
        self, start: datetime, end: datetime, *, buckets: int = 100, run: str | None = None, source: str | None = None
    ) -> Histogram:
        """How many entries of each level came when, in at most so many parts of a span, from summaries.

        Parts begin with whole seconds, longer than a minute they are whole minutes: the first may begin a bit earlier.
        """
        first, seconds, count = bucket_grid(start, end, buckets)
        await self.saved(self.last_seq)
        with user_errors():
            counts = await asyncio.to_thread(self._store.histogram, first, seconds, count, run=run, source=source)
        return Histogram(start=datetime.fromtimestamp(first, UTC), seconds=seconds, counts=counts)

    async def span(self) -> tuple[datetime, datetime] | None:
        """When the oldest and the newest entry were said; None if there is none."""
        await self.saved(self.last_seq)
        with user_errors():
            found = await asyncio.to_thread(self._store.span)
        return None if found is None else (datetime.fromisoformat(found[0]), datetime.fromisoformat(found[1]))

    async def sources(self) -> list[tuple[str, int]]:
        """All sources and how many entries each has, most first."""
        await self.saved(self.last_seq)
        with user_errors():
            return await asyncio.to_thread(self._store.sources)

    async def size(self) -> int:
        """How many bytes the log takes on disk, without its journal of some MB at most."""
        with user_errors():
            return await asyncio.to_thread(self._store.size)

    async def saved(self, seq: int) -> bool:
        """Whether all up to this entry is on disk, after waiting for it; false while the disk refuses."""
        return await self._writer.saved(seq)

    @property
    def save_error(self) -> StorageError | None:
        """Why entries cannot be saved at present."""
        return self._writer.error

    async def stats(self, start: datetime | str | None = None, end: datetime | str | None = None) -> dict[str, int]:
        """How many entries of each level there are, and `total`; between two moments, the second not included."""
        if start is None and end is None:
            self._tell_all()
            return self.counters.as_stats()
        await self.saved(self.last_seq)
        with user_errors():
            counts = await asyncio.to_thread(self._store.stats, **store_filters({'start': start, 'end': end}))
        return {**counts, 'total': sum(counts.values())}

    async def since(self, moment: datetime) -> dict[str, int]:
        """How many entries of each level came from this moment on, and `total`."""
        return await self.stats(start=moment)

    def mark_seen(self) -> None:
        """Somebody looked at the log: no error is unseen now."""
        self._tell_all()
        self.counters.unseen_errors = 0

    # -- forgetting -------------------------------------------------------------------------------------------------

    async def clear(self, before: int | None = None, *, who: str) -> int:
        """Forget the entries with a smaller `seq`, or all; gives how many. One new entry says who did it.

        :raises DiskIsFull: if there is not even room for that
        """
        limit = self.last_seq + 1 if before is None else max(1, min(before, self.last_seq + 1))
        await self.saved(limit - 1)
        gone = await self._pruner.clear(limit)
        if before is None:
            self.counters.unseen_errors = 0
        self.append(Level.INFO, f'{who} cleared the log: {gone:,} entries are gone', source='log')
        return gone

    async def retain(self, *, max_age: timedelta | None, max_bytes: int | None) -> int:
        """Forget the oldest entries: those older than `max_age`, and as many as make the log larger than `max_bytes`.

        In small steps, between which what is said is saved. Gives how many are gone.

        :raises DiskIsFull: if there is not even room for that
        """
        await self.saved(self.last_seq)
        return await self._pruner.retain(max_age, max_bytes)

    # -- inside -----------------------------------------------------------------------------------------------------

    async def _read(self, *, search: Search | None = None, **filters: Any) -> list[Entry]:
        with user_errors():
            rows = await asyncio.to_thread(self._store.query, **store_filters({**filters, 'search': search}))
        raise_if_slow(search)
        return [Entry.from_json(row) for row in rows]

    def _matching(self, search: Search, *, limit: int, **asked: Any) -> Matches:
        found = self._store.matching(limit=limit, **asked)
        seqs, to = found.seqs[::-1], found.searched_to
        is_complete = to == 0 and not search.is_too_slow
        reached = self._store.query(after=to - 1, limit=1, oldest_first=True) if to else []
        moment = datetime.fromisoformat(reached[0]['timestamp']) if reached else None
        return Matches(seqs=seqs, is_complete=is_complete, searched_to=moment)

    def _entry(
        self,
        level: Level | str,
        message: str,
        source: str,
        run: str | None,
        step: str | None,
        fields: Mapping[str, Any] | None,
        timestamp: datetime | str | None,
    ) -> Entry:
        self.last_seq += 1
        text = self._scrubber.text(message)
        kept = self._scrubber.fields(fields) if fields else {}
        if len(text) > LONGEST_TEXT:
            kept.setdefault('cut', len(text))
            text = text[:LONGEST_TEXT]
        return Entry(
            id=f'{self._boot}-{self.last_seq}',
            seq=self.last_seq,
            timestamp=_moment(timestamp),
            level=LEVELS.get(level, Level.INFO),
            message=text,
            source=self._scrubber.text(source),
            run=run,
            step=step,
            fields=kept,
        )

    def _take(self, entries: list[Entry]) -> None:
        if not entries:
            return
        self._fresh.extend(entries)
        self._tell_soon()
        self.ring.extend(entries)
        self._writer.add(entries)

    def _tell_soon(self) -> None:
        if self._is_due:
            return
        loop = asyncio.get_running_loop()
        if loop.time() < self._next_tell and len(self._fresh) < TELL_AT_ONCE:
            self._late = self._late or loop.call_at(self._next_tell, self._tell)
            return
        self._is_due = True
        loop.call_soon(self._tell)

    def _tell(self) -> None:
        self._is_due = False
        if self._late is not None:
            self._late.cancel()
            self._late = None
        if not self._fresh:
            return
        entries = tuple(self._fresh.popleft() for _ in range(min(len(self._fresh), TELL_AT_ONCE)))
        if len(entries) > FEW:
            self._next_tell = asyncio.get_running_loop().time() + min(MOST_APART, len(entries) / TOLD_A_SECOND)
        if self._fresh:
            self._tell_soon()
        counts = Counter([entry.level for entry in entries])
        self.counters.add(counts)
        self.rate.add(counts)
        self.is_publishing = True
        try:
            self._bus.publish(LinesLogged(entries))
        finally:
            self.is_publishing = False

    def _tell_all(self) -> None:
        # Who asks while being told must not have the others hear of later entries first.
        while self._fresh and not self.is_publishing:
            self._tell()

    async def _recount(self) -> None:
        """Set the counters to what the store has and what waits to be saved. Hold the writer's lock."""
        stored = await self._writer.in_thread(self._store.stats)
        self._tell_all()
        waiting = Counter(entry.level for entry in self._writer.unsaved)
        for level in Level:
            setattr(self.counters, level.value, stored[level.value] + waiting[level])
        self.counters.total = sum(stored.values()) + waiting.total()

    def _take_off(self, counts: Mapping[Level, int]) -> None:
        self._tell_all()
        self.counters.take(counts)

    def _say_trouble(self, error: StorageError) -> None:
        self.append(
            Level.ERROR,
            f'Log entries cannot be saved: {error} The newest {MOST_UNSAVED:,} wait in memory until it works again.',
            source='log',
        )

    def _say_recovery(self, levels: Counter[Level]) -> None:
        if lost := levels.total():
            self.counters.take(levels)
            text = f'Log entries are saved again; {lost:,} older ones did not fit in memory and are lost.'
            self.append(Level.WARNING, text, source='log', fields={'lost': lost})
        else:
            self.append(Level.INFO, 'Log entries are saved again; none was lost.', source='log')


_made: Callable[[tuple[Any, ...]], Entry] = partial(tuple.__new__, Entry)


def _moment(timestamp: datetime | str | None) -> datetime:
    if timestamp is None:
        return now_utc()
    try:
        moment = datetime.fromisoformat(timestamp) if isinstance(timestamp, str) else timestamp
        return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return now_utc()
