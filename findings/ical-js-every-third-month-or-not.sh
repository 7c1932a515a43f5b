#!/usr/bin/env bash
# ical.js forgets "every third month" as soon as the rule names months
# Guess: FREQ=MONTHLY;INTERVAL=3;BYMONTH=3,6,8 from March on means March and June: August is not on the three-month grid.
# Seen: ical.js 2.2.1 gives March, June and August each year, as if INTERVAL were 1; without BYMONTH it obeys INTERVAL=3. dateutil
#   4.0.0, rrule.js 2.8.1 and rrule-temporal 2.2.8 agree on March and June. Seen on 2026-11-29.
# So: a rule that is filtered twice, as a rule editor with "every N months" and ticked months writes it, fires more often in some readers.
# Source: RFC 5545 3.3.10: BYMONTH limits a MONTHLY rule, INTERVAL still tells which months come up.
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

found = rrulestr("FREQ=MONTHLY;INTERVAL=3;BYMONTH=3,6,8;COUNT=5", dtstart=datetime(2027, 3, 1, 9))
print("dateutil      ", *(f"{x:%Y-%m-%d}" for x in found))
END

cat > t2.mjs <<'END'
import ICAL from 'ical.js';
import rrule from 'rrule';
import { RRuleTemporal } from 'rrule-temporal';
const rule = 'FREQ=MONTHLY;INTERVAL=3;BYMONTH=3,6,8;COUNT=5', text = `DTSTART:20270301T090000Z\nRRULE:${rule}`;
const walk = (rule) => {
  const steps = ICAL.Recur.fromString(rule).iterator(ICAL.Time.fromDateTimeString('2027-03-01T09:00:00')), found = [];
  for (let at; found.length < 5 && (at = steps.next());) found.push(at.toString().slice(0, 10));
  return found.join(' ');
};
console.log('ical.js       ', walk(rule));
console.log('without months', walk('FREQ=MONTHLY;INTERVAL=3;COUNT=5'));
console.log('rrule.js      ', rrule.rrulestr(text).all().map((at) => at.toISOString().slice(0, 10)).join(' '));
console.log('rrule-temporal', new RRuleTemporal({ rruleString: text }).all().map((at) => at.toString().slice(0, 10)).join(' '));
END

{ v/bin/python t1.py; node t2.mjs; } > seen
cat seen
cat > want <<'END'
dateutil       2027-03-01 2027-06-01 2028-03-01 2028-06-01 2029-03-01
ical.js        2027-03-01 2027-06-01 2027-08-01 2028-03-01 2028-06-01
without months 2027-03-01 2027-06-01 2027-09-01 2027-12-01 2028-03-01
rrule.js       2027-03-01 2027-06-01 2028-03-01 2028-06-01 2029-03-01
rrule-temporal 2027-03-01 2027-06-01 2028-03-01 2028-06-01 2029-03-01
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
