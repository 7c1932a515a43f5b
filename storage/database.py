"""Opens the SQLite files of our history: in WAL mode, private, and with unreadable files set aside."""

import contextlib
import json
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from . import descriptors
from .damage import Damage, set_aside
from .files import DiskFull, StorageError, make_private_folder, named_errors, sync_folder, write_atomically
from .foreign_words import text_of
from .texts import _

log = logging.getLogger(__name__)

Prepare = Callable[[sqlite3.Connection], None]

READ_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What reading a damaged file may raise: the second if a message of SQLite quotes bytes that are no text."""


class DamagedFile(StorageError):
    """Part of a database cannot be read; the next start recovers the rest."""


@dataclass(frozen=True, slots=True)
class Rescue:
    """How a database is checked, and what is recovered of a damaged one.

    :param is_whole: whether all of it can be read; may raise an error of SQLite
    :param recover: fills a new database with what can be read of the damaged file, and returns two sentences: what
        that was, and what may be missing
    :param was_used: whether there must be a file with content, as this program has run on this folder before
    """

    is_whole: Callable[[sqlite3.Connection], bool]
    recover: Callable[[Path, sqlite3.Connection], tuple[str, str]]
    was_used: bool


def open_database(
    path: Path,
    schema: str,
    *,
    synchronous: str,
    prepare: Prepare | None = None,
    rescue: Rescue | None = None,
) -> tuple[sqlite3.Connection, Damage | None]:
    """Open a connection and run `schema` on it; any thread may use it, one at a time.

    :param prepare: called before the schema, for what a script cannot do
    :param synchronous: with `FULL` every commit survives a power loss, with `NORMAL` the last moments may be lost
    :param rescue: if given, a damaged file is set aside, and what can be read of it is in the new one
    """
    make_private_folder(path.parent)
    damage = None
    if rescue is not None:
        with named_sqlite_errors(path):
            damage = _rescued(path, rescue)
    with named_errors(path):
        for mark in (_closed(path), _suspect(path)):
            mark.unlink(missing_ok=True)
    with named_sqlite_errors(path):
        return _open(path, schema, synchronous, prepare), damage


def close_database(path: Path, connection: sqlite3.Connection) -> None:
    """Close the last connection to a file, and note what the file looks like: left like this, it needs no check."""
    connection.close()
    if not _suspect(path).exists():
        with contextlib.suppress(OSError, StorageError):
            write_atomically(_closed(path), _look_of(path).encode(), sync=False)


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
    except (*READ_ERRORS, StorageError):
        connection.close()
        raise
    return connection


def _rescued(path: Path, rescue: Rescue) -> Damage | None:
    """Replace a damaged file by what can be recovered of it; None if it isn't damaged."""
    ready = path.with_name(f'{path.name}.recovered')
    if ready.exists() and not path.exists():  # a crash came between the two renames
        ready.replace(path)
        return None
    if not _has_content(path):
        if not rescue.was_used:
            return None
    elif _is_whole(path, rescue):
        return None
    log.warning('%s is damaged; what can be read is being recovered', path)
    beside = path.with_name(f'{path.name}.recovering.tmp')
    with named_errors(path):
        for old in (beside, ready):
            old.unlink(missing_ok=True)
        beside.touch(mode=0o600)
    with contextlib.closing(sqlite3.connect(beside, isolation_level=None)) as connection:
        for setting in ('auto_vacuum=INCREMENTAL', 'journal_mode=MEMORY', 'synchronous=OFF', 'cache_size=-65536'):
            connection.execute(f'PRAGMA {setting}')
        recovered, missing = rescue.recover(path, connection)
    with named_errors(path):
        with beside.open('rb+') as file:
            os.fsync(file.fileno())
        beside.replace(ready)
        kept_as = set_aside(path).name if path.exists() else ''
        ready.replace(path)
        sync_folder(path.parent)
    hint = _('Look through what is there; a backup of the data folder may have what is missing.')
    return Damage(path.name, kept_as, recovered, missing, hint)


def _is_whole(path: Path, rescue: Rescue) -> bool:
    if _suspect(path).exists():
        return False
    with contextlib.suppress(OSError):
        if _closed(path).read_text() == _look_of(path):
            return True
    # Read-only: nothing may be written into a damaged file.
    connection = sqlite3.connect(f'{path.absolute().as_uri()}?mode=ro', uri=True, isolation_level=None)
    with contextlib.closing(connection):
        try:
            return _has_usual_versions(path) and rescue.is_whole(connection)
        except READ_ERRORS as error:
            # The queries are ours: where one has an error, the damage is in what the file says of its tables.
            is_ours = getattr(error, 'sqlite_errorcode', None) == sqlite3.SQLITE_ERROR
            if _is_corrupt(error) or (is_ours and 'no such module' not in str(error)):
                return False
            raise


def _has_usual_versions(path: Path) -> bool:
    """Whether any SQLite may write the file; with other numbers in these two bytes it is only read."""
    with path.open('rb') as file:
        return {*file.read(20)[18:]} <= {1, 2}


def _has_content(path: Path) -> bool:
    journal = path.with_name(f'{path.name}-wal')
    return any(part.exists() and part.stat().st_size for part in (path, journal))


def _look_of(path: Path) -> str:
    found = path.stat()
    journal = path.with_name(f'{path.name}-wal')
    return f'{found.st_size} {found.st_mtime_ns} {journal.exists()}'


def _closed(path: Path) -> Path:
    return path.with_name(f'{path.name}.closed')


def _suspect(path: Path) -> Path:
    return path.with_name(f'{path.name}.suspect')


def is_suspect(path: Path) -> bool:
    """Whether something in this file could not be read since it was opened."""
    return _suspect(path).exists()


def _is_corrupt(error: Exception) -> bool:
    code = getattr(error, 'sqlite_errorcode', None)
    # Extended codes have the main one in their last byte. A text may also be damaged: then it isn't UTF-8.
    return (
        isinstance(error, UnicodeDecodeError)
        or (code is not None and code & 0xFF in _CORRUPT)
        or 'Could not decode to UTF-8' in str(error)
    )


_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_TOOBIG)
# Also that of the index beside the journal, for which there must be room before anything is read.
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMMAP)


@contextlib.contextmanager
def named_sqlite_errors(path: Path) -> Iterator[None]:
    """Turn errors of SQLite into a `StorageError` that names the file, `DiskFull` if there is no room."""
    try:
        yield
    except READ_ERRORS as error:
        # Invalid values are a mistake of the caller; retrying would never help.
        if isinstance(error, sqlite3.IntegrityError) or 'binding parameter' in str(error):
            raise
        raise _named(error, path) from error


def _named(error: Exception, path: Path) -> StorageError:
    if getattr(error, 'sqlite_errorcode', None) in _FULL:
        return DiskFull(_('No room is left on the disk for {what}; nothing was saved.', what=path))
    if _is_corrupt(error):
        with contextlib.suppress(OSError):
            _suspect(path).touch(mode=0o600)
        return DamagedFile(
            _(
                '{path} is damaged. Restart Synapse: it recovers what can be read ({error}).',
                path=path,
                error=text_of(error),
            )
        )
    if descriptors.are_used_up():
        return StorageError(_('{what} cannot be read or written. {reason}', what=path, reason=descriptors.sentence()))
    return StorageError(_('{what} cannot be read or written: {reason}', what=path, reason=text_of(error)))


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Run all or nothing, excluding other writers from the start."""
    connection.execute('BEGIN IMMEDIATE')
    try:
        yield
        connection.execute('COMMIT')
    except BaseException as error:
        # A full disk may already have caused a rollback.
        if connection.in_transaction:
            connection.execute('ROLLBACK')
        if isinstance(error, sqlite3.OperationalError):
            _withdraw(connection)
        raise


def _withdraw(connection: sqlite3.Connection) -> None:
    """Overwrite a commit that failed when it was in the journal already: a start after a crash would find it saved."""
    with contextlib.suppress(sqlite3.Error):
        version = connection.execute('PRAGMA user_version').fetchone()[0]
        connection.execute(f'PRAGMA user_version={version}')


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
_LAST = 250_000_000_000_000_000  # in the year 9892: any zone can still show it


def micros(moment: str | datetime) -> int:
    """Microseconds since 1970 of an aware moment, as a datetime or ISO 8601: numbers compare, texts do not."""
    aware = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    try:
        since = aware - EPOCH
    except TypeError:
        raise ValueError(f'{moment!r} has no time zone') from None
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def iso(at: int) -> str:
    """Microseconds since 1970 as ISO 8601 in UTC; 1970 for a number that is damaged."""
    return (EPOCH + timedelta(microseconds=at if 0 <= at < _LAST else 0)).isoformat()


def json_text(document: Any) -> str:
    """The JSON text of a document, in a third of the time that `json.dumps` takes."""
    try:
        return to_json(document).decode()
    except ValueError:  # half of a surrogate pair, in the name of a file
        return json.dumps(document)
