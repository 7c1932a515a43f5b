"""Log lines in SQLite: numbered, searchable by word, counted by minute so that no figure needs a scan.

A commit outlives the death of the process; the last moments before a power loss may be missing, never torn.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from .database import micros, named_sqlite_errors, open_database, transaction

Row = dict[str, Any]

LEVELS = ('debug', 'info', 'success', 'warning', 'error', 'critical')
_RANK = {level: rank for rank, level in enumerate(LEVELS)}
_MINUTE = 60_000_000
_CLEAR_AT_ONCE = 10_000
_PAGE = 1_000
_ROWS_AT_ONCE = 500
_PLACES = '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    timestamp TEXT NOT NULL,
    level INTEGER NOT NULL,
    message TEXT NOT NULL,
    source TEXT NOT NULL,
    run TEXT,
    step TEXT,
    fields TEXT
);
CREATE INDEX IF NOT EXISTS entries_of_run ON entries (run, seq) WHERE run IS NOT NULL;
CREATE INDEX IF NOT EXISTS entries_success ON entries (seq) WHERE level = 2;
CREATE INDEX IF NOT EXISTS entries_loud ON entries (seq) WHERE level >= 3;
CREATE INDEX IF NOT EXISTS entries_errors ON entries (seq) WHERE level >= 4;
CREATE TABLE IF NOT EXISTS minutes (
    minute INTEGER NOT NULL,
    level INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    PRIMARY KEY (minute, level)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO meta VALUES ('last_seq', 0);
"""
_WORDS = "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (message, content='entries', content_rowid='seq')"
_COLUMNS = 'e.seq, e.id, e.timestamp, e.level, e.message, e.source, e.run, e.step, e.fields'


class LogStore:
    """Rows `{id, seq, timestamp, level, message, source, run, step, fields}`; safe to use from several threads.

    One connection writes, another reads, so that a long search never holds up what is being written.
    """

    def __init__(self, path: Path) -> None:
        self.notices: list[str] = []
        self._path = path
        self._write_lock, self._read_lock = threading.Lock(), threading.Lock()
        self._writer = open_database(path, _SCHEMA, synchronous='NORMAL', notices=self.notices)
        self.has_words = self._make_words()
        self._reader = open_database(path, '', synchronous='NORMAL', notices=self.notices)

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep these rows, all or none; `seq` must grow from row to row and from call to call.

        :raises DiskFull: if there is no room
        """
        if not rows:
            return
        values = [_to_values(row) for row in rows]
        with self._write_lock, named_sqlite_errors(self._path), transaction(self._writer):
            for start in range(0, len(values), _ROWS_AT_ONCE):
                self._insert(values[start : start + _ROWS_AT_ONCE])

    def last_seq(self) -> int:
        """The greatest `seq` ever kept; it does not go down when rows are cleared."""
        return int(self._read("SELECT value FROM meta WHERE key = 'last_seq'", [])[0][0])

    def query(
        self,
        *,
        level_min: str | None = None,
        levels: Sequence[str] | None = None,
        source: str | None = None,
        run: str | None = None,
        step: str | None = None,
        q: str | None = None,
        start: str | None = None,
        end: str | None = None,
        before: int | None = None,
        after: int | None = None,
        limit: int = 200,
        oldest_first: bool = False,
    ) -> list[Row]:
        """The rows that fit, newest first, at most `limit`.

        :param q: within one run any part of the message; over all runs words and beginnings of words, all of which
            must occur
        :param start: ISO 8601 with offset; included
        :param end: ISO 8601 with offset; not included
        :param before: only rows with a smaller `seq`
        :param after: only rows with a greater `seq`
        :param oldest_first: turns the order round, so that `limit` keeps the oldest
        """
        search = _Search()
        search.levels(level_min, levels)
        for column, value in (('source', source), ('run', run), ('step', step)):
            search.add(f'e.{column} = ?', value)
        search.add('e.seq < ?', before)
        search.add('e.seq > ?', after)
        self._narrow(search, start, end)
        self._look_for(search, q, is_contained=run is not None)
        order = 'ASC' if oldest_first else 'DESC'
        rows = self._read(
            f'SELECT {_COLUMNS} FROM {search.table} {search.where} ORDER BY {search.order} {order} LIMIT ?',  # noqa: S608
            [*search.values, limit],
        )
        return [_to_row(row) for row in rows]

    def iterate(self, **filters: Any) -> Iterator[Row]:
        """Every row that fits, oldest first, read page by page, however many there are; filters as of `query`."""
        filters.pop('limit', None)
        while page := self.query(**filters, limit=_PAGE, oldest_first=True):
            yield from page
            filters['after'] = page[-1]['seq']

    def stats(self, start: str | None = None, end: str | None = None) -> dict[str, int]:
        """How many rows of each level there are; only the two minutes at the edges are ever looked at line by line."""
        first, last = micros(start) if start else None, micros(end) if end else None
        counts = dict.fromkeys(LEVELS, 0)
        for level, entries in self._read(*_counting(first, last)):
            counts[LEVELS[level]] += entries
        return counts

    def clear(self, before_seq: int | None = None) -> int:
        """Forget the rows with a smaller `seq`, or all; gives how many they were. Their numbers are not used again."""
        limit = self.last_seq() + 1 if before_seq is None else before_seq
        gone = 0
        while some := self._clear_some(limit):
            gone += some
        if gone:
            self._give_space_back()
        return gone

    def close(self) -> None:
        """Let go of the file."""
        with self._write_lock, self._read_lock:
            self._reader.close()
            self._writer.close()

    def _make_words(self) -> bool:
        try:
            self._writer.execute(_WORDS)
        except sqlite3.OperationalError as error:
            if 'fts5' in str(error):  # a SQLite built without it: searching is slower and finds parts of words
                return False
            raise
        return True

    def _insert(self, values: Sequence[tuple[Any, ...]]) -> None:
        # One statement for many rows: at the end of each statement this thread has to win back the interpreter, which
        # takes 5 ms wherever the event loop is busy. Row by row that would be 200 lines a second.
        first, last = values[0][0], values[-1][0]
        run = self._writer.execute
        run(f'INSERT INTO entries VALUES {", ".join([_PLACES] * len(values))}', [*chain.from_iterable(values)])  # noqa: S608
        if self.has_words:
            run(
                'INSERT INTO words (rowid, message) SELECT seq, message FROM entries WHERE seq BETWEEN ? AND ?',
                [first, last],
            )
        run(
            'INSERT INTO minutes SELECT at / ?, level, COUNT(*), MIN(seq), MAX(seq) FROM entries '
            'WHERE seq BETWEEN ? AND ? GROUP BY 1, 2 ON CONFLICT DO UPDATE SET entries = entries + excluded.entries, '
            'last_seq = MAX(last_seq, excluded.last_seq), first_seq = MIN(first_seq, excluded.first_seq)',
            [_MINUTE, first, last],
        )
        run("UPDATE meta SET value = ? WHERE key = 'last_seq' AND value < ?", [last, last])

    def _narrow(self, search: '_Search', start: str | None, end: str | None) -> None:
        """Times bound the rows exactly, and by way of the counted minutes their `seq` as well, which is the index."""
        if start is not None:
            search.add('e.at >= ?', micros(start))
            search.add(
                'e.seq >= (SELECT COALESCE(MIN(first_seq), 0) FROM minutes WHERE minute >= ?)', micros(start) // _MINUTE
            )
        if end is not None:
            search.add('e.at < ?', micros(end))
            search.add(
                'e.seq <= (SELECT COALESCE(MAX(last_seq), 0) FROM minutes WHERE minute <= ?)', micros(end) // _MINUTE
            )

    def _look_for(self, search: '_Search', q: str | None, *, is_contained: bool) -> None:
        words = [word for word in (q or '').split() if any(map(str.isalnum, word))]
        if q and self.has_words and words and not is_contained:
            search.table = 'words JOIN entries e ON e.seq = words.rowid'
            search.order = 'words.rowid'
            search.add('words MATCH ?', ' '.join(f'"{word.replace(chr(34), "")}"*' for word in words))
        elif q:
            parts = [q] if is_contained else q.split()
            for part in parts:
                escaped = part.replace('\\', '\\\\').replace('%', r'\%').replace('_', r'\_')
                search.add(r"e.message LIKE ? ESCAPE '\'", f'%{escaped}%')

    def _clear_some(self, limit: int) -> int:
        """In steps, so that what is being written waits for a moment only."""
        with self._write_lock, named_sqlite_errors(self._path), transaction(self._writer):
            row = self._writer.execute(
                'SELECT COUNT(*), MAX(seq) FROM (SELECT seq FROM entries WHERE seq < ? ORDER BY seq LIMIT ?)',
                [limit, _CLEAR_AT_ONCE],
            ).fetchone()
            if row[0]:
                self._forget_up_to(row[1])
            return int(row[0])

    def _forget_up_to(self, last: int) -> None:
        run = self._writer.execute
        run(
            'UPDATE minutes SET entries = minutes.entries - gone.entries FROM (SELECT at / ? AS minute, level, '
            'COUNT(*) AS entries FROM entries WHERE seq <= ? GROUP BY 1, 2) AS gone '
            'WHERE minutes.minute = gone.minute AND minutes.level = gone.level',
            [_MINUTE, last],
        )
        run('DELETE FROM minutes WHERE entries <= 0')
        if self.has_words:
            run(
                "INSERT INTO words (words, rowid, message) SELECT 'delete', seq, message FROM entries WHERE seq <= ?",
                [last],
            )
        run('DELETE FROM entries WHERE seq <= ?', [last])

    def _give_space_back(self) -> None:
        with self._write_lock, named_sqlite_errors(self._path):
            # A script, since `execute` takes one step of a statement without columns: one page of many.
            self._writer.executescript('PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)')

    def _read(self, query: str, values: Sequence[Any]) -> list[Any]:
        with self._read_lock, named_sqlite_errors(self._path):
            return self._reader.execute(query, values).fetchall()


class _Search:
    """The parts of one SELECT as they come together."""

    def __init__(self) -> None:
        self.table = 'entries e'
        self.order = 'e.seq'
        self.values: list[Any] = []
        self._terms: list[str] = []

    @property
    def where(self) -> str:
        return f'WHERE {" AND ".join(self._terms)}' if self._terms else ''

    def add(self, term: str, value: Any) -> None:
        if value is not None:
            self._terms.append(term)
            self.values.append(value)

    def levels(self, level_min: str | None, levels: Sequence[str] | None) -> None:
        # Written out, not bound: only so does SQLite see that one of the partial indexes holds all it needs.
        ranks = [rank for rank in range(len(LEVELS)) if level_min is None or rank >= _RANK[level_min]]
        if levels is not None:
            ranks = [rank for rank in ranks if LEVELS[rank] in levels]
        if len(ranks) == len(LEVELS):
            return
        if ranks == [2]:
            self._terms.append('e.level = 2')
            return
        self._terms.append(f'e.level IN ({", ".join(map(str, ranks))})')
        if ranks and ranks[0] >= 3:
            self._terms.append(f'e.level >= {4 if ranks[0] >= 4 else 3}')


def _counting(first: int | None, last: int | None) -> tuple[str, list[Any]]:
    """The query for counts by level between two moments: whole minutes as counted, the edges line by line."""
    if first is None and last is None:
        return 'SELECT level, SUM(entries) FROM minutes GROUP BY level', []
    lowest, highest = -(1 << 62), 1 << 62
    first, last = lowest if first is None else first, highest if last is None else last
    whole = (-(-first // _MINUTE), last // _MINUTE)
    if whole[0] > whole[1]:  # both within one minute
        return _edge(), [first, last, first // _MINUTE, first // _MINUTE]
    parts = [
        'SELECT level, SUM(entries) FROM minutes WHERE minute >= ? AND minute < ? GROUP BY level',
        _edge(),
        _edge(),
    ]
    before, after = whole[0] - 1, whole[1]
    values = [*whole, first, whole[0] * _MINUTE, before, before, after * _MINUTE, last, after, after]
    return ' UNION ALL '.join(parts), values


def _edge() -> str:
    bounds = 'SELECT {} FROM minutes WHERE minute = ?'
    return (
        'SELECT level, COUNT(*) FROM entries WHERE at >= ? AND at < ? '  # noqa: S608 - our own constants
        f'AND seq >= ({bounds.format("MIN(first_seq)")}) AND seq <= ({bounds.format("MAX(last_seq)")}) GROUP BY level'
    )


def _to_values(row: Mapping[str, Any]) -> tuple[Any, ...]:
    fields = row.get('fields')
    return (
        row['seq'],
        row['id'],
        micros(row['timestamp']),
        row['timestamp'],
        _RANK[row['level']],
        row['message'],
        row['source'],
        row.get('run'),
        row.get('step'),
        json.dumps(fields) if fields else None,
    )


def _to_row(values: tuple[Any, ...]) -> Row:
    seq, id, timestamp, level, message, source, run, step, fields = values
    return {
        'id': id,
        'seq': seq,
        'timestamp': timestamp,
        'level': LEVELS[level],
        'message': message,
        'source': source,
        'run': run,
        'step': step,
        'fields': json.loads(fields) if fields else {},
    }
