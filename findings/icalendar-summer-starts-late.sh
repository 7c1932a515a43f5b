#!/usr/bin/env bash
# icalendar's VTIMEZONE lets summer time begin an hour late: 03:00 where RFC 5545 wants 02:00
# Guess: Timezone.from_tzinfo() writes the onset in the wall time before the change (RFC 5545 3.6.5: New York's DAYLIGHT starts at
#   020000 with TZOFFSETFROM -0500), as it does for the autumn.
# Seen: icalendar 7.3.2 writes 030000 for New York and Berlin (020000 is right), 020000 for London (010000), while TZOFFSETFROM
#   is the winter offset: the onset instant is one hour after the real one. dateutil's tzical, going from UTC, then shows 07:30Z on 14
#   March 2027 as 02:30, a time that does not exist, instead of 03:30. Autumn onsets are right. Seen on 2026-11-29.
# So: anything between 02:00 and 03:00 standard time on the day of the change is an hour off in readers that trust the VTIMEZONE.
# Source: RFC 5545 3.6.5 (examples for America/New_York); icalendar/cal/timezone.py, from_tzinfo appends the first moment after.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "icalendar==7.3.2" "tzdata==2026.6" "python-dateutil==2.9.0.post0"

cat > t1.py <<'END'
import io
from datetime import datetime, timezone
from zoneinfo import ZoneInfo
from dateutil.tz import tzical
from icalendar import Calendar, Timezone

for name, instant in (("America/New_York", (2027, 3, 14, 7, 30)), ("Europe/Berlin", (2027, 3, 28, 1, 30)), ("Europe/London", (2027, 3, 28, 1, 30))):
    zone = Timezone.from_tzinfo(ZoneInfo(name))
    for part in zone.subcomponents:
        for line in part.get("RDATE", []) and [part["RDATE"]]:
            for moment in line.dts:
                if moment.dt.year == 2027:
                    print(f"{name:17} {part.name:8} {moment.dt:%Y%m%dT%H%M%S} from {part['TZOFFSETFROM'].to_ical()}")
    calendar = Calendar()
    calendar.add_component(zone)
    read = tzical(io.StringIO(calendar.to_ical().decode())).get()
    moment = datetime(*instant, tzinfo=timezone.utc)
    print(f"{name:17} {moment:%H:%MZ} is {moment.astimezone(ZoneInfo(name)):%H:%M %Z}, read back {moment.astimezone(read):%H:%M %Z}")
END

v/bin/python t1.py > seen
cat seen
cat > want <<'END'
America/New_York  DAYLIGHT 20270314T030000 from -0500
America/New_York  STANDARD 20271107T020000 from -0400
America/New_York  07:30Z is 03:30 EDT, read back 02:30 EST
Europe/Berlin     DAYLIGHT 20270328T030000 from +0100
Europe/Berlin     STANDARD 20271031T030000 from +0200
Europe/Berlin     01:30Z is 03:30 CEST, read back 02:30 CET
Europe/London     STANDARD 20271031T020000 from +0100
Europe/London     DAYLIGHT 20270328T020000 from +0000
Europe/London     01:30Z is 02:30 BST, read back 01:30 GMT
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
