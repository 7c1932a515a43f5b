#!/usr/bin/env bash
# An hourly rule has 24 occurrences in a day of 25 hours, and the readers leave out different ones
# Guess: FREQ=HOURLY from 22:00 in Berlin on 30 October 2027 gives one occurrence each hour, also while 02:00 to 03:00 is repeated.
# Seen: recurring-ical-events 3.8.2, icalevents 0.3.1 and node-ical 0.27.2 leave out 01:00Z, the second 02:00; ical.js 2.2.1 leaves out 00:00Z,
#   the first one, and takes the second. All count wall time, of which a rule can name each hour but once, so two real hours
#   pass, and COUNT=7 ends an hour late. Nobody repeats the hour; nobody says so. Seen on 2026-11-30.
# So: "every hour" in a zone is no interval; where the hour between must not be missed, write the rule in UTC.
# Source: RFC 5545 3.3.10 says nothing of hours that occur twice, 3.3.5 lets a local time mean the first.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "recurring-ical-events==3.8.2" "icalendar==7.3.2" "icalevents==0.3.1" "tzdata==2026.6"
npm install --silent --no-audit --no-fund --prefix "$tmp" "ical.js@2.2.1" "node-ical@0.27.2" >/dev/null

sed 's/$/\r/' > hourly.ics <<'END'
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//EN
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
DTSTART:19701025T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VEVENT
UID:hourly
DTSTAMP:20261129T000000Z
SUMMARY:hourly
DTSTART;TZID=Europe/Berlin:20271030T220000
DURATION:PT5M
RRULE:FREQ=HOURLY;COUNT=7
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
        print(f"{name:22}", *(f"{event.start.astimezone(utc):%H:%MZ}" for event in found))
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

const format = (at) => at.slice(11, 16) + 'Z';
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

{ v/bin/python t1.py hourly.ics; node t2.mjs hourly.ics; } | sed 's/ *$//' > seen
cat seen
cat > want <<'END'
hourly.ics
recurring-ical-events  20:00Z 21:00Z 22:00Z 23:00Z 00:00Z 02:00Z 03:00Z
icalevents             20:00Z 21:00Z 22:00Z 23:00Z 00:00Z 02:00Z 03:00Z
hourly.ics
ical.js                20:00Z 21:00Z 22:00Z 23:00Z 01:00Z 02:00Z 03:00Z
node-ical              20:00Z 21:00Z 22:00Z 23:00Z 00:00Z 02:00Z 03:00Z
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
