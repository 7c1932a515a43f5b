#!/usr/bin/env bash
# "Yearly in week 20", with no weekday: seven days a year, one day a year, or nothing at all
# Guess: FREQ=YEARLY;BYWEEKNO=20 from a Thursday in week 20 gives that week's Thursday each year: what a rule does not say comes from
#   DTSTART (RFC 5545 3.3.10).
# Seen: dateutil 4.0.0 and rrule.js 2.8.1 give all seven days of the week from DTSTART on, rrule-temporal 2.2.8 the Thursday,
#   ical.js 2.2.1 an empty series, not even DTSTART. Seen on 2026-11-29.
# So: write BYDAY with BYWEEKNO always; a yearly job made from "every year in this week" runs 7 times, once or never.
# Source: RFC 5545 3.3.10, last paragraph before the examples ("derived from DTSTART").
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

found = rrulestr("FREQ=YEARLY;BYWEEKNO=20;COUNT=6", dtstart=datetime(2026, 5, 14, 9))
print("dateutil      ", *(f"{x:%Y-%m-%d}" for x in found))
END

cat > t2.mjs <<'END'
import ICAL from 'ical.js';
import rrule from 'rrule';
import { RRuleTemporal } from 'rrule-temporal';
const rule = 'FREQ=YEARLY;BYWEEKNO=20;COUNT=6', text = `DTSTART:20260514T090000Z\nRRULE:${rule}`;
const steps = ICAL.Recur.fromString(rule).iterator(ICAL.Time.fromDateTimeString('2026-05-14T09:00:00')), found = [];
for (let at; found.length < 6 && (at = steps.next()) && at.year < 2040;) found.push(at.toString().slice(0, 10));
console.log('ical.js       ', found.join(' ') || 'nothing');
console.log('rrule.js      ', rrule.rrulestr(text).all().map((at) => at.toISOString().slice(0, 10)).join(' '));
console.log('rrule-temporal', new RRuleTemporal({ rruleString: text }).all().map((at) => at.toString().slice(0, 10)).join(' '));
END

{ v/bin/python t1.py; node t2.mjs; } > seen
cat seen
cat > want <<'END'
dateutil       2026-05-14 2026-05-15 2026-05-16 2026-05-17 2027-05-17 2027-05-18
ical.js        nothing
rrule.js       2026-05-14 2026-05-15 2026-05-16 2026-05-17 2027-05-17 2027-05-18
rrule-temporal 2026-05-14 2027-05-20 2028-05-18 2029-05-17 2030-05-16 2031-05-15
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
