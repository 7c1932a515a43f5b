#!/usr/bin/env bash
# ical.js: the Thursdays of weeks 2 and 20 are the Thursdays of every week
# Guess: FREQ=YEARLY;BYWEEKNO=2,20;BYDAY=TH is two days a year in each library; RFC 5545 has BYWEEKNO=20;BYDAY=MO as an example.
# Seen: ical.js 2.2.1 gives all 52 Thursdays of a year for two weeks, and also for one (BYWEEKNO=20;BYDAY=TH): with
#   BYDAY present, BYWEEKNO limits nothing (and the Mondays leave out DTSTART). dateutil 4.0.0, rrule.js 2.8.1 and rrule-temporal 2.2.8 give the two.
#   Seen on 2026-11-29.
# So: a yearly week 20 job, seen through an ical.js calendar, is a weekly one; counts (COUNT=10) are used up within months.
# Source: RFC 5545 3.3.10, "Monday of week number 20".
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

for rule, day in (("FREQ=YEARLY;BYWEEKNO=2,20;BYDAY=TH;COUNT=5", 14), ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO;COUNT=5", 11)):
    found = rrulestr(rule, dtstart=datetime(2026, 5, day, 9))
    print(rule, "\ndateutil      ", *(f"{x:%Y-%m-%d}" for x in found))
END

cat > t2.mjs <<'END'
import ICAL from 'ical.js';
import rrule from 'rrule';
import { RRuleTemporal } from 'rrule-temporal';
for (const [rule, day] of [['FREQ=YEARLY;BYWEEKNO=2,20;BYDAY=TH;COUNT=5', '14'], ['FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO;COUNT=5', '11']]) {
  const text = `DTSTART:202605${day}T090000Z\nRRULE:${rule}`;
  const steps = ICAL.Recur.fromString(rule).iterator(ICAL.Time.fromDateTimeString(`2026-05-${day}T09:00:00`)), found = [];
  for (let at; found.length < 5 && (at = steps.next());) found.push(at.toString().slice(0, 10));
  console.log(rule + '\nical.js       ', found.join(' '));
  console.log('rrule.js      ', rrule.rrulestr(text).all().map((at) => at.toISOString().slice(0, 10)).join(' '));
  console.log('rrule-temporal', new RRuleTemporal({ rruleString: text }).all().map((at) => at.toString().slice(0, 10)).join(' '));
}
END

{ v/bin/python t1.py; node t2.mjs; } > seen
cat seen
cat > want <<'END'
FREQ=YEARLY;BYWEEKNO=2,20;BYDAY=TH;COUNT=5 
dateutil       2026-05-14 2027-01-14 2027-05-20 2028-01-13 2028-05-18
FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO;COUNT=5 
dateutil       2026-05-11 2027-05-17 2028-05-15 2029-05-14 2030-05-13
FREQ=YEARLY;BYWEEKNO=2,20;BYDAY=TH;COUNT=5
ical.js        2026-05-14 2026-05-21 2026-05-28 2026-06-04 2026-06-11
rrule.js       2026-05-14 2027-01-14 2027-05-20 2028-01-13 2028-05-18
rrule-temporal 2026-05-14 2027-01-14 2027-05-20 2028-01-13 2028-05-18
FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO;COUNT=5
ical.js        2026-05-18 2026-05-25 2026-06-01 2026-06-08 2026-06-15
rrule.js       2026-05-11 2027-05-17 2028-05-15 2029-05-14 2030-05-13
rrule-temporal 2026-05-11 2027-05-17 2028-05-15 2029-05-14 2030-05-13
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
