"""Opens the SQLite files of our history: in WAL mode, private, and with unreadable files set aside."""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from .files import DiskFull, StorageError, make_private_folder, named_errors, path_aside

Prepare = Callable[[sqlite3.Connection], None]


def open_database(
    path: Path, schema: str, *, synchronous: str, notices: list[str], prepare: Prepare | None = None
) -> sqlite3.Connection:
    """Open a connection and run `schema` on it; any thread may use it, one at a time.

    :param prepare: called before the schema, for what a script cannot do
    :param synchronous: with `FULL` every commit survives a power loss, with `NORMAL` the last moments may be lost
    :param notices: a sentence is added if an unreadable file was set aside and a new one created
    """
    make_private_folder(path.parent)
    try:
        return _open(path, schema, synchronous, prepare)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise _named(error, path) from error
    aside = _set_aside(path)
    notices.append(f'{path.name} could not be read; it is kept as {aside.name} and a new one was created.')
    with named_sqlite_errors(path):
        return _open(path, schema, synchronous, prepare)


def _open(path: Path, schema: str, synchronous: str, prepare: Prepare | None) -> sqlite3.Connection:
    with named_errors(path):
        path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    try:
        connection.execute('PRAGMA auto_vacuum=INCREMENTAL')
        connection.execute('PRAGMA journal_mode=WAL')
        connection.execute(f'PRAGMA synchronous={synchronous}')
        if prepare is not None:
            prepare(connection)
        connection.executescript(schema)
    except (sqlite3.Error, StorageError):
        connection.close()
        raise
    return connection


def _set_aside(path: Path) -> Path:
    aside = path_aside(path)
    with named_errors(path):
        for suffix in ('-wal', '-shm', ''):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.replace(aside.with_name(aside.name + suffix))
    return aside


@contextlib.contextmanager
def named_sqlite_errors(path: Path) -> Iterator[None]:
    """Turn errors of SQLite into a `StorageError` that names the file, `DiskFull` if there is no room."""
    try:
        yield
    except sqlite3.Error as error:
        # Invalid values are a mistake of the caller; retrying would never help.
        if isinstance(error, sqlite3.IntegrityError) or 'binding parameter' in str(error):
            raise
        raise _named(error, path) from error


def _named(error: sqlite3.Error, path: Path) -> StorageError:
    if getattr(error, 'sqlite_errorcode', None) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE):
        return DiskFull(f'No room is left on the disk for {path}; nothing was saved.')
    return StorageError(f'{path} cannot be read or written: {error}')


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Run all or nothing, excluding other writers from the start."""
    connection.execute('BEGIN IMMEDIATE')
    try:
        yield
        connection.execute('COMMIT')
    except BaseException:
        # A full disk may already have caused a rollback.
        if connection.in_transaction:
            connection.execute('ROLLBACK')
        raise


def insert_from_json(table: str, *columns: str) -> str:
    """Return the statement that inserts the rows of a JSON text, each a list of the values of these columns.

    One call of SQLite for all of them: it doesn't wait for Python's lock between two rows, as `executemany` does, so
    the event loop may work meanwhile.
    """
    values = ', '.join(f"json_extract(value, '$[{place}]')" for place in range(len(columns)))
    return f'INSERT INTO {table} ({", ".join(columns)}) SELECT {values} FROM json_each(?)'  # noqa: S608 - our own names


@contextlib.contextmanager
def erasing(connection: sqlite3.Connection) -> Iterator[None]:
    """Overwrite what is replaced or deleted meanwhile, so that it can't be read in the file or its journal any more."""
    before = connection.execute('PRAGMA secure_delete').fetchone()[0]
    connection.execute('PRAGMA secure_delete=ON').fetchall()
    try:
        yield
    finally:
        connection.execute(f'PRAGMA secure_delete={before}').fetchall()
        connection.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchall()


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: str | datetime) -> int:
    """Microseconds since 1970 of an aware moment, as a datetime or ISO 8601: numbers compare, texts do not."""
    aware = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    try:
        since = aware - EPOCH
    except TypeError:
        raise ValueError(f'{moment!r} has no time zone') from None
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def json_text(document: Any) -> str:
    """The JSON text of a document, in a third of the time that `json.dumps` takes."""
    try:
        return to_json(document).decode()
    except ValueError:  # half of a surrogate pair, in the name of a file
        return json.dumps(document)
