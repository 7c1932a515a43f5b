#!/usr/bin/env bash
# DuckDB: date_trunc('hour', ...) goes forward in the night of 25 hours: one hour has no rows, the next has twice its
#
# Guess: date_trunc never gives a later moment than it was given; the two hours called 02 of that night are told apart,
#        as TIMESTAMPTZ is a moment, or both go to the first of them.
# Seen:  DuckDB 2.0.1, Polars 2.1.0, 2026-11-30: in Europe/Berlin 00:30Z (02:30 summer time) is truncated to 01:00Z
#        (02:00 winter time), half an hour later. By hour, 02:00+02 is missing and 02:00+01 has 12 readings instead of
#        6. date_trunc('minute') of the same moments is right, and so are time_bucket(INTERVAL 1 HOUR) and Polars.
#        New York and London are the same. Lord Howe, where half an hour comes twice, goes the other way: the second
#        one joins the first, as one would expect.
# So:    an hourly report doubles one hour a year and leaves out another, with the right sum; a reading "belongs" to an
#        hour that begins after it, so `WHERE t >= hour` in a join drops it.
# Source: ICU's calendar with the default for repeated wall times, which takes the last one (UCAL_WALLTIME_LAST)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "duckdb==2.0.1" "polars==2.1.0" "tzdata==2026.6"

cat > "$tmp/expected" <<'END'
00:30Z in Berlin: hour 02:00:00+01 (later: True), minute 02:30:00+02, bucket 02:00:00+02
Europe/Berlin       date_trunc   01:00:00+02 6, 02:00:00+01 12, 03:00:00+01 6
                    time_bucket  01:00:00+02 6, 02:00:00+02 6, 02:00:00+01 6, 03:00:00+01 6
America/New_York    date_trunc   00:00:00-04 6, 01:00:00-05 12, 02:00:00-05 6
                    time_bucket  00:00:00-04 6, 01:00:00-04 6, 01:00:00-05 6, 02:00:00-05 6
Polars, Berlin      truncate     01:00+0200 6, 02:00+0200 6, 02:00+0100 6, 03:00+0100 6
END

cat > "$tmp/probe.py" <<'END'
from collections import Counter
from datetime import datetime

import duckdb
import polars

db = duckdb.connect()
db.execute("SET TimeZone = 'Europe/Berlin'")
moment = "TIMESTAMPTZ '2027-10-31 00:30:00Z'"
print('00:30Z in Berlin: hour {} (later: {}), minute {}, bucket {}'.format(*db.execute(f"""
    SELECT (date_trunc('hour', {moment})::VARCHAR)[12:], date_trunc('hour', {moment}) > {moment},
    (date_trunc('minute', {moment})::VARCHAR)[12:],
    (time_bucket(INTERVAL 1 HOUR, {moment})::VARCHAR)[12:]""").fetchone()))
for zone, start in (('Europe/Berlin', '2027-10-30 23:00Z'), ('America/New_York', '2027-11-07 04:00Z')):
    db.execute(f"SET TimeZone = '{zone}'")
    for name, hour in (('date_trunc', "date_trunc('hour', t)"), ('time_bucket', 'time_bucket(INTERVAL 1 HOUR, t)')):
        rows = db.execute(f"""SELECT ({hour}::VARCHAR)[12:], count(*) FROM (
            SELECT TIMESTAMPTZ '{start}' + to_minutes(10 * i) AS t FROM range(24) g(i))
            GROUP BY {hour} ORDER BY {hour}""")
        label = zone if name == 'date_trunc' else ''
        print(f'{label:20}{name:12}', ', '.join(f'{hour} {count}' for hour, count in rows.fetchall()))
start, end = datetime(2027, 10, 30, 23), datetime(2027, 10, 31, 2, 50)
times = polars.datetime_range(start, end, '10m', time_zone='UTC', eager=True).dt.convert_time_zone('Europe/Berlin')
hours = Counter(f'{t:%H:%M%z}' for t in times.dt.truncate('1h'))
print('Polars, Berlin      truncate    ', ', '.join(f'{hour} {count}' for hour, count in hours.items()))
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
