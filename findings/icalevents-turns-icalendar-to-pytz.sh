#!/usr/bin/env bash
# "import icalevents" makes icalendar return pytz zones everywhere in the process, and dates move by an hour
# Guess: importing a reader of calendars beside icalendar changes nothing in what Calendar.from_ical() of the same process returns.
# Seen: icalevents 0.3.1 calls icalendar.use_pytz() while it is imported. From then on all datetimes of icalendar 7.3.2 carry pytz zones:
#   27 March 12:00 + 60 days in Berlin stays at +01:00 (13:00 on the wall) where it was 12:00+02:00, the end of an event
#   with DURATION over the change moves by an hour, and Timezone.from_tzid() writes another onset (autumn at 02:00 instead
#   of 03:00). Other libraries in the same program are hit too: recurring-ical-events. Seen on 2026-11-29.
# So: an optional import, even of a plug-in, changes when events end; the order of imports decides.
# Source: icalevents/icalparser.py, use_pytz() at module level.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "icalevents==0.3.1" "icalendar==7.3.2" "tzdata==2026.6"

cat > t1.py <<'END'
import subprocess, sys

CODE = '''
import datetime as d, sys
import icalendar
if sys.argv[1]:
    __import__(sys.argv[1])
lines = ["BEGIN:VEVENT", "DTSTART;TZID=Europe/Berlin:20270327T120000", "DURATION:P1D", "END:VEVENT", ""]
event = icalendar.Event.from_ical("\\r\\n".join(lines))
print("  zone", type(event.start.tzinfo).__module__.split(".")[0])
print("  60 days on:", (event.start + d.timedelta(days=60)).isoformat())
print("  event.end :", event.end.astimezone(d.timezone.utc).isoformat())
print("  autumn starts:", icalendar.Timezone.from_tzid("Europe/Berlin").subcomponents[2].DTSTART.time())
'''
for module in ("", "icalevents.icalevents"):
    print("icalendar alone" if not module else "after import " + module, flush=True)
    subprocess.run([sys.executable, "-c", CODE, module], check=True)
END

v/bin/python t1.py > seen
cat seen
cat > want <<'END'
icalendar alone
  zone zoneinfo
  60 days on: 2027-05-26T12:00:00+02:00
  event.end : 2027-03-28T10:00:00+00:00
  autumn starts: 03:00:00
after import icalevents.icalevents
  zone pytz
  60 days on: 2027-05-26T12:00:00+01:00
  event.end : 2027-03-28T11:00:00+00:00
  autumn starts: 02:00:00
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
