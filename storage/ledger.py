"""The ledger: one row for each moment at which an event fell due, in the same SQLite file as the runs.

The key is the event and the moment, so nothing is accounted for twice; a row and its run are written in one
transaction, so neither exists without the other.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from .database import EPOCH, insert_from_json, json_text, micros
from .run_tables import LEDGER
from .runs import RunStore, insert_run, insert_runs, next_number

Document = dict[str, Any]
Documents = list[Document]
Pairs = list[tuple[Document, Document | None]]


class Outcome(NamedTuple):
    """A row, and `number, state, started_at, finished_at` of its run, also of one that was pruned."""

    row: Document
    run: Document | None


# All rows later than the time that is asked for could be spans that begin before its end: those few have an index.
_BETWEEN = """
SELECT document, run, due FROM occurrences WHERE due >= ?1 AND due < ?2 UNION ALL
SELECT document, run, due FROM occurrences WHERE due >= ?2 AND since < ?2 AND since < due
"""

# Rows never overlap, so only the next one at or after a moment could cover it.
_ACCOUNTED = """
SELECT key FROM json_each(?) WHERE (
    SELECT since FROM occurrences WHERE event = json_extract(value, '$[0]') AND due >= json_extract(value, '$[1]')
    ORDER BY due LIMIT 1
) <= json_extract(value, '$[2]')
"""
_WITH_RUNS = 'occurrences o LEFT JOIN runs r ON r.id = o.run LEFT JOIN traces t ON t.id = o.run'
_NOT_SUCCEEDING = f"""
SELECT value FROM json_each(?1) WHERE (
    SELECT COUNT(*) = ?2 AND SUM(state = 'succeeded') = 0 FROM (
        SELECT COALESCE(r.state, t.state, '') AS state FROM {_WITH_RUNS}
        WHERE o.event = value ORDER BY o.due DESC LIMIT ?2
    )
)
"""  # noqa: S608 - our own constants
_NEWEST = f"""
SELECT o.document, CASE WHEN COALESCE(r.number, t.number) IS NULL THEN NULL ELSE json_object(
    'number', COALESCE(r.number, t.number), 'state', COALESCE(r.state, t.state),
    'started_at', json_extract(COALESCE(r.document, t.document), '$.started_at'),
    'finished_at', json_extract(COALESCE(r.document, t.document), '$.finished_at')
) END FROM {_WITH_RUNS} WHERE o.event = ? AND o.due > ? ORDER BY o.due DESC LIMIT ?
"""  # noqa: S608 - our own constants
_INSERT = insert_from_json(
    'occurrences', 'since', 'state', 'run', 'retry', 'unanswered', 'count', 'document', 'event', 'due'
)


_ASSUMED = 'accounted until'


class Ledger:
    """Rows as plain documents with at least `event_id, due, state, run, since, count, retry_at, is_open`.

    Uses the database of `runs`; safe to use from several threads.
    """

    def __init__(self, runs: RunStore) -> None:
        self._runs = runs
        self.group = runs.group
        """For writes on the event loop."""
        with runs.reading() as connection:
            connection.executescript(LEDGER)

    def account(self, pairs: Iterable[tuple[Document, Document | None]]) -> Pairs:
        """Add rows, each with its run, in one transaction.

        :return: the added rows, runs with their numbers; rows whose moment is already accounted for are left out with
            their runs
        """
        with self._runs.transaction() as connection:
            number = next_number(connection)
            added: Pairs = []
            for row, run in _unaccounted(connection, list(pairs)):
                added.append((row, None if run is None else run | {'number': number}))
                number += run is not None
            insert_runs(connection, [run for _, run in added if run is not None])
            _insert(connection, [row for row, _ in added])
        return added

    def save(self, rows: Iterable[Document]) -> None:
        with self._runs.transaction() as connection:
            for row in rows:
                _update(connection, row)

    def replace_run(self, row: Document, run: Document, *, before: str | None) -> Document | None:
        """Give a row another run, in one transaction, if its run is still `before`; returns that run, numbered."""
        with self._runs.transaction() as connection:
            found = connection.execute(
                'SELECT run FROM occurrences WHERE event = ? AND due = ?', [row['event_id'], micros(row['due'])]
            ).fetchone()
            if found is None or found[0] != before:
                return None
            numbered = insert_run(connection, run | {'number': next_number(connection)})
            _update(connection, row)
            return numbered

    def last_dues(self, event_ids: Sequence[str]) -> dict[str, datetime]:
        """The latest moment that is accounted for of each of these events that has one."""
        last = 'SELECT MAX(due) FROM occurrences WHERE event = value'
        with self._runs.reading() as connection:
            query = f'SELECT value, ({last}) FROM json_each(?)'  # noqa: S608 - our own constants
            rows = connection.execute(query, [json.dumps([*event_ids])]).fetchall()
            assumed = connection.execute('SELECT value FROM facts WHERE name = ?', [_ASSUMED]).fetchone()
        least = -1 if assumed is None else assumed[0]
        found = [(event, max(least if due is None else due, least)) for event, due in rows]
        return {event: EPOCH + timedelta(microseconds=due) for event, due in found if due >= 0}

    def assume_accounted(self, until: datetime) -> None:
        """Treat everything due up to this moment as accounted for: rows were lost, and nothing may fire twice."""
        with self._runs.transaction() as connection:
            connection.execute('INSERT OR REPLACE INTO facts VALUES (?, ?)', [_ASSUMED, micros(until)])

    def get(self, event_id: str, due: datetime) -> Document | None:
        return next(iter(self._read('WHERE event = ? AND due = ?', [event_id, micros(due)])), None)

    def of_event(self, event_id: str, start: datetime, end: datetime) -> tuple[Document, Document | None] | None:
        """The row of an event from `start` up to but excluding `end`, or a span over it, with its run or trace."""
        query = (
            'SELECT found.document, COALESCE(r.document, t.document) FROM ('
            'SELECT document, run, since FROM occurrences WHERE event = ? AND due >= ? ORDER BY due LIMIT 1) found '
            'LEFT JOIN runs r ON r.id = found.run LEFT JOIN traces t ON t.id = found.run WHERE found.since < ?'
        )
        with self._runs.reading() as connection:
            found = connection.execute(query, [event_id, micros(start), micros(end)]).fetchone()
        return None if found is None else (json.loads(found[0]), None if found[1] is None else json.loads(found[1]))

    def not_succeeding(self, event_ids: Sequence[str], *, times: int) -> list[str]:
        """Those of these events that have as many rows, the newest of which have no run that succeeded."""
        with self._runs.reading() as connection:
            rows = connection.execute(_NOT_SUCCEEDING, [json.dumps([*event_ids]), times]).fetchall()
        return [event for (event,) in rows]

    def newest(self, event_id: str, *, since: datetime, limit: int) -> list[Outcome]:
        """How the rows of an event after `since` ended, newest first."""
        with self._runs.reading() as connection:
            rows = connection.execute(_NEWEST, [event_id, micros(since), limit]).fetchall()
        return [Outcome(json.loads(row), None if run is None else json.loads(run)) for row, run in rows]

    def of_run(self, run_id: str) -> Document | None:
        return next(iter(self._read('WHERE run = ?', [run_id])), None)

    def between(self, start: datetime, end: datetime) -> Documents:
        """Rows due from `start` up to but excluding `end`, and spans that overlap it, oldest first."""
        query = f'SELECT document FROM ({_BETWEEN}) ORDER BY due'  # noqa: S608 - our own constants
        with self._runs.reading() as connection:
            rows = connection.execute(query, [micros(start), micros(end)]).fetchall()
        return [json.loads(text) for (text,) in rows]

    def between_with_runs(self, start: datetime, end: datetime) -> Pairs:
        """As `between`, each row with its run, or with the trace of a pruned one."""
        query = (
            f'SELECT found.document, COALESCE(r.document, t.document) FROM ({_BETWEEN}) found '  # noqa: S608 - our own constants
            'LEFT JOIN runs r ON r.id = found.run LEFT JOIN traces t ON t.id = found.run ORDER BY found.due'
        )
        with self._runs.reading() as connection:
            rows = connection.execute(query, [micros(start), micros(end)]).fetchall()
        return [(json.loads(row), None if run is None else json.loads(run)) for row, run in rows]

    def count(self, start: datetime, end: datetime) -> int:
        """How many rows are due from `start` up to but excluding `end`."""
        query = 'SELECT COUNT(*) FROM occurrences WHERE due >= ? AND due < ?'
        with self._runs.reading() as connection:
            return int(connection.execute(query, [micros(start), micros(end)]).fetchone()[0])

    def unanswered(self) -> Documents:
        """Rows about which a person still has to decide, newest first."""
        return self._read('WHERE unanswered = 1 ORDER BY due DESC', [])

    def claimed(self) -> Documents:
        """Rows whose run was saved, but perhaps not queued before a crash."""
        return self._read("WHERE state = 'claimed' ORDER BY due", [])

    def to_retry(self) -> Documents:
        """Rows whose run will be retried, earliest first."""
        return self._read('WHERE retry IS NOT NULL ORDER BY retry', [])

    def missed_since(self, moment: datetime) -> int:
        query = "SELECT COALESCE(SUM(count), 0) FROM occurrences WHERE due >= ? AND state = 'missed'"
        with self._runs.reading() as connection:
            return int(connection.execute(query, [micros(moment)]).fetchone()[0])

    def _read(self, tail: str, values: Sequence[Any]) -> Documents:
        with self._runs.reading() as connection:
            rows = connection.execute(f'SELECT document FROM occurrences {tail}', values).fetchall()  # noqa: S608 - our own constants
        return [json.loads(text) for (text,) in rows]


def _unaccounted(connection: sqlite3.Connection, pairs: Pairs) -> Pairs:
    """Return the pairs whose moment is not accounted for yet, each moment once."""
    unique = {(row['event_id'], row['due']): (row, run) for row, run in reversed(pairs)}
    moments = [
        [row['event_id'], micros(row.get('since') or row['due']), micros(row['due'])] for row, _ in unique.values()
    ]
    rows = connection.execute(_ACCOUNTED, [json_text(moments)]).fetchall()
    accounted = {place for (place,) in rows}
    return [pair for place, pair in enumerate(unique.values()) if place not in accounted][::-1]


def _insert(connection: sqlite3.Connection, rows: Documents) -> None:
    values = [[*_columns(row), row['event_id'], micros(row['due'])] for row in rows]
    connection.execute(_INSERT, [json_text(values)])


def _update(connection: sqlite3.Connection, row: Document) -> None:
    connection.execute(
        'UPDATE occurrences SET since = ?, state = ?, run = ?, retry = ?, unanswered = ?, count = ?, document = ? '
        'WHERE event = ? AND due = ?',
        [*_columns(row), row['event_id'], micros(row['due'])],
    )


def _columns(row: Document) -> Sequence[Any]:
    retry = row.get('retry_at')
    return [
        micros(row.get('since') or row['due']),
        row['state'],
        row.get('run'),
        None if retry is None else micros(retry),
        int(bool(row.get('is_open'))),
        int(row.get('count', 1)),
        json_text(row),
    ]
