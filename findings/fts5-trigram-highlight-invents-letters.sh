#!/usr/bin/env bash
# SQLite FTS5 up to 3.43: highlight() and snippet() of a trigram index return letters that the row does not have
#
# Guess: highlight() returns the stored text with markers around the matches; if matches of two words overlap, they
#        are joined or one of them stays without a marker, but taking the markers out gives the row back.
# Seen:  2026-11-29, row 'abcdef', query `abc AND cde`: SQLite 3.43.2 gives '[abc]def[cde]f', which without markers is
#        'abcdefcdef'; snippet() the same. SQLite 3.44.2 and 3.54.1 give '[abcde]f'. `abcd AND bcde`, which overlaps
#        by more, is right in all three. Words of an ordinary index cannot overlap, so it takes the trigram tokenizer.
#        3.40.1, which the Python of a Debian 12 uses, is on the wrong side.
# So:    a "contains" search over a log that shows highlight() shows lines that no program ever printed.
# Source: sqlite.org/fts5.html (highlight, snippet, the trigram tokenizer); the fix is named in no documentation found.
# Pins:  apsw==3.40.1.0, apsw==3.43.2.0, apsw==3.44.2.0, apsw==3.54.1.0
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"

cat > "$tmp/expected" <<'END'
SQLite 3.40.1: [abc]def[cde]f (without markers abcdefcdef), snippet [abc]def[cde]f; more overlap [abcde]f
SQLite 3.43.2: [abc]def[cde]f (without markers abcdefcdef), snippet [abc]def[cde]f; more overlap [abcde]f
SQLite 3.44.2: [abcde]f (without markers abcdef), snippet [abcde]f; more overlap [abcde]f
SQLite 3.54.1: [abcde]f (without markers abcdef), snippet [abcde]f; more overlap [abcde]f
END

cat > "$tmp/probe.py" <<'END'
import apsw

cursor = apsw.Connection(':memory:').cursor()
cursor.execute("create virtual table log using fts5(line, tokenize='trigram')")
cursor.execute("insert into log values('abcdef')")


def ask(what, query):
    return list(cursor.execute(f"select {what} from log where log match ?", (query,)))[0][0]


marked = ask("highlight(log, 0, '[', ']')", 'abc AND cde')
plain = marked.replace('[', '').replace(']', '')
piece = ask("snippet(log, 0, '[', ']', '..', 9)", 'abc AND cde')
more = ask("highlight(log, 0, '[', ']')", 'abcd AND bcde')
version = getattr(apsw, 'sqlite_lib_version', None) or apsw.sqlitelibversion
print(f'SQLite {version()}: {marked} (without markers {plain}), snippet {piece}; more overlap {more}')
END

cd "$tmp"
for version in 3.40.1.0 3.43.2.0 3.44.2.0 3.54.1.0; do
  "$tmp/venv/bin/pip" install -qq --disable-pip-version-check "apsw==$version"
  "$tmp/venv/bin/python" probe.py
done | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
