#!/usr/bin/env bash
# 09:00 in July in Outlook's "(UTC-08:00) Pacific Time (US & Canada)", 16:00Z, is 17:00Z for node-ical and no instant for icalendar
# Guess: without a VTIMEZONE a reader knows the name as Windows' Pacific Standard Time (16:00Z in July), or refuses it.
# Seen: node-ical 0.27.2 takes the offset in the brackets all year for Pacific Time, 17:00Z, an hour late in summer; but Eastern
#   Time is America/New_York, 13:00Z, and Berlin's names are right, in German too. "America-Chicago" is the zone of the machine,
#   Tokyo here. icalendar 7.3.2 reads all of them as floating. No word from either. Seen on 2026-11-30.
# So: the offset that Windows shows is that of winter; use it to tell zones with equal names apart, never as the zone.
# Source: node-ical looks for places in the text, and falls back to the offset; the names are Windows' own.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "icalendar==7.3.2" "tzdata==2026.6"
npm install --silent --no-audit --no-fund --prefix "$tmp" "node-ical@0.27.2" >/dev/null

cat > t1.py <<'END'
from icalendar import Calendar

names = ["(UTC-08:00) Pacific Time (US & Canada)", "(UTC+01:00) Amsterdam, Berlin, Bern, Rom, Stockholm, Wien",
         "(UTC-05:00) Eastern Time (US & Canada)", "America-Chicago"]
for number, name in enumerate(names):
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//example//EN", "BEGIN:VEVENT", "UID:meeting", "DTSTAMP:20261129T000000Z",
             "SUMMARY:meeting", f'DTSTART;TZID="{name}":20270715T090000', "DURATION:PT1H", "END:VEVENT", "END:VCALENDAR", ""]
    text = "\r\n".join(lines)
    open(f"{number}.ics", "w", newline="").write(text)
    print("icalendar", Calendar.from_ical(text).events[0].start.isoformat(), name)
END
cat > t2.mjs <<'END'
import { readFileSync } from 'node:fs';
import nodeIcal from 'node-ical';
process.env.TZ = 'Asia/Tokyo';
for (const number of [0, 1, 2, 3]) {
  const event = Object.values(nodeIcal.sync.parseICS(readFileSync(`${number}.ics`, 'utf8'))).find((one) => one.type === 'VEVENT');
  console.log('node-ical', event.start.toISOString(), event.start.tz);
}
END

{ v/bin/python t1.py; node t2.mjs; } > seen
cat seen
cat > want <<'END'
icalendar 2027-07-15T09:00:00 (UTC-08:00) Pacific Time (US & Canada)
icalendar 2027-07-15T09:00:00 (UTC+01:00) Amsterdam, Berlin, Bern, Rom, Stockholm, Wien
icalendar 2027-07-15T09:00:00 (UTC-05:00) Eastern Time (US & Canada)
icalendar 2027-07-15T09:00:00 America-Chicago
node-ical 2027-07-15T17:00:00.000Z (UTC-08:00) Pacific Time (US & Canada)
node-ical 2027-07-15T07:00:00.000Z Europe/Berlin
node-ical 2027-07-15T13:00:00.000Z America/New_York
node-ical 2027-07-15T00:00:00.000Z America-Chicago
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
