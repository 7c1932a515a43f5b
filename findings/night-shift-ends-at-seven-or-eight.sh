#!/usr/bin/env bash
# A weekly night shift 23:00 to 07:00 ends at 07:00 or 08:00 on the night of the change; RFC 5545 is with the odd one
# Guess: a recurring event with DTSTART and DTEND keeps its wall times, 23:00 to 07:00, in each reader, and the standard says so too.
# Seen: recurring-ical-events 3.8.2, icalevents 0.3.1 and ical.js 2.2.1 keep the clock (07:00 on 28 March 2027 in Berlin, 7 hours);
#   node-ical 0.27.2 keeps the 8 hours and ends at 08:00. RFC 5545 is with node-ical, against what every calendar page draws:
#   with DTEND "the same exact duration will apply to all the members". Seen on 2026-11-29.
# So: a quiet time or maintenance window read from a calendar ends an hour early or late, once in spring and once in autumn.
# Source: RFC 5545 3.8.5.3, second half of the description of RRULE.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "recurring-ical-events==3.8.2" "icalendar==7.3.2" "icalevents==0.3.1" "tzdata==2026.6"
npm install --silent --no-audit --no-fund --prefix "$tmp" "ical.js@2.2.1" "node-ical@0.27.2" >/dev/null

cat > t1.py <<'END'
import datetime as d
from icalendar import Calendar
import recurring_ical_events

text = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//EN
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:DAYLIGHT
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
BEGIN:STANDARD
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:shift
DTSTAMP:20261129T000000Z
SUMMARY:shift
DTSTART;TZID=Europe/Berlin:20270320T230000
DTEND;TZID=Europe/Berlin:20270321T070000
RRULE:FREQ=WEEKLY;COUNT=3
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")
open("shift.ics", "w", newline="").write(text)
utc = d.timezone.utc
span = d.datetime(2027, 3, 1, tzinfo=utc), d.datetime(2027, 4, 30, tzinfo=utc)
show = lambda name, ends: print(f"{name:22}ends", *(x.astimezone(utc).strftime("%d %b %H:%MZ,") for x in sorted(ends)))
show("recurring-ical-events", [e.end for e in recurring_ical_events.of(Calendar.from_ical(text)).between(*span)])
END

cat > t2.py <<'END'
import datetime as d
from icalevents.icalevents import events       # apart: this import makes icalendar use pytz

utc = d.timezone.utc
found = events(string_content=open("shift.ics", newline="").read(), start=d.datetime(2027, 3, 1, tzinfo=utc), end=d.datetime(2027, 4, 30, tzinfo=utc))
print(f"{'icalevents':22}ends", *(x.end.astimezone(utc).strftime("%d %b %H:%MZ,") for x in sorted(found, key=lambda e: e.end)))
END

cat > t3.mjs <<'END'
import { readFileSync } from 'node:fs';
import ICAL from 'ical.js';
import nodeIcal from 'node-ical';
const text = readFileSync('shift.ics', 'utf8');
const show = (name, ends) => console.log(name.padEnd(21), 'ends', ends.map((at) => at.toISOString().slice(5, 16).replace('T', ' ') + 'Z').join(', '));
const event = new ICAL.Event(new ICAL.Component(ICAL.parse(text)).getFirstSubcomponent('vevent'));
const steps = event.iterator(), ends = [];
for (let at; (at = steps.next());) ends.push(event.getOccurrenceDetails(at).endDate.toJSDate());
show('ical.js', ends);
const own = Object.values(nodeIcal.sync.parseICS(text)).find((one) => one.type === 'VEVENT');
show('node-ical', nodeIcal.expandRecurringEvent(own, { from: new Date('2027-03-01'), to: new Date('2027-04-30') }).map((one) => one.end));
END

{ v/bin/python t1.py; v/bin/python t2.py; node t3.mjs; } > seen
cat seen
cat > want <<'END'
recurring-ical-events ends 21 Mar 06:00Z, 28 Mar 05:00Z, 04 Apr 05:00Z,
icalevents            ends 21 Mar 06:00Z, 28 Mar 05:00Z, 04 Apr 05:00Z,
ical.js               ends 03-21 06:00Z, 03-28 05:00Z, 04-04 05:00Z
node-ical             ends 03-21 06:00Z, 03-28 06:00Z, 04-04 05:00Z
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
