"""Copies databases as they are at one moment, while others go on writing to them."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from .database import named_sqlite_errors
from .foreign_words import text_of

PAGES = 256
"""How many pages are copied between two calls of `show`."""
INSTRUCTIONS = 1_000_000
"""How many instructions of SQLite a check may take between two calls of `show`."""

Show = Callable[[int], None]
"""Called with how many bytes were copied since the last call; may raise to stop."""


class NotWhole(Exception):
    """A copy of a database does not pass SQLite's check; the text says what it found."""


@contextlib.contextmanager
def open_moment(path: Path) -> Iterator[Callable[[], sqlite3.Connection]]:
    """Prepare to read a database as it is at one moment.

    :return: call it at that moment; it takes no time
    """
    with named_sqlite_errors(path), contextlib.closing(_reader(path)) as connection:

        def begin() -> sqlite3.Connection:
            connection.execute('BEGIN')
            connection.execute('SELECT count(*) FROM sqlite_master').fetchone()  # only reading begins it
            return connection

        yield begin


def copy_moment(source: sqlite3.Connection, target: Path, show: Show) -> None:
    """Write what a connection sees into a new private file, and have SQLite check that.

    The connection has to be in a transaction: without one, a copy made in steps begins anew with each write of others,
    and with a busy program it never ends.

    :raises NotWhole: if the copy is not whole
    :raises StorageError: if it cannot be written
    """
    size = source.execute('PRAGMA page_size').fetchone()[0]
    left: int | None = None

    def copied(_: int, remaining: int, total: int) -> None:
        nonlocal left
        show(((total if left is None else left) - remaining) * size)
        left = remaining

    target.touch(mode=0o600)
    with named_sqlite_errors(target), contextlib.closing(sqlite3.connect(target)) as copy:
        copy.execute('PRAGMA synchronous=OFF')
        source.backup(copy, pages=PAGES, progress=copied)
        _check(copy, show)
    for more in ('-wal', '-shm'):
        target.with_name(target.name + more).unlink(missing_ok=True)


def check_database(path: Path, show: Show = lambda _: None) -> None:
    """:raises NotWhole: if a database does not pass SQLite's check"""
    with named_sqlite_errors(path), contextlib.closing(sqlite3.connect(path)) as connection:
        _check(connection, show)


def _check(connection: sqlite3.Connection, show: Show) -> None:
    stopped: list[BaseException] = []

    def look() -> int:
        try:
            show(0)
        except Exception as error:  # SQLite would swallow it
            stopped.append(error)
        return len(stopped)

    connection.set_progress_handler(look, INSTRUCTIONS)
    try:
        found = [str(row[0]) for row in connection.execute('PRAGMA integrity_check(5)')]
    except sqlite3.OperationalError:
        if stopped:
            raise stopped[0] from None
        raise
    except sqlite3.DatabaseError as error:
        raise NotWhole(text_of(error)) from error
    finally:
        connection.set_progress_handler(None, 0)
    if found != ['ok']:
        raise NotWhole(found[0])


def _reader(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    connection.execute('PRAGMA query_only=ON')
    return connection
