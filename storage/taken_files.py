"""Which versions of files were taken already, and by which run: a row each, in the same SQLite file as the runs.

A row comes with its run in one transaction, so that no crash can lose a file or take it twice.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from .database import json_text, micros
from .runs import INSERT_TAKEN, RunStore

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

    def __init__(self, runs: RunStore) -> None:
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
            connection.executemany(INSERT_TAKEN, rows)

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
