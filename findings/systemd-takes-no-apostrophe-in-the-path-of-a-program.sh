#!/usr/bin/env bash
# ExecStart= takes no program whose path has an apostrophe, however it is quoted
# Guess: quoted and escaped as systemd.syntax(7) has it, any path of a program can stand in ExecStart=, as any argument can.
# Seen: systemd 252 (Debian 12) refuses the unit, "Executable name contains special characters", if the path of the program
#   itself has an apostrophe, a quotation mark or a backslash; as arguments all three are fine, and so are blanks and dollar
#   signs in the path.
#   Seen on 2026-11-30.
# So: a program in "Ann's files" is started by a shell: /bin/sh -c 'exec "$@"' sh "/home/ann/Ann's files/program".
# Source: systemd.service(5), "Command lines", does not say it; load-fragment.c, config_parse_exec: string_is_safe.
set -euo pipefail
export LC_ALL=C.UTF-8
command -v systemd-analyze > /dev/null || { echo 'It needs systemd-analyze.' >&2; exit 2; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export XDG_RUNTIME_DIR="$tmp" HOME="$tmp"

verdict() {  # NAME LINE
  printf '[Service]\nExecStart=%s\n' "$2" > "$tmp/probe.service"
  if systemd-analyze --user --man=no --recursive-errors=no verify "$tmp/probe.service" 2> "$tmp/words"; then
    echo "$1: taken"
  else
    echo "$1: $(grep -o 'Executable name contains special characters' "$tmp/words" || head -1 "$tmp/words")"
  fi
}

for name in "Ann's" 'a"b' 'a\b' 'a b' 'a$b'; do
  mkdir -p "$tmp/$name"
  printf '#!/bin/sh\n' > "$tmp/$name/program"
  chmod +x "$tmp/$name/program"
  escaped=$(printf '%s' "$tmp/$name/program" | sed 's/[\\"]/\\&/g')
  verdict "$name" "\"$escaped\""
done > "$tmp/seen"
verdict 'as arguments' "/bin/echo \"Ann's\" 'a\"b' \"a\\\\b\"" >> "$tmp/seen"
verdict 'by a shell' "/bin/sh -c 'exec \"\$\$@\"' sh \"$tmp/Ann's/program\"" >> "$tmp/seen"
cat "$tmp/seen"
diff - "$tmp/seen" <<'END'
Ann's: Executable name contains special characters
a"b: Executable name contains special characters
a\b: Executable name contains special characters
a b: taken
a$b: taken
as arguments: taken
by a shell: taken
END
