#!/usr/bin/env bash
# Babel calls Dublin's July "Greenwich Mean Time" and its January "Irish Standard Time"
# Guess: 13:00 at +01:00 in July is "Irish Standard Time" (that is what CLDR has as the daylight name of Europe/Dublin), and January,
#   at +00:00, "Greenwich Mean Time".
# Seen: Babel 2.19.0 has them the wrong way round, in every language, with zoneinfo and tzdata 2026f as with pytz 2026.6: tz data
#   says that Ireland's standard time is summer and that its winter is a *negative* saving (dst() is -1 h, which is true), so
#   Babel takes CLDR's daylight name in winter. The offset printed beside it is right. London is right.
#   Seen on 2026-11-29.
# So: every text with a written-out zone of Dublin names the other half of the year: an hour off for who goes by the name.
# Source: tzdata's main format ("negative DST") against CLDR, which is written for the rearguard format.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "babel==2.19.0" "tzdata==2026.6" "pytz==2026.6"

cat > t1.py <<'END'
from datetime import datetime, timezone
from zoneinfo import ZoneInfo
import pytz
from babel.dates import format_datetime, get_timezone_name

for month in (1, 7):
    moment = datetime(2027, month, 15, 12, tzinfo=timezone.utc)
    local, other = moment.astimezone(ZoneInfo("Europe/Dublin")), moment.astimezone(pytz.timezone("Europe/Dublin"))
    hours = local.dst().total_seconds() / 3600
    print(f"{local:%Y-%m-%d %H:%M %z %Z} dst {hours:+.0f} h | {get_timezone_name(local, locale='en')} | pytz: {get_timezone_name(other, locale='en')}"
          f" | {format_datetime(local, 'HH:mm zzzz', locale='de')}")
    print(f"{moment.astimezone(ZoneInfo('Europe/London')):%Y-%m-%d %H:%M %z %Z} London | {get_timezone_name(moment.astimezone(ZoneInfo('Europe/London')), locale='en')}")
END

v/bin/python t1.py > seen
cat seen
cat > want <<'END'
2027-01-15 12:00 +0000 GMT dst -1 h | Irish Standard Time | pytz: Irish Standard Time | 12:00 Irische Sommerzeit
2027-01-15 12:00 +0000 GMT London | Greenwich Mean Time
2027-07-15 13:00 +0100 IST dst +0 h | Greenwich Mean Time | pytz: Greenwich Mean Time | 13:00 Mittlere Greenwich-Zeit
2027-07-15 13:00 +0100 BST London | British Summer Time
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
