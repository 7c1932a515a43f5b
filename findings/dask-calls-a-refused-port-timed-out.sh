#!/usr/bin/env bash
# Dask: a port at which nothing listens, and a name that no machine has, are both "timed out", after the whole time
#
# Guess: connect() fails at once, with ConnectionRefusedError or the error of the resolver, as the system says it.
# Seen:  distributed 2026.8.0, 2026-11-30: it tries again and again until `timeout` is over (2 s here, 30 s by default)
#        and then raises OSError without a number: "Timed out trying to connect to ...". What the system had said is at
#        best its cause, and often not even that: the last try is cut short by the end of the time, so that the cause is
#        a bare TimeoutError. By the error a firewall, a stopped scheduler and a mistyped name cannot be told apart.
# So:    knock with a plain connection first, which tells the reason in milliseconds; then let Dask connect.
# Source: distributed/comm/core.py (connect: OSError of any kind is caught, and tried again with a growing pause)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "distributed==2026.8.0" "dask==2026.8.0"

cat > "$tmp/expected" <<'END'
nothing listens  Dask    OSError, errno None, 'Timed out trying to connect', after the whole time
nothing listens  socket  ConnectionRefusedError, errno 111, 'Connect call failed', at once
no such machine  Dask    OSError, errno None, 'Timed out trying to connect', after the whole time
no such machine  socket  gaierror
END

cat > "$tmp/probe.py" <<'END'
import asyncio
import socket
import time

from distributed.comm import connect

SECONDS = 2


async def tried(work):
    begun = time.monotonic()
    try:
        await work
    except OSError as error:
        when = 'after the whole time' if time.monotonic() - begun >= SECONDS * 0.9 else 'at once'
        return error, when


def told(error, when):
    words = next(part for part in ('Timed out trying to connect', 'Connect call failed') if part in str(error))
    return f'{type(error).__name__}, errno {error.errno}, {words!r}, {when}'


async def main():
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    print('nothing listens  Dask   ', told(*await tried(connect(f'tcp://127.0.0.1:{port}', timeout=SECONDS))))
    print('nothing listens  socket ', told(*await tried(asyncio.open_connection('127.0.0.1', port))))
    print('no such machine  Dask   ', told(*await tried(connect('tcp://nobody.invalid:8786', timeout=SECONDS))))
    error, _when = await tried(asyncio.open_connection('nobody.invalid', 8786))
    print('no such machine  socket ', type(error).__name__)


asyncio.run(main())
END
"$tmp/venv/bin/python" "$tmp/probe.py" 2>/dev/null > "$tmp/seen" || true
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen" && echo "As described."
