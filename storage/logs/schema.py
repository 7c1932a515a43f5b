"""The tables of the log, and the migration of files from earlier versions."""

import sqlite3
from pathlib import Path

from storage.database import transaction
from storage.documents import NewerSchema

from .text import searched

VERSION = 2
MINUTE, SECOND = 60_000_000, 1_000_000
_CONVERT_ROWS = 2_000

# `timestamp` is empty if it equals `at`, which is in microseconds, as ISO 8601 in UTC. `shown` is the text that
# searches read if that is not `message`. In `seconds` and `minutes` an empty run means none, and `first_seq` may belong
# to a deleted entry. `words_to` in `meta` is the first `seq` that is not in the trigram index.
SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    timestamp TEXT NOT NULL,
    level INTEGER NOT NULL,
    message TEXT NOT NULL,
    source TEXT NOT NULL,
    run TEXT,
    step TEXT,
    fields TEXT
);
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO meta VALUES ('last_seq', 0);
INSERT OR IGNORE INTO meta VALUES ('words_to', 0);
CREATE INDEX IF NOT EXISTS entries_of_run ON entries (run, seq) WHERE run IS NOT NULL;
CREATE INDEX IF NOT EXISTS entries_of_source ON entries (source, seq);
CREATE INDEX IF NOT EXISTS entries_success ON entries (seq) WHERE level = 2;
CREATE INDEX IF NOT EXISTS entries_loud ON entries (seq) WHERE level >= 3;
CREATE INDEX IF NOT EXISTS entries_errors ON entries (seq) WHERE level >= 4;
"""
_SUMMARIES = """
CREATE TABLE {name} (
    at INTEGER NOT NULL,
    level INTEGER NOT NULL,
    source TEXT NOT NULL,
    run TEXT NOT NULL,
    entries INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    PRIMARY KEY (at, level, source, run)
) WITHOUT ROWID;
CREATE INDEX {name}_empty ON {name} (at) WHERE entries <= 0;
INSERT INTO {name} SELECT at / {micros}, level, source, COALESCE(run, ''), COUNT(*), MIN(seq), MAX(seq)
    FROM entries GROUP BY 1, 2, 3, 4;
"""
_SPANS = """
CREATE TABLE spans (minute INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL);
INSERT INTO spans SELECT at, MIN(first_seq), MAX(last_seq) FROM minutes GROUP BY at;
"""


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to this version: entries are kept, and what is derived from them is rebuilt.

    All or nothing, so that a process that dies meanwhile leaves the file as it was.

    :raises NewerSchema: if the file is newer than this program; it is left untouched
    """
    version = connection.execute('PRAGMA user_version').fetchone()[0]
    if version > VERSION:
        raise NewerSchema(path, version, VERSION)
    if version == VERSION:
        return
    with transaction(connection):
        for table in ('words', 'minutes', 'seconds', 'spans'):
            connection.execute(f'DROP TABLE IF EXISTS {table}')
        summaries = (_SUMMARIES.format(name=name, micros=micros) for name, micros in _UNITS)
        for statement in ''.join([SCHEMA, *summaries, _SPANS]).split(';\n'):
            connection.execute(statement)
        _add_shown(connection)
        connection.execute(f'PRAGMA user_version = {VERSION}')


_UNITS = (('seconds', SECOND), ('minutes', MINUTE))


def _add_shown(connection: sqlite3.Connection) -> None:
    connection.execute('ALTER TABLE entries ADD COLUMN shown TEXT')
    last = 0
    while rows := connection.execute(_NOT_ASCII, [last, _CONVERT_ROWS]).fetchall():
        changed = [(text, seq) for seq, message in rows if (text := searched(message)) is not None]
        connection.executemany('UPDATE entries SET shown = ? WHERE seq = ?', changed)
        last = rows[-1][0]


# More bytes than characters: non-ASCII letters, or a NUL, at which SQLite stops counting characters.
_NOT_ASCII = (
    'SELECT seq, message FROM entries WHERE seq > ? '
    'AND (length(CAST(message AS BLOB)) <> length(message) OR instr(message, char(27)) > 0) ORDER BY seq LIMIT ?'
)
