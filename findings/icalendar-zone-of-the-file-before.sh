#!/usr/bin/env bash
# icalendar reads a file in the time zone of the file before it, when both call their zone by the same name
# Guess: each file is read by its own VTIMEZONE; "Customized Time Zone", which Outlook writes for any zone without a name, is +01:00 in
#   the first file and -05:00 in the second, so 09:00 is 08:00Z and then 14:00Z.
# Seen: icalendar 7.3.2 keeps the first VTIMEZONE of each name for as long as the process lives: the second file is read six hours early
#   (08:00Z), and so is a file that has no VTIMEZONE at all, which is naive in a fresh process. The other order gives the other answer.
#   icalendar.use_zoneinfo() between two files forgets the zones. ical.js 2.2.1 reads each file by its own. Seen on 2026-11-30.
# So: a program that reads calendars of two people, or one file for weeks, has hours that depend on what it read before.
# Source: RFC 5545 3.2.19: TZID "specifies the text value that uniquely identifies the VTIMEZONE" in the iCalendar object.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "icalendar==7.3.2" "tzdata==2026.6"
npm install --silent --no-audit --no-fund --prefix "$tmp" "ical.js@2.2.1" >/dev/null

cat > t1.py <<'END'
import datetime as d
import icalendar

ZONE = """BEGIN:VTIMEZONE
TZID:Customized Time Zone
BEGIN:STANDARD
DTSTART:16010101T000000
TZOFFSETFROM:{0}
TZOFFSETTO:{0}
END:STANDARD
END:VTIMEZONE
"""
FILE = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//EN
{}BEGIN:VEVENT
UID:one
DTSTAMP:20261129T000000Z
SUMMARY:one
DTSTART;TZID=Customized Time Zone:20270301T090000
END:VEVENT
END:VCALENDAR
"""
files = {name: FILE.format(zone).replace("\n", "\r\n") for name, zone in
         (("east", ZONE.format("+0100")), ("west", ZONE.format("-0500")), ("none", ""))}
for name, text in files.items():
    open(name + ".ics", "w", newline="").write(text)

def show(name):
    start = icalendar.Calendar.from_ical(files[name]).events[0].start
    return name, f"{start.astimezone(d.timezone.utc):%H:%MZ}" if start.tzinfo else "naive"

for order in (["none", "east", "west", "none"], ["west", "east", "none"]):
    icalendar.use_zoneinfo()
    print("icalendar, in this order:", *(f"{name} {at}" for name, at in map(show, order)))
END

cat > t2.mjs <<'END'
import { readFileSync } from 'node:fs';
import ICAL from 'ical.js';
const show = (name) => {
  const event = new ICAL.Component(ICAL.parse(readFileSync(name + '.ics', 'utf8'))).getFirstSubcomponent('vevent');
  return name + ' ' + event.getFirstPropertyValue('dtstart').convertToZone(ICAL.Timezone.utcTimezone).toString().slice(11, 16) + 'Z';
};
console.log('ical.js, in this order:', ['east', 'west'].map(show).join(' '));
END

{ v/bin/python t1.py; node t2.mjs; } > seen
cat seen
cat > want <<'END'
icalendar, in this order: none naive east 08:00Z west 08:00Z none 08:00Z
icalendar, in this order: west 14:00Z east 14:00Z none 14:00Z
ical.js, in this order: east 08:00Z west 14:00Z
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
