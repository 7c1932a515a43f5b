#!/usr/bin/env bash
# rich 15: Text.from_ansi() empties every line that ends in CR LF, which is every line a pseudo-terminal gives
#
# Guess: a terminal turns each "\n" of a program into "\r\n", so the decoder made for terminal output reads "\r\n" as
#        an end of line; rich ships a recorder (`python -m rich.ansi PROGRAM`) that does just that, so it must work.
# Seen:  rich 14.3.4 and 15.0.0, 2026-11-29: from_ansi('one\r\ntwo\r\nthree') is 'one\ntwo\nthree' with 14.3.4 and
#        '\n\nthree' with 15.0.0, without a warning. 15 splits at "\n" alone and then keeps what stands behind the
#        last "\r" of a line: nothing. Only the unfinished last line lives. rich's own recorder, given `echo hello`,
#        saves an HTML page without the word.
# So:    whoever shows the log of a program that ran on a pseudo-terminal through rich gets empty lines after a
#        routine upgrade, and only there: through a pipe the same program looks right.
# Source: rich/ansi.py, AnsiDecoder.decode and decode_line; issue 4090 of Textualize/rich (open since April 2026).
# Pins:  rich==14.3.4, rich==15.0.0
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC TERM=xterm-256color
unset NO_COLOR FORCE_COLOR COLUMNS LINES || true
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
for version in 14.3.4 15.0.0; do
  python3 -m venv "$tmp/$version"
  "$tmp/$version/bin/pip" install -qq --disable-pip-version-check "rich==$version"
done

cat > "$tmp/expected" <<'END'
rich 14.3.4: from_ansi of CRLF lines 'one\ntwo\nthree'; printed on a real pseudo-terminal 'hello\nworld'
  its recorder's page holds the printed word: yes
rich 15.0.0: from_ansi of CRLF lines '\n\nthree'; printed on a real pseudo-terminal '\n\n'
  its recorder's page holds the printed word: no
END

cat > "$tmp/probe.py" <<'END'
import importlib.metadata
import os
import pty
import sys

from rich.text import Text

main, side = pty.openpty()
os.write(side, b'hello\nworld\n')  # the terminal makes it CR LF
raw = b''
while raw.count(b'\n') < 2:
    raw += os.read(main, 100)
assert raw == b'hello\r\nworld\r\n', raw
print(f'rich {importlib.metadata.version("rich")}: from_ansi of CRLF lines {Text.from_ansi("one" + chr(13) + chr(10) + "two" + chr(13) + chr(10) + "three").plain!r};'
      f' printed on a real pseudo-terminal {Text.from_ansi(raw.decode()).plain!r}')
END

cd "$tmp"
for version in 14.3.4 15.0.0; do
  "$tmp/$version/bin/python" probe.py
  rm -f stdout.html
  "$tmp/$version/bin/python" -m rich.ansi echo hello > /dev/null < /dev/null
  if grep -q hello stdout.html; then word=yes; else word=no; fi
  echo "  its recorder's page holds the printed word: $word"
done | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
