#!/usr/bin/env bash
# X-WR-TIMEZONE moves a series in UTC by an hour in one reader of four
# Guess: DTSTART:20271029T060000Z with FREQ=DAILY stays at 06:00Z, whatever X-WR-TIMEZONE says: a time with Z is in UTC (RFC 5545 3.3.5,
#   form 2), and that property, which no RFC has, is for times without a zone.
# Seen: recurring-ical-events 3.8.2 has 07:00Z from the day of Berlin's change on: it lets x-wr-timezone 2.0.1 turn the start into Berlin's
#   time before it expands the rule. icalevents 0.3.1, ical.js 2.2.1 and node-ical 0.27.2 stay at 06:00Z. Without the property all
#   four agree. Seen on 2026-11-30.
# So: the name of a calendar's zone, which Google puts into each export, decides when a job in UTC runs in winter.
# Source: RFC 5545 3.3.5; README of x-wr-timezone.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "recurring-ical-events==3.8.2" "icalendar==7.3.2" "icalevents==0.3.1" "tzdata==2026.6"
npm install --silent --no-audit --no-fund --prefix "$tmp" "ical.js@2.2.1" "node-ical@0.27.2" >/dev/null

sed 's/$/\r/' > with.ics <<'END'
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//EN
X-WR-TIMEZONE:Europe/Berlin
BEGIN:VEVENT
UID:daily
DTSTAMP:20261129T000000Z
SUMMARY:daily
DTSTART:20271029T060000Z
DURATION:PT1H
RRULE:FREQ=DAILY;COUNT=4
END:VEVENT
END:VCALENDAR
END

sed 's/$/\r/' > without.ics <<'END'
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//EN
BEGIN:VEVENT
UID:daily
DTSTAMP:20261129T000000Z
SUMMARY:daily
DTSTART:20271029T060000Z
DURATION:PT1H
RRULE:FREQ=DAILY;COUNT=4
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
        print(f"{name:22}", *(f"{event.start.astimezone(utc):%d.%m.-%H:%MZ}" for event in found))
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

const format = (at) => `${at.slice(8, 10)}.${at.slice(5, 7)}.-${at.slice(11, 16)}Z`;
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

{ v/bin/python t1.py with.ics without.ics; node t2.mjs with.ics without.ics; } | sed 's/ *$//' > seen
cat seen
cat > want <<'END'
with.ics
recurring-ical-events  29.10.-06:00Z 30.10.-06:00Z 31.10.-07:00Z 01.11.-07:00Z
icalevents             29.10.-06:00Z 30.10.-06:00Z 31.10.-06:00Z 01.11.-06:00Z
without.ics
recurring-ical-events  29.10.-06:00Z 30.10.-06:00Z 31.10.-06:00Z 01.11.-06:00Z
icalevents             29.10.-06:00Z 30.10.-06:00Z 31.10.-06:00Z 01.11.-06:00Z
with.ics
ical.js                29.10.-06:00Z 30.10.-06:00Z 31.10.-06:00Z 01.11.-06:00Z
node-ical              29.10.-06:00Z 30.10.-06:00Z 31.10.-06:00Z 01.11.-06:00Z
without.ics
ical.js                29.10.-06:00Z 30.10.-06:00Z 31.10.-06:00Z 01.11.-06:00Z
node-ical              29.10.-06:00Z 30.10.-06:00Z 31.10.-06:00Z 01.11.-06:00Z
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
