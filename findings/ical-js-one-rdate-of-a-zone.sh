#!/usr/bin/env bash
# ical.js takes one moment of an RDATE list in a VTIMEZONE: icalendar's own zones are winter time all year
# Guess: a file written by icalendar with add_missing_timezones() (VTIMEZONE with DTSTART and one RDATE line of up to 67 moments) is read
#   by ical.js at the right instants; it is plain RFC 5545, and icalendar and dateutil read it back well.
# Seen: ical.js 2.2.1 uses only the first value of each RDATE line, and none of DTSTART once there is an RDATE. So it
#   knows a change in 1971 and no later one: 09:00 in July 2027 in New York and Berlin is 14:00Z and 08:00Z, an hour late, and
#   so is every summer event. With an RRULE in the VTIMEZONE it is right. Writer: icalendar 7.3.2. Seen on 2026-11-29.
# So: a feed built with the best known Python library is an hour off from March to October in readers built on ical.js.
#   One RDATE line for each moment, that of DTSTART too, is read well by all of them.
# Source: lib/ical/timezone.js of ical.js, _expandComponent: rdate.getFirstValue().
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "icalendar==7.3.2" "tzdata==2026.6" "python-dateutil==2.9.0.post0"
npm install --silent --no-audit --no-fund --prefix "$tmp" "ical.js@2.2.1" >/dev/null

cat > t1.py <<'END'
import io
from datetime import datetime, timezone
from zoneinfo import ZoneInfo
from dateutil.tz import tzical
from icalendar import Calendar, Event

calendar = Calendar()
calendar.add("prodid", "-//example//EN")
calendar.add("version", "2.0")
for zone in ("America/New_York", "Europe/Berlin"):
    for month in (1, 7):
        event = Event()
        event.add("uid", f"{zone}-{month}")
        event.add("dtstamp", datetime(2026, 11, 29, tzinfo=timezone.utc))
        event.add("dtstart", datetime(2027, month, 15, 9, tzinfo=ZoneInfo(zone)))
        calendar.add_component(event)
calendar.add_missing_timezones()
text = calendar.to_ical().decode()
open("feed.ics", "w", newline="").write(text)
zones = tzical(io.StringIO(text))
for event in Calendar.from_ical(text).events:
    start = event.start
    other = start.replace(tzinfo=zones.get(start.tzinfo.key))
    print(f"{event['uid']:19} icalendar {start.astimezone(timezone.utc):%H:%MZ}  dateutil {other.astimezone(timezone.utc):%H:%MZ}")
END

cat > t2.mjs <<'END'
import { readFileSync } from 'node:fs';
import ICAL from 'ical.js';
const root = new ICAL.Component(ICAL.parse(readFileSync('feed.ics', 'utf8')));
for (const part of root.getAllSubcomponents('vevent')) {
  const event = new ICAL.Event(part);
  console.log(event.uid.padEnd(19), 'ical.js  ', event.startDate.toJSDate().toISOString().slice(11, 16) + 'Z');
}
END

{ v/bin/python t1.py; node t2.mjs; } > seen
cat seen
cat > want <<'END'
America/New_York-1  icalendar 14:00Z  dateutil 14:00Z
America/New_York-7  icalendar 13:00Z  dateutil 13:00Z
Europe/Berlin-1     icalendar 08:00Z  dateutil 08:00Z
Europe/Berlin-7     icalendar 07:00Z  dateutil 07:00Z
America/New_York-1  ical.js   14:00Z
America/New_York-7  ical.js   14:00Z
Europe/Berlin-1     ical.js   08:00Z
Europe/Berlin-7     ical.js   08:00Z
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
