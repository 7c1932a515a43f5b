#!/usr/bin/env bash
# cron-schedule reads "1#1" as every Monday, "5L" as every Friday and "5/15" as minute 5
# Guess: a small cron parser that has no "#", "L" and no step without a range refuses them, as APScheduler, cronsim ("15W") or croner ("5/15") do.
# Seen: cron-schedule 6.0.0 takes the leading digits and drops the rest: 1#1 every Monday, 5L every Friday, 15W the 15th, 5/15 once an
#   hour, 1/10 on the first. Names are checked ("MON#1" is an error). cron-validator 1.4.0 calls 1#1 and 5/15 valid, cronstrue
#   3.39.0 describes them in full. Seen on 2026-11-29.
# So: the description under the box says "first Monday of the month" or "every 15 minutes", and the timer behind it does another thing.
# Source: none; its README lists no such signs.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix "$tmp" "cron-schedule@6.0.0" "cron-validator@1.4.0" "cronstrue@3.39.0" >/dev/null

cat > t1.mjs <<'END'
import { parseCronExpression } from 'cron-schedule';
import validator from 'cron-validator';
import cronstrue from 'cronstrue';
const start = new Date('2026-12-01T00:00:00Z');
for (const rule of ['0 0 * * 1#1', '0 0 * * 5L', '0 0 15W * *', '5/15 * * * *', '0 0 1/10 * *', '0 0 * * MON#1']) {
  let fires;
  try {
    fires = parseCronExpression(rule).getNextDates(4, start).map((at) => { const t = at.toUTCString(); return t.slice(0, 3) + t.slice(5, 7) + t.slice(8, 11) + t.slice(17, 22); }).join(' ');
  } catch (error) { fires = 'refused'; }
  console.log(rule.padEnd(14), fires, '| valid:', validator.isValidCron(rule, { alias: true, allowNthWeekdayOfMonth: true }), '|', cronstrue.toString(rule));
}
END

node t1.mjs > seen
cat seen
cat > want <<'END'
0 0 * * 1#1    Mon07Dec00:00 Mon14Dec00:00 Mon21Dec00:00 Mon28Dec00:00 | valid: true | At 12:00 AM, on the first Monday of the month
0 0 * * 5L     Fri04Dec00:00 Fri11Dec00:00 Fri18Dec00:00 Fri25Dec00:00 | valid: false | At 12:00 AM, on the last Friday of the month
0 0 15W * *    Tue15Dec00:00 Fri15Jan00:00 Mon15Feb00:00 Mon15Mar00:00 | valid: false | At 12:00 AM, on the weekday nearest day 15 of the month
5/15 * * * *   Tue01Dec00:05 Tue01Dec01:05 Tue01Dec02:05 Tue01Dec03:05 | valid: true | Every 15 minutes, starting at 5 minutes past the hour
0 0 1/10 * *   Fri01Jan00:00 Mon01Feb00:00 Mon01Mar00:00 Thu01Apr00:00 | valid: true | At 12:00 AM, every 10 days in a month
0 0 * * MON#1  refused | valid: true | At 12:00 AM, on the first Monday of the month
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
