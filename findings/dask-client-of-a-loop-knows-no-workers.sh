#!/usr/bin/env bash
# Dask: an asynchronous client is connected, its tasks run, and client.scheduler_info() says that there are no workers
#
# Guess: scheduler_info() returns what the scheduler last said of itself, as with a client in a thread: all workers.
# Seen:  distributed 2026.8.0, 2026-11-30: with asynchronous=True it lists 0 workers right after connecting, and still when
#        tasks have run on one: it returns what came with the connection, where workers are left out, and refreshes only
#        in a client that may wait, as its documentation hints. n_workers=-1 changes nothing.
#        `await client.scheduler.identity()` has them.
# So:    in asynchronous code ask the scheduler itself.
# Source: distributed/client.py (scheduler_info: the refresh is under `if not self.asynchronous`)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "distributed==2026.8.0" "dask==2026.8.0"

cat > "$tmp/expected" <<'END'
asynchronous, connected     0 workers
asynchronous, after a task  0 workers
asked for all               0 workers
the scheduler itself        1 worker
in a thread                 1 worker
END

cat > "$tmp/probe.py" <<'END'
import asyncio

from distributed import Client, Scheduler, Worker


def say(name, info):
    count = len(info['workers'])
    print(f'{name:27} {count} worker{"s" * (count != 1)}', flush=True)


def in_a_thread(address):
    with Client(address) as client:
        say('in a thread', client.scheduler_info())


async def main():
    async with Scheduler(host='127.0.0.1', port=0, dashboard=False) as scheduler:
        async with Worker(scheduler.address, nthreads=1, dashboard=False):
            async with Client(scheduler.address, asynchronous=True) as client:
                say('asynchronous, connected', client.scheduler_info())
                await client.submit(abs, -1)
                say('asynchronous, after a task', client.scheduler_info())
                say('asked for all', client.scheduler_info(n_workers=-1))
                say('the scheduler itself', await client.scheduler.identity())
            await asyncio.to_thread(in_a_thread, scheduler.address)


asyncio.run(main())
END
"$tmp/venv/bin/python" "$tmp/probe.py" 2>/dev/null > "$tmp/seen" || true
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen" && echo "As described."
