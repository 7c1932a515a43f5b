#!/usr/bin/env bash
# dash 0.5.12 (Debian 12's /bin/sh): "{ (a) > file; } 2>log" writes to the terminal, and no file
#
# Guess: a redirection of a subshell counts wherever the subshell stands (POSIX, Shell Command Language, 2.7 and 2.9.4).
# Seen:  dash 0.5.12-2, 2026-11-29: where the subshell is the last command of a group that has a redirection of its own,
#        the subshell's redirection is not done: its output goes to where the shell's goes, the file is not even made, and
#        the exit code is 0. One more command in the group and all is right, likewise without the group's redirection, or
#        with braces instead of the parentheses. bash is right in each case.
# So:    a here-document for a command of others is put before it (exec <<END), not around it: { ...; } <<END may lose files.
# Source: seen by running it; it looks as if the fork is saved for what is last in the group, and the redirection with it
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get download -qq dash=0.5.12-2
dpkg -x dash_*.deb "$tmp/root"  # version pinned as ==0.5.12-2
sh=$(find "$tmp/root" -name dash -type f -perm -u+x)

cat > expected <<'END'
dash  (echo a) > out                   prints -, out has a
dash  { (echo a) > out; }              prints -, out has a
dash  { (echo a) > out; } 2>log        prints a, out has -
dash  { (echo a) > out; } </dev/null   prints a, out has -
dash  { (echo a) > out; :; } 2>log     prints -, out has a
dash  { (echo a) > out; } 2>log; :     prints a, out has -
dash  { { echo a; } > out; } 2>log     prints -, out has a
bash  { (echo a) > out; } 2>log        prints -, out has a
bash  { (echo a) > out; } </dev/null   prints -, out has a
END

probe() {
  rm -f out
  printed=$("$2" -c "$3")
  made=$(cat out 2>/dev/null || true)
  printf '%s  %-33sprints %s, out has %s\n' "$1" "$3" "${printed:--}" "${made:--}"
}

{
  probe dash "$sh" '(echo a) > out'
  probe dash "$sh" '{ (echo a) > out; }'
  probe dash "$sh" '{ (echo a) > out; } 2>log'
  probe dash "$sh" '{ (echo a) > out; } </dev/null'
  probe dash "$sh" '{ (echo a) > out; :; } 2>log'
  probe dash "$sh" '{ (echo a) > out; } 2>log; :'
  probe dash "$sh" '{ { echo a; } > out; } 2>log'
  probe bash bash '{ (echo a) > out; } 2>log'
  probe bash bash '{ (echo a) > out; } </dev/null'
} | tee seen
diff expected seen
