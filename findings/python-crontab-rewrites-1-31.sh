#!/usr/bin/env bash
# python-crontab writes 1-31 back as *, and cron then fires on Mondays only
# Guess: reading a crontab and writing it back may change its spelling, never the days on which a line fires;
#   "1-31" as "*" is the same set of days, "1-31/2" as "*/2" too.
# Seen: python-crontab 3.4.0 writes "1-31" as "*" and "1-31/2" as "*/2", also for lines that were not touched. For cron a
#   star at the front of a day field switches from "day of month OR weekday" to AND: measured with cronsim 2.8, which follows
#   Debian's cron, a line for every day becomes Mondays only, and one for odd days or Mondays becomes odd days that are
#   Mondays. "7-7" (Sunday) even comes back as "0,*", which is every day.
#   Seen on 2026-11-29.
# So: a tool that edits one line of a crontab through this library changes when its neighbours fire, and no diff of sets shows it.
# Source: crontab(5), "restricted (i.e., do not contain the "*" character)"; the cron code looks at the first character.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "python-crontab==3.4.0" "cronsim==2.8"

cat > t1.py <<'END'
from datetime import datetime
from crontab import CronTab
from cronsim import CronSim

def days(rule):
    run = CronSim(rule, datetime(2026, 12, 1))
    return " ".join(next(run).strftime("%a%d") for _ in range(6))

for rule in ("0 4 1-31 * 1", "0 4 1-31/2 * 1", "0 4 13 * 7-7"):
    written = CronTab(tab=rule + " /bin/true\n").render().strip().removesuffix(" /bin/true")
    print(f"{rule:16} {days(rule)}")
    print(f"-> {written:13} {days(written)}")
END

v/bin/python t1.py > seen
cat seen
cat > want <<'END'
0 4 1-31 * 1     Tue01 Wed02 Thu03 Fri04 Sat05 Sun06
-> 0 4 * * 1     Mon07 Mon14 Mon21 Mon28 Mon04 Mon11
0 4 1-31/2 * 1   Tue01 Thu03 Sat05 Mon07 Wed09 Fri11
-> 0 4 */2 * 1   Mon07 Mon21 Mon11 Mon25 Mon01 Mon15
0 4 13 * 7-7     Sun06 Sun13 Sun20 Sun27 Sun03 Sun10
-> 0 4 13 * 0,*  Tue01 Wed02 Thu03 Fri04 Sat05 Sun06
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
