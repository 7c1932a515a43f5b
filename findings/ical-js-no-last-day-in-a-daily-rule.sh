#!/usr/bin/env bash
# ical.js never fires on the last day of the month when the rule is a daily one
# Guess: FREQ=DAILY;BYMONTHDAY=15,-1 gives the 15th and the last day of each month, as FREQ=MONTHLY;BYMONTHDAY=15,-1 does.
# Seen: ical.js 2.2.1 gives only the 15ths: in DAILY and HOURLY rules negative days of the month match nothing, without an error.
#   The MONTHLY form is right. dateutil 4.0.0, rrule.js 2.8.1 and rrule-temporal 2.2.8 give both. Seen on 2026-11-29.
# So: a month-end job written as "daily, on the last day" is not on any calendar built with ical.js, though it runs.
# Source: RFC 5545 3.3.10: BYMONTHDAY limits DAILY rules, "-10 represents the tenth to the last day of the month".
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "python-dateutil==4.0.0"
npm install --silent --no-audit --no-fund --prefix "$tmp" "ical.js@2.2.1" "rrule@2.8.1" "rrule-temporal@2.2.8" >/dev/null

cat > t1.py <<'END'
from datetime import datetime
from dateutil.rrule import rrulestr

found = rrulestr("FREQ=DAILY;BYMONTHDAY=15,-1;COUNT=5", dtstart=datetime(2027, 1, 15, 9))
print("dateutil          ", *(f"{x:%m-%d}" for x in found))
END

cat > t2.mjs <<'END'
import ICAL from 'ical.js';
import rrule from 'rrule';
import { RRuleTemporal } from 'rrule-temporal';
const rule = 'FREQ=DAILY;BYMONTHDAY=15,-1;COUNT=5', text = `DTSTART:20270115T090000Z\nRRULE:${rule}`;
const walk = (rule) => {
  const steps = ICAL.Recur.fromString(rule).iterator(ICAL.Time.fromDateTimeString('2027-01-15T09:00:00')), found = [];
  for (let at; found.length < 5 && (at = steps.next());) found.push(at.toString().slice(5, 10));
  return found.join(' ');
};
console.log('ical.js            ' + walk(rule));
console.log('ical.js as MONTHLY ' + walk(rule.replace('DAILY', 'MONTHLY')));
console.log('rrule.js           ' + rrule.rrulestr(text).all().map((at) => at.toISOString().slice(5, 10)).join(' '));
console.log('rrule-temporal     ' + new RRuleTemporal({ rruleString: text }).all().map((at) => at.toString().slice(5, 10)).join(' '));
END

{ v/bin/python t1.py; node t2.mjs; } > seen
cat seen
cat > want <<'END'
dateutil           01-15 01-31 02-15 02-28 03-15
ical.js            01-15 02-15 03-15 04-15 05-15
ical.js as MONTHLY 01-15 01-31 02-15 02-28 03-15
rrule.js           01-15 01-31 02-15 02-28 03-15
rrule-temporal     01-15 01-31 02-15 02-28 03-15
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
