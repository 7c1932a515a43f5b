#!/usr/bin/env bash
# icalendar writes a list of EXDATEs from two zones under the zone of the last one, with wall times unchanged
# Guess: event.add("exdate", [09:00 in Berlin, 03:00 in New York]) makes two lines, or UTC moments, or an error; the instants stay.
# Seen: icalendar 7.3.2 writes one line "EXDATE;TZID=America/New_York:20270302T090000,20270303T030000": the first moment is now 6 hours
#   later, so for node-ical 0.27.2 it excludes nothing and 2 March comes. recurring-ical-events 3.8.2 hides the fault: it also
#   compares EXDATEs by wall time alone, whatever their zone. Added one by one, both readers agree. RDATE is written the same
#   way. Seen on 2026-11-29.
# So: exceptions that come from people in two places (or from a UTC store and a form) have to be added one by one.
# Source: RFC 5545 3.2.19: one TZID for the whole property.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "icalendar==7.3.2" "recurring-ical-events==3.8.2" "tzdata==2026.6"
npm install --silent --no-audit --no-fund --prefix "$tmp" "node-ical@0.27.2" >/dev/null

cat > t1.py <<'END'
import datetime as d
from zoneinfo import ZoneInfo
from icalendar import Calendar, Event
import recurring_ical_events

berlin, york = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
skips = [d.datetime(2027, 3, 2, 9, tzinfo=berlin), d.datetime(2027, 3, 3, 3, tzinfo=york)]   # both are 09:00 in Berlin
for name, parts in (("one", [skips]), ("two", [[one] for one in skips])):
    event, calendar = Event(), Calendar()
    event.add("uid", "x")
    event.add("dtstamp", d.datetime(2026, 11, 29, tzinfo=d.timezone.utc))
    event.add("dtstart", d.datetime(2027, 3, 1, 9, tzinfo=berlin))
    event.add("rrule", {"freq": "daily", "count": 4})
    for part in parts:
        event.add("exdate", part)
    calendar.add_component(event)
    text = calendar.to_ical()
    open(name + ".ics", "wb").write(text)
    print(*(line for line in text.decode().split("\r\n") if line.startswith("EXDATE")), sep="\n")
    print("  recurring-ical-events", *(f"{e.start:%d}" for e in recurring_ical_events.of(Calendar.from_ical(text)).between((2027, 3, 1), (2027, 3, 9))))
END

cat > t2.mjs <<'END'
import { readFileSync } from 'node:fs';
import nodeIcal from 'node-ical';
for (const name of ['one', 'two']) {
  const own = Object.values(nodeIcal.sync.parseICS(readFileSync(name + '.ics', 'utf8'))).find((one) => one.type === 'VEVENT');
  console.log(`node-ical, ${name} line(s):`, nodeIcal.expandRecurringEvent(own, { from: new Date('2027-03-01'), to: new Date('2027-03-09') })
    .map((one) => one.start.toISOString().slice(8, 10)).join(' '));
}
END

{ v/bin/python t1.py; node t2.mjs; } > seen
cat seen
cat > want <<'END'
EXDATE;TZID=America/New_York:20270302T090000,20270303T030000
  recurring-ical-events 01 04
EXDATE;TZID=Europe/Berlin:20270302T090000
EXDATE;TZID=America/New_York:20270303T030000
  recurring-ical-events 01 04
node-ical, one line(s): 01 02 04
node-ical, two line(s): 01 04
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
