"""Damage that is done to a database on purpose."""

import sqlite3

COMPUTED = "SELECT type, name FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql LIKE '%document%'"


def drop_computed(connection: sqlite3.Connection) -> None:
    """Drop what is computed from documents, which would not let a damaged one in; the next start makes it again."""
    for kind, name in connection.execute(COMPUTED).fetchall():
        connection.execute(f'DROP {kind} {name}')
