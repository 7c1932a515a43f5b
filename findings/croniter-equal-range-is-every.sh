#!/usr/bin/env bash
# In croniter a range from a value to itself is the whole field: "30-30" is every minute
# Guess: "30-30 8 * * *" is 08:30 once a day, "0 0 5-5 * *" the fifth of the month, as a set of one value.
# Seen: croniter 7.0.0 takes both bounds equal for a full turn: every minute from 08:00, every day of the month. cronsim 2.8,
#   cron-parser 5.10.6, croner 11.0.1 and APScheduler 3.11.3 take the one value, and python-crontab 3.4.0 writes "30-30"
#   back as "30". With a step it is still the whole field: "5-5/2" is each second day. Seen on 2026-11-29.
# So: a form with a "from" and a "to" box that are set alike makes a job of once a day run 60 times an hour, with is_valid() and
#   even strict=True content.
# Source: croniter's own README, "Note about Ranges" (documented there, against everyone else).
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "croniter==7.0.0" "cronsim==2.8" "python-crontab==3.4.0" "apscheduler==3.11.3" "tzdata==2026.6"
npm install --silent --no-audit --no-fund --prefix "$tmp" "cron-parser@5.10.6" "croner@11.0.1" >/dev/null

cat > t1.py <<'END'
from datetime import datetime, timedelta, timezone
from apscheduler.triggers.cron import CronTrigger
from croniter import croniter
from cronsim import CronSim
from crontab import CronSlices

start, form = datetime(2026, 12, 1), "%d %H:%M"
for rule in ("30-30 8 * * *", "0 0 5-5 * *", "0 0 5-5/2 * *"):
    print(rule, "| strict:", croniter.is_valid(rule, strict=True))
    run = croniter(rule, start, ret_type=datetime)
    print("  croniter   ", ", ".join(run.get_next().strftime(form) for _ in range(4)))
    run = CronSim(rule, start)
    print("  cronsim    ", ", ".join(next(run).strftime(form) for _ in range(4)))
    if "/" not in rule:
        trigger, now, fires = CronTrigger.from_crontab(rule, timezone.utc), start.replace(tzinfo=timezone.utc), []
        for _ in range(4):
            now = trigger.get_next_fire_time(None, now + timedelta(seconds=1))
            fires.append(now.strftime(form))
        print("  apscheduler", ", ".join(fires))
        print("  crontab     ", CronSlices(rule), sep="")
END

cat > t2.mjs <<'END'
import { CronExpressionParser } from 'cron-parser';
import { Cron } from 'croner';
const start = new Date('2026-12-01T00:00:00Z');
const form = (d) => d.toISOString().slice(8, 16).replace('T', ' ');
for (const rule of ['30-30 8 * * *', '0 0 5-5 * *']) {
  const it = CronExpressionParser.parse(rule, { currentDate: start, tz: 'UTC' });
  console.log(rule, '| cron-parser', [1, 2, 3].map(() => form(it.next().toDate())).join(', '),
    '| croner', new Cron(rule, { timezone: 'UTC', paused: true }).nextRuns(3, start).map(form).join(', '));
}
END

{ v/bin/python t1.py; node t2.mjs; } > seen
cat seen
cat > want <<'END'
30-30 8 * * * | strict: True
  croniter    01 08:00, 01 08:01, 01 08:02, 01 08:03
  cronsim     01 08:30, 02 08:30, 03 08:30, 04 08:30
  apscheduler 01 08:30, 02 08:30, 03 08:30, 04 08:30
  crontab     30 8 * * *
0 0 5-5 * * | strict: True
  croniter    02 00:00, 03 00:00, 04 00:00, 05 00:00
  cronsim     05 00:00, 05 00:00, 05 00:00, 05 00:00
  apscheduler 05 00:00, 05 00:00, 05 00:00, 05 00:00
  crontab     0 0 5 * *
0 0 5-5/2 * * | strict: True
  croniter    03 00:00, 05 00:00, 07 00:00, 09 00:00
  cronsim     05 00:00, 07 00:00, 09 00:00, 11 00:00
30-30 8 * * * | cron-parser 01 08:30, 02 08:30, 03 08:30 | croner 01 08:30, 02 08:30, 03 08:30
0 0 5-5 * * | cron-parser 05 00:00, 05 00:00, 05 00:00 | croner 05 00:00, 05 00:00, 05 00:00
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
