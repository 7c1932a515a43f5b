"""The history of runs in SQLite: documents, with some of their values in columns to find them by.

A commit survives a power loss, since a run is shown only after it is saved.
"""

import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from .database import (
    Rescue,
    close_database,
    erasing,
    insert_from_json,
    json_text,
    micros,
    named_sqlite_errors,
    open_database,
    transaction,
)
from .group_commit import GroupCommit
from .run_index import SCHEMA as INDEX_SCHEMA
from .run_index import RunIndex, TextOf, forget, index_next, prepare
from .run_rescue import is_whole, recover
from .run_tables import RUNS, TAKEN_FILES

Document = dict[str, Any]
Documents = list[Document]


_COLUMNS = ('number', 'id', 'state', 'pipeline', 'profile', 'created', 'finished', 'document')
_INSERT_MANY = insert_from_json('runs', *_COLUMNS)
INSERT_TAKEN = (
    'INSERT INTO taken (owner, path, file, size, mtime_ns, digest, run, reason, at) VALUES (?,?,?,?,?,?,?,?,?)'
)


class RunStore:
    """Runs as plain documents with at least `id, state, pipeline, profile, created_at, finished_at`.

    Safe to use from several threads. Times inside are ISO 8601 with offset.

    :param was_used: whether there must be a history already; a missing or empty file is damage then
    """

    def __init__(self, path: Path, *, was_used: bool = False) -> None:
        self._path = path
        self._lock = threading.RLock()
        rescue = Rescue(is_whole, recover, was_used)
        schema = RUNS + TAKEN_FILES + INDEX_SCHEMA
        self._connection, self.damage = open_database(path, schema, synchronous='FULL', rescue=rescue)
        with named_sqlite_errors(path):
            prepare(self._connection)
        self.notices = [self.damage.sentence] if self.damage else []
        """What was found damaged and recovered when the file was opened."""
        self.group = GroupCommit(self.together)
        """For writes on the event loop."""

    def create(self, document: Document, *, idempotency_key: str | None = None) -> Document:
        """Save a new run and return its document with its `number`: 1, 2, 3 and so on, never used twice.

        If a run was created with the same key before, returns that run as it is now and creates nothing.
        """
        with self.transaction() as connection:
            known = (
                _select(connection, 'WHERE idempotency_key = ?', [idempotency_key])
                if idempotency_key is not None
                else []
            )
            if known:
                return known[0]
            return insert_run(connection, document | {'number': next_number(connection)}, idempotency_key)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction for what must be saved together with runs, see `storage.ledger`; within `together`, its one."""
        with self._lock, named_sqlite_errors(self._path):
            joins = self._connection.in_transaction
            with contextlib.nullcontext() if joins else transaction(self._connection):
                yield self._connection

    def together(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """Make calls that write to this database in one transaction.

        :return: the result of each, or the exception of one that failed: that one leaves nothing, the others are saved
        :raises StorageError: if nothing was saved
        """
        with self.transaction() as connection:
            return [_attempted(connection, call) for call in calls]

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for queries that need no transaction."""
        with self._lock, named_sqlite_errors(self._path):
            yield self._connection

    @property
    def changes(self) -> int:
        """How many rows have been written since the start: what was read is current as long as this is the same."""
        with self.reading() as connection:
            return connection.total_changes

    def save(self, document: Document) -> None:
        """Save the current state of an existing run; its number does not change."""
        with self.reading() as connection:
            connection.execute(
                'UPDATE runs SET state = ?, pipeline = ?, profile = ?, created = ?, finished = ?, document = ? '
                'WHERE id = ?',
                [*_columns(document), json_text(document), document['id']],
            )

    def rewrite(self, text: str, change: Callable[[Document], Document], *, once: bool = False) -> list[str]:
        """Apply `change` to the documents, also those of traces, with a text in them; return whose changed.

        What was there before is overwritten in the file and its journal.

        :param once: look at each run once: the next such call for this text, which is saved, begins with the first
            newer one
        """
        changed = []
        with self._lock, named_sqlite_errors(self._path), erasing(self._connection), transaction(self._connection):
            connection = self._connection
            for find, save in (
                ('SELECT id, document FROM runs', 'UPDATE runs SET document = ? WHERE id = ?'),
                ('SELECT id, document FROM traces', 'UPDATE traces SET document = ? WHERE id = ?'),
            ):
                where = (
                    'WHERE number > COALESCE((SELECT value FROM facts WHERE name = ?), 0) AND instr(document, ?) > 0'
                )
                rows = connection.execute(f'{find} {where}', [f'rewritten {text}' if once else '', text]).fetchall()
                for id, document in rows:
                    before = json.loads(document)
                    if (after := change(before)) != before:
                        connection.execute(save, [json_text(after), id])
                        changed.append(str(id))
            forget(connection, changed)
            if once:
                newest = "SELECT ?, seq FROM sqlite_sequence WHERE name = 'runs'"
                connection.execute(f'INSERT OR REPLACE INTO facts {newest}', [f'rewritten {text}'])
        return changed

    def get(self, id: str) -> Document | None:
        return self._one('WHERE id = ?', [id])

    def find_by_number(self, number: int) -> Document | None:
        return self._one('WHERE number = ?', [number])

    def find_by_key(self, idempotency_key: str) -> Document | None:
        return self._one('WHERE idempotency_key = ?', [idempotency_key])

    def page(
        self,
        *,
        state: str | None = None,
        pipeline: str | None = None,
        profile: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> Documents:
        """One page of runs, newest first.

        :param before: only runs with a smaller number
        """
        terms = {'state = ?': state, 'pipeline = ?': pipeline, 'profile = ?': profile, 'number < ?': before}
        given = {term: value for term, value in terms.items() if value is not None}
        where = f'WHERE {" AND ".join(given)}' if given else ''
        numbers = f'SELECT number FROM runs {where} ORDER BY number DESC LIMIT ?'  # noqa: S608 - our own constants
        return self._many(f'WHERE number IN ({numbers}) ORDER BY number DESC', [*given.values(), limit])

    def numbered(self, numbers: Sequence[int]) -> Documents:
        """The runs with these numbers that are still there, newest first."""
        return self._many(
            'WHERE number IN (SELECT value FROM json_each(?)) ORDER BY number DESC', [json.dumps(numbers)]
        )

    def index(self, text_of: TextOf) -> RunIndex:
        """The index that `index_next` writes; its owner closes it."""
        return RunIndex(self._path, text_of)

    def index_next(self, text_of: TextOf) -> bool:
        """Add some runs to the index that are not in it as they are now; returns whether there may be more."""
        with self.transaction() as connection:
            return index_next(connection, text_of)

    def with_states(self, states: Iterable[str]) -> Documents:
        where = 'WHERE state IN (SELECT value FROM json_each(?)) ORDER BY number'
        return self._many(where, [json.dumps([*states])])

    def recent(self, pipeline: str | None = None, *, limit: int) -> Documents:
        """Ended runs of one pipeline or of all, latest end first."""
        where, values = ('AND pipeline = ?', [pipeline]) if pipeline is not None else ('', [])
        return self._many(f'WHERE finished IS NOT NULL {where} ORDER BY finished DESC LIMIT ?', [*values, limit])

    def created_between(self, start: datetime, end: datetime) -> Documents:
        """Runs and traces created from `start` up to but excluding `end`, oldest first."""
        both = (
            f'SELECT created, document FROM {table} WHERE created >= ?1 AND created < ?2'  # noqa: S608
            for table in ('runs', 'traces')
        )
        with self.reading() as connection:
            rows = connection.execute(f'{" UNION ALL ".join(both)} ORDER BY 1', [micros(start), micros(end)])
            return [json.loads(text) for _, text in rows]

    def count_created(self, start: datetime, end: datetime) -> int:
        """The number of runs and traces that `created_between` returns."""
        return self._count('created >= ?1 AND created < ?2', start, end)

    def count_ended(self, start: datetime, end: datetime) -> int:
        """The number of runs that ended from `start` up to and including `end`; pruned ones count too."""
        return self._count('finished BETWEEN ?1 AND ?2', start, end)

    def step_seconds(self, pipeline: str, *, limit: int = 10) -> dict[str, list[float]]:
        """The durations of succeeded steps in the last `limit` succeeded runs of a pipeline, newest first."""
        took: dict[str, list[float]] = {}
        for run in self.last_succeeded(pipeline, limit=limit):
            for step in run.get('steps', ()):
                seconds = seconds_of(step)
                if step['state'] == 'succeeded' and seconds is not None:
                    took.setdefault(step['name'], []).append(seconds)
        return took

    def last_succeeded(self, pipeline: str, *, limit: int) -> Documents:
        """The last `limit` succeeded runs of a pipeline, newest first."""
        where = "WHERE state = 'succeeded' AND pipeline = ? ORDER BY number DESC LIMIT ?"
        return self._many(where, [pipeline, limit])

    def retries_of(self, id: str) -> Documents:
        """The runs that retry this one, oldest first."""
        where = "WHERE instr(document, '\"retry_of\":null') = 0 AND json_extract(document, '$.retry_of') = ?"
        return self._many(f'{where} ORDER BY number', [id])

    def last_good_of_event(self, event_id: str, *, before: int) -> Document | None:
        """The last run of an event that succeeded, of those with a smaller number."""
        return self._one(
            "WHERE state = 'succeeded' AND instr(document, '\"event_id\":null') = 0 "
            "AND json_extract(document, '$.event_id') = ? AND number < ? ORDER BY number DESC LIMIT 1",
            [event_id, before],
        )

    def with_inbox_files(self) -> Documents:
        """Runs whose parameters name files in the inbox that they have not taken over."""
        return self._many("WHERE instr(document, '\"inbox:') > 0", [])

    def close(self) -> None:
        self.group.close()
        with self._lock:
            close_database(self._path, self._connection)

    def _one(self, tail: str, values: Sequence[Any]) -> Document | None:
        return next(iter(self._many(tail, values)), None)

    def _count(self, term: str, start: datetime, end: datetime) -> int:
        both = (f'SELECT 1 FROM {table} WHERE {term}' for table in ('runs', 'traces'))  # noqa: S608
        query = f'SELECT COUNT(*) FROM ({" UNION ALL ".join(both)})'  # noqa: S608
        with self.reading() as connection:
            return int(connection.execute(query, [micros(start), micros(end)]).fetchone()[0])

    def _many(self, tail: str, values: Sequence[Any]) -> Documents:
        with self.reading() as connection:
            return _select(connection, tail, values)


def next_number(connection: sqlite3.Connection) -> int:
    """The number of the next run, for as long as this transaction of `RunStore` lasts."""
    used = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'runs'").fetchone()
    return int(used[0]) + 1 if used else 1


def insert_run(connection: sqlite3.Connection, document: Document, idempotency_key: str | None = None) -> Document:
    """Add a run with its number within a transaction of `RunStore`; returns its document."""
    connection.execute(
        'INSERT INTO runs (number, id, state, pipeline, profile, created, finished, idempotency_key, document) '
        'VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
        [document['number'], document['id'], *_columns(document), idempotency_key, json_text(document)],
    )
    _insert_found(connection, [document])
    return document


def insert_runs(connection: sqlite3.Connection, documents: Documents) -> None:
    """Add many runs with their numbers; see `insert_run`."""
    rows = [[run['number'], run['id'], *_columns(run), json_text(run)] for run in documents]
    connection.execute(_INSERT_MANY, [json_text(rows)])
    _insert_found(connection, documents)


def _insert_found(connection: sqlite3.Connection, documents: Iterable[Document]) -> None:
    """Add the files that new runs were created for, within the transaction that adds the runs."""
    rows = [
        [*(found[name] for name in ('owner', 'path', 'file', 'size', 'mtime_ns', 'digest')), run['id'], '', at]
        for run in documents
        if run.get('found')
        for at in [micros(run['created_at'])]
        for found in run['found']
    ]
    if rows:
        connection.executemany(INSERT_TAKEN, rows)


def _attempted(connection: sqlite3.Connection, call: Callable[[], Any]) -> Any:
    connection.execute('SAVEPOINT attempt')
    try:
        result = call()
    except Exception as error:
        if not connection.in_transaction:  # a full disk may already have rolled back everything
            raise
        connection.execute('ROLLBACK TO attempt')
        result = error
    connection.execute('RELEASE attempt')
    return result


def _select(connection: sqlite3.Connection, tail: str, values: Sequence[Any]) -> Documents:
    rows = connection.execute(f'SELECT document FROM runs {tail}', values)  # noqa: S608 - our own constants
    return [json.loads(text) for (text,) in rows]


def _columns(document: Document) -> Sequence[Any]:
    ended = document.get('finished_at')
    return [
        document['state'],
        document['pipeline'],
        document.get('profile'),
        micros(document['created_at']),
        None if ended is None else micros(ended),
    ]


def seconds_of(work: Document) -> float | None:
    """Return how long a run or step took, pauses of a step left out, None if it has not started and ended."""
    if work.get('started_at') is None or work.get('finished_at') is None:
        return None
    took = (micros(work['finished_at']) - micros(work['started_at'])) / 1_000_000
    return max(0.0, took - float(work.get('held_seconds', 0.0)))
