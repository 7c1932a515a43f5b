#!/usr/bin/env bash
# Move the 09:00 in Berlin, and the 11:00 is gone too: recurring-ical-events takes one RECURRENCE-ID for two moments
# Guess: of a series at 09:00 and 11:00 each day, moving Monday's 09:00 to 20:00 leaves 11:00 and 20:00 on Monday.
# Seen: recurring-ical-events 3.8.2 shows 20:00 only. 11:00 in Berlin is 09:00 UTC in summer, and a RECURRENCE-ID of 09:00 with a TZID is
#   compared with the UTC time of occurrences, too. In winter it is the 10:00 that is lost, and 11:00 stays. Seen on 2026-11-30.
# So: with several times a day, moving one occurrence can hide another, by the distance of the zone from UTC, and by season.
# Source: RFC 5545 3.8.4.4: the value is that of the original DTSTART, in its zone.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "recurring-ical-events==3.8.2" "icalendar==7.3.2" "python-dateutil==2.9.0.post0" "tzdata==2026.6"

cat > t1.py <<'END'
import datetime as d
from icalendar import Calendar
import recurring_ical_events

TEXT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//EN
BEGIN:VEVENT
UID:a
DTSTAMP:20261130T000000Z
DTSTART;TZID=Europe/Berlin:2027{day}T090000
RRULE:FREQ=DAILY;COUNT=4;BYHOUR=9,{other}
END:VEVENT
BEGIN:VEVENT
UID:a
DTSTAMP:20261130T000000Z
RECURRENCE-ID;TZID=Europe/Berlin:2027{day}T090000
DTSTART;TZID=Europe/Berlin:2027{day}T200000
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")
utc = d.timezone.utc
span = d.datetime(2027, 1, 1, tzinfo=utc), d.datetime(2028, 1, 1, tzinfo=utc)
for season, day in (("summer", "0906"), ("winter", "1206")):
    for other in (10, 11):
        calendar = Calendar.from_ical(TEXT.format(day=day, other=other))
        found = sorted(event.start for event in recurring_ical_events.of(calendar).between(*span))
        print(f"{season}, 9 and {other}:", *(f"{at:%d.%H}" for at in found))
END

v/bin/python t1.py > seen
cat seen
cat > want <<'END'
summer, 9 and 10: 06.10 06.20 07.09 07.10
summer, 9 and 11: 06.20 07.09 07.11
winter, 9 and 10: 06.20 07.09 07.10
winter, 9 and 11: 06.11 06.20 07.09 07.11
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
