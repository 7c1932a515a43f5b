"""Counts of log entries by second and by minute, so that figures for any span need no look at its entries."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

from .query import LEVELS
from .schema import MINUTE, SECOND

Read = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
Key = tuple[int, int, str, str]
"""Second or minute since 1970, level, source and run; the counts by key are entries, first and last `seq`."""

Tally = tuple[int, int, str, str, int, int]
"""Rows counted together: microseconds since 1970, level, source, run (empty for none), first and last `seq`."""

_MAX_ROWS = 3_000


def add(connection: sqlite3.Connection, tallies: Iterable[Tally]) -> None:
    """Count new rows, in order of `seq`."""
    seconds: dict[Key, list[int]] = {}
    for at, level, source, run, first, last in tallies:
        key = (at // SECOND, level, source, run)
        counted = seconds.get(key)
        if counted is None:
            seconds[key] = [last - first + 1, first, last]
        else:
            counted[0] += last - first + 1
            counted[2] = last
    minutes = _by_minute(seconds)
    for table, by_key in (('seconds', seconds), ('minutes', minutes)):
        _upsert(
            connection,
            table,
            [(*key, *values) for key, values in by_key.items()],
            'entries = entries + excluded.entries, first_seq = MIN(first_seq, excluded.first_seq), '
            'last_seq = MAX(last_seq, excluded.last_seq)',
        )
    spans: dict[int, list[int]] = {}
    for (minute, *_), (_, first, last) in minutes.items():
        known = spans.setdefault(minute, [first, last])
        known[:] = [min(known[0], first), max(known[1], last)]
    _upsert(
        connection,
        'spans',
        [(minute, *known) for minute, known in spans.items()],
        'first_seq = MIN(first_seq, excluded.first_seq), last_seq = MAX(last_seq, excluded.last_seq)',
    )


def subtract(connection: sqlite3.Connection, last: int) -> list[int]:
    """Subtract the entries up to this `seq`, which are about to be deleted; returns how many of each level."""
    removed = [0] * len(LEVELS)
    seconds: dict[Key, list[int]] = {}
    for at, level, source, run, entries in connection.execute(
        "SELECT at / ?, level, source, COALESCE(run, ''), COUNT(*) FROM entries WHERE seq <= ? GROUP BY 1, 2, 3, 4",
        [SECOND, last],
    ).fetchall():
        seconds[(at, level, source, run)] = [-entries, 0, 0]
        removed[level] += entries
    for table, by_key in (('seconds', seconds), ('minutes', _by_minute(seconds))):
        rows = [(*key, *values) for key, values in by_key.items()]
        _upsert(connection, table, rows, 'entries = entries + excluded.entries')
        connection.execute(f'DELETE FROM {table} WHERE entries <= 0')  # noqa: S608 - our own names
    connection.execute('DELETE FROM spans WHERE last_seq <= ?', [last])
    return removed


def by_level(read: Read, first: int | None, last: int | None) -> list[tuple[Any, ...]]:
    """`(level, entries)` between two moments in microseconds, the second exclusive; a level may occur several times.

    Whole minutes come from the counts, then whole seconds; only the two seconds at the edges are read row by row.
    """
    if first is None and last is None:
        return read('SELECT level, SUM(entries) FROM minutes GROUP BY level', [])
    lowest, highest = -(1 << 62), (1 << 62)
    first, last = lowest if first is None else first, highest if last is None else last
    if first >= last:
        return []
    parts = [*_parts(first, last)]
    return read(' UNION ALL '.join(sql for sql, _ in parts), [*chain.from_iterable(values for _, values in parts)])


def by_bucket(read: Read, start: int, unit: int, width: int, buckets: int, **only: str | None) -> list[tuple[Any, ...]]:
    """`(bucket, level, entries)` for buckets of `width` units.

    :param start: of the first bucket, in units since 1970
    :param unit: `SECOND` or `MINUTE`
    :param only: columns and the values they must have
    """
    table = 'minutes' if unit == MINUTE else 'seconds'
    given = {name: value for name, value in only.items() if value is not None}
    where = ''.join(f' AND {name} = ?' for name in given)
    return read(
        f'SELECT (at - ?) / ? AS bucket, level, SUM(entries) FROM {table} '  # noqa: S608 - our own names
        f'WHERE at >= ? AND at < ?{where} GROUP BY bucket, level',
        [start, width, start, start + width * buckets, *given.values()],
    )


def by_source(read: Read) -> list[tuple[Any, ...]]:
    """`(source, entries)`, most entries first."""
    return read('SELECT source, SUM(entries) FROM minutes GROUP BY source ORDER BY 2 DESC, 1', [])


def by_second(read: Read, since: int) -> list[tuple[Any, ...]]:
    """`(second since 1970, level, entries)` from this second on."""
    return read('SELECT at, level, SUM(entries) FROM seconds WHERE at >= ? GROUP BY at, level', [since])


def edges(read: Read) -> tuple[int, int] | None:
    """The moments of the oldest and the newest entry, in microseconds."""
    found = read(
        'SELECT MIN(e.at), MAX(e.at) FROM (SELECT MIN(first_seq) AS low, MAX(last_seq) AS high FROM seconds '
        'WHERE at IN ((SELECT MIN(at) FROM seconds), (SELECT MAX(at) FROM seconds)) GROUP BY at) '
        'CROSS JOIN entries e ON e.seq BETWEEN low AND high',
        [],
    )[0]
    return None if found[0] is None else (found[0], found[1])


def bounds(read: Read, first: int | None, last: int | None) -> tuple[int, int]:
    """The range of `seq` that holds every entry of a span of time, and possibly others."""
    low, high = 0, 1 << 62
    if first is not None:
        low = read('SELECT COALESCE(MIN(first_seq), 1 << 62) FROM spans WHERE minute >= ?', [first // MINUTE])[0][0]
    if last is not None:
        high = read('SELECT COALESCE(MAX(last_seq), 0) FROM spans WHERE minute <= ?', [last // MINUTE])[0][0]
    return low, high


def _by_minute(seconds: dict[Key, list[int]]) -> dict[Key, list[int]]:
    minutes: dict[Key, list[int]] = {}
    for (second, level, source, run), (entries, first, last) in seconds.items():
        counted = minutes.setdefault((second // 60, level, source, run), [0, first, last])
        counted[:] = [counted[0] + entries, min(counted[1], first), max(counted[2], last)]
    return minutes


def _upsert(connection: sqlite3.Connection, table: str, rows: Sequence[tuple[Any, ...]], on_conflict: str) -> None:
    for start in range(0, len(rows), _MAX_ROWS):
        some = rows[start : start + _MAX_ROWS]
        places = f'({", ".join("?" * len(some[0]))})'
        connection.execute(
            f'INSERT INTO {table} VALUES {", ".join([places] * len(some))} '  # noqa: S608 - our own names
            f'ON CONFLICT DO UPDATE SET {on_conflict}',
            [*chain.from_iterable(some)],
        )


def _parts(first: int, last: int, units: Sequence[int] = (MINUTE, SECOND)) -> Iterable[tuple[str, list[int]]]:
    """Queries that together count what lies between two moments: whole units from the counts, then finer ones."""
    if not units:
        second = first // SECOND
        within = 'SELECT {} FROM seconds WHERE at = ?'
        yield (
            'SELECT level, COUNT(*) FROM entries WHERE at >= ? AND at < ? '  # noqa: S608 - our own constants
            f'AND seq >= ({within.format("MIN(first_seq)")}) AND seq <= ({within.format("MAX(last_seq)")}) '
            'GROUP BY level',
            [first, last, second, second],
        )
        return
    unit, *finer = units
    low, high = -(-first // unit), last // unit
    if low > high:
        yield from _parts(first, last, finer)
        return
    if low < high:
        table = 'minutes' if unit == MINUTE else 'seconds'
        yield f'SELECT level, SUM(entries) FROM {table} WHERE at >= ? AND at < ? GROUP BY level', [low, high]  # noqa: S608
    if first < low * unit:
        yield from _parts(first, low * unit, finer)
    if high * unit < last:
        yield from _parts(high * unit, last, finer)
