#!/usr/bin/env bash
# rrule-temporal drops BYDAY beside BYYEARDAY: "day 100 if it is a Saturday" is every day 100
# Guess: FREQ=YEARLY;BYYEARDAY=100;BYDAY=SA is the 100th day of those years in which it is a Saturday (BYDAY limits when BYYEARDAY is
#   there: RFC 5545 3.3.10, note 2 under the table).
# Seen: rrule-temporal 2.2.8 gives 10 April or 9 April of each year whatever the weekday. dateutil 4.0.0, rrule.js 2.8.1 and ical.js
#   2.2.1 give 2027, 2038, 2044 alike. node-ical 0.27 sits on rrule-temporal. Seen on 2026-11-29.
# So: the filter "only if it falls on a weekend" vanishes without a word in one of four engines.
# Source: RFC 5545 3.3.10, table of BYxxx rule parts, note 2.
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

found = rrulestr("FREQ=YEARLY;BYYEARDAY=100;BYDAY=SA;COUNT=5", dtstart=datetime(2027, 4, 10, 9))
print("dateutil      ", *(f"{x:%a-%Y-%m-%d}" for x in found))
END

cat > t2.mjs <<'END'
import ICAL from 'ical.js';
import rrule from 'rrule';
import { RRuleTemporal } from 'rrule-temporal';
const rule = 'FREQ=YEARLY;BYYEARDAY=100;BYDAY=SA;COUNT=5', text = `DTSTART:20270410T090000Z\nRRULE:${rule}`;
const show = (day) => new Date(day + 'T00:00:00Z').toUTCString().slice(0, 3) + '-' + day;
const steps = ICAL.Recur.fromString(rule).iterator(ICAL.Time.fromDateTimeString('2027-04-10T09:00:00')), found = [];
for (let at; found.length < 5 && (at = steps.next());) found.push(show(at.toString().slice(0, 10)));
console.log('ical.js       ', found.join(' '));
console.log('rrule.js      ', rrule.rrulestr(text).all().map((at) => show(at.toISOString().slice(0, 10))).join(' '));
console.log('rrule-temporal', new RRuleTemporal({ rruleString: text }).all().map((at) => show(at.toString().slice(0, 10))).join(' '));
END

{ v/bin/python t1.py; node t2.mjs; } > seen
cat seen
cat > want <<'END'
dateutil       Sat-2027-04-10 Sat-2038-04-10 Sat-2044-04-09 Sat-2049-04-10 Sat-2055-04-10
ical.js        Sat-2027-04-10 Sat-2038-04-10 Sat-2044-04-09 Sat-2049-04-10 Sat-2055-04-10
rrule.js       Sat-2027-04-10 Sat-2038-04-10 Sat-2044-04-09 Sat-2049-04-10 Sat-2055-04-10
rrule-temporal Sat-2027-04-10 Sun-2028-04-09 Tue-2029-04-10 Wed-2030-04-10 Thu-2031-04-10
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
