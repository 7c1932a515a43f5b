#!/usr/bin/env bash
# "0 4 */2 * 1" is Mondays with an odd date for cron, 2 days of December 2026; for croniter it is 18 days
# Guess: a day field that begins with * counts as unrestricted, so that both day fields have to match: cronie and Debian's
#   cron look at its first character, and crontab(5) calls a field restricted if it does "not contain the * character".
#   croniter reads lines of cron, so it does too.
# Seen: croniter 6.2.4 and 7.0.0 take "*/2" for a restriction by default, and then either field suffices: 18 days of
#   December 2026 instead of 2. With implement_cron_bug=True, a name under which few look for it, they do as cron does. cronsim 2.8
#   does so without being asked.
#   Seen on 2026-11-30.
# So: a page that shows "the next runs" of somebody's crontab through croniter's defaults shows ten times as many as happen.
# Source: entry.c of cronie (DOM_STAR, DOW_STAR are set by `ch == '*'`); croniter's README, "About the day fields".
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

cat > days.py <<'END_OF_PYTHON'
import sys
from datetime import datetime
from importlib.metadata import version

start, end = datetime(2026, 12, 1), datetime(2027, 1, 1)

def days(found):
    seen = []
    for due in found:
        if due >= end:
            return ' '.join(f'{day:02}' for day in seen)
        seen.append(due.day)

def of_croniter(text, **options):
    from croniter import croniter
    found = croniter(text, start, **options)
    while True:
        yield found.get_next(datetime)

for text in ('0 4 */2 * 1', '0 4 1-31/2 * 1'):
    if sys.argv[1] == 'croniter':
        for options in ({}, {'implement_cron_bug': True}):
            print('croniter', version('croniter'), 'as cron' if options else 'default', text, '|', days(of_croniter(text, **options)))
    else:
        from cronsim import CronSim
        print('cronsim', version('cronsim'), text, '|', days(CronSim(text, start)))
END_OF_PYTHON

for package in croniter==6.2.4 croniter==7.0.0 cronsim==2.8; do
  python3 -m venv "$package"
  "$package/bin/pip" install -qq --disable-pip-version-check "$package"
  "$package/bin/python" days.py "${package%%==*}"
done | tee seen

cat > expected <<'END_OF_LINES'
croniter 6.2.4 default 0 4 */2 * 1 | 01 03 05 07 09 11 13 14 15 17 19 21 23 25 27 28 29 31
croniter 6.2.4 as cron 0 4 */2 * 1 | 07 21
croniter 6.2.4 default 0 4 1-31/2 * 1 | 01 03 05 07 09 11 13 14 15 17 19 21 23 25 27 28 29 31
croniter 6.2.4 as cron 0 4 1-31/2 * 1 | 01 03 05 07 09 11 13 14 15 17 19 21 23 25 27 28 29 31
croniter 7.0.0 default 0 4 */2 * 1 | 01 03 05 07 09 11 13 14 15 17 19 21 23 25 27 28 29 31
croniter 7.0.0 as cron 0 4 */2 * 1 | 07 21
croniter 7.0.0 default 0 4 1-31/2 * 1 | 01 03 05 07 09 11 13 14 15 17 19 21 23 25 27 28 29 31
croniter 7.0.0 as cron 0 4 1-31/2 * 1 | 01 03 05 07 09 11 13 14 15 17 19 21 23 25 27 28 29 31
cronsim 2.8 0 4 */2 * 1 | 07 21
cronsim 2.8 0 4 1-31/2 * 1 | 01 03 05 07 09 11 13 14 15 17 19 21 23 25 27 28 29 31
END_OF_LINES
if ! diff -u expected seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
