#!/usr/bin/env bash
# No reader tells P1D from PT24H when the clock changes, and they err in opposite directions
# Guess: RFC 5545 3.3.6 keeps them apart, P1D is the same hour tomorrow, PT24H is 24 hours: from 12:00 on the day before Berlin's
#   change, P1D ends at 12:00 (10:00Z), PT24H at 13:00 (11:00Z); the readers obey.
# Seen: icalendar 7.3.2, recurring-ical-events 3.8.2, ics.py 0.7.3 and ical.js 2.2.1 end both at 12:00 (PT24H is wrong, 23 hours);
#   icalevents 0.3.1 and node-ical 0.27.2 end both after 24 hours (P1D is wrong). A timedelta has but one kind of day, and
#   ical.js adds 24 hours to the fields of the wall time. Seen on 2026-11-29.
# So: an event of a day that one program writes ends an hour earlier or later in the next one, twice a year.
# Source: RFC 5545 3.3.6, "The duration of a week or a day depends on its position in the calendar".
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "recurring-ical-events==3.8.2" "icalendar==7.3.2" "icalevents==0.3.1" "ics==0.7.3" "tzdata==2026.6"
npm install --silent --no-audit --no-fund --prefix "$tmp" "ical.js@2.2.1" "node-ical@0.27.2" >/dev/null

cat > t1.py <<'END'
import datetime as d
from icalendar import Calendar
import ics
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
UID:day
DTSTAMP:20261129T000000Z
SUMMARY:day
DTSTART;TZID=Europe/Berlin:20270327T120000
"""
utc = d.timezone.utc
span = d.datetime(2027, 3, 26, tzinfo=utc), d.datetime(2027, 3, 30, tzinfo=utc)
for length in ("P1D", "PT24H"):
    text = (HEAD + f"DURATION:{length}\nEND:VEVENT\nEND:VCALENDAR\n").replace("\n", "\r\n")
    open(length + ".ics", "w", newline="").write(text)
    calendar = Calendar.from_ical(text)
    for name, end in (
        ("icalendar event.end", calendar.events[0].end),
        ("recurring-ical-events", recurring_ical_events.of(calendar).between(*span)[0].end),
        ("ics.py", list(ics.Calendar(text).events)[0].end.datetime),
    ):
        print(f"{length:6}{name:22}{end.astimezone(utc):%d %H:%MZ}")
END

cat > t2.py <<'END'
import datetime as d
from icalevents.icalevents import events       # apart: this import makes icalendar use pytz

utc = d.timezone.utc
for length in ("P1D", "PT24H"):
    text = open(length + ".ics", newline="").read()
    end = events(string_content=text, start=d.datetime(2027, 3, 26, tzinfo=utc), end=d.datetime(2027, 3, 30, tzinfo=utc))[0].end
    print(f"{length:6}{'icalevents':22}{end.astimezone(utc):%d %H:%MZ}")
END

cat > t3.mjs <<'END'
import { readFileSync } from 'node:fs';
import ICAL from 'ical.js';
import nodeIcal from 'node-ical';
const show = (length, name, at) => console.log(length.padEnd(5), name.padEnd(21), at.toISOString().slice(8, 16).replace('T', ' ') + 'Z');
for (const length of ['P1D', 'PT24H']) {
  const text = readFileSync(length + '.ics', 'utf8');
  show(length, 'ical.js', new ICAL.Event(new ICAL.Component(ICAL.parse(text)).getFirstSubcomponent('vevent')).endDate.toJSDate());
  show(length, 'node-ical', Object.values(nodeIcal.sync.parseICS(text)).find((one) => one.type === 'VEVENT').end);
}
END

{ v/bin/python t1.py; v/bin/python t2.py; node t3.mjs; } > seen
cat seen
cat > want <<'END'
P1D   icalendar event.end   28 10:00Z
P1D   recurring-ical-events 28 10:00Z
P1D   ics.py                28 10:00Z
PT24H icalendar event.end   28 10:00Z
PT24H recurring-ical-events 28 10:00Z
PT24H ics.py                28 10:00Z
P1D   icalevents            28 11:00Z
PT24H icalevents            28 11:00Z
P1D   ical.js               28 10:00Z
P1D   node-ical             28 11:00Z
PT24H ical.js               28 10:00Z
PT24H node-ical             28 11:00Z
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
