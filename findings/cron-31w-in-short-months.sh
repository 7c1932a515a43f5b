#!/usr/bin/env bash
# "31W" in a month without a 31st: croner leaves the month out, croniter and cronosjs fire on its last weekday
# Guess: the weekday nearest to the 31st does not exist in months without a 31st: each library skips them, as Quartz does, where W
#   comes from.
# Seen: croner 11.0.1 skips February, April, June, September, November (7 times a year). croniter 7.0.0 and cronosjs 1.7.1 move on to the
#   last weekday of each month (12 times). With "31" alone all three skip. cronstrue 3.39.0 has one sentence for both readings.
#   Seen on 2026-11-29.
# So: a month-end job carried from one library to another loses or gains five runs a year.
# Source: READMEs of croner and croniter describe W; neither speaks of short months.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "croniter==7.0.0"
npm install --silent --no-audit --no-fund --prefix "$tmp" "croner@11.0.1" "cronosjs@1.7.1" "cronstrue@3.39.0" >/dev/null

cat > t1.py <<'END'
from datetime import datetime
from croniter import croniter

for rule in ("0 0 31W * *", "0 0 31 * *"):
    run = croniter(rule, datetime(2026, 12, 1), ret_type=datetime)
    print(f"{rule:12}croniter", *(run.get_next().strftime("%a%d%b") for _ in range(6)))
END

cat > t2.mjs <<'END'
import { Cron } from 'croner';
import { CronosExpression } from 'cronosjs';
import cronstrue from 'cronstrue';
const start = new Date('2026-12-01T00:00:00Z');
const show = (list) => list.map((at) => { const t = new Date(+at).toUTCString(); return t.slice(0, 3) + t.slice(5, 7) + t.slice(8, 11); }).join(' ');
for (const rule of ['0 0 31W * *', '0 0 31 * *']) {
  console.log(rule.padEnd(11), 'croner  ', show(new Cron(rule, { timezone: 'UTC', paused: true }).nextRuns(6, start)));
  console.log(rule.padEnd(11), 'cronosjs', show(CronosExpression.parse(rule, { timezone: 'UTC' }).nextNDates(start, 6)));
}
console.log(cronstrue.toString('0 0 31W * *'));
END

{ v/bin/python t1.py; node t2.mjs; } > seen
cat seen
cat > want <<'END'
0 0 31W * * croniter Thu31Dec Fri29Jan Fri26Feb Wed31Mar Fri30Apr Mon31May
0 0 31 * *  croniter Thu31Dec Sun31Jan Wed31Mar Mon31May Sat31Jul Tue31Aug
0 0 31W * * croner   Thu31Dec Fri29Jan Wed31Mar Mon31May Fri30Jul Tue31Aug
0 0 31W * * cronosjs Thu31Dec Fri29Jan Fri26Feb Wed31Mar Fri30Apr Mon31May
0 0 31 * *  croner   Thu31Dec Sun31Jan Wed31Mar Mon31May Sat31Jul Tue31Aug
0 0 31 * *  cronosjs Thu31Dec Sun31Jan Wed31Mar Mon31May Sat31Jul Tue31Aug
At 12:00 AM, on the weekday nearest day 31 of the month
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
