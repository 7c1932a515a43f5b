"""What is recovered of a damaged `logs.db`: the entries; counts and indexes are made anew from them."""

import contextlib
import sqlite3
from pathlib import Path

from storage.salvage import compile_all, salvage
from storage.texts import _, _n, joined

from .schema import SCHEMA, VERSION, migrate


def is_whole(connection: sqlite3.Connection) -> bool:
    """Whether the file is in order; that its indexes fit its entries isn't looked at, which would take too long."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if connection.execute('PRAGMA user_version').fetchone()[0] == VERSION:
        with contextlib.closing(sqlite3.connect(':memory:', isolation_level=None)) as fresh:
            migrate(fresh, Path())
            compile_all(connection, fresh)
    return 'entries' in tables and connection.execute('PRAGMA quick_check(1)').fetchone()[0] == 'ok'


def recover(damaged: Path, into: sqlite3.Connection) -> tuple[str, str]:
    """Copy the entries that can be read, into a file of the first version: bringing it up to date makes the rest."""
    into.executescript(SCHEMA)
    into.execute('ALTER TABLE entries ADD COLUMN shown TEXT')
    salvage(damaged, into)
    into.execute('ALTER TABLE entries DROP COLUMN shown')
    count, last = into.execute('SELECT COUNT(*), COALESCE(MAX(seq), 0) FROM entries').fetchone()
    into.execute("UPDATE meta SET value = CASE key WHEN 'words_to' THEN 0 ELSE MAX(value, ?) END", [last])
    recovered = _n('{count} entries of the log were recovered.', '{count} entries of the log were recovered.', count)
    gone = into.execute('SELECT 1 + MAX(seq) - MIN(seq) - COUNT(*) FROM entries').fetchone()[0] or 0
    found = _n('Not found: {count} entries between them.', 'Not found: {count} entries between them.', gone)
    return recovered, joined(found if gone else '', _('Entries that were saved last may be missing.'))
