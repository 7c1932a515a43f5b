#!/usr/bin/env bash
# jCal, the JSON of calendars: one event with WKST by ical.js costs icalendar the whole calendar, and so on
#
# Guess: RFC 7265 is twelve years old; two libraries that read and write it hand each other a calendar, and it comes out
#        as the same iCalendar text.
# Seen:  icalendar 7.3.2, ical.js 2.2.1, 2026-11-30. ical.js writes WKST as its own number for a day (1 is Sunday), and
#        BYDAY beside it in strings: for icalendar that is an error, and none of the events is read. Outlook and Google
#        write WKST. The other way the rule is right, and an attached file is not: icalendar leaves ENCODING out, as in
#        jCal it should be (a binary value is always Base64 there), and ical.js doesn't put it back, which makes a line
#        that RFC 5545 has no reading for. ical.js's own jCal keeps ENCODING in. So each of the two gets back what it
#        wrote itself, and tests of one alone show nothing.
# So:    a store in jCal between two programs works until the first weekly event of a calendar that starts on Sunday.
# Source: RFC 7265 (recur: numbers for integers, strings for the rest; binary), RFC 5545 3.1.3 (ENCODING is a must)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "icalendar==7.3.2" "tzdata==2026.6"
npm install --silent --no-audit --no-fund --prefix "$tmp" "ical.js@2.2.1" >/dev/null

cat > "$tmp/expected" <<'END'
the rule of ical.js:   "byday":["MO","SU"] "wkst":1
the rule of icalendar: "byday": ["MO", "SU"] "wkst": "SU"
ical.js to itself
  UID:a RRULE:FREQ=WEEKLY;BYDAY=MO,SU;WKST=SU ATTACH;ENCODING=BASE64;VALUE=BINARY:aGVsbG8= UID:b
icalendar to itself
  UID:a RRULE:FREQ=WEEKLY;BYDAY=MO,SU;WKST=SU ATTACH;ENCODING=BASE64;VALUE=BINARY:aGVsbG8= UID:b
ical.js to icalendar
  JCalParsingError: ["wkst"] in vWeekday: The value must be a string. Got value: 1
ical.js to icalendar, without WKST
  UID:a RRULE:FREQ=WEEKLY;BYDAY=MO,SU ATTACH;ENCODING=BASE64;VALUE=BINARY:aGVsbG8= UID:b
icalendar to ical.js
  UID:a RRULE:FREQ=WEEKLY;BYDAY=MO,SU;WKST=SU ATTACH;VALUE=BINARY:aGVsbG8= UID:b
END

cat > "$tmp/a.ics" <<'END'
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//example//EN
BEGIN:VEVENT
UID:a
DTSTAMP:20261130T000000Z
DTSTART:20270301T090000Z
RRULE:FREQ=WEEKLY;BYDAY=MO,SU;WKST=SU
ATTACH;ENCODING=BASE64;VALUE=BINARY:aGVsbG8=
END:VEVENT
BEGIN:VEVENT
UID:b
DTSTAMP:20261130T000000Z
DTSTART:20270302T090000Z
END:VEVENT
END:VCALENDAR
END
sed -i 's/$/\r/' "$tmp/a.ics"
sed 's/;WKST=SU//' "$tmp/a.ics" > "$tmp/b.ics"

cat > "$tmp/probe.mjs" <<'END'
import { readFileSync, writeFileSync } from 'node:fs';
import ICAL from 'ical.js';
const [what, from, to] = process.argv.slice(2);
const text = readFileSync(from, 'utf8');
const write = () => JSON.stringify(ICAL.parse(text));
const read = () => new ICAL.Component(JSON.parse(text)).toString();
writeFileSync(to, what === 'write' ? write() : read());
END

cat > "$tmp/probe.py" <<'END'
import json
import re
import sys
from pathlib import Path

from icalendar import Calendar

what, source, target = sys.argv[1:]
text = Path(source).read_bytes().decode()
if what == 'write':
    Path(target).write_text(json.dumps(Calendar.from_ical(text).to_jcal()))
else:
    try:
        Path(target).write_bytes(Calendar.from_jcal(text).to_ical())
    except ValueError as error:
        print(f'{type(error).__name__}:', re.sub(r'^(\[\d+\])+', '', str(error)))
END

cd "$tmp"
python="$tmp/venv/bin/python"
lines() { tr -d '\r' < "$1" | grep -E '^(UID|RRULE|ATTACH)' | xargs -d '\n' echo ' '; }
rule() { grep -oE '"byday": ?\[[^]]*\]|"wkst": ?[^,}]*' "$1" | sort | tr '\n' ' ' | sed 's/ $//'; }
{
  for name in a b; do
    node probe.mjs write $name.ics $name.js.json
    "$python" probe.py write $name.ics $name.py.json
  done
  echo "the rule of ical.js:   $(rule a.js.json)"
  echo "the rule of icalendar: $(rule a.py.json)"
  echo "ical.js to itself"
  node probe.mjs read a.js.json 1.ics
  lines 1.ics
  echo "icalendar to itself"
  "$python" probe.py read a.py.json 2.ics
  lines 2.ics
  echo "ical.js to icalendar"
  echo "  $("$python" probe.py read a.js.json 3.ics)"
  echo "ical.js to icalendar, without WKST"
  "$python" probe.py read b.js.json 4.ics
  lines 4.ics
  echo "icalendar to ical.js"
  node probe.mjs read a.py.json 5.ics
  lines 5.ics
} | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
