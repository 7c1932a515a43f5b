#!/usr/bin/env bash
# python-crontab comments out the lines of a crontab that it cannot read, and writes that back
# Guess: a line that a library does not understand stays as it is when the file is written back, or reading it fails. "-0 6 * * *"
#   is such a line: crontab(5) of cronie has a minus sign before it keep cron from logging the job.
# Seen: python-crontab 3.4.0 turns the line into a comment below "# DISABLED LINE" and logs why; once it is
#   written, the job no longer runs. Lines that only some crons read ("5/15", ranges
#   of days around the weekend) go the same way. The lines beside them are kept.
#   Seen on 2026-11-30.
# So: a program that adds one job through this library can stop others of the same person. Compare the lines that begin with
#   # before and after.
# Source: crontab.py of python-crontab (CronItem.parse, render: "DISABLED LINE").
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "python-crontab==3.4.0"

cat > add.py <<'END_OF_PYTHON'
from crontab import CronTab

table = CronTab(tab='0 3 * * * /bin/kept\n-0 6 * * * /bin/quiet\n5/15 * * * * /bin/often\n')
table.new(command='/bin/new').setall('0 9 * * *')
print(table.render(), end='')
END_OF_PYTHON
v/bin/python add.py 2> told | grep -v '^$' | tee seen

cat > expected <<'END_OF_LINES'
0 3 * * * /bin/kept
# DISABLED LINE
# -0 6 * * * /bin/quiet
# DISABLED LINE
# 5/15 * * * * /bin/often
0 9 * * * /bin/new
END_OF_LINES
if ! diff -u expected seen; then echo "The behaviour changed." >&2; exit 1; fi
cat told
echo "As described."
