#!/usr/bin/env bash
# ical.js: twice a day on the 29th makes a third time, on the 1st of March; twice a day once a year makes one
# Guess: FREQ=MONTHLY;BYMONTHDAY=29;BYHOUR=9,17 is 09:00 and 17:00 on each 29th, and nothing in a February without one;
#   FREQ=YEARLY;BYHOUR=9,17 is both times on one day a year.
# Seen: ical.js 2.2.1 adds 1 February, 17:00 (a February of 28 days) to the first, also 1 March and 1 April, 22:00, to the second
#   Saturdays and Thursdays at 12:00 and 22:00, and leaves out each 17:00 of the yearly rule. rrule-temporal 2.2.8 is right. Seen on 2026-11-30.
# So: a job that runs twice a day on some days of a month appears on days when it does not run; write each time as a series of its own.
# Source: RFC 5545 3.3.10, the table of BYxxx rule parts: BYHOUR expands in both.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix "$tmp" "ical.js@2.2.1" "rrule-temporal@2.2.8" >/dev/null

cat > t1.mjs <<'END'
import ICAL from 'ical.js';
import { RRuleTemporal } from 'rrule-temporal';
const rules = {
  'FREQ=MONTHLY;BYMONTHDAY=29;BYHOUR=9,17': '2027-01-29T09:00:00',
  'FREQ=MONTHLY;BYDAY=2SA,2TH;BYHOUR=12,22': '2027-02-11T12:00:00',
  'FREQ=YEARLY;BYHOUR=9,17': '2027-01-29T09:00:00',
};
for (const [rule, start] of Object.entries(rules)) {
  const steps = ICAL.Recur.fromString(rule).iterator(ICAL.Time.fromDateTimeString(start)), found = [];
  while (found.length < 6) found.push(steps.next().toString());
  const lines = `DTSTART:${start.replace(/[-:]/g, '')}Z\nRRULE:${rule};COUNT=6`;
  const right = new RRuleTemporal({ rruleString: lines }).all().map((at) => at.toString());
  const show = (list) => list.map((at) => at.slice(0, 13)).join(' ');
  console.log(rule);
  console.log('  ical.js       ', show(found));
  console.log('  rrule-temporal', show(right));
}
END

node t1.mjs > seen
cat seen
cat > want <<'END'
FREQ=MONTHLY;BYMONTHDAY=29;BYHOUR=9,17
  ical.js        2027-01-29T09 2027-01-29T17 2027-02-01T17 2027-03-29T09 2027-03-29T17 2027-04-29T09
  rrule-temporal 2027-01-29T09 2027-01-29T17 2027-03-29T09 2027-03-29T17 2027-04-29T09 2027-04-29T17
FREQ=MONTHLY;BYDAY=2SA,2TH;BYHOUR=12,22
  ical.js        2027-02-11T12 2027-02-11T22 2027-02-13T12 2027-02-13T22 2027-03-01T22 2027-03-11T12
  rrule-temporal 2027-02-11T12 2027-02-11T22 2027-02-13T12 2027-02-13T22 2027-03-11T12 2027-03-11T22
FREQ=YEARLY;BYHOUR=9,17
  ical.js        2027-01-29T09 2028-01-29T09 2029-01-29T09 2030-01-29T09 2031-01-29T09 2032-01-29T09
  rrule-temporal 2027-01-29T09 2027-01-29T17 2028-01-29T09 2028-01-29T17 2029-01-29T09 2029-01-29T17
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
