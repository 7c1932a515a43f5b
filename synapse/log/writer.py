"""Saves log entries in the background: in batches, in a thread, never delaying their publication."""

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, islice
from operator import attrgetter
from typing import ParamSpec, TypeVar

from storage.files import StorageError
from storage.logs.rows import LineBatch, LogRow, batch_of, row_of
from storage.logs.store import LogStore
from synapse.language import _
from synapse.waiting import is_set_within

from .entry import RANKS, Entry, Level, size_of

log = logging.getLogger(__name__)

P = ParamSpec('P')
T = TypeVar('T')

BATCH_SECONDS = 0.1
BATCH_ENTRIES = 500
MAX_BATCH = 5_000
MAX_UNSAVED = 40_000
MAX_CHARACTERS = 64 * 1024**2
"""The limit on the characters of unsaved entries, however few these are."""
MIN_UNINDEXED = 1_024
MAX_UNINDEXED = 200_000
CALM_SECONDS = 0.5
"""How long after a large batch indexing resumes: in a flood the processor has better things to do."""
MIN_LINES = 16
MAX_LINES_CHARACTERS = 8 * 1024**2
"""How many characters go to the store as one value."""
RETRY_SECONDS = 1.0
STOP_SECONDS = 5.0

_LIKENESS = attrgetter('timestamp', 'level', 'source', 'run', 'step', 'fields')


class LogWriter:
    """A queue of entries and the task that saves them. Use it on the event loop; only the store is used in a thread.

    While the store fails (a full disk) the newest 40,000 entries wait, fewer if they are long; older ones are dropped.

    :param on_failure: called once when saving begins to fail
    :param on_recovery: called once when it works again, with the number of dropped entries of each level
    """

    def __init__(
        self,
        store: LogStore,
        *,
        on_failure: Callable[[StorageError], None],
        on_recovery: Callable[[Counter[Level]], None],
    ) -> None:
        self.store = store
        self.unsaved: deque[Entry] = deque()
        self.error: StorageError | None = None
        self.lock = asyncio.Lock()
        """Held while a batch is being saved: its holder knows that `unsaved` is exactly what the store lacks."""
        self._on_failure, self._on_recovery = on_failure, on_recovery
        self._dropped: Counter[Level] = Counter()
        self._characters = 0
        self._unindexed = MIN_UNINDEXED  # an earlier start may have left some
        self._calm_at = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix='log-writer')
        self._changed = asyncio.Condition()
        self._filled, self._hurried = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False

    def start(self) -> None:
        """Start saving entries, including those added before."""
        self._task = asyncio.create_task(self._write_forever(), name='log writer')

    async def stop(self) -> None:
        """Save what is left, for at most five seconds if the store fails, then close it."""
        self._is_stopping = True
        self._wake()
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._task, STOP_SECONDS)
            self._task = None
        await self.in_thread(self.store.close)
        self._thread.shutdown(wait=False)
        await self._notify()

    def add(self, entries: Sequence[Entry]) -> None:
        self.unsaved.extend(entries)
        self._characters += size_of(entries)
        if self.error is not None:
            self._drop_oldest()
        self._filled.set()
        if len(self.unsaved) >= BATCH_ENTRIES:
            self._hurried.set()

    async def room(self) -> None:
        """Wait while more than 40,000 entries are unsaved; not while the store fails, since that may last."""
        if self._is_full:
            await self._until(lambda: not self._is_full)

    async def saved(self, seq: int) -> bool:
        """Wait until every entry up to `seq` is on disk; returns False if the store fails."""
        if not self._is_saved(seq):
            self._hurried.set()
            await self._until(lambda: self._is_saved(seq))
        return self._is_saved(seq)

    async def in_thread(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a function that waits for the disk, in turn with the batches."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*arguments, **named))

    def drop(self, before: int) -> list[Entry]:
        """Drop the unsaved entries with a `seq` below `before` and return them. Hold the lock."""
        first = self.unsaved[0].seq if self.unsaved else before
        return self._pop_oldest(before - first)

    @property
    def _is_full(self) -> bool:
        return len(self.unsaved) > MAX_UNSAVED or self._characters > MAX_CHARACTERS

    def _pop_oldest(self, count: int) -> list[Entry]:
        # `seq` has no gaps, so differences are counts.
        taken = [self.unsaved.popleft() for _ in range(min(count, len(self.unsaved)))]
        self._characters -= size_of(taken)
        return taken

    def _is_saved(self, seq: int) -> bool:
        return not self.unsaved or self.unsaved[0].seq > seq

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: condition() or self.error is not None or self._task is None)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _wake(self) -> None:
        self._filled.set()
        self._hurried.set()

    async def _write_forever(self) -> None:
        while self.unsaved or not self._is_stopping:
            await self._index()
            await self._filled.wait()
            if not self._is_stopping and len(self.unsaved) < BATCH_ENTRIES:
                await is_set_within(self._hurried, BATCH_SECONDS)
            self._hurried.clear()
            await self._save_some()
            if not self.unsaved and not self._is_stopping:
                self._filled.clear()

    async def _index(self) -> None:
        """Index texts while nothing waits to be saved: in a flood the index lags behind, but searches stay complete."""
        while self._unindexed >= MIN_UNINDEXED and len(self.unsaved) < BATCH_ENTRIES and not self._is_stopping:
            flooded_for = self._calm_at - asyncio.get_running_loop().time()
            if flooded_for > 0 and self._unindexed < MAX_UNINDEXED:
                await is_set_within(self._filled, flooded_for)
                if self._filled.is_set():
                    return
                continue
            try:
                if not await self.in_thread(self.store.index_next):
                    self._unindexed = 0
            except StorageError as error:
                log.warning(_('the text index of the log has to wait: %s'), error)
                self._unindexed = 0
            if self.unsaved:
                return

    async def _save_some(self) -> None:
        async with self.lock:
            batch = list(islice(self.unsaved, MAX_BATCH))
            try:
                await self.in_thread(self._save, batch)
            except StorageError as error:
                self._fail(error)
            else:
                if batch:
                    self.drop(batch[-1].seq + 1)
                    self._unindexed += len(batch)
                    if len(batch) >= BATCH_ENTRIES:
                        self._calm_at = asyncio.get_running_loop().time() + CALM_SECONDS
                    self._recover()
        await self._notify()
        if self.error is not None:
            await asyncio.sleep(RETRY_SECONDS)

    def _save(self, batch: Sequence[Entry]) -> None:
        try:
            self.store.append(_rows_of(batch))
        except StorageError:
            raise
        except Exception:
            # One row that the store cannot take must not hold up others; it is reported instead.
            log.exception(_('a batch of %s log entries was refused; saving them one by one'), len(batch))
            for entry in batch:
                self._save_alone(_row_of(entry))

    def _save_alone(self, row: LogRow) -> None:
        try:
            self.store.append([row])
        except StorageError:
            raise
        except Exception as error:
            log.error(_('log entry %s cannot be saved: %s'), row.seq, error)

    def _fail(self, error: StorageError) -> None:
        was_failing, self.error = self.error is not None, error
        self._drop_oldest()
        if not was_failing:
            self._on_failure(error)

    def _recover(self) -> None:
        if self.error is not None:
            self.error = None
            dropped, self._dropped = self._dropped, Counter()
            self._on_recovery(dropped)

    def _drop_oldest(self) -> None:
        while self._is_full:
            self._dropped[self._pop_oldest(1)[0].level] += 1


def _rows_of(batch: Sequence[Entry]) -> list[LogRow | LineBatch]:
    """Entries as the store takes them; those of a flood, which differ only in their message, as one batch."""
    rows: list[LogRow | LineBatch] = []
    for _likeness, alike in groupby(batch, key=_LIKENESS):
        entries = list(alike)
        lines = _batch_of(entries) if len(entries) >= MIN_LINES else None
        rows += [lines] if lines is not None else map(_row_of, entries)
    return rows


def _batch_of(entries: Sequence[Entry]) -> LineBatch | None:
    first, last = entries[0], entries[-1]
    messages = [entry.message for entry in entries]
    if first.fields or last.seq - first.seq != len(entries) - 1 or sum(map(len, messages)) > MAX_LINES_CHARACTERS:
        return None
    return batch_of(_row_of(first), messages)


def _row_of(entry: Entry) -> LogRow:
    id, seq, moment, level, message, source, run, step, fields = entry
    return row_of(seq, id, moment, RANKS[level], message, source, run, step, fields)
