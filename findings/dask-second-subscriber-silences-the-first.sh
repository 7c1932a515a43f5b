#!/usr/bin/env bash
# Dask: a second subscribe_topic() on one topic takes the events away from the first handler, without a word
#
# Guess: subscribe_topic() adds a listener, as every publish/subscribe does: two handlers of one topic both hear each event.
# Seen:  distributed 2026.8.0, 2026-11-29: from the second call on the first handler hears nothing; no warning, no error.
#        unsubscribe_topic() names only the topic and so ends whichever handler is left. Two clients hear each event both.
#        A new subscriber hears nothing of what was logged before, although the scheduler keeps it: get_events() has it.
# So:    one handler a topic and client, which passes on to all who want it; history has to be asked for and joined by hand.
# Source: distributed/client.py (subscribe_topic: EventHandler, kept in a dict by topic)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "distributed==2026.8.0" "dask==2026.8.0"

cat > "$tmp/expected" <<'END'
one handler      first [2]
two handlers     first [2] second [3]
another client   first [2] second [3, 4] other [4]
unsubscribed     first [2] second [3, 4] other [4, 5]
the scheduler's  [1, 2, 3, 4, 5]
END

cat > "$tmp/probe.py" <<'END'
import time

from distributed import Client, LocalCluster

first, second, other, marks = [], [], [], []


def log(client, number):
    """Log an event and wait until every handler has had its chance, by a mark on the same streams."""
    client.log_event('lines', number)
    client.log_event('mark', number)
    end = time.monotonic() + 60
    while marks.count(number) < listeners and time.monotonic() < end:
        time.sleep(0.01)


if __name__ == '__main__':
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        with Client(cluster) as client, Client(cluster) as neighbour:
            listeners = 1
            client.subscribe_topic('mark', lambda event: marks.append(event[1]))
            log(client, 1)
            client.subscribe_topic('lines', lambda event: first.append(event[1]))
            log(client, 2)
            print('one handler      first', first)
            client.subscribe_topic('lines', lambda event: second.append(event[1]))
            log(client, 3)
            print('two handlers     first', first, 'second', second)
            neighbour.subscribe_topic('mark', lambda event: marks.append(event[1]))
            neighbour.subscribe_topic('lines', lambda event: other.append(event[1]))
            neighbour.log_event('ready', True)  # it comes behind the two subscriptions on the same stream
            while not client.get_events('ready'):
                time.sleep(0.01)
            listeners = 2
            log(client, 4)
            print('another client   first', first, 'second', second, 'other', other)
            client.unsubscribe_topic('lines')
            log(client, 5)
            print('unsubscribed     first', first, 'second', second, 'other', other)
            print("the scheduler's ", [event[1] for event in client.get_events('lines')])
END

cd "$tmp" && "$tmp/venv/bin/python" "$tmp/probe.py" 2>"$tmp/errors" | tee "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
