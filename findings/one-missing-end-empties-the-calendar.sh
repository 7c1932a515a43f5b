#!/usr/bin/env bash
# One lost line END:VEVENT of many: an empty calendar without an error in one reader, the last event alone in another
# Guess: with the END of the second of three events missing, a reader has the first and the third, or stops with an error.
# Seen: recurring-ical-events 3.8.2 has none and says nothing: with multiple=True icalendar 7.3.2 returns an empty list for what is not closed.
#   node-ical 0.27.2 has the third only, and for a file that breaks off in the third event nothing, not even the two that are whole.
#   icalevents 0.3.1 and ical.js 2.2.1 refuse the file with an error. Seen on 2026-11-30.
# So: a download that was cut looks like a calendar from which all events were deleted; compare the last line before believing it.
# Source: RFC 5545 3.4, 3.6.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "recurring-ical-events==3.8.2" "icalendar==7.3.2" "icalevents==0.3.1" "tzdata==2026.6"
npm install --silent --no-audit --no-fund --prefix "$tmp" "ical.js@2.2.1" "node-ical@0.27.2" >/dev/null

sed 's/$/\r/' > torn.ics <<'END'
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//EN
BEGIN:VEVENT
UID:a
DTSTAMP:20261129T000000Z
SUMMARY:first
DTSTART:20270301T100000Z
END:VEVENT
BEGIN:VEVENT
UID:b
DTSTAMP:20261129T000000Z
SUMMARY:second
DTSTART:20270302T100000Z
BEGIN:VEVENT
UID:c
DTSTAMP:20261129T000000Z
SUMMARY:third
DTSTART:20270303T100000Z
END:VEVENT
END:VCALENDAR
END

sed 's/$/\r/' > cut.ics <<'END'
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//EN
BEGIN:VEVENT
UID:a
DTSTAMP:20261129T000000Z
SUMMARY:first
DTSTART:20270301T100000Z
END:VEVENT
BEGIN:VEVENT
UID:b
DTSTAMP:20261129T000000Z
SUMMARY:second
DTSTART:20270302T100000Z
END:VEVENT
BEGIN:VEVENT
UID:c
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

{ v/bin/python t1.py torn.ics cut.ics; node t2.mjs torn.ics cut.ics; } | sed 's/ *$//' > seen
cat seen
cat > want <<'END'
torn.ics
recurring-ical-events
icalevents             ValueError
cut.ics
recurring-ical-events
icalevents             ValueError
torn.ics
ical.js                invalid ical body. component began but did not end
node-ical              third
cut.ics
ical.js                invalid ical body. component began but did not end
node-ical
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
