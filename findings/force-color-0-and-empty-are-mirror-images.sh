#!/usr/bin/env bash
# FORCE_COLOR=0 turns colours on in Python and off in JavaScript; FORCE_COLOR= (empty) does the reverse
#
# Guess: the two worlds share FORCE_COLOR, differ in the depth (1, 2, 3), and 0, "false" and empty all mean "no".
# Seen:  rich 15.0.0, termcolor 3.3.0, supports-color 11.0.0, chalk 6.0.1, output into a pipe, 2026-11-29: with "0" and
#        "false" both Python libraries force colours and both JavaScript ones forbid them; with the empty value it is
#        the other way round, and JavaScript goes by TERM (256 colours). No value switches all four off: only leaving
#        it out does. NO_COLOR beside FORCE_COLOR=1 wins in Python and loses in JavaScript.
# So:    a tool that starts programs of others cannot say "no colours" by FORCE_COLOR=0 nor by emptying it; it has to
#        remove the variable, and to set NO_COLOR. What a person set for one kind turns round in the other.
# Source: rich/console.py, termcolor/termcolor.py (_can_do_colour), supports-color/index.js (envForceColor).
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "rich==15.0.0" "termcolor==3.3.0"
npm install --silent --no-fund --no-audit --prefix "$tmp" "supports-color@11.0.0" "chalk@6.0.1" > /dev/null

cat > "$tmp/expected" <<'END'
FORCE_COLOR not set        rich off  termcolor off  supports-color off  chalk off
FORCE_COLOR=1              rich on   termcolor on   supports-color on   chalk on
FORCE_COLOR=0              rich on   termcolor on   supports-color off  chalk off
FORCE_COLOR=false          rich on   termcolor on   supports-color off  chalk off
FORCE_COLOR=               rich off  termcolor off  supports-color on   chalk on
FORCE_COLOR=1 NO_COLOR=1   rich off  termcolor off  supports-color on   chalk on
END

cat > "$tmp/probe.py" <<'END'
import io

from rich.console import Console
from termcolor import colored

out = io.StringIO()
Console(file=out).print('x', style='red')
red = '\x1b[31m'
print('rich', 'on ' if red in out.getvalue() else 'off', ' termcolor', 'on ' if red in colored('x', 'red') else 'off', end='  ')
END
cat > "$tmp/probe.mjs" <<'END'
import chalk from 'chalk';
import supportsColor from 'supports-color';

const red = chalk.red('x').includes('\u001b[31m');
process.stdout.write(`supports-color ${supportsColor.stdout ? 'on ' : 'off'}  chalk ${red ? 'on' : 'off'}\n`);
END

cd "$tmp"
node=$(command -v node)
case_() {  # a label and the variables
  printf '%-26s ' "$1"
  shift
  env -i TERM=xterm-256color HOME="$tmp" PATH=/usr/bin:/bin "$@" "$tmp/venv/bin/python" probe.py
  env -i TERM=xterm-256color HOME="$tmp" PATH=/usr/bin:/bin "$@" "$node" probe.mjs
}
{
  case_ "FORCE_COLOR not set"
  case_ "FORCE_COLOR=1" FORCE_COLOR=1
  case_ "FORCE_COLOR=0" FORCE_COLOR=0
  case_ "FORCE_COLOR=false" FORCE_COLOR=false
  case_ "FORCE_COLOR=" FORCE_COLOR=
  case_ "FORCE_COLOR=1 NO_COLOR=1" FORCE_COLOR=1 NO_COLOR=1
} | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
