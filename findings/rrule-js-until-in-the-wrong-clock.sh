#!/usr/bin/env bash
# rrule.js: the last day of a series is missing east of Greenwich, and there is one too many west of it
# Guess: DTSTART;TZID=Europe/Berlin 16:00, daily, UNTIL=20270106T150000Z is 4, 5 and 6 January in each library: 15:00Z is 16:00 there, and
#   RFC 5545 wants UNTIL in UTC; it is what every calendar program writes.
# Seen: rrule.js 2.8.1 ends on the 5th: it counts in wall time and compares that with the UTC of UNTIL as if both were one clock. For 20:00 in New York
#   with UNTIL an hour after the last occurrence it gives a day too many, since 02:00Z on the 7th is "later" than 20:00 on the 6th.
#   dateutil 2.9.0.post0 and rrule-temporal 2.2.8 give the right three. Seen on 2026-11-30.
# So: an end that is exact for others cuts or adds one occurrence there; UNTIL must lie after the last and before the next by both clocks.
# Source: RFC 5545 3.3.10, UNTIL; README of rrule.js, "Important: Use UTC dates".
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "python-dateutil==2.9.0.post0" "tzdata==2026.6"
npm install --silent --no-audit --no-fund --prefix "$tmp" "rrule@2.8.1" "rrule-temporal@2.2.8" >/dev/null

cat > rules <<'END'
DTSTART;TZID=Europe/Berlin:20270104T160000 RRULE:FREQ=DAILY;UNTIL=20270106T150000Z
DTSTART;TZID=America/New_York:20270104T200000 RRULE:FREQ=DAILY;UNTIL=20270107T210000Z
END
cat > t1.py <<'END'
from zoneinfo import ZoneInfo
from dateutil.rrule import rrulestr

for line in open("rules"):
    found = rrulestr(line.strip().replace(" ", "\n"), tzids=ZoneInfo)
    print("dateutil      ", *(f"{at:%d}" for at in found))
END
cat > t2.mjs <<'END'
import { readFileSync } from 'node:fs';
import rrule from 'rrule';
import { RRuleTemporal } from 'rrule-temporal';
for (const line of readFileSync('rules', 'utf8').trim().split('\n')) {
  const text = line.replace(' ', '\n');
  console.log('rrule.js      ', rrule.rrulestr(text).all().length);
  console.log('rrule-temporal', new RRuleTemporal({ rruleString: text }).all().map((at) => at.toString().slice(8, 10)).join(' '));
}
END

{ v/bin/python t1.py; node t2.mjs; } > seen
cat seen
cat > want <<'END'
dateutil       04 05 06
dateutil       04 05 06
rrule.js       2
rrule-temporal 04 05 06
rrule.js       4
rrule-temporal 04 05 06
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
