#!/usr/bin/env bash
# Windows' zone names of 2026 for Canada: one table knows them, three readers make three different hours of them
# Guess: "British Columbia Standard Time" is America/Vancouver for each library with a table of Windows zones released in autumn 2026,
#   or an error; and Vancouver's Windows name is no longer "Pacific Standard Time" anywhere.
# Seen: tzlocal 5.4.5 knows British Columbia, Alberta and Manitoba Standard Time. icalendar 7.3.2 reads such a DTSTART (no VTIMEZONE) as
#   a floating time, icalevents 0.3.1 as UTC, node-ical 0.27.2 as the machine's own zone (Tokyo in this run): 09:00
#   becomes 09:00Z, 00:00Z or whatever, never 16:00Z, without a word. windows-iana 5.1.0 still writes Vancouver as
#   "Pacific Standard Time", which reads back as Los Angeles, an hour off from November 2026. Seen on 2026-11-29.
# So: invitations from Outlook on an updated Windows land at a wrong hour; treat an unknown TZID as an error.
# Source: CLDR windowsZones, from which tzlocal's table is made.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "icalendar==7.3.2" "icalevents==0.3.1" "tzlocal==5.4.5" "tzdata==2026.6"
npm install --silent --no-audit --no-fund --prefix "$tmp" "node-ical@0.27.2" "windows-iana@5.1.0" >/dev/null

cat > t1.py <<'END'
import datetime as d
from icalendar import Calendar
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON
from icalevents.icalevents import events
from tzlocal.windows_tz import win_tz

print("tzlocal knows, icalendar not:", {name: zone for name, zone in sorted(win_tz.items()) if name not in WINDOWS_TO_OLSON})
text = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//EN
BEGIN:VEVENT
UID:meeting
DTSTAMP:20261129T000000Z
SUMMARY:meeting
DTSTART;TZID=British Columbia Standard Time:20270115T090000
DURATION:PT1H
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")
open("meeting.ics", "w", newline="").write(text)
utc = d.timezone.utc
print("icalendar  ", Calendar.from_ical(text).events[0].start.isoformat())
print("icalevents ", events(string_content=text, start=d.datetime(2027, 1, 1, tzinfo=utc), end=d.datetime(2027, 2, 1, tzinfo=utc))[0].start.isoformat())
END

cat > t2.mjs <<'END'
import { readFileSync } from 'node:fs';
import nodeIcal from 'node-ical';
import { findIana, findWindows } from 'windows-iana';
process.env.TZ = 'Asia/Tokyo';
console.log('node-ical  ', Object.values(nodeIcal.sync.parseICS(readFileSync('meeting.ics', 'utf8'))).find((one) => one.type === 'VEVENT').start.toISOString());
const name = findWindows('America/Vancouver')[0];
console.log('windows-iana', name, '->', findIana(name)[0], '| British Columbia:', String(findIana('British Columbia Standard Time')));
END

{ v/bin/python t1.py; node t2.mjs; } > seen
cat seen
cat > want <<'END'
tzlocal knows, icalendar not: {'Alberta Standard Time': 'America/Edmonton', 'British Columbia Standard Time': 'America/Vancouver', 'Manitoba Standard Time': 'America/Winnipeg'}
icalendar   2027-01-15T09:00:00
icalevents  2027-01-15T09:00:00+00:00
node-ical   2027-01-15T00:00:00.000Z
windows-iana Pacific Standard Time -> America/Los_Angeles | British Columbia: 
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
