#!/usr/bin/env bash
# icalendar writes an aware UNTIL without its zone: dateutil refuses the rule, another reader loses the last day
# Guess: add("rrule", {"until": an aware datetime}) writes UNTIL in UTC ("...Z"), the only form RFC 5545 has beside a zoned DTSTART.
# Seen: icalendar 7.3.2 writes 03:00 in New York as "UNTIL=20270305T030000": the zone is dropped, the wall time stays. Beside a DTSTART in
#   Berlin (09:00, the same instant as the last occurrence) recurring-ical-events 3.8.2 ends on the 4th instead of the 5th, and
#   dateutil 2.9.0 raises ValueError for icalendar's own text. Only UTC datetimes are written as such. Seen on 2026-11-29.
# So: "until" from a form in the reader's own zone cuts the series short or makes it unreadable; convert to UTC before adding.
# Source: RFC 5545 3.3.10, UNTIL "MUST be specified as a date with UTC time".
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "icalendar==7.3.2" "recurring-ical-events==3.8.2" "python-dateutil==2.9.0.post0" "tzdata==2026.6"

cat > t1.py <<'END'
import datetime as d
from zoneinfo import ZoneInfo
from dateutil.rrule import rrulestr
from icalendar import Calendar, Event
import recurring_ical_events

berlin, york = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
last = d.datetime(2027, 3, 5, 9, tzinfo=berlin)
for until in (last.astimezone(york), last, last.astimezone(d.timezone.utc)):
    event, calendar = Event(), Calendar()
    event.add("uid", "x")
    event.add("dtstamp", d.datetime(2026, 11, 29, tzinfo=d.timezone.utc))
    event.add("dtstart", d.datetime(2027, 3, 2, 9, tzinfo=berlin))
    event.add("rrule", {"freq": "daily", "until": until})
    calendar.add_component(event)
    rule = event["rrule"].to_ical().decode()
    print(until.tzinfo, rule)
    found = recurring_ical_events.of(Calendar.from_ical(calendar.to_ical())).between((2027, 3, 1), (2027, 3, 9))
    print("  recurring-ical-events", *(f"{e.start:%d}" for e in found))
    try:
        print("  dateutil             ", *(f"{x:%d}" for x in rrulestr(rule, dtstart=event.start)))
    except ValueError as error:
        print("  dateutil              ValueError:", error)
END

v/bin/python t1.py > seen
cat seen
cat > want <<'END'
America/New_York FREQ=DAILY;UNTIL=20270305T030000
  recurring-ical-events 02 03 04
  dateutil              ValueError: RRULE UNTIL values must be specified in UTC when DTSTART is timezone-aware
Europe/Berlin FREQ=DAILY;UNTIL=20270305T090000
  recurring-ical-events 02 03 04 05
  dateutil              ValueError: RRULE UNTIL values must be specified in UTC when DTSTART is timezone-aware
UTC FREQ=DAILY;UNTIL=20270305T080000Z
  recurring-ical-events 02 03 04 05
  dateutil              02 03 04 05
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
