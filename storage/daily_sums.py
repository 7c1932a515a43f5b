"""How many runs ended on each day, in which state and after how long: small sums of a long history.

A trigger marks every run that ends, in the transaction that saves its end. Marked runs are added to the sums before
these are read, in a transaction that removes the marks: whatever is killed in between, each run counts once, and it
still counts after it has been removed.
"""

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo

from .database import EPOCH, micros
from .runs import RunStore, seconds_of

DaySum = tuple[date, str, float, int]
"""`day, state, seconds, count`: how many runs ended like this on a day, each after about so many seconds."""

AT_ONCE = 200
"""Runs counted in one transaction: it takes some milliseconds, in which no run can be saved."""
PAUSE_SECONDS = 0.001
"""Between two transactions, so that others get their turn."""
KEPT = timedelta(days=30)
"""Days are kept this long before the first one that is read."""


class DailySums:
    """Uses the database of `runs`; safe to use from several threads."""

    def __init__(self, runs: RunStore) -> None:
        self._runs = runs

    def between(self, first: date, last: date, zone: tzinfo) -> list[DaySum]:
        """Return the sums of the days of this zone from `first` up to and including `last`.

        Days are those of one zone at a time: read for another one, or for the first time, all that ended in the last
        weeks is counted again, a little at a time. If that is interrupted, the next call continues.

        Runs of less than ten seconds are counted by tenths of a second, longer ones by seconds.
        """
        while True:
            with self._runs.transaction() as connection:
                if not _is_of(connection, zone):
                    _start_again(connection, first, zone)
                elif not _count_some(connection, zone):
                    return _read(connection, first, last)
            time.sleep(PAUSE_SECONDS)


def _is_of(connection: sqlite3.Connection, zone: tzinfo) -> bool:
    found = connection.execute("SELECT value FROM facts WHERE name = 'zone of days'").fetchone()
    return found is not None and bool(found[0] == str(zone))


def _start_again(connection: sqlite3.Connection, first: date, zone: tzinfo) -> None:
    since = micros(datetime(first.year, first.month, first.day, tzinfo=UTC) - KEPT)
    connection.execute('DELETE FROM daily')
    for table in ('runs', 'traces'):
        ended = f'SELECT number FROM {table} WHERE finished >= ?'  # noqa: S608 - our own constants
        connection.execute(f'INSERT OR IGNORE INTO uncounted {ended}', [since])
    connection.execute("INSERT OR REPLACE INTO facts VALUES ('zone of days', ?)", [str(zone)])


def _count_some(connection: sqlite3.Connection, zone: tzinfo) -> bool:
    """Add some of the marked runs to the sums, and return whether there were any."""
    rows = connection.execute(
        'SELECT u.number, COALESCE(r.document, t.document) FROM uncounted u '
        'LEFT JOIN runs r ON r.number = u.number LEFT JOIN traces t ON t.number = u.number LIMIT ?',
        [AT_ONCE],
    ).fetchall()
    found = _sums_of((text for _, text in rows if text is not None), zone)
    connection.executemany(
        'INSERT INTO daily VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count',
        [(*key, count) for key, count in found.items()],
    )
    connection.executemany('DELETE FROM uncounted WHERE number = ?', [(number,) for number, _ in rows])
    return bool(rows)


def _sums_of(documents: Iterable[str], zone: tzinfo) -> Counter[tuple[int, str, float]]:
    found = Counter[tuple[int, str, float]]()
    for text in documents:
        run = json.loads(text)
        ended = (EPOCH + timedelta(microseconds=micros(run['finished_at']))).astimezone(zone)
        seconds = seconds_of(run) or 0.0
        found[ended.toordinal(), run['state'], round(seconds, 1 if seconds < 10 else 0)] += 1
    return found


def _read(connection: sqlite3.Connection, first: date, last: date) -> list[DaySum]:
    connection.execute('DELETE FROM daily WHERE day < ?', [(first - KEPT).toordinal()])
    query = 'SELECT day, state, seconds, count FROM daily WHERE day BETWEEN ? AND ?'
    rows = connection.execute(query, [first.toordinal(), last.toordinal()])
    return [(date.fromordinal(day), state, seconds, count) for day, state, seconds, count in rows]
