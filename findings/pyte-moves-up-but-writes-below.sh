#!/usr/bin/env bash
# pyte: after a line that fills the screen's width, "cursor up" and a word: the word overwrites the line below
#
# Guess: moving the cursor ends the state "at the right edge, next letter wraps", as it does for left and right in
#        pyte, and for every move in a terminal: the word stands at the end of the line above.
# Seen:  pyte 0.8.2, @xterm/headless 6.0.0, 20 columns, 2026-11-29: up, down and the erasing of characters keep the
#        wrap pending in pyte (its cursor stands in column 21 of 20), so the next letter first goes down one line:
#        after "up" that is the full line itself, and its start is overwritten; xterm.js writes into the last column
#        of the line above. A tab there does the reverse: pyte takes the wrap back and overwrites the last letter,
#        xterm.js goes on in the next line.
# So:    two progress bars that fill the width and step up between them damage each other in a view kept by pyte.
# Source: pyte/screens.py (cursor_up, cursor_down, erase_characters, tab; only cursor_back looks at the edge);
#         xterm.js InputHandler (_restrictCursor).
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "pyte==0.8.2"
npm install --silent --no-fund --no-audit --prefix "$tmp" "@xterm/headless@6.0.0" > /dev/null

cat > "$tmp/expected" <<'END'
full line, up, OK
  pyte      ....................|OK##################|....................
  xterm.js  ...................O|K###################|....................
full line, left, OK
  pyte      ....................|##################OK|....................
  xterm.js  ....................|##################OK|....................
full line, erase 1 character, OK
  pyte      ....................|####################|OK..................
  xterm.js  ....................|###################O|K...................
full line, tab, OK
  pyte      ....................|###################O|K...................
  xterm.js  ....................|####################|OK..................
END

cat > "$tmp/cases.json" <<'END'
[["full line, up, OK", "\r\n####################\u001b[AOK"],
 ["full line, left, OK", "\r\n####################\u001b[DOK"],
 ["full line, erase 1 character, OK", "\r\n####################\u001b[XOK"],
 ["full line, tab, OK", "\r\n####################\tOK"]]
END
cat > "$tmp/screen.cjs" <<'END'
const { Terminal } = require('@xterm/headless');
(async () => {
  const shown = [];
  for (const [, text] of require('./cases.json')) {
    const terminal = new Terminal({ cols: 20, rows: 3, allowProposedApi: true });
    await new Promise(done => terminal.write(text, done));
    const lines = [];
    for (let y = 0; y < 3; y++) lines.push(terminal.buffer.active.getLine(y).translateToString(false));
    shown.push(lines.join('|'));
  }
  console.log(JSON.stringify(shown));
})();
END
cat > "$tmp/probe.py" <<'END'
import json
import subprocess

import pyte

cases = json.load(open('cases.json'))
xterm = json.loads(subprocess.check_output(['node', 'screen.cjs']))
for (name, raw), shown in zip(cases, xterm):
    screen = pyte.Screen(20, 3)
    pyte.Stream(screen).feed(raw)
    print(name)
    print('  pyte     ', '|'.join(screen.display).replace(' ', '.'))
    print('  xterm.js ', shown.replace(' ', '.'))
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
