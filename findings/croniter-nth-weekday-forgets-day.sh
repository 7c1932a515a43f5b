#!/usr/bin/env bash
# croniter: beside "5#2" a day of month never fires, or stops the whole rule
# Guess: "0 0 13 * 5#2" is the 13th OR the second Friday, by cron's rule for two restricted day fields (day_or=True is croniter's
#   default and "13 * 5" obeys it); cronsim says so too.
# Seen: croniter 7.0.0 gives the second Fridays only, the 13th never comes; "10 * L5" gives an error at the first question, as does
#   the natural "1 * 5#2" (the first, and second Fridays): both operands keep the nth weekday, and if no month can have them
#   meet, CroniterBadDateError comes instead of the Fridays. is_valid() accepts all. cronsim 2.8 (it writes 5L) fires on
#   both sides. Seen on 2026-11-29.
# So: whether a rule loses half its moments or all of them depends on whether that date can ever be that weekday.
# Source: the comment about clean_split in croniter.py, _calc_next; the README speaks only of day_or.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "croniter==7.0.0" "cronsim==2.8"

cat > t1.py <<'END'
from datetime import datetime
from croniter import croniter
from cronsim import CronSim

start, form = datetime(2026, 12, 1), "%a %d %b %Y"
for rule in ("0 0 13 * 5", "0 0 13 * 5#2", "0 0 1 * 5#2", "0 0 10 * L5"):
    print(rule, "| valid:", croniter.is_valid(rule))
    run = croniter(rule, start, ret_type=datetime)
    try:
        print("  croniter", ", ".join(run.get_next().strftime(form) for _ in range(4)))
    except Exception as error:
        print("  croniter", type(error).__name__, error)
    run = CronSim(rule.replace("L5", "5L"), start)
    print("  cronsim ", ", ".join(next(run).strftime(form) for _ in range(4)))
END

v/bin/python t1.py > seen
cat seen
cat > want <<'END'
0 0 13 * 5 | valid: True
  croniter Fri 04 Dec 2026, Fri 11 Dec 2026, Sun 13 Dec 2026, Fri 18 Dec 2026
  cronsim  Fri 04 Dec 2026, Fri 11 Dec 2026, Sun 13 Dec 2026, Fri 18 Dec 2026
0 0 13 * 5#2 | valid: True
  croniter Fri 11 Dec 2026, Fri 08 Jan 2027, Fri 12 Feb 2027, Fri 12 Mar 2027
  cronsim  Fri 11 Dec 2026, Sun 13 Dec 2026, Fri 08 Jan 2027, Wed 13 Jan 2027
0 0 1 * 5#2 | valid: True
  croniter CroniterBadDateError failed to find next date
  cronsim  Fri 11 Dec 2026, Fri 01 Jan 2027, Fri 08 Jan 2027, Mon 01 Feb 2027
0 0 10 * L5 | valid: True
  croniter CroniterBadDateError failed to find next date
  cronsim  Thu 10 Dec 2026, Fri 25 Dec 2026, Sun 10 Jan 2027, Fri 29 Jan 2027
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
