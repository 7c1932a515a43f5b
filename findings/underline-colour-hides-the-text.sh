#!/usr/bin/env bash
# A grey underline (SGR 58;5;8) makes the text invisible for rich and blinking for pyte
#
# Guess: SGR 58 (colour of the underline) is known or skipped together with its arguments, as for 38 and 48: text as
#        before, perhaps without the colour of the line.
# Seen:  rich 15.0.0, pyte 0.8.2, @xterm/headless 6.0.0, 2026-11-29: rich and pyte skip only the 58 and carry out its
#        arguments as attributes of their own. "58;5;8" becomes blink + conceal in rich (hidden text) and blink in
#        pyte; "58;5;9" adds strike-through in both; "58;2;255;0;0" ends in a reset, so the bold red before it is lost.
#        xterm.js keeps the text as it was in all three.
# So:    undercurled words of editors, linters and diff viewers vanish, blink or lose their level's colour in a log view.
# Source: rich/ansi.py (SGR_STYLE_MAP, no 58), pyte/graphics.py (TEXT, no 58); xterm control sequences (SGR 58, 59).
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "rich==15.0.0" "pyte==0.8.2"
npm install --silent --no-fund --no-audit --prefix "$tmp" "@xterm/headless@6.0.0" > /dev/null

cat > "$tmp/expected" <<'END'
bold red, then 58;5;8
  rich      bold blink conceal color(1)
  pyte      bold blink red
  xterm.js  bold red
bold red, then 58;5;9
  rich      bold blink strike color(1)
  pyte      bold blink strike red
  xterm.js  bold red
bold red, then 58;2;255;0;0
  rich      plain
  pyte      plain
  xterm.js  bold red
END

cat > "$tmp/cases.json" <<'END'
[["bold red, then 58;5;8", "\u001b[1;31m\u001b[58;5;8mword"],
 ["bold red, then 58;5;9", "\u001b[1;31m\u001b[58;5;9mword"],
 ["bold red, then 58;2;255;0;0", "\u001b[1;31m\u001b[58;2;255;0;0mword"]]
END
cat > "$tmp/screen.cjs" <<'END'
const { Terminal } = require('@xterm/headless');
(async () => {
  const shown = [];
  for (const [, text] of require('./cases.json')) {
    const terminal = new Terminal({ cols: 20, rows: 2, allowProposedApi: true });
    await new Promise(done => terminal.write(text, done));
    const cell = terminal.buffer.active.getLine(0).getCell(0);
    const is = [];
    if (cell.isBold()) is.push('bold');
    if (cell.isDim()) is.push('dim');
    if (cell.isBlink()) is.push('blink');
    if (cell.isInvisible()) is.push('conceal');
    if (cell.isStrikethrough()) is.push('strike');
    if (cell.isFgPalette() && cell.getFgColor() === 1) is.push('red');
    shown.push(is.join(' ') || 'plain');
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
    screen = pyte.Screen(20, 2)
    pyte.Stream(screen).feed(raw)
    cell = screen.buffer[0][0]
    flags = [n for n, on in (('bold', cell.bold), ('blink', cell.blink), ('strike', cell.strikethrough)) if on]
    if cell.fg != 'default':
        flags.append(cell.fg)
    print(name)
    print('  rich     ', ' '.join(str(s.style) for s in text.spans) or 'plain')
    print('  pyte     ', ' '.join(flags) or 'plain')
    print('  xterm.js ', shown)
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
