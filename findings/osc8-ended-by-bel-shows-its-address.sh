#!/usr/bin/env bash
# A hyperlink that ends in BEL, as GNU ls writes it, comes out of rich as text: "8;;file://...", name, "8;;"
#
# Guess: rich writes and reads OSC 8 hyperlinks, and OSC may end in BEL as well as in ESC \; so both forms give the
#        name with its link, at worst the name alone.
# Seen:  rich 15.0.0, pyte 0.8.2, @xterm/headless 6.0.0, 2026-11-29: ended by ESC \ rich has text and link; ended by
#        BEL it prints the address and the introducer "8;;" twice into the line and keeps no link (a window title
#        ended by BEL becomes text too). Both terminal models show the name alone in both forms. GNU ls (--hyperlink)
#        writes BEL. What follows in the line moves, so columns and any length limit are wrong as well.
# So:    a log view that decodes with rich shows raw file:// addresses of the machine instead of a short link.
# Source: rich/ansi.py (the pattern of OSC knows only ESC \); ECMA-48 and xterm's control sequences (BEL or ST).
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "rich==15.0.0" "pyte==0.8.2"
npm install --silent --no-fund --no-audit --prefix "$tmp" "@xterm/headless@6.0.0" > /dev/null

cat > "$tmp/expected" <<'END'
hyperlink ended by ESC \
  rich      'total.csv done' link 'file://box/total.csv'
  pyte      'total.csv done'
  xterm.js  'total.csv done'
hyperlink ended by BEL
  rich      '8;;file://box/total.csvtotal.csv8;; done' link None
  pyte      'total.csv done'
  xterm.js  'total.csv done'
window title ended by BEL
  rich      '0;building done' link None
  pyte      ' done'
  xterm.js  ' done'
END

cat > "$tmp/cases.json" <<'END'
[["hyperlink ended by ESC \\", "\u001b]8;;file://box/total.csv\u001b\\total.csv\u001b]8;;\u001b\\ done"],
 ["hyperlink ended by BEL", "\u001b]8;;file://box/total.csv\u0007total.csv\u001b]8;;\u0007 done"],
 ["window title ended by BEL", "\u001b]0;building\u0007 done"]]
END
cat > "$tmp/screen.cjs" <<'END'
const { Terminal } = require('@xterm/headless');
(async () => {
  const shown = [];
  for (const [, text] of require('./cases.json')) {
    const terminal = new Terminal({ cols: 80, rows: 2, allowProposedApi: true });
    await new Promise(done => terminal.write(text, done));
    shown.push(terminal.buffer.active.getLine(0).translateToString(true));
  }
  console.log(JSON.stringify(shown));
})();
END
cat > "$tmp/probe.py" <<'END'
import json
import subprocess

import pyte
from rich.text import Text

cases = json.load(open('cases.json'))
xterm = json.loads(subprocess.check_output(['node', 'screen.cjs']))
for (name, raw), shown in zip(cases, xterm):
    text = Text.from_ansi(raw)
    link = next((s.style.link for s in text.spans if s.style.link), None)
    screen = pyte.Screen(80, 2)
    pyte.Stream(screen).feed(raw)
    print(name)
    print(f'  rich      {text.plain!r} link {link!r}')
    print(f'  pyte      {screen.display[0].rstrip()!r}')
    print(f'  xterm.js  {shown!r}')
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
