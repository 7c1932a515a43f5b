#!/usr/bin/env bash
# SQLite 3.46 (apsw 3.46.1.0), Python's sqlite3: a backup in steps never ends beside a writer, unless its source reads
#
# Guess: `Connection.backup(target, pages=64)` copies a database "even while it's being accessed by other clients" (the
#        documentation of Python), a part at a time, and ends when all pages are copied; small steps only make it slower.
# Seen:  2026-11-30, WAL mode, another connection commits one row between two steps: each step begins with the first
#        page again, and after 2,000 steps of 64 pages a copy of some hundred pages is not done. With pages=-1 (the default) it ends,
#        but then it can be neither stopped nor followed.
# So:    begin a transaction on the source and read something in it, before the first step. Then all steps see that one
#        moment, the backup ends after as many steps as it has pages, and lacks what was written meanwhile. Two databases
#        whose transactions begin at one moment are copied as they were together.
# Source: sqlite.org/c3ref/backup_finish.html, "automatically restarted"; backup.c opens a transaction only if the source
#        has none, and closes it after each step.
# Pins:  apsw==3.46.1.0
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check apsw==3.46.1.0

cat > "$tmp/expected" <<'END'
without a transaction: done False
in a transaction: done True, rows 500 of those before
END

cat > "$tmp/probe.py" <<'END'
import sys

import apsw

folder = sys.argv[1]
writer = apsw.Connection(f'{folder}/source.db')
writer.execute('PRAGMA journal_mode=WAL')
writer.execute('CREATE TABLE t (x)')
writer.execute('BEGIN')
writer.executemany('INSERT INTO t VALUES (?)', [('x' * 6000,)] * 500)
writer.execute('COMMIT')

for begins in (False, True):
    before = writer.execute('SELECT count(*) FROM t').get
    source = apsw.Connection(f'{folder}/source.db')
    if begins:
        source.execute('BEGIN')
        source.execute('SELECT count(*) FROM sqlite_master').get
    target = apsw.Connection(f'{folder}/copy-{begins}.db')
    with target.backup('main', source, 'main') as backup:
        for _ in range(2000):
            if backup.step(64):
                break
            writer.execute("INSERT INTO t VALUES ('meanwhile')")
        done = backup.done
    if not begins:
        print('without a transaction: done', done)
    else:
        rows = target.execute("SELECT count(*) FROM t WHERE x != 'meanwhile'").get
        alike = target.execute('SELECT count(*) FROM t').get == before
        print(f'in a transaction: done {done}, rows {rows} of those before' if alike else 'not of one moment')
END

"$tmp/venv/bin/python" "$tmp/probe.py" "$tmp" | tee "$tmp/seen"
diff -u "$tmp/expected" "$tmp/seen" || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
