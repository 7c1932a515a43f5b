#!/usr/bin/env bash
# Dask: "gracefully" retiring a busy worker starts its running task a second time elsewhere, retries=0 or not
#
# Guess: Client.retire_workers() takes no new work to that worker and waits for what runs there, as a drain does;
#        at least a task of retries=0 is started once as long as nothing fails.
# Seen:  distributed 2026.8.0, 2026-11-29: the call returns at once. The task that runs on the retired worker is given to
#        another worker and started there too, while the first one goes on; both come to their end and do what they do.
#        One result is kept, the other execution leaves no trace: no retry, no error, no entry in `Client.retired`.
# So:    retiring is for data, not for tasks with effects. Who drains a machine must wait until it is idle, then retire it.
# Source: distributed/scheduler.py (retire_workers, remove_worker: processing tasks are released and sent on)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "distributed==2026.8.0" "dask==2026.8.0"

cat > "$tmp/expected" <<'END'
before retiring: started 1, ended 0
after retiring:  started 2, ended 0
in the end:      started 2, ended 2, on 2 workers, status finished
END

cat > "$tmp/probe.py" <<'END'
import os
import time
from pathlib import Path

from distributed import Client, LocalCluster

NOTES = Path('notes').absolute()
NOTES.mkdir(exist_ok=True)


def work():
    (NOTES / f'started-{os.getpid()}').touch()
    while not (NOTES / 'go').exists():
        time.sleep(0.01)
    (NOTES / f'ended-{os.getpid()}').touch()


def count(kind):
    return len(list(NOTES.glob(f'{kind}-*')))


def until(kind, number):
    end = time.monotonic() + 60
    while count(kind) < number and time.monotonic() < end:
        time.sleep(0.01)


if __name__ == '__main__':
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        with Client(cluster) as client:
            future = client.submit(work, pure=False, retries=0)
            until('started', 1)
            print(f'before retiring: started {count("started")}, ended {count("ended")}')
            busy = [worker for worker, tasks in client.processing().items() if tasks]
            client.retire_workers(busy, close_workers=False)
            until('started', 2)
            print(f'after retiring:  started {count("started")}, ended {count("ended")}')
            (NOTES / 'go').touch()
            future.result(timeout=60)
            until('ended', 2)
            print(f'in the end:      started {count("started")}, ended {count("ended")},'
                  f' on {count("ended")} workers, status {future.status}')
END

cd "$tmp" && "$tmp/venv/bin/python" "$tmp/probe.py" 2>"$tmp/errors" | tee "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
