"""Log entries in SQLite: numbered, found by any part of their text, and counted so that no figure needs a scan.

A commit survives the death of the process; a power loss may take the last moments, but never leaves them half written.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from storage.database import (
    Rescue,
    close_database,
    erasing,
    iso,
    micros,
    named_sqlite_errors,
    open_database,
    transaction,
)

from . import counts, trigrams
from .query import LEVELS as LEVELS
from .query import LogQuery, Part
from .rescue import is_whole, recover
from .rewriting import rewrite_some
from .rows import Document, LineBatch, LogRow, Values, from_document, tally_of, to_document
from .schema import MINUTE, SECOND, migrate
from .text import folded, plain

Matcher = Callable[[Sequence[str]], Sequence[int]]
"""The positions of the matching texts among many, each without terminal escapes."""

_PAGE = 1_000
_INSERT_ROWS = 2_500
_CLEAR_ROWS = 4_000
_TEXTS = 100
_VACUUM_PAGES = 250
_SCAN_ROWS = 40_000
_MATCH_ROWS = 2_000
_FEW = 20_000
_JOURNAL_BYTES = 16 * 1024 * 1024
_PLACEHOLDERS = f'({", ".join("?" * len(LogRow._fields))})'
_INSERT_LINES = (
    "INSERT INTO entries SELECT ?1 + key, ?2 || (?1 + key), ?3, '', ?4, value, ?5, ?6, ?7, NULL, NULL "
    'FROM json_each(?8) ORDER BY key'
)
# A matcher reads the message, which is the last column of every search.
_COLUMNS = 'e.seq, e.id, e.at, e.timestamp, e.level, e.source, e.run, e.step, e.fields, e.message'


@dataclass(frozen=True, slots=True)
class Found:
    """The `seq` of matching rows, newest first; everything from `searched_to` on was searched, 0 if all was."""

    seqs: list[int]
    searched_to: int


class LogStore:
    """Rows `{id, seq, timestamp, level, message, source, run, step, fields}`; safe to use from several threads.

    One connection writes and another reads, so a long search never delays a write. No single statement reads for
    long: the journal can only be emptied while nothing reads.

    :param was_used: whether there must be a log already; a missing or empty file is damage then
    :raises NewerSchema: if the file was written by a newer version; it is left untouched
    """

    def __init__(self, path: Path, *, was_used: bool = False) -> None:
        self._path = path
        self._write_lock, self._read_lock = threading.Lock(), threading.Lock()
        self._writer, self.damage = open_database(
            path,
            '',
            synchronous='NORMAL',
            prepare=lambda connection: migrate(connection, path),
            rescue=Rescue(is_whole, recover, was_used),
        )
        self.notices = [self.damage.sentence] if self.damage else []
        """What was found damaged and recovered when the file was opened."""
        self._writer.execute(f'PRAGMA journal_size_limit={_JOURNAL_BYTES}')
        self.has_index = trigrams.is_available(self._writer)
        self._reader, _ = open_database(path, '', synchronous='NORMAL')

    # -- writing ------------------------------------------------------------------------------------------------------

    def append(self, rows: Sequence[Mapping[str, Any] | LogRow | LineBatch]) -> None:
        """Store these rows, all or none; `seq` must grow from row to row and from call to call.

        :param rows: documents, or what `row_of` and `batch_of` return
        :raises DiskFull: if there is no room
        """
        if not rows:
            return
        stored = [row if isinstance(row, LogRow | LineBatch) else from_document(row) for row in rows]
        tallies = [tally_of(row) for row in stored]
        with self._write_lock, named_sqlite_errors(self._path), transaction(self._writer):
            self._insert([row for row in stored if isinstance(row, LogRow)])
            for row in stored:
                if isinstance(row, LineBatch):
                    self._insert_lines(row)
            counts.add(self._writer, tallies)
            last = stored[-1].last
            self._writer.execute("UPDATE meta SET value = ? WHERE key = 'last_seq' AND value < ?", [last, last])

    def index_next(self) -> bool:
        """Add the next few thousand rows to the text index; returns whether more are left. Changes no result."""
        if not self.has_index:
            return False
        with self._write_lock, named_sqlite_errors(self._path), transaction(self._writer):
            return trigrams.index_next(self._writer)

    def rewrite(self, texts: Sequence[str], change: Callable[[str], str]) -> int:
        """Apply `change` to messages and fields of entries that contain one of these texts; returns how many changed.

        Some thousand entries at a time. What was there before is overwritten in the file and its journal. If the
        process dies meanwhile, do it again. From the first changed entry on, the text index is built again.
        """
        total = 0
        with self._write_lock, named_sqlite_errors(self._path), erasing(self._writer):
            for start in range(0, len(texts), _TEXTS):
                reached: int | None = 0
                while reached is not None:
                    with transaction(self._writer):
                        some = texts[start : start + _TEXTS]
                        reached, changed = rewrite_some(self._writer, reached, some, change)
                    total += changed
        return total

    def last_seq(self) -> int:
        """The greatest `seq` ever stored; clearing rows does not lower it."""
        return int(self._read("SELECT value FROM meta WHERE key = 'last_seq'", [])[0][0])

    # -- reading ------------------------------------------------------------------------------------------------------

    def query(
        self,
        *,
        q: str | None = None,
        texts: Sequence[str] = (),
        matcher: Matcher | None = None,
        limit: int = 200,
        oldest_first: bool = False,
        **filters: Any,
    ) -> list[Document]:
        """The matching rows, newest first, at most `limit`.

        :param q: text that the message as shown must contain, ignoring case
        :param texts: more such texts
        :param matcher: decides which of the messages that contain them match
        :param oldest_first: reverses the order, so that `limit` keeps the oldest
        :param filters: `level_min`, `levels`, `source`, `run`, `step`; `start` (inclusive) and `end` (exclusive),
            ISO 8601 with offset; only rows with a `seq` below `before` and above `after`
        """
        query = self._build_query(**filters)
        texts = [text for text in (q, *texts) if text]
        rows: list[Values] = []
        for found, _ in self._search(query, texts, matcher, _COLUMNS, limit, oldest_first=oldest_first):
            rows += found
            if len(rows) >= limit:
                break
        return [to_document(row) for row in rows[:limit]]

    def matching(
        self, *, texts: Sequence[str], matcher: Matcher | None, limit: int, is_over: Callable[[], bool], **filters: Any
    ) -> Found:
        """The `seq` of the newest matching rows, at most `limit`; those found by then if `is_over` comes first."""
        query = self._build_query(**filters)
        columns = 'e.seq, e.message' if matcher else 'e.seq'
        seqs: list[int] = []
        for found, reached in self._search(query, texts, matcher, columns, limit + 1, oldest_first=False):
            seqs += [row[0] for row in found]
            if len(seqs) > limit:
                return Found(seqs[:limit], seqs[limit - 1])
            if is_over() and reached > query.low:
                return Found(seqs, reached)
        return Found(seqs, 0)

    def iterate(self, **filters: Any) -> Iterator[Document]:
        """Every matching row, oldest first, read page by page; filters as for `query`."""
        while page := self.query(**filters, limit=_PAGE, oldest_first=True):
            yield from page
            filters['after'] = page[-1]['seq']

    def stats(self, start: str | None = None, end: str | None = None) -> dict[str, int]:
        """The number of rows of each level; only those within the two seconds at the edges are read one by one."""
        first, last = micros(start) if start else None, micros(end) if end else None
        totals = dict.fromkeys(LEVELS, 0)
        for level, entries in counts.by_level(self._read, first, last):
            totals[LEVELS[level]] += entries
        return totals

    def histogram(
        self, start: int, width: int, buckets: int, *, run: str | None = None, source: str | None = None
    ) -> list[tuple[int, ...]]:
        """The number of rows of each level in each of `buckets` buckets of `width` seconds.

        :param start: seconds since 1970; a whole minute if `width` is in whole minutes
        """
        unit = MINUTE if width % 60 == 0 else SECOND
        seconds = unit // SECOND
        totals = [[0] * len(LEVELS) for _ in range(buckets)]
        found = counts.by_bucket(self._read, start // seconds, unit, width // seconds, buckets, run=run, source=source)
        for bucket, level, entries in found:
            totals[bucket][level] = entries
        return [tuple(levels) for levels in totals]

    def seconds(self, since: int) -> list[tuple[int, str, int]]:
        """`(second since 1970, level, rows)` from this second on."""
        return [(at, LEVELS[level], rows) for at, level, rows in counts.by_second(self._read, since)]

    def sources(self) -> list[tuple[str, int]]:
        return [(source, rows) for source, rows in counts.by_source(self._read)]

    def span(self) -> tuple[str, str] | None:
        """The moments of the oldest and the newest row, ISO 8601; None if there are no rows."""
        edges = counts.edges(self._read)
        return None if edges is None else (iso(edges[0]), iso(edges[1]))

    def size(self) -> int:
        """Bytes that the rows and their indexes take, without the journal, which takes a few MB at times."""
        query = (
            'SELECT (page_count - freelist_count) * page_size '
            'FROM pragma_page_count, pragma_freelist_count, pragma_page_size'
        )
        return int(self._read(query, [])[0][0])

    def first_since(self, moment: str) -> int | None:
        """The smallest `seq` of a row from this moment on, or None."""
        query = self._build_query(start=moment)
        found = self._read(*query.select('e.seq', query.whole(oldest_first=True), limit=1, oldest_first=True))
        return found[0][0] if found else None

    def oldest(self) -> int | None:
        value: int | None = self._read('SELECT MIN(seq) FROM entries', [])[0][0]
        return value

    # -- clearing -----------------------------------------------------------------------------------------------------

    def clear(self, before_seq: int | None = None) -> int:
        """Delete the rows with a smaller `seq`, or all; returns how many. Their numbers are not used again."""
        limit = self.last_seq() + 1 if before_seq is None else before_seq
        removed = 0
        while some := sum(self.clear_some(limit)):
            removed += some
        while self.give_space_back():
            pass
        return removed

    def clear_some(self, limit: int) -> list[int]:
        """Delete a few thousand rows with a `seq` below `limit`, oldest first; returns how many of each level."""
        with self._write_lock, named_sqlite_errors(self._path), transaction(self._writer):
            last = self._writer.execute(
                'SELECT MAX(seq) FROM (SELECT seq FROM entries WHERE seq < ? ORDER BY seq LIMIT ?)',
                [limit, _CLEAR_ROWS],
            ).fetchone()[0]
            if last is None:
                return [0] * len(LEVELS)
            removed = counts.subtract(self._writer, last)
            self._writer.execute('DELETE FROM entries WHERE seq <= ?', [last])
            if self.has_index:
                trigrams.drop_before(self._writer, last + 1)
            return removed

    def give_space_back(self) -> bool:
        """Shrink the file by a megabyte of free pages; returns whether more are left."""
        with self._write_lock, named_sqlite_errors(self._path):
            # `executescript`, since `execute` steps a statement without columns only once: one page of many.
            self._writer.executescript(f'PRAGMA incremental_vacuum({_VACUUM_PAGES})')
            if self._writer.execute('PRAGMA freelist_count').fetchone()[0]:
                return True
            with self._read_lock:  # so that the checkpoint waits for no reader
                self._writer.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchall()
            return False

    def close(self) -> None:
        with self._write_lock, self._read_lock:
            self._reader.close()
            close_database(self._path, self._writer)

    # -- internals ----------------------------------------------------------------------------------------------------

    def _insert(self, rows: Sequence[LogRow]) -> None:
        # One statement for many rows: after each statement this thread has to win the interpreter back, which takes
        # 5 ms while the event loop is busy. Row by row that would be 200 lines a second.
        for start in range(0, len(rows), _INSERT_ROWS):
            some = rows[start : start + _INSERT_ROWS]
            places = ', '.join([_PLACEHOLDERS] * len(some))
            self._writer.execute(f'INSERT INTO entries VALUES {places}', [*chain.from_iterable(some)])  # noqa: S608

    def _insert_lines(self, lines: LineBatch) -> None:
        # As one value: SQLite takes it apart while other threads have the interpreter.
        first = lines.first
        prefix = first.id.removesuffix(str(first.seq))
        common = [first.seq, prefix, first.at, first.level, first.source, first.run, first.step]
        self._writer.execute(_INSERT_LINES, [*common, json.dumps(lines.messages)])

    def _build_query(
        self,
        *,
        level_min: str | None = None,
        levels: Sequence[str] | None = None,
        source: str | None = None,
        run: str | None = None,
        step: str | None = None,
        start: str | None = None,
        end: str | None = None,
        before: int | None = None,
        after: int | None = None,
    ) -> LogQuery:
        query = LogQuery()
        query.levels(level_min, levels)
        query.equal('source', source)
        query.equal('run', run)
        query.equal('step', step)
        query.within(0 if after is None else after + 1, (1 << 62) if before is None else before - 1)
        if start is not None or end is not None:
            query.between(start, end)
            first, last = (None if moment is None else micros(moment) for moment in (start, end))
            query.within(*counts.bounds(self._read, first, last))
        return query

    def _search(
        self,
        query: LogQuery,
        texts: Sequence[str],
        matcher: Matcher | None,
        columns: str,
        limit: int,
        *,
        oldest_first: bool,
    ) -> Iterator[tuple[list[Values], int]]:
        """Matching rows in order, in batches, each with the `seq` that the search has reached."""
        if query.matches_nothing:
            return
        texts = [folded(text) for text in texts]
        for text in texts:
            query.contains(text)
        is_text_search = bool(texts or matcher)
        index, is_few = self._best_index(query, few=_FEW if is_text_search else 0)
        parts: Iterator[Part] = iter([query.whole(index, oldest_first=oldest_first)])
        if is_text_search and not is_few:
            parts = self._parts(query, texts, _MATCH_ROWS if matcher else _SCAN_ROWS, oldest_first=oldest_first)
        for part in parts:
            statement = query.select(columns, part, limit=-1 if matcher else limit, oldest_first=oldest_first)
            rows = self._read(*statement)
            if matcher is not None:
                rows = [rows[place] for place in matcher([plain(row[-1]) for row in rows])]
            yield rows, part.reaches

    def _best_index(self, query: LogQuery, *, few: int) -> tuple[str, bool]:
        """The index that leads to the fewest rows, and whether those are at most `few`."""
        if not query.indexes:
            return '', False
        if not few and len(query.indexes) == 1:
            return query.indexes[0].name, False
        sizes = [(self._read(*query.count(index, (few or _PAGE) + 1))[0][0], index.name) for index in query.indexes]
        size, name = min(sizes)
        return name, size <= few

    def _parts(self, query: LogQuery, texts: Sequence[str], step: int, *, oldest_first: bool) -> Iterator[Part]:
        """The parts of the log that may hold these texts, in order; `step` rows each where they are not indexed."""
        # Two selections, since SQLite would look at every row for MIN and MAX in one.
        edges = 'SELECT (SELECT MIN(seq) FROM entries), (SELECT MAX(seq) FROM entries)'
        lowest, highest = self._read(edges, [])[0]
        low, high = max(query.low, lowest or 0), min(query.high, highest or 0)
        is_indexed = self.has_index and any(len(text) >= trigrams.LENGTH for text in texts)
        end = trigrams.end_of(self._read) if is_indexed else low
        scanned = _scan(max(low, end), high, step, oldest_first=oldest_first)
        indexed = self._indexed(texts, low, min(high, end - 1), oldest_first=oldest_first)
        yield from chain(indexed, scanned) if oldest_first else chain(scanned, indexed)

    def _indexed(self, texts: Sequence[str], low: int, high: int, *, oldest_first: bool) -> Iterator[Part]:
        if low > high:
            return
        size = trigrams.BLOCK
        source = 'json_each(?) b CROSS JOIN entries e NOT INDEXED'
        condition = f'e.seq BETWEEN MAX(b.value * {size}, ?) AND MIN(b.value * {size} + {size - 1}, ?)'
        for blocks in trigrams.blocks_with(self._read, texts, low, high, oldest_first=oldest_first):
            for some in _growing(blocks):
                reached = some[-1] * size + (size - 1 if oldest_first else 0)
                yield Part(source, condition, [json.dumps(some), low, high], reached)

    def _read(self, query: str, values: Sequence[Any]) -> list[Values]:
        with self._read_lock, named_sqlite_errors(self._path):
            try:
                return self._reader.execute(query, values).fetchall()
            except sqlite3.OperationalError as error:
                if 'Could not decode' not in str(error):
                    raise
            # A byte of a line is damaged: the line is shown all the same, and so are those around it.
            self._reader.text_factory = lambda data: data.decode(errors='replace')
            return self._reader.execute(query, values).fetchall()


def _scan(low: int, high: int, step: int, *, oldest_first: bool) -> Iterator[Part]:
    starts = range(low, high + 1, step) if oldest_first else range(high - step + 1, low - step, -step)
    for start in starts:
        first, last = max(start, low), min(start + step - 1, high)
        yield Part('entries e NOT INDEXED', 'e.seq BETWEEN ? AND ?', [first, last], last if oldest_first else first)


def _growing(blocks: Sequence[int]) -> Iterator[Sequence[int]]:
    """Small slices first, since the newest blocks often suffice."""
    start, size = 0, 8
    while start < len(blocks):
        yield blocks[start : start + size]
        start, size = start + size, min(size * 4, 1024)
