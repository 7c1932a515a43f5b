"""Log lines in SQLite: numbered, found by any part of their text, counted so that no figure needs a scan.

A commit outlives the death of the process; the last moments before a power loss may be missing, never torn.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from storage.database import micros, named_sqlite_errors, open_database, transaction

from . import counts as log_counts
from . import words as log_words
from .question import LEVELS as LEVELS
from .question import Question
from .rows import LineBatch, Row, Values, _counted, _iso, _to_row, _to_values
from .schema import MINUTE, SECOND, bring_up
from .text import folded, plain

Piece = tuple[str, str, list[Any], int]
Fits = Callable[[Sequence[str]], Sequence[int]]

_PAGE = 1_000
_ROWS_AT_ONCE = 2_500
_CLEAR_AT_ONCE = 4_000
_PAGES_AT_ONCE = 250
_SCAN_AT_ONCE = 40_000
_TRY_AT_ONCE = 2_000
_FEW = 20_000
_JOURNAL_BYTES = 16 * 1024 * 1024
_PLACES = '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'
_INSERT_LINES = (
    "INSERT INTO entries SELECT ?1 + key, ?2 || (?1 + key), ?3, '', ?4, value, ?5, ?6, ?7, NULL, NULL "
    'FROM json_each(?8) ORDER BY key'
)
_COLUMNS = 'e.seq, e.id, e.at, e.timestamp, e.level, e.message, e.source, e.run, e.step, e.fields'
_MESSAGE = 5


@dataclass(frozen=True, slots=True)
class Found:
    """Numbers of matching rows, newest first. `searched_to` is the `seq` down to which all are known, 0 if all are."""

    seqs: list[int]
    searched_to: int


class LogStore:
    """Rows `{id, seq, timestamp, level, message, source, run, step, fields}`; safe to use from several threads.

    One connection writes, another reads, so that a long search never holds up what is being written. No statement
    reads for long: the journal can only be emptied while nobody reads.

    :raises NewerSchema: if the file was written by a newer version; it was not touched
    """

    def __init__(self, path: Path) -> None:
        self.notices: list[str] = []
        self._path = path
        self._write_lock, self._read_lock = threading.Lock(), threading.Lock()
        self._writer = open_database(
            path, '', synchronous='NORMAL', notices=self.notices, prepare=lambda connection: bring_up(connection, path)
        )
        self._writer.execute(f'PRAGMA journal_size_limit={_JOURNAL_BYTES}')
        self.has_words = log_words.is_available(self._writer)
        self._reader = open_database(path, '', synchronous='NORMAL', notices=self.notices)

    # -- keeping ----------------------------------------------------------------------------------------------------

    def append(self, rows: Sequence[Mapping[str, Any] | Values | LineBatch]) -> None:
        """Keep these rows, all or none; `seq` must grow from row to row and from call to call.

        :param rows: as documents, as `values_of` makes them, or many as `lines_of` does
        :raises DiskFull: if there is no room
        """
        if not rows:
            return
        values = [row if isinstance(row, tuple | LineBatch) else _to_values(row) for row in rows]
        with self._write_lock, named_sqlite_errors(self._path), transaction(self._writer):
            self._insert([row for row in values if not isinstance(row, LineBatch)])
            for row in values:
                if isinstance(row, LineBatch):
                    self._insert_lines(row)
            log_counts.count_up(self._writer, map(_counted, values))
            last = _counted(values[-1])[-1]
            self._writer.execute("UPDATE meta SET value = ? WHERE key = 'last_seq' AND value < ?", [last, last])

    def index_some(self) -> bool:
        """Bring some thousand more rows into the index of texts; gives whether there are more. Changes no answer."""
        if not self.has_words:
            return False
        with self._write_lock, named_sqlite_errors(self._path), transaction(self._writer):
            return log_words.index_some(self._writer)

    def last_seq(self) -> int:
        """The greatest `seq` ever kept; it does not go down when rows are cleared."""
        return int(self._read("SELECT value FROM meta WHERE key = 'last_seq'", [])[0][0])

    # -- asking -----------------------------------------------------------------------------------------------------

    def query(
        self,
        *,
        q: str | None = None,
        texts: Sequence[str] = (),
        fits: Fits | None = None,
        limit: int = 200,
        oldest_first: bool = False,
        **filters: Any,
    ) -> list[Row]:
        """The rows that fit, newest first, at most `limit`.

        :param q: a text that the message as shown contains, without regard to case
        :param texts: more of them
        :param fits: has the last word: the places of those that fit among messages as shown
        :param oldest_first: turns the order round, so that `limit` keeps the oldest
        :param filters: `level_min`, `levels`, `source`, `run`, `step`; `start` (included) and `end` (not included),
            ISO 8601 with offset; only rows with a `seq` smaller than `before`, greater than `after`
        """
        question = self._question(**filters)
        texts = [text for text in (q, *texts) if text]
        rows: list[Values] = []
        for some, _ in self._found(question, texts, fits, _COLUMNS, limit, oldest_first=oldest_first):
            rows += some
            if len(rows) >= limit:
                break
        return [_to_row(row) for row in rows[:limit]]

    def matching(
        self, *, texts: Sequence[str], fits: Fits | None, limit: int, is_over: Callable[[], bool], **filters: Any
    ) -> Found:
        """Numbers of the newest rows that fit, at most `limit`; what is found until `is_over` if that comes first."""
        question = self._question(**filters)
        columns = 'e.seq, 0, 0, 0, 0, e.message' if fits else 'e.seq'
        seqs: list[int] = []
        for some, reached in self._found(question, texts, fits, columns, limit + 1, oldest_first=False):
            seqs += [row[0] for row in some]
            if len(seqs) > limit:
                return Found(seqs[:limit], seqs[limit - 1])
            if is_over() and reached > question.low:
                return Found(seqs, reached)
        return Found(seqs, 0)

    def iterate(self, **filters: Any) -> Iterator[Row]:
        """Every row that fits, oldest first, read page by page, however many there are; filters as of `query`."""
        filters.pop('limit', None)
        while page := self.query(**filters, limit=_PAGE, oldest_first=True):
            yield from page
            filters['after'] = page[-1]['seq']

    def stats(self, start: str | None = None, end: str | None = None) -> dict[str, int]:
        """How many rows of each level there are; only the two seconds at the edges are ever looked at line by line."""
        first, last = micros(start) if start else None, micros(end) if end else None
        counts = dict.fromkeys(LEVELS, 0)
        for level, entries in log_counts.by_level(self._read, first, last):
            counts[LEVELS[level]] += entries
        return counts

    def histogram(
        self, start: int, width: int, buckets: int, *, run: str | None = None, source: str | None = None
    ) -> list[tuple[int, ...]]:
        """How many rows of each level there are in each of so many buckets of `width` seconds.

        :param start: seconds since 1970; where `width` is made of whole minutes, so must it be
        """
        unit = MINUTE if width % 60 == 0 else SECOND
        seconds = unit // SECOND
        counts = [[0] * len(LEVELS) for _ in range(buckets)]
        found = log_counts.by_bucket(
            self._read, start // seconds, unit, width // seconds, buckets, run=run, source=source
        )
        for bucket, level, entries in found:
            counts[bucket][level] = entries
        return [tuple(levels) for levels in counts]

    def seconds(self, since: int) -> list[tuple[int, str, int]]:
        """`(second since 1970, level, rows)` from this second on."""
        return [(at, LEVELS[level], rows) for at, level, rows in log_counts.by_second(self._read, since)]

    def sources(self) -> list[tuple[str, int]]:
        """All sources and how many rows each has, most first."""
        return log_counts.by_source(self._read)

    def span(self) -> tuple[str, str] | None:
        """The moments of the oldest and of the newest row, ISO 8601; None if there is none."""
        found = log_counts.edges(self._read)
        return None if found is None else (_iso(found[0]), _iso(found[1]))

    def size(self) -> int:
        """Bytes that the rows and all about them take; the journal beside them, a few MB at times, not counted."""
        query = (
            'SELECT (page_count - freelist_count) * page_size '
            'FROM pragma_page_count, pragma_freelist_count, pragma_page_size'
        )
        return int(self._read(query, [])[0][0])

    def first_since(self, moment: str) -> int | None:
        """The smallest `seq` of a row from this moment on; None if there is none."""
        question = self._question(start=moment)
        found = self._page(question, '', 'e.seq', 'ASC', 1)
        return found[0][0] if found else None

    def oldest(self) -> int | None:
        """The smallest `seq` there is."""
        value: int | None = self._read('SELECT MIN(seq) FROM entries', [])[0][0]
        return value

    # -- forgetting -------------------------------------------------------------------------------------------------

    def clear(self, before_seq: int | None = None) -> int:
        """Forget the rows with a smaller `seq`, or all; gives how many they were. Their numbers are not used again."""
        limit = self.last_seq() + 1 if before_seq is None else before_seq
        gone = 0
        while some := sum(self.clear_some(limit)):
            gone += some
        while self.give_space_back():
            pass
        return gone

    def clear_some(self, limit: int) -> list[int]:
        """Forget a few thousand rows with a smaller `seq`, the oldest first; gives how many of each level."""
        with self._write_lock, named_sqlite_errors(self._path), transaction(self._writer):
            last = self._writer.execute(
                'SELECT MAX(seq) FROM (SELECT seq FROM entries WHERE seq < ? ORDER BY seq LIMIT ?)',
                [limit, _CLEAR_AT_ONCE],
            ).fetchone()[0]
            if last is None:
                return [0] * len(LEVELS)
            gone = log_counts.count_down(self._writer, last)
            self._writer.execute('DELETE FROM entries WHERE seq <= ?', [last])
            if self.has_words:
                log_words.forget(self._writer, last + 1)
            return gone

    def give_space_back(self) -> bool:
        """Shrink the file by a megabyte of free pages; gives whether more are left."""
        with self._write_lock, named_sqlite_errors(self._path):
            # A script, since `execute` takes one step of a statement without columns: one page of many.
            self._writer.executescript(f'PRAGMA incremental_vacuum({_PAGES_AT_ONCE})')
            if self._writer.execute('PRAGMA freelist_count').fetchone()[0]:
                return True
            with self._read_lock:  # so that no reader is waited for
                self._writer.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchall()
            return False

    def close(self) -> None:
        """Let go of the file."""
        with self._write_lock, self._read_lock:
            self._reader.close()
            self._writer.close()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _insert(self, rows: Sequence[Values]) -> None:
        # One statement for many rows: at the end of each statement this thread has to win back the interpreter, which
        # takes 5 ms wherever the event loop is busy. Row by row that would be 200 lines a second.
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            values = rows[start : start + _ROWS_AT_ONCE]
            places = ', '.join([_PLACES] * len(values))
            self._writer.execute(f'INSERT INTO entries VALUES {places}', [*chain.from_iterable(values)])  # noqa: S608

    def _insert_lines(self, lines: LineBatch) -> None:
        # As one value: SQLite takes it apart while the interpreter is free for others.
        common = [lines.first, lines.prefix, lines.at, lines.level, lines.source, lines.run, lines.step]
        self._writer.execute(_INSERT_LINES, [*common, json.dumps(lines.messages)])

    def _question(
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
    ) -> Question:
        question = Question()
        question.levels(level_min, levels)
        question.equal('source', source)
        question.equal('run', run)
        question.equal('step', step)
        question.within(0 if after is None else after + 1, (1 << 62) if before is None else before - 1)
        if start is not None or end is not None:
            question.between(start, end)
            first, last = (None if moment is None else micros(moment) for moment in (start, end))
            question.within(*log_counts.bounds(self._read, first, last))
        return question

    def _found(
        self,
        question: Question,
        texts: Sequence[str],
        fits: Fits | None,
        columns: str,
        limit: int,
        *,
        oldest_first: bool,
    ) -> Iterator[tuple[list[Values], int]]:
        """Rows that fit, in order, some at a time, each time with the `seq` up to which all were looked at."""
        if question.is_about_nothing:
            return
        texts = [folded(text) for text in texts]
        for text in texts:
            question.contains(text)
        order = 'ASC' if oldest_first else 'DESC'
        index, few = self._best_index(question, most=_FEW if texts or fits else 0)
        if few or not (texts or fits):
            rows = self._page(question, index, columns, order, -1 if fits else limit)
            yield (_that_fit(rows, fits), question.high if oldest_first else question.low)
            return
        for source, condition, values, reached in self._pieces(question, texts, fits, oldest_first=oldest_first):
            rows = self._read(
                f'SELECT {columns} FROM {source} '  # noqa: S608 - our own names
                f'WHERE {condition} AND {question.where()} ORDER BY e.seq {order} LIMIT ?',
                [*values, *question.values, -1 if fits else limit],
            )
            yield _that_fit(rows, fits), reached

    def _page(self, question: Question, index: str, columns: str, order: str, limit: int) -> list[Any]:
        hint = f' INDEXED BY {index}' if index else ''
        where = question.where('e.seq BETWEEN ? AND ?')
        return self._read(
            f'SELECT {columns} FROM entries e{hint} WHERE {where} ORDER BY e.seq {order} LIMIT ?',  # noqa: S608
            [*question.values, question.low, question.high, limit],
        )

    def _best_index(self, question: Question, *, most: int) -> tuple[str, bool]:
        """The index that leads to the fewest rows, and whether they are at most so many, if that matters (`most`)."""
        if not question.indexes:
            return '', False
        if not most and len(question.indexes) == 1:
            return question.indexes[0][0], False
        counted = []
        for index, condition, values in question.indexes:
            query = (
                f'SELECT COUNT(*) FROM (SELECT 1 FROM entries e INDEXED BY {index} '  # noqa: S608 - our own names
                f'WHERE {condition} AND e.seq BETWEEN ? AND ? LIMIT ?)'
            )
            limit = (most or _PAGE) + 1
            counted.append((self._read(query, [*values, question.low, question.high, limit])[0][0], index))
        fewest, index = min(counted)
        return index, fewest <= most

    def _pieces(
        self, question: Question, texts: Sequence[str], fits: Fits | None, *, oldest_first: bool
    ) -> Iterator[Piece]:
        """Parts of the log in order: what to select from and where, its values, and the `seq` that it reaches to."""
        # Two selections, since SQLite would look at every row for both of them in one.
        edges = 'SELECT (SELECT MIN(seq) FROM entries), (SELECT MAX(seq) FROM entries)'
        lowest, highest = self._read(edges, [])[0]
        low, high = max(question.low, lowest or 0), min(question.high, highest or 0)
        is_in_index = self.has_words and any(len(text) >= 3 for text in texts)
        end = log_words.end_of(self._read) if is_in_index else low
        step = _TRY_AT_ONCE if fits else _SCAN_AT_ONCE
        scanned = _scan(max(low, end), high, step, oldest_first=oldest_first)
        indexed = self._indexed(texts, low, min(high, end - 1), oldest_first=oldest_first)
        yield from chain(indexed, scanned) if oldest_first else chain(scanned, indexed)

    def _indexed(self, texts: Sequence[str], low: int, high: int, *, oldest_first: bool) -> Iterator[Piece]:
        if low > high:
            return
        size = log_words.BLOCK
        source = 'json_each(?) b CROSS JOIN entries e NOT INDEXED'
        condition = f'e.seq BETWEEN MAX(b.value * {size}, ?) AND MIN(b.value * {size} + {size - 1}, ?)'
        for blocks in log_words.blocks_with(self._read, texts, low, high, oldest_first=oldest_first):
            for some in _growing(blocks):
                reached = some[-1] * size + (size - 1 if oldest_first else 0)
                yield source, condition, [json.dumps(some), low, high], reached

    def _read(self, query: str, values: Sequence[Any]) -> list[Any]:
        with self._read_lock, named_sqlite_errors(self._path):
            return self._reader.execute(query, values).fetchall()


def _scan(low: int, high: int, step: int, *, oldest_first: bool) -> Iterator[Piece]:
    source, condition = 'entries e NOT INDEXED', 'e.seq BETWEEN ? AND ?'
    while low <= high:
        if oldest_first:
            yield source, condition, [low, min(low + step - 1, high)], min(low + step - 1, high)
            low += step
        else:
            yield source, condition, [max(high - step + 1, low), high], max(high - step + 1, low)
            high -= step


def _growing(blocks: Sequence[int]) -> Iterator[Sequence[int]]:
    """Few at first, since the newest often are enough."""
    start, size = 0, 8
    while start < len(blocks):
        yield blocks[start : start + size]
        start, size = start + size, min(size * 4, 1024)


def _that_fit(rows: list[Values], fits: Fits | None) -> list[Values]:
    if fits is None:
        return rows
    return [rows[place] for place in fits([plain(row[_MESSAGE]) for row in rows])]
