#!/usr/bin/env bash
# An event with RDATE and no RRULE: five readers, three different sets of days
# Guess: DTSTART plus the two RDATEs are three occurrences in each reader (RFC 5545 3.8.5.2 makes the set of DTSTART, RRULE, RDATE).
# Seen: recurring-ical-events 3.8.2 gives three. icalevents 0.3.1 and node-ical 0.27.2 give one, the first: without an RRULE they never
#   look at RDATE. ical.js 2.2.1 and vobject 0.9.9 give two, without DTSTART, the day for which the event was made.
#   None of them says a word. Seen on 2026-11-29.
# So: "these three dates", as calendars write irregular series, loses the first date in one tool and all the others in the next.
# Source: RFC 5545 3.8.5.2.
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
UID:three
DTSTAMP:20261129T000000Z
SUMMARY:three
DTSTART:20270301T090000Z
DURATION:PT1H
RDATE:20270303T090000Z,20270309T090000Z
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")
open("three.ics", "w", newline="").write(text)
utc = d.timezone.utc
span = d.datetime(2027, 2, 1, tzinfo=utc), d.datetime(2027, 4, 30, tzinfo=utc)
show = lambda name, found: print(f"{name:22}", *(f"{x:%d.%m.}" for x in sorted(found)))
show("recurring-ical-events", [e.start for e in recurring_ical_events.of(Calendar.from_ical(text)).between(*span)])
show("icalevents", [e.start for e in events(string_content=text, start=span[0], end=span[1])])
show("vobject", vobject.readOne(text).vevent.rruleset)
END

cat > t2.mjs <<'END'
import { readFileSync } from 'node:fs';
import ICAL from 'ical.js';
import nodeIcal from 'node-ical';
const text = readFileSync('three.ics', 'utf8');
const show = (name, found) => console.log(name.padEnd(22), found.map((at) => at.toISOString().slice(8, 10) + '.' + at.toISOString().slice(5, 7) + '.').join(' '));
const event = new ICAL.Event(new ICAL.Component(ICAL.parse(text)).getFirstSubcomponent('vevent'));
const steps = event.iterator(), found = [];
for (let at; (at = steps.next());) found.push(at.toJSDate());
show('ical.js', found);
const own = Object.values(nodeIcal.sync.parseICS(text)).find((one) => one.type === 'VEVENT');
show('node-ical', nodeIcal.expandRecurringEvent(own, { from: new Date('2027-02-01'), to: new Date('2027-04-30') }).map((one) => one.start));
END

{ v/bin/python t1.py; node t2.mjs; } > seen
cat seen
cat > want <<'END'
recurring-ical-events  01.03. 03.03. 09.03.
icalevents             01.03.
vobject                03.03. 09.03.
ical.js                03.03. 09.03.
node-ical              01.03.
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
