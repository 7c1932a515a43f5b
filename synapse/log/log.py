"""The log of everything: numbered entries, published at once, saved a moment later, free of secrets."""

import asyncio
import itertools
import secrets
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event
from typing import Any, ParamSpec, TypeVar

from storage.files import StorageError
from storage.logs.store import LogStore
from synapse.bus import Bus
from synapse.language import _, _n, own
from synapse.language.formats import number
from synapse.records import now_utc
from synapse.scrubber import LONGEST_TEXT, Scrubber

from .counters import LogCounters as LogCounters
from .entry import LEVELS
from .entry import Entry as Entry
from .entry import Level as Level
from .messages import LinesLogged, RowsRedrawn
from .pruning import LogPruner
from .queries import Histogram as Histogram
from .queries import Matches as Matches
from .queries import bucket_grid, raise_if_slow, store_filters, user_errors
from .rate import SECONDS as RATE_SECONDS
from .rate import LogRate
from .search import Search
from .writer import MAX_UNSAVED, LogWriter

P = ParamSpec('P')
T = TypeVar('T')

RING = 5_000
SEARCH_SECONDS = 3.0
PUBLISH_ENTRIES = 4_000
MAX_UNPUBLISHED = 8_000
FEW = 100
PUBLISH_PER_SECOND = 10_000
"""In a flood entries are published at this rate, every 50 ms at the latest: a batch costs subscribers as much for one
line as for a thousand."""
PUBLISH_SECONDS = 0.05
_PAGE = 1_000


class Log:
    """All entries, in the store; the newest are in `ring` too, newest last. Use it on the event loop only.

    Entries are published as `LinesLogged` in one batch per turn of the loop, in a flood every 50 ms or 4,000 entries,
    and reach screens before the disk. The oldest are deleted by `retain`.
    """

    def __init__(self, store: LogStore, bus: Bus) -> None:
        self.counters = LogCounters()
        self.rate = LogRate()
        self.ring: deque[Entry] = deque(maxlen=RING)
        self.last_seq = store.last_seq()
        self.is_publishing = False
        self._bus, self._store = bus, store
        # Numbers lost in a power loss are used again, so the id also names this start.
        self._boot = secrets.token_hex(4)
        self._fresh: deque[Entry] = deque()
        self._publish_at = 0.0
        self._rows: dict[str, tuple[Entry, ...]] = {}
        self._redrawn: dict[str, tuple[Entry, ...]] = {}
        self._is_due = False
        self._publish_timer: asyncio.TimerHandle | None = None
        self._scrubber = Scrubber()
        self._writer = LogWriter(store, on_failure=self._report_failure, on_recovery=self._report_recovery)
        self._pruner = LogPruner(self._writer, bus, self.ring, self._count_removed)

    async def start(self) -> None:
        """Read the newest entries and the counts of an earlier start, and start to save."""
        async with self._writer.lock:
            rows = await self._writer.in_thread(self._store.query, limit=RING)
            recent = [*map(Entry.from_json, reversed(rows)), *self.ring]
            self.ring.clear()
            self.ring.extend(recent)
            await self._recount()
            since = int(time.time()) - RATE_SECONDS
            seconds = await self._writer.in_thread(self._store.seconds, since)
            self.rate.restore((second, LEVELS[level], lines) for second, level, lines in seconds)
        self._writer.start()
        for notice in self._store.notices:
            self.append(Level.WARNING, notice, source='storage')

    async def stop(self) -> None:
        """Save what is left and close the store; anything logged later is lost."""
        self._publish_all()
        await self._writer.stop()

    # -- appending ----------------------------------------------------------------------------------------------------

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
        """Log one entry; it is published before this turn of the loop ends, in a flood soon after.

        :param level: an unknown level counts as `info`, so that no line of a step is lost over it
        :param message: said in our own language if it is a `Text`; cut after 16,384 characters, with its length in the
            field `cut`
        :param timestamp: ISO 8601 with offset if it is text; defaults to now
        """
        entry = self._entry(level, message, source, run, step, fields, timestamp)
        self._add([entry])
        return entry

    def extend(self, rows: Iterable[Mapping[str, Any]]) -> list[Entry]:
        """Log many entries, each a mapping of the arguments of `append`."""
        entries = [self._entry(**row) for row in rows]
        self._add(entries)
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
        """Log the output of a process: for each line when it was printed, as ISO 8601 with offset, and its text.

        Does the same as `extend` in less than half the time. Pass a thousand lines at most to keep the loop responsive.
        """
        known, source, boot, seq = LEVELS.get(level, Level.INFO), self._scrubber.text(source), self._boot, self.last_seq
        is_unscrubbed, text_of = self._scrubber.is_idle, self._scrubber.text
        nothing: dict[str, Any] = {}
        logged_at, moment, entries = '', now_utc(), []
        for timestamp, line in lines:
            seq += 1
            if timestamp != logged_at:
                logged_at, moment = timestamp, _moment(timestamp)
            text, fields = line if is_unscrubbed and line.isascii() else text_of(line), nothing
            if len(text) > LONGEST_TEXT:
                text, fields = text[:LONGEST_TEXT], {'cut': len(text)}
            entries.append(_new_entry((f'{boot}-{seq}', seq, moment, known, text, source, run, step, fields)))
        self.last_seq = seq
        self._add(entries)
        return entries

    def redraw(self, run: str, rows: Sequence[Entry]) -> None:
        """Show these rows of a run, instead of those shown before: what its programs have written of their next lines.

        They are not entries, and are not saved. Entries logged before this call are published before the rows are, so
        that a row and the entry it has become never appear together.

        :param rows: in order, with a `seq` of 0 and ids that tell them apart
        """
        self._redrawn[run] = tuple(row._replace(message=self._scrubber.unfinished(row.message)) for row in rows)
        self._publish_soon()

    def rows(self, run: str | None = None) -> list[Entry]:
        """The rows that are being written now, of one run or of all; `seq` is 0, and `id` tells them apart."""
        return [row for owner, rows in self._rows.items() if run in (None, owner) for row in rows]

    def hide(self, run_id: str, secrets: Iterable[str]) -> None:
        """Replace these values by `***` in everything that is logged, until `unhide`."""
        self._scrubber.hide(run_id, secrets)

    def unhide(self, run_id: str) -> None:
        self._scrubber.unhide(run_id)

    def scrub(self, value: Any) -> Any:
        """The plain JSON value without hidden secrets: for what is shown elsewhere, such as errors of a run."""
        return self._scrubber.value(value)

    async def room_to_write(self) -> None:
        """Wait while too many entries are unpublished or unsaved, which slows a chatty step down to the disk."""
        while len(self._fresh) > MAX_UNPUBLISHED:  # noqa: ASYNC110 - each turn of the loop publishes some
            await asyncio.sleep(0)
        await self._writer.room()

    # -- reading ------------------------------------------------------------------------------------------------------

    def recent(self, n: int, *, run: str | None = None) -> list[Entry]:
        newest_first = (entry for entry in reversed(self.ring) if run is None or entry.run == run)
        return list(itertools.islice(newest_first, n))[::-1]

    async def query(self, *, search: Search | None = None, **filters: Any) -> list[Entry]:
        """The matching entries, newest first, including those logged this very moment.

        :param filters: as for `storage.logs.store.LogStore.query`; times may be aware datetimes
        :raises Invalid: if the regular expression of `search` takes too long
        """
        await self.saved(self.last_seq)
        return await self._read(search=search, **filters)

    async def pages(self, **filters: Any) -> AsyncIterator[list[Entry]]:
        """All matching entries that exist now, oldest first, in pages of a thousand: for exports of any length.

        :param filters: as for `query`; `oldest_first=False` reverses the order
        """
        filters = {name: value for name, value in filters.items() if value is not None and name != 'limit'}
        is_forward = filters.setdefault('oldest_first', True)
        filters['before'] = min(filters.get('before') or self.last_seq + 1, self.last_seq + 1)
        await self.saved(self.last_seq)
        while page := await self._read(**filters, limit=_PAGE):
            yield page
            filters['after' if is_forward else 'before'] = page[-1].seq

    async def matching(self, search: Search, *, limit: int = 10_000, **filters: Any) -> Matches:
        """The newest `limit` matches, or those found within three seconds.

        Stops as soon as the caller is cancelled.
        """
        await self.saved(self.last_seq)
        given_up, deadline = Event(), time.monotonic() + SEARCH_SECONDS

        def is_over() -> bool:
            return search.is_too_slow or given_up.is_set() or time.monotonic() > deadline

        asked = store_filters({**filters, 'search': search})
        try:
            return await self._ask(self._matching, search, limit=limit, is_over=is_over, **asked)
        finally:
            given_up.set()

    async def histogram(
        self, start: datetime, end: datetime, *, buckets: int = 100, run: str | None = None, source: str | None = None
    ) -> Histogram:
        """The number of entries of each level in at most `buckets` buckets over a span, from stored counts.

        Buckets start at whole seconds, those longer than a minute at whole minutes: the first may start a bit early.
        """
        first, seconds, count = bucket_grid(start, end, buckets)
        counts = await self._ask(self._store.histogram, first, seconds, count, run=run, source=source)
        return Histogram(start=datetime.fromtimestamp(first, UTC), seconds=seconds, counts=counts)

    async def span(self) -> tuple[datetime, datetime] | None:
        """The timestamps of the oldest and the newest entry, or None if there are no entries."""
        found = await self._ask(self._store.span)
        return None if found is None else (datetime.fromisoformat(found[0]), datetime.fromisoformat(found[1]))

    async def sources(self) -> list[tuple[str, int]]:
        """All sources with their number of entries, most entries first."""
        return await self._ask(self._store.sources)

    async def size(self) -> int:
        """Bytes that the log takes on disk, without its journal of a few MB."""
        with user_errors():
            return await asyncio.to_thread(self._store.size)

    async def saved(self, seq: int) -> bool:
        """Wait until everything up to this entry is on disk; returns False while the disk refuses."""
        return await self._writer.saved(seq)

    @property
    def save_error(self) -> StorageError | None:
        """Why entries cannot be saved at present, or None."""
        return self._writer.error

    async def stats(self, start: datetime | str | None = None, end: datetime | str | None = None) -> dict[str, int]:
        """The number of entries of each level and the `total`, from `start` up to but excluding `end`."""
        if start is None and end is None:
            self._publish_all()
            return self.counters.as_stats()
        counts = await self._ask(self._store.stats, **store_filters({'start': start, 'end': end}))
        return {**counts, 'total': sum(counts.values())}

    def mark_seen(self) -> None:
        self._publish_all()
        self.counters.unseen_errors = 0

    # -- deleting -----------------------------------------------------------------------------------------------------

    async def clear(self, before: int | None = None, *, who: str) -> int:
        """Delete the entries with a `seq` below `before`, or all; returns how many. A new entry records who did.

        :raises DiskIsFull: if there is not even room for that
        """
        limit = self.last_seq + 1 if before is None else max(1, min(before, self.last_seq + 1))
        await self.saved(limit - 1)
        removed = await self._pruner.clear(limit)
        if before is None:
            self.counters.unseen_errors = 0
        text = _n(
            '{who} cleared the log: {count} entries removed',
            '{who} cleared the log: {count} entries removed',
            removed,
            who=who,
        )
        self.append(Level.INFO, text, source='log')
        return removed

    async def retain(self, *, max_age: timedelta | None, max_bytes: int | None) -> int:
        """Delete entries older than `max_age`, and the oldest beyond `max_bytes`; returns how many.

        Works in small steps, between which new entries are saved.

        :raises DiskIsFull: if there is not even room for that
        """
        await self.saved(self.last_seq)
        return await self._pruner.retain(max_age, max_bytes)

    # -- internals ----------------------------------------------------------------------------------------------------

    async def _ask(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a method of the store in a thread, once everything logged so far is saved."""
        await self.saved(self.last_seq)
        with user_errors():
            return await asyncio.to_thread(function, *arguments, **named)

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
        run: str | None = None,
        step: str | None = None,
        fields: Mapping[str, Any] | None = None,
        timestamp: datetime | str | None = None,
    ) -> Entry:
        self.last_seq += 1
        text = self._scrubber.text(own(message))
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

    def _add(self, entries: list[Entry]) -> None:
        if not entries:
            return
        self._fresh.extend(entries)
        self._publish_soon()
        self.ring.extend(entries)
        self._writer.add(entries)

    def publish_at_once(self) -> None:
        """Publish what is logged before this turn of the loop ends, even in a flood: because it ends."""
        self._publish_at = 0.0
        if self._fresh:
            self._publish_soon()

    def _publish_soon(self) -> None:
        if self._is_due:
            return
        loop = asyncio.get_running_loop()
        if loop.time() < self._publish_at and len(self._fresh) < PUBLISH_ENTRIES:
            self._publish_timer = self._publish_timer or loop.call_at(self._publish_at, self._publish)
            return
        self._is_due = True
        loop.call_soon(self._publish)

    def _publish(self) -> None:
        self._is_due = False
        if self._publish_timer is not None:
            self._publish_timer.cancel()
            self._publish_timer = None
        if not self._fresh:
            self._publish_rows()
            return
        entries = tuple(self._fresh.popleft() for _ in range(min(len(self._fresh), PUBLISH_ENTRIES)))
        if len(entries) > FEW:
            self._publish_at = asyncio.get_running_loop().time() + min(
                PUBLISH_SECONDS, len(entries) / PUBLISH_PER_SECOND
            )
        if self._fresh:
            self._publish_soon()
        counts = Counter([entry.level for entry in entries])
        self.counters.add(counts)
        self.rate.add(counts)
        self.is_publishing = True
        try:
            self._bus.publish(LinesLogged(entries))
        finally:
            self.is_publishing = False
        if not self._fresh:
            self._publish_rows()

    def _publish_rows(self) -> None:
        if not self._redrawn:
            return
        self._rows = {run: rows for run, rows in {**self._rows, **self._redrawn}.items() if rows}
        self._redrawn = {}
        self._bus.publish(RowsRedrawn(tuple(self.rows())))

    def _publish_all(self) -> None:
        # A subscriber that calls this while being notified must not let others see later entries first.
        while self._fresh and not self.is_publishing:
            self._publish()

    async def _recount(self) -> None:
        """Set the counters from the store and the unsaved entries. Hold the writer's lock."""
        stored = await self._writer.in_thread(self._store.stats)
        self._publish_all()
        waiting = Counter(entry.level for entry in self._writer.unsaved)
        for level in Level:
            setattr(self.counters, level.value, stored[level.value] + waiting[level])
        self.counters.total = sum(stored.values()) + waiting.total()

    def _count_removed(self, counts: Mapping[Level, int]) -> None:
        self._publish_all()
        self.counters.subtract(counts)

    def _report_failure(self, error: StorageError) -> None:
        self.append(
            Level.ERROR,
            _(
                'Log entries cannot be saved: {error} The newest {number} are kept in memory until it works again.',
                error=error,
                number=number(MAX_UNSAVED),
            ),
            source='log',
        )

    def _report_recovery(self, levels: Counter[Level]) -> None:
        if lost := levels.total():
            self.counters.subtract(levels)
            text = _n(
                'Log entries are saved again; {count} older ones did not fit in memory and are lost.',
                'Log entries are saved again; {count} older ones did not fit in memory and are lost.',
                lost,
            )
            self.append(Level.WARNING, text, source='log', fields={'lost': lost})
        else:
            self.append(Level.INFO, _('Log entries are saved again; none was lost.'), source='log')


_new_entry: Callable[[tuple[Any, ...]], Entry] = partial(tuple.__new__, Entry)


def _moment(timestamp: datetime | str | None) -> datetime:
    if timestamp is None:
        return now_utc()
    try:
        moment = datetime.fromisoformat(timestamp) if isinstance(timestamp, str) else timestamp
        return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return now_utc()
