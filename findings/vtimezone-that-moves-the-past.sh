#!/usr/bin/env bash
# timezones-ical-library's VTIMEZONE for Vancouver moves every winter before 2026 by an hour
# Guess: a VTIMEZONE made in 2026 has the last change or at least the rules before it: January 2026 was -08:00, July 2026 in Casablanca +01:00.
# Seen: timezones-ical-library 2.3.2 gives one block each, standard time from 1970 on: -07:00 for Vancouver, +00:00 for
#   Casablanca. ical.js 2.2.1 then reads 09:00 on 15 January 2026 in Vancouver as 16:00Z (it was 17:00Z, as moment-timezone
#   0.6.6 says), and 15 July 2026 in Casablanca as 09:00Z (08:00Z). Only dates after the change are right. Winnipeg, whose
#   law came after the package's data (July 2026), is right in the past and an hour off from now on. Seen on 2026-11-29.
# So: an exported history of runs, or a series that began before the change, shifts by an hour when it is read back.
# Source: RFC 5545 3.6.5: the VTIMEZONE must cover the instants used; the library is the one that ical-generator's README names.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix "$tmp" "timezones-ical-library@2.3.2" "ical.js@2.2.1" "moment-timezone@0.6.6" >/dev/null

cat > t1.mjs <<'END'
import ICAL from 'ical.js';
import moment from 'moment-timezone';
import { tzlib_get_ical_block } from 'timezones-ical-library';
for (const [zone, days] of [['America/Vancouver', ['2026-01-15', '2027-01-15']], ['Africa/Casablanca', ['2026-07-15', '2027-07-15']],
  ['America/Edmonton', ['2026-01-15', '2027-01-15']], ['America/Winnipeg', ['2026-01-15', '2027-01-15']]]) {
  const block = tzlib_get_ical_block(zone)[0];
  const parts = block.match(/BEGIN:(STANDARD|DAYLIGHT)/g).length;
  const read = new ICAL.Timezone(new ICAL.Component(ICAL.parse(block)));
  for (const day of days) {
    const at = ICAL.Time.fromDateTimeString(day + 'T09:00:00');
    at.zone = read;
    console.log(zone.padEnd(18), parts, day, '09:00 | VTIMEZONE', at.toJSDate().toISOString().slice(11, 16) + 'Z | moment',
      moment.tz(day + 'T09:00:00', zone).toISOString().slice(11, 16) + 'Z');
  }
}
END

node t1.mjs > seen
cat seen
cat > want <<'END'
America/Vancouver  1 2026-01-15 09:00 | VTIMEZONE 16:00Z | moment 17:00Z
America/Vancouver  1 2027-01-15 09:00 | VTIMEZONE 16:00Z | moment 16:00Z
Africa/Casablanca  1 2026-07-15 09:00 | VTIMEZONE 09:00Z | moment 08:00Z
Africa/Casablanca  1 2027-07-15 09:00 | VTIMEZONE 09:00Z | moment 09:00Z
America/Edmonton   1 2026-01-15 09:00 | VTIMEZONE 15:00Z | moment 16:00Z
America/Edmonton   1 2027-01-15 09:00 | VTIMEZONE 15:00Z | moment 15:00Z
America/Winnipeg   2 2026-01-15 09:00 | VTIMEZONE 15:00Z | moment 15:00Z
America/Winnipeg   2 2027-01-15 09:00 | VTIMEZONE 15:00Z | moment 14:00Z
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
