#!/usr/bin/env bash
# A zone called GMT+05:30: three readers refuse the whole calendar, and the fourth leaves the event out without a word
# Guess: DTSTART;TZID=GMT+05:30:20270301T100000, as Google Calendar has written it, is read with its VTIMEZONE, or at least the event
#   beside it is.
# Seen: recurring-ical-events 3.8.2 and icalevents 0.3.1 (both on icalendar 7.3.2) raise BrokenCalendarProperty, ical.js 2.2.1 raises "Could not
#   extract integer", and the event beside it is lost as well; node-ical 0.27.2 has that one, and drops the other without a word.
#   With quotes around the name the three read both; node-ical splits inside of the quotes too. Seen on 2026-11-30.
# So: give a zone no name with a colon; when reading, a date has none, so the last one of the line begins it.
# Source: RFC 5545 3.1 (param-value), 3.2; libical issue 152.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "recurring-ical-events==3.8.2" "icalendar==7.3.2" "icalevents==0.3.1" "tzdata==2026.6"
npm install --silent --no-audit --no-fund --prefix "$tmp" "ical.js@2.2.1" "node-ical@0.27.2" >/dev/null

sed 's/$/\r/' > bare.ics <<'END'
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//EN
BEGIN:VTIMEZONE
TZID:GMT+05:30
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:+0530
TZOFFSETTO:+0530
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:odd
DTSTAMP:20261129T000000Z
SUMMARY:odd
DTSTART;TZID=GMT+05:30:20270301T100000
DURATION:PT1H
END:VEVENT
BEGIN:VEVENT
UID:beside
DTSTAMP:20261129T000000Z
SUMMARY:beside
DTSTART:20270302T100000Z
DURATION:PT1H
END:VEVENT
END:VCALENDAR
END

sed 's/$/\r/' > quoted.ics <<'END'
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//EN
BEGIN:VTIMEZONE
TZID:GMT+05:30
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:+0530
TZOFFSETTO:+0530
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:odd
DTSTAMP:20261129T000000Z
SUMMARY:odd
DTSTART;TZID="GMT+05:30":20270301T100000
DURATION:PT1H
END:VEVENT
BEGIN:VEVENT
UID:beside
DTSTAMP:20261129T000000Z
SUMMARY:beside
DTSTART:20270302T100000Z
DURATION:PT1H
END:VEVENT
END:VCALENDAR
END

cat > t1.py <<'END'
import datetime as d
import sys
import icalendar
from icalevents.icalevents import events
import recurring_ical_events

utc = d.timezone.utc
span = d.datetime(2027, 1, 1, tzinfo=utc), d.datetime(2028, 1, 1, tzinfo=utc)

def recurring():
    icalendar.use_zoneinfo()  # icalevents sets pytz
    calendars = icalendar.Calendar.from_ical(text, multiple=True)
    return [event for calendar in calendars for event in recurring_ical_events.of(calendar).between(*span)]

def show(name, read):
    try:
        found = sorted(read(), key=lambda event: event.start)
        print(f"{name:22}", *(event.get("SUMMARY") if hasattr(event, "get") else event.summary for event in found))
    except Exception as error:
        print(f"{name:22} {type(error).__name__}")

for path in sys.argv[1:]:
    text = open(path, newline="").read()
    print(path)
    show("recurring-ical-events", recurring)
    show("icalevents", lambda: events(string_content=text, start=span[0], end=span[1]))
END

cat > t2.mjs <<'END'
import { readFileSync } from 'node:fs';
import ICAL from 'ical.js';
import nodeIcal from 'node-ical';

const format = (at, title) => title;
const icalJs = (text) => new ICAL.Component(ICAL.parse(text)).getAllSubcomponents('vevent').flatMap((part) => {
  const event = new ICAL.Event(part), steps = event.iterator(), found = [];
  for (let at; (at = steps.next());) found.push([at.toJSDate(), event.summary]);
  return found;
});
const nodeOne = (text) => Object.values(nodeIcal.sync.parseICS(text)).filter((one) => one.type === 'VEVENT').flatMap((one) =>
  nodeIcal.expandRecurringEvent(one, { from: new Date('2027-01-01'), to: new Date('2027-12-31') }).map((each) => [each.start, one.summary]));

for (const path of process.argv.slice(2)) {
  const text = readFileSync(path, 'utf8');
  console.log(path);
  for (const [name, read] of [['ical.js', icalJs], ['node-ical', nodeOne]]) {
    let line;
    try {
      line = read(text).map(([at, title]) => format(at.toISOString(), title)).join(' ');
    } catch (error) {
      line = error.message;
    }
    console.log(`${name.padEnd(22)} ${line}`.trimEnd());
  }
}
END

{ v/bin/python t1.py bare.ics quoted.ics; node t2.mjs bare.ics quoted.ics; } | sed 's/ *$//' > seen
cat seen
cat > want <<'END'
bare.ics
recurring-ical-events  BrokenCalendarProperty
icalevents             BrokenCalendarProperty
quoted.ics
recurring-ical-events  odd beside
icalevents             odd beside
bare.ics
ical.js                Could not extract integer from "T1"
node-ical              beside
quoted.ics
ical.js                odd beside
node-ical              beside
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
