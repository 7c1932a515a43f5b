"""Finds runs by text, event, state and time: a narrow row for each, and a trigram index over their texts.

Both are made behind the writes: a trigger marks each run that is created, moves on or is rewritten, and `index_next`
makes the rows of marked runs. Runs that were there before the index are added a few at a time, newest first. Until a
run has its row, its document is read, so that answers are complete; one that is deleted leaves the index with it.
"""

import heapq
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from .database import micros, named_sqlite_errors
from .logs.text import folded
from .logs.trigrams import LENGTH, is_available

Document = Mapping[str, Any]
TextOf = Callable[[Document], str]
"""Returns what a run is searched by, without secrets; runs in any thread."""

TEXTS = 2
"""Raise it when runs are searched by more or by less than before: all rows are made again, behind the writes."""
AT_ONCE = 100
"""Runs indexed in one transaction: it takes some milliseconds, in which no run can be saved."""
_FIRST_WINDOW, _LARGEST_WINDOW, _READ_WINDOW = 20_000, 200_000, 500
"""Numbers asked for between two looks at the clock: of the index, at first and at most, and by reading documents."""
_MOST_MARKS = 2_000
_FEW = 500
"""Of so few runs that fit otherwise, the documents are read: the index would first find all that have the text."""

# `findable` has what is asked for, in short rows: else a million documents would be read from the disk. `to_find` marks
# runs whose row is missing or outdated. Numbers below the fact `findable from` have no rows yet.
SCHEMA = """
CREATE TABLE IF NOT EXISTS findable (
    number INTEGER PRIMARY KEY,
    state TEXT NOT NULL,
    pipeline TEXT NOT NULL,
    profile TEXT,
    event TEXT,
    created INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS findable_of_event ON findable (event, number) WHERE event IS NOT NULL;
CREATE TABLE IF NOT EXISTS to_find (number INTEGER PRIMARY KEY);
CREATE TRIGGER IF NOT EXISTS run_to_find AFTER INSERT ON runs BEGIN
    INSERT OR IGNORE INTO to_find VALUES (NEW.number);
END;
CREATE TRIGGER IF NOT EXISTS run_to_find_again AFTER UPDATE OF state, document ON runs
WHEN NEW.state <> OLD.state OR OLD.finished IS NOT NULL BEGIN
    INSERT OR IGNORE INTO to_find VALUES (NEW.number);
END;
CREATE TRIGGER IF NOT EXISTS run_not_to_find AFTER DELETE ON runs BEGIN
    DELETE FROM to_find WHERE number = OLD.number;
    DELETE FROM findable WHERE number = OLD.number;
END;
"""
# Segments are merged more rarely than by default: a merge holds up the saving of runs.
_WORDS = """
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5
    (text, content='', columnsize=0, detail=none, tokenize='trigram case_sensitive 1');
INSERT INTO words (words, rank) VALUES ('automerge', 8);
CREATE TRIGGER IF NOT EXISTS words_added AFTER INSERT ON findable BEGIN
    INSERT INTO words (rowid, text) VALUES (NEW.number, NEW.text);
END;
CREATE TRIGGER IF NOT EXISTS words_gone AFTER DELETE ON findable BEGIN
    INSERT INTO words (words, rowid, text) VALUES ('delete', OLD.number, OLD.text);
END;
"""
_INSERT = 'INSERT INTO findable (number, state, pipeline, profile, event, created, text) VALUES (?, ?, ?, ?, ?, ?, ?)'
_UP_TO = 9_223_372_036_854_775_807


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuestion:
    """Which runs are asked for; what is empty or None lets all pass.

    `start` is included, `end` is not; a run fits if its text contains each of `texts`, whatever their case. `first` and
    `last` are numbers, both included.
    """

    states: Sequence[str] = ()
    pipeline: str | None = None
    profile: str | None = None
    event: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    texts: Sequence[str] = ()
    first: int = 1
    last: int = _UP_TO

    def terms(self) -> dict[str, Any]:
        """The conditions on columns that `runs` and `findable` share, with their values."""
        terms: dict[str, Any] = {'number >= ?': self.first, 'number <= ?': self.last}
        if self.states:
            terms['state IN (SELECT value FROM json_each(?))'] = json.dumps([*self.states])
        given = {
            'pipeline = ?': self.pipeline,
            'profile = ?': self.profile,
            'created >= ?': None if self.start is None else micros(self.start),
            'created < ?': None if self.end is None else micros(self.end),
        }
        return terms | {term: value for term, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Numbers:
    """Runs that fit, newest first; if there may be more, they have numbers below `rest`, else that is None."""

    numbers: list[int]
    rest: int | None


def prepare(connection: sqlite3.Connection) -> None:
    """Make the text index, where this SQLite has one; without it, all texts are read."""
    if not _has_words(connection) and is_available(connection):
        connection.executescript(_WORDS)
    is_empty = not connection.execute('SELECT 1 FROM findable LIMIT 1').fetchone()  # new, or recovered without it
    known = connection.execute("SELECT value FROM facts WHERE name = 'findable texts'").fetchone()
    if is_empty or known != (TEXTS,):
        newest = "SELECT 'findable from', COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'runs'), 0) + 1"
        connection.execute(f'INSERT OR REPLACE INTO facts {newest}')
        connection.execute("INSERT OR REPLACE INTO facts VALUES ('findable texts', ?)", [TEXTS])


def forget(connection: sqlite3.Connection, ids: Sequence[str]) -> None:
    """Take runs out of the index until `index_next` adds them again, within a transaction that is `erasing`."""
    chosen = 'number FROM runs WHERE id IN (SELECT value FROM json_each(?))'
    values = [json.dumps([*ids])]
    connection.execute(f'INSERT OR IGNORE INTO to_find SELECT {chosen}', values)
    among = f'number IN (SELECT {chosen})'
    gone = connection.execute(f'DELETE FROM findable WHERE {among}', values).rowcount  # noqa: S608 - our own constants
    if gone and _has_words(connection):
        connection.execute("INSERT INTO words (words) VALUES ('optimize')")  # else what was deleted is only marked so


class RunIndex:
    """Answers from a connection of its own, so that no search delays the saving of a run. Safe to use from threads."""

    def __init__(self, path: Path, text_of: TextOf) -> None:
        self._path = path
        self._text_of = text_of
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._has_words = False

    def numbers(self, wanted: RunQuestion, *, limit: int, seconds: float = 1.0) -> Numbers:
        """Return the newest runs that fit, at most `limit`, and fewer if finding them takes longer than this time."""
        with self._lock, named_sqlite_errors(self._path):
            connection = self._opened()
            connection.execute('BEGIN')  # one state of the database for all windows
            try:
                return self._numbers(connection, wanted, limit, time.monotonic() + seconds)
            finally:
                connection.execute('COMMIT')

    def count(self, wanted: RunQuestion) -> int:
        """Return how many runs fit a question about numbers and times only."""
        with self._lock, named_sqlite_errors(self._path):
            terms = {term: value for term, value in wanted.terms().items() if not _is_open(term, value)}
            where = f' WHERE {" AND ".join(terms)}' if terms else ''
            query = f'SELECT COUNT(*) FROM runs{where}'  # noqa: S608 - our own constants
            return int(self._opened().execute(query, [*terms.values()]).fetchone()[0])

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            uri = f'{self._path.absolute().as_uri()}?mode=ro'
            self._connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            self._has_words = _has_words(self._connection)
        return self._connection

    def _numbers(self, connection: sqlite3.Connection, wanted: RunQuestion, limit: int, until: float) -> Numbers:
        wanted = replace(_within(connection, wanted), texts=[folded(text) for text in wanted.texts])
        if not wanted.texts and wanted.event is None:
            found = _plain(connection, wanted, limit)
            return Numbers(found, found[-1] if len(found) == limit else None)
        if wanted.states or wanted.pipeline or wanted.profile:
            few = _plain(connection, wanted, _FEW + 1)
            if len(few) <= _FEW:
                found = [*islice(self._read(connection, wanted, few), limit)]
                return Numbers(found, found[-1] if len(found) == limit else None)
        start, marked = _fact(connection), _marked(connection, wanted)
        if len(marked) == _MOST_MARKS:  # there may be more below
            start = max(start, marked[-1])
        found = []
        for first, last in _windows(wanted.first, wanted.last, start):
            part, room = replace(wanted, first=first, last=last), limit - len(found)
            if last < start:
                some = [*islice(self._read(connection, part, None), room)]
            else:
                some = self._indexed(connection, part, marked, room)
            found += some
            if len(found) == limit:
                return Numbers(found, found[-1])
            if time.monotonic() > until and first > wanted.first:
                return Numbers(found, first)
        return Numbers(found, None)

    def _indexed(self, connection: sqlite3.Connection, part: RunQuestion, marked: list[int], limit: int) -> list[int]:
        stale = [number for number in marked if part.first <= number <= part.last]
        fresh = self._rows(connection, part, limit + len(stale))
        if not stale:
            return fresh
        outdated = {*stale}
        others = self._read(connection, part, stale)
        merged = heapq.merge((number for number in fresh if number not in outdated), others, reverse=True)
        return [*islice(merged, limit)]

    def _rows(self, connection: sqlite3.Connection, part: RunQuestion, limit: int) -> list[int]:
        terms = part.terms() | ({'event = ?': part.event} if part.event is not None else {})
        where = ' AND '.join([*terms, *('instr(findable.text, ?) > 0' for _ in part.texts)])
        values, source, order = [*terms.values(), *part.texts], 'findable', 'number'
        sure = [text for text in part.texts if len(text) >= LENGTH] if self._has_words else []
        if sure:
            # The text index gives the order; each of its candidates is looked at, since it knows no places in a text.
            source, order = 'words CROSS JOIN findable ON findable.number = words.rowid', 'words.rowid'
            where = f'words MATCH ? AND words.rowid BETWEEN ? AND ? AND {where}'
            values = [_match(sure), part.first, part.last, *values]
        query = f'SELECT number FROM {source} WHERE {where} ORDER BY {order} DESC LIMIT ?'  # noqa: S608 - our constants
        return [number for (number,) in connection.execute(query, [*values, limit])]

    def _read(self, connection: sqlite3.Connection, part: RunQuestion, among: Sequence[int] | None) -> Iterator[int]:
        """As `_rows`, from the documents; of all runs, or of those `among` these."""
        terms = part.terms()
        if among is not None:
            terms['number IN (SELECT value FROM json_each(?))'] = json.dumps([*among])
        if part.event is not None:
            terms["json_extract(document, '$.event_id') = ?"] = part.event
        query = f'SELECT number, document FROM runs WHERE {" AND ".join(terms)} ORDER BY number DESC'  # noqa: S608
        for number, document in connection.execute(query, [*terms.values()]).fetchall():
            if part.texts:
                text = self._text_of(json.loads(document))
                if not all(wanted in text for wanted in part.texts):
                    continue
            yield number


def index_next(connection: sqlite3.Connection, text_of: TextOf) -> bool:
    """Make the rows of the next marked runs, and then of older ones without a row, within a transaction.

    :return: whether there may be more
    """
    marked = [n for (n,) in connection.execute('SELECT number FROM to_find ORDER BY number DESC LIMIT ?', [AT_ONCE])]
    if marked:
        _index(connection, text_of, marked)
        connection.execute('DELETE FROM to_find WHERE number IN (SELECT value FROM json_each(?))', [json.dumps(marked)])
        return True
    start = _fact(connection)
    if start <= 1:
        return False
    older = 'SELECT number FROM runs WHERE number < ? ORDER BY number DESC LIMIT ?'
    numbers = [number for (number,) in connection.execute(older, [start, AT_ONCE])]
    _index(connection, text_of, numbers)
    reached = numbers[-1] if len(numbers) == AT_ONCE else 1
    connection.execute("UPDATE facts SET value = ? WHERE name = 'findable from'", [reached])
    return reached > 1


def _index(connection: sqlite3.Connection, text_of: TextOf, numbers: Sequence[int]) -> None:
    term, values = 'number IN (SELECT value FROM json_each(?))', [json.dumps([*numbers])]
    query = f'SELECT number, state, pipeline, profile, created, document FROM runs WHERE {term}'  # noqa: S608
    runs = connection.execute(f'{query} ORDER BY number', values).fetchall()
    connection.execute(f'DELETE FROM findable WHERE {term}', values)  # noqa: S608 - our own constants
    for number, state, pipeline, profile, created, text in runs:
        document = json.loads(text)
        event = document.get('event_id')
        connection.execute(_INSERT, [number, state, pipeline, profile, event, created, text_of(document)])


def _plain(connection: sqlite3.Connection, part: RunQuestion, limit: int) -> list[int]:
    """The runs that fit by what the history has in columns; of several states, those of each come in their order."""
    states = part.states or (None,)
    found: list[list[int]] = []
    for state in states:
        terms = replace(part, states=()).terms() | ({'state = ?': state} if state is not None else {})
        # Not by the index of times, whose rows would all have to be sorted.
        terms = {term.replace('created', '+created'): value for term, value in terms.items()}
        query = f'SELECT number FROM runs WHERE {" AND ".join(terms)} ORDER BY number DESC LIMIT ?'  # noqa: S608
        found.append([number for (number,) in connection.execute(query, [*terms.values(), limit])])
    return [*islice(heapq.merge(*found, reverse=True), limit)]


def _within(connection: sqlite3.Connection, wanted: RunQuestion) -> RunQuestion:
    """The question with the numbers that runs of its time can have, and the last one there is."""
    last = min(wanted.last, int(connection.execute('SELECT COALESCE(MAX(number), 0) FROM runs').fetchone()[0]))
    first = wanted.first
    times = {term: value for term, value in wanted.terms().items() if term.startswith('created')}
    if times:
        query = f'SELECT MIN(number), MAX(number) FROM runs INDEXED BY runs_by_creation WHERE {" AND ".join(times)}'  # noqa: S608
        low, high = connection.execute(query, [*times.values()]).fetchone()
        first, last = (max(first, low), min(last, high)) if low is not None else (1, 0)
    return replace(wanted, first=first, last=last)


def _windows(first: int, last: int, start: int) -> Iterator[tuple[int, int]]:
    """Ranges of numbers from `last` down to `first`: those below `start` are small, since their documents are read."""
    size = _FIRST_WINDOW
    while last >= first:
        if last < start:
            size = _READ_WINDOW
        low = max(first, last - size + 1, start if last >= start else 1)
        yield low, last
        last, size = low - 1, min(size * 2, _LARGEST_WINDOW)


def _marked(connection: sqlite3.Connection, wanted: RunQuestion) -> list[int]:
    query = 'SELECT number FROM to_find WHERE number BETWEEN ? AND ? ORDER BY number DESC LIMIT ?'
    return [number for (number,) in connection.execute(query, [wanted.first, wanted.last, _MOST_MARKS])]


def _is_open(term: str, value: Any) -> bool:
    return (term, value) in (('number >= ?', 1), ('number <= ?', _UP_TO))


def _match(texts: Sequence[str]) -> str:
    """Trigrams side by side: those between them would narrow down little, and each takes its time."""
    places = ((text, at) for text in texts for at in {*range(0, len(text) - LENGTH, LENGTH), len(text) - LENGTH})
    parts = dict.fromkeys(text[at : at + LENGTH] for text, at in places)
    return ' AND '.join('"{}"'.format(part.replace('"', '""')) for part in [*parts][:40])


def _fact(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT value FROM facts WHERE name = 'findable from'").fetchone()[0])


def _has_words(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'words'").fetchone())
