#!/usr/bin/env bash
# croniter: "0 3-3 * * *" is not daily at 03:00, it is every hour; "5-5" is every minute
#
# Guess: a range whose ends are equal is that number, as for cron itself (crontab(5): ranges are inclusive) and for the
#        other readers.
# Seen:  croniter 6.2.4 and 7.0.0, 2026-11-29: it takes the range for one that runs around the clock and back to where it
#        began, in each of the five fields: "0 0 * * 1-1", Mondays, is every day. With a step it is that step over the
#        whole field: "10-10/5" is */5. Unequal ends are right, and so are those that wrap ("22-2"). cronsim 2.8,
#        crontab 1.0.5 and APScheduler 3.11.3 read one number.
# So:    a form that offers "from" and "to" makes 24 runs of one as soon as a person chooses the same hour twice.
# Source: croniter/croniter.py (ranges with low >= high are filled around the end of the field)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

cat > "$tmp/expected" <<'END'
croniter 6.2.4    0 3-3 * * *  01 01:00, 01 02:00, 01 03:00
croniter 6.2.4    5-5 * * * *  01 00:01, 01 00:02, 01 00:03
croniter 6.2.4    0 0 * * 1-1  02 00:00, 03 00:00, 04 00:00
croniter 6.2.4    0 3-4 * * *  01 03:00, 01 04:00, 02 03:00
croniter 7.0.0    0 3-3 * * *  01 01:00, 01 02:00, 01 03:00
croniter 7.0.0    5-5 * * * *  01 00:01, 01 00:02, 01 00:03
croniter 7.0.0    0 0 * * 1-1  02 00:00, 03 00:00, 04 00:00
croniter 7.0.0    0 3-4 * * *  01 03:00, 01 04:00, 02 03:00
cronsim 2.8       0 3-3 * * *  01 03:00, 02 03:00, 03 03:00
cronsim 2.8       5-5 * * * *  01 00:05, 01 01:05, 01 02:05
cronsim 2.8       0 0 * * 1-1  02 00:00, 09 00:00, 16 00:00
cronsim 2.8       0 3-4 * * *  01 03:00, 01 04:00, 02 03:00
END

cat > "$tmp/probe.py" <<'END'
import sys
from datetime import datetime, timezone
from importlib.metadata import version

name = sys.argv[1]
START = datetime(2026, 11, 1, tzinfo=timezone.utc)
for text in ('0 3-3 * * *', '5-5 * * * *', '0 0 * * 1-1', '0 3-4 * * *'):
    if name == 'croniter':
        from croniter import croniter

        found = croniter(text, START)
        dues = [found.get_next(datetime) for _ in range(3)]
    else:
        from cronsim import CronSim

        found = CronSim(text, START)
        dues = [next(found) for _ in range(3)]
    print(f'{name} {version(name)}'.ljust(16), text, ', '.join(f'{due:%d %H:%M}' for due in dues), sep='  ')
END

for package in croniter==6.2.4 croniter==7.0.0 cronsim==2.8; do
  python3 -m venv "$tmp/$package"
  "$tmp/$package/bin/pip" install -qq --disable-pip-version-check "$package"
  "$tmp/$package/bin/python" "$tmp/probe.py" "${package%%==*}"
done | tee "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
