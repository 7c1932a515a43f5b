#!/usr/bin/env bash
# moment-timezone says it is summer time in Vancouver in December 2026, but not in January 2027
# Guess: with tzdata 2026f Vancouver stays at -07:00 for good and the zone's own flag turns to standard (MST) on 1 November 2026;
#   isDST() in December says false, as Python's dst() says 0.
# Seen: moment-timezone 0.6.6 (data 2026f) says true for 15 December 2026 in Vancouver, Edmonton, Winnipeg, and false a
#   month later, with the same offset and the same abbreviation. Its data has no flag: isDST() compares with 1 January and
#   1 June of the same calendar year. Morocco, back from +01:00 to +00:00 in September, is false throughout.
#   Seen on 2026-11-29.
# So: "summer time" badges, hour corrections and warnings about clock changes are wrong for the last two months of 2026 in Canada.
# Source: moment's isDaylightSavingTime(); tzdata 2026 news for British Columbia, Alberta, Manitoba.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "tzdata==2026.6"
npm install --silent --no-audit --no-fund --prefix "$tmp" "moment-timezone@0.6.6" >/dev/null

cat > t1.py <<'END'
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

for zone in ("America/Vancouver", "America/Edmonton", "America/Winnipeg"):
    for day in ((2026, 10, 15), (2026, 12, 15), (2027, 1, 15)):
        moment = datetime(*day, 20, tzinfo=timezone.utc).astimezone(ZoneInfo(zone))
        print(f"zoneinfo {zone:17} {moment:%Y-%m-%d %z %Z}", bool(moment.dst()))
END

cat > t2.mjs <<'END'
import moment from 'moment-timezone';
for (const zone of ['America/Vancouver', 'America/Edmonton', 'America/Winnipeg'])
  for (const day of ['2026-10-15', '2026-12-15', '2027-01-15']) {
    const at = moment.tz(day + 'T20:00:00Z', zone);
    console.log('moment  ', zone.padEnd(17), at.format('YYYY-MM-DD ZZ z'), at.isDST());
  }
END

{ v/bin/python t1.py; node t2.mjs; } > seen
cat seen
cat > want <<'END'
zoneinfo America/Vancouver 2026-10-15 -0700 PDT True
zoneinfo America/Vancouver 2026-12-15 -0700 MST False
zoneinfo America/Vancouver 2027-01-15 -0700 MST False
zoneinfo America/Edmonton  2026-10-15 -0600 MDT True
zoneinfo America/Edmonton  2026-12-15 -0600 CST False
zoneinfo America/Edmonton  2027-01-15 -0600 CST False
zoneinfo America/Winnipeg  2026-10-15 -0500 CDT True
zoneinfo America/Winnipeg  2026-12-15 -0500 EST False
zoneinfo America/Winnipeg  2027-01-15 -0500 EST False
moment   America/Vancouver 2026-10-15 -0700 PDT true
moment   America/Vancouver 2026-12-15 -0700 MST true
moment   America/Vancouver 2027-01-15 -0700 MST false
moment   America/Edmonton  2026-10-15 -0600 MDT true
moment   America/Edmonton  2026-12-15 -0600 CST true
moment   America/Edmonton  2027-01-15 -0600 CST false
moment   America/Winnipeg  2026-10-15 -0500 CDT true
moment   America/Winnipeg  2026-12-15 -0500 EST true
moment   America/Winnipeg  2027-01-15 -0500 EST false
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
