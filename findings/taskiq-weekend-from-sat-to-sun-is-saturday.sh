#!/usr/bin/env bash
# taskiq runs "0 9 * * SAT-SUN" on Saturdays only, and "0 9 * * 7" or "0 9 1 JAN *" never, without a word
#
# Guess: a schedule of taskiq is a line of cron, as croniter, cronsim and cron read it; what it can't read is an error
#        when the task is declared, or at least a warning when the scheduler starts.
# Seen:  taskiq 0.13.0 with pycron 3.3.0, croniter 7.0.0, 2026-12-01. Sunday is 0 and nothing else: 7 never comes, 6-7
#        and 5-7 end with Saturday, SAT-SUN too, and FRI-MON is Friday and Saturday. Names count in a range without a
#        step ("MON-FRI"), but "MON-FRI/2", names of months, "22-2" in the hours and "5/15" match no moment; declaring,
#        starting and running are silent. "@daily" and two spaces in a row are a warning, every second.
# So:    a backup "at the weekend" is one a week. Write SAT,SUN and numbers of months, and count the runs beforehand.
# Source: taskiq/cli/scheduler/run.py (is_cron_task_now), pycron/__init__.py (_parse_arg: continue, and range(6, 7))
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "taskiq==0.13.0" "pycron==3.3.0" "croniter==7.0.0"

cat > "$tmp/expected" <<'END'
0 9 * * MON-FRI    taskiq 261, croniter 261
0 9 * * SAT,SUN    taskiq 104, croniter 104
0 9 * * SAT-SUN    taskiq  52 (Sat), croniter 104
0 9 * * 6-7        taskiq  52 (Sat), croniter 104
0 9 * * FRI-MON    taskiq 105 (Fri Sat), croniter 209
0 9 * * 7          taskiq   0, croniter  52
0 9 * * MON-FRI/2  taskiq   0, croniter 157
0 9 1 JAN *        taskiq   0, croniter   1
0 22-2 * * *       taskiq   0, croniter 1825
5/15 9 * * *       taskiq   0, croniter 1460
@daily             taskiq warns, croniter 365
END

cat > "$tmp/probe.py" <<'END'
import asyncio
import logging
from datetime import UTC, datetime, timedelta

from croniter import croniter
from taskiq import InMemoryBroker, TaskiqScheduler
from taskiq.cli.scheduler import run
from taskiq.schedule_sources import LabelScheduleSource

START, END = datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
LINES = ('0 9 * * MON-FRI', '0 9 * * SAT,SUN', '0 9 * * SAT-SUN', '0 9 * * 6-7', '0 9 * * FRI-MON', '0 9 * * 7',
         '0 9 * * MON-FRI/2', '0 9 1 JAN *', '0 22-2 * * *', '5/15 9 * * *', '@daily')
warned = []


class Listen(logging.Handler):
    def emit(self, record):
        warned.append(record.getMessage())


logging.getLogger('taskiq').addHandler(Listen())
broker = InMemoryBroker()


async def main():
    for line in LINES:
        broker.register_task(lambda: None, task_name=line, schedule=[{'cron': line}])
    source = LabelScheduleSource(broker)
    await source.startup()
    loop = run.SchedulerLoop(TaskiqScheduler(broker, [source]))
    tasks = {task.task_name: task for task in await source.get_schedules()}
    assert not warned
    for line in LINES:
        runs, now = [], START
        while now < END and not warned:
            if loop._is_schedule_ready_to_send(tasks[line], now):
                runs.append(now)
            now += timedelta(minutes=1)
        days = ' '.join(dict.fromkeys(f'{one:%a}' for one in sorted(runs, key=datetime.weekday)))
        told = 'warns' if warned else f'{len(runs):3}' + (f' ({days})' if days in ('Sat', 'Fri Sat') else '')
        warned.clear()
        every = croniter(line, START - timedelta(seconds=1))
        count = 0
        while every.get_next(datetime) < END:
            count += 1
        print(f'{line:18} taskiq {told}, croniter {count:3}', flush=True)


asyncio.run(main())
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
