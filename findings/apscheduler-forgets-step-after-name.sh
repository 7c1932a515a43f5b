#!/usr/bin/env bash
# APScheduler's cron takes MON#5, MON-FRI/2 and JAN-MAR/2 and drops what follows the names
# Guess: from_crontab either understands "MON#5" and "MON-FRI/2" (croniter, cronsim and cron-parser do) or raises ValueError, as it
#   does for "1#5".
# Seen: APScheduler 3.11.3 and 4.0.0a6 accept them without a word and keep only the name: "MON#5" fires every Monday,
#   "MON-FRI/2" on each working day, "JAN-MAR/2" also in February, "WED-7" on Wednesdays only. In numbers the same is
#   either obeyed ("0-4/2") or refused ("1#5"). The pattern for a range of numbers ends in "$", the two for names do not.
#   Seen on 2026-11-29.
# So: a job meant for fifth Mondays runs about 52 times a year instead of 4 or 5; only str(trigger) shows it.
# Source: apscheduler/triggers/cron/expressions.py, value_re of MonthRangeExpression and WeekdayRangeExpression.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "apscheduler==3.11.3" "cronsim==2.8" "tzdata==2026.6"

cat > t1.py <<'END'
from datetime import datetime, timedelta, timezone
from apscheduler.triggers.cron import CronTrigger
from cronsim import CronSim

for rule in ("0 4 * * MON#5", "0 4 * * 1#5", "0 4 * * MON-FRI/2", "0 4 * * 0-4/2", "0 4 1 JAN-MAR/2 *", "0 4 * * WED-7"):
    try:
        trigger = CronTrigger.from_crontab(rule, timezone=timezone.utc)
    except ValueError as error:
        print(f"{rule:18} apscheduler: ValueError: {error}")
        continue
    now, fires = datetime(2026, 12, 1, tzinfo=timezone.utc), []
    for _ in range(5):
        now = trigger.get_next_fire_time(None, now + timedelta(seconds=1))
        fires.append(now.strftime("%a%d%b"))
    print(f"{rule:18} apscheduler: {' '.join(fires)}   {trigger.fields[4]}, month {trigger.fields[1]}")
    if "0-4" not in rule:                  # the library's own weekday numbers: 0 is Monday
        run = CronSim(rule, datetime(2026, 12, 1))
        print(f"{'':18} cronsim:     {' '.join(next(run).strftime('%a%d%b') for _ in range(5))}")
END

v/bin/python t1.py > seen
cat seen
cat > want <<'END'
0 4 * * MON#5      apscheduler: Mon07Dec Mon14Dec Mon21Dec Mon28Dec Mon04Jan   mon, month *
                   cronsim:     Mon29Mar Mon31May Mon30Aug Mon29Nov Mon31Jan
0 4 * * 1#5        apscheduler: ValueError: Unrecognized expression "1#5" for field "day_of_week"
0 4 * * MON-FRI/2  apscheduler: Tue01Dec Wed02Dec Thu03Dec Fri04Dec Mon07Dec   mon-fri, month *
                   cronsim:     Wed02Dec Fri04Dec Mon07Dec Wed09Dec Fri11Dec
0 4 * * 0-4/2      apscheduler: Wed02Dec Fri04Dec Mon07Dec Wed09Dec Fri11Dec   0-4/2, month *
0 4 1 JAN-MAR/2 *  apscheduler: Fri01Jan Mon01Feb Mon01Mar Sat01Jan Tue01Feb   *, month jan-mar
                   cronsim:     Fri01Jan Mon01Mar Sat01Jan Wed01Mar Mon01Jan
0 4 * * WED-7      apscheduler: Wed02Dec Wed09Dec Wed16Dec Wed23Dec Wed30Dec   wed, month *
                   cronsim:     Wed02Dec Thu03Dec Fri04Dec Sat05Dec Sun06Dec
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
