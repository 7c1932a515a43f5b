#!/usr/bin/env bash
# SQLite FTS5: two words side by side and two words joined by AND are different questions
#
# Guess: the manual says that phrases separated by blanks are joined by an implicit AND, so `"disk" "!!"` and
#        `"disk" AND "!!"` give the same rows.
# Seen:  SQLite 3.40.1 and 3.54.1 alike, 2026-11-29: a phrase of which the tokenizer leaves nothing ("!!", "->", "...")
#        is dropped from an implicit AND, but matches no row as an operand of a written AND. So the first finds the
#        line, the second finds none. Alone it finds none, and OR and NOT treat it as an empty set.
# So:    a search box that quotes each word and joins the words with " AND " finds nothing for `disk -> tape`, whereas
#        joined by blanks it finds the line; nothing is raised in either case.
# Source: sqlite.org/fts5.html, "FTS5 Boolean Operators"; fts5_expr.c (sqlite3Fts5ParseImplicitAnd takes out nodes
#         without terms, sqlite3Fts5ParseNode does not).
# Pins:  apsw==3.40.1.0, apsw==3.54.1.0
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"

cat > "$tmp/expected" <<'END'
"disk" "!!"                 1 row(s)
"!!" "disk"                 1 row(s)
"disk" AND "!!"             0 row(s)
"disk" "->" "full"          1 row(s)
"disk" AND "->" AND "full"  0 row(s)
"disk" AND "->" "full"      1 row(s)
"!!"                        0 row(s)
"disk" OR "!!"              1 row(s)
"disk" NOT "!!"             1 row(s)
END

cat > "$tmp/probe.py" <<'END'
import apsw

db = apsw.Connection(':memory:').cursor()
db.execute('create virtual table log using fts5(line)')
db.execute("insert into log values('disk -> nearly full !!')")
for query in ('"disk" "!!"', '"!!" "disk"', '"disk" AND "!!"', '"disk" "->" "full"', '"disk" AND "->" AND "full"',
              '"disk" AND "->" "full"', '"!!"', '"disk" OR "!!"', '"disk" NOT "!!"'):
    rows = db.execute('select count(*) from log where log match ?', (query,)).fetchall()[0][0]
    print(f'{query:27} {rows} row(s)')
END

cd "$tmp"
for version in 3.40.1.0 3.54.1.0; do
  "$tmp/venv/bin/pip" install -qq --disable-pip-version-check "apsw==$version"
  "$tmp/venv/bin/python" -c 'import apsw; v = getattr(apsw, "sqlite_lib_version", None) or apsw.sqlitelibversion; print("SQLite", v())'
  "$tmp/venv/bin/python" probe.py | tee seen
  diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
done
echo "as described"
