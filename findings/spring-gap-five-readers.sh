#!/usr/bin/env bash
# A daily 02:30 on the morning without 02:30: five readers of one file give four answers, one of them for good
# Guess: all give 03:30 on that day (RFC 5545 3.3.5: a time in the gap is read with the offset before it) or leave the day out (3.3.10:
#   nonexistent times of a rule MUST be ignored), and 02:30 again on the next.
# Seen: Berlin, 28 March 2027: recurring-ical-events 3.8.2 says 03:30 (01:30Z); icalevents 0.3.1 and ical.js 2.2.1 say 01:30
#   (00:30Z), an hour early; node-ical 0.27.2 leaves the day out and does not count it, so a run moves to the end; node-ical 0.26.1
#   says 03:30 on that day and on each day after it, for ever. Seen on 2026-11-29.
# So: a night job planned in a shared calendar has no agreed hour once a year, and no agreed number of runs under COUNT;
#   an update of a minor version moves a whole series.
# Source: RFC 5545 3.3.5 against 3.3.10: the two say different things for an instance made by a rule.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "recurring-ical-events==3.8.2" "icalendar==7.3.2" "icalevents==0.3.1" "tzdata==2026.6"
npm install --silent --no-audit --no-fund --prefix "$tmp" "ical.js@2.2.1" "node-ical@0.27.2" "rrule-temporal@2.2.8" "node-ical-before@npm:node-ical@0.26.1" >/dev/null

cat > t1.py <<'END'
import datetime as d
from icalendar import Calendar
import recurring_ical_events

LINES = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//EN
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:DAYLIGHT
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:CEST
END:DAYLIGHT
BEGIN:STANDARD
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:CET
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:night
DTSTAMP:20261129T000000Z
SUMMARY:night
DTSTART;TZID=Europe/Berlin:20270327T023000
DURATION:PT10M
RRULE:FREQ=DAILY;COUNT=5
END:VEVENT
END:VCALENDAR
"""
text = LINES.replace("\n", "\r\n")
open("night.ics", "w", newline="").write(text)
utc = d.timezone.utc
start, end = d.datetime(2027, 3, 26, tzinfo=utc), d.datetime(2027, 4, 20, tzinfo=utc)
show = lambda name, found: print(f"{name:22}", *(x.astimezone(utc).strftime("%d:%H:%MZ") for x in sorted(found)))
show("recurring-ical-events", [e.start for e in recurring_ical_events.of(Calendar.from_ical(text)).between(start, end)])
END

cat > t2.py <<'END'
import datetime as d
from icalevents.icalevents import events       # apart: this import makes icalendar use pytz

utc = d.timezone.utc
found = events(string_content=open("night.ics", newline="").read(), start=d.datetime(2027, 3, 26, tzinfo=utc), end=d.datetime(2027, 4, 20, tzinfo=utc))
print(f"{'icalevents':22}", *(x.astimezone(utc).strftime("%d:%H:%MZ") for x in sorted(e.start for e in found)))
END

cat > t3.mjs <<'END'
import { readFileSync } from 'node:fs';
import ICAL from 'ical.js';
import nodeIcal from 'node-ical';
import before from 'node-ical-before';
const text = readFileSync('night.ics', 'utf8');
const show = (name, list) => console.log(name.padEnd(22), list.map((at) => new Date(at).toISOString().slice(8, 16).replace('T', ':') + 'Z').join(' '));
const event = new ICAL.Event(new ICAL.Component(ICAL.parse(text)).getFirstSubcomponent('vevent'));
const steps = event.iterator(), found = [];
for (let at; (at = steps.next());) found.push(at.toJSDate());
show('ical.js', found);
for (const [name, one] of [['node-ical 0.27.2', nodeIcal], ['node-ical 0.26.1', before]]) {
  const own = Object.values(one.sync.parseICS(text)).find((part) => part.type === 'VEVENT');
  show(name, one.expandRecurringEvent(own, { from: new Date('2027-03-26'), to: new Date('2027-04-20') }).map((part) => part.start));
}
END

{ v/bin/python t1.py; v/bin/python t2.py; node t3.mjs; } > seen
cat seen
cat > want <<'END'
recurring-ical-events  27:01:30Z 28:01:30Z 29:00:30Z 30:00:30Z 31:00:30Z
icalevents             27:01:30Z 28:00:30Z 29:00:30Z 30:00:30Z 31:00:30Z
ical.js                27:01:30Z 28:00:30Z 29:00:30Z 30:00:30Z 31:00:30Z
node-ical 0.27.2       27:01:30Z 29:00:30Z 30:00:30Z 31:00:30Z 01:00:30Z
node-ical 0.26.1       27:01:30Z 28:01:30Z 29:01:30Z 30:01:30Z 31:01:30Z
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
