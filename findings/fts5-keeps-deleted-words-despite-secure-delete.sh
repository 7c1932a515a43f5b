#!/usr/bin/env bash
# SQLite FTS5: PRAGMA secure_delete=ON does not erase a word that is deleted from a text index; 'optimize' does
#
# Guess: with secure_delete=ON, a row that is deleted and a checkpoint later, neither the table nor its FTS5 index has
#        the word in the file any more, as it is for an ordinary table with an ordinary index.
# Seen:  2026-11-30, SQLite 3.40.1 and 3.54.1: the ordinary index has forgotten the word; the text index still has it as
#        a whole, since a deletion only adds a mark to it. After INSERT INTO t(t) VALUES ('optimize') it is gone. From
#        3.42 on there is an option of the table, 'secure-delete'; with that, too, the word is still in the file.
# So:    erasing a password from a history that has a text index takes 'optimize' besides, within the same secure_delete.
# Source: sqlite.org/pragma.html#pragma_secure_delete, sqlite.org/fts5.html (the 'secure-delete' and 'optimize' commands)
# Pins:  apsw==3.40.1.0, apsw==3.54.1.0
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"

cat > "$tmp/expected" <<'END'
SQLite 3.40.1: ordinary index gone, text index there, after optimize gone, with its own option unknown
SQLite 3.54.1: ordinary index gone, text index there, after optimize gone, with its own option there
END

cat > "$tmp/probe.py" <<'END'
import glob
import os

import apsw

WORD = 'qzkvxwjy'


def is_there(make, *more):
    """Whether the word is in the files after its row was deleted, and after each further statement."""
    for file in glob.glob('probe.db*'):
        os.remove(file)
    connection = apsw.Connection('probe.db')
    ask = lambda text: list(connection.cursor().execute(text))
    ask('pragma journal_mode=wal')
    for statement in make:
        ask(statement)
    for number in range(200):
        ask(f"insert into t (line) values ('{WORD if number == 100 else f'word{number}'}')")
    ask('pragma wal_checkpoint(truncate)')
    ask('pragma secure_delete=on')
    for statement in (f"delete from t where line = '{WORD}'", *more):
        ask(statement)
    ask('pragma wal_checkpoint(truncate)')
    found = any(WORD.encode() in open(file, 'rb').read() for file in glob.glob('probe.db*'))
    connection.close()
    return 'there' if found else 'gone'


index = ['create table t (line text)', 'create index by_line on t (line)']
text = ['create virtual table t using fts5 (line)']
try:
    own = is_there([*text, "insert into t (t, rank) values ('secure-delete', 1)"])
except apsw.SQLError:
    own = 'unknown'
optimized = is_there(text, "insert into t (t) values ('optimize')")
version = getattr(apsw, 'sqlite_lib_version', None) or apsw.sqlitelibversion
print(
    f'SQLite {version()}: ordinary index {is_there(index)}, text index {is_there(text)}, '
    f'after optimize {optimized}, with its own option {own}'
)
END

cd "$tmp"
for version in 3.40.1.0 3.54.1.0; do
  "$tmp/venv/bin/pip" install -qq --disable-pip-version-check "apsw==$version"
  "$tmp/venv/bin/python" probe.py
done | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
