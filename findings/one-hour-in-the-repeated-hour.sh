#!/usr/bin/env bash
# A one-hour event at 02:30 of the night with two 02:30s: three readers take the second one, the fourth makes it two hours
# Guess: DURATION:PT1H from 02:30 in Berlin on 31 October 2027 is 00:30Z to 01:30Z: the first 02:30 (RFC 5545 3.3.5) and 60 minutes (3.3.6).
# Seen: no reader says so. icalevents 0.3.1, node-ical 0.27.2 and ical.js 2.2.1 start at the second 02:30 (01:30Z to 02:30Z);
#   recurring-ical-events 3.8.2 starts at the first and ends at 02:30Z, two hours on, and in spring, where 02:30 does not exist, its
#   event has a length of zero (01:30Z to 01:30Z); ical.js has it an hour early then (00:30Z). Seen on 2026-11-29.
# So: starts, lengths taken as end - start, and "is it over yet" are off by an hour; store instants beside wall times.
# Source: RFC 5545 3.3.5, "occurs more than once ... refers to the first occurrence".
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

HEAD = """BEGIN:VCALENDAR
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
UID:hour
DTSTAMP:20261129T000000Z
SUMMARY:hour
DURATION:PT1H
"""
utc = d.timezone.utc
for name, day in (("autumn", "20271031"), ("spring", "20270328")):
    text = (HEAD + f"DTSTART;TZID=Europe/Berlin:{day}T023000\nEND:VEVENT\nEND:VCALENDAR\n").replace("\n", "\r\n")
    open(name + ".ics", "w", newline="").write(text)
    event = recurring_ical_events.of(Calendar.from_ical(text)).between((2027, 1, 1), (2027, 12, 31))[0]
    print(f"{name} {'recurring-ical-events':22}{event.start.astimezone(utc):%H:%MZ} - {event.end.astimezone(utc):%H:%MZ}")
END

cat > t2.py <<'END'
import datetime as d
from icalevents.icalevents import events       # apart: this import makes icalendar use pytz

utc = d.timezone.utc
for name in ("autumn", "spring"):
    event = events(string_content=open(name + ".ics", newline="").read(), start=d.datetime(2027, 1, 1, tzinfo=utc), end=d.datetime(2027, 12, 31, tzinfo=utc))[0]
    print(f"{name} {'icalevents':22}{event.start.astimezone(utc):%H:%MZ} - {event.end.astimezone(utc):%H:%MZ}")
END

cat > t3.mjs <<'END'
import { readFileSync } from 'node:fs';
import ICAL from 'ical.js';
import nodeIcal from 'node-ical';
const hour = (at) => at.toISOString().slice(11, 16) + 'Z';
for (const name of ['autumn', 'spring']) {
  const text = readFileSync(name + '.ics', 'utf8');
  const root = new ICAL.Component(ICAL.parse(text)), event = new ICAL.Event(root.getFirstSubcomponent('vevent'));
  console.log(name, 'ical.js'.padEnd(21), hour(event.startDate.toJSDate()), '-', hour(event.endDate.toJSDate()));
  const own = Object.values(nodeIcal.sync.parseICS(text)).find((one) => one.type === 'VEVENT');
  console.log(name, 'node-ical'.padEnd(21), hour(own.start), '-', hour(own.end));
}
END

{ v/bin/python t1.py; v/bin/python t2.py; node t3.mjs; } > seen
cat seen
cat > want <<'END'
autumn recurring-ical-events 00:30Z - 02:30Z
spring recurring-ical-events 01:30Z - 01:30Z
autumn icalevents            01:30Z - 02:30Z
spring icalevents            01:30Z - 02:30Z
autumn ical.js               01:30Z - 02:30Z
autumn node-ical             01:30Z - 02:30Z
spring ical.js               00:30Z - 01:30Z
spring node-ical             01:30Z - 02:30Z
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
