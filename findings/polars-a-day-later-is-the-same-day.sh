#!/usr/bin/env bash
# Polars: a day after 4 September 2027, 00:30, in Santiago is 4 September, 23:30; the 5th is in no daily range
#
# Guess: "1d" is a calendar day, as Polars says; where the wall time doesn't exist on that day it is moved on (to
#        01:30), as by Python, java.time and RFC 5545, or is an error, as in replace_time_zone(). The date is the next.
# Seen:  Polars 2.1.0, pandas 3.1.1, 2026-11-30: offset_by('1d') and datetime_range() move it back by the gap. In Chile,
#        where clocks go from 00:00 to 01:00, that is the day before: two rows of the 4th, none of the 5th. In Berlin
#        02:30 becomes 01:30, 23 hours after the last. replace_time_zone() of the same wall time is an error. pandas
#        says 00:30 of the 5th with the offset of winter: the right moment, shown as a wall time that never was.
# So:    a count by day misses one each spring, and what is due "a day later" comes an hour early, on the same date.
# Source: Polars, offset_by and datetime_range for a time zone; zoneinfo (PEP 495: a time in a gap, fold 0)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC PYTHONTZPATH=
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "polars==2.1.0" "pandas==3.1.1" "tzdata==2026.6"

cat > "$tmp/expected" <<'END'
America/Santiago
  Polars, 1d     04 23:30-0400
  Polars, range  04 00:30-0400, 04 23:30-0400, 06 00:30-0300, 07 00:30-0300
  a row a day    2027-09-04: 2, 2027-09-06: 1, 2027-09-07: 1
  read as such   error
  pandas, a day  05 00:30-0400, read back: 05 01:30-0300
  Python         05 01:30-0300
Europe/Berlin
  Polars, 1d     28 01:30+0100
  Polars, range  27 02:30+0100, 28 01:30+0100, 29 02:30+0200, 30 02:30+0200
  a row a day    2027-03-27: 1, 2027-03-28: 1, 2027-03-29: 1, 2027-03-30: 1
  read as such   error
  pandas, a day  28 02:30+0100, read back: 28 03:30+0200
  Python         28 03:30+0200
END

cat > "$tmp/probe.py" <<'END'
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas
import polars


def attempt(call):
    try:
        return f'{call():%d %H:%M%z}'
    except (polars.exceptions.PolarsError, ValueError):
        return 'error'


for name, start in (('America/Santiago', datetime(2027, 9, 4, 0, 30)), ('Europe/Berlin', datetime(2027, 3, 27, 2, 30))):
    zone, day = ZoneInfo(name), timedelta(days=1)
    print(name)
    first = polars.Series([start]).dt.replace_time_zone(name)
    print('  Polars, 1d    ', attempt(lambda: first.dt.offset_by('1d')[0]))
    days = polars.datetime_range(start, start + 3 * day, '1d', time_zone=name, eager=True)
    print('  Polars, range ', ', '.join(f'{one:%d %H:%M%z}' for one in days))
    print('  a row a day   ', ', '.join(f'{date}: {count}' for date, count in Counter(days.dt.date()).items()))
    print('  read as such  ', attempt(lambda: polars.Series([start + day]).dt.replace_time_zone(name)[0]))
    later = pandas.Timestamp(start, tz=name) + pandas.DateOffset(days=1)
    again = attempt(lambda: pandas.Timestamp(later.tz_localize(None)).tz_localize(name))
    print('  pandas, a day ', f'{later:%d %H:%M%z}, read back: {again}')
    python = (start.replace(tzinfo=zone) + day).astimezone(UTC).astimezone(zone)
    print('  Python        ', f'{python:%d %H:%M%z}')
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
