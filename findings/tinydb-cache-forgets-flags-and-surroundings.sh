#!/usr/bin/env bash
# TinyDB answers matches('x') with the rows of matches('x', re.I), and a test() on the time with those of an hour ago
#
# Guess: the query cache is keyed by everything that the query was made of, and what can't be keyed (a function given
#        to test(), like one given to map()) is not cached.
# Seen:  TinyDB 4.9.0, 2026-11-29: flags of matches() and search() are no part of the key, so whichever comes first
#        decides for the other until the next write: the case-sensitive question gets 2 rows instead of 1, in a fresh
#        order 1 instead of 2. A query with test(function) is cached by the function itself, so one that looks at the
#        time, a set or a setting keeps its first answer; map() with the same function is asked anew each time.
# So:    "what is due now" kept as one query object finds nothing new while nothing is written, which is all night.
# Source: tinydb/queries.py (matches, search, test: the hash; map: is_cacheable), tinydb/table.py (search).
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "tinydb==4.9.0"

cat > "$tmp/expected" <<'END'
rows 'backup' and 'BACKUP'
  matches('backup', re.I) 2, then matches('backup') 2
  matches('backup') 1, then matches('backup', re.I) 1
due at 10 and at 20, one query object with test(due <= clock)
  at 15: 1, at 25: 1, after an unrelated write: 2
the same function in map()
  at 15: 1, at 25: 2
END

cat > "$tmp/probe.py" <<'END'
import re

from tinydb import Query, TinyDB
from tinydb.storages import MemoryStorage


def fresh(key, *values):
    db = TinyDB(storage=MemoryStorage)
    db.insert_multiple({key: v} for v in values)
    return db


name, strict, loose = Query().name, Query().name.matches('backup'), Query().name.matches('backup', flags=re.I)
print("rows 'backup' and 'BACKUP'")
db = fresh('name', 'backup', 'BACKUP')
print(f"  matches('backup', re.I) {len(db.search(loose))}, then matches('backup') {len(db.search(strict))}")
db = fresh('name', 'backup', 'BACKUP')
print(f"  matches('backup') {len(db.search(strict))}, then matches('backup', re.I) {len(db.search(loose))}")

clock = 15
db = fresh('due', 10, 20)
is_due = Query().due.test(lambda due: due <= clock)
print('due at 10 and at 20, one query object with test(due <= clock)')
first = len(db.search(is_due))
clock = 25
second = len(db.search(is_due))
db.insert({'note': 'something else'})
print(f'  at 15: {first}, at 25: {second}, after an unrelated write: {len(db.search(is_due))}')

clock = 15
db = fresh('due', 10, 20)
mapped = Query().due.map(lambda due: due <= clock) == True  # noqa: E712
print('the same function in map()')
first = len(db.search(mapped))
clock = 25
print(f'  at 15: {first}, at 25: {len(db.search(mapped))}')
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
