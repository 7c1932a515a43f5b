#!/usr/bin/env bash
# Dask: a task that is a coroutine runs on the worker's event loop and takes no thread, and still waits for a free one
#
# Guess: coroutines that only wait run side by side on the loop of a worker, however few threads it has: none of them
#        needs one.
# Seen:  distributed 2026.8.0, 2026-11-30: each coroutine counts as one of `nthreads` until it returns. On a worker with
#        one thread four that sleep half a second take two seconds, and a plain function waits behind them, while the
#        thread of the worker does nothing at all. With nthreads=4 they take half a second; no thread is used either.
# So:    give a worker as many threads as it may have coroutines, or send them as messages to the worker, not as tasks.
# Source: distributed/worker_state_machine.py (a running task counts, whatever runs it); distributed/worker.py (execute)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "distributed==2026.8.0" "dask==2026.8.0"

cat > "$tmp/expected" <<'END'
1 thread: at most 1 coroutine at a time, in the loop's thread: True
4 threads: at most 4 coroutines at a time, in the loop's thread: True
END

cat > "$tmp/probe.py" <<'END'
import asyncio
import threading

from distributed import Client, Scheduler, Worker

now = most = 0
threads = set()


async def waits(number):
    global now, most
    threads.add(threading.get_ident())
    now += 1
    most = max(most, now)
    await asyncio.sleep(0.3)
    now -= 1


async def main():
    global most
    for count in (1, 4):
        most = 0
        threads.clear()
        async with Scheduler(host='127.0.0.1', port=0, dashboard=False) as scheduler:
            async with Worker(scheduler.address, nthreads=count, dashboard=False):
                async with Client(scheduler.address, asynchronous=True) as client:
                    await client.gather(client.map(waits, range(4), pure=False))
        words = 'coroutine' if most == 1 else 'coroutines'
        name = 'thread' if count == 1 else 'threads'
        is_loop = threads == {threading.get_ident()}
        print(f"{count} {name}: at most {most} {words} at a time, in the loop's thread: {is_loop}")


asyncio.run(main())
END
# By reference, not by value: the counters are those of this module.
(cd "$tmp" && PYTHONPATH="$tmp" "$tmp/venv/bin/python" -c 'import probe' 2>/dev/null) > "$tmp/seen"
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen" && echo "As described."
