"""Which versions of files were taken already, and by which run: a row each, in the same SQLite file as the runs.

A row comes with its run in one transaction, so that no crash can lose a file or take it twice.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from .database import json_text, micros

if TYPE_CHECKING:
    from .runs import RunStore

SCHEMA = """
CREATE TABLE IF NOT EXISTS taken (
    number INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    path TEXT NOT NULL,
    file TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    digest TEXT NOT NULL,
    run TEXT,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS taken_files ON taken (owner, file, size, mtime_ns);
CREATE INDEX IF NOT EXISTS taken_paths ON taken (owner, path, size, mtime_ns);
"""

_KNOWN = """
SELECT
    EXISTS (SELECT 1 FROM taken WHERE owner = ?1 AND file = json_extract(value, '$[1]')
        AND size = json_extract(value, '$[2]') AND mtime_ns = json_extract(value, '$[3]')),
    (SELECT digest FROM taken WHERE owner = ?1 AND path = json_extract(value, '$[0]')
        AND size = json_extract(value, '$[2]') AND mtime_ns = json_extract(value, '$[3]') ORDER BY number DESC LIMIT 1)
FROM json_each(?2) ORDER BY key
"""

Version = Sequence[Any]
"""Path, a text that identifies the file on this machine, size in bytes, and time of the last change in nanoseconds."""


class Known(NamedTuple):
    """What is known of a version."""

    is_taken: bool
    digest: str | None
    """Of the version with the same path, size and time that was another file; None if there was none."""


class TakenFiles:
    """What each owner, such as a watch folder, has taken. Safe to use from several threads."""

    def __init__(self, runs: 'RunStore') -> None:
        self._runs = runs
        self.group = runs.group
        """For writes on the event loop."""

    def known(self, owner: str, versions: Sequence[Version]) -> list[Known]:
        """Return what is known of each version, in their order."""
        with self._runs.reading() as connection:
            rows = connection.execute(_KNOWN, [owner, json_text([list(version) for version in versions])]).fetchall()
        return [Known(bool(is_taken), digest) for is_taken, digest in rows]

    def remember(
        self, owner: str, versions: Iterable[Version], *, at: datetime, digest: str = '', reason: str = ''
    ) -> None:
        """Treat versions as taken without a run."""
        with self._runs.transaction() as connection:
            rows = [[owner, *version, digest, None, reason, micros(at)] for version in versions]
            connection.executemany(_INSERT, rows)

    def latest(self, owner: str, *, limit: int) -> list[dict[str, Any]]:
        """Return what was taken or refused last, newest first: `{path, size, run, number, reason, at}`.

        `at` is in microseconds since 1970; `number` is None once the trace of the run is gone too.
        """
        with self._runs.reading() as connection:
            rows = connection.execute(
                'SELECT path, size, run, COALESCE(r.number, t.number), reason, at FROM taken '
                'LEFT JOIN runs r ON r.id = run LEFT JOIN traces t ON t.id = run '
                "WHERE owner = ? AND (run IS NOT NULL OR reason != '') ORDER BY taken.number DESC LIMIT ?",
                [owner, limit],
            ).fetchall()
        return [dict(zip(('path', 'size', 'run', 'number', 'reason', 'at'), row, strict=True)) for row in rows]

    def forget(self, owner: str) -> None:
        """Remove all rows of an owner that is gone."""
        with self._runs.transaction() as connection:
            connection.execute('DELETE FROM taken WHERE owner = ?', [owner])


_INSERT = 'INSERT INTO taken (owner, path, file, size, mtime_ns, digest, run, reason, at) VALUES (?,?,?,?,?,?,?,?,?)'


def insert_found(connection: sqlite3.Connection, documents: Iterable[Mapping[str, Any]]) -> None:
    """Add the files that new runs were created for, within the transaction that adds the runs."""
    rows = [
        [*(found[name] for name in ('owner', 'path', 'file', 'size', 'mtime_ns', 'digest')), run['id'], '', at]
        for run in documents
        if run.get('found')
        for at in [micros(run['created_at'])]
        for found in run['found']
    ]
    if rows:
        connection.executemany(_INSERT, rows)
