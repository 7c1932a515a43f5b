"""The one log of everything: numbered entries, pushed at once, saved a moment later, free of secrets."""

import asyncio
import contextlib
import itertools
import logging
import secrets
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from nicegui.binding import bindable_dataclass

from storage.files import DiskFull, StorageError
from storage.logs import LogStore

from .bus import Bus, LinesLogged, LogCleared
from .errors import DiskIsFull, NotReady, SynapseError
from .log_handler import LogHandler as LogHandler
from .log_writer import MOST_UNSAVED, LogWriter
from .records import now_utc
from .scrubber import LONGEST_TEXT, Scrubber

RING = 5_000
KEEP_ENTRIES = 1_000_000
_TRIM_EVERY = 20_000
_PAGE = 1_000


class Level(StrEnum):
    """How much an entry matters, from least to most; `rank` says which is more."""

    DEBUG = 'debug'
    INFO = 'info'
    SUCCESS = 'success'
    WARNING = 'warning'
    ERROR = 'error'
    CRITICAL = 'critical'

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {level: rank for rank, level in enumerate(Level)}
_LEVELS = {level.value: level for level in Level}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log; `seq` grows by one over all entries, `id` is unlike any other ever."""

    id: str
    seq: int
    timestamp: datetime
    level: Level
    message: str
    source: str
    run: str | None = None
    step: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values with the names of the API, as the store keeps them too."""
        return {
            'id': self.id,
            'seq': self.seq,
            'timestamp': self.timestamp.isoformat(),
            'level': self.level.value,
            'message': self.message,
            'source': self.source,
            'run': self.run,
            'step': self.step,
            'fields': self.fields,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> 'Entry':
        """The entry that `as_json` came from."""
        changed = {'timestamp': datetime.fromisoformat(row['timestamp']), 'level': Level(row['level'])}
        return cls(**{**row, **changed})


@bindable_dataclass
class LogCounters:
    """How many entries of each level the log holds, and how many errors came since somebody looked."""

    debug: int = 0
    info: int = 0
    success: int = 0
    warning: int = 0
    error: int = 0
    critical: int = 0
    total: int = 0
    unseen_errors: int = 0

    def as_stats(self) -> dict[str, int]:
        """The counts as the API gives them."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name != 'unseen_errors'}


class Log:
    """What was said, newest last in `ring`, all of it in the store. Used on the event loop only.

    Entries are published as `LinesLogged` in one batch per turn of the loop, however many there are, and are on
    screens before they are on the disk. The oldest go when there are more than `keep_entries`.
    """

    def __init__(self, store: LogStore, bus: Bus, *, keep_entries: int = KEEP_ENTRIES) -> None:
        self.counters = LogCounters()
        self.ring: deque[Entry] = deque(maxlen=RING)
        self.last_seq = store.last_seq()
        self.is_telling = False
        self._bus, self._store, self._keep_entries = bus, store, keep_entries
        # Numbers that a power loss took back are given again: so the id also names this start.
        self._boot = secrets.token_hex(4)
        self._fresh: list[Entry] = []
        self._scrubber = Scrubber()
        self._writer = LogWriter(store, on_trouble=self._say_trouble, on_recovery=self._say_recovery)
        self._trimmed_at = self.last_seq
        self._trimming: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Recall the newest entries and the counts of an earlier start, and begin to save."""
        async with self._writer.lock:
            rows = await self._writer.in_thread(self._store.query, limit=RING)
            earlier = [Entry.from_json(row) for row in reversed(rows)]
            self.ring = deque([*earlier, *self.ring], maxlen=RING)
            await self._recount()
        self._writer.start()
        for notice in self._store.notices:
            self.append(Level.WARNING, notice, source='storage')

    async def stop(self) -> None:
        """Save what is left and let go of the store; what is logged after this is lost."""
        self._tell()
        if self._trimming is not None:
            await self._trimming
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
        """Log one line; it is published before this turn of the loop ends.

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
        """Wait while more entries are unsaved than may be: what makes a chatty step wait for the disk."""
        await self._writer.room()

    # -- asking -----------------------------------------------------------------------------------------------------

    def recent(self, n: int, *, run: str | None = None) -> list[Entry]:
        """At most `n` of the entries in memory, newest last."""
        newest_first = (entry for entry in reversed(self.ring) if run is None or entry.run == run)
        return list(itertools.islice(newest_first, n))[::-1]

    async def query(self, **filters: Any) -> list[Entry]:
        """Entries from the store that fit, including those of this very moment, newest first.

        :param filters: as of `storage.logs.LogStore.query`; times may be aware datetimes
        """
        await self.saved(self.last_seq)
        with _named_errors():
            rows = await asyncio.to_thread(self._store.query, **_plain(filters))
        return [Entry.from_json(row) for row in rows]

    async def pages(self, **filters: Any) -> AsyncIterator[list[Entry]]:
        """All entries that fit and exist now, oldest first, a thousand at a time: for an export of any length."""
        filters = _plain(filters)
        filters.pop('limit', None)
        filters['before'] = min(filters.get('before') or self.last_seq + 1, self.last_seq + 1)
        await self.saved(self.last_seq)
        while True:
            with _named_errors():
                rows = await asyncio.to_thread(self._store.query, **filters, limit=_PAGE, oldest_first=True)
            if not rows:
                return
            yield [Entry.from_json(row) for row in rows]
            filters['after'] = rows[-1]['seq']

    async def saved(self, seq: int) -> bool:
        """Whether all up to this entry is on disk, after waiting for it; false while the disk refuses."""
        return await self._writer.saved(seq)

    @property
    def trouble(self) -> StorageError | None:
        """Why entries cannot be saved at present."""
        return self._writer.trouble

    async def stats(self, start: datetime | str | None = None, end: datetime | str | None = None) -> dict[str, int]:
        """How many entries of each level there are, and `total`; between two moments, the second not included."""
        if start is None and end is None:
            self._tell()
            return self.counters.as_stats()
        await self.saved(self.last_seq)
        with _named_errors():
            counts = await asyncio.to_thread(self._store.stats, **_plain({'start': start, 'end': end}))
        return {**counts, 'total': sum(counts.values())}

    def seen(self) -> None:
        """Somebody looked at the log: no error is unseen now."""
        self._tell()
        self.counters.unseen_errors = 0

    async def clear(self, before: int | None = None, *, who: str) -> int:
        """Forget the entries with a smaller `seq`, or all; gives how many. One new entry says who did it.

        :raises DiskIsFull: if there is not even room for that
        """
        limit = self.last_seq + 1 if before is None else max(1, min(before, self.last_seq + 1))
        await self.saved(limit - 1)
        async with self._writer.lock:
            with _named_errors():
                gone = await self._writer.in_thread(self._store.clear, limit)
            self._writer.forget(limit)
            self.ring = deque((entry for entry in self.ring if entry.seq >= limit), maxlen=RING)
            if before is None:
                self.counters.unseen_errors = 0
            await self._recount()
        self._bus.publish(LogCleared(seq=limit - 1))
        self.append(Level.INFO, f'{who} cleared the log: {gone:,} entries are gone', source='log')
        return gone

    # -- inside -----------------------------------------------------------------------------------------------------

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
        kept = self._scrubber.value(fields) if fields else {}
        if len(text) > LONGEST_TEXT:
            kept.setdefault('cut', len(text))
            text = text[:LONGEST_TEXT]
        return Entry(
            id=f'{self._boot}-{self.last_seq}',
            seq=self.last_seq,
            timestamp=_moment(timestamp),
            level=_LEVELS.get(level, Level.INFO),
            message=text,
            source=self._scrubber.text(source),
            run=run,
            step=step,
            fields=kept,
        )

    def _take(self, entries: list[Entry]) -> None:
        if not entries:
            return
        if not self._fresh:
            asyncio.get_running_loop().call_soon(self._tell)
        self._fresh.extend(entries)
        self.ring.extend(entries)
        self._writer.add(entries)
        if self.last_seq - self._trimmed_at >= _TRIM_EVERY and self._trimming is None:
            self._trimmed_at = self.last_seq
            self._trimming = asyncio.create_task(self._trim(), name='log trimming')

    def _tell(self) -> None:
        if not self._fresh:
            return
        entries, self._fresh = tuple(self._fresh), []
        self._add_counts(Counter(entry.level for entry in entries))
        self.is_telling = True
        try:
            self._bus.publish(LinesLogged(entries))
        finally:
            self.is_telling = False

    def _add_counts(self, counts: Mapping[str, int]) -> None:
        for level, count in counts.items():
            setattr(self.counters, str(level), getattr(self.counters, str(level)) + count)
        self.counters.total += sum(counts.values())
        if errors := counts.get(Level.ERROR, 0) + counts.get(Level.CRITICAL, 0):
            self.counters.unseen_errors += errors

    async def _recount(self) -> None:
        """Set the counters to what the store has and what waits to be saved. Hold the writer's lock."""
        counts = Counter(await self._writer.in_thread(self._store.stats))
        self._tell()
        counts.update(entry.level.value for entry in self._writer.unsaved)
        for level in Level:
            setattr(self.counters, level.value, counts[level.value])
        self.counters.total = counts.total()

    async def _trim(self) -> None:
        try:
            async with self._writer.lock:
                if await self._writer.in_thread(self._store.clear, self.last_seq - self._keep_entries + 1):
                    await self._recount()
        except StorageError as error:
            _log.warning('old log entries could not be removed: %s', error)
        finally:
            self._trimming = None

    def _say_trouble(self, error: StorageError) -> None:
        self.append(
            Level.ERROR,
            f'Log entries cannot be saved: {error} The newest {MOST_UNSAVED:,} wait in memory until it works again.',
            source='log',
        )

    def _say_recovery(self, lost: int) -> None:
        if lost:
            text = f'Log entries are saved again; {lost:,} older ones did not fit in memory and are lost.'
            self.append(Level.WARNING, text, source='log', fields={'lost': lost})
        else:
            self.append(Level.INFO, 'Log entries are saved again; none was lost.', source='log')


_log = logging.getLogger(__name__)


def _moment(timestamp: datetime | str | None) -> datetime:
    if timestamp is None:
        return now_utc()
    try:
        moment = datetime.fromisoformat(timestamp) if isinstance(timestamp, str) else timestamp
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return now_utc()


def _plain(filters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in filters.items()
        if value is not None
    }


@contextlib.contextmanager
def _named_errors() -> Iterator[None]:
    """Turn what the cellar says into what a person may meet."""
    try:
        yield
    except StorageError as error:
        raise _for_person(error) from error


def _for_person(error: StorageError) -> SynapseError:
    if isinstance(error, DiskFull):
        return DiskIsFull(str(error))
    return NotReady('log_not_readable', f'The log cannot be read: {error}', 'Look at the disk of the data folder.')
