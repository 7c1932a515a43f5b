#!/usr/bin/env bash
# "10-10/5" in a crontab: minute 10 for one reader, 10, 15, 20, ... for another, an error for a third
#
# Guess: a step counts within its range (crontab(5): "ranges can include steps"), so a step that is longer than the range
#        leaves its first number, and all readers of cron expressions agree on that.
# Seen:  2026-11-29: crontab 1.0.5 fires once, at minute 10,. cronsim 2.8 takes a range of one number for
#        that number alone and reads 10-10/5 as 10/5: every five minutes to the end of the hour. APScheduler 3.11.3 refuses
#        it. A range of two ("22-23/4") is 22 for cronsim, and an error for APScheduler and crontab.
# So:    programs that write ranges with steps (a form with "from", "to" and "every") should write a lone number instead.
# Source: cronsim/cronsim.py (parse: len(items) == 1), apscheduler/triggers/cron/expressions.py (validate_range)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "cronsim==2.8" "apscheduler==3.11.3" \
  "crontab==1.0.5"

cat > "$tmp/expected" <<'END'
10-10/5 0 * * *  crontab      01 00:10, 02 00:10, 03 00:10
10-10/5 0 * * *  cronsim      01 00:10, 01 00:15, 01 00:20
10-10/5 0 * * *  APScheduler  ValueError
0 22-23/4 * * *  crontab      ValueError
0 22-23/4 * * *  cronsim      01 22:00, 02 22:00, 03 22:00
0 22-23/4 * * *  APScheduler  ValueError
END

cat > "$tmp/probe.py" <<'END'
from datetime import datetime, timedelta, timezone

from apscheduler.triggers.cron import CronTrigger
from cronsim import CronSim
from crontab import CronTab

START = datetime(2026, 11, 1, tzinfo=timezone.utc)


def by_crontab(text):
    found, now = [], START
    for _ in range(3):
        now += timedelta(seconds=CronTab(text).next(now=now, default_utc=True))
        found.append(now)
    return found


def by_cronsim(text):
    found = CronSim(text, START)
    return [next(found) for _ in range(3)]


def by_apscheduler(text):
    trigger = CronTrigger.from_crontab(text, timezone=timezone.utc)
    found = [trigger.get_next_fire_time(None, START)]
    for _ in range(2):
        found.append(trigger.get_next_fire_time(found[-1], found[-1]))
    return found


readers = {'crontab': by_crontab, 'cronsim': by_cronsim, 'APScheduler': by_apscheduler}
for text in ('10-10/5 0 * * *', '0 22-23/4 * * *'):
    for name, read in readers.items():
        try:
            answer = ', '.join(f'{due:%d %H:%M}' for due in read(text))
        except ValueError as error:
            answer = type(error).__name__
        print(f'{text}  {name:<11}  {answer}')
END

"$tmp/venv/bin/python" "$tmp/probe.py" | tee "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
