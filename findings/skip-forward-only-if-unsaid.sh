#!/usr/bin/env bash
# rrule-temporal obeys SKIP=FORWARD on the 31st only if the rule does not say "31"
# Guess: RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=31;SKIP=FORWARD gives 31 March, 1 May, 31 May, 1 July (RFC 7529 moves the missing 31 April
#   on to the next day); rrule-temporal has RFC 7529 on its list of features.
# Seen: rrule-temporal 2.2.8 gives 31 March, 31 May, 31 July: SKIP is ignored. Leave BYMONTHDAY=31 away, so that the 31 comes from
#   DTSTART, and it obeys: 31 March, 1 May, 31 May, 1 July. BACKWARD the same: nothing in June with it, 30 June without it. ical.js 2.2.1
#   ignores RSCALE and SKIP in both forms, silently. Seen on 2026-11-29.
# So: "on the 31st or the day after" fires 7 times a year rather than 12, depending on a part that says nothing new.
# Source: RFC 7529 section 4.1; README of rrule-temporal.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix "$tmp" "rrule-temporal@2.2.8" "ical.js@2.2.1" >/dev/null

cat > t1.mjs <<'END'
import ICAL from 'ical.js';
import { RRuleTemporal } from 'rrule-temporal';
for (const skip of ['FORWARD', 'BACKWARD'])
  for (const part of ['', ';BYMONTHDAY=31']) {
    const rule = `RSCALE=GREGORIAN;FREQ=MONTHLY${part};SKIP=${skip};COUNT=5`;
    const all = new RRuleTemporal({ rruleString: `DTSTART:20270331T090000Z\nRRULE:${rule}` }).all();
    console.log(rule + '\n  rrule-temporal', all.map((at) => at.toString().slice(5, 10)).join(' '));
    const steps = ICAL.Recur.fromString(rule).iterator(ICAL.Time.fromDateTimeString('2027-03-31T09:00:00')), found = [];
    for (let at; found.length < 5 && (at = steps.next());) found.push(at.toString().slice(5, 10));
    console.log('  ical.js       ', found.join(' '));
  }
END

node t1.mjs > seen
cat seen
cat > want <<'END'
RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=FORWARD;COUNT=5
  rrule-temporal 03-31 05-01 05-31 07-01 07-31
  ical.js        03-31 05-31 07-31 08-31 10-31
RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=31;SKIP=FORWARD;COUNT=5
  rrule-temporal 03-31 05-31 07-31 08-31 10-31
  ical.js        03-31 05-31 07-31 08-31 10-31
RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=BACKWARD;COUNT=5
  rrule-temporal 03-31 04-30 05-31 06-30 07-31
  ical.js        03-31 05-31 07-31 08-31 10-31
RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=31;SKIP=BACKWARD;COUNT=5
  rrule-temporal 03-31 05-31 07-31 08-31 10-31
  ical.js        03-31 05-31 07-31 08-31 10-31
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
