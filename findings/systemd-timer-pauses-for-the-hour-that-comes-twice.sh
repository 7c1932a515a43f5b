#!/usr/bin/env bash
# OnCalendar=*:0/30 pauses for 90 minutes once a year, and a timer for 02:30 leaves out a day
# Guess: a timer for every half hour fires every half hour, also in the night in which the clocks are put back, as cron does
#   for a line with a * (crontab(5)); and a daily one at 02:30 fires once on each day, if later where 02:30 does not exist.
# Seen: systemd-analyze calendar of systemd 252 (Debian 12) goes from 02:30 CEST straight to 03:00 CET: 90 minutes without a
#   start, since it counts wall times and each of them once. In spring, 02:30 is left out with its whole day. cronsim 2.8, which
#   follows Debian's cron, has both hours, and starts the daily line at 03:00 in spring.
#   Seen on 2026-11-30.
# So: who moves a job from cron to a timer gets other moments in two nights of the year; a zone at the end (OnCalendar=*:0/30
#   UTC) keeps the half hours.
# Source: systemd.time(7) says nothing of it; calendarspec.c (find_next, mktime of each candidate).
set -euo pipefail
export TZ=Europe/Berlin LANG=C.UTF-8 LC_ALL=C.UTF-8
command -v systemd-analyze > /dev/null || { echo 'It needs systemd-analyze.' >&2; exit 2; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "cronsim==2.8" "tzdata==2026.1"

by_systemd() {  # EXPRESSION SINCE COUNT
  systemd-analyze calendar --iterations="$3" --base-time="$2 UTC" "$1" |
    sed -n 's/^ *(in UTC): ... \(.*\):00 UTC$/\1/p' | paste -sd '|' | sed 's/|/, /g'
}
by_cron() {  # LINE SINCE COUNT
  v/bin/python - "$@" <<'END_OF_PYTHON'
import sys
from datetime import datetime, timezone
from itertools import islice
from zoneinfo import ZoneInfo
from cronsim import CronSim

since = datetime.fromisoformat(sys.argv[2]).replace(tzinfo=timezone.utc)
dues = islice(CronSim(sys.argv[1], since.astimezone(ZoneInfo('Europe/Berlin'))), int(sys.argv[3]))
print(', '.join(f'{due.astimezone(timezone.utc):%Y-%m-%d %H:%M}' for due in dues))
END_OF_PYTHON
}

{
  echo "systemd autumn: $(by_systemd '*:0/30' '2026-10-24 23:45:00' 5)"
  echo "cron    autumn: $(by_cron '*/30 * * * *' '2026-10-24 23:45:00' 5)"
  echo "in UTC  autumn: $(by_systemd '*:0/30 UTC' '2026-10-24 23:45:00' 5)"
  echo "systemd spring: $(by_systemd '02:30' '2027-03-27 12:00:00' 2)"
  echo "cron    spring: $(by_cron '30 2 * * *' '2027-03-27 12:00:00' 2)"
} | tee seen

cat > expected <<'END_OF_LINES'
systemd autumn: 2026-10-25 00:00, 2026-10-25 00:30, 2026-10-25 02:00, 2026-10-25 02:30, 2026-10-25 03:00
cron    autumn: 2026-10-25 00:00, 2026-10-25 00:30, 2026-10-25 01:00, 2026-10-25 01:30, 2026-10-25 02:00
in UTC  autumn: 2026-10-25 00:00, 2026-10-25 00:30, 2026-10-25 01:00, 2026-10-25 01:30, 2026-10-25 02:00
systemd spring: 2027-03-29 00:30, 2027-03-30 00:30
cron    spring: 2027-03-28 01:00, 2027-03-29 00:30
END_OF_LINES
if ! diff -u expected seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
