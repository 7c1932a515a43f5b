"""What is recovered of a damaged `runs.db`: rows that can be read, and where a document is damaged, its columns."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from .database import iso, json_text
from .run_tables import LEDGER, PAST_PLANS, RUNS, TAKEN_FILES
from .salvage import compile_all, is_document, salvage
from .texts import Count, _, joined

_NAMED = 8
DAMAGED = {
    'message': 'The record of this run was damaged; what it was started with and its steps are lost.',
    'hint': 'Its log and its files are still there. Start it again with the parameters that you need.',
}
_NUMBERS = 'SELECT number FROM runs UNION SELECT number FROM traces'
_COMPUTED = "SELECT type, name FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql LIKE '%document%'"
_NOT_TO_START = """
UPDATE runs SET state = 'interrupted', finished = created,
    document = json_set(document, '$.state', 'interrupted', '$.finished_at', json_extract(document, '$.created_at'))
WHERE state = 'queued' AND json_extract(document, '$.is_recovered')
"""
_CHECKED = ('runs', 'traces', 'occurrences', 'past_plans')


def is_whole(connection: sqlite3.Connection) -> bool:
    """Whether the file is in order, and all documents in it are JSON."""
    if connection.execute('PRAGMA integrity_check(1)').fetchone()[0] != 'ok':
        return False
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if 'runs' not in tables:
        return False
    with contextlib.closing(sqlite3.connect(':memory:')) as fresh:
        _make_tables(fresh)
        compile_all(connection, fresh)
    connection.text_factory = bytes
    for table in tables & {*_CHECKED}:
        broken = f'SELECT 1 FROM {table} WHERE NOT json_valid(document) LIMIT 1'  # noqa: S608 - our own names
        if connection.execute(broken).fetchone():
            return False
        # JSON for SQLite may have bytes that are no text: in ASCII there are none.
        rows = connection.execute(f'SELECT document FROM {table}')  # noqa: S608
        if not all((isinstance(text, bytes) and text.isascii()) or is_document(text) for (text,) in rows):
            return False
    return True


def recover(damaged: Path, into: sqlite3.Connection) -> tuple[str, str]:
    """Copy what can be read, and say what that was, and which numbers of runs were not found."""
    _make_tables(into)
    # What is computed from documents would keep damaged ones out. Opening the file makes it again.
    for kind, name in into.execute(_COMPUTED).fetchall():
        into.execute(f'DROP {kind} {name}')
    salvage(damaged, into)
    into.execute("DELETE FROM facts WHERE name = 'zone of days'")  # so that days are counted anew
    _mend(into, 'runs', 'number', _run_of)
    into.execute(_NOT_TO_START)
    _mend(into, 'occurrences', 'event, due', _occurrence_of)
    for table in ('traces', 'past_plans'):
        into.executemany(f'DELETE FROM {table} WHERE document = ?', [(text,) for text in _broken_in(into, table)])  # noqa: S608
    _keep_numbers(into)
    return _found(into), missing_in(into)


def _make_tables(connection: sqlite3.Connection) -> None:
    for schema in (RUNS, TAKEN_FILES, LEDGER, PAST_PLANS):
        connection.executescript(schema)


def _broken_in(into: sqlite3.Connection, table: str) -> list[str]:
    rows = into.execute(f'SELECT document FROM {table}')  # noqa: S608 - our own names
    return [text for (text,) in rows if not is_document(text)]


def mend_runs(history: sqlite3.Connection, is_whole: Callable[[str], bool]) -> None:
    """Give runs whose document is not whole one that is made of their columns, else remove them, in a transaction."""
    _mend(history, 'runs', 'number', _run_of, is_whole)
    rows = history.execute('SELECT number, document FROM runs').fetchall()
    history.executemany('DELETE FROM runs WHERE number = ?', [(number,) for number, text in rows if not is_whole(text)])
    history.execute(_NOT_TO_START)


def _mend(
    into: sqlite3.Connection,
    table: str,
    key: str,
    document_of: Callable[[sqlite3.Row], Any],
    is_whole: Callable[[str], bool] = is_document,
) -> None:
    """Give rows with a damaged document one that is made of their columns."""
    into.row_factory = sqlite3.Row
    rows = into.execute(f'SELECT * FROM {table}')  # noqa: S608 - our own names
    damaged = [row for row in rows if not is_whole(row['document'])]
    into.row_factory = None
    names = key.split(', ')
    where = ' AND '.join(f'{name} = ?' for name in names)
    for row in damaged:
        values = [json_text(document_of(row)), *(row[name] for name in names)]
        into.execute(f'UPDATE {table} SET document = ? WHERE {where}', values)  # noqa: S608


def _run_of(row: sqlite3.Row) -> dict[str, Any]:
    columns = {name: row[name] for name in ('id', 'number', 'pipeline', 'profile', 'state')}
    ended = None if row['finished'] is None else iso(row['finished'])
    return columns | {
        'parameters': {},
        'error': DAMAGED,
        'is_recovered': True,
        'created_at': iso(row['created']),
        'finished_at': ended,
    }


def _occurrence_of(row: sqlite3.Row) -> dict[str, Any]:
    return {'event_id': row['event'], 'due': iso(row['due']), 'state': row['state'], 'run': row['run']}


def _found(into: sqlite3.Connection) -> str:
    counts = {table: into.execute(f'SELECT COUNT(*) FROM {table}').fetchone()[0] for table in _CHECKED}  # noqa: S608
    if not any(counts.values()):
        return _('Nothing in it could be read.')
    return _(
        '{runs} runs and {moments} moments of the calendar were recovered.',
        runs=Count(counts['runs']),
        moments=Count(counts['occurrences']),
    )


def missing_in(history: sqlite3.Connection) -> str:
    """Say which numbers of runs are missing, and how many have a damaged document."""
    numbers = [number for (number,) in history.execute(f'{_NUMBERS} ORDER BY 1')]
    damaged = 'SELECT COUNT(*) FROM runs WHERE json_extract(document, ?) = ?'
    mended = history.execute(damaged, ['$.error.message', DAMAGED['message']]).fetchone()[0]
    parts = []
    if mended:
        parts.append(_('Damaged, and shown without their details: {count} of the runs.', count=Count(mended)))
    if gaps := [*_gaps(numbers)]:
        names = joined(*(_numbers(low, high) for low, high in gaps[-_NAMED:]), by=', ')
        is_all = len(gaps) <= _NAMED
        parts.append(
            _('Not found: {names}.', names=names) if is_all else _('Not found: among others {names}.', names=names)
        )
    return joined(*parts, _('Runs, or moments of the calendar, that were saved last may be missing.'))


def _numbers(low: int, high: int) -> str:
    return f'#{low}' if low == high else _('#{low} to #{high}', low=low, high=high)


def _keep_numbers(into: sqlite3.Connection) -> None:
    """Have no number given again."""
    into.execute("DELETE FROM sqlite_sequence WHERE name = 'runs'")
    last = f'SELECT COALESCE(MAX(number), 0) FROM ({_NUMBERS})'  # noqa: S608 - our own names
    into.execute(f"INSERT INTO sqlite_sequence VALUES ('runs', ({last}))")  # noqa: S608


def _gaps(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    before = 0
    for number in numbers:
        if number > before + 1:
            yield before + 1, number - 1
        before = number
