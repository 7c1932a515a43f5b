#!/usr/bin/env bash
# schedule: every().day.at('00:00', 'America/Santiago') runs at each look for an hour, the night after the clocks go on
#
# Guess: the day that has no 00:00 gets its run at 01:00, as a comment in schedule's source says of a gap ("1 offset
#        later"), or none. The next day has one at 00:00 again.
# Seen:  schedule 1.2.2, pytz 2026.6, 2026-12-01, whatever the zone of the machine: the run of the gap is an hour late,
#        as promised. For the one after it the time is put into the day of the gap, moved out of it and a day is added;
#        a last correction of the offset then moves it back by an hour. In Berlin that is a run at 01:30 beside the one
#        at 02:30, on the Monday, or on Sunday a week later. Where the gap is at midnight the corrected next_run isn't
#        after the present moment any more, and nothing looks again: each run_pending() runs the job, until midnight. In
#        the usual loop with sleep(1) these are 3,600 runs of a daily job in one night. 03:00 in Berlin runs once a day.
# So:    a nightly backup or mail for Chile, Egypt or Lebanon at 00:00 or 00:30 goes out thousands of times, a day after
#        the change, when nobody thinks of clocks any more.
# Source: schedule/__init__.py (_schedule_next_run, _move_to_at_time, _correct_utc_offset)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "schedule==1.2.2" "pytz==2026.6" "time-machine==3.6.0" \
  "tzdata==2026.6"

cat > "$tmp/expected" <<'END'
Berlin 02:30          27 02:30, 28 03:30, 29 01:30, 29 02:30, 30 02:30, 31 02:30
  Sundays             21 02:30, 28 03:30, 04 01:30, 04 02:30, 11 02:30
  at 03:00            27 03:00, 28 03:00, 29 03:00, 30 03:00, 31 03:00
Santiago 00:00        04 00:00, 05 01:00, 05 23:00 (60 runs), 06 00:00, 07 00:00, 08 00:00
  looked each second  05 23:00 (3600 runs), 06 00:00
Cairo 00:30           29 00:30, 30 01:30, 30 23:30 (30 runs), 01 00:00 (2 runs), 02 00:30, 03 00:30
END

cat > "$tmp/probe.py" <<'END'
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import schedule
import time_machine


def show(what, zone, first, days, at, unit='day', seconds=60):
    """Look for jobs once in so many seconds, for some days, and count the runs of each hour."""
    planner, runs, clock = schedule.Scheduler(), [], ZoneInfo(zone)
    now = datetime.fromisoformat(first).replace(tzinfo=clock).astimezone(UTC)
    end = now + timedelta(days=days)
    with time_machine.travel(now, tick=False) as traveller:
        getattr(planner.every(), unit).at(at, zone).do(lambda: runs.append(datetime.now(clock)))
        while now < end:
            traveller.move_to(now)
            planner.run_pending()
            now += timedelta(seconds=seconds)
    hours = Counter(f'{run:%d %H}' for run in runs)
    starts = {f'{run:%d %H}': f'{run:%d %H:%M}' for run in reversed(runs)}
    found = (starts[hour] + (f' ({count} runs)' if count > 1 else '') for hour, count in hours.items())
    print(f'{what:21}', ', '.join(found))


BERLIN, SANTIAGO = 'Europe/Berlin', 'America/Santiago'
show('Berlin 02:30', BERLIN, '2027-03-26 12:00', 5, '02:30')
show('  Sundays', BERLIN, '2027-03-20 12:00', 25, '02:30', 'sunday')
show('  at 03:00', BERLIN, '2027-03-26 12:00', 5, '03:00')
show('Santiago 00:00', SANTIAGO, '2027-09-03 12:00', 5, '00:00')
show('  looked each second', SANTIAGO, '2027-09-05 20:00', 1, '00:00', seconds=1)
show('Cairo 00:30', 'Africa/Cairo', '2027-04-28 12:00', 5, '00:30')
END

cd "$tmp"
PYTHONTZPATH='' "$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
