#!/usr/bin/env bash
# RDATE;VALUE=PERIOD: one reader of five gives the longer meeting, three drop it, one stops with an error
# Guess: RDATE;VALUE=PERIOD (in RFC 5545 since 1998's RFC 2445) adds an occurrence with a length of its own: 3 hours instead of 1.
# Seen: recurring-ical-events 3.8.2 does. icalevents 0.3.1, node-ical 0.27.2 and vobject 0.9.9 leave it out silently, even beside an RRULE;
#   ical.js 2.2.1 parses the file, then iterating the event raises "compare is not a function", which costs the whole series.
#   Seen on 2026-11-29.
# So: a writer that uses PERIOD for one long session has it in one reader of five; better write a RECURRENCE-ID component.
# Source: RFC 5545 3.8.5.2, third example.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "recurring-ical-events==3.8.2" "icalendar==7.3.2" "icalevents==0.3.1" "vobject==0.9.9" "tzdata==2026.6"
npm install --silent --no-audit --no-fund --prefix "$tmp" "ical.js@2.2.1" "node-ical@0.27.2" >/dev/null

cat > t1.py <<'END'
import datetime as d
from icalendar import Calendar
from icalevents.icalevents import events
import recurring_ical_events
import vobject

text = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//EN
BEGIN:VEVENT
UID:long
DTSTAMP:20261129T000000Z
SUMMARY:long
DTSTART:20270301T090000Z
DURATION:PT1H
RRULE:FREQ=WEEKLY;COUNT=2
RDATE;VALUE=PERIOD:20270303T090000Z/PT3H
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")
open("long.ics", "w", newline="").write(text)
utc = d.timezone.utc
span = d.datetime(2027, 2, 1, tzinfo=utc), d.datetime(2027, 4, 30, tzinfo=utc)
show = lambda name, found: print(f"{name:22}", *sorted(found))
length = lambda e: f"{e.start:%d.%m.}+{(e.end - e.start).seconds // 3600}h"
show("recurring-ical-events", map(length, recurring_ical_events.of(Calendar.from_ical(text)).between(*span)))
show("icalevents", map(length, events(string_content=text, start=span[0], end=span[1])))
show("vobject", (f"{x:%d.%m.}" for x in vobject.readOne(text).vevent.rruleset))
END

cat > t2.mjs <<'END'
import { readFileSync } from 'node:fs';
import ICAL from 'ical.js';
import nodeIcal from 'node-ical';
const text = readFileSync('long.ics', 'utf8');
const day = (at) => at.toISOString().slice(8, 10) + '.' + at.toISOString().slice(5, 7) + '.';
const own = Object.values(nodeIcal.sync.parseICS(text)).find((one) => one.type === 'VEVENT');
console.log('node-ical'.padEnd(22), nodeIcal.expandRecurringEvent(own, { from: new Date('2027-02-01'), to: new Date('2027-04-30') })
  .map((one) => `${day(one.start)}+${(one.end - one.start) / 3600000}h`).join(' '));
try {
  const event = new ICAL.Event(new ICAL.Component(ICAL.parse(text)).getFirstSubcomponent('vevent'));
  const steps = event.iterator(), found = [];
  for (let at; (at = steps.next());) found.push(day(at.toJSDate()));
  console.log('ical.js'.padEnd(22), found.join(' '));
} catch (error) {
  console.log('ical.js'.padEnd(22), error.name);
}
END

{ v/bin/python t1.py; node t2.mjs; } > seen
cat seen
cat > want <<'END'
recurring-ical-events  01.03.+1h 03.03.+3h 08.03.+1h
icalevents             01.03.+1h 08.03.+1h
vobject                01.03. 08.03.
node-ical              01.03.+1h 08.03.+1h
ical.js                TypeError
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
