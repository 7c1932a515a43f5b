#!/usr/bin/env bash
# pyte takes NEL (ESC E) for a bare line feed and looks for HPA under the wrong key
#
# Guess: ESC E, which terminfo gives as `nel` of xterm-256color, screen and tmux, starts the next line at column 1;
#        CSI n ` moves to column n. A screen model of this age has both, and NEL's constant says where it goes.
# Seen:  pyte 0.8.2, @xterm/headless 6.0.0, 2026-11-29: pyte's NEL keeps the column, so three words joined by ESC E
#        come out as stairs and the third one breaks at the edge. HPA is kept under an apostrophe instead of a grave
#        accent, where it can never be (06/00 is a final byte, an apostrophe, 02/07, an intermediate): CSI 2 ` does nothing.
# So:    a run page that keeps its terminal in pyte shows stairs for a script that ends its lines with `tput nel`.
# Source: pyte/escape.py (NEL "Same as LF", HPA = "'"); ECMA-48 8.3.86 (NEL) and 8.3.57 (HPA, final byte 06/00).
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "pyte==0.8.2"
npm install --silent --no-fund --no-audit --prefix "$tmp" "@xterm/headless@6.0.0" > /dev/null

cat > "$tmp/expected" <<'END'
three words joined by ESC E
  pyte      one_______|___two____|______thre|e_________
  xterm.js  one_______|two_______|three_____|__________
abc, CSI 2 ` (HPA: to column 2), x
  pyte      abcx______|__________|__________|__________
  xterm.js  axc_______|__________|__________|__________
END

cat > "$tmp/cases.json" <<'END'
[["three words joined by ESC E", "one\u001bEtwo\u001bEthree"],
 ["abc, CSI 2 ` (HPA: to column 2), x", "abc\u001b[2`x"]]
END
cat > "$tmp/screen.cjs" <<'END'
const { Terminal } = require('@xterm/headless');
(async () => {
  const shown = [];
  for (const [, text] of require('./cases.json')) {
    const terminal = new Terminal({ cols: 10, rows: 4, allowProposedApi: true });
    await new Promise(done => terminal.write(text, done));
    const lines = [];
    for (let y = 0; y < 4; y++) lines.push(terminal.buffer.active.getLine(y).translateToString(false));
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
    screen = pyte.Screen(10, 4)
    pyte.Stream(screen).feed(raw)
    print(name)
    print('  pyte     ', '|'.join(screen.display).replace(' ', '_'))
    print('  xterm.js ', shown.replace(' ', '_'))
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
