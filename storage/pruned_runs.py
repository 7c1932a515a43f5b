"""Removes ended runs but for a trace: when they ran and how they ended, and which folders are still to be removed.

A run becomes a trace in one transaction, and only then is its folder removed: after a crash in between, the trace says
so, and the next start removes it. A folder is never removed for lack of a run, which may merely be unreadable.
"""

import json
import sqlite3
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from .database import micros
from .runs import Document, Documents, RunStore

KEEP_TRACES = 100_000
_GIVE_BACK_PAGES = 200
_STAYS = (
    'id',
    'number',
    'pipeline',
    'profile',
    'state',
    'subject',
    'event_id',
    'due',
    'retry_of',
    'created_at',
    'started_at',
    'finished_at',
)
# Runs are kept while their occurrence awaits a decision or a retry.
_MAY_GO = """
FROM runs WHERE finished < ? AND id NOT IN (SELECT value FROM json_each(?)) AND NOT EXISTS (
    SELECT 1 FROM occurrences
    WHERE run = runs.id AND (unanswered = 1 OR retry IS NOT NULL OR state = 'claimed')
)
"""


class PrunedRuns:
    """Uses the database of `runs`; safe to use from several threads."""

    def __init__(self, runs: RunStore) -> None:
        self._runs = runs

    # -- which runs can be pruned ------------------------------------------------------------------------------------

    def prunable(self, until: datetime, *, spared: Collection[str] = (), limit: int) -> list[str]:
        """Runs that ended before `until` and that no open occurrence needs, earliest end first."""
        query = f'SELECT id {_MAY_GO} ORDER BY finished LIMIT ?'
        return [id for (id,) in self._rows(query, micros(until), json.dumps([*spared]), limit)]

    def count_prunable(self, until: datetime, *, spared: Collection[str] = ()) -> int:
        query = f'SELECT COUNT(*) {_MAY_GO}'
        return int(self._rows(query, micros(until), json.dumps([*spared]))[0][0])

    def end_of_newest(self, count: int) -> datetime | None:
        """When the oldest of the `count` most recently ended runs ended; None if there are fewer."""
        query = 'SELECT finished FROM runs WHERE finished IS NOT NULL ORDER BY finished DESC LIMIT 1 OFFSET ?'
        found = self._rows(query, count - 1)
        return _moment(found[0][0]) if found else None

    def ended(self) -> tuple[int, datetime | None]:
        count, first = self._rows('SELECT COUNT(*), MIN(finished) FROM runs WHERE finished IS NOT NULL')[0]
        return count, None if first is None else _moment(first)

    # -- pruning ------------------------------------------------------------------------------------------------------

    def prune(self, ids: Collection[str], *, at: datetime) -> list[str]:
        """Turn these runs into traces with pending folders, all or none; returns those that existed and had ended."""
        wanted = json.dumps([*ids])
        found = 'FROM runs WHERE finished IS NOT NULL AND id IN (SELECT value FROM json_each(?))'
        with self._runs.transaction() as connection:
            rows = connection.execute(f'SELECT document, idempotency_key {found}', [wanted]).fetchall()
            documents = [json.loads(text) for text, _ in rows]
            for document, (_, key) in zip(documents, rows, strict=True):
                _leave_trace(connection, document, key, at)
            connection.execute(f'DELETE {found}', [wanted])
        return [document['id'] for document in documents]

    def pending_folders(self) -> Documents:
        return [json.loads(text) for (text,) in self._rows('SELECT document FROM traces WHERE has_folder = 1')]

    def mark_folder_removed(self, trace: Mapping[str, Any]) -> None:
        """Record that the folder and the files of this trace were removed."""
        with self._runs.transaction() as connection:
            connection.execute(
                'UPDATE traces SET has_folder = 0, document = ? WHERE id = ?',
                [json.dumps({**trace, 'parameters': {}}), trace['id']],
            )

    def tidy(self) -> None:
        """Delete all but the newest 100,000 traces, and shrink the file a little."""
        with self._runs.transaction() as connection:
            connection.execute(
                'DELETE FROM traces WHERE has_folder = 0 AND number < '
                '(SELECT number FROM traces ORDER BY number DESC LIMIT 1 OFFSET ?)',
                [KEEP_TRACES - 1],
            )
        with self._runs.reading() as connection:
            # `executescript`, since `execute` steps a statement without columns only once: one page of many.
            connection.executescript(f'PRAGMA incremental_vacuum({_GIVE_BACK_PAGES})')

    # -- reading ------------------------------------------------------------------------------------------------------

    def find(self, *, id: str | None = None, number: int | None = None, key: str | None = None) -> Document | None:
        """The trace of a run by its id, number or idempotency key, with `forgotten_at`; None if there is none."""
        query = 'SELECT document, forgotten FROM traces WHERE id = ? OR number = ? OR idempotency_key = ?'
        found = self._rows(query, id, number, key)
        return json.loads(found[0][0]) | {'forgotten_at': _moment(found[0][1]).isoformat()} if found else None

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with self._runs.reading() as connection:
            return connection.execute(query, values).fetchall()


def _leave_trace(connection: sqlite3.Connection, document: Document, key: str | None, at: datetime) -> None:
    # Files from the inbox may still be there for it, and are removed with its folder.
    files = {name: value for name, value in document.get('parameters', {}).items() if '"inbox:' in json.dumps(value)}
    trace = {name: document[name] for name in _STAYS if name in document} | {'parameters': files}
    connection.execute(
        'INSERT OR REPLACE INTO traces '
        '(id, number, state, created, finished, forgotten, idempotency_key, has_folder, document) '
        'VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?)',
        [
            document['id'],
            document['number'],
            document['state'],
            micros(document['created_at']),
            micros(document['finished_at']),
            micros(at),
            key,
            json.dumps(trace),
        ],
    )


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)
