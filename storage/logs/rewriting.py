"""Changes entries that are stored already: for what must not be in the log, such as a password."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from . import trigrams
from .text import searched

Change = Callable[[str], str]
_Row = tuple[int, str, str | None]

_ROWS = 20_000


def rewrite_some(
    connection: sqlite3.Connection, after: int, texts: Sequence[str], change: Change
) -> tuple[int | None, int]:
    """Change the next entries after this `seq` that contain one of these texts, within a transaction.

    :return: the `seq` that was reached, None if there are no more entries, and how many entries changed
    """
    query = 'SELECT MAX(seq) FROM (SELECT seq FROM entries WHERE seq > ? ORDER BY seq LIMIT ?)'
    last = connection.execute(query, [after, _ROWS]).fetchone()[0]
    if last is None:
        return None, 0
    # A look at each row, since the index knows neither case nor fields; it takes a second for a million.
    is_found = ' OR '.join(['instr(message, ?) OR instr(fields, ?)'] * len(texts))
    query = f'SELECT seq, message, fields FROM entries WHERE seq > ? AND seq <= ? AND ({is_found})'  # noqa: S608
    rows: list[_Row] = connection.execute(query, [after, last, *(text for text in texts for _ in range(2))]).fetchall()
    changed = [new for row in rows if (new := _changed(row, change)) != row]
    for seq, message, fields in changed:
        values = [message, fields, searched(message), seq]
        connection.execute('UPDATE entries SET message = ?, fields = ?, shown = ? WHERE seq = ?', values)
    if changed:
        trigrams.rewind(connection, changed[0][0])
    return last, len(changed)


def _changed(row: _Row, change: Change) -> _Row:
    seq, message, fields = row
    return seq, change(message), fields and json.dumps(mapped(json.loads(fields), change))


def mapped(value: Any, change: Change) -> Any:
    """Return a JSON value with `change` applied to every text in it, except for names of fields."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: mapped(item, change) for name, item in value.items()}
    return [mapped(item, change) for item in value] if isinstance(value, list) else value
