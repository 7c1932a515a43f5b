#!/usr/bin/env bash
# Dask: after a task of 0.3 and one of 0.1 of a GPU a worker never again starts one that asks for the whole GPU
#
# Guess: what a task took of a resource comes back when it ends, so an idle worker has all of its resources again; and
#        thirty tasks of 0.1 fit into 3.
# Seen:  distributed 2026.8.0, 2026-11-30: amounts are floats that are taken and given back one by one. 1 - 0.3 - 0.1
#        + 0.3 + 0.1 is 0.9999999999999999, for as long as the worker lives. A task of {'GPU': 1} is sent there and
#        stays "constrained", no error, no warning; the scheduler counts apart and has it as processing, with 1.0 used.
#        29 tasks of 0.1 run at once where 30 should, and 2 of 0.1 in 0.3. Quarters and halves are exact.
# So:    shares as whole numbers (GPU=100, 10 a task), or in binary fractions.
# Source: distributed/worker_state_machine.py (_acquire_resources, _release_resources, _resource_restrictions_satisfied)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "distributed==2026.8.0" "dask==2026.8.0"

cat > "$tmp/expected" <<'END'
new:                   1 free, the whole one: finished
after 0.25 and 0.5:    1.0 free, the whole one: finished
after 0.3 and 0.1:     0.9999999999999999 free, the whole one: pending (constrained; scheduler: 1.0 used)
in tenths of 3:        29 run at once
in tenths of 0.3:      2 run at once
END

cat > "$tmp/probe.py" <<'END'
import time
from pathlib import Path

from distributed import Client, LocalCluster


def hold(name, share):
    Path(f'has-{name}').touch()
    while not Path(f'let-{name}').exists():
        time.sleep(0.005)


def until(true):
    end = time.monotonic() + 60
    while not true() and time.monotonic() < end:
        time.sleep(0.01)


def free(client):
    return client.run(lambda dask_worker: dask_worker.state.available_resources['GPU']).popitem()[1]


def whole(client, what):
    left = free(client)
    future = client.submit(int, 1, key=f'whole {what}', resources={'GPU': 1})
    end = time.monotonic() + 3
    while future.status == 'pending' and time.monotonic() < end:
        time.sleep(0.01)
    rest = ''
    if future.status == 'pending':
        state = client.run(lambda dask_worker: dask_worker.state.tasks[f'whole {what}'].state).popitem()[1]
        used = client.run_on_scheduler(lambda dask_scheduler: [
            worker.used_resources['GPU'] for worker in dask_scheduler.workers.values()])
        rest = f' ({state}; scheduler: {used[0]} used)'
    print(f'{what + ":":22} {left} free, the whole one: {future.status}{rest}', flush=True)


def two(client, first, second, what):
    """One after the other they begin, and in the same order they end."""
    futures = []
    for name, share in (('a', first), ('b', second)):
        futures.append(client.submit(hold, what + name, share, resources={'GPU': share}))
        until(Path(f'has-{what}{name}').exists)
    for name, future in zip('ab', futures):
        Path(f'let-{what}{name}').touch()
        future.result(timeout=60)
    whole(client, what)


def at_once(client, total, share, number):
    names = [f'{total}-{index}' for index in range(number)]
    futures = [client.submit(hold, name, share, resources={'GPU': share}) for name in names]
    until(lambda: len(list(Path().glob(f'has-{total}-*'))) >= number - 1)
    time.sleep(1)
    print(f'in tenths of {total + ":":8}  {len(list(Path().glob(f"has-{total}-*")))} run at once', flush=True)
    for name in names:
        Path(f'let-{name}').touch()
    client.gather(futures)


def cluster(gpu):
    return LocalCluster(n_workers=1, threads_per_worker=32, processes=False, resources={'GPU': gpu},
                        dashboard_address=None, silence_logs=50)


if __name__ == '__main__':
    with cluster(1) as one, Client(one) as client:
        whole(client, 'new')
        two(client, 0.25, 0.5, 'after 0.25 and 0.5')
        two(client, 0.3, 0.1, 'after 0.3 and 0.1')
    for total in ('3', '0.3'):
        with cluster(float(total)) as one, Client(one) as client:
            at_once(client, total, 0.1, round(float(total) / 0.1))
END

cd "$tmp" && "$tmp/venv/bin/python" "$tmp/probe.py" 2>"$tmp/errors" | tee "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
